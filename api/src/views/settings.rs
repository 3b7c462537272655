//! An organization's settings on the wire, under both names of the top-up (spec section 17 row 9).

use crate::openapi::schema;
use firsthand_domain::Cents;
use firsthand_domain::ids::OrganizationId;
use firsthand_domain::jobs::JobType;
use firsthand_domain::organizations::Organization;
use serde::Serialize;
use utoipa::ToSchema;

/// Settings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrganizationSettings)]
pub(crate) struct SettingsView {
    #[schema(example = "organization_settings")]
    object: &'static str,
    #[schema(value_type = schema::OrganizationId)]
    organization_id: OrganizationId,
    #[schema(example = "Ada Lovelace")]
    name: String,
    phone_verified: bool,
    #[schema(value_type = Option<schema::JobType>)]
    default_type: Option<JobType>,
    #[schema(value_type = Option<schema::Price>)]
    default_price_per_file_cents: Option<Cents>,
    auto_top_up_enabled: bool,
    #[schema(value_type = schema::Cents)]
    auto_top_up_threshold_cents: Cents,
    #[schema(value_type = schema::Cents)]
    auto_top_up_amount_cents: Cents,
    auto_topup_enabled: bool,
    #[schema(value_type = schema::Cents)]
    auto_topup_threshold_cents: Cents,
    #[schema(value_type = schema::Cents)]
    auto_topup_amount_cents: Cents,
    #[schema(value_type = schema::Cents)]
    low_balance_threshold_cents: Cents,
}

impl SettingsView {
    /// Makes the view.
    pub(crate) fn new(id: OrganizationId, organization: &Organization) -> Self {
        let settings = &organization.settings;
        let top_up = settings.auto_top_up;
        Self {
            object: "organization_settings",
            organization_id: id,
            name: organization.name.clone(),
            phone_verified: organization.phone_verified_at.is_some(),
            default_type: settings.default_type,
            default_price_per_file_cents: settings.default_price_per_file_cents,
            auto_top_up_enabled: top_up.enabled,
            auto_top_up_threshold_cents: top_up.threshold_cents,
            auto_top_up_amount_cents: top_up.amount_cents,
            auto_topup_enabled: top_up.enabled,
            auto_topup_threshold_cents: top_up.threshold_cents,
            auto_topup_amount_cents: top_up.amount_cents,
            low_balance_threshold_cents: settings.low_balance_threshold_cents,
        }
    }
}
