//! When keys were used last: remembered in memory, written together at most once a minute and at
//! the end. A request only notes; a use that a crash forgets is not worth a write for each request.

use crate::app::AppState;
use firsthand_domain::ids::ApiKeyId;
use firsthand_domain::{Book, Timestamp};
use firsthand_eventstore::Store;
use firsthand_projections::api_key_uses::{self, KeyUse};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often uses are written.
const PAUSE: Duration = Duration::from_mins(1);
/// Keys that are written in one statement.
const MOST: usize = 10_000;
/// Keys that are remembered if the database can't be reached; more are forgotten.
const BOUND: usize = 100_000;

/// Uses that are not yet written.
#[derive(Debug, Default)]
pub struct KeyUses(Mutex<BTreeMap<ApiKeyId, (Book, Timestamp)>>);

impl KeyUses {
    /// Notes that a key was used.
    pub(crate) fn note(&self, key: ApiKeyId, book: Book, now: Timestamp) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, at)) = uses.get_mut(&key) {
            *at = now.max(*at);
        } else if uses.len() < BOUND {
            uses.insert(key, (book, now));
        }
    }

    fn noted(&self, key: ApiKeyId) -> Option<Timestamp> {
        let uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.get(&key).map(|(_, at)| *at)
    }

    fn take(&self) -> Vec<KeyUse> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let uses = std::mem::take(&mut *uses).into_iter();
        uses.map(|(key_id, (book, at))| KeyUse { key_id, book, used_at: at.micros() }).collect()
    }
}

impl AppState {
    /// Returns when a key was used last: what is written, or what this process noted since.
    pub(crate) fn latest_use(
        &self,
        key: ApiKeyId,
        written: Option<Timestamp>,
    ) -> Option<Timestamp> {
        self.process.key_uses.noted(key).max(written)
    }

    /// Returns when a key of a book was used last.
    pub(crate) async fn last_use(
        &self,
        book: Book,
        key: ApiKeyId,
    ) -> Result<Option<Timestamp>, firsthand_eventstore::StoreError> {
        let written = api_key_uses::last(self.store(), book, key).await?;
        Ok(self.latest_use(key, written.map(Timestamp::from_micros)))
    }

    /// Writes what was noted. What can't be written is noted again.
    async fn write_key_uses(&self, store: &Store) {
        let uses = self.process.key_uses.take();
        for chunk in uses.chunks(MOST) {
            if let Err(error) = api_key_uses::record(store, chunk).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "uses of keys are not written"
                );
                for used in chunk {
                    let at = Timestamp::from_micros(used.used_at);
                    self.process.key_uses.note(used.key_id, used.book, at);
                }
            }
        }
    }

    /// Writes what was noted again and again, and once more when no request can follow: after
    /// `stop` and the end of all connections.
    pub async fn keep_key_uses(
        self,
        store: Store,
        stop: CancellationToken,
        connections: TaskTracker,
    ) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(PAUSE) => self.write_key_uses(&store).await,
            }
        }
        connections.wait().await;
        self.write_key_uses(&store).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firsthand_domain::Environment;
    use firsthand_domain::ids::OrganizationId;

    #[test]
    fn the_latest_use_of_each_key_is_taken_once() {
        let uses = KeyUses::default();
        let book = Book::Organization(OrganizationId::default(), Environment::Live);
        let key = ApiKeyId::default();
        for at in [5, 7, 6] {
            uses.note(key, book, Timestamp::from_micros(at));
        }
        assert_eq!(uses.noted(key), Some(Timestamp::from_micros(7)));
        assert_eq!(uses.take(), [KeyUse { key_id: key, book, used_at: 7 }]);
        assert_eq!(uses.take(), []);
        assert_eq!(uses.noted(key), None);
    }
}
