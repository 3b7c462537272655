//! A journal of hledger.

use super::entry::{JournalEntry, decimal};

/// What comes before all accounts and entries.
pub(super) const HEAD: &str =
    "; Journal of a book of firsthand, for hledger\ncommodity 1000.00 USD\n\n";

/// Declares an account.
pub(super) fn declare(account: &str) -> String {
    format!("account {account}\n")
}

/// Returns a text that ends neither a description nor a line: a semicolon begins a comment.
fn plain(text: &str) -> String {
    text.replace(';', ",")
}

/// Writes an entry; what else there is to say stands in tags.
pub(super) fn write(entry: &JournalEntry) -> String {
    let mut text = format!("{} * ({}) {}", entry.day(), entry.id, plain(&entry.description));
    text.truncate(text.trim_end().len());
    text.push('\n');
    text.extend(entry.facts().into_iter().map(|(name, fact)| format!("    ; {name}:{fact}\n")));
    text.extend(
        entry
            .postings
            .iter()
            .map(|posting| format!("    {}  {} USD\n", posting.account, decimal(posting.amount))),
    );
    text.push('\n');
    text
}
