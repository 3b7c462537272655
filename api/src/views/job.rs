//! A job on the wire.

use crate::command::to_json;
use crate::geo;
use crate::openapi::schema;
use bytes::Bytes;
use firsthand_domain::ids::JobId;
use firsthand_domain::jobs::{CancelReason, Job, JobType, Location};
use firsthand_domain::media::MediaType;
use firsthand_domain::{Book, Cents, Environment, Timestamp, decision};
use firsthand_domain::{Rejection, View};
use firsthand_projections::states::Uploaded;
use serde::Serialize;
use serde_json::{Number, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A place on the wire.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Location)]
pub(crate) struct LocationView {
    #[schema(value_type = schema::Latitude)]
    lat: Number,
    #[schema(value_type = schema::Longitude)]
    lng: Number,
    #[schema(value_type = schema::Radius)]
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

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubmissionCounts)]
struct SubmissionSummary {
    #[schema(minimum = 0, example = 1)]
    pending_score: i64,
    #[schema(minimum = 0, example = 4)]
    approved: u32,
    #[schema(minimum = 0, example = 1)]
    rejected: u32,
    #[schema(minimum = 0, example = 0)]
    retry_pending: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the wire names amounts by their unit")]
#[schema(as = Escrow)]
struct EscrowView {
    /// Held for files that are not approved yet.
    #[schema(value_type = schema::Cents, example = 300)]
    held_cents: Cents,
    /// Paid for approved files.
    #[schema(value_type = schema::Cents, example = 200)]
    spent_cents: Cents,
    /// Given back.
    #[schema(value_type = schema::Cents, example = 0)]
    refunded_cents: Cents,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView<'a> {
    #[schema(example = "job")]
    object: &'static str,
    #[schema(value_type = schema::JobId)]
    id: JobId,
    #[schema(value_type = schema::JobStatus)]
    status: &'static str,
    #[serde(rename = "type")]
    #[schema(value_type = schema::JobType)]
    job_type: JobType,
    #[schema(value_type = Option<String>, max_length = 100, example = "Street signs in Tokyo")]
    title: Option<&'a str>,
    #[schema(value_type = String, example = "Photos of street signs in daylight")]
    description: &'a str,
    #[schema(minimum = 1, maximum = 10000, example = 10)]
    files_needed: u32,
    /// Files that are approved.
    #[schema(minimum = 0, example = 4)]
    files_approved: u32,
    /// Files that workers have reserved or uploaded.
    #[schema(minimum = 0, example = 1)]
    files_pending: u32,
    /// Submissions that can still begin.
    #[schema(minimum = 0, example = 5)]
    slots_open: u32,
    #[schema(value_type = schema::Price)]
    price_per_file_cents: Cents,
    /// `files_needed` times `price_per_file_cents`.
    #[schema(value_type = schema::Cents, example = 500)]
    total_cost_cents: Cents,
    #[schema(value_type = Vec<schema::MediaType>)]
    accepted_formats: &'a [MediaType],
    #[schema(minimum = 1, maximum = 5, example = 1)]
    files_per_submission: u32,
    #[schema(value_type = schema::Stars)]
    min_star_rating: u8,
    #[schema(value_type = Option<String>)]
    scoring_criteria: Option<&'a str>,
    #[schema(minimum = 1)]
    min_width: Option<u32>,
    #[schema(minimum = 1)]
    min_height: Option<u32>,
    #[schema(value_type = Option<String>)]
    worker_guidelines: Option<&'a str>,
    /// What workers look at before they begin; of a feedback job, what they review.
    #[schema(value_type = Vec<schema::ContextUrl>)]
    context_urls: &'a [String],
    location: Option<LocationView>,
    #[schema(value_type = Option<schema::Instant>)]
    deadline: Option<Timestamp>,
    #[schema(minimum = 1)]
    max_workers: Option<u32>,
    #[schema(value_type = schema::Metadata)]
    metadata: &'a BTreeMap<String, Value>,
    escrow: EscrowView,
    submission_summary: SubmissionSummary,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    livemode: bool,
    /// Grows with every event of the job.
    #[schema(minimum = 1, example = 7)]
    version: u64,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    #[schema(value_type = Option<schema::Instant>)]
    completed_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    cancelled_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::CancelReason>)]
    cancel_reason: Option<CancelReason>,
    #[schema(value_type = Option<schema::Stars>)]
    buyer_rating: Option<u8>,
    #[schema(value_type = Option<String>)]
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
            context_urls: &input.context_urls,
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

/// Renders a job that has no active submissions from the states right after a decision.
pub(crate) fn job_view(view: &dyn View, id: JobId) -> Result<Bytes, Rejection> {
    let job = decision::job(view, id)?;
    Ok(to_json(&JobView::new(id, job, Uploaded::default())))
}
