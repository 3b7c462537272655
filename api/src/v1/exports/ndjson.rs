//! Newline-delimited JSON: an entry on each line, with its postings.

use super::entry::{JournalEntry, decimal};
use crate::error::ApiError;
use firsthand_domain::{Cents, Environment, Timestamp};
use serde::Serialize;

#[derive(Debug, Serialize)]
struct EntryLine<'a> {
    object: &'static str,
    id: &'a str,
    recorded_at: Timestamp,
    event_type: &'a str,
    #[serde(rename = "type")]
    transaction_type: Option<&'a str>,
    position: i64,
    description: &'a str,
    job_id: Option<&'a str>,
    submission_id: Option<&'a str>,
    lot_id: Option<&'a str>,
    external_ref: Option<&'a str>,
    environment: Environment,
    currency: &'static str,
    postings: Vec<PostingLine<'a>>,
}

#[derive(Debug, Serialize)]
struct PostingLine<'a> {
    account: &'a str,
    amount_cents: Cents,
    amount: String,
}

/// Writes an entry.
pub(super) fn write(entry: &JournalEntry) -> Result<String, ApiError> {
    let postings = entry.postings.iter().map(|posting| PostingLine {
        account: &posting.account,
        amount_cents: posting.amount,
        amount: decimal(posting.amount),
    });
    let line = EntryLine {
        object: "journal_entry",
        id: &entry.id,
        recorded_at: entry.recorded_at,
        event_type: &entry.event_type,
        transaction_type: entry.transaction_type.as_deref(),
        position: entry.position,
        description: &entry.description,
        job_id: entry.job_id.as_deref(),
        submission_id: entry.submission_id.as_deref(),
        lot_id: entry.lot_id.as_deref(),
        external_ref: entry.external_ref.as_deref(),
        environment: entry.environment,
        currency: "usd",
        postings: postings.collect(),
    };
    let mut text = serde_json::to_string(&line)
        .map_err(|error| ApiError::Internal(format!("an entry can't be written: {error}")))?;
    text.push('\n');
    Ok(text)
}
