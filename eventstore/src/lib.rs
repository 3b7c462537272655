//! The event store and the ledger writer: the log, the only way to append to it, and the ways to
//! read it.
//!
//! A command reaches the writer of its part through a bounded channel, is decided in memory, and is
//! answered only after the transaction that holds its batch has committed (design D3 to D7).
//! Nothing else writes to `events`, `streams` or `idempotency_keys`.

mod append;
mod batch;
mod cache;
pub mod canary;
pub mod claims;
pub mod clocked;
pub mod codec;
mod column;
pub mod cqrs;
mod error;
pub mod idempotency;
mod ledger;
mod lookup;
mod master_key;
mod migrate;
pub mod payment_events;
pub mod payout_batches;
mod published;
pub mod read;
mod recent;
mod store;
pub mod subscription;
pub mod tasks;
pub mod verify;
mod writer;

pub use error::{ExecuteError, StoreError};
pub use idempotency::{IdempotencyKey, StoredAnswer};
pub use ledger::{Answer, Clock, Ledger, LedgerConfig, Meta, Render, Reply, Request};
pub use master_key::belongs_to_master_key;
pub use migrate::{SchemaVersion, create_database, migrate, schema_version};
pub use published::Change;
pub use store::{Store, WriterTransaction};
