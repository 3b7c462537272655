//! Webhooks: what buyers are told of the log, what each endpoint is owed, and how that went
//! (spec section 8).
//!
//! [`feed`] derives the events from the log, [`deliveries`] what each endpoint is owed; both run in
//! the reactors' transaction, so nothing is lost and nothing is owed twice. [`lanes`] and [`outbox`]
//! are the sender's side, [`list`], [`endpoints`], [`attempts`] and [`replays`] what the API shows.

pub mod attempts;
pub mod bodies;
pub mod clocked;
pub mod deliveries;
pub mod endpoints;
pub mod feed;
pub mod lanes;
pub mod list;
pub mod outbox;
mod render;
pub mod replays;
pub mod seals;

/// The version of the payload's shape (spec section 2).
pub const API_VERSION: &str = "2026-03-18";
