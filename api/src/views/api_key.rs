//! An API key on the wire (spec section 9). The secret is shown once, when it is made.

use crate::openapi::schema;
use firsthand_adapters::secrets::key_prefix;
use firsthand_domain::api_keys::{ApiKey, Scopes};
use firsthand_domain::ids::ApiKeyId;
use firsthand_domain::{Environment, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyView {
    #[schema(example = "api_key")]
    object: &'static str,
    /// The key.
    #[schema(value_type = schema::ApiKeyId)]
    pub id: ApiKeyId,
    #[schema(example = "CI")]
    name: String,
    #[schema(example = "fh_live_")]
    prefix: &'static str,
    /// The last four characters of the secret.
    #[schema(example = "x7Qd")]
    last4: String,
    #[schema(value_type = Vec<schema::ScopeName>)]
    scopes: Scopes,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    livemode: bool,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    #[schema(value_type = Option<schema::Instant>)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    revoked_at: Option<Timestamp>,
    /// Until when the secret before the last rotation works.
    #[schema(value_type = Option<schema::Instant>)]
    previous_secret_expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// Only where it was made just now.
    #[schema(value_type = String, required = false, example = "fh_live_01KAPW3T4QMB2V8ZD5YX7N9F00_x7Qd")]
    secret: Option<String>,
}

impl ApiKeyView {
    /// Adds when the key was used last.
    pub(crate) fn used(self, last_used_at: Option<Timestamp>) -> Self {
        Self { last_used_at, ..self }
    }

    /// Makes the view; `secret` only where it was made just now.
    pub(crate) fn new(id: ApiKeyId, key: &ApiKey, secret: Option<String>) -> Self {
        Self {
            object: "api_key",
            id,
            name: key.name.clone(),
            prefix: key_prefix(key.environment),
            last4: key.last4.clone(),
            scopes: key.scopes,
            environment: key.environment,
            livemode: key.environment == Environment::Live,
            created_at: key.created_at,
            last_used_at: None,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            previous_secret_expires_at: key.previous.last().map(|previous| previous.expires_at),
            secret,
        }
    }
}
