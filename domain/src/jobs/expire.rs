//! Expire a job: cancel it because its deadline has passed.

use super::cancel;
use super::events::CancelReason;
use crate::decision::{self, Changes, Command, Context, View};
use crate::ids::{Book, JobId, StreamId};
use crate::rejection::Rejection;
use crate::state::State;

/// Cancels a job whose deadline has passed. Does nothing once the job has ended.
#[derive(Debug, Clone)]
pub struct ExpireJob {
    /// The job.
    pub job_id: JobId,
}

impl Command for ExpireJob {
    fn book(&self, view: &dyn View) -> Option<Book> {
        match view.state(StreamId::Job(self.job_id)) {
            Some(State::Job(job)) if job.exists() => Some(job.book),
            _ => None,
        }
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        cancel::needs(view, self.job_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let job = decision::job(view, self.job_id)?;
        if !job.status.active() {
            return Ok(Changes::none());
        }
        if job.input.deadline.is_none_or(|deadline| deadline > context.now) {
            return Err(Rejection::TooEarly);
        }
        cancel::close(view, job, self.job_id, CancelReason::Deadline, context)
    }
}
