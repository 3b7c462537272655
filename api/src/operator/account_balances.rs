//! Every account of one book: `GET /internal/operator/account_balances`.

use super::book;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{ListQuery, Operator, Paging, past};
use crate::v1::exports::ledger_account;
use crate::views::ListView;
use axum::Json;
use axum::extract::State;
use firsthand_projections::Page;
use firsthand_projections::finance::{accounts, entries};
use serde::{Deserialize, Serialize};

/// Query parameters.
#[derive(Debug, Deserialize)]
pub(super) struct AccountsQuery {
    book: String,
    as_of: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// An account's balance.
#[derive(Debug, Serialize)]
pub(super) struct AccountView {
    object: &'static str,
    account: String,
    /// The account's name in exports of its book.
    ledger_account: String,
    balance_cents: i64,
}

/// The balances of all accounts of a book that were ever posted to, in the order of their names.
pub(super) async fn account_balances(
    State(app): State<AppState>,
    _operator: Operator,
    ListQuery(query): ListQuery<AccountsQuery>,
) -> Result<Json<ListView<AccountView>>, ApiError> {
    let book = book(&query.book)?;
    let as_of = query.as_of.as_deref().map(|text| past(&app, "as_of", text)).transpose()?;
    let limit = Paging { limit: query.limit, cursor: None }.limit()?;
    let after = query.cursor.unwrap_or_default();
    app.must_catch_up(book).await?;
    // Up to the instant and with it.
    let to = as_of.map(|as_of| as_of.micros().saturating_add(1));
    let span = entries::span(app.store(), book, None, to).await?;
    let rows = accounts::page(app.store(), book, span, &after, limit + 1).await?;
    let page = Page::of(rows, limit).map(|row| AccountView {
        object: "account_balance",
        ledger_account: ledger_account(&app.secrets, book, &row.account),
        account: row.account,
        balance_cents: row.closing_cents,
    });
    Ok(Json(ListView::new(page, |last| last.account.clone())))
}
