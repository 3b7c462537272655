//! A worker's submissions: upload, retry, follow.

use super::form::Form;
use super::jobs::give_back;
use super::receive::{Upload, Wanted, discard};
use crate::app::AppState;
use crate::command::{Call, is_replay, refuse_or_replay, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, chain};
use crate::extract::{Id, Keyed, PageParams, PageQuery, WorkerAuth};
use crate::geo;
use crate::openapi::{KeyOptional, schema};
use crate::views::{ListView, WorkerSubmissionView};
use axum::extract::State;
use axum::extract::multipart::MultipartRejection;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use firsthand_domain::ids::SubmissionId;
use firsthand_domain::jobs::Job;
use firsthand_domain::submissions::{Submission, UploadSubmission, UploadedFile};
use firsthand_domain::{Rejection, State as StreamState, StreamId, decision};
use firsthand_eventstore::read;
use firsthand_projections::{Page, worker_submissions};
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::Instrument as _;
use utoipa::ToSchema;

/// Reads a submission of this worker; another worker's does not exist for this one.
async fn owned(
    app: &AppState,
    auth: &WorkerAuth,
    id: SubmissionId,
) -> Result<Submission, ApiError> {
    let stream = StreamId::Submission(id);
    let rows = read::states(app.store(), app.store().part_of(stream), &[stream]).await?;
    match rows.into_iter().next().map(|row| row.state) {
        Some(StreamState::Submission(submission)) if submission.worker_id == auth.id => {
            Ok(*submission)
        }
        _ => Err(ApiError::NotFound("submission")),
    }
}

/// Reads a submission of this worker with its job.
async fn owned_with_job(
    app: &AppState,
    auth: &WorkerAuth,
    id: SubmissionId,
) -> Result<(Submission, Job), ApiError> {
    let stream = StreamId::Submission(id);
    let found = read::with_parent(app.store(), app.store().part_of(stream), stream).await?;
    let (mut submission, mut job) = (None, None);
    for (_, state) in found {
        match state {
            StreamState::Submission(found) => submission = Some(*found),
            StreamState::Job(found) => job = Some(*found),
            _ => (),
        }
    }
    let submission = submission.filter(|submission| submission.worker_id == auth.id);
    let submission = submission.ok_or(ApiError::NotFound("submission"))?;
    Ok((submission, job.ok_or(ApiError::NotFound("job"))?))
}

/// The form of an upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read field by field")]
pub(super) struct UploadForm {
    /// One to five files; each part names its MIME type.
    #[schema(value_type = Vec<schema::Binary>, min_items = 1, max_items = 5)]
    file: Vec<u8>,
    /// Where it was captured; compared with the job's area and dropped.
    #[schema(value_type = schema::Latitude, required = false)]
    latitude: String,
    #[schema(value_type = schema::Longitude, required = false)]
    longitude: String,
    /// When it was captured, as the device says.
    #[schema(value_type = schema::Instant, required = false)]
    captured_at: String,
}

/// What an upload comes with.
struct Incoming {
    app: AppState,
    context: Arc<RequestContext>,
    auth: WorkerAuth,
    keyed: Keyed,
    id: SubmissionId,
    retry: bool,
}

impl Incoming {
    /// Refuses before the bytes are received what would be refused after it; then receives,
    /// stores and records. The recording decides anew: nothing is taken for granted. A form that
    /// is refused is read to its end all the same, up to a bound: most clients look for an answer
    /// only after they have sent everything.
    async fn take(self, form: Result<Form, MultipartRejection>) -> Result<Response, ApiError> {
        let mut form = form.map_err(|error| ApiError::field("body", chain(&error)))?;
        let (wanted, checked) = match self.check().await {
            Ok(found) => found,
            Err(refusal) => {
                form.drain().await;
                return Err(refusal);
            }
        };
        if let Err(refusal) = checked {
            return self.refuse(&wanted, form, refusal).await;
        }
        match Upload::receive(&self.app, &wanted, &mut form).await {
            Ok(upload) => {
                let (tracker, span) = (self.app.tracker.clone(), tracing::Span::current());
                // A client that goes away must not leave objects behind that nothing is known of.
                let recording = self.record(wanted, upload).instrument(span);
                let recorded = tracker.spawn(recording).await;
                recorded.map_err(|error| ApiError::Internal(error.to_string()))?
            }
            Err(refusal) => {
                form.drain().await;
                Err(refusal)
            }
        }
    }

    /// Refuses, unless this is a repeat. Whether it is one is known only once the form was received: the
    /// same key with another form is another request.
    async fn refuse(
        self,
        wanted: &Wanted,
        mut form: Form,
        refusal: ApiError,
    ) -> Result<Response, ApiError> {
        let received = if self.keyed.given() {
            Upload::receive(&self.app, wanted, &mut form).await.ok()
        } else {
            None
        };
        let Some(upload) = received else {
            form.drain().await;
            return Err(refusal);
        };
        let key = self.keyed.key(&self.auth.id.to_string(), &upload.understood());
        let stream = StreamId::Submission(self.id);
        refuse_or_replay(&self.app, stream, key.as_ref(), refusal).await
    }

    /// Returns what the job wants, and whether an upload would be taken now.
    async fn check(&self) -> Result<(Wanted, Result<(), ApiError>), ApiError> {
        let (submission, job) = owned_with_job(&self.app, &self.auth, self.id).await?;
        let now = self.app.time_of(submission.book).await?;
        let may = job
            .must_be_active()
            .and_then(|()| UploadSubmission::check(&submission, self.retry, now))
            .and_then(|()| match job.input.deadline {
                Some(deadline) if deadline <= now => Err(Rejection::WindowOver),
                _ => Ok(()),
            });
        let wanted = Wanted {
            submission_id: self.id,
            accepted: job.input.accepted_formats,
            area: job.input.location,
            reserved: may.is_ok().then_some(submission.files_reserved),
            attempt: submission.attempt,
        };
        Ok((wanted, may.map_err(ApiError::from)))
    }

    async fn record(self, wanted: Wanted, upload: Upload) -> Result<Response, ApiError> {
        let Self { app, context, auth, keyed, id, retry } = self;
        let location_verified = wanted.area.map(|area| {
            upload
                .place
                .is_some_and(|place| geo::within(place, (area.lat_e6, area.lng_e6), area.radius_m))
        });
        let captured_at = upload.captured_at;
        let key = keyed.key(&auth.id.to_string(), &upload.understood());
        let files = upload.store(&app).await?;
        let stored = files.clone();
        let call = Call {
            command: UploadSubmission {
                submission_id: id,
                worker_id: auth.id,
                retry,
                files,
                captured_at,
                location_verified,
            },
            stream: StreamId::Submission(id),
            actor: auth.id.to_string(),
            key,
        };
        let answer = call
            .answer(&app, &context, StatusCode::OK, move |view| {
                let submission = decision::submission(view, id)?;
                Ok(to_json(&WorkerSubmissionView::new(id, submission)))
            })
            .await;
        let replayed = answer.as_ref().is_ok_and(is_replay);
        let attempt = (id, wanted.attempt);
        if is_refused(&answer) || (replayed && is_twins(&app, &auth, attempt, &stored).await) {
            discard(&app, stored);
        }
        answer
    }
}

/// Says whether a command was refused for certain. Nothing is certain where the log did not answer.
fn is_refused(answer: &Result<Response, ApiError>) -> bool {
    match answer {
        Ok(answer) => answer.status().is_client_error(),
        Err(error) => matches!(
            error,
            ApiError::Overloaded | ApiError::IdempotencyConflict | ApiError::Rejected(_)
        ),
    }
}

/// Says whether a replayed answer is that of another request, which has recorded other files as the attempt
/// after this one. It may be that of this request, if its commit was in doubt for a while.
async fn is_twins(
    app: &AppState,
    auth: &WorkerAuth,
    (id, attempt): (SubmissionId, u8),
    stored: &[UploadedFile],
) -> bool {
    owned(app, auth, id).await.is_ok_and(|submission| {
        submission.attempt == attempt.saturating_add(1)
            && !submission
                .files
                .iter()
                .any(|file| stored.iter().any(|ours| ours.file_id == file.file_id))
    })
}

/// A refusal may come before the bytes were read, so the connection can't be used again.
fn finish(taken: Result<Response, ApiError>) -> Response {
    taken.unwrap_or_else(|error| {
        let mut response = error.into_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    })
}

/// `POST /internal/worker/submissions/{id}/upload`
#[utoipa::path(
    post,
    path = "/internal/worker/submissions/{id}/upload",
    operation_id = "upload_submission",
    tag = "workers",
    summary = "Upload files",
    description = "One to five files, of types that the job accepts: images up to 25 MB, audio up to 100 MB, video up to 500 MB each.",
    params(KeyOptional, ("id" = schema::SubmissionId, Path, description = "The submission")),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "The submission", body = WorkerSubmissionView)),
    security(("worker_token" = [])),
    extensions(("x-error-codes" = json!(["job_not_active", "wrong_submission_status", "window_over", "wrong_file_count", "unsupported_media", "file_too_large", "validation_error"]))),
)]
pub(super) async fn upload(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    auth: WorkerAuth,
    keyed: Keyed,
    Id(id): Id<SubmissionId>,
    form: Result<Form, MultipartRejection>,
) -> Response {
    finish(Incoming { app, context, auth, keyed, id, retry: false }.take(form).await)
}

/// `POST /internal/worker/submissions/{id}/retry`
#[utoipa::path(
    post,
    path = "/internal/worker/submissions/{id}/retry",
    operation_id = "retry_submission",
    tag = "workers",
    summary = "Upload better files",
    description = "Once, while the submission is `retry_pending`.",
    params(KeyOptional, ("id" = schema::SubmissionId, Path, description = "The submission")),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "The submission", body = WorkerSubmissionView)),
    security(("worker_token" = [])),
    extensions(("x-error-codes" = json!(["job_not_active", "wrong_submission_status", "window_over", "wrong_file_count", "unsupported_media", "file_too_large", "validation_error"]))),
)]
pub(super) async fn retry(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    auth: WorkerAuth,
    keyed: Keyed,
    Id(id): Id<SubmissionId>,
    form: Result<Form, MultipartRejection>,
) -> Response {
    finish(Incoming { app, context, auth, keyed, id, retry: true }.take(form).await)
}

/// `POST /internal/worker/submissions/{id}/withdraw`
#[utoipa::path(
    post,
    path = "/internal/worker/submissions/{id}/withdraw",
    operation_id = "withdraw_submission",
    tag = "workers",
    summary = "Give a slot back",
    description = "Before an upload.",
    params(KeyOptional, ("id" = schema::SubmissionId, Path, description = "The submission")),
    responses((status = 200, description = "The submission", body = WorkerSubmissionView)),
    security(("worker_token" = [])),
    extensions(("x-error-codes" = json!(["wrong_submission_status"]))),
)]
pub(super) async fn withdraw(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    auth: WorkerAuth,
    keyed: Keyed,
    Id(id): Id<SubmissionId>,
) -> Result<Response, ApiError> {
    give_back(&app, &context, &auth, &keyed, id).await
}

/// `GET /internal/worker/submissions/{id}`
#[utoipa::path(
    get,
    path = "/internal/worker/submissions/{id}",
    operation_id = "get_worker_submission",
    tag = "workers",
    summary = "Show a submission of this worker",
    description = "With its score, its reasoning and its pay.",
    params(("id" = schema::SubmissionId, Path, description = "The submission")),
    responses((status = 200, description = "The submission", body = WorkerSubmissionView)),
    security(("worker_token" = [])),
)]
pub(super) async fn get(
    State(app): State<AppState>,
    auth: WorkerAuth,
    Id(id): Id<SubmissionId>,
) -> Result<Json<WorkerSubmissionView>, ApiError> {
    let submission = owned(&app, &auth, id).await?;
    Ok(Json(WorkerSubmissionView::new(id, &submission)))
}

/// `GET /internal/worker/submissions`
#[utoipa::path(
    get,
    path = "/internal/worker/submissions",
    operation_id = "list_worker_submissions",
    tag = "workers",
    summary = "List the submissions of this worker",
    description = "Newest first.",
    params(PageParams),
    responses((status = 200, description = "A page of submissions", body = ListView<WorkerSubmissionView>)),
    security(("worker_token" = [])),
)]
pub(super) async fn list(
    State(app): State<AppState>,
    auth: WorkerAuth,
    PageQuery(_, paging): PageQuery,
) -> Result<Json<ListView<WorkerSubmissionView>>, ApiError> {
    let request = paging.by_id::<SubmissionId>()?;
    app.catch_up_all().await;
    let worker = auth.id.to_string();
    let after = request.after.as_deref();
    let ids = worker_submissions::list(app.store(), &worker, after, request.limit).await?;
    let page = Page::of(ids, request.limit);
    let mut by_part: BTreeMap<i16, Vec<StreamId>> = BTreeMap::new();
    for id in &page.items {
        let stream: StreamId =
            id.parse().map_err(|_invalid| ApiError::Internal(format!("bad id {id}")))?;
        by_part.entry(app.store().part_of(stream)).or_default().push(stream);
    }
    let mut found = BTreeMap::new();
    for (part, streams) in by_part {
        for row in read::states(app.store(), part, &streams).await? {
            if let (StreamId::Submission(id), StreamState::Submission(submission)) =
                (row.stream, row.state)
            {
                found.insert(id.to_string(), WorkerSubmissionView::new(id, &submission));
            }
        }
    }
    let (last, has_more) = (page.items.last(), page.has_more);
    let items = page.items.iter().filter_map(|id| found.remove(id)).collect();
    Ok(Json(paging.list_rest(Page { items, has_more }, last.map(String::as_str))))
}
