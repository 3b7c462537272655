//! What checks find, and how long they may look.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What checks have found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Acknowledged, and gone or undone.
    pub(crate) lost: u64,
    /// Done more than once.
    pub(crate) doubled: u64,
    /// Owed and never done.
    pub(crate) undone: u64,
    /// One line for each finding of any sort.
    pub(crate) lines: Vec<String>,
}

impl Findings {
    pub(crate) fn lost(&mut self, line: impl Into<String>) {
        self.lost += 1;
        self.lines.push(format!("LOST {}", line.into()));
    }

    pub(crate) fn doubled(&mut self, line: impl Into<String>) {
        self.doubled += 1;
        self.lines.push(format!("DOUBLED {}", line.into()));
    }

    pub(crate) fn undone(&mut self, line: impl Into<String>) {
        self.undone += 1;
        self.lines.push(format!("UNDONE {}", line.into()));
    }

    pub(crate) fn wrong(&mut self, line: impl Into<String>) {
        self.lines.push(format!("WRONG {}", line.into()));
    }

    /// Notes a disagreement of two figures.
    pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: T, should: T) {
        if is != should {
            self.wrong(format!("{what}: is {is:?}, should be {should:?}"));
        }
    }

    pub(crate) fn absorb(&mut self, other: Findings) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.undone += other.undone;
        self.lines.extend(other.lines);
    }

    /// Takes over what a check that can fail half way has found.
    pub(crate) fn take(&mut self, checked: Result<Findings, String>) {
        match checked {
            Ok(findings) => self.absorb(findings),
            Err(why) => self.wrong(why),
        }
    }

    pub(crate) fn clean(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Repeats a check of what follows the writes at a distance until it finds nothing or the time is over.
pub(crate) async fn by(
    deadline: Instant,
    mut check: impl AsyncFnMut() -> Result<Findings, String>,
) -> Findings {
    loop {
        let mut findings = Findings::default();
        findings.take(check().await);
        if findings.clean() || Instant::now() > deadline {
            return findings;
        }
        sleep(Duration::from_millis(50)).await;
    }
}
