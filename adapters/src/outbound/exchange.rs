//! What became of one request.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::resolver::DnsError;
use super::target::UrlRefused;

/// Longest explanation of a failure that is kept.
const LONGEST_DETAIL: usize = 200;

/// What became of one request. Whether it was a success is for the caller to judge.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// Status of the answer, if its head arrived.
    pub status: Option<u16>,
    /// Headers of the answer: at most 64, at most 16 KiB. Bytes that aren't UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The first 8,192 bytes of the answer's body.
    pub body: Bytes,
    /// How long each part took.
    pub timings: Timings,
    /// The address that the request went to.
    pub address: Option<IpAddr>,
    /// Whether a connection of an earlier request was used.
    pub reused: bool,
    /// Why there is no complete answer. `None`: head and body (or its first 64 KiB) arrived.
    pub error: Option<Failure>,
    /// What exactly went wrong, for people.
    pub detail: Option<String>,
}

/// How long each part of an exchange took; `None` if it didn't happen or didn't end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Asking for the addresses of the name.
    pub dns: Option<Duration>,
    /// Connecting, failed tries included.
    pub connect: Option<Duration>,
    /// Shaking hands.
    pub tls: Option<Duration>,
    /// From the start of sending to the arrival of the answer's head.
    pub first_byte: Option<Duration>,
    /// Everything.
    pub total: Option<Duration>,
}

/// Why there is no complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The URL isn't allowed.
    UrlRefused,
    /// The name has no address, or DNS said no.
    DnsFailed,
    /// DNS didn't answer in time.
    DnsTimeout,
    /// At least one address of the name isn't allowed.
    AddressRefused,
    /// No connection to any address.
    ConnectFailed,
    /// No connection within the time for it.
    ConnectTimeout,
    /// No secure connection: handshake, certificate or record.
    TlsFailed,
    /// No end of the handshake within the deadline.
    TlsTimeout,
    /// No complete answer within the deadline.
    Timeout,
    /// The answer isn't HTTP/1.1.
    ProtocolError,
    /// The head of the answer is too large, or has too many headers.
    HeadersTooLarge,
    /// The connection ended before the answer did.
    ConnectionClosed,
}

impl Failure {
    /// Every failure.
    pub const ALL: [Self; 12] = [
        Self::UrlRefused,
        Self::DnsFailed,
        Self::DnsTimeout,
        Self::AddressRefused,
        Self::ConnectFailed,
        Self::ConnectTimeout,
        Self::TlsFailed,
        Self::TlsTimeout,
        Self::Timeout,
        Self::ProtocolError,
        Self::HeadersTooLarge,
        Self::ConnectionClosed,
    ];

    /// Returns the code that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UrlRefused => "url_refused",
            Self::DnsFailed => "dns_failed",
            Self::DnsTimeout => "dns_timeout",
            Self::AddressRefused => "address_refused",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectTimeout => "connect_timeout",
            Self::TlsFailed => "tls_failed",
            Self::TlsTimeout => "tls_timeout",
            Self::Timeout => "timeout",
            Self::ProtocolError => "protocol_error",
            Self::HeadersTooLarge => "headers_too_large",
            Self::ConnectionClosed => "connection_closed",
        }
    }
}

/// A failure and what exactly went wrong.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) failure: Failure,
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(failure: Failure, detail: impl Into<String>) -> Self {
        Self { failure, detail: detail.into() }
    }

    /// The failure, explained by an error and its sources.
    pub(crate) fn because(failure: Failure, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut detail = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let text = error.to_string();
            if !detail.ends_with(&text) {
                detail.push_str(": ");
                detail.push_str(&text);
            }
            source = error.source();
        }
        Self { failure, detail }
    }
}

impl From<UrlRefused> for Fault {
    fn from(refused: UrlRefused) -> Self {
        Self::because(Failure::UrlRefused, &refused)
    }
}

impl From<DnsError> for Fault {
    fn from(error: DnsError) -> Self {
        let failure = match error {
            DnsError::Timeout => Failure::DnsTimeout,
            DnsError::Failed(_) | DnsError::Empty => Failure::DnsFailed,
        };
        Self::because(failure, &error)
    }
}

/// The part of an exchange that is under way: says what a missed deadline means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    Dns,
    Connect,
    Tls,
    Answer,
}

/// An exchange under way.
pub(crate) struct Progress {
    pub(crate) exchange: Exchange,
    pub(crate) stage: Stage,
    /// What is kept of the body so far.
    pub(crate) beginning: BytesMut,
    begun: Instant,
}

impl Progress {
    pub(crate) fn begin() -> Self {
        Self {
            exchange: Exchange::default(),
            stage: Stage::Dns,
            beginning: BytesMut::new(),
            begun: Instant::now(),
        }
    }

    /// What it means that the deadline passed now.
    pub(crate) fn overdue(&self) -> Fault {
        let failure = match self.stage {
            Stage::Dns => Failure::DnsTimeout,
            Stage::Connect => Failure::ConnectTimeout,
            Stage::Tls => Failure::TlsTimeout,
            Stage::Answer => Failure::Timeout,
        };
        Fault::new(failure, "the deadline passed")
    }

    pub(crate) fn end(mut self, result: Result<(), Fault>) -> Exchange {
        self.exchange.timings.total = Some(self.begun.elapsed());
        self.exchange.body = self.beginning.freeze();
        if let Err(fault) = result {
            self.exchange.error = Some(fault.failure);
            self.exchange.detail = Some(shortened(fault.detail));
        }
        self.exchange
    }
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_DETAIL));
    text
}
