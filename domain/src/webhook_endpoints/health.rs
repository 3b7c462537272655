//! What the service itself says of an endpoint: that it fails, answers again, or is given up.

use super::events::{
    DisabledReason, EndpointDisabled, EndpointFailing, EndpointRecovered, WebhookEndpointEvent,
};
use super::state::{endpoint_of, needs_endpoint};
use crate::decision::{Changes, Command, Context, View};
use crate::ids::{Book, StreamId, WebhookEndpointId};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Reports that an endpoint has failed for at least so many hours; each figure once.
#[derive(Debug, Clone)]
pub struct ReportFailing {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it is.
    pub book: Book,
    /// Since when.
    pub failing_since: Timestamp,
    /// 24 or 72.
    pub hours: u16,
    /// Failures without a success between them.
    pub consecutive_failures: i64,
}

impl Command for ReportFailing {
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
        if !endpoint.enabled() || endpoint.reported_failing_hours >= self.hours {
            return Ok(Changes::none());
        }
        let failing = EndpointFailing {
            failing_since: self.failing_since,
            hours: self.hours,
            consecutive_failures: self.consecutive_failures,
            at: context.now,
        };
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        Ok(Changes::none().append(stream, WebhookEndpointEvent::Failing(failing)))
    }
}

/// Reports that an endpoint which was reported failing answers again.
#[derive(Debug, Clone)]
pub struct ReportRecovered {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it is.
    pub book: Book,
}

impl Command for ReportRecovered {
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
        let Some(failing_since) = endpoint.reported_failing_since else {
            return Ok(Changes::none());
        };
        let recovered = EndpointRecovered { failing_since, at: context.now };
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        Ok(Changes::none().append(stream, WebhookEndpointEvent::Recovered(recovered)))
    }
}

/// Gives an endpoint up: it said that it is gone, or did nothing but fail for five days.
#[derive(Debug, Clone)]
pub struct DisableEndpoint {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it is.
    pub book: Book,
    /// Why.
    pub reason: DisabledReason,
    /// Where it was sent to: what an old address said does not count against a new one.
    pub url: String,
    /// Since when it failed.
    pub failing_since: Option<Timestamp>,
    /// Failures without a success between them.
    pub consecutive_failures: i64,
}

impl Command for DisableEndpoint {
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
        if !endpoint.enabled() || endpoint.settings.url != self.url {
            return Ok(Changes::none());
        }
        let disabled = EndpointDisabled {
            reason: self.reason,
            failing_since: self.failing_since,
            consecutive_failures: self.consecutive_failures,
            at: context.now,
        };
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        Ok(Changes::none().append(stream, WebhookEndpointEvent::Disabled(disabled)))
    }
}
