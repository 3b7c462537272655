//! What must be true of submissions and files: each acknowledged upload is scored, and each approval is one file.

use crate::acklog::{AckLog, Upload};
use crate::approvals::own_view;
use crate::books::Book;
use crate::checks::{Ledger, WIDTH, gathered};
use crate::findings::Findings;
use crate::support::{Ask, Line, crowd, text};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks at what is not done yet.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until every upload of these books is scored and every approval has its file; what is not by then is undone.
pub(crate) async fn settled(
    line: &Line,
    log: &AckLog,
    books: &[Arc<Book>],
    deadline: Instant,
) -> Findings {
    let uploads = books
        .iter()
        .flat_map(|book| log.uploads_of(book))
        .filter(|u| u.sent.load(Ordering::Relaxed));
    let line = line.clone();
    let each = crowd(uploads.collect(), WIDTH, move |upload: Arc<Upload>| {
        let mut line = line.clone();
        async move { finished(&mut line, &upload, deadline).await }
    })
    .await;
    gathered(each)
}

/// Looks again until the upload is scored and delivered or the time is over.
async fn finished(line: &mut Line, upload: &Upload, deadline: Instant) -> Findings {
    loop {
        let mut findings = Findings::default();
        findings.take(scored(line, upload).await);
        if findings.clean() {
            findings.take(delivered(line, upload).await);
        }
        if findings.clean() || Instant::now() > deadline {
            return findings;
        }
        sleep(LOOK).await;
    }
}

async fn scored(line: &mut Line, upload: &Upload) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let seen = line.expect(200, &own_view(upload)).await?;
    match seen["status"].as_str() {
        Some("approved") => (),
        Some("pending_score") => findings.undone(format!("score of {}", upload.submission)),
        Some("accepted") => findings.lost(format!("upload to {}: {seen}", upload.submission)),
        _ if upload.approved.load(Ordering::Relaxed) => {
            findings.lost(format!("approval of {}: {seen}", upload.submission));
        }
        _ => {
            findings.wrong(format!("a good file of {} was not approved: {seen}", upload.submission))
        }
    }
    Ok(findings)
}

async fn delivered(line: &mut Line, upload: &Upload) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let files = files_of(line, &upload.book, &upload.job).await?;
    if !files.iter().any(|file| file["submission_id"] == upload.submission.as_str()) {
        findings.undone(format!("delivery of {}", upload.submission));
    }
    Ok(findings)
}

async fn files_of(line: &mut Line, book: &Book, job: &str) -> Result<Vec<Value>, String> {
    line.list(&book.token, &format!("/v1/jobs/{job}/files")).await
}

/// The buyer sees exactly the submissions that were uploaded, each of them once and approved.
pub(crate) async fn submissions(line: &mut Line, ledger: &Ledger) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let rows = line.list(&ledger.book.token, "/v1/submissions").await?;
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &rows {
        let id = text(row, "id")?;
        *seen.entry(id).or_default() += 1;
        match ledger.uploads.iter().find(|upload| upload.submission == id) {
            None => findings.wrong(format!("the submission {row} was never uploaded")),
            Some(upload) if row["job_id"] != upload.job.as_str() || row["status"] != "approved" => {
                findings
                    .wrong(format!("the submission to {} should be approved: {row}", upload.job));
            }
            Some(_) => (),
        }
    }
    for upload in &ledger.uploads {
        match seen.get(upload.submission.as_str()) {
            None => findings.lost(format!("submission {} is not in the list", upload.submission)),
            Some(1) => (),
            Some(_) => findings.doubled(format!("submission {} in the list", upload.submission)),
        }
    }
    Ok(findings)
}

/// Each approval is one file, which downloads as it was uploaded, and the job counts it once.
pub(crate) async fn files(line: &mut Line, ledger: &Ledger) -> Result<Findings, String> {
    let mut by_job: BTreeMap<String, Vec<Arc<Upload>>> = BTreeMap::new();
    for upload in &ledger.uploads {
        by_job.entry(upload.job.clone()).or_default().push(Arc::clone(upload));
    }
    let line = line.clone();
    let jobs: Vec<(Value, Vec<Arc<Upload>>)> = by_job
        .into_iter()
        .map(|(id, uploads)| (ledger.jobs.get(&id).cloned().unwrap_or_default(), uploads))
        .collect();
    let each = crowd(jobs, WIDTH, move |(job, uploads): (Value, Vec<Arc<Upload>>)| {
        let mut line = line.clone();
        async move {
            let mut findings = Findings::default();
            findings.take(files_of_job(&mut line, &job, &uploads).await);
            findings
        }
    })
    .await;
    Ok(gathered(each))
}

async fn files_of_job(
    line: &mut Line,
    job: &Value,
    uploads: &[Arc<Upload>],
) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let Some(first) = uploads.first() else { return Ok(findings) };
    findings.equal(
        &format!("files_approved of {}", first.job),
        job["files_approved"].as_u64(),
        Some(uploads.len() as u64),
    );
    let all_done = job["files_approved"] == job["files_needed"];
    if all_done != (job["status"] == "completed") {
        findings.wrong(format!("the status of a job with these files: {job}"));
    }
    let rows = files_of(line, &first.book, &first.job).await?;
    for upload in uploads {
        let mine: Vec<&Value> =
            rows.iter().filter(|row| row["submission_id"] == upload.submission.as_str()).collect();
        match mine.as_slice() {
            [] => findings.undone(format!("delivery of {}", upload.submission)),
            [file] => findings.take(download(line, file, upload).await),
            more => findings.doubled(format!("{} files of {}", more.len(), upload.submission)),
        }
    }
    if rows.len() > uploads.len() {
        findings.wrong(format!(
            "{} has {} files for {} uploads",
            first.job,
            rows.len(),
            uploads.len()
        ));
    }
    Ok(findings)
}

/// The signed link of the list works, in the state after the last restart, and gives the uploaded bytes.
async fn download(line: &mut Line, file: &Value, upload: &Upload) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let url = text(file, "download_url")?;
    let media = &upload.media;
    findings.equal("content_hash", file["content_hash"].as_str(), Some(media.sha256.as_str()));
    findings.equal("size_bytes", file["size_bytes"].as_u64(), Some(media.size as u64));
    let bare = Ask { token: None, ..Ask::get(&upload.worker, url) };
    let reply = line.finally(&bare).await?.reply;
    let same = hex::encode(Sha256::digest(&reply.body)) == media.sha256;
    if reply.status != 200 || !same {
        let (status, length) = (reply.status, reply.body.len());
        findings.lost(format!(
            "file of {}: its link answers {status} with {length} bytes",
            upload.submission
        ));
    }
    Ok(findings)
}
