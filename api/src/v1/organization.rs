//! An organization's settings (spec section 10).

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, FieldError};
use crate::extract::{Anybody, Can, IfMatch, JsonBody, Keyed, present};
use crate::openapi::{IfMatchParam, KeyOptional, schema};
use crate::views::SettingsView;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_domain::api_keys::Scope;
use firsthand_domain::decision;
use firsthand_domain::jobs::JobType;
use firsthand_domain::organizations::{ChangeSettings, SettingsChange};
use firsthand_domain::purchases::pack;
use firsthand_domain::{Book, Cents, Environment, State as StreamState, StreamId, View};
use firsthand_projections::states;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// `GET /v1/organization/settings`
#[utoipa::path(
    get,
    path = "/v1/organization/settings",
    operation_id = "get_settings",
    tag = "organization",
    summary = "Show settings",
    description = "Any key may read them. The top-up has two names for each setting, with equal values.",
    responses((status = 200, description = "The settings", body = SettingsView)),
    security(("buyer_key" = [])),
)]
pub(crate) async fn settings(
    State(app): State<AppState>,
    buyer: Can<Anybody>,
) -> Result<Json<SettingsView>, ApiError> {
    let id = buyer.organization_id;
    let live = Book::Organization(id, Environment::Live);
    let found = states::get(app.store(), live, StreamId::Organization(id)).await?;
    match found.map(|found| found.state) {
        Some(StreamState::Organization(organization)) => {
            Ok(Json(SettingsView::new(id, &organization)))
        }
        _ => Err(ApiError::NotFound("organization")),
    }
}

/// What to change; absent fields stay as they are.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[expect(clippy::option_option, reason = "absent, null and a value mean three things in a merge")]
#[schema(as = UpdateSettings)]
pub(crate) struct SettingsRequest {
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    /// Null removes it.
    #[schema(value_type = Option<schema::JobType>)]
    default_type: Option<Option<JobType>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    /// Null removes it.
    #[schema(value_type = Option<schema::Price>)]
    default_price_per_file_cents: Option<Option<i64>>,
    auto_top_up_enabled: Option<bool>,
    #[schema(value_type = Option<schema::Threshold>)]
    auto_top_up_threshold_cents: Option<i64>,
    #[schema(value_type = Option<schema::Pack>)]
    auto_top_up_amount_cents: Option<i64>,
    /// Another name of `auto_top_up_enabled`; both given must be equal. So are the next two.
    #[schema(value_type = Option<bool>)]
    auto_topup_enabled: Option<bool>,
    #[schema(value_type = Option<schema::Threshold>)]
    auto_topup_threshold_cents: Option<i64>,
    #[schema(value_type = Option<schema::Pack>)]
    auto_topup_amount_cents: Option<i64>,
    #[schema(value_type = Option<schema::Threshold>)]
    low_balance_threshold_cents: Option<i64>,
}

/// The highest threshold: ten thousand dollars.
const MOST: i64 = 1_000_000;

#[derive(Default)]
struct Check {
    wrong: Vec<FieldError>,
}

impl Check {
    fn wrong(&mut self, field: &str, message: &str) {
        self.wrong.push(FieldError { field: field.to_owned(), message: message.to_owned() });
    }

    /// Both names of a setting may be given if they agree (spec section 17 row 9).
    fn either<T: PartialEq + Copy>(
        &mut self,
        field: &str,
        one: Option<T>,
        other: Option<T>,
    ) -> Option<T> {
        if let (Some(one), Some(other)) = (one, other)
            && one != other
        {
            self.wrong(field, "is given under both its names with different values");
        }
        one.or(other)
    }

    fn amount(&mut self, field: &str, amount: Option<i64>) -> Option<Cents> {
        if amount.is_some_and(|amount| !(0..=MOST).contains(&amount)) {
            self.wrong(field, "must be 0 to 1000000");
        }
        amount.map(Cents::new)
    }
}

impl SettingsRequest {
    fn touches_money(&self) -> bool {
        self.auto_top_up_enabled.is_some()
            || self.auto_top_up_threshold_cents.is_some()
            || self.auto_top_up_amount_cents.is_some()
            || self.auto_topup_enabled.is_some()
            || self.auto_topup_threshold_cents.is_some()
            || self.auto_topup_amount_cents.is_some()
    }

    fn change(&self) -> Result<SettingsChange, ApiError> {
        let mut check = Check::default();
        let enabled =
            check.either("auto_top_up_enabled", self.auto_top_up_enabled, self.auto_topup_enabled);
        let threshold = check.either(
            "auto_top_up_threshold_cents",
            self.auto_top_up_threshold_cents,
            self.auto_topup_threshold_cents,
        );
        let amount = check.either(
            "auto_top_up_amount_cents",
            self.auto_top_up_amount_cents,
            self.auto_topup_amount_cents,
        );
        if amount.is_some_and(|amount| pack(Cents::new(amount)).is_none()) {
            check
                .wrong("auto_top_up_amount_cents", "must be one of 1000, 2500, 5000, 10000, 25000");
        }
        let price = self.default_price_per_file_cents;
        if price.flatten().is_some_and(|price| !(10..=50_000).contains(&price)) {
            check.wrong("default_price_per_file_cents", "must be 10 to 50000");
        }
        let change = SettingsChange {
            default_type: self.default_type,
            default_price_per_file_cents: price.map(|price| price.map(Cents::new)),
            auto_top_up_enabled: enabled,
            auto_top_up_threshold_cents: check.amount("auto_top_up_threshold_cents", threshold),
            auto_top_up_amount_cents: amount.map(Cents::new),
            low_balance_threshold_cents: check
                .amount("low_balance_threshold_cents", self.low_balance_threshold_cents),
        };
        if check.wrong.is_empty() { Ok(change) } else { Err(ApiError::Invalid(check.wrong)) }
    }
}

/// `PATCH /v1/organization/settings`: merges. Money settings need `billing:write`, the others
/// `jobs:write` (spec section 10).
#[utoipa::path(
    patch,
    path = "/v1/organization/settings",
    operation_id = "update_settings",
    tag = "organization",
    summary = "Change settings",
    description = "Fields that are absent stay as they are. Settings of money need `billing:write`, the others `jobs:write` or `billing:write`; a live key is needed.",
    params(KeyOptional, IfMatchParam),
    request_body = SettingsRequest,
    responses((status = 200, description = "The settings", body = SettingsView)),
    security(("buyer_key" = [])),
    extensions(("x-error-codes" = json!(["precondition_failed", "scope_missing", "live_key_needed"]))),
)]
pub(crate) async fn change_settings(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<Anybody>,
    keyed: Keyed,
    if_match: IfMatch,
    JsonBody(request): JsonBody<SettingsRequest>,
) -> Result<Response, ApiError> {
    if buyer.environment == Environment::Test {
        return Err(ApiError::LiveKeyNeeded);
    }
    let scope = if request.touches_money() { Scope::BillingWrite } else { Scope::JobsWrite };
    if !(scope == Scope::JobsWrite && buyer.scopes.grants(Scope::BillingWrite)) {
        buyer.must_also(scope)?;
    }
    let organization_id = buyer.organization_id;
    let shown = move |view: &dyn View| {
        let organization = decision::organization(view, organization_id)?;
        Ok(to_json(&SettingsView::new(organization_id, organization)))
    };
    let command = ChangeSettings { organization_id, change: request.change()? };
    let call = Call {
        command: if_match.guard(command, &[], shown),
        stream: StreamId::Organization(organization_id),
        actor: buyer.actor(),
        key: keyed.key(&buyer.book().to_string(), &request),
    };
    call.answer(&app, &context, StatusCode::OK, shown).await
}
