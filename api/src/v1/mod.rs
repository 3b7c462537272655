//! The buyer's API, a file for each resource.

pub mod api_keys;
pub mod audit_events;
pub mod auth;
pub mod billing;
pub mod files;
pub mod jobs;
pub mod me;
pub mod organization;
pub mod submissions;
