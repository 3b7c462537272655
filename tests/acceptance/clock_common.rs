//! What the tests of test clocks share.

use firsthand_tests::job::{photos, with};
use firsthand_tests::shape::text;
use firsthand_tests::{Api, Reply, clock, unique};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const CLOCK: &str = "/v1/test_clock";
pub const ADVANCE: &str = "/v1/test_clock/advance";
pub const DAY: i64 = 86_400;

/// Makes a clock that stands at this instant.
pub async fn made(test: &Api, frozen_time: &str) {
    test.post(CLOCK, &json!({"frozen_time": frozen_time})).await.ok(201);
    arrived(test).await;
}

/// The clock once it stands still.
pub async fn arrived(test: &Api) -> Value {
    loop {
        let call = test.request(reqwest::Method::GET, CLOCK).header("Prefer", "wait=20");
        let shown = call.send().await.ok(200);
        if shown["status"] == "ready" {
            return shown;
        }
    }
}

/// Asks for an advance.
pub async fn ask(test: &Api, body: &Value) -> Reply {
    test.post(ADVANCE, body).await
}

/// Advances by so many seconds and waits until the clock stands still.
pub async fn advance(test: &Api, seconds: i64) -> Value {
    let call = test.request(reqwest::Method::POST, ADVANCE).json(&json!({"by_seconds": seconds}));
    let reply = call.header("Prefer", "wait=20").send().await;
    assert!(reply.status == 200 || reply.status == 202, "{reply}");
    arrived(test).await
}

/// The instant so many seconds after another.
pub fn after(instant: &str, seconds: i64) -> String {
    clock::rfc3339(clock::parse(instant).expect("an instant") + seconds as f64)
}

/// The seconds from one instant to another, as whole ones.
pub fn between(from: &str, to: &str) -> i64 {
    let at = |text| clock::parse(text).unwrap_or_else(|| panic!("{text:?} is no instant"));
    (at(to) - at(from)).round() as i64
}

/// Creates a job of one photograph with these fields besides; returns its id.
pub async fn job(test: &Api, price: i64, fields: &Value) -> String {
    let body = with(&photos(1, price), fields);
    text(&test.post_keyed("/v1/jobs", &unique::key(), &body).await.ok(201), "id").to_owned()
}

/// Creates a job that nobody works on and that ends at an instant.
pub async fn stalled(test: &Api, price: i64, deadline: &str) -> String {
    let fields = json!({"metadata": {"sandbox": "stall"}, "deadline": deadline});
    job(test, price, &fields).await
}

/// Everything that happened in the book, oldest first, but what happened to the clock itself.
pub async fn trail(test: &Api) -> Vec<Value> {
    let mut rows = test.list("/v1/audit-events").await;
    rows.reverse();
    rows.retain(|row| !text(row, "event_type").starts_with("test_clock."));
    rows
}

/// Events of a type as pairs of what they are about and when they happened.
pub fn happened<'v>(trail: &'v [Value], event_type: &str) -> Vec<(&'v str, &'v str)> {
    let of_type = trail.iter().filter(|row| row["event_type"] == event_type);
    of_type.map(|row| (text(&row["resource"], "id"), text(row, "occurred_at"))).collect()
}

/// Replaces ids in a text by numbers in the order of their first appearance.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<String, usize>);

impl Names {
    pub fn strip(&mut self, value: &Value) -> String {
        const ULID: usize = 26;
        let text = value.to_string();
        let mut stripped = String::new();
        let mut rest = text.as_str();
        while let Some(place) = rest.find('_') {
            let (before, behind) = rest.split_at(place + 1);
            stripped.push_str(before);
            let body = behind.get(..ULID).filter(|body| {
                body.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            });
            rest = match body {
                Some(body) => {
                    let next = self.0.len();
                    let number = *self.0.entry(body.to_owned()).or_insert(next);
                    stripped.push_str(&format!("#{number}"));
                    &behind[ULID..]
                }
                None => behind,
            };
        }
        stripped + rest
    }
}
