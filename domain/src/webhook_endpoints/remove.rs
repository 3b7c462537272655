//! Delete a webhook endpoint.

use super::events::{EndpointDeleted, WebhookEndpointEvent};
use super::state::needs_endpoint;
use crate::decision::{Changes, Command, Context, View};
use crate::ids::{Book, StreamId, WebhookEndpointId};
use crate::rejection::Rejection;
use crate::state::State;

/// Deletes an endpoint. Deleting it again changes nothing and succeeds.
#[derive(Debug, Clone)]
pub struct DeleteEndpoint {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it must be.
    pub book: Book,
}

impl Command for DeleteEndpoint {
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
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        let endpoint = match view.state(stream) {
            Some(State::WebhookEndpoint(endpoint))
                if endpoint.secret.is_some() && endpoint.book == self.book =>
            {
                endpoint
            }
            _ => return Err(Rejection::NotFound { kind: "webhook endpoint" }),
        };
        if !endpoint.exists() {
            return Ok(Changes::none());
        }
        let deleted = EndpointDeleted { at: context.now };
        Ok(Changes::none().append(stream, WebhookEndpointEvent::Deleted(deleted)))
    }
}
