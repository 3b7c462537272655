//! Test clocks: a sandbox whose time stands still and goes forward when it is told to.

use crate::clock_common::{
    ADVANCE, CLOCK, DAY, advance, after, arrived, ask, between, happened, job, made, stalled, trail,
};
use crate::common::{buyer, server};
use crate::webhook_common::Endpoint;
use firsthand_tests::purchase::bought;
use firsthand_tests::shape::{assert_part, int, text};
use firsthand_tests::{Answer, Buyer, DataDir, Options, Receiver, Server, binary, clock};
use serde_json::json;
use std::collections::BTreeMap;

/// Longer than any clock may go at once.
const TOO_FAR: i64 = 732 * DAY;

fn tomorrow() -> String {
    clock::in_seconds(86_400.0)
}

#[tokio::test]
async fn a_live_book_goes_by_everybody_s_time() {
    let buyer = buyer().await;
    for reply in [
        buyer.post(CLOCK, &json!({})).await,
        buyer.get(CLOCK).await,
        buyer.post(ADVANCE, &json!({"by_seconds": 1})).await,
    ] {
        assert_eq!(reply.refused(403, "authorization_error")["code"], "test_key_needed");
    }
}

#[tokio::test]
async fn a_clock_is_of_its_own_sandbox_alone() {
    let (one, other) = (buyer().await.test_api().await, buyer().await.test_api().await);
    made(&one, &tomorrow()).await;
    assert_eq!(other.get(CLOCK).await.refused(404, "not_found")["code"], "not_found");
    ask(&other, &json!({"by_seconds": 1})).await.refused(404, "not_found");
    let id = job(&other, 10, &json!({})).await;
    let created = other.get(&format!("/v1/jobs/{id}")).await.ok(200);
    let ahead = clock::parse(text(&created, "created_at")).expect("an instant") - clock::now();
    assert!(ahead < 60.0, "another book's time is {ahead} s ahead");
}

#[tokio::test]
async fn a_clock_stands_still_and_never_goes_back() {
    let buyer = buyer().await;
    let test = buyer.test_api().await;
    let past = clock::in_seconds(-60.0);
    let refused = test.post(CLOCK, &json!({"frozen_time": past})).await.refused(409, "conflict");
    assert_eq!(refused["code"], "clock_backwards");
    let start = tomorrow();
    made(&test, &start).await;
    let again = test.post(CLOCK, &json!({})).await.refused(409, "conflict");
    assert_eq!(again["code"], "already_exists");
    let clock = test.get(CLOCK).await.ok(200);
    let shown = json!({"status": "ready", "advancing_to": null, "livemode": false});
    assert_part(&clock, &shown);
    assert_eq!(between(&start, text(&clock, "frozen_time")), 0);
    for to in [past, after(&start, -1)] {
        let refused = ask(&test, &json!({"to": to})).await.refused(409, "conflict");
        assert_eq!(refused["code"], "clock_backwards");
    }
    let far = ask(&test, &json!({"by_seconds": TOO_FAR})).await.refused(400, "validation_error");
    assert_eq!(far["code"], "clock_too_far");
    for body in [json!({}), json!({"by_seconds": 0}), json!({"by_seconds": 1, "to": start})] {
        ask(&test, &body).await.invalid("by_seconds");
    }
    ask(&test, &json!({"to": "soon"})).await.invalid("to");
    advance(&test, 3_600).await;
    let there = after(&start, 3_600);
    let repeated = ask(&test, &json!({"to": there})).await.ok(202);
    assert_part(&repeated, &json!({"status": "ready", "advancing_to": null}));
    let id = job(&test, 10, &json!({})).await;
    let created = test.get(&format!("/v1/jobs/{id}")).await.ok(200);
    assert_eq!(between(&there, text(&created, "created_at")), 0);
    // What is said of the past goes by the same time.
    let as_of = test.get(&format!("/v1/billing/credits?as_of={}", after(&there, -1))).await.ok(200);
    assert_part(&as_of, &json!({"held_cents": 0, "available_cents": 100_000}));
    let as_of = test.get(&format!("/v1/billing/credits?as_of={there}")).await.ok(200);
    assert_part(&as_of, &json!({"held_cents": 10, "available_cents": 99_990}));
    test.get(&format!("/v1/billing/credits?as_of={}", after(&there, 1))).await.invalid("as_of");
}

#[tokio::test]
async fn a_key_without_the_scope_may_not_touch_the_clock() {
    let buyer = buyer().await;
    let body = json!({"name": "reader", "environment": "test", "scopes": ["jobs:read"]});
    let key = buyer.create_key(&body).await;
    let reader = buyer.api.with_token(text(&key, "secret"));
    for path in [CLOCK, ADVANCE] {
        let refused = reader.post(path, &json!({"by_seconds": 1})).await;
        assert_eq!(refused.refused(403, "authorization_error")["code"], "scope_missing");
    }
}

#[tokio::test]
async fn what_falls_due_on_the_way_happens_in_order_and_at_its_own_time() {
    let buyer = buyer().await;
    let test = buyer.test_api().await;
    let start = tomorrow();
    made(&test, &start).await;
    buyer.grant_in("test", 700).await;
    let usual = job(&test, 10, &json!({})).await;
    let retried = job(&test, 10, &json!({"metadata": {"sandbox": "retry"}})).await;
    let late = stalled(&test, 10, &after(&start, 2 * DAY)).await;
    let early = stalled(&test, 10, &after(&start, DAY)).await;
    advance(&test, 10 * DAY).await;
    // Its money comes from the grant, which has ended by then: it is given another 30 days.
    let last = stalled(&test, 500, &after(&start, 370 * DAY)).await;
    advance(&test, 410 * DAY).await;
    let trail = trail(&test).await;
    let times: Vec<_> = trail.iter().map(|row| text(row, "occurred_at")).collect();
    assert!(times.windows(2).all(|pair| between(pair[0], pair[1]) >= 0), "{times:?}");
    let happened = |name: &str| -> Vec<(String, i64)> {
        let rows = happened(&trail, name);
        rows.iter().map(|(id, at)| ((*id).to_owned(), between(&start, at))).collect()
    };
    assert_eq!(
        happened("job.cancelled"),
        [(early, DAY), (late, 2 * DAY), (last, 370 * DAY)],
        "deadlines"
    );
    let completed: BTreeMap<_, _> = happened("job.completed").into_iter().collect();
    assert_eq!(completed, BTreeMap::from([(usual, 15), (retried, 15)]), "simulated work");
    let seconds = |name| happened(name).into_iter().map(|(_, at)| at).collect::<Vec<_>>();
    let soon = seconds("credits.expiring_soon");
    let expired = seconds("credits.expired");
    // 12 calendar months, and then 30 days after the last job gave its money back.
    let year = if soon[0] == 336 * DAY { 366 * DAY } else { 365 * DAY };
    assert_eq!(soon, [year - 30 * DAY, 370 * DAY], "announcements");
    assert_eq!(expired, [year, 400 * DAY], "lots");
    binary::verify_database(&server().database_url);
}

#[tokio::test]
async fn a_delivery_is_repeated_when_the_clock_gets_there() {
    let test = buyer().await.test_api().await;
    let start = tomorrow();
    made(&test, &start).await;
    let receiver = Receiver::scripted([Answer::status(500), Answer::status(503)]);
    let fields = json!({"events": ["job.cancelled"]});
    let endpoint = Endpoint::with(&test, &receiver, &fields).await;
    stalled(&test, 10, &after(&start, 60)).await;
    advance(&test, 61).await;
    assert_eq!(receiver.requests().len(), 1, "the first attempt");
    let id = receiver.requests()[0].event_id().to_owned();
    let event = test.get(&format!("/v1/webhook_events/{id}")).await.ok(200);
    assert_eq!(between(&start, text(&event, "created_at")), 60, "{event}");
    let next = event["deliveries"][0]["next_attempt_at"].as_str().expect("the next attempt");
    let pause = between(&start, next) - 60;
    assert!((54..=66).contains(&pause), "the second attempt comes after {pause} s");
    advance(&test, DAY).await;
    let attempts: Vec<u32> = receiver.requests().iter().map(|request| request.attempt()).collect();
    assert_eq!(attempts, [1, 2, 3], "all attempts, in order");
    endpoint.once("it is known to answer", |seen| !seen["last_success_at"].is_null()).await;
}

#[tokio::test]
async fn what_stands_behind_a_repetition_does_not_hold_the_clock() {
    let test = buyer().await.test_api().await;
    made(&test, &tomorrow()).await;
    let receiver = Receiver::scripted([Answer::status(503)]);
    let endpoint = Endpoint::with(&test, &receiver, &json!({"ordering": "per_job"})).await;
    job(&test, 10, &json!({})).await;
    advance(&test, 20).await;
    assert_eq!(receiver.requests().len(), 1, "the others wait for the first one's repetition");
    advance(&test, DAY).await;
    endpoint.once("it is known to answer", |seen| !seen["last_success_at"].is_null()).await;
    let attempts: Vec<u32> = receiver.requests().iter().map(|request| request.attempt()).collect();
    assert_eq!(attempts[..3], [1, 2, 1], "the first, again, and the one behind it: {attempts:?}");
}

#[tokio::test]
async fn submissions_are_listed_and_counted_by_the_time_of_the_clock() {
    const LIST: &str = "/v1/submissions";
    let test = buyer().await.test_api().await;
    let start = tomorrow();
    made(&test, &start).await;
    advance(&test, 40 * DAY).await;
    let id = job(&test, 10, &json!({})).await;
    advance(&test, 60).await;
    let done = test.get(&format!("/v1/jobs/{id}")).await.ok(200);
    assert_eq!(done["status"], "completed", "{done}");
    let counted = async |query: &str| {
        let listed = test.list(&format!("{LIST}{query}")).await.len();
        let summary = test.get(&format!("{LIST}/summary{query}")).await.ok(200);
        (listed, int(&summary, "total"))
    };
    assert_eq!(counted("").await, (1, 1));
    advance(&test, 31 * DAY).await;
    assert_eq!(counted("").await, (0, 0), "it is older than 30 days");
    let of_then = format!("?start_date={}", after(&start, 40 * DAY));
    assert_eq!(counted(&of_then).await, (1, 1));
    let before = format!("?start_date={start}&end_date={}", after(&start, 40 * DAY - 1));
    assert_eq!(counted(&before).await, (0, 0));
}

#[tokio::test]
async fn a_top_up_follows_the_lot_that_has_ended() {
    let buyer = buyer().await;
    let test = buyer.test_api().await;
    bought(&test, 1_000).await;
    made(&test, &tomorrow()).await;
    buyer.grant_in("test", 300).await;
    let body = json!({
        "auto_top_up_enabled": true,
        "auto_top_up_threshold_cents": 500_000,
        "auto_top_up_amount_cents": 2_500,
    });
    buyer.patch("/v1/organization/settings", &body).await.ok(200);
    advance(&test, 400 * DAY).await;
    let trail = trail(&test).await;
    let expired = happened(&trail, "credits.expired");
    let topped_up = happened(&trail, "credits.auto_topped_up");
    assert_eq!((expired.len(), topped_up.len()), (1, 1), "{trail:?}");
    assert_eq!(expired[0].1, topped_up[0].1, "at once");
}

#[tokio::test]
async fn an_advance_survives_the_death_of_the_process() {
    let data = DataDir::new();
    let server = Server::start(Options::at(&data.path())).await;
    let buyer = Buyer::new(&server).await;
    let test = buyer.test_api().await;
    let start = tomorrow();
    made(&test, &start).await;
    let mut deadlines = BTreeMap::new();
    for day in 1..=200 {
        deadlines.insert(stalled(&test, 10, &after(&start, day * DAY)).await, day * DAY);
    }
    ask(&test, &json!({"by_seconds": 250 * DAY})).await.ok(202);
    let refused = ask(&test, &json!({"by_seconds": 1})).await.refused(409, "conflict");
    assert_eq!(refused["code"], "clock_advancing");
    loop {
        let clock = test.get(CLOCK).await.ok(200);
        if between(&start, text(&clock, "frozen_time")) >= 20 * DAY {
            assert_eq!(clock["status"], "advancing", "it was too fast to be killed");
            break;
        }
    }
    server.kill();
    let server = Server::start(Options::at(&data.path())).await;
    let test = test.with_base_url(&server.base_url);
    let clock = arrived(&test).await;
    assert_eq!(between(&start, text(&clock, "frozen_time")), 250 * DAY);
    let trail = trail(&test).await;
    let cancelled: BTreeMap<_, _> = happened(&trail, "job.cancelled")
        .into_iter()
        .map(|(id, at)| (id.to_owned(), between(&start, at)))
        .collect();
    assert_eq!(cancelled, deadlines);
    binary::verify_database(&server.database_url);
}
