//! Grant promotional credits: `POST /internal/operator/grants`.

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{JsonBody, Keyed, Operator};
use crate::openapi::{KeyOptional, schema};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use firsthand_domain::credits::GrantCredits;
use firsthand_domain::decision;
use firsthand_domain::ids::{LotId, OrganizationId};
use firsthand_domain::{Book, Cents, Environment, StreamId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest reason, in characters: it is the description of the transaction.
const LONGEST_REASON: usize = 500;
/// The largest single grant: ten million dollars.
const MOST: i64 = 1_000_000_000;

/// A grant.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = GrantCredits)]
pub(crate) struct GrantRequest {
    #[schema(value_type = schema::OrganizationId)]
    organization_id: String,
    #[serde(default)]
    /// Default `live`.
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    #[schema(minimum = 1, maximum = 1_000_000_000, example = 1000)]
    amount_cents: i64,
    #[serde(default)]
    #[schema(max_length = 500, example = "promotional grant")]
    reason: Option<String>,
}

/// What was granted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditGrant)]
pub(crate) struct GrantView {
    #[schema(example = "credit_grant")]
    object: &'static str,
    #[schema(value_type = schema::LotId)]
    lot_id: LotId,
    #[schema(value_type = schema::OrganizationId)]
    organization_id: OrganizationId,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    #[schema(value_type = schema::Cents)]
    amount_cents: Cents,
    /// The balance now.
    #[schema(value_type = schema::Cents)]
    available_cents: Cents,
}

/// `POST /internal/operator/grants`
#[utoipa::path(
    post,
    path = "/internal/operator/grants",
    operation_id = "grant_credits",
    tag = "operator",
    summary = "Grant credits",
    description = "Promotional credits, which expire after 12 months.",
    params(KeyOptional),
    request_body = GrantRequest,
    responses((status = 201, description = "The grant", body = GrantView)),
    security(("operator_token" = [])),
    extensions(("x-error-codes" = json!(["not_found", "amount_out_of_range"]))),
)]
pub(crate) async fn grant_credits(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    _operator: Operator,
    keyed: Keyed,
    JsonBody(request): JsonBody<GrantRequest>,
) -> Result<Response, ApiError> {
    let organization: OrganizationId =
        request.organization_id.parse().map_err(|_invalid| ApiError::NotFound("organization"))?;
    if !(1..=MOST).contains(&request.amount_cents) {
        return Err(ApiError::field("amount_cents", format!("must be 1 to {MOST}")));
    }
    if request.reason.as_ref().is_some_and(|text| text.chars().count() > LONGEST_REASON) {
        let message = format!("must have at most {LONGEST_REASON} characters");
        return Err(ApiError::field("reason", message));
    }
    let book = Book::Organization(organization, request.environment);
    let lot_id = LotId::in_slot(app.mint(), organization.slot());
    let (amount, now) = (Cents::new(request.amount_cents), app.now());
    let reason = request.reason.clone().unwrap_or_else(|| "promotional grant".to_owned());
    let call = Call {
        command: GrantCredits { book, lot_id, amount, reason },
        stream: StreamId::Organization(organization),
        actor: "system:operator".to_owned(),
        key: keyed.key("operator", &request),
    };
    call.answer(&app, &context, StatusCode::CREATED, move |view| {
        let account = decision::credits(view, book)?;
        Ok(to_json(&GrantView {
            object: "credit_grant",
            lot_id,
            organization_id: organization,
            environment: request.environment,
            amount_cents: amount,
            available_cents: account.available_at(decision::time_of(view, book).unwrap_or(now)),
        }))
    })
    .await
}
