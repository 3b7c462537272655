//! Jobs: what a buyer asks for, its slots, its progress and its escrow.

mod cancel;
mod create;
mod events;
mod expire;
mod flag;
mod rate;
mod sandbox;
mod state;

pub use cancel::CancelJob;
pub use create::{CreateJob, JobInput, JobType, Location};
pub use events::{
    CancelReason, JobCancelled, JobCompleted, JobCreated, JobEvent, JobFilesApproved, JobFlagged,
    JobRated, JobSlotReleased, JobSlotReserved,
};
pub use expire::ExpireJob;
pub use flag::FlagJob;
pub use rate::RateJob;
pub use sandbox::SandboxCourse;
pub use state::{ActiveSubmission, Job, JobStatus, SubmissionCounts};
