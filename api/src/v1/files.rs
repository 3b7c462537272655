//! Approved files and their signed links.

use super::jobs::get::read as read_job;
use super::submissions::stars;
use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, chain};
use crate::extract::{Can, Id, JobsRead, PageParams, PageQuery};
use crate::openapi::schema;
use crate::views::{FileView, ListView, worker_pseudonym};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_domain::ids::{FileId, JobId, SubmissionId};
use firsthand_domain::media::MediaType;
use firsthand_domain::submissions::RefreshLink;
use firsthand_domain::time::Span;
use firsthand_domain::{Book, StreamId, Timestamp};
use firsthand_projections::files::{self, FileRow};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// How long a signed link works (spec section 17 row 10), the longest that `SigV4` allows.
pub(crate) const LINK_LIFE: Duration = Duration::from_hours(168);
const LINK_SPAN: Span = Span::days(7);
/// For how many seconds a steady link stays the same.
const STEADY: u64 = 15 * 60;

/// Returns what a download is saved as: the name that the worker gave it, with the extension of what it was
/// found to be. Another one would have a buyer's machine open it as something else; and nothing in it may
/// turn the direction of text, which hides an extension.
fn download_name(key: &str, original: Option<&str>) -> String {
    let stored = key.rsplit('/').next().unwrap_or("file");
    let invisible = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let name: String = original.unwrap_or(stored).chars().filter(|c| !invisible(*c)).collect();
    let kind = |name: &str| {
        let (_stem, extension) = name.rsplit_once('.')?;
        MediaType::from_extension(extension)
    };
    match stored.rsplit_once('.') {
        Some((_id, extension)) if kind(&name) != kind(stored) => format!("{name}.{extension}"),
        _ => name,
    }
}

/// Signs a link to an object.
pub(crate) async fn link(
    app: &AppState,
    key: &str,
    name: Option<&str>,
) -> Result<String, ApiError> {
    app.objects
        .presign_get(key, LINK_LIFE, &download_name(key, name))
        .await
        .map_err(|error| ApiError::Internal(chain(&error)))
}

/// Signs a link to an object as of the last quarter of an hour, so that it reads the same until the
/// next: what shows it keeps its entity tag.
pub(crate) async fn steady_link(
    app: &AppState,
    key: &str,
    name: Option<&str>,
) -> Result<String, ApiError> {
    let now = u64::try_from(app.now().unix_seconds()).unwrap_or(0);
    let since = Duration::from_secs(now - now % STEADY);
    app.objects
        .presign_get_since(key, since, LINK_LIFE, &download_name(key, name))
        .await
        .map_err(|error| ApiError::Internal(chain(&error)))
}

async fn view(app: &AppState, book: Book, row: FileRow) -> Result<FileView, ApiError> {
    let url = link(app, &row.storage_key, row.original_filename.as_deref()).await?;
    let worker = worker_pseudonym(&app.secrets, book, &row.worker_id);
    Ok(FileView::new(row, worker, url, app.now().after(LINK_SPAN)))
}

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilesQuery {
    #[param(value_type = schema::Stars, required = false)]
    min_score: Option<String>,
}

/// `GET /v1/jobs/{id}/files`: by default all that the job's own threshold let through.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/files",
    operation_id = "list_job_files",
    tag = "files",
    summary = "List the approved files of a job",
    description = "Newest first, with links that work for seven days. By default all files that the job's own threshold let through.",
    params(("id" = schema::JobId, Path, description = "The job"), FilesQuery, PageParams),
    responses((status = 200, description = "A page of files", body = ListView<FileView>)),
    security(("buyer_key" = ["jobs:read"])),
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    buyer: Can<JobsRead>,
    Id(job_id): Id<JobId>,
    PageQuery(query, paging): PageQuery<FilesQuery>,
) -> Result<Json<ListView<FileView>>, ApiError> {
    let book = buyer.book();
    let least = stars(query.min_score.as_deref())?;
    let request = paging.by_id::<FileId>()?;
    app.catch_up(book).await;
    let page = files::list(
        app.store(),
        book,
        &job_id.to_string(),
        least,
        request.after.as_deref(),
        request.limit,
    )
    .await?;
    if page.items.is_empty() {
        read_job(&app, book, job_id).await?;
    }
    let has_more = page.has_more;
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(view(&app, book, row).await?);
    }
    let page = firsthand_projections::Page { items, has_more };
    Ok(Json(paging.list(page, |last| last.id.clone())))
}

/// A new link.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileUrl)]
pub(crate) struct FileUrlView {
    #[schema(example = "file_url")]
    object: &'static str,
    #[schema(value_type = schema::FileId)]
    id: String,
    #[schema(value_type = schema::FileId)]
    file_id: String,
    #[schema(value_type = schema::Link)]
    download_url: String,
    #[schema(value_type = schema::Instant)]
    download_url_expires_at: Timestamp,
}

/// `POST /v1/files/{id}/refresh_url`
#[utoipa::path(
    post,
    path = "/v1/files/{id}/refresh_url",
    operation_id = "refresh_file_url",
    tag = "files",
    summary = "Make a new link to a file",
    description = "For when the link of seven days has expired. The audit trail names who was given one: `submission.link_refreshed`.",
    params(("id" = schema::FileId, Path, description = "The file")),
    responses((status = 200, description = "The link", body = FileUrlView)),
    security(("buyer_key" = ["jobs:read"])),
)]
pub(crate) async fn refresh_url(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<JobsRead>,
    Id(id): Id<FileId>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    app.catch_up(book).await;
    let row =
        files::get(app.store(), book, &id.to_string()).await?.ok_or(ApiError::NotFound("file"))?;
    let url = link(&app, &row.storage_key, row.original_filename.as_deref()).await?;
    let body = to_json(&FileUrlView {
        object: "file_url",
        id: row.file_id.clone(),
        file_id: row.file_id,
        download_url: url,
        download_url_expires_at: app.now().after(LINK_SPAN),
    });
    let invalid = |_invalid| ApiError::Internal("a file's row names no submission".to_owned());
    let submission_id: SubmissionId = row.submission_id.parse().map_err(invalid)?;
    let call = Call {
        command: RefreshLink { submission_id, file_id: id },
        stream: StreamId::Submission(submission_id),
        actor: buyer.actor(),
        key: None,
    };
    call.answer(&app, &context, StatusCode::OK, move |_view| Ok(body.clone())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_saved_as_what_it_is() {
        let cases = [
            (Some("IMG 2041.jpg"), "IMG 2041.jpg"),
            (Some("IMG_2041.JPEG"), "IMG_2041.JPEG"),
            (Some("IMG_2041.html"), "IMG_2041.html.jpg"),
            (Some("IMG_2041.png"), "IMG_2041.png.jpg"),
            (Some("straße.v2"), "straße.v2.jpg"),
            (Some("no extension"), "no extension.jpg"),
            (Some("photo\u{202e}gpj.exe"), "photogpj.exe.jpg"),
            (Some("a\u{200b}.j\u{2066}pg"), "a.jpg"),
            (Some(""), ".jpg"),
            (None, "fil_01.jpg"),
        ];
        for (original, saved) in cases {
            assert_eq!(download_name("jobs/job_01/fil_01.jpg", original), saved);
        }
    }
}
