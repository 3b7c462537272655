//! API keys: secrets by keyed hash only, scopes, environments, rotation with an overlap.

mod create;
mod events;
mod refuse;
mod revoke;
mod rotate;
mod scopes;
mod state;

pub use create::CreateApiKey;
pub use events::{ApiKeyCallRefused, ApiKeyCreated, ApiKeyEvent, ApiKeyRevoked, ApiKeyRotated};
pub use refuse::{REFUSAL_PAUSE, RefuseCall};
pub use revoke::RevokeApiKey;
pub use rotate::{ROTATION_OVERLAP, RotateApiKey};
pub use scopes::{Scope, Scopes};
pub use state::{ApiKey, PreviousSecret};
