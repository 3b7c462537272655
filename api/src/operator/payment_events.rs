//! What the payment provider told us: `GET /internal/operator/payment_events`.

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{Operator, PageParams, PageQuery, bad_cursor};
use crate::openapi::schema;
use crate::views::ListView;
use axum::Json;
use axum::extract::State;
use firsthand_adapters::payments::inbound;
use firsthand_domain::Timestamp;
use firsthand_domain::ids::PurchaseId;
use firsthand_eventstore::payment_events::{self, Filter, OUTCOMES, PaymentEventRow};
use firsthand_projections::Page;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PaymentEventsQuery {
    /// Of that type, as the provider names it.
    #[serde(rename = "type")]
    #[param(value_type = schema::PaymentEventType, required = false)]
    event_type: Option<String>,
    /// About that purchase.
    #[param(value_type = schema::PurchaseId, required = false)]
    purchase_id: Option<String>,
    /// Of which that became.
    #[param(value_type = schema::PaymentEventOutcome, required = false)]
    outcome: Option<String>,
}

impl PaymentEventsQuery {
    /// Reads the filters, and where the page begins.
    fn filter(self, after: Option<&str>) -> Result<Filter, ApiError> {
        let wrong = |_invalid| ApiError::field("purchase_id", "must be the id of a purchase");
        if self.event_type.as_deref().is_some_and(|kind| kind.is_empty() || kind.len() > 128) {
            return Err(ApiError::field("type", "must have 1 to 128 characters"));
        }
        if self.outcome.as_deref().is_some_and(|outcome| !OUTCOMES.contains(&outcome)) {
            let message = format!("must be one of {}", OUTCOMES.join(", "));
            return Err(ApiError::field("outcome", message));
        }
        let before = |text: &str| {
            let (time, id) = text.split_once(':')?;
            Some((time.parse().ok()?, id.to_owned()))
        };
        Ok(Filter {
            event_type: self.event_type,
            purchase_id: self.purchase_id.map(|id| id.parse().map_err(wrong)).transpose()?,
            outcome: self.outcome,
            before: after.map(|text| before(text).ok_or_else(bad_cursor)).transpose()?,
        })
    }
}

/// An event of the payment provider, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentEvent)]
pub(super) struct PaymentEventView {
    #[schema(example = "payment_event")]
    object: &'static str,
    /// The provider's id of the event.
    #[schema(example = "evt_1Nv0FGQ9RKHgCVdK")]
    id: String,
    #[serde(rename = "type")]
    #[schema(value_type = schema::PaymentEventType)]
    event_type: String,
    livemode: bool,
    #[schema(value_type = schema::PaymentEventOutcome)]
    outcome: String,
    /// The purchase that it is about; null as long as it is not known.
    #[schema(value_type = Option<schema::PurchaseId>)]
    purchase_id: Option<String>,
    /// The payout to a worker that it names.
    #[schema(value_type = Option<schema::PayoutId>)]
    payout_id: Option<String>,
    /// What the provider calls the payment, refund, dispute or transfer.
    external_ref: Option<String>,
    /// Its amount; of refunds, disputes and reversals all that is gone so far.
    #[schema(value_type = Option<schema::Cents>)]
    amount_cents: Option<i64>,
    #[schema(value_type = schema::Instant)]
    received_at: Timestamp,
    #[serde(skip)]
    cursor: String,
}

impl PaymentEventView {
    /// Makes the view; what stands in the payload alone is read from it.
    fn new(row: PaymentEventRow) -> Result<Self, ApiError> {
        let told = inbound::read(&row.payload).map_err(|error| {
            ApiError::Internal(format!("the payment event {} can't be read: {error}", row.event_id))
        })?;
        let (external_ref, amount_cents) = told.fact.reference().unzip();
        Ok(Self {
            object: "payment_event",
            cursor: format!("{}:{}", row.received_at, row.event_id),
            id: row.event_id,
            event_type: row.event_type,
            livemode: told.livemode == Some(true),
            outcome: row.outcome,
            purchase_id: row.purchase_id.filter(|id| id.parse::<PurchaseId>().is_ok()),
            external_ref: external_ref.map(ToOwned::to_owned),
            amount_cents,
            payout_id: told.payout_id,
            received_at: Timestamp::from_micros(row.received_at),
        })
    }
}

/// `GET /internal/operator/payment_events`
#[utoipa::path(
    get,
    path = "/internal/operator/payment_events",
    operation_id = "list_payment_events",
    tag = "operator",
    summary = "List what the payment provider told us",
    description = "Every event that came with a good signature, with what became of it; those received last first.",
    params(PaymentEventsQuery, PageParams),
    responses((status = 200, description = "A page of events", body = ListView<PaymentEventView>)),
    security(("operator_token" = [])),
)]
pub(super) async fn list_payment_events(
    State(app): State<AppState>,
    _operator: Operator,
    PageQuery(query, paging): PageQuery<PaymentEventsQuery>,
) -> Result<Json<ListView<PaymentEventView>>, ApiError> {
    let limit = paging.limit()?;
    let filter = query.filter(paging.after.as_deref())?;
    let rows = payment_events::list(app.store(), &filter, limit + 1).await?;
    let page = Page::of(rows, limit).try_map(PaymentEventView::new)?;
    Ok(Json(paging.list(page, |last| last.cursor.clone())))
}
