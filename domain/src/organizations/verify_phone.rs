//! Verify the phone number: the free grant follows in the same transaction.

use super::events::{OrganizationEvent, OrganizationPhoneVerified};
use crate::credits::{FREE_GRANT, LotOrigin, issue};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, Environment, LotId, OrganizationId, StreamId};
use crate::money::Cents;
use crate::rejection::Rejection;

/// Records the verification and grants the free credits, once for each organization; once for each
/// phone number is the caller's claim (spec section 21).
#[derive(Debug, Clone)]
pub struct VerifyPhone {
    /// The organization.
    pub organization_id: OrganizationId,
    /// The lot of the free grant.
    pub lot_id: LotId,
    /// How much is granted, usually [`FREE_GRANT`].
    pub grant: Cents,
}

impl VerifyPhone {
    /// Verifies with the documented grant.
    pub fn new(organization_id: OrganizationId, lot_id: LotId) -> Self {
        Self { organization_id, lot_id, grant: FREE_GRANT }
    }
}

impl Command for VerifyPhone {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(Book::Organization(self.organization_id, Environment::Live))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Organization(self.organization_id), &mut missing);
        let credits = StreamId::Credits(self.organization_id, Environment::Live);
        need(view, credits, &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let organization = decision::organization(view, self.organization_id)?;
        if organization.phone_verified_at.is_some() {
            return Err(Rejection::PhoneAlreadyVerified);
        }
        let verified = OrganizationPhoneVerified { at: context.now };
        let grant =
            issue(self.lot_id, LotOrigin::FreeTier, self.grant, "phone verified", context.now);
        Ok(Changes::none()
            .append(
                StreamId::Organization(self.organization_id),
                OrganizationEvent::PhoneVerified(verified),
            )
            .append(StreamId::Credits(self.organization_id, Environment::Live), grant))
    }
}
