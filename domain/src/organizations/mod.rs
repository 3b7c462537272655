//! Organizations: sign-up, phone verification, settings.

mod change_settings;
mod events;
mod sign_up;
mod state;
mod verify_phone;

pub use change_settings::{ChangeSettings, SettingsChange};
pub use events::{
    AutoTopUp, OrganizationAutoTopUpChanged, OrganizationDefaultsChanged, OrganizationEvent,
    OrganizationLowBalanceThresholdChanged, OrganizationPhoneVerified, OrganizationSignedUp,
};
pub use sign_up::SignUp;
pub use state::{Organization, Settings};
pub use verify_phone::VerifyPhone;
