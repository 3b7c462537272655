//! A reader of server-sent events.

use crate::http::Api;
use reqwest::{Method, Response};
use serde_json::Value;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What a client resumes after.
    pub id: String,
    /// The type.
    pub event: String,
    /// The body.
    pub data: String,
}

impl Frame {
    /// The body, which must be JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.data))
    }
}

/// An open stream. Dropping it hangs up.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    unread: Vec<u8>,
}

impl EventStream {
    /// Opens a stream; it is open when this returns.
    ///
    /// # Panics
    /// Unless the answer is a 200 of type `text/event-stream`.
    pub async fn open(api: &Api, path: &str, last_event_id: Option<&str>) -> EventStream {
        let call = api.request(Method::GET, path).header("Accept", "text/event-stream");
        let call = match last_event_id {
            Some(id) => call.header("Last-Event-ID", id),
            None => call,
        };
        let opening = tokio::time::timeout(LIMIT, call.head()).await;
        let response = opening.unwrap_or_else(|_| panic!("{path}: no head after {LIMIT:?}"));
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        assert!(kind.is_some_and(|kind| kind.starts_with("text/event-stream")), "{kind:?}");
        EventStream { response, unread: Vec::new() }
    }

    /// The next event, within 30 s; comments are passed over.
    ///
    /// # Panics
    /// If none comes in time or the stream ends.
    pub async fn next(&mut self) -> Frame {
        let reading = tokio::time::timeout(LIMIT, self.read()).await;
        reading.unwrap_or_else(|_| panic!("no event after {LIMIT:?}; unread: {:?}", self.unread))
    }

    /// The next so many events.
    pub async fn take(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(count);
        while frames.len() < count {
            frames.push(self.next().await);
        }
        frames
    }

    async fn read(&mut self) -> Frame {
        loop {
            while let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("a stream is UTF-8");
                if let Some(frame) = parse(&block) {
                    return frame;
                }
            }
            let chunk = self.response.chunk().await.expect("the stream goes on");
            // Carriage returns are line ends only: JSON has none.
            let chunk = chunk.expect("the stream does not end");
            self.unread.extend(chunk.iter().filter(|byte| **byte != b'\r'));
        }
    }
}

/// A block of lines; `None` if it holds no data (a comment, or a time to wait).
fn parse(block: &str) -> Option<Frame> {
    let (mut id, mut event, mut data) = (String::new(), String::new(), Vec::new());
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => value.clone_into(&mut id),
            "event" => value.clone_into(&mut event),
            "data" => data.push(value),
            _ => {}
        }
    }
    (!data.is_empty()).then(|| Frame { id, event, data: data.join("\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_gives_its_fields_and_a_comment_gives_nothing() {
        let frame = parse("id: evt_1\nevent: job.completed\ndata: {\"a\":\ndata: 1}\n\n");
        let frame = frame.expect("there is data");
        assert_eq!((frame.id.as_str(), frame.event.as_str()), ("evt_1", "job.completed"));
        assert_eq!(frame.json()["a"], 1);
        assert_eq!(parse(": still here\n\n"), None);
        assert_eq!(parse("retry: 1000\n\n"), None);
    }
}
