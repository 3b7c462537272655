//! One at a time for each job.

use firsthand_domain::ids::JobId;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use tokio::sync::{Mutex, MutexGuard};

/// Who does one thing at a time for a job. A job shares its turn with few others, so that there is nothing to
/// tidy up.
#[derive(Debug)]
pub(crate) struct Turns([Mutex<()>; 64]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_n| Mutex::default()))
    }
}

impl Turns {
    /// Waits for a job's turn, which lasts until what is returned is dropped.
    pub(crate) async fn of(&self, job: JobId) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        job.hash(&mut hasher);
        let many = u64::try_from(self.0.len()).unwrap_or(1);
        let one = usize::try_from(hasher.finish() % many).ok().and_then(|n| self.0.get(n))?;
        Some(one.lock().await)
    }
}
