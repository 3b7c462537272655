//! What can happen to an organization.

use crate::event::events;
use crate::ids::OrganizationId;
use crate::jobs::JobType;
use crate::money::Cents;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

events! {
    /// An event of an organization.
    OrganizationEvent {
        /// Somebody signed up.
        SignedUp(OrganizationSignedUp) = "organization.signed_up", 1;
        /// The phone number was verified.
        PhoneVerified(OrganizationPhoneVerified) = "organization.phone_verified", 1;
        /// What new jobs fall back to changed.
        DefaultsChanged(OrganizationDefaultsChanged) = "organization.defaults_changed", 1;
        /// The automatic top-up changed.
        AutoTopUpChanged(OrganizationAutoTopUpChanged) = "organization.auto_top_up_changed", 1;
        /// The threshold for the low-balance warning changed.
        LowBalanceThresholdChanged(OrganizationLowBalanceThresholdChanged) =
            "organization.low_balance_threshold_changed", 1;
    }
}

/// Somebody signed up. The e-mail address is personal and lives elsewhere (design D13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationSignedUp {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// The phone number was verified; the number itself lives elsewhere (design D13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationPhoneVerified {
    /// When.
    pub at: Timestamp,
}

/// What new jobs fall back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationDefaultsChanged {
    /// Type of a job that names none.
    pub default_type: Option<JobType>,
    /// Price of a job that names none.
    pub default_price_per_file_cents: Option<Cents>,
}

/// The automatic top-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoTopUp {
    /// Whether it is on.
    pub enabled: bool,
    /// It fires when less than this is available.
    pub threshold_cents: Cents,
    /// The pack that it buys.
    pub amount_cents: Cents,
}

impl Default for AutoTopUp {
    fn default() -> Self {
        Self { enabled: false, threshold_cents: Cents::new(500), amount_cents: Cents::new(2_500) }
    }
}

/// The automatic top-up changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationAutoTopUpChanged {
    /// As it was.
    pub before: AutoTopUp,
    /// As it is.
    pub after: AutoTopUp,
}

/// The threshold for the low-balance warning changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationLowBalanceThresholdChanged {
    /// As it was.
    pub before: Cents,
    /// As it is.
    pub after: Cents,
}
