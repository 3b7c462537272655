//! A lean HTTP/1.1 keep-alive client: pre-rendered requests out, status and body in.
//!
//! It shares two cores with what it measures, so it does no more than a closed loop needs: no
//! chunked answers, no redirects, no header map. The service answers every call made here with a
//! `content-length`; anything else is reported as an error, not guessed at.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Answers here are a few kB; a larger one is a fault of the service.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// One request, as far as it differs between calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// `GET`, `POST` or `DELETE`.
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) path: &'a str,
    /// Bearer token, where one is needed.
    pub(crate) bearer: Option<&'a str>,
    /// Idempotency key, where one is sent.
    pub(crate) idempotency_key: Option<&'a str>,
    /// JSON body; empty for none.
    pub(crate) body: &'a str,
}

impl Request<'_> {
    /// Returns the bytes that go over the wire.
    pub(crate) fn render(&self, address: SocketAddr) -> Vec<u8> {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: firsthand-bench\r\nAccept: application/json\r\n",
            self.method, self.path
        );
        if let Some(token) = self.bearer {
            text.push_str("Authorization: Bearer ");
            text.push_str(token);
            text.push_str("\r\n");
        }
        if let Some(key) = self.idempotency_key {
            text.push_str("Idempotency-Key: ");
            text.push_str(key);
            text.push_str("\r\n");
        }
        if !self.body.is_empty() {
            text.push_str("Content-Type: application/json\r\n");
        }
        text.push_str("Content-Length: ");
        text.push_str(&self.body.len().to_string());
        text.push_str("\r\n\r\n");
        text.push_str(self.body);
        text.into_bytes()
    }
}

/// An answer, borrowed from the connection's buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    /// The status code.
    pub(crate) status: u16,
    /// The whole body.
    pub(crate) body: &'a [u8],
}

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("could not connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: vec![0; 8 << 10] })
    }

    /// Sends one rendered request and waits for its whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await.context("could not send")?;
        let mut filled = 0;
        let (head, end) = loop {
            if filled == self.inbox.len() {
                ensure!(filled < ANSWER_BYTES_MAX, "an answer above 1 MiB");
                self.inbox.resize(filled * 2, 0);
            }
            let room = self.inbox.get_mut(filled..).unwrap_or_default();
            let read = self.stream.read(room).await.context("could not receive")?;
            ensure!(read > 0, "the server closed the connection");
            filled += read;
            let received = self.inbox.get(..filled).unwrap_or_default();
            if let Some(head) = Head::parse(received)? {
                let end = head.length + head.body_length;
                ensure!(filled <= end, "the server sent more than it announced");
                if filled == end {
                    break (head, end);
                }
            }
        };
        let body = self.inbox.get(head.length..end).unwrap_or_default();
        Ok(Answer { status: head.status, body })
    }

    /// Makes one call outside a measurement and returns its JSON body, null if it has none; any
    /// status but `expected` is an error that quotes the answer.
    pub(crate) async fn call(
        &mut self,
        address: SocketAddr,
        request: Request<'_>,
        expected: u16,
    ) -> anyhow::Result<Value> {
        let answer = self.exchange(&request.render(address)).await?;
        if answer.status != expected {
            bail!(
                "{} {} answered {} instead of {expected}: {}",
                request.method,
                request.path,
                answer.status,
                excerpt(answer.body)
            );
        }
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(answer.body)
            .with_context(|| format!("{} {} answered no JSON", request.method, request.path))
    }
}

/// Returns the beginning of a body, for people.
pub(crate) fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(300).collect()
}

/// What is needed of an answer's head.
struct Head {
    status: u16,
    /// Bytes up to and including the blank line.
    length: usize,
    body_length: usize,
}

impl Head {
    /// Returns the head once all of it has been received.
    fn parse(received: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let mut lines = received.get(..end).unwrap_or_default().split(|byte| *byte == b'\n');
        let status = lines
            .next()
            .and_then(|line| line.get(9..12))
            .and_then(decimal)
            .and_then(|status| u16::try_from(status).ok())
            .context("no HTTP status line")?;
        let announced = lines
            .find_map(|line| {
                let (name, value) = line.split_at_checked(b"content-length:".len())?;
                name.eq_ignore_ascii_case(b"content-length:").then_some(value)
            })
            .and_then(|value| decimal(value.trim_ascii()));
        // An answer without content has no length to announce.
        let body_length = announced
            .or_else(|| (status == 204).then_some(0))
            .with_context(|| format!("an answer {status} without content-length"))?;
        Ok(Some(Self { status, length: end + 4, body_length }))
    }
}

fn decimal(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Head, Request};

    #[test]
    fn a_head_is_read_once_it_is_whole() -> anyhow::Result<()> {
        let answer = b"HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
        assert!(Head::parse(&answer[..40])?.is_none());
        let head = Head::parse(answer)?.map(|head| (head.status, head.length, head.body_length));
        assert_eq!(head, Some((201, answer.len() - 7, 7)));
        let none = Head::parse(b"HTTP/1.1 204 No Content\r\n\r\n")?;
        assert_eq!(none.map(|head| (head.status, head.body_length)), Some((204, 0)));
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        Ok(())
    }

    #[test]
    fn a_request_announces_its_body() -> anyhow::Result<()> {
        let request = Request {
            method: "POST",
            path: "/v1/jobs",
            bearer: Some("fh_live_x"),
            idempotency_key: Some("k"),
            body: "{}",
        };
        let text = String::from_utf8(request.render("127.0.0.1:80".parse()?))?;
        assert!(text.starts_with("POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"));
        assert!(text.ends_with("Content-Length: 2\r\n\r\n{}"));
        Ok(())
    }
}
