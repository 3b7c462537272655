//! The bytes of one connection, plain or encrypted, counted.
//!
//! Two things that the protocol library can't do: bound what a receiver may send before the head
//! of its answer is complete, and see what lies in the kernel for a connection that was idle.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What a receiver may send before the end of the head: the head itself, interim answers, and
/// what is read ahead.
const BEFORE_HEAD: u64 = 64 * 1024;

/// Shared by the stream and by who uses it.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Bytes that may still be read; meaningful while `bounded`.
    left: AtomicU64,
    bounded: AtomicBool,
    exceeded: AtomicBool,
    idle: AtomicBool,
}

impl Meter {
    /// A request begins: bounds what may come before the head.
    pub(crate) fn expect_head(&self) {
        self.left.store(BEFORE_HEAD, Ordering::Relaxed);
        self.bounded.store(true, Ordering::Relaxed);
    }

    /// The head is complete.
    pub(crate) fn expect_body(&self) {
        self.bounded.store(false, Ordering::Relaxed);
    }

    /// Whether the bound was passed.
    pub(crate) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    /// While idle, whatever comes is an error.
    pub(crate) fn set_idle(&self, idle: bool) {
        self.idle.store(idle, Ordering::Relaxed);
    }

    fn count(&self, read: usize) -> io::Result<()> {
        if !self.bounded.load(Ordering::Relaxed) {
            return Ok(());
        }
        let left = self.left.load(Ordering::Relaxed);
        if let Some(left) = left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)) {
            self.left.store(left, Ordering::Relaxed);
            Ok(())
        } else {
            self.exceeded.store(true, Ordering::Relaxed);
            Err(io::Error::other("too much before the answer"))
        }
    }
}

/// What carries the bytes.
pub(crate) enum Carrier {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over TCP.
    Secure(Box<TlsStream<TcpStream>>),
}

/// A counted connection.
pub(crate) struct Stream {
    carrier: Carrier,
    meter: Arc<Meter>,
}

impl Stream {
    pub(crate) fn new(carrier: Carrier, meter: Arc<Meter>) -> Self {
        Self { carrier, meter }
    }

    /// Asks the kernel itself: the runtime learns of new bytes and of an end only later.
    fn is_silent(&self) -> bool {
        let socket = match &self.carrier {
            Carrier::Plain(socket) => socket,
            Carrier::Secure(stream) => stream.get_ref().0,
        };
        let mut byte = [MaybeUninit::uninit()];
        let seen = SockRef::from(socket).peek(&mut byte);
        seen.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let before = buffer.filled().len();
        let polled = match &mut stream.carrier {
            Carrier::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Carrier::Secure(secure) => Pin::new(secure).poll_read(context, buffer),
        };
        match polled {
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().len().saturating_sub(before);
                Poll::Ready(stream.meter.count(read))
            }
            Poll::Pending if stream.meter.idle.load(Ordering::Relaxed) && !stream.is_silent() => {
                Poll::Ready(Err(io::Error::other("bytes on an idle connection")))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Carrier::Secure(secure) => Pin::new(secure).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(socket) => Pin::new(socket).poll_write_vectored(context, slices),
            Carrier::Secure(secure) => Pin::new(secure).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.carrier {
            Carrier::Plain(socket) => socket.is_write_vectored(),
            Carrier::Secure(secure) => secure.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(socket) => Pin::new(socket).poll_flush(context),
            Carrier::Secure(secure) => Pin::new(secure).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Carrier::Secure(secure) => Pin::new(secure).poll_shutdown(context),
        }
    }
}
