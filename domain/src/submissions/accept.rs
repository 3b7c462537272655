//! Accept a job: reserve a slot for a worker.

use super::events::{SubmissionAccepted, SubmissionEvent};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, JobId, StreamId, SubmissionId, WorkerId};
use crate::jobs::{JobEvent, JobSlotReserved};
use crate::rejection::Rejection;
use crate::state::State;
use crate::time::Span;

/// How long a worker has for the upload after accepting.
pub const RESERVATION: Span = Span::minutes(30);

/// Reserves the next slot of a job. The worker's own standing is checked where the worker is
/// authenticated: it lives in another part of the log.
#[derive(Debug, Clone)]
pub struct AcceptJob {
    /// The job.
    pub job_id: JobId,
    /// The new submission, in the job's slot.
    pub submission_id: SubmissionId,
    /// Who accepts.
    pub worker_id: WorkerId,
    /// Where the worker is.
    pub worker_region: Option<String>,
    /// How long after it was posted the job opens to this worker (spec section 11).
    pub wait: Span,
}

impl Command for AcceptJob {
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

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let job = decision::job(view, self.job_id)?;
        job.must_be_active()?;
        if job.input.deadline.is_some_and(|deadline| deadline <= context.now) {
            return Err(Rejection::WindowOver);
        }
        if job.active.values().any(|active| active.worker_id == self.worker_id) {
            return Err(Rejection::AlreadyAccepted);
        }
        let opens_at = job.created_at.after(self.wait);
        // Without a wait a job is open, whatever the clock of the process that posted it says.
        if self.wait > Span::ZERO && context.now < opens_at {
            return Err(Rejection::NotOpenYet { opens_at });
        }
        let files = job.files_open().min(job.input.files_per_submission);
        if files == 0 {
            return Err(Rejection::JobFull);
        }
        let workers = u32::try_from(job.active.len()).unwrap_or(u32::MAX);
        if job.input.max_workers.is_some_and(|most| workers >= most) {
            return Err(Rejection::TooManyWorkers);
        }
        let accepted = SubmissionAccepted {
            submission_id: self.submission_id,
            book: job.book,
            job_id: self.job_id,
            worker_id: self.worker_id,
            worker_region: self.worker_region.clone(),
            files,
            expires_at: context.now.after(RESERVATION),
            at: context.now,
        };
        let reserved =
            JobSlotReserved { submission_id: self.submission_id, worker_id: self.worker_id, files };
        Ok(Changes::none()
            .append(StreamId::Submission(self.submission_id), SubmissionEvent::Accepted(accepted))
            .append(StreamId::Job(self.job_id), JobEvent::SlotReserved(reserved)))
    }
}
