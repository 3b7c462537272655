//! `POST /v1/jobs/{id}/rate`.

use crate::common::{NOBODY, buyer, delivered};
use firsthand_tests::shape::assert_part;
use firsthand_tests::{Reply, together, unique};
use serde_json::json;

fn path(job_id: &str) -> String {
    format!("/v1/jobs/{job_id}/rate")
}

#[tokio::test]
async fn a_completed_job_is_rated_once() {
    let buyer = buyer().await;
    let job_id = delivered(&buyer, 75).await.job_id;
    let body = json!({"rating": 4, "feedback": "Well lit."});
    let job = buyer.post_keyed(&path(&job_id), &unique::key(), &body).await.ok(200);
    assert_part(
        &job,
        &json!({"object": "job", "id": job_id, "status": "completed", "buyer_rating": 4, "buyer_feedback": "Well lit."}),
    );
    assert_eq!(buyer.job(&job_id).await, job);
    buyer
        .post_keyed(&path(&job_id), &unique::key(), &json!({"rating": 1}))
        .await
        .refused(409, "conflict");
    assert_eq!(buyer.job(&job_id).await, job);
}

#[tokio::test]
async fn feedback_is_optional() {
    let buyer = buyer().await;
    let job_id = delivered(&buyer, 75).await.job_id;
    let job = buyer.post_keyed(&path(&job_id), &unique::key(), &json!({"rating": 5})).await.ok(200);
    assert_part(&job, &json!({"buyer_rating": 5, "buyer_feedback": null}));
}

#[tokio::test]
async fn of_eight_ratings_at_once_one_counts() {
    let buyer = buyer().await;
    let job_id = delivered(&buyer, 75).await.job_id;
    let replies: Vec<Reply> =
        together(
            (0..8).map(|i| {
                let (buyer, path) = (buyer.clone(), path(&job_id));
                async move {
                    buyer.post_keyed(&path, &unique::key(), &json!({"rating": i % 5 + 1})).await
                }
            }),
        )
        .await;
    let won: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(won.len(), 1);
    for lost in replies.iter().filter(|reply| reply.status != 200) {
        lost.refused(409, "conflict");
    }
    assert_eq!(buyer.job(&job_id).await["buyer_rating"], won[0].json()["buyer_rating"]);
}

#[tokio::test]
async fn a_rating_is_one_to_five() {
    let buyer = buyer().await;
    let job_id = delivered(&buyer, 75).await.job_id;
    for body in [
        json!({"rating": 0}),
        json!({"rating": 6}),
        json!({"rating": -1}),
        json!({"rating": 3.5}),
        json!({"rating": "5"}),
        json!({"rating": null}),
        json!({}),
    ] {
        buyer.post_keyed(&path(&job_id), &unique::key(), &body).await.invalid("rating");
    }
    let wrong = json!({"rating": 5, "feedback": 7});
    buyer.post_keyed(&path(&job_id), &unique::key(), &wrong).await.invalid("feedback");
    assert_eq!(buyer.job(&job_id).await["buyer_rating"], serde_json::Value::Null);
}

#[tokio::test]
async fn without_an_idempotency_key_nothing_is_rated() {
    let buyer = buyer().await;
    let job_id = delivered(&buyer, 75).await.job_id;
    buyer.post(&path(&job_id), &json!({"rating": 5})).await.refused(400, "validation_error");
    assert_eq!(buyer.job(&job_id).await["buyer_rating"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_job_that_is_not_completed_is_not_rated() {
    let buyer = buyer().await;
    let (open, cancelled) = (buyer.photo_job(1, 75).await, buyer.photo_job(1, 75).await);
    buyer.cancel(&cancelled).await.ok(200);
    for job_id in [open, cancelled] {
        buyer
            .post_keyed(&path(&job_id), &unique::key(), &json!({"rating": 5}))
            .await
            .refused(409, "conflict");
        assert_eq!(buyer.job(&job_id).await["buyer_rating"], serde_json::Value::Null);
    }
}

#[tokio::test]
async fn an_unknown_job_is_not_rated() {
    let unknown = path(&format!("job_{NOBODY}"));
    buyer()
        .await
        .post_keyed(&unknown, &unique::key(), &json!({"rating": 5}))
        .await
        .refused(404, "not_found");
}
