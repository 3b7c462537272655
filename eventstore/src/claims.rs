//! Names that exist once in the whole service, and personal data in erasable rows (design D2, D13).

use crate::error::StoreError;
use crate::store::Store;

/// Claims a name, given as its keyed hash, for a subject, and files sealed personal data under the subject
/// if nobody held the name. Returns who holds it: the subject, or whoever was first. Claiming again is
/// harmless, so that a crash between a claim and its command can be repeated.
pub async fn claim(
    store: &Store,
    digest: &[u8],
    (part, subject): (i16, &str),
    data: &[(&str, Vec<u8>)],
) -> Result<String, StoreError> {
    let (kinds, sealed): (Vec<String>, Vec<Vec<u8>>) =
        data.iter().map(|(kind, sealed)| ((*kind).to_owned(), sealed.clone())).unzip();
    let held = sqlx::query_scalar!(
        r#"with claimed as (
             insert into claims (digest, subject) values ($1, $2) on conflict do nothing
             returning subject),
           filed as (
             insert into personal_data (part, subject, kind, sealed)
             select $3, c.subject, d.kind, d.sealed
             from claimed c cross join unnest($4::text[], $5::bytea[]) as d(kind, sealed))
           select subject as "subject!" from claimed
           union all
           select subject from claims where digest = $1"#,
        digest,
        subject,
        part,
        &kinds,
        &sealed
    )
    .fetch_optional(store.single())
    .await?;
    match held {
        Some(subject) => Ok(subject),
        None => holder(store, digest).await,
    }
}

/// Returns who holds a name that somebody claimed while this was being asked.
async fn holder(store: &Store, digest: &[u8]) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar!("select subject from claims where digest = $1", digest)
        .fetch_one(store.single())
        .await?)
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

/// A code for a phone.
#[derive(Debug, Clone)]
pub struct PhoneCode {
    /// Keyed hash of the number.
    pub phone_digest: Vec<u8>,
    /// Keyed hash of the code.
    pub code_digest: Vec<u8>,
}

/// Stores the code of an organization's latest verification, which works until an instant, in microseconds
/// since the epoch; an earlier one stops working.
pub async fn store_phone_code(
    store: &Store,
    part: i16,
    organization: &str,
    code: &PhoneCode,
    expires_at: i64,
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
        expires_at
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Counts an attempt at the code of an organization's latest verification, of which there are `most`; a
/// number and a code that are the right ones at this time claim the number. Returns who holds it then;
/// `None` if they are not.
pub async fn claim_phone(
    store: &Store,
    (part, organization): (i16, &str),
    tried: &PhoneCode,
    most: i32,
    now: i64,
) -> Result<Option<String>, StoreError> {
    let found = sqlx::query!(
        r#"with sent as (
             update phone_codes set attempts = attempts + 1
             where part = $1 and organization = $2 and attempts < $3
             returning phone_digest = $4 and code_digest = $5 and expires_at > $6 as fits),
           claimed as (
             insert into claims (digest, subject) select $4, $2 from sent where fits
             on conflict do nothing
             returning subject)
           select fits as "fits!",
                  coalesce((select subject from claimed),
                           (select subject from claims where digest = $4)) as holder
           from sent"#,
        part,
        organization,
        most,
        tried.phone_digest,
        tried.code_digest,
        now
    )
    .fetch_optional(store.single())
    .await?;
    match found {
        Some(found) if found.fits => match found.holder {
            Some(subject) => Ok(Some(subject)),
            None => holder(store, &tried.phone_digest).await.map(Some),
        },
        _ => Ok(None),
    }
}
