//! The rules of firsthand: aggregates, the events they emit and the commands that they decide.
//!
//! The crate's one invariant: everything here is a pure function. There is no clock, no random
//! number, no input or output; time and identifiers come in with the command or its
//! [`decision::Context`], so the same history and command always give the same decision.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]

pub mod api_keys;
pub mod appeals;
pub mod credits;
pub mod decision;
pub mod earnings;
pub mod event;
pub mod ids;
pub mod jobs;
pub mod media;
pub mod merkle;
pub mod money;
pub mod organizations;
pub mod payouts;
pub mod purchases;
pub mod rejection;
pub mod scoring;
pub mod state;
pub mod submissions;
pub mod test_clocks;
pub mod time;
pub mod webhook_endpoints;
pub mod workers;

pub use decision::{Changes, Command, Context, View};
pub use event::Event;
pub use ids::{Book, Environment, StreamId};
pub use money::Cents;
pub use rejection::Rejection;
pub use state::State;
pub use time::Timestamp;
