//! An entry as every format writes it: named accounts, debits positive, whole cents.

use crate::views::{transaction_id, worker_pseudonym};
use firsthand_adapters::secrets::Secrets;
use firsthand_domain::credits::{debit, ledger_branch};
use firsthand_domain::ids::WorkerId;
use firsthand_domain::{Book, Cents, Environment, Timestamp};
use firsthand_projections::finance::entries::Entry;

/// One leg.
#[derive(Debug, Clone)]
pub(super) struct Posting {
    /// The account's name.
    pub account: String,
    /// The amount; a debit is positive.
    pub amount: Cents,
}

impl Posting {
    /// Makes a leg of an amount that the journal counts.
    pub(super) fn new(account: String, amount: Cents) -> Self {
        Self { account, amount: debit(amount) }
    }
}

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct JournalEntry {
    /// Its id: that of its movement.
    pub id: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Its position in the book's part.
    pub position: i64,
    /// The stored name of the event.
    pub event_type: String,
    /// The type of its movement.
    pub transaction_type: Option<String>,
    /// In words, on one line.
    pub description: String,
    /// The job.
    pub job_id: Option<String>,
    /// The submission.
    pub submission_id: Option<String>,
    /// The lot.
    pub lot_id: Option<String>,
    /// What the payment provider calls the payment, refund or dispute, on one line.
    pub external_ref: Option<String>,
    /// The environment.
    pub environment: Environment,
    /// Its legs; they sum to zero.
    pub postings: Vec<Posting>,
}

impl JournalEntry {
    /// Makes the entry of a money event.
    pub(super) fn of(secrets: &Secrets, book: Book, environment: Environment, row: Entry) -> Self {
        let legs = row.legs.iter();
        Self {
            id: transaction_id(row.recorded_at, row.position),
            recorded_at: Timestamp::from_micros(row.recorded_at),
            position: row.position,
            event_type: row.event_type,
            transaction_type: row.transaction_type,
            description: one_line(&row.description),
            job_id: row.job_id,
            submission_id: row.submission_id,
            lot_id: row.lot_id,
            external_ref: row.external_ref.as_deref().map(one_line),
            environment,
            postings: legs
                .map(|leg| {
                    let account = ledger_account(secrets, book, &leg.account);
                    Posting::new(account, Cents::new(leg.amount_cents))
                })
                .collect(),
        }
    }

    /// Makes an entry of opening balances at the beginning of a range.
    pub(super) fn opening(
        from: Timestamp,
        position: i64,
        environment: Environment,
        postings: Vec<Posting>,
    ) -> Self {
        Self {
            id: "opening".to_owned(),
            recorded_at: from,
            position,
            event_type: "opening".to_owned(),
            transaction_type: None,
            description: "Opening balances".to_owned(),
            job_id: None,
            submission_id: None,
            lot_id: None,
            external_ref: None,
            environment,
            postings,
        }
    }

    /// Returns the day on which it was recorded, in UTC.
    pub(super) fn day(&self) -> String {
        let mut text = self.recorded_at.to_string();
        text.truncate(text.find('T').unwrap_or(text.len()));
        text
    }

    /// Returns what else there is to say, by name, in one order.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("id", self.id.clone()),
            ("event", self.event_type.clone()),
            ("recorded_at", self.recorded_at.to_string()),
            ("position", self.position.to_string()),
        ];
        let more = [
            ("type", &self.transaction_type),
            ("job_id", &self.job_id),
            ("submission_id", &self.submission_id),
            ("lot_id", &self.lot_id),
            ("external_ref", &self.external_ref),
        ];
        facts.extend(more.into_iter().filter_map(|(name, fact)| Some((name, fact.clone()?))));
        facts
    }
}

/// Returns a text without control characters, such as ends of lines.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Writes an amount in dollars with two places, exactly.
pub(super) fn decimal(amount: Cents) -> String {
    amount.to_string().replace('$', "")
}

/// Returns the name that an account of the journal has in exports of its book. It stays the same for
/// ever, and is valid in plain-text accounting. Workers are named as the buyer knows them.
pub(crate) fn ledger_account(secrets: &Secrets, book: Book, account: &str) -> String {
    let (kind, id) = account.split_once(':').unwrap_or((account, ""));
    let branch = ledger_branch(kind);
    if id.is_empty() {
        return branch;
    }
    let known = match id.parse::<WorkerId>() {
        Ok(_) => worker_pseudonym(secrets, book, id),
        Err(_) => id.to_owned(),
    };
    format!("{branch}:{}", leaf(&known))
}

/// Returns the last part of an account's name: what follows the prefix of an identifier, in letters,
/// digits and hyphens, not beginning with a small letter.
fn leaf(id: &str) -> String {
    let own = id.split_once('_').map_or(id, |(_, own)| own);
    let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let mut name: String = own.chars().map(safe).collect();
    if !name.starts_with(|first: char| first.is_ascii_uppercase() || first.is_ascii_digit()) {
        name.insert(0, 'X');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_to_the_cent() {
        for (cents, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "-0.05"),
            (-12_345, "-123.45"),
            (i64::MAX, "92233720368547758.07"),
            (i64::MIN, "-92233720368547758.08"),
        ] {
            assert_eq!(decimal(Cents::new(cents)), text);
        }
    }

    #[test]
    fn names_of_accounts_are_valid_whatever_the_id() {
        for (id, name) in [
            ("lot_01KH7ZV9M0", "01KH7ZV9M0"),
            ("ch_abc_9", "Xabc-9"),
            ("ch_1Nx", "1Nx"),
            ("", "X"),
            ("pi_-", "X-"),
        ] {
            assert_eq!(leaf(id), name, "{id}");
        }
    }

    #[test]
    fn a_text_stays_on_its_line() {
        assert_eq!(one_line("a\r\nb\tc"), "a  b c");
    }
}
