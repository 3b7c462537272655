//! What the operator may do: grant promotional credits, and see the books of all tenants.

mod account_balances;
mod deferred_revenue;
mod escrow_ageing;
mod grants;
mod trial_balance;

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::past;
use axum::Router;
use axum::routing::{get, post};
use firsthand_domain::{Book, Environment, Timestamp};
use firsthand_projections::finance::Scope;
use serde::Deserialize;

/// The operator's routes.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/internal/operator/grants", post(grants::grant_credits))
        .route("/internal/operator/trial_balance", get(trial_balance::trial_balance))
        .route("/internal/operator/account_balances", get(account_balances::account_balances))
        .route("/internal/operator/escrow_ageing", get(escrow_ageing::escrow_ageing))
        .route("/internal/operator/deferred_revenue", get(deferred_revenue::deferred_revenue))
}

/// What a report is asked for.
#[derive(Debug, Deserialize)]
struct ReportQuery {
    book: Option<String>,
    environment: Option<Environment>,
    as_of: Option<String>,
    limit: Option<String>,
}

/// Reads a book, as `org_…:live`.
fn book(text: &str) -> Result<Book, ApiError> {
    let wrong = |_invalid| {
        ApiError::field("book", "must be an organization and an environment, as org_…:live")
    };
    text.parse().map_err(wrong)
}

impl ReportQuery {
    /// Returns which books are wanted, if any are named.
    fn scope(&self) -> Result<Option<Scope>, ApiError> {
        match (&self.book, self.environment) {
            (Some(_), Some(_)) => Err(ApiError::field("environment", "is named by the book")),
            (Some(text), None) => Ok(Some(Scope::Book(book(text)?))),
            (None, Some(environment)) => Ok(Some(Scope::Environment(environment))),
            (None, None) => Ok(None),
        }
    }

    /// Returns the instant that is wanted, if one is named.
    fn as_of(&self, app: &AppState) -> Result<Option<Timestamp>, ApiError> {
        self.as_of.as_deref().map(|text| past(app, "as_of", text)).transpose()
    }
}
