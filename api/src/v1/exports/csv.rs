//! Comma-separated values (RFC 4180): a row for each posting, under a header.

use super::entry::{JournalEntry, decimal};
use crate::error::ApiError;
use csv::{Terminator, WriterBuilder};

/// The columns.
const COLUMNS: [&str; 15] = [
    "entry_id",
    "recorded_at",
    "event_type",
    "type",
    "position",
    "leg",
    "account",
    "amount",
    "currency",
    "description",
    "job_id",
    "submission_id",
    "lot_id",
    "environment",
    "external_ref",
];

/// What a spreadsheet may take for the beginning of a formula.
const FORMULAS: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

fn broken(error: impl std::fmt::Display) -> ApiError {
    ApiError::Internal(format!("a row can't be written: {error}"))
}

fn rows(rows: impl IntoIterator<Item = [String; COLUMNS.len()]>) -> Result<String, ApiError> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(broken)?;
    }
    String::from_utf8(writer.into_inner().map_err(broken)?).map_err(broken)
}

/// Returns the header.
pub(super) fn head() -> Result<String, ApiError> {
    rows([COLUMNS.map(ToOwned::to_owned)])
}

/// Returns a text that no spreadsheet takes for a formula.
fn inert(text: &str) -> String {
    let begins = text.trim_start().starts_with(FORMULAS);
    if begins { format!("'{text}") } else { text.to_owned() }
}

/// Writes an entry.
pub(super) fn write(entry: &JournalEntry) -> Result<String, ApiError> {
    let or_empty = |id: &Option<String>| id.clone().unwrap_or_default();
    rows(entry.postings.iter().enumerate().map(|(leg, posting)| {
        [
            entry.id.clone(),
            entry.recorded_at.to_string(),
            entry.event_type.clone(),
            or_empty(&entry.transaction_type),
            entry.position.to_string(),
            leg.to_string(),
            posting.account.clone(),
            decimal(posting.amount),
            "USD".to_owned(),
            inert(&entry.description),
            or_empty(&entry.job_id),
            or_empty(&entry.submission_id),
            or_empty(&entry.lot_id),
            entry.environment.as_str().to_owned(),
            inert(&or_empty(&entry.external_ref)),
        ]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_becomes_a_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\u{ff1d}1"] {
            assert_eq!(inert(text), format!("'{text}"));
        }
        assert_eq!(inert("Held for a job"), "Held for a job");
    }

    #[test]
    fn separators_and_quotes_are_quoted() {
        let mut row: [String; COLUMNS.len()] = Default::default();
        "a \"b\", c".clone_into(&mut row[0]);
        assert_eq!(rows([row]).unwrap(), "\"a \"\"b\"\", c\",,,,,,,,,,,,,,\r\n");
    }
}
