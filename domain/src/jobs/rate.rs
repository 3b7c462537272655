//! Rate a completed job, once.

use super::events::{JobEvent, JobRated};
use super::state::JobStatus;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, JobId, StreamId};
use crate::rejection::Rejection;

/// Records the buyer's rating.
#[derive(Debug, Clone)]
pub struct RateJob {
    /// The buyer's book.
    pub book: Book,
    /// The job.
    pub job_id: JobId,
    /// 1 to 5.
    pub rating: u8,
    /// Words.
    pub feedback: Option<String>,
}

impl Command for RateJob {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Job(self.job_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, _context: &Context) -> Result<Changes, Rejection> {
        let job = decision::job_of(view, self.job_id, self.book)?;
        if job.status != JobStatus::Completed {
            return Err(Rejection::NotCompleted);
        }
        if job.buyer_rating.is_some() {
            return Err(Rejection::AlreadyRated);
        }
        let rated = JobRated { rating: self.rating, feedback: self.feedback.clone() };
        Ok(Changes::none().append(StreamId::Job(self.job_id), JobEvent::Rated(rated)))
    }
}
