//! What a run has tried, and what it says when both sides differ.

use crate::operations::Operation;
use crate::run::Run;
use firsthand_model::Outcome;
use std::collections::BTreeMap;
use std::time::Duration;

/// From so many operations on, a run must have done everything below.
const LONG: u64 = 3_000;
/// From so many on, it must also have been refused for each of these reasons.
const THOROUGH: u64 = 20_000;
const REFUSALS: &str = "insufficient_credits job_not_active job_full already_accepted \
    too_many_workers wrong_submission_status window_over wrong_file_count too_early not_found \
    not_completed already_rated amount_out_of_range amount_mismatch not_paid \
    phone_already_verified free_tier_job_limit";
const DONE: &str = "Verify Give Open Pay Fail Reverse Create Cancel Rate Deadline Accept Upload \
    Withdraw TimeOut Score Expire Announce";
const TRANSACTIONS: &str = "free_tier bonus purchase adjustment hold deduction refund expiration \
    chargeback";

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
    transactions: BTreeMap<String, u64>,
}

/// The names that were never counted.
fn never(names: &'static str, counted: &BTreeMap<String, u64>) -> Vec<&'static str> {
    names.split(' ').filter(|name| !counted.contains_key(*name)).collect()
}

impl Counts {
    /// Counts a transaction that both sides have.
    pub fn transaction(&mut self, kind: &str) {
        *self.transactions.entry(kind.to_owned()).or_default() += 1;
    }

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
             lots extended\ndone: {:?}\nnothing to do: {}\nrefused: {:?}\ntransactions: {:?}",
            self.done,
            self.seed,
            self.accounts.len(),
            self.counts.done,
            self.counts.nothing,
            self.counts.refused,
            self.counts.transactions
        );
        if self.done >= LONG {
            assert_eq!(never(DONE, &self.counts.done), [""; 0], "never done");
            assert_eq!(never(TRANSACTIONS, &self.counts.transactions), [""; 0], "never booked");
            assert!(extensions > 0, "no lot was ever extended");
        }
        if self.done >= THOROUGH {
            assert_eq!(never(REFUSALS, &self.counts.refused), [""; 0], "never refused");
        }
    }
}
