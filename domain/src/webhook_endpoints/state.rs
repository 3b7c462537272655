//! A webhook endpoint's state.

use super::events::{DisabledReason, WebhookEndpointEvent};
use super::settings::EndpointSettings;
use crate::decision::{View, need};
use crate::ids::{Book, ReplayId, SealId, StreamId, WebhookEndpointId};
use crate::rejection::Rejection;
use crate::state::{Aggregate, State};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A secret that was rotated out and signs for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousEndpointSecret {
    /// Where it is sealed.
    pub secret: SealId,
    /// Until when it signs.
    pub expires_at: Timestamp,
}

/// A webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    /// Whose events it is sent.
    pub book: Book,
    /// Its settings.
    pub settings: EndpointSettings,
    /// Where its secret is sealed; `None` before it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SealId>,
    /// Secrets that were rotated out and still sign, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<PreviousEndpointSecret>,
    /// Why it is disabled, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<DisabledReason>,
    /// When it was last enabled after it had been disabled: its record is clean since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled_at: Option<Timestamp>,
    /// Since when it has failed, if its owner was told so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_failing_since: Option<Timestamp>,
    /// For how many hours, as its owner was told.
    #[serde(default)]
    pub reported_failing_hours: u16,
    /// The latest replay of a range that may still run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

impl WebhookEndpoint {
    /// Says whether the endpoint was created and not deleted.
    pub fn exists(&self) -> bool {
        self.secret.is_some() && self.deleted_at.is_none()
    }

    /// Says whether it is sent events.
    pub fn enabled(&self) -> bool {
        self.exists() && self.disabled.is_none()
    }

    /// Returns where the secrets that sign at a time are sealed, the newest first.
    pub fn secrets(&self, now: Timestamp) -> Vec<SealId> {
        let previous = self.previous.iter().rev().filter(|previous| previous.expires_at > now);
        self.secret.into_iter().chain(previous.map(|previous| previous.secret)).collect()
    }

    /// Returns where everything that the state names is sealed, expired secrets included.
    pub fn seals(&self) -> Vec<SealId> {
        let previous = self.previous.iter().map(|previous| previous.secret);
        self.secret.into_iter().chain(previous).chain(self.settings.headers).collect()
    }
}

impl Aggregate for WebhookEndpoint {
    type Event = WebhookEndpointEvent;

    fn evolve(&mut self, event: &WebhookEndpointEvent) {
        match event {
            WebhookEndpointEvent::Created(created) => {
                self.book = created.book;
                self.settings.clone_from(&created.settings);
                self.secret = Some(created.secret);
                self.created_at = created.at;
                self.updated_at = created.at;
            }
            WebhookEndpointEvent::Changed(changed) => {
                self.settings.clone_from(&changed.after);
                self.updated_at = changed.at;
            }
            WebhookEndpointEvent::SecretRotated(rotated) => {
                self.previous.retain(|previous| previous.expires_at > rotated.at);
                if let Some(secret) = self.secret
                    && rotated.previous_secret_expires_at > rotated.at
                {
                    let expires_at = rotated.previous_secret_expires_at;
                    self.previous.push(PreviousEndpointSecret { secret, expires_at });
                }
                self.secret = Some(rotated.secret);
                self.updated_at = rotated.at;
            }
            WebhookEndpointEvent::Enabled(enabled) => {
                self.disabled = None;
                self.enabled_at = Some(enabled.at);
                self.reported_failing_since = None;
                self.reported_failing_hours = 0;
                self.updated_at = enabled.at;
            }
            WebhookEndpointEvent::Disabled(disabled) => {
                self.disabled = Some(disabled.reason);
                self.updated_at = disabled.at;
            }
            WebhookEndpointEvent::Failing(failing) => {
                self.reported_failing_since = Some(failing.failing_since);
                self.reported_failing_hours = failing.hours;
            }
            WebhookEndpointEvent::Recovered(_) => {
                self.reported_failing_since = None;
                self.reported_failing_hours = 0;
            }
            WebhookEndpointEvent::Deleted(deleted) => self.deleted_at = Some(deleted.at),
            WebhookEndpointEvent::Tested(_) | WebhookEndpointEvent::EventReplayed(_) => (),
            WebhookEndpointEvent::ReplayRequested(requested) => {
                self.replay = Some(requested.replay_id);
            }
            WebhookEndpointEvent::ReplayCancelled(_) => self.replay = None,
        }
    }
}

/// Returns an endpoint of that book. Another book's endpoint does not exist for this one.
pub(super) fn endpoint_of(
    view: &dyn View,
    id: WebhookEndpointId,
    book: Book,
) -> Result<&WebhookEndpoint, Rejection> {
    match view.state(StreamId::WebhookEndpoint(id)) {
        Some(State::WebhookEndpoint(endpoint)) if endpoint.exists() && endpoint.book == book => {
            Ok(endpoint)
        }
        _ => Err(Rejection::NotFound { kind: "webhook endpoint" }),
    }
}

/// Names the endpoint's stream unless it is loaded.
pub(super) fn needs_endpoint(view: &dyn View, id: WebhookEndpointId) -> Vec<StreamId> {
    let mut missing = Vec::new();
    need(view, StreamId::WebhookEndpoint(id), &mut missing);
    missing
}
