//! `GET /v1/requests/{id}`.

use crate::common::{NOBODY, buyer, worker};
use firsthand_tests::job::photos;
use firsthand_tests::shape::{assert_part, text};
use firsthand_tests::{Buyer, Reply};
use serde_json::{Value, json};

fn id(reply: &Reply) -> &str {
    reply.header("x-request-id").unwrap_or_else(|| panic!("{reply}: no request id"))
}

async fn look(buyer: &Buyer, id: &str) -> Reply {
    buyer.get(&format!("/v1/requests/{id}")).await
}

fn types(request: &Value) -> Vec<&str> {
    let events = request["events"].as_array().expect("events");
    events.iter().map(|event| text(event, "event_type")).collect()
}

#[tokio::test]
async fn a_request_shows_what_it_did_in_order() {
    let buyer = buyer().await;
    let created = buyer.try_create(&photos(1, 75)).await;
    let job = created.ok(201);
    let request = look(&buyer, id(&created)).await.ok(200);
    assert_part(&request, &json!({"object": "request", "id": id(&created)}));
    assert_eq!(types(&request), ["job.created", "credits.held"]);
    for event in request["events"].as_array().expect("events") {
        assert_eq!(event["request_id"].as_str(), Some(id(&created)));
        assert_eq!(event["job_id"], job["id"]);
        assert!(event["occurred_at"].is_string() && event["resource"]["id"].is_string(), "{event}");
    }
    let listed = buyer.api.list("/v1/audit-events").await;
    assert_eq!(listed.first(), request["events"].as_array().and_then(|events| events.last()));
}

#[tokio::test]
async fn a_request_that_changed_nothing_is_not_found() {
    let buyer = buyer().await;
    let read = buyer.get("/v1/jobs").await;
    let refused = buyer.try_create(&photos(10_000, 50_000)).await;
    refused.refused(402, "insufficient_credits");
    let job = buyer.photo_job(1, 75).await;
    buyer.cancel(&job).await.ok(200);
    let again = buyer.cancel(&job).await;
    again.ok(200);
    for reply in [&read, &refused, &again] {
        look(&buyer, id(reply)).await.refused(404, "not_found");
    }
    for unknown in [format!("req_{NOBODY}"), "req_x".to_owned(), format!("job_{NOBODY}")] {
        look(&buyer, &unknown).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn another_book_s_request_is_not_found() {
    let (owner, stranger) = (buyer().await, buyer().await);
    let created = owner.try_create(&photos(1, 75)).await;
    created.ok(201);
    look(&owner, id(&created)).await.ok(200);
    look(&stranger, id(&created)).await.refused(404, "not_found");
    let sandbox = owner.test_api().await;
    sandbox.get(&format!("/v1/requests/{}", id(&created))).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_worker_s_request_shows_what_it_did_in_the_buyer_s_book_and_not_who_the_worker_is() {
    let buyer = buyer().await;
    let job = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    worker.offered(&job).await;
    let accepted = worker.try_accept(&job).await;
    accepted.ok(201);
    let reply = look(&buyer, id(&accepted)).await;
    let request = reply.ok(200);
    assert!(types(&request).contains(&"submission.accepted"), "{request}");
    assert!(!reply.text().contains(&worker.id), "{reply}");
}

#[tokio::test]
async fn it_needs_audit_read() {
    let buyer = buyer().await;
    let created = buyer.try_create(&photos(1, 75)).await;
    let path = format!("/v1/requests/{}", id(&created));
    buyer.scoped(&["audit:read"]).await.get(&path).await.ok(200);
    buyer
        .scoped(&["jobs:read", "jobs:write"])
        .await
        .get(&path)
        .await
        .refused(403, "authorization_error");
    buyer.api.without_token().get(&path).await.refused(401, "authentication_error");
}
