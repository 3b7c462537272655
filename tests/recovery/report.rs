//! What a run of the crash driver has to say.

use crate::faults::Fault;
use crate::findings::Findings;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How many findings a report shows.
const SHOWN: usize = 25;

/// The first check that found something, and all that it found.
#[derive(Debug)]
pub(crate) struct Violation {
    /// How many faults had happened by then.
    pub(crate) cycle: u64,
    /// Which check it was.
    pub(crate) check: &'static str,
    pub(crate) findings: Findings,
    /// Where the data, the driver's log and the server's log were left.
    pub(crate) site: PathBuf,
    pub(crate) server_log: String,
}

/// A run's figures.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) cycles: u64,
    /// Kills of the server alone, of the postmaster first, of a backend first.
    pub(crate) faults: [u64; 3],
    /// Requests with a final answer.
    pub(crate) acked: u64,
    /// Those of them of which at least one attempt was in doubt.
    pub(crate) in_doubt: u64,
    /// Files whose upload was acknowledged.
    pub(crate) files: usize,
    /// From the start of the server to its ready line, after each fault.
    pub(crate) restarts: Vec<Duration>,
    pub(crate) wall: Duration,
    pub(crate) violation: Option<Violation>,
}

impl Report {
    /// Notes a fault that was survived.
    pub(crate) fn survived(&mut self, fault: Fault, restart: Duration) {
        self.cycles += 1;
        self.restarts.push(restart);
        self.faults[match fault {
            Fault::Server => 0,
            Fault::Postmaster(_) => 1,
            Fault::Backend(_) => 2,
        }] += 1;
    }

    /// The middle restart and the longest.
    fn restart_times(&self) -> (Duration, Duration) {
        let mut sorted = self.restarts.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        (median, sorted.last().copied().unwrap_or_default())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none = Findings::default();
        let found = self.violation.as_ref().map_or(&none, |violation| &violation.findings);
        let [server, postmaster, backend] = self.faults;
        let (median, longest) = self.restart_times();
        write!(f, "seed {:#x}: {} cycles ", self.seed, self.cycles)?;
        write!(
            f,
            "(server {server}, postmaster {postmaster}, backend {backend}) in {} s: ",
            self.wall.as_secs()
        )?;
        write!(f, "acked {} (in doubt {}, files {}), ", self.acked, self.in_doubt, self.files)?;
        write!(
            f,
            "lost {}, doubled {}, undone tasks {}, ",
            found.lost, found.doubled, found.undone
        )?;
        write!(f, "restart median {} ms, max {} ms", median.as_millis(), longest.as_millis())?;
        match &self.violation {
            None => Ok(()),
            Some(violation) => write!(f, "\n{violation}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = &self.findings.lines;
        writeln!(
            f,
            "the check \"{}\" found {} thing(s) after cycle {}:",
            self.check,
            lines.len(),
            self.cycle
        )?;
        for line in lines.iter().take(SHOWN) {
            writeln!(f, "  {line}")?;
        }
        if lines.len() > SHOWN {
            writeln!(f, "  and {} more", lines.len() - SHOWN)?;
        }
        write!(f, "left for inspection: {}\n{}", self.site.display(), self.server_log)
    }
}
