//! What a book must amount to, written from the specification alone. Nothing here may use the product's rules, or
//! any of its crates: only the standard library. Where the specification leaves a choice, the choice is named.
//!
//! Amounts are whole cents, times are microseconds since the epoch, ids are texts that the driver gives.

mod calendar;
mod chargebacks;
mod jobs;
mod lots;
mod money;
mod submissions;

pub use chargebacks::{PACKS, Paid, Purchase, bonus_of};
pub use jobs::{Job, JobStatus, Posting};
pub use lots::{Lot, Origin};
pub use money::{Draw, Movement, shares};
pub use submissions::{Score, Stage, Submission};

use std::collections::BTreeMap;

/// Microseconds since the epoch.
pub type At = i64;
/// Cents.
pub type Amount = i64;
/// Why something is refused: the public error code, and for a price that can't be paid the two amounts.
pub type Refusal = String;
/// Whether anything happened, or why it is refused.
pub type Outcome = Result<bool, Refusal>;

/// One organization in one environment.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Whether it holds play money.
    pub sandbox: bool,
    /// Whether the organization's phone number is verified.
    pub verified: bool,
    /// Every lot ever issued.
    pub lots: BTreeMap<String, Lot>,
    /// What each job holds, by the lots it drew from, in the order in which they were drawn.
    pub holds: BTreeMap<String, Vec<Draw>>,
    /// What was spent or held when its money went back to the customer's bank.
    pub debt: Amount,
    /// What of that is owed for bonuses.
    pub bonus_debt: Amount,
    /// Every job ever posted.
    pub jobs: BTreeMap<String, Job>,
    /// Every submission ever begun.
    pub submissions: BTreeMap<String, Submission>,
    /// Every purchase.
    pub purchases: BTreeMap<String, Purchase>,
    /// Credit transactions that nobody has taken away yet, oldest first.
    pub movements: Vec<Movement>,
    /// The balances after the last of them.
    pub running: (Amount, Amount),
    /// How many lots were extended, because they had lapsed when money came back to them.
    pub extensions: u64,
    /// The sum of all postings to each account that nobody has taken away yet.
    pub posted: BTreeMap<String, Amount>,
    /// The sum of all postings to each account.
    pub accounts: BTreeMap<String, Amount>,
}

/// Refuses under a public error code.
fn refuse<T>(code: &str) -> Result<T, Refusal> {
    Err(code.to_owned())
}

/// Finds something by its id, or refuses.
fn find<'a, T>(things: &'a BTreeMap<String, T>, id: &str) -> Result<&'a T, Refusal> {
    things.get(id).ok_or_else(|| "not_found".to_owned())
}

impl Book {
    /// The balance that transactions run to: what is booked, whether or not it has lapsed; less what is owed.
    pub fn available(&self) -> Amount {
        self.lots.values().map(|lot| lot.remaining).sum::<Amount>() - self.debt
    }

    /// What can be spent at a moment: a lot that has lapsed counts no more, whether or not that was booked.
    pub fn spendable(&self, now: At) -> Amount {
        let live = self.lots.values().filter(|lot| !lot.lapsed(now));
        live.map(|lot| lot.remaining).sum::<Amount>() - self.debt
    }

    /// All that is set aside for jobs.
    pub fn held(&self) -> Amount {
        self.holds.values().flatten().map(|draw| draw.amount).sum()
    }

    /// What one job holds.
    pub fn escrow(&self, job: &str) -> Amount {
        self.holds.get(job).into_iter().flatten().map(|draw| draw.amount).sum()
    }

    /// What a timer must have ended by a moment: lots, jobs and submissions.
    pub fn due(&self, now: At) -> Vec<String> {
        let lots = self.lots.iter().filter(|(_, lot)| lot.lapsed(now) && lot.remaining > 0);
        let jobs = self.jobs.iter().filter(|(_, job)| job.active() && job.overdue(now));
        let submissions = self.submissions.iter().filter(|(_, submission)| submission.late(now));
        let lots = lots.map(|(id, _)| id);
        lots.chain(jobs.map(|(id, _)| id)).chain(submissions.map(|(id, _)| id)).cloned().collect()
    }

    /// What must hold of every book at every moment; the first line that does not.
    pub fn broken(&self) -> Option<String> {
        let postings: Amount = self.accounts.values().sum();
        if postings != 0 {
            return Some(format!("postings add up to {postings}"));
        }
        if self.running != (self.available(), self.held()) {
            return Some(format!("transactions run to {:?}", self.running));
        }
        for (id, lot) in &self.lots {
            let parts = [lot.remaining, lot.held, lot.spent, lot.expired, lot.taken_back];
            if parts.iter().any(|part| *part < 0) || parts.iter().sum::<Amount>() != lot.issued {
                return Some(format!("lot {id} does not add up: {lot:?}"));
            }
        }
        for (id, job) in &self.jobs {
            let owed = if job.active() { job.price * (job.needed - job.approved) } else { 0 };
            if self.escrow(id) != owed {
                return Some(format!("job {id} holds {} instead of {owed}", self.escrow(id)));
            }
        }
        None
    }
}
