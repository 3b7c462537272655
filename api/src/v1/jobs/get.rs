//! `GET /v1/jobs/{id}`, with long-polling (spec sections 1 and 2).

use crate::app::AppState;
use crate::command::to_json;
use crate::error::ApiError;
use crate::extract::{Can, Id, JobsRead, Wait};
use crate::openapi::{Prefer, schema};
use crate::views::JobView;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use firsthand_domain::ids::JobId;
use firsthand_domain::jobs::{Job, JobStatus};
use firsthand_domain::{Book, State as StreamState, StreamId};
use firsthand_projections::states;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A wait beyond this is answered in pieces: a blank now and then keeps the client's read timeout
/// from firing (spec section 1, rule 4).
const PLAIN_WAIT: Duration = Duration::from_secs(25);
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The answer comes this much before the client's patience ends.
const MARGIN: Duration = Duration::from_secs(1);

static PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Reads a job of a book.
pub(crate) async fn read(app: &AppState, book: Book, id: JobId) -> Result<Job, ApiError> {
    let found = states::get(app.store(), book, StreamId::Job(id)).await?;
    match found.map(|found| found.state) {
        Some(StreamState::Job(job)) => Ok(*job),
        _ => Err(ApiError::NotFound("job")),
    }
}

/// Reads and renders a job of a book.
async fn show(app: &AppState, book: Book, id: JobId) -> Result<(Box<Job>, Bytes), ApiError> {
    let found = states::job(app.store(), book, id).await?.ok_or(ApiError::NotFound("job"))?;
    let body = to_json(&JobView::new(id, &found.job, found.uploaded));
    Ok((found.job, body))
}

/// `GET /v1/jobs/{id}`
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    operation_id = "get_job",
    tag = "jobs",
    summary = "Show a job",
    description = "With `Prefer: wait=N` the answer comes when the status changes, at once if the job has ended, and otherwise after N seconds less one (N at most 60).",
    params(("id" = schema::JobId, Path, description = "The job"), Prefer),
    responses((status = 200, description = "The job", body = JobView<'static>)),
    security(("buyer_key" = ["jobs:read"])),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<JobsRead>,
    Id(id): Id<JobId>,
    Wait(wait): Wait,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let Some(wait) = wait.filter(|wait| !wait.is_zero()) else {
        return Ok(([json], show(&app, book, id).await?.1).into_response());
    };
    let applied = HeaderValue::from_str(&format!("wait={}", wait.as_secs()))
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    let headers = [json, (PREFERENCE_APPLIED.clone(), applied)];
    let poll = Poll::begin(app, book, id, wait).await?;
    if wait > PLAIN_WAIT && poll.status.active() {
        return Ok((headers, Body::from_stream(poll.in_pieces())).into_response());
    }
    Ok((headers, poll.finish().await?).into_response())
}

/// A long-poll under way.
struct Poll {
    app: AppState,
    book: Book,
    id: JobId,
    /// What it was when the wait began.
    status: JobStatus,
    until: Instant,
}

/// How far a long-poll got.
enum Step {
    /// The status has changed: the answer.
    Moved(Bytes),
    /// The time is up, or the service stops.
    Over,
    /// Neither yet.
    Waiting,
}

impl Poll {
    async fn begin(app: AppState, book: Book, id: JobId, wait: Duration) -> Result<Self, ApiError> {
        let status = read(&app, book, id).await?.status;
        let held = wait.saturating_sub(MARGIN).max(wait / 2);
        Ok(Self { app, book, id, status, until: Instant::now() + held })
    }

    /// Reads and renders the job: once for all who wait for the same change.
    async fn seen(&self) -> Result<(Arc<StreamState>, Bytes), ApiError> {
        let (job, body) = show(&self.app, self.book, self.id).await?;
        Ok((Arc::new(StreamState::Job(job)), body))
    }

    /// Waits for the status to change, until `limit`.
    async fn step(&self, limit: Instant) -> Result<Step, ApiError> {
        let limit = limit.min(self.until);
        loop {
            let change = self.app.ledger.watch(StreamId::Job(self.id));
            let notified = change.notify.notified();
            tokio::pin!(notified);
            // Registered before the state is read, so that no change is missed.
            notified.as_mut().enable();
            let (state, body) = change.seen.get_or_try_init(|| self.seen()).await?;
            if let StreamState::Job(job) = &**state
                && (job.status != self.status || !job.status.active())
            {
                return Ok(Step::Moved(body.clone()));
            }
            tokio::select! {
                biased;
                () = self.app.stopping.cancelled() => return Ok(Step::Over),
                () = &mut notified => (),
                () = tokio::time::sleep_until(limit) => {
                    return Ok(if limit == self.until { Step::Over } else { Step::Waiting });
                }
            }
        }
    }

    /// Returns the job as it is now.
    async fn now(&self) -> Result<Bytes, ApiError> {
        Ok(self.seen().await?.1)
    }

    async fn finish(self) -> Result<Bytes, ApiError> {
        match self.step(self.until).await? {
            Step::Moved(body) => Ok(body),
            Step::Over | Step::Waiting => self.now().await,
        }
    }

    /// A blank every ten seconds, then the job.
    fn in_pieces(self) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
        futures_util::stream::unfold(Some(self), async |poll| {
            let poll = poll?;
            let body = match poll.step(Instant::now() + HEARTBEAT).await {
                Ok(Step::Waiting) => return Some((Ok(Bytes::from_static(b" ")), Some(poll))),
                Ok(Step::Moved(body)) => Ok(body),
                Ok(Step::Over) => poll.now().await,
                Err(error) => Err(error),
            };
            Some((body.map_err(|error| cut(&error)), None))
        })
    }
}

/// The status is sent already, so all that is left of an error is to cut the answer short.
fn cut(error: &ApiError) -> std::io::Error {
    tracing::error!(code = error.code(), detail = error.cause(), "a long-poll was cut short");
    std::io::Error::other(error.code())
}
