//! Every account of one book: `GET /internal/operator/account_balances`.

use super::book;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{Operator, PageParams, PageQuery, past};
use crate::openapi::schema;
use crate::v1::exports::ledger_account;
use crate::views::ListView;
use axum::Json;
use axum::extract::State;
use firsthand_projections::Page;
use firsthand_projections::finance::{Span, accounts, entries};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AccountsQuery {
    #[param(value_type = schema::BookName)]
    book: String,
    #[param(value_type = schema::Instant, required = false)]
    as_of: Option<String>,
}

/// An account's balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountOfBook)]
pub(super) struct AccountView {
    #[schema(example = "account_balance")]
    object: &'static str,
    #[schema(example = "available")]
    account: String,
    /// The account's name in exports of its book.
    ledger_account: String,
    #[schema(value_type = schema::Cents)]
    balance_cents: i64,
}

/// The balances of all accounts of a book that were ever posted to, in the order of their names.
#[utoipa::path(
    get,
    path = "/internal/operator/account_balances",
    operation_id = "list_account_balances",
    tag = "operator",
    summary = "List the accounts of a book",
    description = "All that were ever posted to, in the order of their names.",
    params(AccountsQuery, PageParams),
    responses((status = 200, description = "A page of accounts", body = ListView<AccountView>)),
    security(("operator_token" = [])),
)]
pub(super) async fn account_balances(
    State(app): State<AppState>,
    _operator: Operator,
    PageQuery(query, paging): PageQuery<AccountsQuery>,
) -> Result<Json<ListView<AccountView>>, ApiError> {
    let book = book(&query.book)?;
    let now = app.time_of(book).await?;
    let as_of = query.as_of.as_deref().map(|text| past(now, "as_of", text)).transpose()?;
    let limit = paging.limit()?;
    let after = paging.after.clone().unwrap_or_default();
    let span = match as_of {
        None => {
            app.must_catch_up(book).await?;
            Span::ALL
        }
        // Up to the instant and with it.
        Some(as_of) => {
            let to = as_of.micros().saturating_add(1);
            let span = entries::span(app.store(), book, None, Some(to)).await?;
            app.must_reach(book, span.until).await?;
            span
        }
    };
    let rows = accounts::page(app.store(), book, span, &after, limit + 1).await?;
    let page = Page::of(rows, limit).map(|row| AccountView {
        object: "account_balance",
        ledger_account: ledger_account(&app.secrets, book, &row.account),
        account: row.account,
        balance_cents: row.closing_cents,
    });
    Ok(Json(paging.list(page, |last| last.account.clone())))
}
