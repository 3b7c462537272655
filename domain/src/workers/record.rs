//! Record how a submission ended in its worker's own book; strikes, suspensions and bans follow.

use super::events::{
    WorkerBanned, WorkerEvent, WorkerStrikeIssued, WorkerSubmissionEnded, WorkerSuspended,
};
use super::state::Standing;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, StreamId, SubmissionId, WorkerId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::time::Span;

/// Strikes count for this long (spec section 5).
const STRIKE_WINDOW: Span = Span::days(30);
/// So many strikes suspend.
const STRIKES_TO_SUSPEND: usize = 3;
/// So many strikes ban.
const STRIKES_TO_BAN: usize = 5;
/// How long a suspension lasts.
const SUSPENSION: Span = Span::days(7);

/// Carries the end of a submission from the buyer's part of the log to the worker's. Executed once
/// for each submission: the caller gives it an idempotency key.
#[derive(Debug, Clone)]
pub struct RecordOutcome {
    /// The worker.
    pub worker_id: WorkerId,
    /// The submission that ended.
    pub submission_id: SubmissionId,
    /// Whether it was approved.
    pub approved: bool,
    /// What it earned.
    pub earned: Cents,
    /// Whether it gives a strike.
    pub strike: bool,
}

impl Command for RecordOutcome {
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
        let stream = StreamId::Worker(self.worker_id);
        let ended = WorkerSubmissionEnded {
            submission_id: self.submission_id,
            approved: self.approved,
            earned_cents: self.earned,
        };
        let mut changes = Changes::none().append(stream, WorkerEvent::SubmissionEnded(ended));
        if !self.strike {
            return Ok(changes);
        }
        let strike = WorkerStrikeIssued { submission_id: self.submission_id, at: context.now };
        changes.push(stream, WorkerEvent::StrikeIssued(strike));
        let since = context.now.before(STRIKE_WINDOW);
        let earlier = worker.strikes.iter().filter(|at| **at > since).count();
        let strikes = earlier.saturating_add(1);
        if worker.standing == Standing::Banned {
            return Ok(changes);
        }
        if strikes >= STRIKES_TO_BAN {
            changes.push(stream, WorkerEvent::Banned(WorkerBanned { at: context.now }));
        } else if strikes >= STRIKES_TO_SUSPEND {
            let until = context.now.after(SUSPENSION);
            changes.push(stream, WorkerEvent::Suspended(WorkerSuspended { until }));
        }
        Ok(changes)
    }
}
