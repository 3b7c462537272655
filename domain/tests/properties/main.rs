//! The rules of the domain, tested from outside against the specification.
//!
//! `history` plays ten thousand random histories and compares the crate after each command with
//! `model`, a second implementation written from the specification that shares no rule with it,
//! and with `ledger`, the books as an accountant would keep them from the postings alone. The
//! `edge_*` files pin the behaviours of specification section 18, one sentence a test.
#![expect(
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "clippy exempts only functions that are tests, not what they share"
)]

mod actions;
mod check;
mod commands;
mod completion;
mod coverage;
mod edge_clocks;
mod edge_keys;
mod edge_lots;
mod edge_purchases;
mod edge_races;
mod edge_submissions;
mod edge_top_ups;
mod edge_workers;
mod history;
mod ledger;
mod model;
mod model_lots;
mod model_work;
mod payouts;
mod resolve;
mod shop;
mod stored;
mod world;
