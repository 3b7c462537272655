//! `GET /v1/jobs/{id}` along a job's life.

use crate::common::{NOBODY, buyer, worker};
use firsthand_tests::media;
use firsthand_tests::shape::{assert_part, assert_recent, int};
use serde_json::json;

#[tokio::test]
async fn an_unknown_job_is_not_found() {
    buyer().await.get(&format!("/v1/jobs/job_{NOBODY}")).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_id_of_another_kind_is_never_a_job() {
    let buyer = buyer().await;
    for id in
        ["x", "job_", "job_x", "%00", "%F0%9F%AA%9F", &format!("org_{NOBODY}"), &"j".repeat(3_000)]
    {
        buyer.get(&format!("/v1/jobs/{id}")).await.refused_somehow();
    }
}

#[tokio::test]
async fn a_job_whose_slots_are_taken_is_filled_and_open_again_when_one_returns() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    worker.accept(&id).await;
    assert_eq!(buyer.job_once(&id, "filled").await["files_approved"], 0);
    worker.withdraw(&id).await.ok(200);
    buyer.job_once(&id, "open").await;
}

#[tokio::test]
async fn the_first_approval_of_several_puts_a_job_in_progress() {
    let buyer = buyer().await;
    let id = buyer.photo_job(2, 75).await;
    worker().await.deliver_approved(&id, &media::sharp(media::seed())).await;
    let job = buyer.job_once(&id, "in_progress").await;
    assert_part(&job, &json!({"files_approved": 1, "files_needed": 2, "completed_at": null}));
    assert_part(
        &job["submission_summary"],
        &json!({"pending_score": 0, "approved": 1, "rejected": 0, "retry_pending": 0}),
    );
    assert_part(&job["escrow"], &json!({"held_cents": 75, "spent_cents": 75, "refunded_cents": 0}));
}

#[tokio::test]
async fn the_last_approval_completes_a_job() {
    let buyer = buyer().await;
    let id = buyer.photo_job(2, 75).await;
    for _ in 0..2 {
        worker().await.deliver_approved(&id, &media::sharp(media::seed())).await;
    }
    let job = buyer.job_once(&id, "completed").await;
    assert_part(&job, &json!({"files_approved": 2, "files_pending": 0, "cancelled_at": null}));
    assert_recent(&job["completed_at"], 60.0);
    assert_part(
        &job["submission_summary"],
        &json!({"pending_score": 0, "approved": 2, "rejected": 0, "retry_pending": 0}),
    );
    assert_part(&job["escrow"], &json!({"held_cents": 0, "spent_cents": 150, "refunded_cents": 0}));
}

#[tokio::test]
async fn a_job_of_one_file_goes_straight_to_completed() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    let submission = worker.accept(&id).await;
    worker.upload(&submission, &media::sharp(media::seed())).await.ok(200);
    let seen = firsthand_tests::eventually("the job is completed", async || {
        let job = buyer.job(&id).await;
        assert_ne!(job["status"], "in_progress", "{job}");
        firsthand_tests::wait::if_so(job, |job| job["status"] == "completed")
    });
    assert_eq!(int(&seen.await, "files_approved"), 1);
}

#[tokio::test]
async fn a_change_raises_the_version() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let before = int(&buyer.job(&id).await, "version");
    assert_eq!(int(&buyer.job(&id).await, "version"), before, "reading changes nothing");
    let after = int(&buyer.cancel(&id).await.ok(200), "version");
    assert!(after > before, "{before} {after}");
}
