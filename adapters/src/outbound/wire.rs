//! One connection that speaks HTTP/1.1.
//!
//! Its protocol driver is polled by the request that uses it, not by a task of its own: when the
//! request is dropped, so is the connection, and nothing can leak. Must not follow redirects, and
//! must not decompress.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_rustls::rustls;

use super::exchange::{Failure, Fault, Progress, Stage};
use super::stream::{Meter, Stream};

/// Headers that an answer may have.
const HEADERS: usize = 64;
/// Bytes that the head of an answer may have; also the most that is read ahead of it.
const HEAD: usize = 16 * 1024;
/// Bytes of a body that are read.
const BODY: u64 = 64 * 1024;
/// Bytes of a body that are kept.
const KEPT: usize = 8192;

type Driver = Connection<TokioIo<Stream>, Full<Bytes>>;

/// An open connection.
pub(crate) struct Wire {
    sender: SendRequest<Full<Bytes>>,
    driver: Pin<Box<Driver>>,
    meter: Arc<Meter>,
    address: IpAddr,
}

/// What became of a request on a connection that stays as it is.
pub(crate) enum Outcome {
    /// It was answered; the connection can carry another.
    Kept(Wire),
    /// It was answered; the connection is closed.
    Closed,
    /// The connection ended before any of the request was written; here it is again.
    Unsent(Box<Request<Full<Bytes>>>, Fault),
}

impl Wire {
    pub(crate) async fn open(
        stream: Stream,
        meter: Arc<Meter>,
        address: IpAddr,
    ) -> Result<Self, Fault> {
        let (sender, driver) = Builder::new()
            .max_headers(HEADERS)
            .max_header_size(HEAD)
            .max_buf_size(HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Fault::because(Failure::ProtocolError, &error))?;
        Ok(Self { sender, driver: Box::pin(driver), meter, address })
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether the connection is open and has been silent since its last answer: bytes that
    /// nobody asked for must never be taken for the answer to the next request.
    pub(crate) async fn is_clean(&mut self) -> bool {
        self.meter.set_idle(true);
        let driver = &mut self.driver;
        let open =
            std::future::poll_fn(|context| Poll::Ready(driver.as_mut().poll(context).is_pending()))
                .await;
        self.meter.set_idle(false);
        open && self.sender.is_ready()
    }

    /// Sends `request` and reads its answer into `progress`.
    pub(crate) async fn exchange(
        mut self,
        request: Request<Full<Bytes>>,
        progress: &mut Progress,
    ) -> Result<Outcome, Fault> {
        progress.stage = Stage::Answer;
        let begun = Instant::now();
        self.meter.expect_head();
        let answer = self.sender.try_send_request(request);
        let response = match alongside(&mut self.driver, answer).await {
            Ok(response) => response,
            Err(mut error) => {
                let request = error.take_message();
                let fault = self.fault(error.error());
                return match request {
                    Some(request) => Ok(Outcome::Unsent(Box::new(request), fault)),
                    None => Err(fault),
                };
            }
        };
        self.meter.expect_body();
        progress.exchange.timings.first_byte = Some(begun.elapsed());
        progress.exchange.status = Some(response.status().as_u16());
        progress.exchange.headers = headers(&response);
        if response.status().is_informational() {
            return Err(Fault::new(Failure::ProtocolError, "the answer is an interim one"));
        }
        // Two lengths: a sign of an attack on whoever reads it in the other way.
        let ambiguous = response.headers().contains_key(CONTENT_LENGTH)
            && response.headers().contains_key(TRANSFER_ENCODING);
        let whole = self.read(response.into_body(), &mut progress.beginning).await?;
        let reusable = whole && !ambiguous && self.is_clean().await;
        Ok(if reusable { Outcome::Kept(self) } else { Outcome::Closed })
    }

    /// Reads the body; keeps its beginning. Says whether its end was seen.
    async fn read(&mut self, mut body: Incoming, kept: &mut BytesMut) -> Result<bool, Fault> {
        let mut length = 0_u64;
        while length < BODY {
            let frame = match alongside(&mut self.driver, body.frame()).await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Err(self.fault(&error)),
                None => return Ok(true),
            };
            let Ok(data) = frame.into_data() else { continue };
            length = length.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
            let room = KEPT.saturating_sub(kept.len()).min(data.len());
            kept.extend_from_slice(data.get(..room).unwrap_or_default());
        }
        Ok(body.is_end_stream())
    }

    fn fault(&self, error: &hyper::Error) -> Fault {
        Fault::because(self.failure(error), error)
    }

    /// Sorts an error of the protocol library.
    fn failure(&self, error: &hyper::Error) -> Failure {
        if self.meter.exceeded() || error.is_parse_too_large() {
            return Failure::HeadersTooLarge;
        }
        // What was waiting when the connection failed is told so, and why.
        let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
        match cause {
            Some(cause) if error.is_canceled() => self.failure(cause),
            _ if error.is_canceled() || error.is_closed() || error.is_incomplete_message() => {
                Failure::ConnectionClosed
            }
            _ => io_failure(error).unwrap_or(Failure::ProtocolError),
        }
    }
}

/// What an error of the connection below means, if it was one.
fn io_failure(error: &hyper::Error) -> Option<Failure> {
    let error = error.source()?.downcast_ref::<io::Error>()?;
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some();
    match error.kind() {
        _ if tls => Some(Failure::TlsFailed),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => Some(Failure::ConnectionClosed),
        _ => None,
    }
}

/// Waits for `work` while the connection's protocol runs.
async fn alongside<T>(driver: &mut Pin<Box<Driver>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut running = true;
    std::future::poll_fn(|context| {
        // An end of the driver, good or bad, is told to who waits for the answer.
        if running && driver.as_mut().poll(context).is_ready() {
            running = false;
        }
        work.as_mut().poll(context)
    })
    .await
}

fn headers(response: &Response<Incoming>) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
        .collect()
}
