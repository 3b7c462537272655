//! Record how a submission ended in its worker's own book; strikes, suspensions and bans follow.

use super::events::{
    WorkerBanned, WorkerEvent, WorkerStrikeIssued, WorkerSubmissionEnded, WorkerSuspended,
};
use super::standing::{Standing, standing};
use super::state::Worker;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::earnings::{EarningsEvent, Pay, earn};
use crate::ids::{Book, StreamId, SubmissionId, WorkerId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::submissions::RejectionCode;

/// Carries the end of a submission from the buyer's part of the log to the worker's. Executed once
/// for each submission: the caller gives it an idempotency key.
#[derive(Debug, Clone)]
pub struct RecordOutcome {
    /// The worker.
    pub worker_id: WorkerId,
    /// The submission that ended.
    pub submission_id: SubmissionId,
    /// What it earned, if it was approved.
    pub pay: Option<Pay>,
    /// Why it gives a strike, if it does.
    pub strike: Option<RejectionCode>,
}

impl Command for RecordOutcome {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(Book::Worker(self.worker_id))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Worker(self.worker_id), &mut missing);
        need(view, StreamId::Earnings(self.worker_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let worker = decision::worker(view, self.worker_id)?;
        let stream = StreamId::Worker(self.worker_id);
        let mut earned = None;
        if let Some(pay) = &self.pay {
            let earnings = decision::earnings(view, self.worker_id)?;
            earned = earn(earnings, self.worker_id, self.submission_id, pay, context.now);
            if earned.is_none() {
                // It is booked.
                return Ok(Changes::none());
            }
        }
        let ended = WorkerSubmissionEnded {
            submission_id: self.submission_id,
            approved: self.pay.is_some(),
            earned_cents: earned.as_ref().map_or(Cents::ZERO, |earned| earned.amount_cents),
        };
        let mut changes = Changes::none().append(stream, WorkerEvent::SubmissionEnded(ended));
        if let Some(earned) = earned {
            changes.push(StreamId::Earnings(self.worker_id), EarningsEvent::Earned(earned));
        }
        if let Some(code) = self.strike
            && worker.strike(self.submission_id).is_none()
        {
            self.strike(&mut changes, worker, code, context);
        }
        Ok(changes)
    }
}

impl RecordOutcome {
    /// Adds a strike, and what it leads to. A ban is for good.
    fn strike(
        &self,
        changes: &mut Changes,
        worker: &Worker,
        code: RejectionCode,
        context: &Context,
    ) {
        let stream = StreamId::Worker(self.worker_id);
        let submission_id = self.submission_id;
        let strike = WorkerStrikeIssued { submission_id, code: Some(code), at: context.now };
        changes.push(stream, WorkerEvent::StrikeIssued(strike));
        if worker.standing == Standing::Banned {
            return;
        }
        let strikes = worker.counting().map(|strike| strike.at).chain([context.now]);
        let deserved = standing(strikes);
        if deserved == worker.standing {
            return;
        }
        match deserved {
            Standing::Good => (),
            Standing::Suspended { until } => {
                changes.push(stream, WorkerEvent::Suspended(WorkerSuspended { until }));
            }
            Standing::Banned => {
                changes.push(stream, WorkerEvent::Banned(WorkerBanned { at: context.now }));
            }
        }
    }
}
