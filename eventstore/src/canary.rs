//! Five known bugs that the crash harness must catch (reliability: canary mutants).
//!
//! Without the cargo feature `canary` every question here is answered `false` at compile time.

/// A seeded bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canary {
    /// The idempotency row is written after the commit.
    IdempotencyAfterCommit,
    /// The answer is sent before the commit.
    AnswerBeforeCommit,
    /// A reactor saves its cursor before its tasks.
    OffsetBeforeEffect,
    /// A reader skips what is not yet visible below what it saw.
    PollingBySequence,
    /// Events and state rows are written in two transactions.
    TwoTransactions,
}

/// Says whether a bug is seeded in this process.
#[cfg(feature = "canary")]
pub fn seeded(canary: Canary) -> bool {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<Option<Canary>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| match std::env::var("FIRSTHAND_CANARY").as_deref() {
        Ok("idempotency_after_commit") => Some(Canary::IdempotencyAfterCommit),
        Ok("answer_before_commit") => Some(Canary::AnswerBeforeCommit),
        Ok("offset_before_effect") => Some(Canary::OffsetBeforeEffect),
        Ok("polling_by_sequence") => Some(Canary::PollingBySequence),
        Ok("two_transactions") => Some(Canary::TwoTransactions),
        _ => None,
    });
    *chosen == Some(canary)
}

/// Says whether a bug is seeded in this process: never, without the feature.
#[cfg(not(feature = "canary"))]
pub const fn seeded(_canary: Canary) -> bool {
    false
}
