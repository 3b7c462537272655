//! Statements on the wire.

use super::AmountsView;
use crate::v1::statements::Month;
use firsthand_domain::{Environment, Timestamp};
use firsthand_projections::finance::balances::BalanceAt;
use firsthand_projections::finance::statement::{Movements, Statement};
use serde::Serialize;

/// A month of a book: what it had, what moved, what it had then.
#[derive(Debug, Serialize)]
pub(crate) struct StatementView {
    object: &'static str,
    period: PeriodView,
    status: &'static str,
    currency: &'static str,
    environment: Environment,
    livemode: bool,
    opening: AmountsView,
    movements: Vec<MovementsView>,
    closing: AmountsView,
}

#[derive(Debug, Serialize)]
struct PeriodView {
    month: String,
    start: Timestamp,
    end: Timestamp,
}

#[derive(Debug, Serialize)]
struct MovementsView {
    #[serde(rename = "type")]
    transaction_type: String,
    count: i64,
    amount_cents: i64,
    available_delta_cents: i64,
    held_delta_cents: i64,
}

impl From<Movements> for MovementsView {
    fn from(movements: Movements) -> Self {
        Self {
            transaction_type: movements.transaction_type,
            count: movements.count,
            amount_cents: movements.amount_cents,
            available_delta_cents: movements.available_delta_cents,
            held_delta_cents: movements.held_delta_cents,
        }
    }
}

impl StatementView {
    /// Makes the view.
    pub(crate) fn new(
        month: Month,
        closed: bool,
        statement: Statement,
        environment: Environment,
    ) -> Self {
        let amounts = |at: BalanceAt| AmountsView::new(at.available_cents, at.held_cents);
        Self {
            object: "billing_statement",
            period: PeriodView { month: month.to_string(), start: month.start, end: month.end },
            status: if closed { "closed" } else { "open" },
            currency: "usd",
            environment,
            livemode: environment == Environment::Live,
            opening: amounts(statement.opening),
            movements: statement.movements.into_iter().map(MovementsView::from).collect(),
            closing: amounts(statement.closing),
        }
    }
}
