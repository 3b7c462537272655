//! `GET /v1/jobs/{id}`, with long-polling (spec sections 1 and 2).

use crate::app::AppState;
use crate::command::to_json;
use crate::error::ApiError;
use crate::extract::{Can, Id, JobsRead, Wait};
use crate::views::{JobView, Uploaded};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use firsthand_domain::ids::JobId;
use firsthand_domain::jobs::Job;
use firsthand_domain::{Book, State as StreamState, StreamId};
use firsthand_projections::states;
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

async fn render(app: &AppState, book: Book, id: JobId, job: &Job) -> Result<Bytes, ApiError> {
    let mut uploaded = Uploaded::default();
    if job.status.active() && !job.active.is_empty() {
        for count in states::count_uploaded(app.store(), book, &[id.to_string()]).await? {
            match count.status.as_str() {
                "pending_score" => uploaded.pending_score = count.count,
                _ => uploaded.retry_pending = count.count,
            }
        }
    }
    Ok(to_json(&JobView::new(id, job, uploaded)))
}

/// `GET /v1/jobs/{id}`
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<JobsRead>,
    Id(id): Id<JobId>,
    Wait(wait): Wait,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let Some(wait) = wait.filter(|wait| !wait.is_zero()) else {
        let job = read(&app, book, id).await?;
        return Ok(([json], render(&app, book, id, &job).await?).into_response());
    };
    let applied = HeaderValue::from_str(&format!("wait={}", wait.as_secs()))
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    let headers = [json, (PREFERENCE_APPLIED.clone(), applied)];
    let poll = Poll::begin(app, book, id, wait).await?;
    if wait > PLAIN_WAIT && !poll.job.status.active() {
        let body = render(&poll.app, book, id, &poll.job).await?;
        return Ok((headers, body).into_response());
    }
    if wait > PLAIN_WAIT {
        return Ok((headers, Body::from_stream(poll.in_pieces())).into_response());
    }
    Ok((headers, poll.finish().await?).into_response())
}

/// A long-poll under way.
struct Poll {
    app: AppState,
    book: Book,
    id: JobId,
    job: Job,
    until: Instant,
}

impl Poll {
    async fn begin(app: AppState, book: Book, id: JobId, wait: Duration) -> Result<Self, ApiError> {
        let job = read(&app, book, id).await?;
        let held = wait.saturating_sub(MARGIN).max(wait / 2);
        Ok(Self { app, book, id, job, until: Instant::now() + held })
    }

    /// Waits for the status to change, until `limit`. Returns whether the poll is over.
    async fn step(&mut self, limit: Instant) -> Result<bool, ApiError> {
        let limit = limit.min(self.until);
        loop {
            let changed = self.app.ledger.watch(StreamId::Job(self.id));
            let notified = changed.notified();
            tokio::pin!(notified);
            // Registered before the state is read, so that no change is missed.
            notified.as_mut().enable();
            let job = read(&self.app, self.book, self.id).await?;
            let moved = job.status != self.job.status || !job.status.active();
            self.job = job;
            if moved || self.app.stopping.is_cancelled() {
                return Ok(true);
            }
            tokio::select! {
                () = &mut notified => (),
                () = self.app.stopping.cancelled() => return Ok(true),
                () = tokio::time::sleep_until(limit) => return Ok(Instant::now() >= self.until),
            }
        }
    }

    async fn finish(mut self) -> Result<Bytes, ApiError> {
        self.step(self.until).await?;
        render(&self.app, self.book, self.id, &self.job).await
    }

    /// A blank every ten seconds, then the job.
    fn in_pieces(self) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
        futures_util::stream::unfold(Some(self), async |poll| {
            let mut poll = poll?;
            match poll.step(Instant::now() + HEARTBEAT).await {
                Ok(false) => Some((Ok(Bytes::from_static(b" ")), Some(poll))),
                Ok(true) => {
                    let body = render(&poll.app, poll.book, poll.id, &poll.job).await;
                    Some((body.map_err(|error| cut(&error)), None))
                }
                Err(error) => Some((Err(cut(&error)), None)),
            }
        })
    }
}

/// The status is sent already, so all that is left of an error is to cut the answer short.
fn cut(error: &ApiError) -> std::io::Error {
    tracing::error!(code = error.code(), detail = error.cause(), "a long-poll was cut short");
    std::io::Error::other(error.code())
}
