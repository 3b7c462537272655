//! Sign up: an organization and its first key, in one transaction.

use super::events::{OrganizationEvent, OrganizationSignedUp};
use crate::api_keys::CreateApiKey;
use crate::decision::{Changes, Command, Context, View, need};
use crate::ids::{Book, Environment, OrganizationId, StreamId};
use crate::rejection::Rejection;
use crate::state::State;

/// Begins an organization with one live key that holds every scope.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The new organization.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
    /// Its first key.
    pub key: CreateApiKey,
}

impl Command for SignUp {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(Book::Organization(self.organization_id, Environment::Live))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Organization(self.organization_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let stream = StreamId::Organization(self.organization_id);
        if matches!(view.state(stream), Some(State::Organization(found)) if found.exists()) {
            return Err(Rejection::AlreadyExists { kind: "organization" });
        }
        let signed_up = OrganizationSignedUp {
            organization_id: self.organization_id,
            name: self.name.clone(),
            at: context.now,
        };
        Ok(Changes::none()
            .append(stream, OrganizationEvent::SignedUp(signed_up))
            .append(StreamId::ApiKey(self.key.key_id), self.key.created(context.now)))
    }
}
