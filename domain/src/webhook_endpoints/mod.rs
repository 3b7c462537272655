//! Webhook endpoints: where a book's events are sent (spec section 8). Which requests were made and
//! how they went is not decided here; only what changes an endpoint is an event.

mod change;
mod create;
mod event_type;
mod events;
mod health;
mod remove;
mod replay;
mod rotate_secret;
mod settings;
mod state;
mod test_event;

pub use change::{ChangeEndpoint, EndpointChange};
pub use create::CreateEndpoint;
pub use event_type::WebhookEventType;
pub use events::{
    DisabledReason, EndpointChanged, EndpointCreated, EndpointDeleted, EndpointDisabled,
    EndpointEnabled, EndpointEventReplayed, EndpointFailing, EndpointRecovered,
    EndpointReplayCancelled, EndpointReplayRequested, EndpointSecretRotated, EndpointTested,
    ReplayOnly, WebhookEndpointEvent,
};
pub use health::{DisableEndpoint, ReportFailing, ReportRecovered};
pub use remove::DeleteEndpoint;
pub use replay::{CancelReplay, ReplayEvent, RequestReplay};
pub use rotate_secret::{LONGEST_OVERLAP, MOST_SECRETS, RotateEndpointSecret};
pub use settings::{EndpointSettings, Ordering, SignatureScheme, Subscription};
pub use state::{PreviousEndpointSecret, WebhookEndpoint};
pub use test_event::TestEndpoint;
