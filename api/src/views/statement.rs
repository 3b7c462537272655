//! Statements on the wire.

use super::AmountsView;
use crate::openapi::schema;
use crate::v1::statements::Month;
use firsthand_domain::{Environment, Timestamp};
use firsthand_projections::finance::balances::BalanceAt;
use firsthand_projections::finance::statement::{Movements, Statement};
use serde::Serialize;
use utoipa::ToSchema;

/// A month of a book: what it had, what moved, what it had then.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Statement)]
pub(crate) struct StatementView {
    #[schema(example = "billing_statement")]
    object: &'static str,
    period: PeriodView,
    #[schema(value_type = schema::StatementStatus)]
    status: &'static str,
    #[schema(example = "usd")]
    currency: &'static str,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    livemode: bool,
    opening: AmountsView,
    movements: Vec<MovementsView>,
    closing: AmountsView,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Period)]
struct PeriodView {
    #[schema(value_type = schema::Month)]
    month: String,
    #[schema(value_type = schema::Instant)]
    start: Timestamp,
    #[schema(value_type = schema::Instant)]
    end: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Movements)]
struct MovementsView {
    #[serde(rename = "type")]
    #[schema(value_type = schema::TransactionType)]
    transaction_type: String,
    #[schema(minimum = 0, example = 3)]
    count: i64,
    #[schema(value_type = schema::Cents)]
    amount_cents: i64,
    #[schema(value_type = schema::Cents)]
    available_delta_cents: i64,
    #[schema(value_type = schema::Cents)]
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
