//! Recovery: what the service keeps when its processes are killed and its clients hang up.
//!
//! Written from the specification alone. The driver, its clients and their log live in this process, outside the
//! blast radius; the product is the `firsthand` binary on a data directory of its own.
//!
//! - `crash`: kill -9 of the server, the postmaster or one backend, again and again, under eight retrying clients.
//! - `storm`: thousands of requests whose clients hang up half way, beside four that do not.
//! - `webhooks`: events to many endpoints while the server and its database are killed.
//! - `canaries` (cargo feature `canaries`): five bugs are built into the product, and the crash driver must find each.

mod acklog;
mod approvals;
mod audit;
mod books;
mod checks;
mod clients;
mod crash;
mod faults;
mod findings;
mod harness;
mod media_checks;
mod money;
mod product;
mod report;
mod storm;
mod support;
mod webhooks;
mod webhooks_checks;
mod webhooks_evidence;
mod webhooks_log;
mod webhooks_order;
mod webhooks_receivers;
mod webhooks_records;
mod webhooks_report;
mod webhooks_writers;

#[cfg(test)]
mod webhooks_world;

#[cfg(feature = "canaries")]
mod canaries;
