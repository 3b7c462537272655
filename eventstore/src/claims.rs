//! Names that exist once in the whole service, and personal data in erasable rows (design D2, D13).

use crate::error::StoreError;
use crate::store::Store;

/// Claims a name, given as its keyed hash, for a subject. Returns who holds it: the subject, or
/// whoever was first. Claiming again is harmless, so that a crash between a claim and its command
/// can be repeated.
pub async fn claim(store: &Store, digest: &[u8], subject: &str) -> Result<String, StoreError> {
    let inserted = sqlx::query_scalar!(
        "insert into claims (digest, subject) values ($1, $2) on conflict do nothing
         returning subject",
        digest,
        subject
    )
    .fetch_optional(store.single())
    .await?;
    match inserted {
        Some(subject) => Ok(subject),
        None => Ok(sqlx::query_scalar!("select subject from claims where digest = $1", digest)
            .fetch_one(store.single())
            .await?),
    }
}

/// Files a sealed piece of personal data under its subject.
pub async fn file_personal_data(
    store: &Store,
    part: i16,
    subject: &str,
    kind: &str,
    sealed: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into personal_data (part, subject, kind, sealed) values ($1, $2, $3, $4)
         on conflict (part, subject, kind) do update set sealed = excluded.sealed",
        part,
        subject,
        kind,
        sealed
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Reads a sealed piece of personal data.
pub async fn personal_data(
    store: &Store,
    part: i16,
    subject: &str,
    kind: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select sealed from personal_data where part = $1 and subject = $2 and kind = $3",
        part,
        subject,
        kind
    )
    .fetch_optional(store.single())
    .await?)
}

/// A code that was sent to a phone.
#[derive(Debug, Clone)]
pub struct PhoneCode {
    /// Keyed hash of the number.
    pub phone_digest: Vec<u8>,
    /// Keyed hash of the code.
    pub code_digest: Vec<u8>,
    /// Until when it works, in microseconds since the epoch.
    pub expires_at: i64,
}

/// Stores the code of an organization's latest verification; an earlier one stops working.
pub async fn store_phone_code(
    store: &Store,
    part: i16,
    organization: &str,
    code: &PhoneCode,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into phone_codes (part, organization, phone_digest, code_digest, expires_at)
         values ($1, $2, $3, $4, $5)
         on conflict (part, organization) do update
         set phone_digest = excluded.phone_digest, code_digest = excluded.code_digest,
             expires_at = excluded.expires_at, attempts = 0",
        part,
        organization,
        code.phone_digest,
        code.code_digest,
        code.expires_at
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Returns the code of an organization's latest verification and counts the attempt; `None` if
/// there is none, or after `most` attempts.
pub async fn try_phone_code(
    store: &Store,
    part: i16,
    organization: &str,
    most: i32,
) -> Result<Option<PhoneCode>, StoreError> {
    let row = sqlx::query!(
        "update phone_codes set attempts = attempts + 1
         where part = $1 and organization = $2 and attempts < $3
         returning phone_digest, code_digest, expires_at",
        part,
        organization,
        most
    )
    .fetch_optional(store.single())
    .await?;
    Ok(row.map(|row| PhoneCode {
        phone_digest: row.phone_digest,
        code_digest: row.code_digest,
        expires_at: row.expires_at,
    }))
}
