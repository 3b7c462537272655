//! Calls that a key may not make are in the audit trail (design D12).

use crate::api_keys::checksum;
use crate::common::{buyer, server};
use firsthand_tests::shape::{assert_part, text};
use firsthand_tests::{Api, Buyer, Reply, Wait, clock, together};
use serde_json::{Value, json};

const REFUSED: &str = "/v1/audit-events?event_type=api_key.call_refused";

/// The refusals on record of a buyer's key, oldest first, once there are so many.
async fn refusals(buyer: &Buyer, key: &Value, count: usize) -> Vec<Value> {
    let path = format!("{REFUSED}&resource_id={}", text(key, "id"));
    let mut rows = buyer.rows_once(&path, "the refusals", |rows| rows.len() >= count).await;
    rows.reverse();
    assert_eq!(rows.len(), count, "{rows:?}");
    rows
}

fn assert_told(row: &Value, key: &Value, operation: &str, code: &str) {
    let id = &key["id"];
    let wanted = json!({
        "actor": {"type": "api_key", "id": id}, "resource": {"type": "api_key", "id": id},
    });
    assert_part(row, &wanted);
    assert_part(&row["data"], &json!({"operation": operation, "code": code}));
}

async fn key(buyer: &Buyer, scopes: &[&str]) -> (Value, Api) {
    let key = buyer.create_key(&json!({"name": "narrow", "scopes": scopes})).await;
    let api = buyer.api.with_token(text(&key, "secret"));
    (key, api)
}

fn request_id(reply: &Reply) -> &str {
    reply.header("x-request-id").expect("every answer has one")
}

#[tokio::test]
async fn a_call_without_its_scope_is_told_with_operation_code_and_request() {
    let buyer = buyer().await;
    let job = buyer.photo_job(1, 75).await;
    let (key, api) = key(&buyer, &["jobs:read"]).await;
    let reply = api.post_empty(&format!("/v1/jobs/{job}/cancel")).await;
    assert_eq!(reply.refused(403, "authorization_error")["code"], "scope_missing");
    let rows = refusals(&buyer, &key, 1).await;
    assert_told(&rows[0], &key, "POST /v1/jobs/{id}/cancel", "scope_missing");
    assert_eq!(rows[0]["request_id"], request_id(&reply));
    let path = format!("/v1/requests/{}", request_id(&reply));
    let told = buyer.get(&path).await.ok(200);
    assert_eq!(told["events"][0]["id"], rows[0]["id"], "{told}");
    assert_eq!(buyer.job(&job).await["status"], "open");
}

#[tokio::test]
async fn the_same_refusal_is_told_once_an_hour_and_another_by_itself() {
    let buyer = buyer().await;
    let (key, api) = key(&buyer, &["jobs:read"]).await;
    for _ in 0..5 {
        api.get("/v1/api_keys").await.refused(403, "authorization_error");
    }
    api.get("/v1/billing/credits").await.refused(403, "authorization_error");
    let rows = refusals(&buyer, &key, 2).await;
    assert_told(&rows[0], &key, "GET /v1/api_keys", "scope_missing");
    assert_told(&rows[1], &key, "GET /v1/billing/credits", "scope_missing");
}

#[tokio::test]
async fn whoever_grants_what_he_lacks_is_told_of() {
    let buyer = buyer().await;
    let (key, api) = key(&buyer, &["keys:manage"]).await;
    let body = json!({"name": "wide", "scopes": ["jobs:write"]});
    let refused = api.post("/v1/api_keys", &body).await.refused(403, "authorization_error");
    assert_eq!(refused["code"], "scope_not_held");
    let rows = refusals(&buyer, &key, 1).await;
    assert_told(&rows[0], &key, "POST /v1/api_keys", "scope_not_held");
}

#[tokio::test]
async fn a_revoked_key_is_told_of_and_learns_nothing() {
    let buyer = buyer().await;
    let (key, api) = key(&buyer, &["jobs:read"]).await;
    buyer.api.delete(&format!("/v1/api_keys/{}", text(&key, "id"))).await;
    let reply = api.get("/v1/jobs").await;
    reply.refused(401, "authentication_error");
    assert_eq!(reply.header("x-firsthandapi-credits-remaining"), None);
    api.get("/v1/me").await.refused(401, "authentication_error");
    let rows = refusals(&buyer, &key, 1).await;
    assert_told(&rows[0], &key, "GET /v1/jobs", "authentication_error");
}

#[tokio::test]
async fn a_key_that_has_expired_is_told_of() {
    let buyer = buyer().await;
    let body = json!({"name": "brief", "expires_at": clock::in_seconds(2.0)});
    let key = buyer.create_key(&body).await;
    let api = buyer.api.with_token(text(&key, "secret"));
    let mut wait = Wait::until("the key has expired");
    while api.get("/v1/me").await.status == 200 {
        wait.not_yet(&key).await;
    }
    let rows = refusals(&buyer, &key, 1).await;
    assert_told(&rows[0], &key, "GET /v1/me", "authentication_error");
}

#[tokio::test]
async fn a_live_key_that_knocks_at_the_sandbox_the_operator_and_the_workers_is_told_of() {
    let buyer = buyer().await;
    let (key, api) = key(&buyer, &["jobs:read", "jobs:write"]).await;
    api.get("/v1/test_clock").await.refused(403, "authorization_error");
    api.get("/internal/operator/trial_balance").await.refused(401, "unauthorized");
    api.get("/internal/worker/me").await.refused(401, "authentication_error");
    let rows = refusals(&buyer, &key, 3).await;
    for (row, operation, code) in [
        (&rows[0], "GET /v1/test_clock", "test_key_needed"),
        (&rows[1], "GET /internal/operator/trial_balance", "unauthorized"),
        (&rows[2], "GET /internal/worker/me", "authentication_error"),
    ] {
        assert_told(row, &key, operation, code);
    }
}

#[tokio::test]
async fn a_storm_of_one_refused_call_is_told_once() {
    let buyer = buyer().await;
    let (key, api) = key(&buyer, &["jobs:read"]).await;
    let calls = (0..40).map(|_| {
        let api = api.clone();
        async move { api.get("/v1/api_keys").await.refused(403, "authorization_error") }
    });
    together(calls).await;
    api.get("/v1/billing/credits").await.refused(403, "authorization_error");
    refusals(&buyer, &key, 2).await;
}

#[tokio::test]
async fn a_secret_that_never_was_one_and_a_wrong_request_leave_no_trace() {
    let buyer = buyer().await;
    let (key, api) = key(&buyer, &["jobs:read"]).await;
    // The key's own name before other random characters, with the checksum that belongs to them.
    let (named, _rest) = text(&key, "secret").split_at(8 + 26);
    let forged = format!("{named}{}", "0".repeat(32));
    let forged = format!("{forged}{}", checksum(&forged));
    let forged = Api::anonymous(&server().base_url).with_token(&forged);
    forged.get("/v1/jobs").await.refused(401, "authentication_error");
    api.get("/v1/jobs/job_01GXYZ5J8K9M2N3P4Q5R6S7T8V").await.refused(404, "not_found");
    api.get("/v1/jobs?limit=0").await.refused(400, "validation_error");
    // What comes after them is there, and they are not.
    api.get("/v1/api_keys").await.refused(403, "authorization_error");
    let rows = refusals(&buyer, &key, 1).await;
    assert_told(&rows[0], &key, "GET /v1/api_keys", "scope_missing");
}
