//! The model's money: one book's lots, and what was earned from it (specification section 7).
//!
//! Written from the specification; shares no rule with the crate. Amounts are plain cents.

use firsthand_domain::Timestamp;
use firsthand_domain::credits::LotOrigin;
use firsthand_domain::ids::{JobId, LotId, WorkerId};
use std::collections::BTreeMap;

const DAY: i64 = 86_400_000_000;

/// One lot, kept for good: the crate forgets a lot that is used up, the model does not.
#[derive(Debug, Clone)]
pub(crate) struct LotModel {
    pub(crate) id: LotId,
    pub(crate) origin: LotOrigin,
    pub(crate) issued: i64,
    pub(crate) remaining: i64,
    pub(crate) held: BTreeMap<JobId, i64>,
    pub(crate) spent: i64,
    pub(crate) expired: i64,
    pub(crate) ends: Option<Timestamp>,
}

impl LotModel {
    fn over(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|end| end <= now)
    }

    pub(crate) fn spendable(&self, now: Timestamp) -> i64 {
        if self.over(now) { 0 } else { self.remaining }
    }

    pub(crate) fn held_total(&self) -> i64 {
        self.held.values().sum()
    }
}

/// One book.
#[derive(Debug, Clone, Default)]
pub(crate) struct BookModel {
    /// In order of issue.
    pub(crate) lots: Vec<LotModel>,
    pub(crate) earned: BTreeMap<WorkerId, i64>,
    pub(crate) platform: i64,
    /// The day (UTC) on which a sandbox was given play money last.
    pub(crate) given_on: Option<i64>,
}

fn day_of(now: Timestamp) -> i64 {
    now.micros().div_euclid(24 * 3_600 * 1_000_000)
}

impl BookModel {
    pub(crate) fn available(&self) -> i64 {
        self.lots.iter().map(|lot| lot.remaining).sum()
    }

    pub(crate) fn available_at(&self, now: Timestamp) -> i64 {
        self.lots.iter().map(|lot| lot.spendable(now)).sum()
    }

    /// A free-tier organization has nothing but its free grant.
    pub(crate) fn free_tier(&self) -> bool {
        self.lots.iter().all(|lot| lot.origin == LotOrigin::FreeTier)
    }

    pub(crate) fn issue(
        &mut self,
        id: LotId,
        origin: LotOrigin,
        amount: i64,
        ends: Option<Timestamp>,
    ) {
        self.lots.push(LotModel {
            id,
            origin,
            issued: amount,
            remaining: amount,
            held: BTreeMap::new(),
            spent: 0,
            expired: 0,
            ends,
        });
    }

    /// What a sandbox is given with its first job of a day: as much as is missing of $1,000.
    pub(crate) fn missing(&self, now: Timestamp) -> i64 {
        let another_day = self.given_on.is_some_and(|day| day < day_of(now));
        if another_day { (100_000 - self.available_at(now)).max(0) } else { 0 }
    }

    /// Gives a sandbox play money.
    pub(crate) fn give(&mut self, id: LotId, amount: i64, now: Timestamp) {
        self.issue(id, LotOrigin::Sandbox, amount, None);
        self.given_on = Some(day_of(now));
    }

    /// Sets an amount aside that `available_at` covers: soonest expiry first, promotional before
    /// paid at equal expiry, then the oldest; what never expires comes last.
    pub(crate) fn hold(&mut self, job: JobId, amount: i64, now: Timestamp) {
        let mut missing = amount;
        while missing > 0 {
            let next = self
                .lots
                .iter_mut()
                .enumerate()
                .filter(|(_, lot)| lot.spendable(now) > 0)
                .min_by_key(|(age, lot)| {
                    let end = lot.ends.map_or(i64::MAX, Timestamp::micros);
                    (end, lot.origin == LotOrigin::Purchase, *age)
                });
            let Some((_, lot)) = next else { return };
            let drawn = missing.min(lot.remaining);
            lot.remaining -= drawn;
            *lot.held.entry(job).or_default() += drawn;
            missing -= drawn;
        }
    }

    /// Pays files from a job's hold. Which of the hold's lots pay first is not specified, so the
    /// draws come from the crate; that they are covered by this job's hold is checked.
    pub(crate) fn capture(
        &mut self,
        job: JobId,
        draws: &[(LotId, i64)],
        amount: i64,
    ) -> Result<(), String> {
        let sum: i64 = draws.iter().map(|(_, cents)| cents).sum();
        if sum != amount {
            return Err(format!("captured {sum} of {amount}: {draws:?}"));
        }
        for (id, cents) in draws {
            let lot = self.lots.iter_mut().find(|lot| lot.id == *id);
            let held = lot.and_then(|lot| {
                lot.spent += cents;
                lot.held.get_mut(&job)
            });
            match held {
                Some(held) if *cents > 0 && *held >= *cents => *held -= cents,
                other => return Err(format!("captured {cents} of {other:?} held at {id}")),
            }
        }
        Ok(())
    }

    /// A worker's 80 % of each file, rounded half up; the platform keeps the remainder.
    pub(crate) fn earn(&mut self, worker: WorkerId, price: i64, files: i64) -> i64 {
        let share = (price * 8 + 5) / 10;
        *self.earned.entry(worker).or_default() += share * files;
        self.platform += (price - share) * files;
        share * files
    }

    /// Gives what a job still holds back to its lots. What else was left of a lot that has ended
    /// is gone at its own time, whether or not a timer has booked it; what comes back lives on for
    /// 30 days.
    pub(crate) fn release(&mut self, job: JobId, now: Timestamp) -> i64 {
        let mut released = 0;
        for lot in &mut self.lots {
            let back = lot.held.remove(&job).unwrap_or(0);
            if back > 0 && lot.over(now) {
                lot.expired += lot.remaining;
                lot.remaining = 0;
                lot.ends = Some(Timestamp::from_micros(now.micros() + 30 * DAY));
            }
            lot.remaining += back;
            released += back;
        }
        released
    }

    /// Takes what is left of a lot that has ended. Returns `None` before its time.
    pub(crate) fn expire(&mut self, id: LotId, now: Timestamp) -> Option<i64> {
        let Some(lot) = self.lots.iter_mut().find(|lot| lot.id == id) else { return Some(0) };
        if lot.remaining == 0 {
            return Some(0);
        }
        if !lot.over(now) {
            return None;
        }
        let taken = std::mem::take(&mut lot.remaining);
        lot.expired += taken;
        Some(taken)
    }
}

/// Free, bonus and promotional credits live for 12 months (specification section 17 row 5).
pub(crate) fn twelve_months(from: Timestamp, to: Option<Timestamp>) -> bool {
    to.is_some_and(|to| (365 * DAY..=366 * DAY).contains(&(to.micros() - from.micros())))
}
