//! Change settings: only what is named changes (spec section 10).

use super::events::{
    AutoTopUp, OrganizationAutoTopUpChanged, OrganizationDefaultsChanged, OrganizationEvent,
    OrganizationLowBalanceThresholdChanged,
};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, Environment, OrganizationId, StreamId};
use crate::jobs::JobType;
use crate::money::Cents;
use crate::purchases::pack;
use crate::rejection::Rejection;

/// What changes; `None` leaves a setting as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct SettingsChange {
    /// Type of a job that names none.
    pub default_type: Option<Option<JobType>>,
    /// Price of a job that names none.
    pub default_price_per_file_cents: Option<Option<Cents>>,
    /// Whether the automatic top-up is on.
    pub auto_top_up_enabled: Option<bool>,
    /// Its threshold.
    pub auto_top_up_threshold_cents: Option<Cents>,
    /// Its pack.
    pub auto_top_up_amount_cents: Option<Cents>,
    /// Threshold of the low-balance warning.
    pub low_balance_threshold_cents: Option<Cents>,
}

/// Changes an organization's settings.
#[derive(Debug, Clone)]
pub struct ChangeSettings {
    /// The organization.
    pub organization_id: OrganizationId,
    /// What changes.
    pub change: SettingsChange,
}

impl Command for ChangeSettings {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(Book::Organization(self.organization_id, Environment::Live))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Organization(self.organization_id), &mut missing);
        missing
    }

    #[expect(clippy::similar_names, reason = "a change has a before and an after")]
    fn decide(&self, view: &dyn View, _context: &Context) -> Result<Changes, Rejection> {
        let settings = &decision::organization(view, self.organization_id)?.settings;
        let stream = StreamId::Organization(self.organization_id);
        let change = &self.change;
        let mut changes = Changes::none();
        let defaults = OrganizationDefaultsChanged {
            default_type: change.default_type.unwrap_or(settings.default_type),
            default_price_per_file_cents: change
                .default_price_per_file_cents
                .unwrap_or(settings.default_price_per_file_cents),
        };
        if defaults.default_type != settings.default_type
            || defaults.default_price_per_file_cents != settings.default_price_per_file_cents
        {
            changes.push(stream, OrganizationEvent::DefaultsChanged(defaults));
        }
        let before = settings.auto_top_up;
        let after = AutoTopUp {
            enabled: change.auto_top_up_enabled.unwrap_or(before.enabled),
            threshold_cents: change.auto_top_up_threshold_cents.unwrap_or(before.threshold_cents),
            amount_cents: change.auto_top_up_amount_cents.unwrap_or(before.amount_cents),
        };
        if pack(after.amount_cents).is_none() {
            return Err(Rejection::InvalidSetting {
                field: "auto_top_up_amount_cents",
                message: "must be one of 1000, 2500, 5000, 10000, 25000",
            });
        }
        if after != before {
            let changed = OrganizationAutoTopUpChanged { before, after };
            changes.push(stream, OrganizationEvent::AutoTopUpChanged(changed));
        }
        let before = settings.low_balance_threshold_cents;
        let after = change.low_balance_threshold_cents.unwrap_or(before);
        if after != before {
            let changed = OrganizationLowBalanceThresholdChanged { before, after };
            changes.push(stream, OrganizationEvent::LowBalanceThresholdChanged(changed));
        }
        Ok(changes)
    }
}
