//! The submissions that workers have begun lately. A worker's submissions lie in the parts of many
//! buyers, so that no command can count them; they are counted in a read model, which is behind the
//! log. What it may lack is remembered here, so that the daily cap is exact within a process.

use firsthand_domain::Timestamp;
use firsthand_domain::ids::{SubmissionId, WorkerId};
use tokio::sync::{Mutex, MutexGuard};

/// Workers who share a lock wait for each other; so many locks make that rare.
const LOCKS: u16 = 1_024;

/// A submission that the read model may not hold yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    /// Whose it is.
    pub worker: WorkerId,
    /// The submission.
    pub submission: SubmissionId,
    /// When it was begun.
    pub at: Timestamp,
    /// Where it lies.
    pub part: i16,
    /// A position that the part has reached with it.
    pub position: i64,
}

/// What workers have begun lately. Whoever holds a worker's turn is the only one who counts or begins
/// a submission of his at this process.
#[derive(Debug)]
pub struct BegunSubmissions(Vec<Mutex<Vec<Begun>>>);

impl Default for BegunSubmissions {
    fn default() -> Self {
        Self((0..LOCKS).map(|_| Mutex::default()).collect())
    }
}

impl BegunSubmissions {
    /// Waits for a worker's turn.
    pub(crate) async fn turn(&self, worker: WorkerId) -> MutexGuard<'_, Vec<Begun>> {
        let lock = worker.ulid().0 % u128::from(LOCKS);
        self.0[usize::try_from(lock).unwrap_or(0)].lock().await
    }
}
