//! Rotate a webhook endpoint's secret.

use super::events::{EndpointSecretRotated, WebhookEndpointEvent};
use super::state::{endpoint_of, needs_endpoint};
use crate::decision::{Changes, Command, Context, View};
use crate::ids::{Book, SealId, StreamId, WebhookEndpointId};
use crate::rejection::Rejection;
use crate::time::Span;

/// The longest time for which an old secret signs too.
pub const LONGEST_OVERLAP: Span = Span::days(7);

/// The most secrets that sign at a time: a client repeats a rotation whose answer it missed, and
/// none of these may end the life of the secret that is in use.
pub const MOST_SECRETS: usize = 8;

/// Gives an endpoint a new secret.
#[derive(Debug, Clone)]
pub struct RotateEndpointSecret {
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it must be.
    pub book: Book,
    /// Where the new secret is sealed.
    pub secret: SealId,
    /// For how long the old one signs too; at most [`LONGEST_OVERLAP`].
    pub overlap: Span,
}

impl Command for RotateEndpointSecret {
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
        if endpoint.secrets(context.now).len() >= MOST_SECRETS {
            return Err(Rejection::TooManySecrets);
        }
        let rotated = EndpointSecretRotated {
            secret: self.secret,
            previous_secret_expires_at: context.now.after(self.overlap),
            at: context.now,
        };
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        Ok(Changes::none().append(stream, WebhookEndpointEvent::SecretRotated(rotated)))
    }
}
