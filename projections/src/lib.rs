//! Projections: read models that are derived from the log, and the queries that answer from them.
//!
//! A projector reads a part above its cursor in order and commits rows and cursor together (design
//! D8). It never refuses an event, never reads a clock and never draws a random number, so that a
//! rebuild gives the same rows. The inline read model (`streams`) is written by the ledger itself;
//! its queries are in [`states`].

pub mod api_key_uses;
pub mod appeals;
pub mod audit_events;
pub mod available_jobs;
pub mod batch_payouts;
pub mod credit_lots;
pub mod credit_transactions;
pub mod files;
pub mod finance;
pub mod journal;
pub mod page;
pub mod projector;
pub mod rebuild;
pub mod states;
pub mod webhooks;
pub mod worker_earnings;
pub mod worker_submissions;

pub use page::{Page, PageRequest};
pub use projector::{Follower, Pace, Projector, Rows};

use firsthand_eventstore::codec::Recorded;
use sqlx::PgConnection;
use std::sync::Arc;

/// Name of the cursor that all read models share.
pub const CURSOR: &str = "projections";

/// Name of the cursor of what buyers are told and endpoints are owed.
pub const FEED_CURSOR: &str = "feed";

/// What buyers are told of the log, and, in the same transaction, what each endpoint is owed. Only
/// the first can be rebuilt: what was sent can't be unsent.
pub const FEED: &[Projector] = &[
    Projector {
        table: "webhook_events",
        project: &|c, p, e| Box::pin(webhooks::feed::project(c, p, e)),
    },
    Projector {
        table: "webhook_deliveries",
        project: &|c, p, e| Box::pin(webhooks::deliveries::project(c, p, e)),
    },
];

/// Every table that can be derived again, with the cursor that it stands at.
pub fn rebuildable() -> impl Iterator<Item = (&'static str, &'static Projector)> {
    READ_MODELS
        .iter()
        .map(|model| (CURSOR, model))
        .chain(FEED.iter().take(1).map(|model| (FEED_CURSOR, model)))
}

/// Every read model, in the order in which they are written.
pub const READ_MODELS: &[Projector] = &[
    Projector {
        table: "credit_transactions",
        project: &|c, p, e| Box::pin(credit_transactions::project(c, p, e)),
    },
    Projector { table: "journal", project: &|c, p, e| Box::pin(journal::project(c, p, e)) },
    Projector { table: "credit_lots", project: &|c, p, e| Box::pin(credit_lots::project(c, p, e)) },
    Projector {
        table: "audit_events",
        project: &|c, p, e| Box::pin(audit_events::project(c, p, e)),
    },
    Projector { table: "files", project: &|c, p, e| Box::pin(files::project(c, p, e)) },
    Projector {
        table: "available_jobs",
        project: &|c, p, e| Box::pin(available_jobs::project(c, p, e)),
    },
    Projector {
        table: "worker_submissions",
        project: &|c, p, e| Box::pin(worker_submissions::project(c, p, e)),
    },
    Projector {
        table: "worker_earnings",
        project: &|c, p, e| Box::pin(worker_earnings::project(c, p, e)),
    },
    Projector {
        table: "batch_payouts",
        project: &|c, p, e| Box::pin(batch_payouts::project(c, p, e)),
    },
];

/// Rows of one part, as a projector is given them.
pub type Batch<'a> = (&'a mut PgConnection, i16, &'a [Arc<Recorded>]);
