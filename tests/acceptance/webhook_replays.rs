//! Replays: of one event, and of a range.

use crate::common::NOBODY;
use crate::webhook_common::{
    EVENTS, Endpoint, cancelled, event_id_of, event_once, failed_for_good, impatient, nowhere,
    patient, promised,
};
use firsthand_tests::shape::{assert_part, int, text};
use firsthand_tests::{Answer, Buyer, Received, Receiver, Wait, clock};
use serde_json::{Value, json};

/// An event that was delivered to all of these endpoints.
async fn delivered(buyer: &Buyer, endpoints: &[&Endpoint]) -> String {
    let id = event_id_of(&buyer.api, &cancelled(buyer).await).await;
    for endpoint in endpoints {
        event_once(endpoint, &id, "delivered").await;
    }
    id
}

async fn replay(buyer: &Buyer, event_id: &str, body: &Value) {
    promised(&buyer.post(&format!("{EVENTS}/{event_id}/replay"), body).await);
}

/// Waits for so many requests with this event, which must be alike, byte for byte.
async fn repeated(receiver: &Receiver, id: &str, count: usize) {
    let of_event = |request: &&Received| request.event_id() == id;
    let what = format!("{count} requests with {id}");
    receiver.await_until(&what, |all| all.iter().filter(of_event).count() >= count).await;
    let requests = receiver.of_event(id);
    assert_eq!(requests.len(), count);
    assert!(requests.iter().all(|request| request.body == requests[0].body));
}

/// Asks for a range and returns the replay once it is done.
async fn replayed(endpoint: &Endpoint, since: &str, until: &str, only: &str) -> Value {
    let body = json!({"since": since, "until": until, "only": only});
    let path = format!("{}/replays", endpoint.path());
    let begun = endpoint.api.post(&path, &body).await.ok(202);
    let path = format!("{path}/{}", text(&begun, "id"));
    let mut wait = Wait::until("the replay is done");
    loop {
        let seen = endpoint.api.get(&path).await.ok(200);
        assert_eq!(seen["id"], begun["id"]);
        let total = seen["total"].as_i64().unwrap_or(i64::MAX);
        assert!(int(&seen, "queued") <= total, "{seen}");
        if seen["status"] == "done" {
            assert_eq!(seen["queued"], seen["total"], "{seen}");
            return seen;
        }
        assert_eq!(seen["status"], "running", "{seen}");
        wait.not_yet(&seen).await;
    }
}

#[tokio::test]
async fn a_replay_repeats_an_event_to_every_endpoint_with_the_same_id_and_bytes() {
    let buyer = patient().await;
    let (one, two) = (Receiver::start(), Receiver::start());
    let first = Endpoint::at(&buyer.api, &one).await;
    let second = Endpoint::at(&buyer.api, &two).await;
    let id = delivered(&buyer, &[&first, &second]).await;
    let reply = buyer.post_empty(&format!("{EVENTS}/{id}/replay")).await;
    promised(&reply);
    repeated(&one, &id, 2).await;
    repeated(&two, &id, 2).await;
    one.requests()[1].assert_signed(&[&first.secret]);
    two.requests()[1].assert_signed(&[&second.secret]);
}

#[tokio::test]
async fn a_replay_to_one_endpoint_goes_to_that_one_alone() {
    let buyer = patient().await;
    let (one, two) = (Receiver::start(), Receiver::start());
    let first = Endpoint::at(&buyer.api, &one).await;
    let second = Endpoint::at(&buyer.api, &two).await;
    let id = delivered(&buyer, &[&first, &second]).await;
    replay(&buyer, &id, &json!({"endpoint_id": first.id})).await;
    repeated(&one, &id, 2).await;
    let later = delivered(&buyer, &[&first, &second]).await;
    repeated(&two, &id, 1).await;
    repeated(&two, &later, 1).await;
}

#[tokio::test]
async fn a_replay_reaches_an_endpoint_that_was_made_after_the_event() {
    let buyer = patient().await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let (receiver, narrow) = (Receiver::start(), Receiver::start());
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let fields = json!({"events": ["job.completed"]});
    Endpoint::with(&buyer.api, &narrow, &fields).await;
    replay(&buyer, &id, &json!({})).await;
    event_once(&endpoint, &id, "delivered").await;
    repeated(&receiver, &id, 1).await;
    assert!(narrow.requests().is_empty(), "it is not subscribed");
}

#[tokio::test]
async fn what_does_not_exist_is_not_replayed() {
    let buyer = patient().await;
    let other = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = delivered(&buyer, &[&endpoint]).await;
    let unknown = format!("{EVENTS}/evt_{NOBODY}/replay");
    buyer.post_empty(&unknown).await.refused(404, "not_found");
    buyer.post(&unknown, &json!({"endpoint_id": endpoint.id})).await.refused(404, "not_found");
    let path = format!("{EVENTS}/{id}/replay");
    let foreign = other.post(crate::webhook_common::ENDPOINTS, &nowhere()).await.ok(201);
    for endpoint_id in [format!("we_{NOBODY}"), text(&foreign, "id").to_owned()] {
        let body = json!({"endpoint_id": endpoint_id});
        buyer.post(&path, &body).await.refused(404, "not_found");
    }
    buyer.post(&path, &json!({"endpoint_id": 7})).await.invalid("endpoint_id");
    other.post_empty(&path).await.refused(404, "not_found");
    delivered(&buyer, &[&endpoint]).await;
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn a_range_repeats_everything_between_two_times_and_nothing_else() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let before = delivered(&buyer, &[&endpoint]).await;
    let since = clock::in_seconds(0.0);
    let inside = [delivered(&buyer, &[&endpoint]).await, delivered(&buyer, &[&endpoint]).await];
    let until = clock::in_seconds(0.0);
    let after = delivered(&buyer, &[&endpoint]).await;
    let done = replayed(&endpoint, &since, &until, "all").await;
    assert_eq!(done["total"], 2, "{done}");
    for id in &inside {
        repeated(&receiver, id, 2).await;
    }
    for id in [&before, &after] {
        repeated(&receiver, id, 1).await;
    }
}

#[tokio::test]
async fn a_range_of_what_is_missing_repeats_nothing_that_was_delivered() {
    let buyer = patient().await;
    let since = clock::in_seconds(-1.0);
    let missing = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let there = delivered(&buyer, &[&endpoint]).await;
    let until = clock::in_seconds(0.0);
    for total in [1, 0] {
        let done = replayed(&endpoint, &since, &until, "missing").await;
        assert_eq!(done["total"], total, "{done}");
        event_once(&endpoint, &missing, "delivered").await;
    }
    repeated(&receiver, &missing, 1).await;
    repeated(&receiver, &there, 1).await;
}

#[tokio::test]
async fn a_range_of_what_failed_repeats_that_alone() {
    let buyer = impatient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let since = clock::in_seconds(-1.0);
    let [failed, delivered] = failed_for_good(&buyer, &receiver, &endpoint).await;
    receiver.rule(|_| Answer::ok());
    let done = replayed(&endpoint, &since, &clock::in_seconds(0.0), "failed").await;
    assert_eq!(done["total"], 1, "{done}");
    event_once(&endpoint, &failed, "delivered").await;
    repeated(&receiver, &failed, 7).await;
    repeated(&receiver, &delivered, 1).await;
}

#[tokio::test]
async fn a_range_holds_only_what_the_endpoint_is_subscribed_to() {
    let buyer = patient().await;
    let since = clock::in_seconds(-1.0);
    event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let receiver = Receiver::start();
    let fields = json!({"events": ["job.completed"]});
    let endpoint = Endpoint::with(&buyer.api, &receiver, &fields).await;
    let done = replayed(&endpoint, &since, &clock::in_seconds(0.0), "all").await;
    assert_eq!(done["total"], 0, "{done}");
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_replay_can_be_cancelled_and_then_stays_so() {
    let buyer = patient().await;
    let receiver = Receiver::ruled(|_| Answer::ok().held());
    let since = clock::in_seconds(-1.0);
    for _ in 0..5 {
        event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    }
    let fields = json!({"max_in_flight": 1});
    let endpoint = Endpoint::with(&buyer.api, &receiver, &fields).await;
    let path = format!("{}/replays", endpoint.path());
    let range = json!({"since": since, "until": clock::in_seconds(0.0), "only": "all"});
    let begun = buyer.post(&path, &range).await.ok(202);
    let path = format!("{path}/{}", text(&begun, "id"));
    let cancelled = promised(&buyer.post_empty(&format!("{path}/cancel")).await);
    // Five events may all have been queued before the cancel came.
    assert!(cancelled["status"] == "cancelled" || cancelled["status"] == "done", "{cancelled}");
    receiver.release_all();
    let again = promised(&buyer.post_empty(&format!("{path}/cancel")).await);
    assert_eq!(again["status"], cancelled["status"]);
    assert_part(
        &buyer.get(&path).await.ok(200),
        &json!({"id": begun["id"], "status": cancelled["status"]}),
    );
}

#[tokio::test]
async fn a_range_that_is_none_is_refused() {
    let buyer = patient().await;
    let endpoint = Endpoint::at(&buyer.api, &Receiver::start()).await;
    let path = format!("{}/replays", endpoint.path());
    let (past, now) = (clock::in_seconds(-60.0), clock::in_seconds(0.0));
    for body in [
        json!({"since": now, "until": past, "only": "all"}),
        json!({"since": "yesterday", "until": now, "only": "all"}),
        json!({"since": past, "until": "now", "only": "all"}),
        json!({"since": 1_700_000_000, "until": now, "only": "all"}),
        json!({"since": past, "until": now, "only": "everything"}),
        json!({"since": past, "until": now, "only": 7}),
        json!({"until": now, "only": "all"}),
        json!({}),
    ] {
        buyer.post(&path, &body).await.refused(400, "validation_error");
    }
}

#[tokio::test]
async fn a_replay_that_nobody_began_or_of_another_endpoint_is_not_found() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let (one, two) =
        (Endpoint::at(&buyer.api, &receiver).await, Endpoint::at(&buyer.api, &receiver).await);
    let done = replayed(&one, &clock::in_seconds(-1.0), &clock::in_seconds(0.0), "all").await;
    for path in [
        format!("{}/replays/rpl_{NOBODY}", one.path()),
        format!("{}/replays/nonsense", one.path()),
        format!("{}/replays/{}", two.path(), text(&done, "id")),
    ] {
        buyer.get(&path).await.refused(404, "not_found");
        buyer.post_empty(&format!("{path}/cancel")).await.refused(404, "not_found");
    }
}
