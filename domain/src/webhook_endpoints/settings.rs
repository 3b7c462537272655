//! What can be chosen about an endpoint.

use super::event_type::WebhookEventType;
use crate::ids::SealId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The types of events that an endpoint wants; `None` means all, also those to come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subscription(pub Option<BTreeSet<WebhookEventType>>);

impl Subscription {
    /// Says whether events of a type are wanted.
    pub fn wants(&self, event_type: WebhookEventType) -> bool {
        self.0.as_ref().is_none_or(|types| types.contains(&event_type))
    }
}

/// What the header `X-FirstHandAPI-Signature` holds (spec section 17 row 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureScheme {
    /// `t=…,v1=…`
    #[default]
    TV1,
    /// The hexadecimal signature of the body alone.
    Raw,
}

/// In which order events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// As they come.
    #[default]
    None,
    /// An event of a job only after the earlier ones of that job.
    PerJob,
}

/// An endpoint's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EndpointSettings {
    /// Where events are sent.
    pub url: String,
    /// Which.
    #[serde(default, skip_serializing_if = "is_all")]
    pub events: Subscription,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The shape of the payload.
    pub api_version: String,
    /// What the signature header holds.
    pub signature_scheme: SignatureScheme,
    /// In which order.
    pub ordering: Ordering,
    /// Requests at a time, 1 to 64.
    pub max_in_flight: u16,
    /// Requests a second, 1 to 1,000; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_second: Option<u16>,
    /// Names of the extra headers, in lower case.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub header_names: BTreeSet<String>,
    /// Where their values are sealed: they may be secrets, which no event holds (design D13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<SealId>,
}

fn is_all(subscription: &Subscription) -> bool {
    subscription.0.is_none()
}
