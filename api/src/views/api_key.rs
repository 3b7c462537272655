//! An API key on the wire (spec section 9). The secret is shown once, when it is made.

use firsthand_adapters::secrets::key_prefix;
use firsthand_domain::api_keys::{ApiKey, Scopes};
use firsthand_domain::ids::ApiKeyId;
use firsthand_domain::{Environment, Timestamp};
use serde::Serialize;

/// A key.
#[derive(Debug, Serialize)]
pub(crate) struct ApiKeyView {
    object: &'static str,
    /// The key.
    pub id: ApiKeyId,
    name: String,
    prefix: &'static str,
    last4: String,
    scopes: Scopes,
    environment: Environment,
    livemode: bool,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    previous_secret_expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
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
