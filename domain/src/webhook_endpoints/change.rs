//! Change a webhook endpoint: only what is named changes.

use super::event_type::WebhookEventType;
use super::events::{EndpointChanged, EndpointDisabled, EndpointEnabled, WebhookEndpointEvent};
use super::settings::{Ordering, SignatureScheme, Subscription};
use super::state::{endpoint_of, needs_endpoint};
use crate::decision::{Changes, Command, Context, View};
use crate::ids::{Book, SealId, StreamId, WebhookEndpointId};
use crate::rejection::Rejection;
use std::collections::BTreeSet;

/// What changes; `None` leaves a setting as it is.
#[derive(Debug, Clone, Default)]
pub struct EndpointChange {
    /// Where events are sent.
    pub url: Option<String>,
    /// Which; `Some(None)` means all.
    pub events: Option<Option<BTreeSet<WebhookEventType>>>,
    /// For people.
    pub description: Option<Option<String>>,
    /// What the signature header holds.
    pub signature_scheme: Option<SignatureScheme>,
    /// In which order.
    pub ordering: Option<Ordering>,
    /// Requests at a time.
    pub max_in_flight: Option<u16>,
    /// Requests a second.
    pub max_per_second: Option<Option<u16>>,
    /// Names of the extra headers, and where their values are sealed.
    pub headers: Option<(BTreeSet<String>, Option<SealId>)>,
    /// Whether it is sent events.
    pub enabled: Option<bool>,
}

/// Changes an endpoint.
#[derive(Debug, Clone)]
pub struct ChangeEndpoint {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it must be.
    pub book: Book,
    /// What changes.
    pub change: EndpointChange,
}

impl Command for ChangeEndpoint {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs_endpoint(view, self.endpoint_id)
    }

    fn by_real_time(&self) -> bool {
        true
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let endpoint = endpoint_of(view, self.endpoint_id, self.book)?;
        let change = self.change.clone();
        let before = endpoint.settings.clone();
        let mut after = before.clone();
        after.url = change.url.unwrap_or(after.url);
        after.events = change.events.map_or(after.events, Subscription);
        after.description = change.description.unwrap_or(after.description);
        after.signature_scheme = change.signature_scheme.unwrap_or(after.signature_scheme);
        after.ordering = change.ordering.unwrap_or(after.ordering);
        after.max_in_flight = change.max_in_flight.unwrap_or(after.max_in_flight);
        after.max_per_second = change.max_per_second.unwrap_or(after.max_per_second);
        if let Some((names, sealed)) = change.headers {
            after.header_names = names;
            after.headers = sealed;
        }
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        let mut changes = Changes::none();
        if after != before {
            let event = EndpointChanged { before, after, at: context.now };
            changes.push(stream, WebhookEndpointEvent::Changed(event));
        }
        match (change.enabled, endpoint.enabled()) {
            (Some(true), false) => {
                let enabled = EndpointEnabled { at: context.now };
                changes.push(stream, WebhookEndpointEvent::Enabled(enabled));
            }
            (Some(false), true) => {
                let disabled = EndpointDisabled::requested(context.now);
                changes.push(stream, WebhookEndpointEvent::Disabled(disabled));
            }
            (None, _) | (Some(true), true) | (Some(false), false) => (),
        }
        Ok(changes)
    }
}
