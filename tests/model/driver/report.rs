//! What a run has tried, and what it says when both sides differ.

use crate::operations::Operation;
use crate::run::Run;
use firsthand_model::Outcome;
use std::collections::BTreeMap;
use std::time::Duration;

/// From so many operations on, a run must have seen everything below.
const THOROUGH: u64 = 3_000;
/// What a thorough run must have refused.
const REFUSALS: &[&str] = &[
    "insufficient_credits",
    "job_not_active",
    "job_full",
    "already_accepted",
    "too_many_workers",
    "wrong_submission_status",
    "window_over",
    "wrong_file_count",
    "too_early",
    "not_found",
    "not_completed",
    "amount_out_of_range",
    "amount_mismatch",
    "not_paid",
    "phone_already_verified",
    "free_tier_job_limit",
];
/// What a thorough run must have done.
const DONE: &[&str] = &[
    "Verify", "Give", "Open", "Pay", "Fail", "Reverse", "Create", "Cancel", "Rate", "Deadline",
    "Accept", "Upload", "Withdraw", "TimeOut", "Score", "Expire", "Announce",
];

/// Writes the ids of something that was printed for programmers as they stand in the log.
pub fn with_ids(shown: &str) -> String {
    let mut pieces = shown.split("(Ulid(");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (number, rest) = piece.split_once("))").expect("an id");
        let ulid = ulid::Ulid(number.parse().expect("a number"));
        text.push_str(&format!(" {ulid}{rest}"));
    }
    text
}

/// How often each thing happened.
#[derive(Debug, Default)]
pub struct Counts {
    done: BTreeMap<String, u64>,
    nothing: u64,
    refused: BTreeMap<String, u64>,
}

impl Counts {
    /// Counts an operation that was answered.
    pub fn count(&mut self, operation: &Operation, outcome: &Outcome) {
        let counter = match outcome {
            Ok(true) => self.done.entry(operation.name()).or_default(),
            Ok(false) => &mut self.nothing,
            Err(code) => {
                let code = code.split(':').next().unwrap_or_default();
                self.refused.entry(code.to_owned()).or_default()
            }
        };
        *counter += 1;
    }
}

impl Run {
    /// Stops the run unless something holds, with all that is needed to see it again.
    ///
    /// # Panics
    /// Unless it holds.
    pub fn must(&self, account: usize, holds: bool, difference: impl FnOnce() -> String) {
        if !holds {
            let account = &self.accounts[account];
            let recent: Vec<_> = account.recent.iter().map(String::as_str).collect();
            panic!(
                "{}\nin {}, at operation {} of seed {} (FIRSTHAND_MODEL_OPERATIONS={} \
                 FIRSTHAND_MODEL_SEED={}); the book's last operations:\n{}",
                difference(),
                account.book,
                self.done,
                self.seed,
                self.done + 1,
                self.seed,
                recent.join("\n")
            );
        }
    }

    /// Says what was tried; a run that never came to something important has not shown much.
    pub fn report(&self, took: Duration) {
        let extensions: u64 = self.accounts.iter().map(|account| account.model.extensions).sum();
        let positions: i64 = self.seen.values().map(|(position, _)| position).sum();
        println!(
            "{} operations of seed {} in {took:.1?}, {positions} events, {} books, {extensions} \
             lots extended\ndone: {:?}\nnothing to do: {}\nrefused: {:?}",
            self.done,
            self.seed,
            self.accounts.len(),
            self.counts.done,
            self.counts.nothing,
            self.counts.refused
        );
        if self.done >= THOROUGH {
            let missing = |names: &[&'static str], counted: &BTreeMap<String, u64>| {
                names.iter().filter(|name| !counted.contains_key(**name)).copied().collect()
            };
            let never: Vec<&str> = missing(DONE, &self.counts.done);
            assert!(never.is_empty(), "never done: {never:?}");
            let never: Vec<&str> = missing(REFUSALS, &self.counts.refused);
            assert!(never.is_empty(), "never refused: {never:?}");
            assert!(extensions > 0, "no lot was ever extended");
        }
    }
}
