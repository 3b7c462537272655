//! What all histories together came across: a property that never met its case proves nothing.

use crate::model::Model;
use crate::world::World;
use firsthand_domain::credits::CreditEvent;
use firsthand_domain::jobs::JobEvent;
use firsthand_domain::submissions::SubmissionEvent;
use firsthand_domain::{Event, Rejection, StreamId};
use std::collections::BTreeMap;

/// Counts of everything worth meeting.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    seen: BTreeMap<String, u64>,
}

/// Cases that ten thousand histories must meet fifty times each.
const MUST_MEET: &[&str] = &[
    "credits.captured",
    "credits.expired",
    "credits.granted",
    "credits.held",
    "credits.released",
    "job.cancelled",
    "job.completed",
    "job.flagged",
    "job.rated",
    "submission.approved",
    "submission.delivered",
    "submission.rejected",
    "submission.retry_requested",
    "submission.timed_out",
    "submission.withdrawn",
    "a capture from several lots",
    "a hold from several lots",
    "a hold beside an ended lot with something left",
    "a lot expired while a job held some of it",
    "a lot lived on after a refund",
    "a deadline enforced by a late score",
    "fewer files approved than reserved",
    "a refund after some files were approved",
    "a second attempt approved",
    "no change",
    "refused: AlreadyAccepted",
    "refused: AlreadyRated",
    "refused: FreeTierJobLimit",
    "refused: InsufficientCredits",
    "refused: JobFull",
    "refused: JobNotActive",
    "refused: NotCompleted",
    "refused: NotFound",
    "refused: PhoneAlreadyVerified",
    "refused: TooEarly",
    "refused: TooManyWorkers",
    "refused: WindowOver",
    "refused: WrongFileCount",
    "refused: WrongSubmissionStatus",
];

impl Coverage {
    fn meet(&mut self, case: &str) {
        if let Some(count) = self.seen.get_mut(case) {
            *count += 1;
        } else {
            self.seen.insert(case.to_owned(), 1);
        }
    }

    /// Counts a refusal.
    pub(crate) fn refused(&mut self, rejection: &Rejection) {
        let debug = format!("{rejection:?}");
        let kind = debug.split([' ', '{', '(']).next().unwrap_or_default();
        self.meet(&format!("refused: {kind}"));
    }

    /// Counts what a command did; `model` is as it was before.
    pub(crate) fn changed(&mut self, world: &World, model: &Model, events: &[(StreamId, Event)]) {
        if events.is_empty() {
            self.meet("no change");
        }
        for (_, event) in events {
            self.meet(event.name());
            match event {
                Event::Credits(event) => self.money(world, model, event),
                Event::Job(JobEvent::FilesApproved(approved)) if approved.unused > 0 => {
                    self.meet("fewer files approved than reserved");
                }
                Event::Submission(SubmissionEvent::Scored(scored)) if scored.attempt == 2 => {
                    let approved = events.iter().any(|(_, event)| {
                        matches!(event, Event::Submission(SubmissionEvent::Approved(_)))
                    });
                    if approved {
                        self.meet("a second attempt approved");
                    }
                }
                _ => (),
            }
        }
    }

    fn money(&mut self, world: &World, model: &Model, event: &CreditEvent) {
        match event {
            CreditEvent::Held(held) => {
                if held.draws.len() > 1 {
                    self.meet("a hold from several lots");
                }
                let ended = model.books.values().flat_map(|book| &book.lots).any(|lot| {
                    lot.id.slot() == held.job_id.slot()
                        && lot.remaining > 0
                        && lot.spendable(world.now) == 0
                });
                if ended {
                    self.meet("a hold beside an ended lot with something left");
                }
            }
            CreditEvent::Captured(captured) if captured.draws.len() > 1 => {
                self.meet("a capture from several lots");
            }
            CreditEvent::Released(released) => {
                if !released.extended.is_empty() {
                    self.meet("a lot lived on after a refund");
                }
                if model.jobs.get(&released.job_id).is_some_and(|job| job.approved > 0) {
                    self.meet("a refund after some files were approved");
                }
            }
            CreditEvent::Expired(expired) => {
                let lots = model.books.values().flat_map(|book| &book.lots);
                if lots.filter(|lot| lot.id == expired.lot_id).any(|lot| lot.held_total() > 0) {
                    self.meet("a lot expired while a job held some of it");
                }
            }
            CreditEvent::LowBalance(_) => self.meet("a balance that fell below its threshold"),
            CreditEvent::Captured(_)
            | CreditEvent::Granted(_)
            | CreditEvent::ExpiringSoon(_)
            | CreditEvent::TopUpRequested(_)
            | CreditEvent::AutoToppedUp(_)
            | CreditEvent::TopUpFailed(_)
            | CreditEvent::CardSaved(_)
            | CreditEvent::ChargedBack(_)
            | CreditEvent::DebtSettled(_) => (),
        }
    }

    /// Counts a late score that closed its job.
    pub(crate) fn late_score(&mut self) {
        self.meet("a deadline enforced by a late score");
    }

    /// Names what was met too rarely.
    pub(crate) fn missing(&self) -> Vec<(&'static str, u64)> {
        MUST_MEET
            .iter()
            .map(|case| (*case, self.seen.get(*case).copied().unwrap_or(0)))
            .filter(|(_, count)| *count < 50)
            .collect()
    }
}
