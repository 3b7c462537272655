//! `GET /v1/me`: who the key is.

use crate::extract::{Anybody, Can};
use crate::openapi::schema;
use axum::Json;
use firsthand_domain::Environment;
use firsthand_domain::api_keys::Scopes;
use firsthand_domain::ids::{ApiKeyId, OrganizationId};
use serde::Serialize;
use utoipa::ToSchema;

/// Who a key is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Identity)]
pub(crate) struct IdentityView {
    #[schema(example = "identity")]
    object: &'static str,
    #[schema(value_type = schema::OrganizationId)]
    organization_id: OrganizationId,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    livemode: bool,
    #[schema(value_type = Vec<schema::ScopeName>)]
    scopes: Scopes,
    #[schema(value_type = schema::ApiKeyId)]
    api_key_id: ApiKeyId,
}

/// `GET /v1/me`
#[utoipa::path(
    get,
    path = "/v1/me",
    operation_id = "get_me",
    tag = "auth",
    summary = "Show whose key this is",
    description = "Returns the organization, the environment and the scopes of the key.",
    responses((status = 200, description = "The identity", body = IdentityView)),
    security(("buyer_key" = [])),
)]
pub(crate) async fn me(buyer: Can<Anybody>) -> Json<IdentityView> {
    Json(IdentityView {
        object: "identity",
        organization_id: buyer.organization_id,
        environment: buyer.environment,
        livemode: buyer.environment == Environment::Live,
        scopes: buyer.scopes,
        api_key_id: buyer.key_id,
    })
}
