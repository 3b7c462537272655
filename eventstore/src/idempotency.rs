//! Idempotency: the first answer to a key, kept with the commit that it belongs to (design D7).

use crate::error::StoreError;
use crate::store::Store;
use bytes::Bytes;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type KeyDigest = [u8; 32];

/// Names a keyed request and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Digest of book, method, path and key.
    pub digest: KeyDigest,
    /// Digest of the canonical body.
    pub request_hash: KeyDigest,
}

impl IdempotencyKey {
    /// Makes the key of a request. Each field is prefixed by its length, so that no two requests
    /// share a digest.
    pub fn new(scope: &[&str], canonical_body: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        for field in scope {
            hasher.update(field.len().to_be_bytes());
            hasher.update(field.as_bytes());
        }
        Self {
            digest: hasher.finalize().into(),
            request_hash: Sha256::digest(canonical_body).into(),
        }
    }
}

/// The first answer to a key, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// What the request asked for.
    pub request_hash: KeyDigest,
    /// HTTP status.
    pub status: u16,
    /// Whether the body is sealed, because it holds a secret.
    pub sealed: bool,
    /// The body.
    pub body: Bytes,
}

/// Answers of this many latest keys are kept in memory, in each of two generations.
const GENERATION: usize = 32_768;
/// Bytes of answers in each of the two generations.
const GENERATION_BYTES: usize = 32 * 1_024 * 1_024;

/// The latest keys, in memory: bounded, with no bookkeeping for each use.
#[derive(Debug, Default)]
pub struct RecentKeys {
    young_bytes: usize,
    young: FxHashMap<KeyDigest, StoredAnswer>,
    old: FxHashMap<KeyDigest, StoredAnswer>,
}

impl RecentKeys {
    /// Returns the answer to a key, if it is among the latest.
    pub fn get(&self, digest: &KeyDigest) -> Option<&StoredAnswer> {
        self.young.get(digest).or_else(|| self.old.get(digest))
    }

    /// Remembers an answer.
    pub fn insert(&mut self, digest: KeyDigest, answer: StoredAnswer) {
        if self.young.len() >= GENERATION || self.young_bytes >= GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += answer.body.len();
        self.young.insert(digest, answer);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.young_bytes = 0;
        self.young.clear();
        self.old.clear();
    }
}

/// Returns the stored answer to a key.
pub(crate) async fn find(
    store: &Store,
    part: i16,
    digest: &[u8],
) -> Result<Option<StoredAnswer>, StoreError> {
    let row = sqlx::query!(
        "select request_hash, status, sealed, body from idempotency_keys
         where part = $1 and digest = $2",
        part,
        digest
    )
    .fetch_optional(store.single())
    .await?;
    row.map(|row| crate::batch::stored(&row.request_hash, row.status, row.sealed, &row.body))
        .transpose()
}

/// Deletes up to `most` answers of a part that are older than `before` (microseconds since the epoch).
/// Returns whether there may be more.
pub async fn prune(store: &Store, part: i16, before: i64, most: i64) -> Result<bool, StoreError> {
    let deleted = sqlx::query!(
        "delete from idempotency_keys
         where part = $1 and digest in (
           select digest from idempotency_keys
           where part = $1 and created_at < $2
           order by created_at
           limit $3)",
        part,
        before,
        most
    )
    .execute(store.single())
    .await?;
    Ok(i64::try_from(deleted.rows_affected()) == Ok(most))
}
