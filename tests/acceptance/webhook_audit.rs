//! What is done to endpoints stands in the audit trail, and no secret does.

use crate::webhook_common::{
    ENDPOINTS, EVENTS, Endpoint, cancelled, event_id_of, event_once, nowhere, patient, rows_once,
};
use firsthand_tests::job::with;
use firsthand_tests::shape::{assert_id, assert_part, assert_recent, text};
use firsthand_tests::{Api, Buyer, Receiver};
use serde_json::{Value, json};

const AUDIT: &str = "/v1/audit-events";

/// What the trail says of an endpoint once it says this, oldest first.
async fn told_once(api: &Api, endpoint_id: &str, last: &str) -> Vec<Value> {
    let of_endpoint = |row: &Value| row["resource"]["id"] == endpoint_id;
    let what = format!("webhook_endpoint.{last} of {endpoint_id} is told");
    let last = format!("webhook_endpoint.{last}");
    let told = |rows: &[Value]| rows.iter().any(|r| of_endpoint(r) && r["event_type"] == last);
    let rows = rows_once(api, AUDIT, &what, told).await;
    rows.into_iter().filter(of_endpoint).rev().collect()
}

fn kinds(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| text(row, "event_type")).collect()
}

async fn made(buyer: &Buyer) -> (String, String) {
    let endpoint = buyer.post(ENDPOINTS, &nowhere()).await.ok(201);
    let id = text(&endpoint, "id");
    (id.to_owned(), format!("{ENDPOINTS}/{id}"))
}

#[tokio::test]
async fn an_endpoint_s_whole_life_is_told_in_order() {
    let buyer = patient().await;
    let (id, path) = made(&buyer).await;
    buyer.patch(&path, &json!({"description": "for the warehouse"})).await.ok(200);
    buyer.post_empty(&format!("{path}/rotate_secret")).await.ok(200);
    buyer.patch(&path, &json!({"status": "disabled"})).await.ok(200);
    buyer.patch(&path, &json!({"status": "enabled"})).await.ok(200);
    for _ in 0..2 {
        assert_eq!(buyer.api.delete(&path).await.status, 204);
    }
    let rows = told_once(&buyer.api, &id, "deleted").await;
    let life = ["created", "updated", "secret_rotated", "disabled", "enabled", "deleted"]
        .map(|step| format!("webhook_endpoint.{step}"));
    assert_eq!(kinds(&rows), life);
    for row in &rows {
        assert_id(&row["id"], "aud");
        assert_part(row, &json!({"object": "audit_event", "environment": "live"}));
        assert_recent(&row["occurred_at"], 60.0);
        assert!(!text(&row["actor"], "type").is_empty(), "{row}");
        assert_eq!(row["resource"], json!({"type": "webhook_endpoint", "id": id}));
    }
}

#[tokio::test]
async fn a_row_names_the_request_that_did_it() {
    let buyer = patient().await;
    let reply = buyer.post(ENDPOINTS, &nowhere()).await;
    let id = text(&reply.ok(201), "id").to_owned();
    let rows = told_once(&buyer.api, &id, "created").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["request_id"].as_str(), reply.header("x-request-id"));
}

#[tokio::test]
async fn the_filter_by_type_finds_them() {
    let buyer = patient().await;
    let (id, path) = made(&buyer).await;
    buyer.api.delete(&path).await;
    told_once(&buyer.api, &id, "deleted").await;
    for step in ["created", "deleted"] {
        let rows = buyer.api.list(&format!("{AUDIT}?event_type=webhook_endpoint.{step}")).await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0]["resource"]["id"], id.as_str());
    }
}

#[tokio::test]
async fn what_was_refused_is_not_told() {
    let buyer = patient().await;
    let (id, path) = made(&buyer).await;
    buyer.patch(&path, &json!({"max_in_flight": 0})).await.invalid("max_in_flight");
    let overlap = json!({"overlap_seconds": -1});
    buyer.post(&format!("{path}/rotate_secret"), &overlap).await.invalid("overlap_seconds");
    patient().await.api.delete(&path).await.refused(404, "not_found");
    buyer.api.delete(&path).await;
    let rows = told_once(&buyer.api, &id, "deleted").await;
    assert_eq!(kinds(&rows), ["webhook_endpoint.created", "webhook_endpoint.deleted"]);
}

#[tokio::test]
async fn others_do_not_see_it() {
    let (buyer, other) = (patient().await, patient().await);
    let test = buyer.test_api().await;
    let (id, _) = made(&buyer).await;
    told_once(&buyer.api, &id, "created").await;
    for api in [&other.api, &test] {
        let shown = Value::Array(api.list(AUDIT).await).to_string();
        assert!(!shown.contains(&id), "{shown}");
    }
}

#[tokio::test]
async fn no_secret_is_in_the_trail_or_in_any_list() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let value = "correct-horse-battery-staple";
    let fields = json!({"headers": {"X-Route-Token": value}});
    let endpoint = Endpoint::with(&buyer.api, &receiver, &fields).await;
    let second = endpoint.rotate(3_600).await;
    let third = endpoint.rotate(0).await;
    endpoint.patch(&with(&fields, &json!({"description": "again"}))).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &id, "delivered").await;
    told_once(&buyer.api, &endpoint.id, "updated").await;
    let lists = [
        AUDIT.to_owned(),
        ENDPOINTS.to_owned(),
        EVENTS.to_owned(),
        format!("{EVENTS}/{id}/attempts"),
        format!("{}/attempts", endpoint.path()),
    ];
    for path in lists {
        let shown = Value::Array(buyer.api.list(&path).await).to_string();
        let bare = [&endpoint.secret, &second, &third].map(|s| s.trim_start_matches("whsec_"));
        for hidden in bare.into_iter().chain(["whsec_", value]) {
            assert!(!shown.contains(hidden), "{path} shows {hidden}");
        }
    }
}
