//! What can happen to an API key.

use super::scopes::Scopes;
use crate::event::events;
use crate::ids::{ApiKeyId, Environment, OrganizationId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of an API key.
    ApiKeyEvent {
        /// A key was created.
        Created(ApiKeyCreated) = "api_key.created", 1;
        /// The key got a new secret; the old one works for a while.
        Rotated(ApiKeyRotated) = "api_key.rotated", 1;
        /// The key stopped working.
        Revoked(ApiKeyRevoked) = "api_key.revoked", 1;
        /// A call was refused that the key may not make.
        CallRefused(ApiKeyCallRefused) = "api_key.call_refused", 1;
    }
}

/// A key was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyCreated {
    /// The key.
    pub key_id: ApiKeyId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Which book it opens.
    pub environment: Environment,
    /// A name for people.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Keyed hash of the secret.
    pub secret_hash: String,
    /// The last four characters of the secret.
    pub last4: String,
    /// When it stops working by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}

/// The key got a new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRotated {
    /// Keyed hash of the new secret.
    pub secret_hash: String,
    /// Its last four characters.
    pub last4: String,
    /// Until when the old secret works.
    pub previous_secret_expires_at: Timestamp,
    /// When.
    pub at: Timestamp,
}

/// The key stopped working.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRevoked {
    /// When.
    pub at: Timestamp,
}

/// A call was refused that the key may not make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyCallRefused {
    /// Method and path of the operation, without any ids.
    pub operation: String,
    /// The code of the refusal.
    pub code: String,
    /// When.
    pub at: Timestamp,
}
