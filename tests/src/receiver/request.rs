//! A request, read from the wire without any library: what the product sends is seen as it is.

use crate::clock;
use serde_json::Value;
use std::io;
use std::time::Instant;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// `POST`, if all is well.
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// Names in lower case, in the order of their arrival.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// When its last byte had been read.
    pub arrived: Instant,
    /// The same in seconds since 1970.
    pub arrived_at: f64,
}

impl Received {
    /// The only value of a header.
    ///
    /// # Panics
    /// If the header came more than once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let first = values.next();
        assert!(values.next().is_none(), "{name} came twice: {:?}", self.headers);
        first.map(|(_, value)| value.as_str())
    }

    /// A header that must be there.
    #[track_caller]
    pub fn must(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
    }

    /// The body, which must be UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body is UTF-8")
    }

    /// The body, which must be JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.text())
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// The event's id, by the header.
    #[track_caller]
    pub fn event_id(&self) -> &str {
        self.must("X-FirstHandAPI-Event-Id")
    }

    /// The event's type, by the body.
    #[track_caller]
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().expect("an event has a type").to_owned()
    }

    /// The number of the attempt, by the header.
    #[track_caller]
    pub fn attempt(&self) -> u32 {
        self.must("X-FirstHandAPI-Delivery-Attempt").parse().expect("the attempt is a number")
    }
}

/// The next request, or `None` when the caller has closed the connection.
pub(super) async fn read_request(
    stream: &mut TcpStream,
    unread: &mut Vec<u8>,
) -> io::Result<Option<Received>> {
    loop {
        if let Some((request, length)) = parse(unread)? {
            unread.drain(..length);
            return Ok(Some(request));
        }
        if stream.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
}

/// A whole request at the beginning of these bytes, and its length.
fn parse(bytes: &[u8]) -> io::Result<Option<(Received, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(io::Error::other)?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let value = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let rest = &bytes[end + 4..];
    let body = match (value("content-length"), value("transfer-encoding")) {
        (Some(length), _) => {
            let length: usize = length.parse().map_err(io::Error::other)?;
            rest.get(..length).map(|body| (body.to_vec(), length))
        }
        (None, Some(_)) => unchunk(rest)?,
        (None, None) => Some((Vec::new(), 0)),
    };
    let Some((body, length)) = body else { return Ok(None) };
    let (method, path) = (method.to_owned(), path.to_owned());
    let request =
        Received { method, path, headers, body, arrived: Instant::now(), arrived_at: clock::now() };
    Ok(Some((request, end + 4 + length)))
}

/// A whole chunked body at the beginning of these bytes, and how long it was on the wire.
fn unchunk(bytes: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = bytes[at..].windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&bytes[at..at + line]).map_err(io::Error::other)?;
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        at += line + 2;
        let Some(chunk) = bytes.get(at..at + size + 2) else { return Ok(None) };
        body.extend_from_slice(&chunk[..size]);
        at += size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_when_it_is_whole_and_not_before() {
        let bytes = b"POST /hooks HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST";
        for length in 0..bytes.len() - 4 {
            assert!(parse(&bytes[..length]).expect("well-formed").is_none());
        }
        let (request, length) = parse(bytes).expect("well-formed").expect("whole");
        assert_eq!((request.path.as_str(), request.body.as_slice()), ("/hooks", &b"abc"[..]));
        assert_eq!((request.must("host"), length), ("a", bytes.len() - 4));
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        let bytes = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest";
        let (body, length) = unchunk(bytes).expect("well-formed").expect("whole");
        assert_eq!((body.as_slice(), length), (&b"abcde"[..], bytes.len() - 4));
        assert!(unchunk(&bytes[..12]).expect("well-formed").is_none());
    }
}
