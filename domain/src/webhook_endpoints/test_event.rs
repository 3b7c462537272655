//! Send a test event to an endpoint.

use super::event_type::WebhookEventType;
use super::events::{EndpointTested, WebhookEndpointEvent};
use super::state::{endpoint_of, needs_endpoint};
use crate::decision::{Changes, Command, Context, View};
use crate::ids::{Book, EventId, StreamId, WebhookEndpointId};
use crate::rejection::Rejection;

/// Asks for a test event of a type, to this endpoint alone.
#[derive(Debug, Clone)]
pub struct TestEndpoint {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it must be.
    pub book: Book,
    /// The new test event, in the book's slot.
    pub event_id: EventId,
    /// Its type.
    pub event_type: WebhookEventType,
}

impl Command for TestEndpoint {
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
        if !endpoint_of(view, self.endpoint_id, self.book)?.enabled() {
            return Err(Rejection::EndpointDisabled);
        }
        let tested = EndpointTested {
            event_id: self.event_id,
            event_type: self.event_type,
            at: context.now,
        };
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        Ok(Changes::none().append(stream, WebhookEndpointEvent::Tested(tested)))
    }
}
