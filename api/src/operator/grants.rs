//! Grant promotional credits: `POST /internal/operator/grants`.

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{JsonBody, Keyed, Operator};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use firsthand_domain::credits::GrantCredits;
use firsthand_domain::decision;
use firsthand_domain::ids::{LotId, OrganizationId};
use firsthand_domain::{Book, Cents, Environment, StreamId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// The largest single grant: ten million dollars.
const MOST: i64 = 1_000_000_000;

/// A grant.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct GrantRequest {
    organization_id: String,
    #[serde(default)]
    environment: Environment,
    amount_cents: i64,
    #[serde(default)]
    reason: Option<String>,
}

/// `POST /internal/operator/grants`
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
    let book = Book::Organization(organization, request.environment);
    let lot_id = LotId::in_slot(app.mint(), organization.slot());
    let amount = Cents::new(request.amount_cents);
    let reason = request.reason.clone().unwrap_or_else(|| "promotional grant".to_owned());
    let call = Call {
        command: GrantCredits { book, lot_id, amount, reason },
        stream: StreamId::Organization(organization),
        actor: "system:operator".to_owned(),
        key: keyed.key("operator", &request),
    };
    call.answer(&app, &context, StatusCode::CREATED, move |view| {
        let account = decision::credits(view, book)?;
        Ok(to_json(&json!({
            "object": "credit_grant",
            "lot_id": lot_id,
            "organization_id": organization,
            "environment": request.environment,
            "amount_cents": amount,
            "available_cents": account.available,
        })))
    })
    .await
}
