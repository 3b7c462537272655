//! Events and states as bytes: the payload is canonical JSON text, and the bytes that are hashed are
//! the bytes that are stored.

use crate::error::StoreError;
use firsthand_domain::ids::RequestId;
use firsthand_domain::merkle::{Hash, leaf_hash};
use firsthand_domain::{Book, Event, State, StreamId};
use std::borrow::Cow;
use std::io::Write;

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The part of the log.
    pub part: i16,
    /// The position in the part, from 1, without gaps.
    pub position: i64,
    /// The book whose event it is.
    pub book: Book,
    /// The event's number in its book, from 1, without gaps.
    pub sequence: i64,
    /// The stream.
    pub stream: StreamId,
    /// The event's number in its stream, from 1, without gaps.
    pub version: i64,
    /// Microseconds since the epoch; strictly increasing within a part.
    pub recorded_at: i64,
    /// The time of its book, if that has a clock of its own; never goes back within a book.
    pub effective_at: Option<i64>,
    /// The request that caused it, unless it was a task or a timer.
    pub request_id: Option<RequestId>,
    /// The event.
    pub event: Event,
}

impl Recorded {
    /// Returns when it happened: the time of its book, in microseconds since the epoch.
    pub fn happened_at(&self) -> i64 {
        self.effective_at.unwrap_or(self.recorded_at)
    }
}

/// What stands around a payload in the hashed entry.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The book.
    pub book: &'a str,
    /// The number in the book.
    pub sequence: i64,
    /// The stream.
    pub stream: &'a str,
    /// The number in the stream.
    pub version: i64,
    /// The stored name.
    pub event_type: &'a str,
    /// The version of the payload's shape.
    pub schema_version: i16,
    /// Microseconds since the epoch.
    pub recorded_at: i64,
    /// The time of a book with a clock of its own.
    pub effective_at: Option<i64>,
    /// Who caused it.
    pub actor: &'a str,
    /// The request that caused it.
    pub request_id: &'a str,
}

/// Returns the leaf of an event in its book's Merkle log: the hash of one line of canonical JSON
/// (design D12). Names and identifiers are ours and hold nothing that JSON would escape.
pub fn leaf(envelope: &Envelope<'_>, payload: &[u8], scratch: &mut Vec<u8>) -> Hash {
    scratch.clear();
    // Writing to a vector can't fail.
    drop(write!(
        scratch,
        r#"{{"book":"{}","sequence":{},"stream":"{}","version":{},"type":"{}","schema_version":{},"recorded_at":{},"#,
        envelope.book,
        envelope.sequence,
        envelope.stream,
        envelope.version,
        envelope.event_type,
        envelope.schema_version,
        envelope.recorded_at,
    ));
    // Only where there is one: the leaves of all other events are as they ever were.
    if let Some(effective_at) = envelope.effective_at {
        drop(write!(scratch, r#""effective_at":{effective_at},"#));
    }
    drop(write!(
        scratch,
        r#""actor":"{}","request_id":"{}","data":"#,
        envelope.actor, envelope.request_id,
    ));
    scratch.extend_from_slice(payload);
    scratch.push(b'}');
    leaf_hash(scratch)
}

/// Writes an event's payload to the end of `bytes`.
pub fn encode_event(event: &Event, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    event.serialize_payload(&mut serde_json::Serializer::new(bytes)).map_err(StoreError::corrupt)
}

/// Reads an event's payload, upcast to the present shape.
pub fn decode_event(
    event_type: &str,
    schema_version: i16,
    payload: &[u8],
) -> Result<Event, StoreError> {
    let payload = upcast(UPCASTERS, event_type, schema_version, payload)?;
    let mut deserializer = serde_json::Deserializer::from_slice(&payload);
    Event::deserialize_payload(event_type, &mut deserializer)
        .ok_or_else(|| StoreError::corrupt(format_args!("unknown event {event_type}")))?
        .map_err(StoreError::corrupt)
}

/// Writes a stream's state to the end of `bytes`.
pub fn encode_state(state: &State, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    serde_json::to_writer(bytes, state).map_err(StoreError::corrupt)
}

/// Reads a stream's state.
pub fn decode_state(stream: StreamId, bytes: &[u8]) -> Result<State, StoreError> {
    State::deserialize(stream, &mut serde_json::Deserializer::from_slice(bytes))
        .map_err(StoreError::corrupt)
}

/// Lifts one event's payload from one shape to the next.
struct Upcaster {
    event_type: &'static str,
    from: i16,
    lift: fn(serde_json::Value) -> serde_json::Value,
}

/// Every shape that was ever stored and is not the present one, oldest first.
const UPCASTERS: &[Upcaster] = &[];

fn upcast<'a>(
    upcasters: &[Upcaster],
    event_type: &str,
    schema_version: i16,
    payload: &'a [u8],
) -> Result<Cow<'a, [u8]>, StoreError> {
    let mut version = schema_version;
    let mut lifted: Option<serde_json::Value> = None;
    for upcaster in upcasters {
        if upcaster.event_type == event_type && upcaster.from == version {
            let value = match lifted.take() {
                Some(value) => value,
                None => serde_json::from_slice(payload).map_err(StoreError::corrupt)?,
            };
            lifted = Some((upcaster.lift)(value));
            version += 1;
        }
    }
    match lifted {
        Some(value) => serde_json::to_vec(&value).map(Cow::Owned).map_err(StoreError::corrupt),
        None => Ok(Cow::Borrowed(payload)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_shape_is_lifted_step_by_step() {
        let steps = [
            Upcaster {
                event_type: "job.rated",
                from: 1,
                lift: |mut value| {
                    value["rating"] = value["stars"].take();
                    value
                },
            },
            Upcaster {
                event_type: "job.rated",
                from: 2,
                lift: |mut value| {
                    value["feedback"] = "none given".into();
                    value
                },
            },
        ];
        let lifted = upcast(&steps, "job.rated", 1, br#"{"stars":4}"#).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&lifted).unwrap();
        assert_eq!(value["rating"], 4);
        assert_eq!(value["feedback"], "none given");
        let present = upcast(&steps, "job.rated", 3, b"{}").unwrap();
        assert_eq!(&*present, b"{}");
    }

    #[test]
    fn a_name_that_is_not_ours_is_corrupt() {
        assert!(matches!(decode_event("job.exploded", 1, b"{}"), Err(StoreError::Corrupt { .. })));
    }
}
