//! Endpoints that are disabled: gone, or by request. What is meant for them is kept and can be had later.

use crate::webhook_common::{
    EVENTS, Endpoint, cancelled, delivery, event_id_of, event_once, ids, named, patient, promised,
    rows_once,
};
use firsthand_tests::shape::{assert_keys, assert_part, text};
use firsthand_tests::{Answer, Buyer, Received, Receiver, clock};
use serde_json::json;
use std::collections::BTreeSet;

/// An endpoint that was told 410 by this receiver, which answers 200 from then on.
async fn gone(buyer: &Buyer, receiver: &Receiver) -> Endpoint {
    receiver.rule(|_| Answer::status(410));
    let endpoint = Endpoint::at(&buyer.api, receiver).await;
    cancelled(buyer).await;
    endpoint.once("the endpoint is disabled", |e| e["status"] == "disabled").await;
    receiver.rule(|_| Answer::ok());
    endpoint
}

#[tokio::test]
async fn a_410_disables_the_endpoint_at_once() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = gone(&buyer, &receiver).await;
    assert_part(&endpoint.get().await, &json!({"status": "disabled", "disabled_reason": "gone"}));
    assert_eq!(receiver.requests().len(), 1);
    let path = "/v1/audit-events?event_type=webhook_endpoint.disabled";
    let rows = rows_once(&buyer.api, path, "the audit trail shows it", |r| !r.is_empty()).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["resource"]["id"], endpoint.id.as_str());
}

#[tokio::test]
async fn the_other_endpoints_are_told_and_the_one_that_is_gone_is_not() {
    let buyer = patient().await;
    let (receiver, witness) = (Receiver::start(), Receiver::start());
    let other = Endpoint::at(&buyer.api, &witness).await;
    let endpoint = gone(&buyer, &receiver).await;
    let told = |requests: &[Received]| {
        requests.iter().any(|request| request.kind() == "webhook_endpoint.disabled")
    };
    let requests = witness.await_until("webhook_endpoint.disabled", told).await;
    let request = requests.iter().find(|r| r.kind() == "webhook_endpoint.disabled");
    let request = request.expect("it was waited for");
    let event = request.json();
    assert!(event["sequence"].is_null(), "{event}");
    assert_part(
        &event["data"],
        &json!({
            "object": "webhook_endpoint",
            "id": endpoint.id,
            "url": receiver.url(),
            "status": "disabled",
        }),
    );
    assert_keys(&event["data"], &["failing_since", "consecutive_failures"]);
    request.assert_signed(&[&other.secret]);
    let event = event_once(&other, text(&event, "id"), "delivered").await;
    assert!(delivery(&event, &endpoint).is_none(), "{event}");
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn events_for_a_disabled_endpoint_are_skipped_and_a_replay_delivers_just_those() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = gone(&buyer, &receiver).await;
    let since = clock::in_seconds(0.0);
    let mut skipped = BTreeSet::new();
    for _ in 0..3 {
        let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
        let event = event_once(&endpoint, &id, "skipped").await;
        assert_eq!(event["delivery_status"], "skipped");
        skipped.insert(id);
    }
    let path = format!("{EVENTS}?delivery_status=skipped");
    let listed: BTreeSet<String> = ids(&buyer.api.list(&path).await).into_iter().collect();
    assert!(skipped.is_subset(&listed), "{listed:?}");
    endpoint.patch(&json!({"status": "enabled"})).await;
    let live = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &live, "delivered").await;
    assert_eq!(receiver.requests().len(), 2, "enabling alone sends nothing of what was skipped");
    let range = json!({"since": since, "until": clock::in_seconds(0.0), "only": "missing"});
    let replay = buyer.post(&format!("{}/replays", endpoint.path()), &range).await.ok(202);
    for id in &skipped {
        event_once(&endpoint, id, "delivered").await;
    }
    let path = format!("{}/replays/{}", endpoint.path(), text(&replay, "id"));
    assert_part(&buyer.get(&path).await.ok(200), &json!({"total": 3, "queued": 3}));
    let sent: Vec<String> =
        receiver.requests()[2..].iter().map(|request| request.event_id().to_owned()).collect();
    assert_eq!((sent.len(), sent.into_iter().collect::<BTreeSet<_>>()), (3, skipped));
}

#[tokio::test]
async fn a_single_skipped_event_can_be_replayed() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    endpoint.patch(&json!({"status": "disabled"})).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let event = event_once(&endpoint, &id, "skipped").await;
    assert_eq!(delivery(&event, &endpoint).expect("it was waited for")[named::ATTEMPTS], 0);
    assert!(receiver.requests().is_empty());
    endpoint.patch(&json!({"status": "enabled"})).await;
    promised(&buyer.post(&format!("{EVENTS}/{id}/replay"), &json!({})).await);
    event_once(&endpoint, &id, "delivered").await;
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_disabled_endpoint_costs_the_others_nothing() {
    let buyer = patient().await;
    let (receiver, witness) = (Receiver::start(), Receiver::start());
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let other = Endpoint::at(&buyer.api, &witness).await;
    endpoint.patch(&json!({"status": "disabled"})).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&other, &id, "delivered").await;
    event_once(&endpoint, &id, "skipped").await;
    assert_eq!(witness.of_event(&id).len(), 1);
    assert!(receiver.requests().is_empty());
}
