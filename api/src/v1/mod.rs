//! The buyer's API, a file for each resource.

pub(crate) mod api_keys;
pub(crate) mod audit_events;
pub(crate) mod auth;
pub(crate) mod billing;
pub(crate) mod events;
pub(crate) mod exports;
pub(crate) mod files;
pub(crate) mod jobs;
pub(crate) mod me;
pub(crate) mod organization;
pub(crate) mod purchases;
pub(crate) mod requests;
pub(crate) mod statements;
pub(crate) mod submissions;
pub(crate) mod test_clock;
pub(crate) mod webhook_endpoints;
pub(crate) mod webhook_events;
