//! `GET /v1/submissions`, `/{id}`, `/summary` and `GET /v1/jobs/{id}/submissions`.

use crate::common::{NOBODY, buyer, delivered, worker};
use firsthand_tests::http::escape;
use firsthand_tests::shape::{assert_instant, int, text};
use firsthand_tests::{Buyer, clock, media};
use serde_json::Value;

/// The ids that a list shows once they are these, in any order.
async fn lists(buyer: &Buyer, path: &str, wanted: &[&str]) {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    buyer
        .rows_once(path, &format!("{path} gives {wanted:?}"), |rows| {
            let mut ids: Vec<&str> = rows.iter().map(|row| text(row, "id")).collect();
            ids.sort_unstable();
            ids == wanted
        })
        .await;
}

async fn rejected(buyer: &Buyer) -> (String, String) {
    let body = firsthand_tests::job::photos_with(1, 75, &serde_json::json!({"min_width": 4_000}));
    let job_id = text(&buyer.create_job(&body).await, "id").to_owned();
    let submission = worker().await.deliver(&job_id, &media::sharp(media::seed())).await;
    assert_eq!(submission["status"], "rejected", "{submission}");
    (job_id, text(&submission, "id").to_owned())
}

#[tokio::test]
async fn an_organization_without_submissions_has_an_empty_list() {
    let buyer = buyer().await;
    assert!(buyer.get("/v1/submissions").await.page().data.is_empty());
    let job = buyer.photo_job(1, 75).await;
    assert!(buyer.get(&format!("/v1/jobs/{job}/submissions")).await.page().data.is_empty());
}

#[tokio::test]
async fn each_job_lists_its_own_submissions_and_the_organization_all() {
    let buyer = buyer().await;
    let (one, two) = (delivered(&buyer, 75).await, delivered(&buyer, 75).await);
    lists(&buyer, "/v1/submissions", &[one.submission_id(), two.submission_id()]).await;
    for done in [&one, &two] {
        lists(&buyer, &format!("/v1/jobs/{}/submissions", done.job_id), &[done.submission_id()])
            .await;
        lists(&buyer, &format!("/v1/submissions?job_id={}", done.job_id), &[done.submission_id()])
            .await;
    }
}

#[tokio::test]
async fn a_row_is_the_submission_that_its_id_gives() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    lists(&buyer, "/v1/submissions", &[done.submission_id()]).await;
    let row = buyer.get("/v1/submissions").await.page().data[0].clone();
    let whole = buyer.submission(done.submission_id()).await;
    for field in [
        "object",
        "id",
        "job_id",
        "worker_id",
        "status",
        "ai_star_rating",
        "content_type",
        "size_bytes",
        "submitted_at",
    ] {
        assert_eq!(row[field], whole[field], "{field}");
    }
}

#[tokio::test]
async fn the_status_filter_gives_the_submissions_of_that_status() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    let (job_id, rejected) = rejected(&buyer).await;
    lists(&buyer, "/v1/submissions?status=approved", &[done.submission_id()]).await;
    lists(&buyer, "/v1/submissions?status=rejected", &[&rejected]).await;
    lists(&buyer, "/v1/submissions?status=retry_pending", &[]).await;
    lists(&buyer, &format!("/v1/jobs/{job_id}/submissions?status=rejected"), &[&rejected]).await;
    lists(&buyer, &format!("/v1/jobs/{job_id}/submissions?status=approved"), &[]).await;
}

#[tokio::test]
async fn min_score_hides_what_has_fewer_stars() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    let (_, rejected) = rejected(&buyer).await;
    let stars = int(&done.submission, "ai_star_rating");
    lists(&buyer, "/v1/submissions?min_score=1", &[done.submission_id(), &rejected]).await;
    lists(&buyer, &format!("/v1/submissions?min_score={stars}"), &[done.submission_id()]).await;
}

#[tokio::test]
async fn the_dates_bound_the_list() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    let at = |seconds: f64| escape(&clock::in_seconds(seconds));
    lists(&buyer, &format!("/v1/submissions?start_date={}", at(-3_600.0)), &[done.submission_id()])
        .await;
    let around = format!("/v1/submissions?start_date={}&end_date={}", at(-3_600.0), at(3_600.0));
    lists(&buyer, &around, &[done.submission_id()]).await;
    let before = format!("/v1/submissions?start_date={}&end_date={}", at(-7_200.0), at(-3_600.0));
    lists(&buyer, &before, &[]).await;
}

#[tokio::test]
async fn a_day_counts_from_its_beginning_to_its_end() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    let submission = buyer.submission(done.submission_id()).await;
    let submitted = assert_instant(&submission["submitted_at"]);
    let day = |seconds: f64| clock::rfc3339(submitted + seconds)[..10].to_owned();
    // It was accepted, by which it is listed, just before it was submitted.
    let (from, to) = (day(-60.0), day(0.0));
    let path = format!("/v1/submissions?start_date={from}&end_date={to}");
    lists(&buyer, &path, &[done.submission_id()]).await;
    let before = format!("/v1/submissions?start_date={0}&end_date={0}", day(-172_800.0));
    lists(&buyer, &before, &[]).await;
}

#[tokio::test]
async fn a_filter_of_no_meaning_is_a_validation_error() {
    let buyer = buyer().await;
    for (query, field) in [
        ("status=fine", "status"),
        ("min_score=0", "min_score"),
        ("min_score=6", "min_score"),
        ("min_score=many", "min_score"),
        ("start_date=soon", "start_date"),
        ("end_date=later", "end_date"),
    ] {
        buyer.get(&format!("/v1/submissions?{query}")).await.invalid(field);
    }
}

#[tokio::test]
async fn the_summary_answers_for_the_organization_and_for_a_job() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    for path in [
        "/v1/submissions/summary".to_owned(),
        format!("/v1/submissions/summary?job_id={}", done.job_id),
    ] {
        assert!(buyer.get(&path).await.ok(200).is_object());
    }
}

#[tokio::test]
async fn a_job_s_summary_counts_its_submissions() {
    let buyer = buyer().await;
    let (job_id, _) = rejected(&buyer).await;
    let summary = buyer.job(&job_id).await["submission_summary"].clone();
    assert_eq!(
        summary,
        serde_json::json!({"pending_score": 0, "approved": 0, "rejected": 1, "retry_pending": 0})
    );
}

#[tokio::test]
async fn an_unknown_submission_is_not_found() {
    let buyer = buyer().await;
    buyer.get(&format!("/v1/submissions/sub_{NOBODY}")).await.refused(404, "not_found");
    buyer.get(&format!("/v1/jobs/job_{NOBODY}/submissions")).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_cancel_rejects_what_waits_for_its_score() {
    let buyer = buyer().await;
    let id = buyer.photo_job(2, 75).await;
    let worker = worker().await;
    let submission = worker.accept(&id).await;
    worker.upload(&submission, &media::sharp_sized(media::seed(), 2_400, 1_800)).await.ok(200);
    let job = buyer.cancel(&id).await.ok(200);
    let seen = buyer.submission(&submission).await;
    let paid = if seen["status"] == "approved" { 75 } else { 0 };
    assert!(paid == 75 || seen["status"] == "rejected", "{seen}");
    assert_eq!(job["escrow"]["spent_cents"], Value::from(paid));
}
