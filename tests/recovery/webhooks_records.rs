//! What the webhook receivers have seen and answered, in one order for all of them.
//!
//! Nothing here judges: that is for `webhooks_checks` and `webhooks_order`.

use crate::support::{int, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// SHA-256 of a body.
pub(crate) type Hash = [u8; 32];

/// A receiver's place among all receivers has a bit in a word for each body.
pub(crate) const MOST_ENDPOINTS: usize = 50;

/// A body that arrived at least once. The same bytes are remembered once, however often they came.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) hash: Hash,
    pub(crate) event: String,
    pub(crate) job: Option<String>,
    pub(crate) sequence: Option<i64>,
    pub(crate) content: Value,
    acknowledged_by: u64,
}

/// A request that arrived whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// When it had arrived, on the records' own clock.
    pub(crate) arrived: u64,
    /// When its 2xx was about to be written, on the same clock: never later than the product can have read it.
    pub(crate) acknowledged: Option<u64>,
    /// Which receiver it came to.
    pub(crate) endpoint: usize,
    /// Which body it had.
    pub(crate) body: usize,
    /// What the attempt header said.
    pub(crate) attempt: u32,
    /// The status of the answer; `None` if the connection was closed instead.
    pub(crate) answer: Option<u16>,
}

/// How far the deliveries are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Requests that arrived.
    pub(crate) requests: u64,
    /// Different (body, endpoint) that were answered with a 2xx.
    pub(crate) delivered: u64,
}

/// The records of all receivers.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) bodies: Vec<Body>,
    pub(crate) requests: Vec<Request>,
    /// Requests that are no webhook: one line for each.
    pub(crate) malformed: Vec<String>,
    by_hash: BTreeMap<Hash, usize>,
    clock: u64,
    delivered: u64,
}

impl Records {
    /// Notes a request and returns its number. An error says that its body is no event.
    pub(crate) fn arrived(
        &mut self,
        endpoint: usize,
        attempt: u32,
        hash: Hash,
        bytes: &[u8],
    ) -> Result<usize, String> {
        let body = match self.by_hash.get(&hash) {
            Some(known) => *known,
            None => {
                self.bodies.push(Body::read(hash, bytes)?);
                self.by_hash.insert(hash, self.bodies.len() - 1);
                self.bodies.len() - 1
            }
        };
        let (arrived, answer) = (self.tick(), None);
        self.requests.push(Request {
            arrived,
            acknowledged: None,
            endpoint,
            body,
            attempt,
            answer,
        });
        Ok(self.requests.len() - 1)
    }

    /// Notes the answer that is about to be written.
    pub(crate) fn answered(&mut self, request: usize, status: u16) {
        let now = self.tick();
        let request = &mut self.requests[request];
        request.answer = Some(status);
        if (200..300).contains(&status) {
            request.acknowledged = Some(now);
            let (by, bit) = (&mut self.bodies[request.body].acknowledged_by, 1 << request.endpoint);
            self.delivered += u64::from(*by & bit == 0);
            *by |= bit;
        }
    }

    /// How far the deliveries are.
    pub(crate) fn progress(&self) -> Progress {
        Progress { requests: self.requests.len() as u64, delivered: self.delivered }
    }

    /// The event that a request was about.
    pub(crate) fn event(&self, request: &Request) -> &str {
        &self.bodies[request.body].event
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl Body {
    fn read(hash: Hash, bytes: &[u8]) -> Result<Body, String> {
        let content: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("a body is no JSON: {error}"))?;
        if content["object"] != "event" {
            return Err(format!("a body is no event: {content}"));
        }
        let sequence = match content.get("sequence") {
            Some(Value::Null) => None,
            _ => Some(int(&content, "sequence")?),
        };
        Ok(Body {
            hash,
            event: text(&content, "id")?.to_owned(),
            job: content["data"]["job_id"].as_str().map(str::to_owned),
            sequence,
            content,
            acknowledged_by: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_bytes_are_one_body_and_one_delivery_to_each_endpoint() {
        let mut records = Records::default();
        let bytes =
            json!({"object": "event", "id": "evt_1", "sequence": 1, "data": {"job_id": "job_1"}})
                .to_string();
        for (endpoint, attempt, status) in [(0, 1, 500), (0, 2, 200), (0, 3, 200), (7, 1, 204)] {
            let request =
                records.arrived(endpoint, attempt, [1; 32], bytes.as_bytes()).expect("an event");
            records.answered(request, status);
        }
        assert_eq!((records.bodies.len(), records.requests.len()), (1, 4));
        assert_eq!(records.progress(), Progress { requests: 4, delivered: 2 });
        let stamps: Vec<_> = records.requests.iter().map(|r| (r.arrived, r.acknowledged)).collect();
        assert_eq!(stamps, [(1, None), (3, Some(4)), (5, Some(6)), (7, Some(8))]);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let mut records = Records::default();
        for bytes in [
            "",
            "{}",
            r#"{"object":"event","id":"evt_1","data":{}}"#,
            r#"{"object":"event","sequence":1}"#,
        ] {
            assert!(records.arrived(0, 1, [2; 32], bytes.as_bytes()).is_err(), "{bytes}");
        }
        assert_eq!((records.bodies.len(), records.requests.len()), (0, 0));
    }
}
