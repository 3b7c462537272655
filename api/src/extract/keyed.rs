//! Idempotency keys (spec section 2): scope, bounds, spelling.

use crate::app::AppState;
use crate::error::ApiError;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use firsthand_eventstore::IdempotencyKey;
use serde::Serialize;

/// The longest key in characters.
const LONGEST: usize = 255;

/// The idempotency key of a request, if it has one, with what its scope needs.
#[derive(Debug)]
pub(crate) struct Keyed {
    method: String,
    path: String,
    key: Option<String>,
}

impl Keyed {
    /// Says whether the request has a key.
    pub(crate) fn given(&self) -> bool {
        self.key.is_some()
    }

    /// Refuses a request without a key, where one is required.
    pub(crate) fn required(self) -> Result<Self, ApiError> {
        if self.key.is_some() { Ok(self) } else { Err(ApiError::IdempotencyKeyMissing) }
    }

    /// Makes the ledger's key: scoped by who asks, method, path and key; bound to the request as it
    /// was understood, so that white space and the order of fields don't matter.
    pub(crate) fn key(&self, asker: &str, request: &impl Serialize) -> Option<IdempotencyKey> {
        let key = self.key.as_deref()?;
        let canonical = serde_json::to_vec(request).unwrap_or_default();
        Some(IdempotencyKey::new(&[asker, &self.method, &self.path, key], &canonical))
    }
}

impl FromRequestParts<AppState> for Keyed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &AppState) -> Result<Self, ApiError> {
        let key = match parts.headers.get("idempotency-key") {
            None => None,
            Some(value) => {
                let text = value.to_str().map_err(|_not_ascii| ApiError::IdempotencyKeyMissing)?;
                // The IETF draft quotes the key, most clients don't; both name the same key.
                let bare =
                    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
                if bare.is_empty() || bare.chars().count() > LONGEST {
                    return Err(ApiError::IdempotencyKeyMissing);
                }
                Some(bare.to_owned())
            }
        };
        Ok(Self { method: parts.method.to_string(), path: parts.uri.path().to_owned(), key })
    }
}
