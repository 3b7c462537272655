//! A worker's earnings: totals, and what is not old enough to be paid out.

use super::events::{EarningsEvent, ReturnedFrom};
use crate::ids::{PayoutId, SubmissionId};
use crate::money::Cents;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// An earning that was not old enough to be paid out when the account moved last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The submission.
    pub submission_id: SubmissionId,
    /// How much.
    pub amount: Cents,
    /// From when on it can be paid out.
    pub available_at: Timestamp,
}

/// What a worker has earned. At every position
/// `earned = ripe + pending + in_transit + paid`, and no part of it is negative.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Earnings {
    /// Everything ever earned.
    pub earned: Cents,
    /// What can be paid out, by the time of the last movement.
    pub ripe: Cents,
    /// What could not be paid out then, in the order in which it can be. Two days' work at most.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub pending: VecDeque<Pending>,
    /// What is on its way.
    pub in_transit: Cents,
    /// What reached the worker, less what came back.
    pub paid: Cents,
    /// The payout that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<PayoutId>,
    /// The provider's name of the account that payouts go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When what was earned last can be paid out.
    pub last_available_at: Timestamp,
    /// When anything was booked last.
    pub updated_at: Timestamp,
}

impl Earnings {
    /// Returns what can be paid out at that time: nobody has to book that time has passed.
    pub fn available_at(&self, now: Timestamp) -> Cents {
        let ripened = self.pending.iter().filter(|one| one.available_at <= now);
        ripened.map(|one| one.amount).chain([self.ripe]).sum()
    }

    /// Returns what was earned and can't be paid out at that time.
    pub fn pending_at(&self, now: Timestamp) -> Cents {
        let unripe = self.pending.iter().filter(|one| one.available_at > now);
        unripe.map(|one| one.amount).sum()
    }

    /// Says whether a submission's earning is among those that are not old enough.
    pub fn expects(&self, submission_id: SubmissionId) -> bool {
        self.pending.iter().any(|one| one.submission_id == submission_id)
    }

    /// Says whether the parts add up to the whole.
    pub fn adds_up(&self) -> bool {
        let pending = self.pending.iter().map(|one| one.amount);
        let parts: Cents = pending.chain([self.ripe, self.in_transit, self.paid]).sum();
        let negative =
            [self.ripe, self.in_transit, self.paid].into_iter().min() < Some(Cents::ZERO);
        parts == self.earned && !negative
    }

    /// Counts what can be paid out by now as such.
    fn ripen(&mut self, now: Timestamp) {
        while let Some(one) = self.pending.pop_front_if(|one| one.available_at <= now) {
            add(&mut self.ripe, one.amount);
        }
    }
}

fn add(to: &mut Cents, amount: Cents) {
    *to = [*to, amount].into_iter().sum();
}

fn subtract(from: &mut Cents, amount: Cents) {
    add(from, amount.negated());
}

impl Aggregate for Earnings {
    type Event = EarningsEvent;

    fn evolve(&mut self, event: &EarningsEvent) {
        match event {
            EarningsEvent::Earned(earned) => {
                self.ripen(earned.at);
                add(&mut self.earned, earned.amount_cents);
                self.pending.push_back(Pending {
                    submission_id: earned.submission_id,
                    amount: earned.amount_cents,
                    available_at: earned.available_at,
                });
                self.last_available_at = earned.available_at;
                self.updated_at = earned.at;
            }
            EarningsEvent::AccountSet(set) => self.account = Some(set.account.clone()),
            EarningsEvent::Reserved(reserved) => {
                self.ripen(reserved.at);
                subtract(&mut self.ripe, reserved.amount_cents);
                add(&mut self.in_transit, reserved.amount_cents);
                self.payout = Some(reserved.payout_id);
                self.updated_at = reserved.at;
            }
            EarningsEvent::PaidOut(paid) => {
                subtract(&mut self.in_transit, paid.amount_cents);
                add(&mut self.paid, paid.amount_cents);
                self.payout = None;
                self.updated_at = paid.at;
            }
            EarningsEvent::Returned(returned) => {
                match returned.from {
                    ReturnedFrom::Transit => {
                        subtract(&mut self.in_transit, returned.amount_cents);
                        self.payout = None;
                    }
                    ReturnedFrom::Paid => subtract(&mut self.paid, returned.amount_cents),
                }
                add(&mut self.ripe, returned.amount_cents);
                self.updated_at = returned.at;
            }
        }
    }
}
