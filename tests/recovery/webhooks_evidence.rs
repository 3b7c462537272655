//! What the product says of its events and its attempts, read over the API page by page.
//!
//! All that the contract leaves open about an attempt's fields stands here, in the pointers below.

use crate::support::{Ask, Line, int, text};
use crate::webhooks_records::Hash;
use firsthand_tests::http::escape;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where an attempt says to which event it belongs.
const EVENT: &str = "/event_id";
/// Where it says to which endpoint.
const ENDPOINT: &str = "/endpoint_id";
/// Where it says the number that was in the header.
const ATTEMPT: &str = "/attempt";
/// Where it says the status of the answer; null or absent if there was none.
const RESPONSE: &str = "/response_status";
/// Where it may say the body's SHA-256, in hexadecimal.
const BODY: &str = "/body_sha256";
/// Between the pages of a list; no list of a run is longer.
const MOST_PAGES: usize = 100_000;

/// An endpoint as it was registered.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    /// `ordering` is `per_job`.
    pub(crate) ordered: bool,
    pub(crate) max_in_flight: u64,
}

/// An event of the feed.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) job: Option<String>,
    pub(crate) sequence: Option<i64>,
    pub(crate) content: Value,
}

/// How an attempt ended, as far as the product knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Succeeded,
    Failed,
    /// The product died in the middle of it.
    Unknown,
}

/// An entry of the attempt log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) endpoint: usize,
    pub(crate) event: String,
    pub(crate) attempt: u32,
    pub(crate) outcome: Outcome,
    pub(crate) response: Option<u16>,
    pub(crate) body: Option<Hash>,
}

impl Event {
    pub(crate) fn read(content: Value) -> Result<Event, String> {
        Ok(Event {
            id: text(&content, "id")?.to_owned(),
            kind: text(&content, "type")?.to_owned(),
            job: content["data"]["job_id"].as_str().map(str::to_owned),
            sequence: if content["sequence"].is_null() {
                None
            } else {
                Some(int(&content, "sequence")?)
            },
            content,
        })
    }
}

impl Entry {
    /// Reads an entry; `places` are the endpoints' numbers by id.
    pub(crate) fn read(row: &Value, places: &BTreeMap<String, usize>) -> Result<Entry, String> {
        let at = |pointer: &str| row.pointer(pointer).unwrap_or(&Value::Null);
        let missing = |pointer: &str| format!("an attempt's {pointer} is wrong or missing: {row}");
        let endpoint = at(ENDPOINT).as_str().and_then(|id| places.get(id));
        let small = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
        let outcome = match row["status"].as_str() {
            Some("succeeded") => Outcome::Succeeded,
            Some("failed") => Outcome::Failed,
            Some("unknown") => Outcome::Unknown,
            _ => return Err(missing("/status")),
        };
        let response = match at(RESPONSE) {
            Value::Null => None,
            status => {
                let status = small(status).and_then(|n| u16::try_from(n).ok());
                Some(status.ok_or_else(|| missing(RESPONSE))?)
            }
        };
        let body = match at(BODY) {
            Value::Null => None,
            hash => Some(hash.as_str().and_then(hash_of).ok_or_else(|| missing(BODY))?),
        };
        Ok(Entry {
            endpoint: *endpoint.ok_or_else(|| missing(ENDPOINT))?,
            event: at(EVENT).as_str().ok_or_else(|| missing(EVENT))?.to_owned(),
            attempt: small(at(ATTEMPT)).ok_or_else(|| missing(ATTEMPT))?,
            outcome,
            response,
            body,
        })
    }
}

fn hash_of(hex_digits: &str) -> Option<Hash> {
    hex::decode(hex_digits).ok()?.try_into().ok()
}

/// The events above this one, oldest first; from the beginning without one.
pub(crate) async fn feed(
    line: &mut Line,
    token: &Arc<str>,
    after: Option<&str>,
) -> Result<Vec<Event>, String> {
    let mut last = after.map(str::to_owned);
    let mut events = Vec::new();
    for _ in 0..MOST_PAGES {
        let after = last.iter().map(|id| format!("&after={}", escape(id))).collect::<String>();
        let path = format!("/v1/events?limit=100{after}");
        let rows = data(&mut line.expect(200, &Ask::get(token, path.clone())).await?, &path)?;
        if rows.is_empty() {
            return Ok(events);
        }
        for row in rows {
            events.push(Event::read(row)?);
        }
        let following = events.last().map(|event| event.id.clone());
        if following == last {
            return Err(format!("GET {path}: the page leads to itself"));
        }
        last = following;
    }
    Err("GET /v1/events has no end".to_owned())
}

/// The attempt log of an endpoint, or of an event.
pub(crate) async fn attempts(
    line: &mut Line,
    token: &Arc<str>,
    path: &str,
    places: &BTreeMap<String, usize>,
) -> Result<Vec<Entry>, String> {
    let first = format!("{path}?limit=100");
    let (mut next, mut entries) = (first.clone(), Vec::new());
    for _ in 0..MOST_PAGES {
        // An entry is small and its row is not: each page is read and dropped.
        let mut page = line.expect(200, &Ask::get(token, next.clone())).await?;
        for row in data(&mut page, &next)? {
            entries.push(Entry::read(&row, places)?);
        }
        let Some(cursor) = page["next_cursor"].as_str().filter(|_| page["has_more"] == true) else {
            return Ok(entries);
        };
        let following = format!("{first}&cursor={}", escape(cursor));
        if following == next {
            return Err(format!("GET {next}: the page's cursor leads to itself"));
        }
        next = following;
    }
    Err(format!("GET {path} has no end"))
}

/// Some events whose worst delivery has this status.
pub(crate) async fn with_status(
    line: &mut Line,
    token: &Arc<str>,
    status: &str,
) -> Result<Vec<Value>, String> {
    let path = format!("/v1/webhook_events?delivery_status={status}&limit=5");
    data(&mut line.expect(200, &Ask::get(token, path.clone())).await?, &path)
}

fn data(page: &mut Value, path: &str) -> Result<Vec<Value>, String> {
    match page.get_mut("data").map(Value::take) {
        Some(Value::Array(rows)) => Ok(rows),
        _ => Err(format!("GET {path}: no data in {page}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_that_leaves_something_open_is_refused() {
        let places = BTreeMap::from([("we_1".to_owned(), 4)]);
        let hash = hex::encode([7; 32]);
        let good = json!({"event_id": "evt_1", "endpoint_id": "we_1", "attempt": 2, "status": "failed",
            "response_status": 500, "body_sha256": hash});
        let entry = Entry::read(&good, &places).expect("a whole entry");
        assert_eq!((entry.endpoint, entry.event.as_str(), entry.attempt), (4, "evt_1", 2));
        assert_eq!((entry.outcome, entry.response), (Outcome::Failed, Some(500)));
        assert_eq!(entry.body, Some([7; 32]));
        for (field, wrong) in [
            ("event_id", json!(null)),
            ("endpoint_id", json!("we_2")),
            ("attempt", json!("2")),
            ("status", json!("pending")),
            ("response_status", json!("500")),
            ("body_sha256", json!("07")),
        ] {
            let mut row = good.clone();
            row[field] = wrong;
            assert!(Entry::read(&row, &places).is_err_and(|why| why.contains(field)), "{row}");
        }
    }
}
