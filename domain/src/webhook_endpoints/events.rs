//! What can happen to a webhook endpoint.

use super::event_type::WebhookEventType;
use super::settings::EndpointSettings;
use crate::event::events;
use crate::ids::{Book, EventId, ReplayId, SealId, WebhookEndpointId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of a webhook endpoint.
    WebhookEndpointEvent {
        /// An endpoint was created.
        Created(EndpointCreated) = "webhook_endpoint.created", 1;
        /// Its settings changed.
        Changed(EndpointChanged) = "webhook_endpoint.updated", 1;
        /// It got a new secret; the old one signs too for a while.
        SecretRotated(EndpointSecretRotated) = "webhook_endpoint.secret_rotated", 1;
        /// It is sent events again.
        Enabled(EndpointEnabled) = "webhook_endpoint.enabled", 1;
        /// It is sent no events.
        Disabled(EndpointDisabled) = "webhook_endpoint.disabled", 1;
        /// It has failed for long.
        Failing(EndpointFailing) = "webhook_endpoint.failing", 1;
        /// It answers again.
        Recovered(EndpointRecovered) = "webhook_endpoint.recovered", 1;
        /// It was removed.
        Deleted(EndpointDeleted) = "webhook_endpoint.deleted", 1;
        /// Somebody asked for a test event.
        Tested(EndpointTested) = "webhook_endpoint.tested", 1;
        /// Somebody asked for an event once more.
        EventReplayed(EndpointEventReplayed) = "webhook_endpoint.event_replayed", 1;
        /// Somebody asked for the events of a range once more.
        ReplayRequested(EndpointReplayRequested) = "webhook_endpoint.replay_requested", 1;
        /// Somebody ended that.
        ReplayCancelled(EndpointReplayCancelled) = "webhook_endpoint.replay_cancelled", 1;
    }
}

/// An endpoint was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointCreated {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose events it is sent.
    pub book: Book,
    /// Its settings.
    pub settings: EndpointSettings,
    /// Where its secret is sealed.
    pub secret: SealId,
    /// When.
    pub at: Timestamp,
}

/// Its settings changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointChanged {
    /// What they were.
    pub before: EndpointSettings,
    /// What they are.
    pub after: EndpointSettings,
    /// When.
    pub at: Timestamp,
}

/// It got a new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSecretRotated {
    /// Where the new secret is sealed.
    pub secret: SealId,
    /// Until when the old one signs too.
    pub previous_secret_expires_at: Timestamp,
    /// When.
    pub at: Timestamp,
}

/// It is sent events again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointEnabled {
    /// When.
    pub at: Timestamp,
}

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// Its owner asked for it.
    Requested,
    /// It answered 410.
    Gone,
    /// Nothing but failures for five days.
    Failing,
}

/// It is sent no events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointDisabled {
    /// Why.
    pub reason: DisabledReason,
    /// Since when it failed, if that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Failures without a success between them.
    #[serde(default)]
    pub consecutive_failures: i64,
    /// When.
    pub at: Timestamp,
}

impl EndpointDisabled {
    /// Its owner asked for it.
    pub(super) fn requested(at: Timestamp) -> Self {
        Self { reason: DisabledReason::Requested, failing_since: None, consecutive_failures: 0, at }
    }
}

/// It has failed for long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointFailing {
    /// Since when.
    pub failing_since: Timestamp,
    /// For how many hours at least: 24 or 72.
    pub hours: u16,
    /// Failures without a success between them.
    pub consecutive_failures: i64,
    /// When.
    pub at: Timestamp,
}

/// It answers again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRecovered {
    /// Since when it had failed.
    pub failing_since: Timestamp,
    /// When.
    pub at: Timestamp,
}

/// It was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointDeleted {
    /// When.
    pub at: Timestamp,
}

/// Somebody asked for a test event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointTested {
    /// The test event.
    pub event_id: EventId,
    /// The type of the test event.
    pub event_type: WebhookEventType,
    /// When.
    pub at: Timestamp,
}

/// Somebody asked for an event once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointEventReplayed {
    /// The event.
    pub event_id: EventId,
    /// When.
    pub at: Timestamp,
}

/// Which events of a range are sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOnly {
    /// Those that were never delivered, for whatever reason.
    Missing,
    /// Those that failed for good.
    Failed,
    /// All.
    All,
}

impl ReplayOnly {
    /// Returns the stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::All => "all",
        }
    }
}

/// Somebody asked for the events of a range once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointReplayRequested {
    /// The replay.
    pub replay_id: ReplayId,
    /// The earliest event.
    pub since: Timestamp,
    /// The end: events before it.
    pub until: Timestamp,
    /// Which.
    pub only: ReplayOnly,
    /// When.
    pub at: Timestamp,
}

/// Somebody ended a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointReplayCancelled {
    /// The replay.
    pub replay_id: ReplayId,
    /// When.
    pub at: Timestamp,
}
