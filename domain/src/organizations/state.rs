//! An organization's state.

use super::events::{AutoTopUp, OrganizationEvent};
use crate::credits::{Thresholds, TopUpRule};
use crate::jobs::JobType;
use crate::money::Cents;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What an organization has set (spec section 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Type of a job that names none.
    pub default_type: Option<JobType>,
    /// Price of a job that names none.
    pub default_price_per_file_cents: Option<Cents>,
    /// The automatic top-up.
    pub auto_top_up: AutoTopUp,
    /// `credits.low_balance` is sent when less than this is available.
    pub low_balance_threshold_cents: Cents,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_type: None,
            default_price_per_file_cents: None,
            auto_top_up: AutoTopUp::default(),
            low_balance_threshold_cents: Cents::new(500),
        }
    }
}

impl Settings {
    /// Returns what to do when the balance falls.
    pub fn thresholds(&self) -> Thresholds {
        let rule = &self.auto_top_up;
        Thresholds {
            low_balance: self.low_balance_threshold_cents,
            top_up: rule.enabled.then_some(TopUpRule {
                threshold: rule.threshold_cents,
                amount: rule.amount_cents,
            }),
        }
    }
}

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// When it signed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_up_at: Option<Timestamp>,
    /// When its phone number was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_verified_at: Option<Timestamp>,
    /// What it has set.
    pub settings: Settings,
}

impl Organization {
    /// Says whether the organization signed up.
    pub fn exists(&self) -> bool {
        self.signed_up_at.is_some()
    }
}

impl Aggregate for Organization {
    type Event = OrganizationEvent;

    fn evolve(&mut self, event: &OrganizationEvent) {
        match event {
            OrganizationEvent::SignedUp(signed_up) => {
                self.name.clone_from(&signed_up.name);
                self.signed_up_at = Some(signed_up.at);
            }
            OrganizationEvent::PhoneVerified(verified) => {
                self.phone_verified_at = Some(verified.at);
            }
            OrganizationEvent::DefaultsChanged(changed) => {
                self.settings.default_type = changed.default_type;
                self.settings.default_price_per_file_cents = changed.default_price_per_file_cents;
            }
            OrganizationEvent::AutoTopUpChanged(changed) => {
                self.settings.auto_top_up = changed.after;
            }
            OrganizationEvent::LowBalanceThresholdChanged(changed) => {
                self.settings.low_balance_threshold_cents = changed.after;
            }
        }
    }
}
