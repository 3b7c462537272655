//! An API key's state.

use super::events::{ApiKeyCallRefused, ApiKeyEvent};
use super::refuse::{REFUSAL_PAUSE, RefuseCall};
use super::scopes::Scopes;
use crate::ids::{Book, Environment, OrganizationId};
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A secret that was rotated out and still works for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// Its keyed hash.
    pub secret_hash: String,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ApiKey {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Which book it opens.
    pub environment: Environment,
    /// A name for people.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Keyed hash of the secret; empty before the key was created.
    pub secret_hash: String,
    /// The last four characters of the secret.
    pub last4: String,
    /// Secrets that were rotated out less than the overlap ago, the latest last. A rotation that a
    /// client repeats must not end the life of the secret that is in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<PreviousSecret>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Refused calls on record that are younger than [`super::REFUSAL_PAUSE`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<ApiKeyCallRefused>,
}

impl ApiKey {
    /// Says whether the key was created.
    pub fn exists(&self) -> bool {
        !self.secret_hash.is_empty()
    }

    /// Returns the book that the key opens.
    pub fn book(&self) -> Book {
        Book::Organization(self.organization_id, self.environment)
    }

    /// Says whether the key works at that time.
    pub fn active(&self, now: Timestamp) -> bool {
        self.exists() && self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }

    /// Says whether a refused call need not be put on record: the same is, less than
    /// [`REFUSAL_PAUSE`] ago.
    pub fn is_told(&self, call: &RefuseCall, now: Timestamp) -> bool {
        let end = [self.revoked_at, self.expires_at].into_iter().flatten().min();
        let ended = |at: Timestamp| end.is_some_and(|end| end <= at);
        self.refused.iter().any(|told| {
            told.code == call.code
                && (ended(told.at) || told.operation == call.operation && !ended(now))
                && told.at.after(REFUSAL_PAUSE) > now
        })
    }

    /// Says whether a secret with that keyed hash is the key's, or one that was rotated out and not yet
    /// forgotten, whether or not it still opens the key.
    pub fn knows(&self, secret_hash: &str) -> bool {
        self.exists()
            && (self.secret_hash == secret_hash
                || self.previous.iter().any(|previous| previous.secret_hash == secret_hash))
    }

    /// Says whether a secret with that keyed hash opens the key at that time. The hash is not
    /// secret, so an ordinary comparison serves.
    pub fn opens(&self, secret_hash: &str, now: Timestamp) -> bool {
        self.active(now)
            && (self.secret_hash == secret_hash
                || self.previous.iter().any(|previous| {
                    previous.secret_hash == secret_hash && previous.expires_at > now
                }))
    }
}

impl Aggregate for ApiKey {
    type Event = ApiKeyEvent;

    fn evolve(&mut self, event: &ApiKeyEvent) {
        match event {
            ApiKeyEvent::Created(created) => {
                self.organization_id = created.organization_id;
                self.environment = created.environment;
                self.name.clone_from(&created.name);
                self.scopes = created.scopes;
                self.secret_hash.clone_from(&created.secret_hash);
                self.last4.clone_from(&created.last4);
                self.created_at = created.at;
                self.expires_at = created.expires_at;
            }
            ApiKeyEvent::Rotated(rotated) => {
                self.previous.retain(|previous| previous.expires_at > rotated.at);
                self.previous.push(PreviousSecret {
                    secret_hash: std::mem::take(&mut self.secret_hash),
                    expires_at: rotated.previous_secret_expires_at,
                });
                self.secret_hash.clone_from(&rotated.secret_hash);
                self.last4.clone_from(&rotated.last4);
            }
            ApiKeyEvent::Revoked(revoked) => self.revoked_at = Some(revoked.at),
            ApiKeyEvent::CallRefused(refused) => {
                self.refused.retain(|earlier| earlier.at.after(REFUSAL_PAUSE) > refused.at);
                self.refused.push(refused.clone());
            }
        }
    }
}
