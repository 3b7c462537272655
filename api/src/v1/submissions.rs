//! Submissions, as buyers see them.

use super::files::steady_link;
use super::jobs::get::read as read_job;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{
    Can, Id, JobsRead, ListQuery, PageParams, PageQuery, Paging, instant_or_day,
    up_to_instant_or_day,
};
use crate::openapi::schema;
use crate::views::{ListView, SubmissionView, buyer_sees};
use axum::Json;
use axum::extract::State;
use firsthand_domain::ids::{JobId, SubmissionId};
use firsthand_domain::submissions::{Submission, SubmissionStatus};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, State as StreamState, StreamId, Timestamp};
use firsthand_projections::states::{self, StateOf, SubmissionFilter, Window};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};
use ulid::Ulid;
use utoipa::ToSchema;

/// Query parameters.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SubmissionsQuery {
    #[param(value_type = schema::JobId, required = false)]
    job_id: Option<String>,
    #[param(value_type = schema::SubmissionStatus, required = false)]
    status: Option<String>,
    #[param(value_type = schema::Stars, required = false)]
    min_score: Option<String>,
    #[param(value_type = schema::DayOrInstant, required = false)]
    start_date: Option<String>,
    #[param(value_type = schema::DayOrInstant, required = false)]
    /// A day counts to its end, in UTC.
    end_date: Option<String>,
}

/// Query parameters of the counts.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SummaryQuery {
    #[param(value_type = schema::JobId, required = false)]
    job_id: Option<String>,
    #[param(value_type = schema::DayOrInstant, required = false)]
    start_date: Option<String>,
    #[param(value_type = schema::DayOrInstant, required = false)]
    /// A day counts to its end, in UTC.
    end_date: Option<String>,
}

impl From<SummaryQuery> for SubmissionsQuery {
    fn from(query: SummaryQuery) -> Self {
        let SummaryQuery { job_id, start_date, end_date } = query;
        Self { job_id, start_date, end_date, ..Self::default() }
    }
}

/// The window of a list that names none (spec section 3).
const WINDOW: Span = Span::days(30);

const VISIBLE: [SubmissionStatus; 4] = [
    SubmissionStatus::PendingScore,
    SubmissionStatus::Approved,
    SubmissionStatus::RetryPending,
    SubmissionStatus::Rejected,
];

/// Ids are ordered by time, so a window of time is a range of ids.
fn bound(at: Timestamp, random: u128) -> String {
    let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0);
    SubmissionId::new(Ulid::from_parts(millis, random)).to_string()
}

/// Returns a window of time, both ends included, by the time of this book.
fn window(book: Book, from: Timestamp, until: Timestamp) -> Window {
    let random = u128::MAX >> 48;
    if book.clock().is_none() {
        return Window { from: bound(from, 0), until: bound(until, random), ..Window::default() };
    }
    Window {
        from: bound(Timestamp::from_micros(0), 0),
        until: SubmissionId::new(Ulid::from_parts(u64::MAX >> 16, random)).to_string(),
        accepted_from: Some(from.micros()),
        accepted_until: Some(until.micros()),
    }
}

impl SubmissionsQuery {
    /// Makes the filter of a list that goes by this book's time. One that names no window has the
    /// usual one if `recent`.
    async fn filter(
        &self,
        app: &AppState,
        book: Book,
        recent: bool,
    ) -> Result<SubmissionFilter, ApiError> {
        let now = app.time_of(book).await?;
        let statuses = match self.status.as_deref() {
            None => VISIBLE.iter().map(|status| status.as_str().to_owned()).collect(),
            Some(status) if VISIBLE.iter().any(|known| known.as_str() == status) => {
                vec![status.to_owned()]
            }
            Some(_) => {
                let message = "must be pending_score, approved, retry_pending or rejected";
                return Err(ApiError::field("status", message));
            }
        };
        let job_id = match &self.job_id {
            None => None,
            Some(text) => {
                let id: JobId = text
                    .parse()
                    .map_err(|_invalid| ApiError::field("job_id", "must be a job's id"))?;
                Some(id.to_string())
            }
        };
        let from = match &self.start_date {
            Some(text) => instant_or_day("start_date", text)?,
            None if recent => now.before(WINDOW),
            None => Timestamp::from_micros(0),
        };
        let until = match &self.end_date {
            Some(text) => up_to_instant_or_day("end_date", text)?,
            None => now.after(Span::days(1)),
        };
        Ok(SubmissionFilter {
            statuses,
            job_id,
            min_score: stars(self.min_score.as_deref())?.map(i32::from),
            window: window(book, from, until),
        })
    }
}

/// Reads a number of stars.
pub(crate) fn stars(text: Option<&str>) -> Result<Option<i16>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    text.parse()
        .ok()
        .filter(|stars| (1..=5).contains(stars))
        .map(Some)
        .ok_or_else(|| ApiError::field("min_score", "must be 1 to 5"))
}

async fn view(
    app: &AppState,
    id: SubmissionId,
    submission: &Submission,
) -> Result<SubmissionView, ApiError> {
    let mut url = None;
    if submission.status == SubmissionStatus::Approved
        && let Some(file) = submission.files.first()
    {
        let name = file.original_filename.as_deref();
        url = Some(steady_link(app, &file.storage_key, name).await?);
    }
    Ok(SubmissionView::new(&app.secrets, id, submission, url))
}

fn submission(found: StateOf) -> Result<(SubmissionId, Box<Submission>), ApiError> {
    match (found.stream, found.state) {
        (StreamId::Submission(id), StreamState::Submission(submission)) => Ok((id, submission)),
        _ => Err(ApiError::Internal("a submission's row holds no submission".to_owned())),
    }
}

async fn page(
    app: &AppState,
    book: Book,
    filter: &SubmissionFilter,
    paging: &Paging,
) -> Result<Json<ListView<SubmissionView>>, ApiError> {
    let request = paging.by_id::<SubmissionId>()?;
    let found = states::list_submissions(app.store(), book, filter, &request).await?;
    let has_more = found.has_more;
    let mut items = Vec::with_capacity(found.items.len());
    for row in found.items {
        let (id, submission) = submission(row)?;
        items.push(view(app, id, &submission).await?);
    }
    let page = firsthand_projections::Page { items, has_more };
    Ok(Json(paging.list(page, |last| last.id.to_string())))
}

/// `GET /v1/submissions`: of the last 30 days unless the query says otherwise.
#[utoipa::path(
    get,
    path = "/v1/submissions",
    operation_id = "list_submissions",
    tag = "submissions",
    summary = "List submissions",
    description = "Newest first; of the last 30 days unless the query says otherwise.",
    params(SubmissionsQuery, PageParams),
    responses((status = 200, description = "A page of submissions", body = ListView<SubmissionView>)),
    security(("buyer_key" = ["jobs:read"])),
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    buyer: Can<JobsRead>,
    PageQuery(query, paging): PageQuery<SubmissionsQuery>,
) -> Result<Json<ListView<SubmissionView>>, ApiError> {
    let filter = query.filter(&app, buyer.book(), true).await?;
    page(&app, buyer.book(), &filter, &paging).await
}

/// `GET /v1/jobs/{id}/submissions`
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/submissions",
    operation_id = "list_job_submissions",
    tag = "submissions",
    summary = "List the submissions of a job",
    description = "Newest first, whatever their status, with scores and reasoning.",
    params(("id" = schema::JobId, Path, description = "The job"), SubmissionsQuery, PageParams),
    responses((status = 200, description = "A page of submissions", body = ListView<SubmissionView>)),
    security(("buyer_key" = ["jobs:read"])),
)]
pub(crate) async fn list_of_job(
    State(app): State<AppState>,
    buyer: Can<JobsRead>,
    Id(job): Id<JobId>,
    PageQuery(query, paging): PageQuery<SubmissionsQuery>,
) -> Result<Json<ListView<SubmissionView>>, ApiError> {
    let query = SubmissionsQuery { job_id: Some(job.to_string()), ..query };
    let filter = query.filter(&app, buyer.book(), false).await?;
    let page = page(&app, buyer.book(), &filter, &paging).await?;
    if page.is_empty() {
        // Only then may there be no such job.
        read_job(&app, buyer.book(), job).await?;
    }
    Ok(page)
}

/// `GET /v1/submissions/{id}`
#[utoipa::path(
    get,
    path = "/v1/submissions/{id}",
    operation_id = "get_submission",
    tag = "submissions",
    summary = "Show a submission",
    description = "With its scores, its reasoning, and a link to its first file once it is approved.",
    params(("id" = schema::SubmissionId, Path, description = "The submission")),
    responses((status = 200, description = "The submission", body = SubmissionView)),
    security(("buyer_key" = ["jobs:read"])),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<JobsRead>,
    Id(id): Id<SubmissionId>,
) -> Result<Json<SubmissionView>, ApiError> {
    let found = states::get(app.store(), buyer.book(), StreamId::Submission(id)).await?;
    let (id, submission) = submission(found.ok_or(ApiError::NotFound("submission"))?)?;
    if !buyer_sees(submission.status) {
        return Err(ApiError::NotFound("submission"));
    }
    Ok(Json(view(&app, id, &submission).await?))
}

/// Counts of submissions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubmissionSummary)]
pub(crate) struct SummaryView {
    #[schema(example = "submission_summary")]
    object: &'static str,
    #[schema(minimum = 0, example = 5)]
    total: i64,
    #[schema(minimum = 0, example = 1)]
    pending_score: i64,
    #[schema(minimum = 0, example = 3)]
    approved: i64,
    #[schema(minimum = 0, example = 1)]
    rejected: i64,
    #[schema(minimum = 0, example = 0)]
    retry_pending: i64,
    /// Approved of those that were approved or rejected.
    #[schema(value_type = schema::Rate)]
    approval_rate: Option<Number>,
    #[schema(value_type = schema::MeanStars)]
    average_star_rating: Option<Number>,
    #[schema(value_type = schema::StarCounts)]
    by_star_rating: serde_json::Map<String, Value>,
}

/// `GET /v1/submissions/summary`
#[utoipa::path(
    get,
    path = "/v1/submissions/summary",
    operation_id = "get_submission_summary",
    tag = "submissions",
    summary = "Count submissions",
    description = "Counts by status and stars; of the last 30 days unless the query says otherwise.",
    params(SummaryQuery),
    responses((status = 200, description = "The counts", body = SummaryView)),
    security(("buyer_key" = ["jobs:read"])),
)]
pub(crate) async fn summary(
    State(app): State<AppState>,
    buyer: Can<JobsRead>,
    ListQuery(query): ListQuery<SummaryQuery>,
) -> Result<Json<SummaryView>, ApiError> {
    let book = buyer.book();
    let filter = SubmissionsQuery::from(query).filter(&app, book, true).await?;
    let (job, window) = (filter.job_id.as_deref(), &filter.window);
    let rows = states::count_submissions(app.store(), book, job, window).await?;
    let of = |status: &str| -> i64 {
        rows.iter().filter(|row| row.status == status).map(|row| row.count).sum()
    };
    let (approved, rejected) = (of("approved"), of("rejected"));
    let total: i64 = rows.iter().map(|row| row.count).sum();
    let scored: i64 = rows.iter().filter(|row| row.stars.is_some()).map(|row| row.count).sum();
    let stars: i64 = rows.iter().map(|row| i64::from(row.stars.unwrap_or(0)) * row.count).sum();
    let by_stars: serde_json::Map<String, Value> = (1..=5)
        .map(|stars| {
            let count: i64 =
                rows.iter().filter(|row| row.stars == Some(stars)).map(|row| row.count).sum();
            (stars.to_string(), json!(count))
        })
        .collect();
    let hundredths = |part: i64, whole: i64| {
        // Two decimals without a float: 266 hundredths read 2.66.
        (whole > 0).then(|| {
            let scaled = (part * 200 + whole) / (whole * 2);
            let text = format!("{}.{:02}", scaled / 100, scaled % 100);
            text.parse::<Number>().ok()
        })?
    };
    Ok(Json(SummaryView {
        object: "submission_summary",
        total,
        pending_score: of("pending_score"),
        approved,
        rejected,
        retry_pending: of("retry_pending"),
        approval_rate: hundredths(approved, approved + rejected),
        average_star_rating: hundredths(stars, scored),
        by_star_rating: by_stars,
    }))
}
