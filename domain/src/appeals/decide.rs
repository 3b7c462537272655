//! Decide an appeal: the strike is lifted, and with it what rests on it; or it is upheld.

use super::events::{AppealDecided, AppealEvent, Outcome};
use super::state::AppealStatus;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{AppealId, Book, StreamId};
use crate::rejection::Rejection;
use crate::state::State;
use crate::workers::{Standing, WorkerEvent, WorkerReinstated, WorkerStrikeDecided, standing};

/// Decides an appeal, once.
#[derive(Debug, Clone)]
pub struct DecideAppeal {
    /// The appeal.
    pub appeal_id: AppealId,
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub note: Option<String>,
}

impl Command for DecideAppeal {
    fn book(&self, view: &dyn View) -> Option<Book> {
        match view.state(StreamId::Appeal(self.appeal_id)) {
            Some(State::Appeal(appeal)) if appeal.exists() => Some(Book::Worker(appeal.worker_id)),
            _ => None,
        }
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Appeal(self.appeal_id), &mut missing);
        if let Some(Book::Worker(worker_id)) = self.book(view) {
            need(view, StreamId::Worker(worker_id), &mut missing);
        }
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let appeal = decision::appeal(view, self.appeal_id)?;
        if appeal.status != AppealStatus::Open {
            return Err(Rejection::AlreadyDecided);
        }
        let worker = decision::worker(view, appeal.worker_id)?;
        let stream = StreamId::Worker(appeal.worker_id);
        let decided =
            AppealDecided { outcome: self.outcome, note: self.note.clone(), at: context.now };
        let strike = WorkerStrikeDecided {
            submission_id: appeal.submission_id,
            appeal_id: self.appeal_id,
            at: context.now,
        };
        let mut changes =
            Changes::none().append(StreamId::Appeal(self.appeal_id), AppealEvent::Decided(decided));
        match self.outcome {
            Outcome::Upheld => changes.push(stream, WorkerEvent::StrikeUpheld(strike)),
            Outcome::Lifted => {
                changes.push(stream, WorkerEvent::StrikeLifted(strike));
                let others = worker.counting();
                let others = others.filter(|one| one.submission_id != appeal.submission_id);
                let deserved = standing(others.map(|one| one.at));
                if deserved != worker.standing {
                    let suspended_until = match deserved {
                        Standing::Suspended { until } => Some(until),
                        Standing::Good | Standing::Banned => None,
                    };
                    let reinstated = WorkerReinstated { suspended_until, at: context.now };
                    changes.push(stream, WorkerEvent::Reinstated(reinstated));
                }
            }
        }
        Ok(changes)
    }
}
