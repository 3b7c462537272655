//! `GET /v1/me`: who the key is.

use crate::extract::{Anybody, Can};
use axum::Json;
use firsthand_domain::Environment;
use serde_json::{Value, json};

/// `GET /v1/me`
pub(crate) async fn me(buyer: Can<Anybody>) -> Json<Value> {
    Json(json!({
        "object": "identity",
        "organization_id": buyer.organization_id,
        "environment": buyer.environment,
        "livemode": buyer.environment == Environment::Live,
        "scopes": buyer.scopes,
        "api_key_id": buyer.key_id,
    }))
}
