//! What a run of the webhook test has to say, in one line unless something was found.

use crate::faults::Fault;
use crate::findings::Findings;
use crate::webhooks_checks::{Evidence, Repeated, accepted};
use crate::webhooks_order::Ordered;
use crate::webhooks_records::Records;
use std::fmt;
use std::time::Duration;

/// How many findings a report shows.
const SHOWN: usize = 25;

/// The check that found something, and what it found.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) check: &'static str,
    pub(crate) findings: Findings,
}

/// A run's figures.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) events: usize,
    pub(crate) endpoints: usize,
    /// Attempts of writers whose outcome stayed open.
    pub(crate) doubts: u64,
    /// Kills of the server alone, of the postmaster first, of a backend first.
    pub(crate) kills: [u64; 3],
    /// Requests that the checks were about.
    pub(crate) requests: u64,
    pub(crate) repeated: Repeated,
    pub(crate) ordered: Ordered,
    /// Requests that were answered with a 2xx, with an error, by hanging up.
    pub(crate) deliveries: u64,
    pub(crate) failures: u64,
    pub(crate) hung_up: u64,
    pub(crate) wall: Duration,
    /// From the last restart to the last delivery.
    pub(crate) settled: Duration,
    pub(crate) violation: Option<Stop>,
    /// Where everything was left, and the server's last words.
    pub(crate) left: String,
}

/// An error unless nothing was found.
pub(crate) fn clean(check: &'static str, findings: Findings) -> Result<(), Stop> {
    if findings.clean() { Ok(()) } else { Err(Stop { check, findings }) }
}

/// A single finding.
pub(crate) fn one(check: &'static str, why: String) -> Stop {
    let mut findings = Findings::default();
    findings.wrong(why);
    Stop { check, findings }
}

impl Report {
    /// Notes a fault that was survived.
    pub(crate) fn survived(&mut self, fault: Fault) {
        self.kills[match fault {
            Fault::Server => 0,
            Fault::Postmaster(_) => 1,
            Fault::Backend(_) => 2,
        }] += 1;
    }

    /// How many processes the faults have killed: the last two kinds kill the server, too, and it lives on for a while.
    pub(crate) fn processes_killed(&self) -> u64 {
        let [server, postmaster, backend] = self.kills;
        server + 2 * (postmaster + backend)
    }

    /// Notes what the checks have counted.
    pub(crate) fn told(&mut self, told: &Evidence, repeated: Repeated, ordered: Ordered) {
        (self.repeated, self.ordered) = (repeated, ordered);
        self.events = told.feed.len();
        self.doubts = told.written.iter().map(|job| job.doubts).sum();
    }

    /// Counts what the receivers have seen.
    pub(crate) fn saw(&mut self, records: &Records) {
        let requests = &records.requests;
        self.deliveries = requests.iter().filter(|request| accepted(request)).count() as u64;
        self.hung_up = requests.iter().filter(|request| request.answer.is_none()).count() as u64;
        self.failures = requests.len() as u64 - self.deliveries - self.hung_up;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [server, postmaster, backend] = self.kills;
        let Repeated { duplicates, unknown, slots } = self.repeated;
        let Ordered { violations, repeated } = self.ordered;
        write!(f, "seed {:#x}: {} events ", self.seed, self.events)?;
        write!(f, "(in doubt {}) to {} endpoints, ", self.doubts, self.endpoints)?;
        write!(f, "{} kills ", self.kills.iter().sum::<u64>())?;
        write!(f, "(server {server}, postmaster {postmaster}, backend {backend}): ")?;
        write!(f, "{} deliveries ", self.deliveries)?;
        write!(f, "(answered 500 {}, hung up {}), ", self.failures, self.hung_up)?;
        write!(f, "duplicates {duplicates} (unknown attempts {unknown}, slots {slots}), ")?;
        write!(f, "order violations {violations} (repeated in flight {repeated}), ")?;
        write!(f, "{} s, settled in {} ms", self.wall.as_secs(), self.settled.as_millis())?;
        let Some(Stop { check, findings }) = &self.violation else { return Ok(()) };
        write!(f, "\nthe check \"{check}\" found {} thing(s):", findings.lines.len())?;
        for line in findings.lines.iter().take(SHOWN) {
            write!(f, "\n  {line}")?;
        }
        write!(f, "\nleft for inspection: {}", self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_run_is_one_line_and_another_one_says_what_was_found() {
        let mut report = Report { kills: [2, 1, 1], events: 400, ..Report::default() };
        assert_eq!(report.to_string().lines().count(), 1, "{report}");
        report.violation = Some(one("the order", "evt_2 came before evt_1".to_owned()));
        assert!(report.to_string().contains("WRONG evt_2 came before evt_1"), "{report}");
        assert!(clean("nothing", Findings::default()).is_ok());
        assert!(clean("something", one("x", "y".to_owned()).findings).is_err());
    }
}
