//! The log of attempts: everything that was sent and everything that came back.

use crate::webhook_common::{
    ENDPOINTS, EVENTS, Endpoint, cancelled, event_id_of, event_once, ids, impatient, named,
    patient, rows_once,
};
use firsthand_tests::shape::{assert_keys, assert_part, assert_recent, text};
use firsthand_tests::{Answer, Buyer, Receiver, server};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The attempts with an event once so many have ended, newest first.
async fn attempts(buyer: &Buyer, event_id: &str, count: usize) -> Vec<Value> {
    let path = format!("{EVENTS}/{event_id}/attempts");
    let what = format!("{count} attempts with {event_id}");
    rows_once(&buyer.api, &path, &what, |rows| {
        rows.len() == count && rows.iter().all(|row| row["status"] != "unknown")
    })
    .await
}

/// A header by its name in any case: a text, or a list of one text.
fn header<'v>(headers: &'v Value, name: &str) -> Option<&'v str> {
    let all = headers.as_object().unwrap_or_else(|| panic!("no headers: {headers}"));
    let (_, value) = all.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.as_str().or_else(|| value[0].as_str())
}

/// A timing in milliseconds, beside the others or in an object of their own.
fn timing(attempt: &Value, name: &str) -> Option<f64> {
    let timings = attempt.get(named::TIMINGS).unwrap_or(attempt);
    assert_keys(timings, &["dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms"]);
    timings[name].as_f64()
}

#[tokio::test]
async fn an_attempt_shows_what_was_sent_and_what_came_back() {
    let buyer = patient().await;
    let delay = Duration::from_millis(300);
    let answer = Answer::ok().header("X-Handled-By", "till-3").body("thank you").after(delay);
    let receiver = Receiver::scripted([answer]);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &id, "delivered").await;
    let attempt = attempts(&buyer, &id, 1).await.remove(0);
    let request = &receiver.requests()[0];
    assert_part(
        &attempt,
        &json!({
            named::EVENT: id,
            named::ENDPOINT: endpoint.id,
            named::NUMBER: 1,
            "status": "succeeded",
            "url": receiver.url(),
            named::BODY_HASH: hex::encode(Sha256::digest(&request.body)),
            named::RESPONSE_STATUS: 200,
            named::RESPONSE_BODY: "thank you",
            named::ERROR: null,
        }),
    );
    assert_recent(&attempt[named::TIME], 60.0);
    for name in ["X-FirstHandAPI-Signature", "webhook-signature", "X-FirstHandAPI-Event-Id"] {
        let shown = header(&attempt[named::REQUEST_HEADERS], name);
        assert_eq!(shown, Some(request.must(name)), "{name}");
    }
    assert_eq!(header(&attempt[named::RESPONSE_HEADERS], "x-handled-by"), Some("till-3"));
    assert!(text(&attempt, named::ADDRESS).starts_with("127.0.0.1"), "{attempt}");
    for name in ["first_byte_ms", "total_ms"] {
        let took = timing(&attempt, name).unwrap_or_else(|| panic!("no {name} in {attempt}"));
        assert!((295.0..10_000.0).contains(&took), "{name} of {attempt}");
    }
    assert!(timing(&attempt, "connect_ms").is_none_or(|took| took >= 0.0), "{attempt}");
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_body() {
    let buyer = patient().await;
    let receiver = Receiver::scripted([Answer::status(422).body("no such order")]);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let attempt = attempts(&buyer, &id, 1).await.remove(0);
    assert_part(
        &attempt,
        &json!({
            "status": "failed",
            named::ENDPOINT: endpoint.id,
            named::RESPONSE_STATUS: 422,
            named::RESPONSE_BODY: "no such order",
        }),
    );
}

#[tokio::test]
async fn a_long_body_is_cut_after_eight_kilobytes() {
    let buyer = patient().await;
    let body: String = (0..20_000_u32).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
    let receiver = Receiver::scripted([Answer::ok().body(body.as_str())]);
    Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let attempt = attempts(&buyer, &id, 1).await.remove(0);
    let shown = text(&attempt, named::RESPONSE_BODY);
    assert!((8_000..=8_192).contains(&shown.len()), "{} bytes are shown", shown.len());
    assert!(body.starts_with(shown));
}

#[tokio::test]
async fn a_body_that_is_no_text_does_no_harm() {
    let buyer = patient().await;
    let receiver = Receiver::scripted([Answer::ok().body(vec![0, 159, 146, 150, 0, 255])]);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &id, "delivered").await;
    let attempt = attempts(&buyer, &id, 1).await.remove(0);
    assert_part(&attempt, &json!({"status": "succeeded", named::RESPONSE_STATUS: 200}));
}

#[tokio::test]
async fn an_attempt_without_an_answer_names_the_error() {
    let buyer = patient().await;
    let receiver = Receiver::scripted([Answer::closed()]);
    let hung_up = Endpoint::at(&buyer.api, &receiver).await;
    let url = format!("http://127.0.0.1:{}/hooks", server::free_port());
    let refused = buyer.post(ENDPOINTS, &json!({"url": url})).await.ok(201);
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let rows = attempts(&buyer, &id, 2).await;
    let mut errors = Vec::new();
    for endpoint_id in [hung_up.id.as_str(), text(&refused, "id")] {
        let attempt = rows.iter().find(|row| row[named::ENDPOINT] == endpoint_id);
        let attempt = attempt.unwrap_or_else(|| panic!("no attempt to {endpoint_id}: {rows:?}"));
        assert_part(attempt, &json!({"status": "failed", named::RESPONSE_STATUS: null}));
        errors.push(text(attempt, named::ERROR));
    }
    assert!(errors.iter().all(|code| !code.is_empty()), "{errors:?}");
    assert_ne!(errors[0], errors[1], "refusing and hanging up are different errors");
}

#[tokio::test]
async fn every_attempt_is_listed_newest_first_by_event_and_by_endpoint() {
    let buyer = impatient().await;
    let receiver = Receiver::scripted([Answer::status(500), Answer::status(503)]);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &id, "delivered").await;
    let other = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &other, "delivered").await;
    let by_event = attempts(&buyer, &id, 3).await;
    let told: Vec<(&Value, &Value)> =
        by_event.iter().map(|row| (&row[named::NUMBER], &row[named::RESPONSE_STATUS])).collect();
    assert_eq!(
        told,
        [(&json!(3), &json!(200)), (&json!(2), &json!(503)), (&json!(1), &json!(500)),]
    );
    let by_endpoint = endpoint.attempts_once("four attempts", |rows| rows.len() == 4).await;
    assert_eq!(by_endpoint[0][named::EVENT], other.as_str());
    assert_eq!(by_endpoint[1..], by_event[..]);
    for (status, expected) in
        [("succeeded", vec![0, 1]), ("failed", vec![2, 3]), ("unknown", vec![])]
    {
        let path = format!("{}/attempts?status={status}", endpoint.path());
        let expected: Vec<Value> = expected.into_iter().map(|i| by_endpoint[i].clone()).collect();
        assert_eq!(ids(&buyer.api.list(&path).await), ids(&expected), "{status}");
    }
    let path = format!("{}/attempts?status=lost", endpoint.path());
    buyer.get(&path).await.invalid("status");
}

#[tokio::test]
async fn an_endpoint_s_attempts_are_its_own_and_so_are_an_event_s() {
    let buyer = patient().await;
    let (one, two) = (Receiver::start(), Receiver::start());
    let first = Endpoint::at(&buyer.api, &one).await;
    let second = Endpoint::at(&buyer.api, &two).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    attempts(&buyer, &id, 2).await;
    for endpoint in [&first, &second] {
        let rows = endpoint.attempts_once("its attempt", |rows| !rows.is_empty()).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0][named::ENDPOINT], endpoint.id.as_str());
    }
}

#[tokio::test]
async fn the_log_holds_no_secret_and_no_value_of_an_extra_header() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let fields = json!({"headers": {"X-Route-Token": "correct-horse-battery"}});
    let endpoint = Endpoint::with(&buyer.api, &receiver, &fields).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    assert_eq!(receiver.await_requests(1).await[0].must("x-route-token"), "correct-horse-battery");
    let event = event_once(&endpoint, &id, "delivered").await;
    let log = Value::Array(attempts(&buyer, &id, 1).await);
    for shown in [event, log] {
        let shown = shown.to_string();
        assert!(!shown.contains("whsec_") && !shown.contains("correct-horse"), "{shown}");
    }
}
