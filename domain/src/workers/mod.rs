//! Workers: who captures, their strikes and their standing. A worker's stream lives in the part of
//! the worker's own id.

mod events;
mod record;
mod register;
mod standing;
mod state;
mod tier;

pub use events::{
    WorkerBanned, WorkerEvent, WorkerRegistered, WorkerReinstated, WorkerStrikeAppealed,
    WorkerStrikeDecided, WorkerStrikeIssued, WorkerSubmissionEnded, WorkerSuspended,
};
pub use record::RecordOutcome;
pub use register::RegisterWorker;
pub use standing::{Standing, standing};
pub use state::{Strike, StrikeStatus, Worker};
pub use tier::Tier;
