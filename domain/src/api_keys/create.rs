//! Create an API key.

use super::events::{ApiKeyCreated, ApiKeyEvent};
use super::scopes::Scopes;
use crate::credits::{LotOrigin, SANDBOX_GRANT, issue};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{ApiKeyId, Book, Environment, LotId, OrganizationId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Creates a key. The first test key of an organization opens its sandbox book with play money.
#[derive(Debug, Clone)]
pub struct CreateApiKey {
    /// The new key, in the organization's slot.
    pub key_id: ApiKeyId,
    /// Whose it will be.
    pub organization_id: OrganizationId,
    /// Which book it opens.
    pub environment: Environment,
    /// A name for people.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The scopes of the key that creates it: nobody grants what he lacks (spec section 9).
    pub granted_by: Scopes,
    /// Keyed hash of the secret.
    pub secret_hash: String,
    /// The last four characters of the secret.
    pub last4: String,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
    /// The lot of the sandbox's play money, if this is the first test key.
    pub sandbox_lot: LotId,
}

impl CreateApiKey {
    /// Returns the event that creates the key.
    pub(crate) fn created(&self, now: Timestamp) -> ApiKeyEvent {
        ApiKeyEvent::Created(ApiKeyCreated {
            key_id: self.key_id,
            organization_id: self.organization_id,
            environment: self.environment,
            name: self.name.clone(),
            scopes: self.scopes,
            secret_hash: self.secret_hash.clone(),
            last4: self.last4.clone(),
            expires_at: self.expires_at,
            at: now,
        })
    }

    fn target(&self) -> Book {
        Book::Organization(self.organization_id, self.environment)
    }
}

impl Command for CreateApiKey {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.target())
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Organization(self.organization_id), &mut missing);
        need(view, self.target().stream(), &mut missing);
        missing
    }

    fn by_real_time(&self) -> bool {
        true
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        decision::organization(view, self.organization_id)?;
        if self.scopes.iter().any(|scope| !self.granted_by.grants(scope)) {
            return Err(Rejection::ScopeNotHeld);
        }
        let mut changes =
            Changes::none().append(StreamId::ApiKey(self.key_id), self.created(context.now));
        let account = decision::credits(view, self.target())?;
        if self.environment == Environment::Test && account.issued == Cents::ZERO {
            let grant = issue(
                self.sandbox_lot,
                LotOrigin::Sandbox,
                SANDBOX_GRANT,
                "sandbox opened",
                context.now,
            );
            changes.push(self.target().stream(), grant);
        }
        Ok(changes)
    }
}
