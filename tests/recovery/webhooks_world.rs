//! A small sound world that the checkers' own tests break, one thing at a time.
//!
//! Two endpoints with eight slots each, the first in order; one kill; job 1 with two flags and job 2 with one, both
//! cancelled; each event came to each endpoint at once and was accepted.

use crate::webhooks_checks::Evidence;
use crate::webhooks_evidence::{Endpoint, Entry, Event, Outcome};
use crate::webhooks_records::Records;
use crate::webhooks_writers::Written;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What the product says and what the receivers saw.
pub(crate) struct World {
    pub(crate) evidence: Evidence,
    pub(crate) records: Records,
}

/// An event by its job's number and its sequence.
pub(crate) type Which = (i64, i64);

impl World {
    pub(crate) fn sound() -> World {
        let endpoint =
            |id: &str, ordered: bool| Endpoint { id: id.to_owned(), ordered, max_in_flight: 8 };
        let endpoints = vec![endpoint("we_0", true), endpoint("we_1", false)];
        let evidence = Evidence { endpoints, kills: 1, ..Evidence::default() };
        let mut world = World { evidence, records: Records::default() };
        for (job, flags) in [(1, 2), (2, 1)] {
            for sequence in 1..=flags + 1 {
                let kind = if sequence > flags { "job.cancelled" } else { "job.flagged" };
                let mut event = Event::read(content((job, sequence))).expect("a whole event");
                // The bodies are alike, so that requests can be made up without regard to the kind.
                kind.clone_into(&mut event.kind);
                world.evidence.feed.push(event);
                for endpoint in 0..2 {
                    world.tries(endpoint, (job, sequence), 1, Outcome::Succeeded, Some(200));
                }
            }
            let flags = u64::try_from(flags).expect("a small number");
            world.evidence.written.push(Written { job: format!("job_{job}"), flags, doubts: 0 });
        }
        world
    }

    /// A request that has not been answered yet; its number.
    pub(crate) fn comes(&mut self, endpoint: usize, which: Which, attempt: u32) -> usize {
        self.takes(endpoint, attempt, content(which).to_string().as_bytes())
    }

    /// A request and its answer.
    pub(crate) fn sends(
        &mut self,
        endpoint: usize,
        which: Which,
        attempt: u32,
        answer: Option<u16>,
    ) {
        let request = self.comes(endpoint, which, attempt);
        if let Some(status) = answer {
            self.records.answered(request, status);
        }
    }

    /// An accepted request whose body has a space at its end.
    pub(crate) fn sends_otherwise(&mut self, endpoint: usize, which: Which, attempt: u32) {
        let bytes = format!("{} ", content(which));
        let request = self.takes(endpoint, attempt, bytes.as_bytes());
        self.records.answered(request, 200);
    }

    /// An entry of the attempt log.
    pub(crate) fn logs(
        &mut self,
        endpoint: usize,
        which: Which,
        attempt: u32,
        outcome: Outcome,
        response: Option<u16>,
    ) {
        let (event, body) = (name(which), None);
        self.evidence.log.push(Entry { endpoint, event, attempt, outcome, response, body });
    }

    /// A request, its answer, and its entry in the attempt log.
    pub(crate) fn tries(
        &mut self,
        endpoint: usize,
        which: Which,
        attempt: u32,
        outcome: Outcome,
        answer: Option<u16>,
    ) {
        self.sends(endpoint, which, attempt, answer);
        self.logs(endpoint, which, attempt, outcome, answer);
    }

    fn takes(&mut self, endpoint: usize, attempt: u32, bytes: &[u8]) -> usize {
        let hash = Sha256::digest(bytes).into();
        self.records.arrived(endpoint, attempt, hash, bytes).expect("an event")
    }
}

fn name((job, sequence): Which) -> String {
    format!("evt_{job}_{sequence}")
}

fn content((job, sequence): Which) -> Value {
    json!({"object": "event", "id": name((job, sequence)), "type": "job.event", "sequence": sequence,
        "data": {"job_id": format!("job_{job}")}})
}
