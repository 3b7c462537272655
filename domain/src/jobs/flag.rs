//! Flag a job as unreasonable. The job goes on; people look at it.

use super::events::{JobEvent, JobFlagged};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, JobId, StreamId, WorkerId};
use crate::rejection::Rejection;
use crate::state::State;

/// Records a worker's complaint, once for each worker.
#[derive(Debug, Clone)]
pub struct FlagJob {
    /// The job.
    pub job_id: JobId,
    /// Who complains.
    pub worker_id: WorkerId,
    /// Why.
    pub reason: String,
}

impl Command for FlagJob {
    fn book(&self, view: &dyn View) -> Option<Book> {
        match view.state(StreamId::Job(self.job_id)) {
            Some(State::Job(job)) if job.exists() => Some(job.book),
            _ => None,
        }
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Job(self.job_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, _context: &Context) -> Result<Changes, Rejection> {
        let job = decision::job(view, self.job_id)?;
        if job.flagged_by.contains(&self.worker_id) {
            return Ok(Changes::none());
        }
        job.must_be_active()?;
        let flagged = JobFlagged { worker_id: self.worker_id, reason: self.reason.clone() };
        Ok(Changes::none().append(StreamId::Job(self.job_id), JobEvent::Flagged(flagged)))
    }
}
