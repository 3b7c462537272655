//! Rotate an API key: a new secret for the same key (spec section 17 row 18).

use super::events::{ApiKeyEvent, ApiKeyRotated};
use super::scopes::Scopes;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{ApiKeyId, Book, OrganizationId, StreamId};
use crate::rejection::Rejection;
use crate::state::State;
use crate::time::Span;

/// How long the old secret works.
pub const ROTATION_OVERLAP: Span = Span::hours(24);

/// Gives a key a new secret.
#[derive(Debug, Clone)]
pub struct RotateApiKey {
    /// Whose key it must be.
    pub organization_id: OrganizationId,
    /// The key.
    pub key_id: ApiKeyId,
    /// The scopes of the key that rotates it: nobody gets at scopes that he lacks.
    pub granted_by: Scopes,
    /// Keyed hash of the new secret.
    pub secret_hash: String,
    /// Its last four characters.
    pub last4: String,
}

/// Returns the book of a loaded key.
pub(super) fn book_of(view: &dyn View, key: ApiKeyId) -> Option<Book> {
    match view.state(StreamId::ApiKey(key)) {
        Some(State::ApiKey(key)) if key.exists() => Some(key.book()),
        _ => None,
    }
}

impl Command for RotateApiKey {
    fn book(&self, view: &dyn View) -> Option<Book> {
        book_of(view, self.key_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::ApiKey(self.key_id), &mut missing);
        missing
    }

    fn by_real_time(&self) -> bool {
        true
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let key = decision::api_key(view, self.key_id)?;
        if key.organization_id != self.organization_id {
            return Err(Rejection::NotFound { kind: "api key" });
        }
        if !key.active(context.now) {
            return Err(Rejection::KeyRevoked);
        }
        if key.scopes.iter().any(|scope| !self.granted_by.grants(scope)) {
            return Err(Rejection::ScopeNotHeld);
        }
        let rotated = ApiKeyRotated {
            secret_hash: self.secret_hash.clone(),
            last4: self.last4.clone(),
            previous_secret_expires_at: context.now.after(ROTATION_OVERLAP),
            at: context.now,
        };
        Ok(Changes::none().append(StreamId::ApiKey(self.key_id), ApiKeyEvent::Rotated(rotated)))
    }
}
