//! What is owed to workers: `GET /internal/operator/worker_payables`.

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{Operator, PageParams, PageQuery, bad_cursor, past};
use crate::openapi::schema;
use axum::Json;
use axum::extract::State;
use firsthand_domain::Timestamp;
use firsthand_domain::ids::{SubmissionId, WorkerId};
use firsthand_projections::Page;
use firsthand_projections::finance::position::{self, Positions};
use firsthand_projections::finance::worker_payables::{self as report, AllUntold, Payable};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PayablesQuery {
    /// As it was then: an instant that is not in the future.
    #[param(value_type = schema::Instant, required = false)]
    as_of: Option<String>,
    /// Only workers whose books differ.
    #[param(value_type = bool, required = false)]
    differing: Option<String>,
}

/// What buyers' books and workers' own books say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayableAmounts)]
#[expect(clippy::struct_field_names, reason = "fields are named as on the wire")]
pub(super) struct AmountsView {
    /// What live books of buyers captured for workers.
    #[schema(value_type = schema::Cents)]
    captured_cents: i64,
    /// What workers' own books were told: balance, in transit and paid together.
    #[schema(value_type = schema::Cents)]
    earned_cents: i64,
    /// Captured and not told yet. Negative: told and not captured.
    #[schema(value_type = schema::Cents)]
    not_told_cents: i64,
    /// Earned, and neither paid out nor on its way.
    #[schema(value_type = schema::Cents)]
    balance_cents: i64,
    #[schema(value_type = schema::Cents)]
    in_transit_cents: i64,
    #[schema(value_type = schema::Cents)]
    paid_cents: i64,
}

impl AmountsView {
    fn new(payable: &Payable) -> Self {
        Self {
            captured_cents: payable.captured,
            earned_cents: payable.earned,
            not_told_cents: payable.difference(),
            balance_cents: payable.balance,
            in_transit_cents: payable.in_transit,
            paid_cents: payable.paid,
        }
    }
}

/// An approval that the worker's own book was not told of yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayableResidue)]
pub(super) struct ResidueView {
    #[schema(value_type = schema::SubmissionId)]
    submission_id: SubmissionId,
    #[schema(value_type = schema::Cents)]
    amount_cents: i64,
    #[schema(value_type = Option<schema::Instant>)]
    approved_at: Option<Timestamp>,
}

/// What is owed to one worker.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkerPayable)]
pub(super) struct WorkerPayableView {
    #[schema(value_type = schema::WorkerId)]
    worker_id: WorkerId,
    amounts: AmountsView,
    /// The submissions that make the difference, oldest first, up to 100.
    residues: Vec<ResidueView>,
    /// The difference that no submission explains, named or not: 0 unless something is wrong.
    #[schema(value_type = schema::Cents)]
    unexplained_cents: i64,
}

/// What is owed to workers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkerPayables)]
pub(super) struct WorkerPayablesView {
    #[schema(example = "worker_payables")]
    object: &'static str,
    #[schema(value_type = Option<schema::Instant>)]
    as_of: Option<Timestamp>,
    /// Of all workers, whatever is listed.
    totals: AmountsView,
    #[schema(minimum = 0, example = 1)]
    worker_count: usize,
    /// Workers in the order of their ids.
    workers: Vec<WorkerPayableView>,
    has_more: bool,
    /// Asks for what is behind these; null if there is no more.
    next_cursor: Option<String>,
}

async fn row(
    app: &AppState,
    worker_id: WorkerId,
    payable: &Payable,
    (instant, positions): (i64, &Positions),
) -> Result<WorkerPayableView, ApiError> {
    let untold = if payable.difference() == 0 {
        AllUntold::default()
    } else {
        report::untold(app.store(), worker_id, (instant, positions)).await?
    };
    let named = untold.named.into_iter().map(|one| ResidueView {
        submission_id: one.submission_id,
        amount_cents: one.amount_cents,
        approved_at: one.approved_at,
    });
    let residues = named.collect();
    let unexplained_cents = payable.difference() - untold.amount_cents;
    if unexplained_cents != 0 || !payable.adds_up() {
        tracing::error!(worker.id = %worker_id, unexplained_cents, "a worker's books differ");
    }
    let amounts = AmountsView::new(payable);
    Ok(WorkerPayableView { worker_id, amounts, residues, unexplained_cents })
}

/// Reads `differing`.
fn only_differing(text: Option<&str>) -> Result<bool, ApiError> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::field("differing", "must be true or false")),
    }
}

/// Reads what a page is behind: a worker, at the instant of the first page.
fn behind(cursor: &str) -> Result<(WorkerId, i64), ApiError> {
    let read = |(id, instant): (&str, &str)| Some((id.parse().ok()?, instant.parse().ok()?));
    cursor.split_once('@').and_then(read).ok_or_else(bad_cursor)
}

/// `GET /internal/operator/worker_payables`
#[utoipa::path(
    get,
    path = "/internal/operator/worker_payables",
    operation_id = "get_worker_payables",
    tag = "operator",
    summary = "Show what is owed to workers",
    description = "For each worker what live books captured, what the worker's own book was told of it, and where that is; every difference by the submissions that make it.",
    params(PayablesQuery, PageParams),
    responses((status = 200, description = "The report", body = WorkerPayablesView)),
    security(("operator_token" = [])),
)]
pub(super) async fn worker_payables(
    State(app): State<AppState>,
    _operator: Operator,
    PageQuery(query, paging): PageQuery<PayablesQuery>,
) -> Result<Json<WorkerPayablesView>, ApiError> {
    let now = app.now();
    let as_of = query.as_of.as_deref().map(|text| past(now, "as_of", text)).transpose()?;
    let differing = only_differing(query.differing.as_deref())?;
    let limit = paging.limit()?;
    let after = paging.after.as_deref().map(behind).transpose()?;
    // The parts are read one after the other: one instant for all, and for all pages, or what happens meanwhile
    // would be in one book and not in the other.
    let instant = after.map_or_else(|| as_of.unwrap_or(now).micros(), |(_, instant)| instant);
    let positions = position::of_all(app.store(), instant).await?;
    app.must_reach_all(&positions).await?;
    let payables = report::worker_payables(app.store(), &positions).await?;
    let mut totals = Payable::default();
    for payable in payables.values() {
        totals.join(payable);
    }
    let wanted: Vec<_> = payables
        .iter()
        .filter(|(id, payable)| {
            after.is_none_or(|(after, _)| **id > after) && (!differing || payable.difference() != 0)
        })
        .take(usize::try_from(limit + 1).unwrap_or(usize::MAX))
        .collect();
    let page = Page::of(wanted, limit);
    let last = page.items.last().filter(|_last| page.has_more);
    let next_cursor = last.map(|(id, _payable)| paging.cursor(&format!("{id}@{instant}")));
    let mut workers = Vec::with_capacity(page.items.len());
    for (worker_id, payable) in page.items {
        workers.push(row(&app, *worker_id, payable, (instant, &positions)).await?);
    }
    Ok(Json(WorkerPayablesView {
        object: "worker_payables",
        as_of,
        totals: AmountsView::new(&totals),
        worker_count: payables.len(),
        workers,
        has_more: page.has_more,
        next_cursor,
    }))
}
