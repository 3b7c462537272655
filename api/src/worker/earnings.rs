//! What a worker has earned, and the account that payouts go to.

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{JsonBody, Keyed, PageParams, PageQuery, WorkerAuth};
use crate::openapi::{KeyOptional, schema};
use crate::views::{EarningTotalsView, EarningView};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_domain::earnings::{Earnings, SetPayoutAccount};
use firsthand_domain::ids::{SubmissionId, WorkerId};
use firsthand_domain::{Book, State as StreamState, StreamId};
use firsthand_eventstore::read;
use firsthand_projections::worker_earnings::{self, EarningStatus, Watermarks};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Reads a worker's account as it is committed; an empty one if nothing was ever booked.
pub(super) async fn account(app: &AppState, id: WorkerId) -> Result<Earnings, ApiError> {
    let stream = StreamId::Earnings(id);
    let rows = read::states(app.store(), app.store().part_of(stream), &[stream]).await?;
    Ok(match rows.into_iter().next().map(|row| row.state) {
        Some(StreamState::Earnings(earnings)) => *earnings,
        _ => Earnings::default(),
    })
}

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EarningsQuery {
    #[param(value_type = schema::EarningStatus, required = false)]
    status: Option<String>,
}

/// A page of earnings, and the totals of all.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EarningList)]
pub(super) struct EarningListView {
    #[schema(example = "list")]
    object: &'static str,
    /// The items.
    data: Vec<EarningView>,
    /// Whether there are more behind these.
    #[schema(example = false)]
    has_more: bool,
    /// Asks for what is behind these; null if there is no more.
    next_cursor: Option<String>,
    /// Where all of the worker's money is, whatever is listed.
    totals: EarningTotalsView,
}

/// `GET /internal/worker/earnings`
#[utoipa::path(
    get,
    path = "/internal/worker/earnings",
    operation_id = "list_earnings",
    tag = "workers",
    summary = "List what this worker has earned",
    description = "A row for each approved submission, newest first, and the totals of all. An earning can be paid out 48 hours after its approval; payouts take the oldest first.",
    params(EarningsQuery, PageParams),
    responses((status = 200, description = "A page of earnings", body = EarningListView)),
    security(("worker_token" = [])),
)]
pub(super) async fn list(
    State(app): State<AppState>,
    auth: WorkerAuth,
    PageQuery(query, paging): PageQuery<EarningsQuery>,
) -> Result<Json<EarningListView>, ApiError> {
    let status = match query.status.as_deref() {
        None => None,
        Some(name) => {
            let named = EarningStatus::ALL.into_iter().find(|status| status.as_str() == name);
            let wrong =
                || ApiError::field("status", "must be pending, available, in_transit or paid_out");
            Some(named.ok_or_else(wrong)?)
        }
    };
    let request = paging.by_id::<SubmissionId>()?;
    app.catch_up(Book::Worker(auth.id)).await;
    let earnings = account(&app, auth.id).await?;
    let now = app.now();
    let marks = Watermarks::of(&earnings, now);
    let after = request.after.as_deref();
    let page =
        worker_earnings::list(app.store(), auth.id, (marks, status), after, request.limit).await?;
    let page = page.map(|row| EarningView::new(row, marks));
    let last = page.items.last().filter(|_last| page.has_more);
    Ok(Json(EarningListView {
        object: "list",
        next_cursor: last.map(|last| paging.cursor(&last.submission_id)),
        data: page.items,
        has_more: page.has_more,
        totals: EarningTotalsView::new(&earnings, now),
    }))
}

/// Where payouts go.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = SetPayoutAccount)]
pub(super) struct AccountRequest {
    /// The worker's Stripe Connect account.
    #[schema(value_type = schema::PayoutAccount)]
    account_id: String,
}

/// Where payouts go.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutDestination)]
pub(super) struct AccountView {
    #[schema(example = "payout_account")]
    object: &'static str,
    #[schema(value_type = schema::PayoutAccount)]
    account_id: String,
}

/// Says whether a text is an account's id as Stripe writes it.
fn is_account(text: &str) -> bool {
    text.strip_prefix("acct_").is_some_and(|rest| {
        (8..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// `POST /internal/worker/payout_account`
#[utoipa::path(
    post,
    path = "/internal/worker/payout_account",
    operation_id = "set_payout_account",
    tag = "workers",
    summary = "Name the account that payouts go to",
    description = "A Stripe Connect account that the worker has opened. Bank details and identity stay with Stripe. A payout that is under way keeps its account.",
    params(KeyOptional),
    request_body = AccountRequest,
    responses((status = 200, description = "The account", body = AccountView)),
    security(("worker_token" = [])),
)]
pub(super) async fn set_account(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    auth: WorkerAuth,
    keyed: Keyed,
    JsonBody(request): JsonBody<AccountRequest>,
) -> Result<Response, ApiError> {
    if !is_account(&request.account_id) {
        return Err(ApiError::field("account_id", "must be a Stripe account, as acct_…"));
    }
    let account_id = request.account_id.clone();
    let call = Call {
        command: SetPayoutAccount { worker_id: auth.id, account: account_id.clone() },
        stream: StreamId::Worker(auth.id),
        actor: auth.id.to_string(),
        key: keyed.key(&auth.id.to_string(), &request),
    };
    call.answer(&app, &context, StatusCode::OK, move |_view| {
        Ok(to_json(&AccountView { object: "payout_account", account_id: account_id.clone() }))
    })
    .await
}
