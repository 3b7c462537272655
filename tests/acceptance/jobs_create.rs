//! `POST /v1/jobs`: what a created job is.

use crate::common::{buyer, server, worker};
use firsthand_tests::job::{photos, photos_with, without};
use firsthand_tests::shape::{assert_id, assert_keys, assert_part, assert_recent, text};
use firsthand_tests::{Balance, Buyer, clock};
use serde_json::{Value, json};

fn everything() -> Value {
    photos_with(
        3,
        75,
        &json!({
            "title": "Shop windows",
            "accepted_formats": ["image/jpeg", "image/png"],
            "files_per_submission": 2,
            "min_star_rating": 4,
            "scoring_criteria": "The whole window must be visible.",
            "min_width": 640,
            "min_height": 480,
            "worker_guidelines": "Stand on the pavement.",
            "context_urls": ["https://example.com/shop.jpg"],
            "location": {"lat": 40.7128, "lng": -74.006, "radius_km": 25.5},
            "deadline": clock::in_seconds(86_400.0),
            "max_workers": 10,
            "metadata": {"campaign": "autumn", "batch": "7"},
        }),
    )
}

#[tokio::test]
async fn a_created_job_is_open_and_shows_every_documented_field() {
    let job = buyer().await.create_job(&photos(3, 75)).await;
    assert_id(&job["id"], "job");
    assert_part(
        &job,
        &json!({
            "object": "job",
            "status": "open",
            "type": "data_collection",
            "files_needed": 3,
            "files_approved": 0,
            "price_per_file_cents": 75,
            "total_cost_cents": 225,
            "accepted_formats": ["image/jpeg"],
            "environment": "live",
        }),
    );
    assert_recent(&job["created_at"], 60.0);
    for field in ["completed_at", "buyer_rating", "buyer_feedback", "cancel_reason", "cancelled_at"]
    {
        assert_eq!(job.get(field), Some(&Value::Null), "{field} of {job}");
    }
    assert_keys(&job, &["title", "description", "files_pending", "version"]);
    assert_part(
        &job["submission_summary"],
        &json!({"pending_score": 0, "approved": 0, "rejected": 0, "retry_pending": 0}),
    );
    assert_part(&job["escrow"], &json!({"held_cents": 225, "spent_cents": 0, "refunded_cents": 0}));
}

#[tokio::test]
async fn the_defaults_are_one_file_per_submission_and_three_stars() {
    let job = buyer().await.create_job(&photos(1, 75)).await;
    assert_part(&job, &json!({"files_per_submission": 1, "min_star_rating": 3}));
}

#[tokio::test]
async fn every_input_comes_back() {
    let body = everything();
    let mut job = buyer().await.create_job(&body).await;
    let wanted = body.as_object().expect("an object");
    let given = clock::parse(text(&body, "deadline")).expect("our own instant");
    let got = clock::parse(text(&job, "deadline")).expect("an instant");
    assert!((given - got).abs() < 0.002, "{given} {got}");
    job["deadline"] = body["deadline"].clone();
    for (field, value) in wanted {
        assert_eq!(job.get(field), Some(value), "{field} of {job}");
    }
}

#[tokio::test]
async fn the_answer_and_a_later_read_are_the_same_job() {
    let buyer = buyer().await;
    let created = buyer.create_job(&everything()).await;
    assert_eq!(created["status"], "open");
    assert_eq!(buyer.job(text(&created, "id")).await, created);
}

#[tokio::test]
async fn a_feedback_job_is_taken_too() {
    let job = buyer().await.create_job(&photos_with(1, 75, &json!({"type": "feedback"}))).await;
    assert_eq!(job["type"], "feedback");
}

#[tokio::test]
async fn creating_holds_the_whole_price() {
    let buyer = buyer().await;
    buyer.photo_job(4, 75).await;
    assert_eq!(buyer.balance().await, Balance { available: 99_700, held: 300 });
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let job = buyer()
        .await
        .create_job(&photos_with(1, 75, &json!({"colour": "red", "nested": {"a": [1, 2]}})))
        .await;
    assert_eq!(job["status"], "open");
    assert_eq!(job.get("colour"), None);
}

#[tokio::test]
async fn what_the_service_decides_cannot_be_sent_along() {
    let buyer = buyer().await;
    let wish = json!({
        "id": "job_01GXYZ5J8K9M2N3P4Q5R6S7T8V",
        "status": "completed",
        "files_approved": 1,
        "total_cost_cents": 0,
        "environment": "test",
        "buyer_rating": 5,
        "escrow": {"held_cents": 0},
        "organization_id": "org_01GXYZ5J8K9M2N3P4Q5R6S7T8V",
    });
    let job = buyer.create_job(&photos_with(1, 75, &wish)).await;
    assert_ne!(job["id"], wish["id"]);
    assert_part(
        &job,
        &json!({"status": "open", "files_approved": 0, "total_cost_cents": 75, "environment": "live"}),
    );
    assert_eq!(buyer.balance().await.held, 75);
}

#[tokio::test]
async fn type_and_price_fall_back_to_the_organization_s_defaults() {
    let buyer = buyer().await;
    let defaults = json!({"default_type": "feedback", "default_price_per_file_cents": 77});
    buyer.patch("/v1/organization/settings", &defaults).await.ok(200);
    let body = without(&without(&photos(2, 75), "type"), "price_per_file_cents");
    let job = buyer.create_job(&body).await;
    assert_part(
        &job,
        &json!({"type": "feedback", "price_per_file_cents": 77, "total_cost_cents": 154}),
    );
    let job = buyer.create_job(&photos(1, 75)).await;
    assert_part(&job, &json!({"type": "data_collection", "price_per_file_cents": 75}));
}

#[tokio::test]
async fn a_free_tier_organization_has_one_active_job_at_a_time() {
    let buyer = Buyer::free(server()).await;
    let first = buyer.photo_job(1, 10).await;
    buyer.try_create(&photos(1, 10)).await.refused(403, "free_tier_job_limit");
    assert_eq!(buyer.balance().await, Balance { available: 240, held: 10 });
    buyer.cancel(&first).await.ok(200);
    buyer.photo_job(1, 10).await;
}

#[tokio::test]
async fn a_new_job_is_offered_to_workers() {
    let buyer = buyer().await;
    let job = buyer.create_job(&everything()).await;
    let offer = worker().await.offered(text(&job, "id")).await;
    assert_part(
        &offer,
        &json!({
            "object": "available_job",
            "type": "data_collection",
            "title": "Shop windows",
            "description": job["description"],
            "worker_guidelines": "Stand on the pavement.",
            "context_urls": ["https://example.com/shop.jpg"],
            "accepted_formats": ["image/jpeg", "image/png"],
            "slots_open": 2,
            "pay_per_file_cents": 60,
            "location": job["location"],
            "deadline": job["deadline"],
            "created_at": job["created_at"],
        }),
    );
}
