//! Create a webhook endpoint.

use super::events::{EndpointCreated, EndpointDisabled, WebhookEndpointEvent};
use super::settings::EndpointSettings;
use crate::decision::{Changes, Command, Context, View};
use crate::ids::{Book, SealId, StreamId, WebhookEndpointId};
use crate::rejection::Rejection;

/// Creates an endpoint. The URL was checked by who may reach it.
#[derive(Debug, Clone)]
pub struct CreateEndpoint {
    /// The new endpoint, in the book's slot.
    pub endpoint_id: WebhookEndpointId,
    /// Whose events it will be sent.
    pub book: Book,
    /// Its settings.
    pub settings: EndpointSettings,
    /// Where its secret is sealed.
    pub secret: SealId,
    /// Whether it is sent events from the start.
    pub enabled: bool,
}

impl Command for CreateEndpoint {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, _view: &dyn View) -> Vec<StreamId> {
        Vec::new()
    }

    fn by_real_time(&self) -> bool {
        true
    }

    fn decide(&self, _view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let created = EndpointCreated {
            endpoint_id: self.endpoint_id,
            book: self.book,
            settings: self.settings.clone(),
            secret: self.secret,
            at: context.now,
        };
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        let changes = Changes::none().append(stream, WebhookEndpointEvent::Created(created));
        if self.enabled {
            return Ok(changes);
        }
        let disabled = EndpointDisabled::requested(context.now);
        Ok(changes.append(stream, WebhookEndpointEvent::Disabled(disabled)))
    }
}
