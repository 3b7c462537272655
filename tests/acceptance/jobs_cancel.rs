//! `POST /v1/jobs/{id}/cancel` and the deadline.

use crate::common::{NOBODY, buyer, delivered, worker};
use firsthand_tests::job::photos_with;
use firsthand_tests::shape::{assert_part, assert_recent, text};
use firsthand_tests::{Balance, clock, media, together};
use serde_json::json;

const WHOLE: Balance = Balance { available: 100_000, held: 0 };

#[tokio::test]
async fn cancelling_gives_the_whole_escrow_back_at_once() {
    let buyer = buyer().await;
    let id = buyer.photo_job(4, 75).await;
    let job = buyer.cancel(&id).await.ok(200);
    assert_part(
        &job,
        &json!({"object": "job", "id": id, "status": "cancelled", "files_approved": 0, "completed_at": null}),
    );
    assert_recent(&job["cancelled_at"], 60.0);
    assert_part(&job["escrow"], &json!({"held_cents": 0, "spent_cents": 0, "refunded_cents": 300}));
    assert_eq!(buyer.balance().await, WHOLE);
    assert_eq!(buyer.job(&id).await, job);
}

#[tokio::test]
async fn approved_files_stay_and_are_paid() {
    let buyer = buyer().await;
    let id = buyer.photo_job(3, 75).await;
    worker().await.deliver_approved(&id, &media::sharp(media::seed())).await;
    let job = buyer.cancel(&id).await.ok(200);
    assert_part(&job, &json!({"status": "cancelled", "files_approved": 1}));
    assert_part(
        &job["escrow"],
        &json!({"held_cents": 0, "spent_cents": 75, "refunded_cents": 150}),
    );
    assert_eq!(buyer.balance().await, Balance { available: 99_925, held: 0 });
    assert_eq!(buyer.files_once(&id, 1).await.len(), 1);
}

#[tokio::test]
async fn a_cancelled_job_is_cancelled_again_without_effect() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let first = buyer.cancel(&id).await.ok(200);
    assert_eq!(first["status"], "cancelled");
    assert_eq!(buyer.cancel(&id).await.ok(200), first);
    assert_eq!(buyer.balance().await, WHOLE);
}

#[tokio::test]
async fn sixteen_cancels_at_once_refund_once() {
    let buyer = buyer().await;
    let id = buyer.photo_job(4, 75).await;
    let replies = together((0..16).map(|_| {
        let (buyer, id) = (buyer.clone(), id.clone());
        async move { buyer.cancel(&id).await }
    }))
    .await;
    let jobs: Vec<_> = replies.iter().map(|reply| reply.ok(200)).collect();
    assert_eq!(jobs[0]["status"], "cancelled");
    assert!(jobs.iter().all(|job| *job == jobs[0]));
    assert_eq!(buyer.balance().await, WHOLE);
}

#[tokio::test]
async fn a_completed_job_is_not_cancelled() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    let before = buyer.job(&done.job_id).await;
    buyer.cancel(&done.job_id).await.refused(409, "conflict");
    assert_eq!(buyer.job(&done.job_id).await, before);
    assert_eq!(buyer.balance().await, Balance { available: 99_925, held: 0 });
}

#[tokio::test]
async fn an_unknown_job_is_not_cancelled() {
    buyer().await.cancel(&format!("job_{NOBODY}")).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_cancelled_job_is_no_longer_offered() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    worker.offered(&id).await;
    buyer.cancel(&id).await.ok(200);
    worker.try_accept(&id).await.refused(409, "conflict");
    firsthand_tests::eventually("the offer is gone", async || {
        let offers = worker.available().await;
        if offers.iter().all(|offer| offer["id"] != id.as_str()) {
            Ok(())
        } else {
            Err(json!(offers.len()))
        }
    })
    .await;
}

#[tokio::test]
async fn an_upload_after_the_cancel_is_refused_and_unpaid() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    let submission = worker.accept(&id).await;
    buyer.cancel(&id).await.ok(200);
    worker.upload(&submission, &media::sharp(media::seed())).await.refused(409, "conflict");
    assert_eq!(buyer.balance().await, WHOLE);
    assert_eq!(buyer.job(&id).await["files_approved"], 0);
}

#[tokio::test]
async fn a_body_and_a_key_are_allowed_too() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let path = format!("/v1/jobs/{id}/cancel");
    let job = buyer.post_keyed(&path, &firsthand_tests::unique::key(), &json!({})).await.ok(200);
    assert_eq!(job["status"], "cancelled");
}

#[tokio::test]
async fn a_passed_deadline_cancels_and_refunds() {
    let buyer = buyer().await;
    let body = photos_with(2, 75, &json!({"deadline": clock::in_seconds(3.0)}));
    let id = text(&buyer.create_job(&body).await, "id").to_owned();
    assert_eq!(buyer.balance().await.held, 150);
    let job = buyer.job_once(&id, "cancelled").await;
    assert_part(&job, &json!({"cancel_reason": "deadline"}));
    assert_recent(&job["cancelled_at"], 60.0);
    assert_part(&job["escrow"], &json!({"held_cents": 0, "spent_cents": 0, "refunded_cents": 150}));
    assert_eq!(buyer.balance().await, WHOLE);
}
