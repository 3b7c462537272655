//! Revoke an API key: at once and for good.

use super::events::{ApiKeyEvent, ApiKeyRevoked};
use super::rotate::book_of;
use super::scopes::Scope;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{ApiKeyId, Book, OrganizationId, StreamId};
use crate::rejection::Rejection;

/// Revokes a key. Revoking a revoked key changes nothing and succeeds.
#[derive(Debug, Clone)]
pub struct RevokeApiKey {
    /// Whose key it must be.
    pub organization_id: OrganizationId,
    /// The key.
    pub key_id: ApiKeyId,
    /// The organization's other keys, of which one must still manage keys (spec section 9).
    pub others: Vec<ApiKeyId>,
    /// Whether to revoke the last managing key all the same.
    pub force: bool,
}

impl Command for RevokeApiKey {
    fn book(&self, view: &dyn View) -> Option<Book> {
        book_of(view, self.key_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::ApiKey(self.key_id), &mut missing);
        for other in &self.others {
            need(view, StreamId::ApiKey(*other), &mut missing);
        }
        missing
    }

    fn by_real_time(&self) -> bool {
        true
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let key = decision::api_key(view, self.key_id)?;
        if key.organization_id != self.organization_id {
            return Err(Rejection::NotFound { kind: "api key" });
        }
        if key.revoked_at.is_some() {
            return Ok(Changes::none());
        }
        let another_manages = self.others.iter().any(|other| {
            *other != self.key_id
                && decision::api_key(view, *other).is_ok_and(|other| {
                    other.active(context.now) && other.scopes.grants(Scope::KeysManage)
                })
        });
        if key.scopes.grants(Scope::KeysManage) && !another_manages && !self.force {
            return Err(Rejection::LastManagingKey);
        }
        let revoked = ApiKeyRevoked { at: context.now };
        Ok(Changes::none().append(StreamId::ApiKey(self.key_id), ApiKeyEvent::Revoked(revoked)))
    }
}
