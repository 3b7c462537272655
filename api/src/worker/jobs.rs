//! Jobs as workers see them: browse, accept, give back, flag.

use super::admission;
use crate::app::AppState;
use crate::begun::Begun;
use crate::command::{Call, is_replay, refuse_or_replay, to_json};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Id, JsonBody, Keyed, PageParams, PageQuery, WorkerAuth};
use crate::openapi::{KeyOptional, schema};
use crate::views::{ListView, LocationView, WorkerSubmissionView};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_domain::decision::{self, Changes, Command, Context, View};
use firsthand_domain::ids::{JobId, SubmissionId};
use firsthand_domain::jobs::{FlagJob, JobType};
use firsthand_domain::media::MediaType;
use firsthand_domain::submissions::{AcceptJob, WithdrawSubmission};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Cents, Rejection, State as StreamState, StreamId, Timestamp};
use firsthand_eventstore::{IdempotencyKey, read};
use firsthand_projections::Page;
use firsthand_projections::available_jobs::{self, AvailableJob};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tracing::Instrument;
use ulid::Ulid;
use utoipa::ToSchema;

/// A job as workers see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AvailableJob)]
pub(super) struct AvailableJobView {
    #[schema(example = "available_job")]
    object: &'static str,
    #[schema(value_type = schema::JobId)]
    id: String,
    #[serde(rename = "type")]
    #[schema(value_type = schema::JobType)]
    job_type: JobType,
    title: Option<String>,
    #[schema(example = "Photos of street signs in daylight")]
    description: String,
    worker_guidelines: Option<String>,
    /// What to look at before beginning; of a feedback job, what to review.
    #[schema(value_type = Vec<schema::ContextUrl>)]
    context_urls: Vec<String>,
    #[schema(value_type = Vec<schema::MediaType>)]
    accepted_formats: Vec<MediaType>,
    #[schema(minimum = 1, maximum = 5, example = 1)]
    files_per_submission: u32,
    #[schema(minimum = 1)]
    min_width: Option<u32>,
    #[schema(minimum = 1)]
    min_height: Option<u32>,
    /// Submissions that can still begin.
    #[schema(minimum = 0, example = 5)]
    slots_open: u32,
    /// What the worker earns with an approved file.
    #[schema(value_type = schema::Cents)]
    pay_per_file_cents: Cents,
    location: Option<LocationView>,
    #[schema(value_type = Option<schema::Instant>)]
    deadline: Option<Timestamp>,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
}

fn listing(job: AvailableJob) -> AvailableJobView {
    let input = job.listing.input;
    AvailableJobView {
        object: "available_job",
        id: job.job_id,
        job_type: input.job_type,
        title: input.title,
        description: input.description,
        worker_guidelines: input.worker_guidelines,
        context_urls: input.context_urls,
        accepted_formats: input.accepted_formats,
        files_per_submission: input.files_per_submission,
        min_width: input.min_width,
        min_height: input.min_height,
        slots_open: job.files_open.div_ceil(input.files_per_submission.max(1)),
        pay_per_file_cents: input.price_per_file_cents.split().worker,
        location: input.location.map(LocationView::from),
        deadline: input.deadline,
        created_at: job.listing.created_at,
    }
}

/// `GET /internal/worker/jobs/available`
#[utoipa::path(
    get,
    path = "/internal/worker/jobs/available",
    operation_id = "list_available_jobs",
    tag = "workers",
    summary = "List jobs that take workers",
    description = "Newest first, with what a file pays. Where windows of priority are on, a job is listed once it is open to the worker's tier.",
    params(PageParams),
    responses((status = 200, description = "A page of jobs", body = ListView<AvailableJobView>)),
    security(("worker_token" = [])),
)]
pub(super) async fn available(
    State(app): State<AppState>,
    auth: WorkerAuth,
    PageQuery(_, paging): PageQuery,
) -> Result<Json<ListView<AvailableJobView>>, ApiError> {
    let request = paging.by_id::<JobId>()?;
    app.catch_up_all().await;
    let (wait, now) = (admission::wait_of_listed(&app, &auth).await?, app.now());
    let after = behind_the_closed(request.after, wait, now);
    let rows = available_jobs::list(app.store(), after.as_deref(), request.limit).await?;
    let page = Page::of(rows, request.limit);
    let last = page.items.last().map(|job| job.job_id.clone());
    let has_more = page.has_more;
    let items = page
        .items
        .into_iter()
        // A deadline counts from its own time on, whether or not it has been booked.
        .filter(|job| job.listing.input.deadline.is_none_or(|deadline| deadline > now))
        .filter(|job| wait == Span::ZERO || job.listing.created_at.after(wait) <= now)
        .map(listing)
        .collect();
    Ok(Json(paging.list_rest(Page { items, has_more }, last.as_deref())))
}

/// Returns where a page begins that leaves out the jobs that are not open yet: an id begins with the time when it was
/// minted, which is before the job is posted.
fn behind_the_closed(after: Option<String>, wait: Span, now: Timestamp) -> Option<String> {
    if wait == Span::ZERO {
        return after;
    }
    let minted = u64::try_from(now.before(wait).micros() / 1_000).unwrap_or_default();
    let first = JobId::new(Ulid::from_parts(minted.saturating_add(1), 0)).to_string();
    Some(after.map_or_else(|| first.clone(), |after| after.min(first.clone())))
}

/// A command on a job that finds no sandbox job: its worker is simulated, and people never see it.
struct OfPeople<C>(JobId, C);

impl<C: Command> Command for OfPeople<C> {
    fn book(&self, view: &dyn View) -> Option<Book> {
        self.1.book(view)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        self.1.needs(view)
    }

    fn needs_at(&self, view: &dyn View, now: Timestamp) -> Vec<StreamId> {
        self.1.needs_at(view, now)
    }

    fn by_real_time(&self) -> bool {
        self.1.by_real_time()
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        if decision::job(view, self.0)?.book.is_sandbox() {
            return Err(Rejection::NotFound { kind: "job" });
        }
        self.1.decide(view, context)
    }
}

/// `POST /internal/worker/jobs/{id}/accept`
#[utoipa::path(
    post,
    path = "/internal/worker/jobs/{id}/accept",
    operation_id = "accept_job",
    tag = "workers",
    summary = "Accept a job",
    description = "Reserves a slot until `expires_at`.",
    params(KeyOptional, ("id" = schema::JobId, Path, description = "The job")),
    responses((status = 201, description = "The submission", body = WorkerSubmissionView)),
    security(("worker_token" = [])),
    extensions(("x-error-codes" = json!(["job_not_active", "job_full", "too_many_workers", "already_accepted", "worker_suspended", "daily_cap", "not_open_yet", "window_over"]))),
)]
pub(super) async fn accept(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    auth: WorkerAuth,
    keyed: Keyed,
    Id(job_id): Id<JobId>,
) -> Result<Response, ApiError> {
    let key = keyed.key(&auth.id.to_string(), &());
    let (tracker, span) = (app.tracker.clone(), tracing::Span::current());
    // A client that goes away must not end the turn of a command that is under way.
    let accepting = async move { accept_in_turn(&app, &context, auth, job_id, key).await };
    let accepted = tracker.spawn(accepting.instrument(span)).await;
    accepted.map_err(|error| ApiError::Internal(error.to_string()))?
}

/// Accepts a job for a worker, who begins one submission at a time.
async fn accept_in_turn(
    app: &AppState,
    context: &RequestContext,
    auth: WorkerAuth,
    job_id: JobId,
    key: Option<IdempotencyKey>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Job(job_id);
    let worker = auth.id;
    let mut begun = app.process.begun.turn(worker).await;
    let wait = match admission::admit(app, &auth, &mut begun).await {
        Ok(wait) => wait,
        Err(refusal) => return refuse_or_replay(app, stream, key.as_ref(), refusal).await,
    };
    let submission = SubmissionId::in_slot(app.mint(), job_id.slot());
    let command = AcceptJob {
        job_id,
        submission_id: submission,
        worker_id: worker,
        worker_region: auth.worker.region,
        wait,
    };
    let command = OfPeople(job_id, command);
    let call = Call { command, stream, actor: worker.to_string(), key };
    let answer = call
        .answer(app, context, StatusCode::CREATED, move |view| {
            let found = decision::submission(view, submission)?;
            Ok(to_json(&WorkerSubmissionView::new(submission, found)))
        })
        .await?;
    if answer.status() == StatusCode::CREATED && !is_replay(&answer) {
        let part = app.store().part_of(stream);
        let position = app.ledger.head(part).map_or(i64::MAX, |head| *head.borrow());
        begun.push(Begun { worker, submission, at: app.now(), part, position });
    }
    Ok(answer)
}

/// Finds a worker's active submission to a job.
async fn active(app: &AppState, auth: &WorkerAuth, job: JobId) -> Result<SubmissionId, ApiError> {
    let stream = StreamId::Job(job);
    let part = app.store().part_of(stream);
    let rows = read::states(app.store(), part, &[stream]).await?;
    let Some(StreamState::Job(job)) = rows.into_iter().next().map(|row| row.state) else {
        return Err(ApiError::NotFound("job"));
    };
    job.active
        .iter()
        .find(|(_, active)| active.worker_id == auth.id)
        .map(|(id, _)| *id)
        .ok_or(ApiError::NotFound("submission"))
}

/// `POST /internal/worker/jobs/{id}/withdraw`: gives the slot back, before an upload.
#[utoipa::path(
    post,
    path = "/internal/worker/jobs/{id}/withdraw",
    operation_id = "withdraw_from_job",
    tag = "workers",
    summary = "Give a job's slot back",
    description = "Before an upload; the submission is the worker's active one to this job.",
    params(KeyOptional, ("id" = schema::JobId, Path, description = "The job")),
    responses((status = 200, description = "The submission", body = WorkerSubmissionView)),
    security(("worker_token" = [])),
    extensions(("x-error-codes" = json!(["wrong_submission_status"]))),
)]
pub(super) async fn withdraw(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    auth: WorkerAuth,
    keyed: Keyed,
    Id(job): Id<JobId>,
) -> Result<Response, ApiError> {
    let submission_id = match active(&app, &auth, job).await {
        Ok(submission) => submission,
        Err(refusal) => {
            let key = keyed.key(&auth.id.to_string(), &());
            return refuse_or_replay(&app, StreamId::Job(job), key.as_ref(), refusal).await;
        }
    };
    give_back(&app, &context, &auth, &keyed, submission_id).await
}

/// Withdraws a submission.
pub(super) async fn give_back(
    app: &AppState,
    context: &RequestContext,
    auth: &WorkerAuth,
    keyed: &Keyed,
    submission_id: SubmissionId,
) -> Result<Response, ApiError> {
    let call = Call {
        command: WithdrawSubmission { submission_id, worker_id: auth.id },
        stream: StreamId::Submission(submission_id),
        actor: auth.id.to_string(),
        key: keyed.key(&auth.id.to_string(), &()),
    };
    call.answer(app, context, StatusCode::OK, move |view| {
        let submission = decision::submission(view, submission_id)?;
        Ok(to_json(&WorkerSubmissionView::new(submission_id, submission)))
    })
    .await
}

/// A complaint.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = FlagJob)]
pub(super) struct FlagRequest {
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S", example = "It asks for faces.")]
    reason: String,
}

/// A complaint that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobFlag)]
pub(super) struct FlagView {
    #[schema(example = "job_flag")]
    object: &'static str,
    #[schema(value_type = schema::JobId)]
    job_id: JobId,
    #[schema(example = "flagged")]
    status: &'static str,
}

/// `POST /internal/worker/jobs/{id}/flag`
#[utoipa::path(
    post,
    path = "/internal/worker/jobs/{id}/flag",
    operation_id = "flag_job",
    tag = "workers",
    summary = "Flag a job",
    description = "Tells the operator and the buyer that something is wrong with it.",
    params(KeyOptional, ("id" = schema::JobId, Path, description = "The job")),
    request_body = FlagRequest,
    responses((status = 200, description = "The job is flagged", body = FlagView)),
    security(("worker_token" = [])),
)]
pub(super) async fn flag(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    auth: WorkerAuth,
    keyed: Keyed,
    Id(job_id): Id<JobId>,
    JsonBody(request): JsonBody<FlagRequest>,
) -> Result<Response, ApiError> {
    let reason = request.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > 1_000 {
        return Err(ApiError::field("reason", "must have 1 to 1000 characters"));
    }
    let call = Call {
        command: OfPeople(job_id, FlagJob { job_id, worker_id: auth.id, reason }),
        stream: StreamId::Job(job_id),
        actor: auth.id.to_string(),
        key: keyed.key(&auth.id.to_string(), &request),
    };
    call.answer(&app, &context, StatusCode::OK, move |_view| {
        Ok(to_json(&FlagView { object: "job_flag", job_id, status: "flagged" }))
    })
    .await
}
