//! Failures: what counts as one, when it is tried again, and when no more.

use crate::webhook_common::{
    EVENTS, Endpoint, cancelled, delivery, event_id_of, event_once, event_until, event_within,
    failed_for_good, ids, impatient, named, patient, promised, rows_once,
};
use firsthand_tests::shape::{assert_part, assert_recent};
use firsthand_tests::{Answer, Received, Receiver, Wait};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_failed_attempt_is_repeated_with_the_same_id_and_the_same_bytes() {
    let buyer = impatient().await;
    let receiver = Receiver::scripted([Answer::status(500), Answer::closed()]);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let event = event_once(&endpoint, &id, "delivered").await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    for (request, number) in requests.iter().zip(1..) {
        assert_eq!((request.event_id(), request.attempt()), (id.as_str(), number));
        assert_eq!(request.body, requests[0].body);
        request.assert_signed(&[&endpoint.secret]);
    }
    assert_part(
        delivery(&event, &endpoint).expect("it was waited for"),
        &json!({named::ATTEMPTS: 3, named::NEXT_ATTEMPT: null, named::LAST_RESPONSE: 200}),
    );
}

#[tokio::test]
async fn a_failure_makes_the_endpoint_s_health_known_and_a_success_mends_it() {
    let buyer = patient().await;
    let receiver = Receiver::scripted([Answer::status(500)]);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let sick = endpoint.once("a failure is known", |e| !e["last_failure_at"].is_null()).await;
    assert_part(&sick, &json!({"status": "enabled", "consecutive_failures": 1}));
    assert_recent(&sick["failing_since"], 60.0);
    let wait = Wait::until("the first attempt is known");
    let event = event_until(wait, &endpoint, &id, |found| found[named::ATTEMPTS] == 1).await;
    let waiting = delivery(&event, &endpoint).expect("it was waited for");
    assert_part(waiting, &json!({named::STATUS: "pending", named::LAST_RESPONSE: 500}));
    // A minute, give or take ten per cent, and what has passed since.
    assert_recent(&waiting[named::NEXT_ATTEMPT], 67.0);
    cancelled(&buyer).await;
    let healthy = endpoint.once("a success is known", |e| !e["last_success_at"].is_null()).await;
    assert_part(&healthy, &json!({"consecutive_failures": 0, "failing_since": null}));
}

#[tokio::test]
async fn only_a_2xx_is_a_success() {
    let buyer = impatient().await;
    let failures = [404, 400, 307, 503].map(Answer::status);
    let receiver = Receiver::scripted(failures.into_iter().chain([Answer::status(204)]));
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &id, "delivered").await;
    assert_eq!(receiver.of_event(&id).len(), 5);
}

#[tokio::test]
async fn every_2xx_is_a_success_however_long_its_body() {
    let buyer = patient().await;
    for answer in [
        Answer::status(201),
        Answer::status(202).body("no JSON"),
        Answer::status(299),
        Answer::ok().body(vec![b'x'; 1_000_000]),
    ] {
        let receiver = Receiver::scripted([answer]);
        let endpoint = Endpoint::at(&buyer.api, &receiver).await;
        let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
        event_once(&endpoint, &id, "delivered").await;
        buyer.api.delete(&endpoint.path()).await;
        assert_eq!(receiver.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let buyer = impatient().await;
    let target = Receiver::start();
    let answers =
        [301, 302, 303, 308].map(|status| Answer::status(status).header("Location", &target.url()));
    let receiver = Receiver::scripted(answers);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &id, "delivered").await;
    assert_eq!(receiver.of_event(&id).len(), 5);
    assert!(target.requests().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn retry_after_postpones_the_next_attempt() {
    let buyer = impatient().await;
    for status in [503, 429] {
        let receiver = Receiver::scripted([Answer::status(status).header("Retry-After", "2")]);
        let endpoint = Endpoint::at(&buyer.api, &receiver).await;
        let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
        event_once(&endpoint, &id, "delivered").await;
        let requests = receiver.of_event(&id);
        assert_eq!(requests.len(), 2);
        let pause = requests[1].arrived - requests[0].arrived;
        assert!(pause >= Duration::from_millis(1_900), "{status}: tried again after {pause:?}");
        buyer.api.delete(&endpoint.path()).await;
    }
}

#[tokio::test]
async fn after_six_failures_a_delivery_has_failed_and_waits_for_a_replay() {
    let buyer = impatient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let [failed, delivered] = failed_for_good(&buyer, &receiver, &endpoint).await;
    let attempts: Vec<u32> = receiver.of_event(&failed).iter().map(Received::attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6]);
    let path = format!("{EVENTS}?delivery_status=failed");
    let found =
        rows_once(&buyer.api, &path, "the failed event is found", |rows| !rows.is_empty()).await;
    assert_eq!(ids(&found), [failed.as_str()]);
    assert_eq!(found[0]["delivery_status"], "failed");
    let event = event_once(&endpoint, &failed, "failed").await;
    assert_part(
        delivery(&event, &endpoint).expect("it was waited for"),
        &json!({named::ATTEMPTS: 6, named::NEXT_ATTEMPT: null, named::LAST_RESPONSE: 500}),
    );
    receiver.rule(|_| Answer::ok());
    promised(&buyer.post_empty(&format!("{EVENTS}/{failed}/replay")).await);
    event_once(&endpoint, &failed, "delivered").await;
    let requests = receiver.of_event(&failed);
    assert_eq!(requests.len(), 7);
    assert_eq!(requests[6].body, requests[0].body);
    requests[6].assert_signed(&[&endpoint.secret]);
    assert_eq!(receiver.of_event(&delivered).len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_fails_five_times_in_a_row_is_tried_every_half_minute() {
    let buyer = impatient().await;
    let failures = (0..5).map(|_| Answer::status(500));
    let receiver = Receiver::scripted(failures);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let first = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    receiver.await_requests(5).await;
    let spared = endpoint.once("five failures", |e| e["consecutive_failures"] == 5).await;
    assert_eq!(spared["status"], "enabled");
    let second = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let limit = Duration::from_secs(60);
    let requests = receiver.await_within(limit, "a sixth request", |all| all.len() >= 6).await;
    let pause = requests[5].arrived - requests[4].arrived;
    assert!(pause >= Duration::from_secs(25), "tried again after {pause:?}");
    for id in [&first, &second] {
        event_within(limit, &endpoint, id, "delivered").await;
    }
    assert_eq!(receiver.requests().len(), 7);
    assert_eq!(endpoint.get().await["consecutive_failures"], 0);
}

#[tokio::test]
async fn enabling_an_endpoint_again_ends_its_sparing() {
    let buyer = impatient().await;
    let receiver = Receiver::scripted((0..5).map(|_| Answer::status(500)));
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    cancelled(&buyer).await;
    receiver.await_requests(5).await;
    endpoint.once("five failures", |e| e["consecutive_failures"] == 5).await;
    endpoint.patch(&json!({"status": "disabled"})).await;
    let enabled = endpoint.patch(&json!({"status": "enabled"})).await;
    assert_part(&enabled, &json!({"consecutive_failures": 0, "failing_since": null}));
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let limit = Duration::from_secs(15);
    event_within(limit, &endpoint, &id, "delivered").await;
}

#[tokio::test]
async fn what_was_owed_to_a_deleted_endpoint_is_dropped() {
    let buyer = impatient().await;
    let receiver = Receiver::ruled(|_| Answer::status(500).held());
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    cancelled(&buyer).await;
    receiver.await_in_flight(1).await;
    assert_eq!(buyer.api.delete(&endpoint.path()).await.status, 204);
    receiver.release_all();
    // Whoever fails three times later is tried again later than the deleted one would have been.
    let witness = Receiver::scripted((0..3).map(|_| Answer::status(500)));
    let other = Endpoint::at(&buyer.api, &witness).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&other, &id, "delivered").await;
    assert_eq!(witness.requests().len(), 4);
    assert_eq!(receiver.requests().len(), 1);
}
