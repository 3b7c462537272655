//! Appeal against a strike.

use super::events::{AppealEvent, AppealOpened};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{AppealId, Book, StreamId, SubmissionId, WorkerId};
use crate::rejection::Rejection;
use crate::workers::{StrikeStatus, WorkerEvent, WorkerStrikeAppealed};

/// Appeals against a strike, once. The strike counts until it is decided.
#[derive(Debug, Clone)]
pub struct OpenAppeal {
    /// The new appeal.
    pub appeal_id: AppealId,
    /// Who appeals.
    pub worker_id: WorkerId,
    /// The submission that the strike was given for.
    pub submission_id: SubmissionId,
    /// Why.
    pub reason: String,
}

impl Command for OpenAppeal {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(Book::Worker(self.worker_id))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Worker(self.worker_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let worker = decision::worker(view, self.worker_id)?;
        let Some(strike) = worker.strike(self.submission_id) else {
            return Err(Rejection::NotFound { kind: "strike" });
        };
        match strike.status {
            StrikeStatus::Active => (),
            StrikeStatus::Appealed | StrikeStatus::Lifted | StrikeStatus::Upheld => {
                return Err(Rejection::AlreadyAppealed);
            }
        }
        let opened = AppealOpened {
            appeal_id: self.appeal_id,
            worker_id: self.worker_id,
            submission_id: self.submission_id,
            reason: self.reason.clone(),
            at: context.now,
        };
        let appealed = WorkerStrikeAppealed {
            submission_id: self.submission_id,
            appeal_id: self.appeal_id,
            at: context.now,
        };
        Ok(Changes::none()
            .append(StreamId::Appeal(self.appeal_id), AppealEvent::Opened(opened))
            .append(StreamId::Worker(self.worker_id), WorkerEvent::StrikeAppealed(appealed)))
    }
}
