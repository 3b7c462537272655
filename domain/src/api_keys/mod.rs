//! API keys: secrets by keyed hash only, scopes, environments, rotation with an overlap.

mod create;
mod events;
mod revoke;
mod rotate;
mod scopes;
mod state;

pub use create::CreateApiKey;
pub use events::{ApiKeyCreated, ApiKeyEvent, ApiKeyRevoked, ApiKeyRotated};
pub use revoke::RevokeApiKey;
pub use rotate::{ROTATION_OVERLAP, RotateApiKey};
pub use scopes::{Scope, Scopes};
pub use state::{ApiKey, PreviousSecret};
