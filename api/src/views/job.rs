//! A job on the wire.

use crate::command::to_json;
use crate::geo;
use bytes::Bytes;
use firsthand_domain::ids::JobId;
use firsthand_domain::jobs::{CancelReason, Job, JobType, Location};
use firsthand_domain::media::MediaType;
use firsthand_domain::{Book, Cents, Environment, Timestamp, decision};
use firsthand_domain::{Rejection, View};
use serde::Serialize;
use serde_json::{Number, Value};
use std::collections::BTreeMap;

/// A place on the wire.
#[derive(Debug, Serialize)]
pub(crate) struct LocationView {
    lat: Number,
    lng: Number,
    radius_km: Number,
}

impl From<Location> for LocationView {
    fn from(location: Location) -> Self {
        Self {
            lat: geo::degrees(location.lat_e6),
            lng: geo::degrees(location.lng_e6),
            radius_km: geo::kilometres(location.radius_m),
        }
    }
}

#[derive(Debug, Serialize)]
struct SubmissionSummary {
    pending_score: i64,
    approved: u32,
    rejected: u32,
    retry_pending: i64,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the wire names amounts by their unit")]
struct EscrowView {
    held_cents: Cents,
    spent_cents: Cents,
    refunded_cents: Cents,
}

/// A job (spec section 4).
#[derive(Debug, Serialize)]
pub(crate) struct JobView<'a> {
    object: &'static str,
    id: JobId,
    status: &'static str,
    #[serde(rename = "type")]
    job_type: JobType,
    title: Option<&'a str>,
    description: &'a str,
    files_needed: u32,
    files_approved: u32,
    files_pending: u32,
    slots_open: u32,
    price_per_file_cents: Cents,
    total_cost_cents: Cents,
    accepted_formats: &'a [MediaType],
    files_per_submission: u32,
    min_star_rating: u8,
    scoring_criteria: Option<&'a str>,
    min_width: Option<u32>,
    min_height: Option<u32>,
    worker_guidelines: Option<&'a str>,
    location: Option<LocationView>,
    deadline: Option<Timestamp>,
    max_workers: Option<u32>,
    metadata: &'a BTreeMap<String, Value>,
    escrow: EscrowView,
    submission_summary: SubmissionSummary,
    environment: Environment,
    livemode: bool,
    version: u64,
    created_at: Timestamp,
    completed_at: Option<Timestamp>,
    cancelled_at: Option<Timestamp>,
    cancel_reason: Option<CancelReason>,
    buyer_rating: Option<u8>,
    buyer_feedback: Option<&'a str>,
}

impl<'a> JobView<'a> {
    /// Makes the view of a job; `uploaded` counts what its submissions themselves know.
    pub(crate) fn new(id: JobId, job: &'a Job, uploaded: Uploaded) -> Self {
        let environment = match job.book {
            Book::Organization(_, environment) => environment,
            Book::Worker(_) => Environment::Live,
        };
        let input = &job.input;
        Self {
            object: "job",
            id,
            status: job.status.as_str(),
            job_type: input.job_type,
            title: input.title.as_deref(),
            description: &input.description,
            files_needed: input.files_needed,
            files_approved: job.files_approved,
            files_pending: if job.status.active() { job.files_reserved } else { 0 },
            slots_open: job.slots_open(),
            price_per_file_cents: input.price_per_file_cents,
            total_cost_cents: job.total_cost(),
            accepted_formats: &input.accepted_formats,
            files_per_submission: input.files_per_submission,
            min_star_rating: input.min_star_rating,
            scoring_criteria: input.scoring_criteria.as_deref(),
            min_width: input.min_width,
            min_height: input.min_height,
            worker_guidelines: input.worker_guidelines.as_deref(),
            location: input.location.map(LocationView::from),
            deadline: input.deadline,
            max_workers: input.max_workers,
            metadata: &input.metadata,
            escrow: EscrowView {
                held_cents: job.escrow.held_total(),
                spent_cents: job.escrow.spent,
                refunded_cents: job.escrow.refunded,
            },
            submission_summary: SubmissionSummary {
                pending_score: uploaded.pending_score,
                approved: job.ended.approved,
                rejected: job.ended.rejected,
                retry_pending: uploaded.retry_pending,
            },
            environment,
            livemode: environment == Environment::Live,
            version: job.version,
            created_at: job.created_at,
            completed_at: job.completed_at,
            cancelled_at: job.cancelled_at,
            cancel_reason: job.cancel_reason,
            buyer_rating: job.buyer_rating,
            buyer_feedback: job.buyer_feedback.as_deref(),
        }
    }
}

/// How many of a job's submissions wait for a score or a retry.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Uploaded {
    /// Uploaded, not scored.
    pub pending_score: i64,
    /// Below the threshold, may be tried again.
    pub retry_pending: i64,
}

/// Renders a job that has no active submissions from the states right after a decision.
pub(crate) fn job_view(view: &dyn View, id: JobId) -> Result<Bytes, Rejection> {
    let job = decision::job(view, id)?;
    Ok(to_json(&JobView::new(id, job, Uploaded::default())))
}
