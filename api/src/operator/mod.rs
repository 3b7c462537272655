//! What the operator may do: grant promotional credits, pay workers, decide appeals, and see the books
//! of all tenants.

mod account_balances;
mod appeals;
mod bank_payouts;
mod deferred_revenue;
mod escrow_ageing;
mod grants;
mod payment_events;
mod payout_batches;
mod trial_balance;
mod worker_payables;

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::past;
use crate::openapi::schema;
use firsthand_domain::{Book, Environment, Timestamp};
use firsthand_projections::finance::Scope;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operator's routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(grants::grant_credits))
        .routes(routes!(trial_balance::trial_balance))
        .routes(routes!(account_balances::account_balances))
        .routes(routes!(escrow_ageing::escrow_ageing))
        .routes(routes!(deferred_revenue::deferred_revenue))
        .routes(routes!(worker_payables::worker_payables))
        .routes(routes!(bank_payouts::bank_payout))
        .routes(routes!(payment_events::list_payment_events))
        .routes(routes!(payout_batches::create_batch, payout_batches::list_batches))
        .routes(routes!(payout_batches::get_batch))
        .routes(routes!(payout_batches::list_payouts))
        .routes(routes!(appeals::list_appeals))
        .routes(routes!(appeals::decide_appeal))
}

/// What a report is asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    /// One book only. It names its environment, so `environment` may not be given too.
    #[param(value_type = schema::BookName, required = false)]
    book: Option<String>,
    /// All books of this environment.
    #[param(value_type = schema::Environment, required = false)]
    environment: Option<Environment>,
    /// As it was then: an instant that is not in the future.
    #[param(value_type = schema::Instant, required = false)]
    as_of: Option<String>,
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
    async fn as_of(&self, app: &AppState) -> Result<Option<Timestamp>, ApiError> {
        let now = self.now(app).await?;
        self.as_of.as_deref().map(|text| past(now, "as_of", text)).transpose()
    }

    /// Returns the time by which the report goes: the book's, if one is named.
    async fn now(&self, app: &AppState) -> Result<Timestamp, ApiError> {
        match &self.book {
            Some(text) => app.time_of(book(text)?).await,
            None => Ok(app.now()),
        }
    }
}
