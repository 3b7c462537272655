//! The body of a request, which is given up when nothing arrives.

use axum::BoxError;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A body that sends nothing for so long is given up. Longer than a form of files has (20 s), which can say so
/// to the worker.
const STALL: Duration = Duration::from_secs(30);
/// The same from the moment when the process ends: of what has not arrived nothing was done, so the client can
/// ask another process.
const STALL_AT_END: Duration = Duration::from_secs(5);

/// Why the rest of a body is not read.
#[derive(Debug)]
struct Stalled;

impl std::fmt::Display for Stalled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the body has stopped arriving")
    }
}

impl std::error::Error for Stalled {}

/// A body whose bytes are waited for, for a limited time each.
pub(super) struct Patient<B> {
    body: B,
    stop: CancellationToken,
    /// Begins when bytes are waited for, and ends when some arrive.
    patience: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    given_up: bool,
}

impl<B> Patient<B> {
    /// Limits a body; `stop` is when the process ends.
    pub(super) fn new(body: B, stop: CancellationToken) -> Self {
        Self { body, stop, patience: None, given_up: false }
    }
}

/// Ends when patience does.
async fn patience(stop: CancellationToken) {
    let at_end = async {
        stop.cancelled().await;
        sleep(STALL_AT_END).await;
    };
    tokio::select! {
        () = sleep(STALL) => (),
        () = at_end => (),
    }
}

impl<B> Body for Patient<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.given_up {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.patience = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let stop = &this.stop;
        let waiting = this.patience.get_or_insert_with(|| Box::pin(patience(stop.clone())));
        ready!(waiting.as_mut().poll(cx));
        this.given_up = true;
        Poll::Ready(Some(Err(Stalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.given_up || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::{Patient, STALL, STALL_AT_END};
    use bytes::Bytes;
    use http_body_util::BodyExt;
    use http_body_util::channel::Channel;
    use std::convert::Infallible;
    use tokio::time::{Instant, advance};
    use tokio_util::sync::CancellationToken;

    type Open = Channel<Bytes, Infallible>;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_given_up_and_one_that_is_slow_is_not() {
        let (mut client, body) = Open::new(1);
        let mut body = Patient::new(body, CancellationToken::new());
        for _ in 0..3 {
            let (sent, frame) = tokio::join!(
                async {
                    tokio::time::sleep(STALL / 2).await;
                    client.send_data(Bytes::from_static(b"x")).await
                },
                body.frame(),
            );
            sent.expect("the body is read");
            assert!(frame.expect("a frame").is_ok());
        }
        let began = Instant::now();
        assert!(body.frame().await.expect("an error").is_err());
        assert_eq!(began.elapsed().as_secs(), STALL.as_secs());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_patience_is_short() {
        let (_client, body) = Open::new(1);
        let stop = CancellationToken::new();
        let mut body = Patient::new(body, stop.clone());
        let began = Instant::now();
        let (frame, ()) = tokio::join!(body.frame(), async {
            advance(STALL / 2).await;
            stop.cancel();
        });
        assert!(frame.expect("an error").is_err());
        assert_eq!(began.elapsed().as_secs(), (STALL / 2 + STALL_AT_END).as_secs());
    }
}
