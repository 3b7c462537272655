//! The embedded Postgres: a real one, on a unix socket in the data directory (design D15).
//!
//! An existing cluster is never deleted: initdb runs beside and is renamed into place. Durability
//! stays on. The server is told of our death by the kernel, so none outlives us.

mod binaries;
mod cluster;
mod user;

pub(crate) use cluster::{Cluster, url};
