//! A ledger of beancount.

use super::entry::{JournalEntry, decimal};

/// What comes before all accounts and entries.
pub(super) const HEAD: &str = "option \"title\" \"Journal of a book of firsthand\"\n\
option \"operating_currency\" \"USD\"\n1970-01-01 commodity USD\n\n";

/// Opens an account, before anything can be posted to it.
pub(super) fn declare(account: &str) -> String {
    format!("1970-01-01 open {account} USD\n")
}

/// Writes a text in quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Writes an entry; what else there is to say stands in its metadata.
pub(super) fn write(entry: &JournalEntry) -> String {
    let mut text = format!("{} * {}\n", entry.day(), quoted(&entry.description));
    let facts = entry.facts().into_iter();
    text.extend(facts.map(|(name, fact)| format!("  {name}: {}\n", quoted(&fact))));
    text.extend(
        entry
            .postings
            .iter()
            .map(|posting| format!("  {}  {} USD\n", posting.account, decimal(posting.amount))),
    );
    text.push('\n');
    text
}
