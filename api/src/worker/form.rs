//! A multipart form on its way in. The parser takes everything that the socket has before it looks at
//! it, so it is given the body in portions: a client that sends no part, or only the beginning of one,
//! is refused before it has filled the memory. A body that stops is given up.

use crate::error::ApiError;
use axum::BoxError;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use firsthand_domain::media::MediaClass;
use futures_util::Stream;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep, timeout};

/// Most files in one form.
pub(super) const MOST_FILES: usize = 5;
/// Most parts in one form. What the parser holds grows by up to a portion with each.
const MOST_PARTS: usize = 32;
/// What the parser is given at a time.
const PORTION: usize = 128 * 1_024;
/// What it is given between two parts: boundary and headers, or what stands before the first.
const MOST_BETWEEN: usize = 64 * 1_024;
/// How often it may look at that once more. It asks for more before it looks, twice before the first part.
const MOST_LOOKS: u8 = 3;
/// A body that sends nothing for so long is given up.
const STALL: Duration = Duration::from_secs(20);

/// What is read of a form that is refused: more than the largest image and sound.
const MOST_DRAINED: usize = 128 * 1_024 * 1_024;
const LONGEST_DRAIN: Duration = Duration::from_secs(15);
/// Who has sent nothing for so long is waiting for the answer.
const PAUSE: Duration = Duration::from_secs(3);

/// Returns the largest body that a form may have: so many of the largest files, and what is around them.
pub(super) fn most_bytes() -> usize {
    let file = usize::try_from(MediaClass::Video.max_bytes()).unwrap_or(usize::MAX);
    file.saturating_mul(MOST_FILES).saturating_add(MOST_PARTS * PORTION)
}

/// Why the rest of a body is not read.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Trouble {
    #[error("{MOST_BETWEEN} bytes are no boundary and no headers of a part")]
    NoPart,
    #[error("nothing arrived for {} s", STALL.as_secs())]
    Stalled,
}

/// A body, and how far the parser got with it.
#[derive(Debug)]
struct Feed {
    body: BodyDataStream,
    /// What arrived and was not handed over yet.
    rest: Bytes,
    ended: bool,
    /// What was handed over of this portion.
    portion: usize,
    /// Whether the parser is inside of a part.
    inside: bool,
    /// What was handed over since the last part.
    between: usize,
    looks: u8,
    patience: Option<Pin<Box<Sleep>>>,
    trouble: Option<Trouble>,
}

impl Feed {
    fn fail(&mut self, trouble: Trouble) -> BoxError {
        self.trouble = Some(trouble);
        trouble.into()
    }

    /// Waits for bytes, for a limited time.
    fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(arrived) = Pin::new(&mut self.body).poll_next(cx) {
            self.patience = None;
            self.ended = !matches!(arrived, Some(Ok(_)));
            return Poll::Ready(arrived.map(|bytes| bytes.map_err(BoxError::from)));
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(patience.as_mut().poll(cx));
        self.ended = true;
        Poll::Ready(Some(Err(self.fail(Trouble::Stalled))))
    }

    fn room(&self) -> usize {
        let room = PORTION.saturating_sub(self.portion);
        if self.inside { room } else { room.min(MOST_BETWEEN.saturating_sub(self.between)) }
    }

    /// Hands bytes to the parser. It asks until it is told that there are none for now, so it is told
    /// so after each portion, and woken at once.
    fn poll_portion(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let room = self.room();
        if room == 0 {
            self.portion = 0;
            if !self.inside && self.between >= MOST_BETWEEN {
                self.looks = self.looks.saturating_add(1);
                if self.looks > MOST_LOOKS {
                    return Poll::Ready(Some(Err(self.fail(Trouble::NoPart))));
                }
            }
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut arrived = match self.poll_arrived(cx) {
            Poll::Ready(Some(Ok(arrived))) => arrived,
            Poll::Pending => {
                self.portion = 0;
                return Poll::Pending;
            }
            ended @ Poll::Ready(_) => return ended,
        };
        let handed = arrived.split_to(arrived.len().min(room));
        self.rest = arrived;
        self.portion += handed.len();
        if !self.inside {
            self.between += handed.len();
        }
        Poll::Ready(Some(Ok(handed)))
    }
}

/// A body that the parser reads and that can be read past it.
#[derive(Debug, Clone)]
struct Source(Arc<Mutex<Feed>>);

impl Source {
    fn new(body: BodyDataStream) -> Self {
        Self(Arc::new(Mutex::new(Feed {
            body,
            rest: Bytes::new(),
            ended: false,
            portion: 0,
            inside: false,
            between: 0,
            looks: 0,
            patience: None,
            trouble: None,
        })))
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where the parser is. The wait for bytes begins anew: the time that we took for those before
    /// does not count.
    fn begin(&self, inside: bool) {
        let mut feed = self.feed();
        feed.patience = None;
        if feed.inside != inside {
            (feed.inside, feed.between, feed.looks) = (inside, 0, 0);
        }
    }

    fn broken(&self, error: &MultipartError) -> ApiError {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return ApiError::FileTooLarge(MediaClass::Video.max_bytes());
        }
        let trouble = self.feed().trouble;
        let why = trouble.map_or_else(|| error.body_text(), |trouble| trouble.to_string());
        ApiError::field("body", format!("is not a complete multipart form: {why}"))
    }
}

impl Stream for Source {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.feed().poll_portion(cx)
    }
}

/// A multipart form, part after part.
#[derive(Debug)]
pub(super) struct Form {
    parts: Multipart,
    source: Source,
    count: usize,
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = MultipartRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let (head, body) = request.into_parts();
        let source = Source::new(body.into_data_stream());
        let request = Request::from_parts(head, Body::from_stream(source.clone()));
        let parts = <Multipart as FromRequest<S>>::from_request(request, state).await?;
        Ok(Self { parts, source, count: 0 })
    }
}

impl Form {
    /// Returns the next part. The one before must have been read to its end.
    pub(super) async fn next_part(&mut self) -> Result<Option<Part<'_>>, ApiError> {
        let Self { parts, source, count } = self;
        source.begin(false);
        let Some(field) = parts.next_field().await.map_err(|error| source.broken(&error))? else {
            return Ok(None);
        };
        *count += 1;
        if *count > MOST_PARTS {
            return Err(ApiError::field("body", format!("has more than {MOST_PARTS} parts")));
        }
        Ok(Some(Part { field, source }))
    }

    /// Reads the rest of a form and throws it away, up to a bound in bytes and time.
    pub(super) async fn drain(self) {
        let Self { parts, source, .. } = self;
        // What is thrown away need not be parsed.
        drop(parts);
        source.begin(false);
        let draining = async {
            let mut read = 0;
            let arrived = || timeout(PAUSE, poll_fn(|cx| source.feed().poll_arrived(cx)));
            while let Ok(Some(Ok(chunk))) = arrived().await {
                read += chunk.len();
                if read > MOST_DRAINED {
                    return;
                }
            }
        };
        // Who is slower than that is cut off.
        drop(timeout(LONGEST_DRAIN, draining).await);
    }
}

/// A part of a form.
#[derive(Debug)]
pub(super) struct Part<'a> {
    field: Field<'a>,
    source: &'a Source,
}

impl Part<'_> {
    /// Returns its name.
    pub(super) fn name(&self) -> &str {
        self.field.name().unwrap_or_default()
    }

    /// Returns the name of its file.
    pub(super) fn file_name(&self) -> Option<&str> {
        self.field.file_name()
    }

    /// Returns the type that it declares.
    pub(super) fn content_type(&self) -> &str {
        self.field.content_type().unwrap_or_default()
    }

    /// Returns the next bytes of its content.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.source.begin(true);
        self.field.chunk().await.map_err(|error| self.source.broken(&error))
    }
}
