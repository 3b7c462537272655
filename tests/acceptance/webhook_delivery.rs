//! What an endpoint receives: a job's whole life, event by event.

use crate::common::worker;
use crate::webhook_common::{
    ENDPOINTS, Endpoint, assert_event, cancelled, delivery, event_once, feed_once, ids, named,
    patient,
};
use firsthand_tests::job::photos_with;
use firsthand_tests::shape::{assert_keys, assert_part, assert_recent, int, text};
use firsthand_tests::{Buyer, Received, Receiver, media};
use serde_json::{Value, json};

const SUBMISSION: [&str; 11] = [
    "object",
    "id",
    "submission_id",
    "job_id",
    "status",
    "ai_star_rating",
    "ai_reasoning",
    "dimensions",
    "file_url",
    "content_type",
    "submitted_at",
];

/// What was received of a job once there is so much of it, in the order of `sequence`.
async fn of_job(receiver: &Receiver, job_id: &str, count: usize) -> Vec<Value> {
    let belongs = |request: &&Received| request.json()["data"]["job_id"] == job_id;
    let what = format!("{count} events of {job_id}");
    let requests = receiver
        .await_until(&what, |requests| requests.iter().filter(belongs).count() >= count)
        .await;
    let mut events: Vec<Value> = requests.iter().filter(belongs).map(Received::json).collect();
    events.sort_by_key(|event| event["sequence"].as_i64());
    assert_eq!(events.len(), count, "{events:?}");
    let sequence: Vec<usize> = events.iter().map(|e| int(e, "sequence") as usize).collect();
    assert_eq!(sequence, (1..=count).collect::<Vec<_>>(), "{events:?}");
    for event in &events {
        assert_event(event, true);
    }
    events
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(event, "type")).collect()
}

/// Every event of the book was delivered to this endpoint, once, and none is on its way.
async fn everything_arrived_once(buyer: &Buyer, endpoint: &Endpoint, receiver: &Receiver) {
    let received = receiver.requests();
    for event in feed_once(&buyer.api, received.len()).await {
        event_once(endpoint, text(&event, "id"), "delivered").await;
        let pushed = receiver.of_event(text(&event, "id"));
        assert_eq!(pushed.len(), 1, "{event}");
        assert_eq!((pushed[0].attempt(), pushed[0].json()), (1, event));
    }
    assert_eq!(receiver.requests().len(), received.len());
}

#[track_caller]
fn assert_submission(event: &Value, submission_id: &str, job_id: &str) {
    let data = &event["data"];
    assert_keys(data, &SUBMISSION);
    assert_part(
        data,
        &json!({
            "object": "submission",
            "id": submission_id,
            "submission_id": submission_id,
            "job_id": job_id,
            "content_type": "image/jpeg",
        }),
    );
    assert_recent(&data["submitted_at"], 120.0);
    let scored = event["type"] == "submission.scored";
    assert_eq!(data.get("annotations").is_some(), scored, "{event}");
}

#[tokio::test]
async fn an_approved_file_is_told_as_scored_approved_and_completed() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let job_id = buyer.photo_job(1, 75).await;
    let submission = worker().await.deliver_approved(&job_id, &media::sharp(media::seed())).await;
    let id = text(&submission, "id");
    let events = of_job(&receiver, &job_id, 3).await;
    assert_eq!(kinds(&events), ["submission.scored", "submission.approved", "job.completed"]);
    let seen = buyer.submission(id).await;
    for event in &events[..2] {
        assert_submission(event, id, &job_id);
        for field in ["ai_star_rating", "ai_reasoning", "dimensions"] {
            assert_eq!(event["data"][field], seen[field], "{field} of {event}");
        }
    }
    assert_eq!(events[1]["data"]["status"], "approved");
    assert_part(
        &events[2]["data"],
        &json!({
            "object": "job",
            "id": job_id,
            "job_id": job_id,
            "status": "completed",
            "files_needed": 1,
            "files_approved": 1,
            "total_cost_cents": 75,
            "refunded_cents": 0,
        }),
    );
    everything_arrived_once(&buyer, &endpoint, &receiver).await;
}

#[tokio::test]
async fn every_file_of_a_job_is_told_and_the_sequence_has_no_gap() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let job_id = buyer.photo_job(2, 75).await;
    for _ in 0..2 {
        worker().await.deliver_approved(&job_id, &media::sharp(media::seed())).await;
    }
    let events = of_job(&receiver, &job_id, 5).await;
    let (scored, approved) = ("submission.scored", "submission.approved");
    assert_eq!(kinds(&events), [scored, approved, scored, approved, "job.completed"]);
    assert_eq!(events[4]["data"]["files_approved"], 2);
    everything_arrived_once(&buyer, &endpoint, &receiver).await;
}

#[tokio::test]
async fn a_poor_file_is_told_as_scored_each_time_and_rejected_once() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let body = photos_with(1, 75, &json!({"min_star_rating": 5}));
    let job_id = text(&buyer.create_job(&body).await, "id").to_owned();
    let worker = worker().await;
    let mut submission = worker.deliver(&job_id, &media::blurred(media::seed(), 5)).await;
    let id = text(&submission, "id").to_owned();
    let mut expected = vec!["submission.scored"];
    if submission["status"] == "retry_pending" {
        worker.retry(&id, &media::blurred(media::seed(), 5)).await.ok(200);
        submission = worker.scored(&id).await;
        expected.push("submission.scored");
    }
    assert_eq!(submission["status"], "rejected", "{submission}");
    expected.push("submission.rejected");
    let events = of_job(&receiver, &job_id, expected.len()).await;
    assert_eq!(kinds(&events), expected);
    for event in &events {
        assert_submission(event, &id, &job_id);
        assert!((1..5).contains(&int(&event["data"], "ai_star_rating")), "{event}");
    }
    assert_eq!(events[expected.len() - 1]["data"]["status"], "rejected");
    everything_arrived_once(&buyer, &endpoint, &receiver).await;
}

#[tokio::test]
async fn a_cancelled_job_is_told_with_what_was_given_back() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let job_id = buyer.photo_job(2, 75).await;
    buyer.cancel(&job_id).await.ok(200);
    buyer.cancel(&job_id).await.ok(200);
    let events = of_job(&receiver, &job_id, 1).await;
    assert_eq!(kinds(&events), ["job.cancelled"]);
    assert_part(
        &events[0]["data"],
        &json!({
            "object": "job",
            "id": job_id,
            "job_id": job_id,
            "status": "cancelled",
            "files_needed": 2,
            "files_approved": 0,
            "total_cost_cents": 150,
            "refunded_cents": 150,
        }),
    );
    everything_arrived_once(&buyer, &endpoint, &receiver).await;
}

#[tokio::test]
async fn a_flagged_job_is_told_with_the_reason_and_goes_on() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let job_id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    worker.offered(&job_id).await;
    let reason = "It asks for \"faces\" — näher als nötig.";
    worker.flag(&job_id, &json!({"reason": reason})).await.ok(200);
    buyer.cancel(&job_id).await.ok(200);
    let events = of_job(&receiver, &job_id, 2).await;
    assert_eq!(kinds(&events), ["job.flagged", "job.cancelled"]);
    let flagged = &events[0]["data"];
    assert_part(flagged, &json!({"object": "job", "id": job_id, "reason": reason}));
    let told = events[0].to_string();
    assert!(!told.contains(&worker.id) && !told.contains(&worker.email), "{told}");
    everything_arrived_once(&buyer, &endpoint, &receiver).await;
}

#[tokio::test]
async fn a_request_is_a_post_of_json_with_the_extra_headers() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let fields = json!({"headers": {"X-Route": "warehouse-7", "X-Empty-Not": "a b"}});
    Endpoint::with(&buyer.api, &receiver, &fields).await;
    cancelled(&buyer).await;
    let request = &receiver.await_requests(1).await[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hooks"));
    assert!(request.must("content-type").starts_with("application/json"));
    assert_eq!((request.must("x-route"), request.must("x-empty-not")), ("warehouse-7", "a b"));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.attempt(), 1);
}

#[tokio::test]
async fn a_delivery_makes_the_endpoint_s_health_known() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    cancelled(&buyer).await;
    let seen = endpoint.once("a success is known", |e| !e["last_success_at"].is_null()).await;
    assert_recent(&seen["last_success_at"], 60.0);
    assert_part(&seen, &json!({"last_failure_at": null, "consecutive_failures": 0}));
    assert_eq!(ids(&buyer.api.list(ENDPOINTS).await), [endpoint.id.as_str()]);
    let id = receiver.requests()[0].event_id().to_owned();
    let event = event_once(&endpoint, &id, "delivered").await;
    let sent = delivery(&event, &endpoint).expect("it was waited for");
    assert_part(
        sent,
        &json!({named::ATTEMPTS: 1, named::NEXT_ATTEMPT: null, named::LAST_RESPONSE: 200}),
    );
}
