//! `POST /internal/worker/register`, and whose token opens what.

use crate::common::{NOBODY, anonymous, buyer, server, worker};
use firsthand_tests::shape::{assert_id, text};
use firsthand_tests::{Worker, media, unique};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn registering_gives_an_id_and_a_token() {
    let body = json!({"name": "Robin Field", "email": unique::email("worker"), "region": "US-NY"});
    let worker = anonymous().post("/internal/worker/register", &body).await.ok(201);
    assert_eq!(worker["object"], "worker");
    assert_id(&worker["id"], "wkr");
    assert!(text(&worker, "token").starts_with("fhw_"), "{worker}");
}

#[tokio::test]
async fn two_workers_are_two() {
    let (one, two) = (worker().await, worker().await);
    assert_ne!((one.id, one.token), (two.id, two.token));
}

#[tokio::test]
async fn a_misshapen_registration_names_its_fault() {
    let email = unique::email("worker");
    for (body, field) in [
        (json!({"email": email, "region": "US-NY"}), "name"),
        (json!({"name": 7, "email": email, "region": "US-NY"}), "name"),
        (json!({"name": "Robin", "region": "US-NY"}), "email"),
        (json!({"name": "Robin", "email": "nobody", "region": "US-NY"}), "email"),
        (json!({"name": "Robin", "email": email, "region": 7}), "region"),
    ] {
        anonymous().post("/internal/worker/register", &body).await.invalid(field);
    }
    let call = anonymous().request(Method::POST, "/internal/worker/register");
    call.bytes("application/json", "{").send().await.refused(400, "validation_error");
}

/// Every route of the worker API.
fn routes() -> Vec<(Method, String)> {
    let (job, submission) = (format!("jobs/job_{NOBODY}"), format!("submissions/sub_{NOBODY}"));
    [
        (Method::GET, "jobs/available".to_owned()),
        (Method::POST, format!("{job}/accept")),
        (Method::POST, format!("{job}/withdraw")),
        (Method::POST, format!("{job}/flag")),
        (Method::GET, "submissions".to_owned()),
        (Method::GET, submission.clone()),
        (Method::POST, format!("{submission}/upload")),
        (Method::POST, format!("{submission}/retry")),
    ]
    .map(|(method, path)| (method, format!("/internal/worker/{path}")))
    .to_vec()
}

#[tokio::test]
async fn without_a_worker_s_token_no_route_opens() {
    let buyer = buyer().await;
    let sandbox = buyer.test_api().await;
    for (method, path) in routes() {
        for api in [&anonymous(), &buyer.api, &sandbox, &anonymous().with_token("fhw_nonsense")] {
            let reply = api.request(method.clone(), &path).send().await;
            assert_eq!(reply.status, 401, "{reply}");
            reply.envelope();
        }
    }
}

#[tokio::test]
async fn a_worker_s_token_opens_no_buyer_s_route() {
    let worker = worker().await;
    for path in [
        "/v1/me",
        "/v1/jobs",
        "/v1/submissions",
        "/v1/api_keys",
        "/v1/billing/credits",
        "/v1/billing/transactions",
        "/v1/organization/settings",
        "/v1/audit-events",
    ] {
        worker.api.get(path).await.refused(401, "authentication_error");
    }
    let job = firsthand_tests::job::photos(1, 75);
    worker
        .api
        .post_keyed("/v1/jobs", &unique::key(), &job)
        .await
        .refused(401, "authentication_error");
}

#[tokio::test]
async fn the_operator_s_routes_open_to_the_operator_only() {
    let (buyer, worker) = (buyer().await, worker().await);
    let body = json!({
        "organization_id": buyer.organization_id,
        "environment": "live",
        "amount_cents": 1_000_000,
        "reason": "a gift to myself",
    });
    for api in [&anonymous(), &buyer.api, &worker.api, &anonymous().with_token("nonsense")] {
        let reply = api.post("/internal/operator/grants", &body).await;
        assert!(reply.status == 401 || reply.status == 403, "{reply}");
        reply.envelope();
    }
    assert_eq!(buyer.balance().await.available, 100_000);
}

#[tokio::test]
async fn an_operator_s_grant_that_makes_no_sense_is_refused() {
    let buyer = buyer().await;
    let operator = anonymous().with_token(&server().operator_token);
    let good = json!({
        "organization_id": buyer.organization_id,
        "environment": "live",
        "amount_cents": 100,
        "reason": "acceptance test",
    });
    for (field, wrong) in [
        ("amount_cents", json!(0)),
        ("amount_cents", json!(-100)),
        ("amount_cents", json!("100")),
        ("environment", json!("prod")),
        ("reason", json!("x".repeat(501))),
    ] {
        let body = firsthand_tests::job::with(&good, &json!({ field: wrong }));
        operator.post("/internal/operator/grants", &body).await.invalid(field);
    }
    let mut longest = good.clone();
    longest["reason"] = json!("é".repeat(500));
    operator.post("/internal/operator/grants", &longest).await.ok(201);
    let unknown =
        firsthand_tests::job::with(&good, &json!({"organization_id": format!("org_{NOBODY}")}));
    operator.post("/internal/operator/grants", &unknown).await.refused(404, "not_found");
    assert_eq!(buyer.balance().await.available, 100_100);
}

#[tokio::test]
async fn another_worker_s_submission_is_not_found() {
    let buyer = buyer().await;
    let id = buyer.photo_job(2, 75).await;
    let (owner, other) = (worker().await, worker().await);
    let submission = owner.accept(&id).await;
    let view = format!("/internal/worker/submissions/{submission}");
    other.api.get(&view).await.refused(404, "not_found");
    let media = media::sharp(media::seed());
    other.upload(&submission, &media).await.refused(404, "not_found");
    other.retry(&submission, &media).await.refused(404, "not_found");
    assert_eq!(owner.submission(&submission).await["status"], "accepted");
    assert!(other.api.list("/internal/worker/submissions").await.is_empty());
}

#[tokio::test]
async fn what_nobody_has_is_not_found() {
    let worker = worker().await;
    let submission = format!("sub_{NOBODY}");
    let view = format!("/internal/worker/submissions/{submission}");
    worker.api.get(&view).await.refused(404, "not_found");
    worker.upload(&submission, &media::sharp(media::seed())).await.refused(404, "not_found");
    worker.try_accept(&format!("job_{NOBODY}")).await.refused(404, "not_found");
    let reason = json!({"reason": "It asks for people's faces."});
    worker.flag(&format!("job_{NOBODY}"), &reason).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_buyer_cannot_follow_a_worker_from_organization_to_organization() {
    let worker = Worker::new(server()).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let buyer = buyer().await;
        let id = buyer.photo_job(1, 75).await;
        let submission = worker.deliver_approved(&id, &media::sharp(media::seed())).await;
        let view = buyer.submission(text(&submission, "id")).await;
        seen.push(text(&view, "worker_id").to_owned());
    }
    assert_ne!(seen[0], seen[1]);
    assert!(!seen.contains(&worker.id), "the worker's own id is shown");
}
