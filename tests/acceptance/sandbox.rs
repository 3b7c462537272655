//! The sandbox: a simulated worker takes the jobs of test keys (spec section 14).

use crate::common::buyer;
use crate::webhook_common::{feed, feed_once};
use firsthand_tests::buyer::balance;
use firsthand_tests::job::{photos, photos_with};
use firsthand_tests::shape::{assert_instant, assert_part, int, text};
use firsthand_tests::wait::{eventually_within, if_so};
use firsthand_tests::{Api, Balance, Buyer, Options, Receiver, Server, binary};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// The worker comes after 15 s, and the machine may be busy with all other tests.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a sandbox book begins with.
const GRANT: i64 = 100_000;

async fn sandbox() -> (Buyer, Api) {
    let buyer = buyer().await;
    let test = buyer.test_api().await;
    (buyer, test)
}

async fn create(test: &Api, body: &Value) -> String {
    let key = firsthand_tests::unique::key();
    text(&test.post_keyed("/v1/jobs", &key, body).await.ok(201), "id").to_owned()
}

fn course(name: &str) -> Value {
    json!({"metadata": {"sandbox": name}})
}

async fn job_once(test: &Api, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/v1/jobs/{id}");
    let waiting = || async { if_so(test.get(&path).await.ok(200), &wanted) };
    eventually_within(PATIENCE, &format!("{id} {what}"), waiting).await
}

async fn completed(test: &Api, id: &str) -> Value {
    job_once(test, id, "is completed", |job| job["status"] == "completed").await
}

async fn submissions(test: &Api, job_id: &str) -> Vec<Value> {
    test.list(&format!("/v1/jobs/{job_id}/submissions")).await
}

/// Waits until so many submissions of a job have this status.
async fn submissions_once(test: &Api, job_id: &str, status: &str, count: usize) -> Vec<Value> {
    let path = format!("/v1/jobs/{job_id}/submissions");
    let what = format!("{count} submissions of {job_id} are {status}");
    eventually_within(PATIENCE, &what, async || {
        let rows = test.list(&path).await;
        let so = rows.iter().filter(|row| row["status"] == status).count() == count;
        if so { Ok(rows) } else { Err(Value::Array(rows)) }
    })
    .await
}

#[tokio::test]
async fn a_job_is_done_by_itself_with_real_files_and_four_stars() {
    let (buyer, test) = sandbox().await;
    let job_id = create(&test, &photos(3, 50)).await;
    assert_eq!(balance(&test).await, Balance { available: GRANT - 150, held: 150 });
    let job = completed(&test, &job_id).await;
    assert_part(&job, &json!({"files_approved": 3, "livemode": false, "environment": "test"}));
    let took = assert_instant(&job["completed_at"]) - assert_instant(&job["created_at"]);
    assert!(took >= 15.0, "the worker came after {took} s");
    let rows = submissions(&test, &job_id).await;
    assert_eq!(rows.len(), 3, "{rows:?}");
    for row in &rows {
        assert_part(row, &json!({"status": "approved", "ai_star_rating": 4}));
    }
    let files = test.list(&format!("/v1/jobs/{job_id}/files")).await;
    let mut different = BTreeSet::new();
    for file in &files {
        let reply = reqwest::get(text(file, "download_url")).await.expect("the file is there");
        assert_eq!(reply.status(), 200);
        let bytes = reply.bytes().await.expect("the file's bytes");
        let picture = image::load_from_memory(&bytes).expect("the file decodes");
        assert_eq!(i64::from(picture.width()), int(file, "width"), "{file}");
        different.insert(bytes);
    }
    assert_eq!((files.len(), different.len()), (3, 3), "the files of a small job differ");
    assert_eq!(balance(&test).await, Balance { available: GRANT - 150, held: 0 });
    let spent = test.list("/v1/billing/transactions?type=deduction").await;
    assert_eq!(spent.iter().map(|row| int(row, "amount_cents")).sum::<i64>(), -150, "{spent:?}");
    assert_eq!(buyer.balance().await.held, 0, "the live book has nothing to do with it");
}

#[tokio::test]
async fn the_worker_comes_after_the_configured_delay() {
    let options = Options::ephemeral().env("FIRSTHAND_SANDBOX_DELAY_MS", "100");
    let server = Server::start(options).await;
    let test = Buyer::new(&server).await.test_api().await;
    let job_id = create(&test, &photos(1, 50)).await;
    completed(&test, &job_id).await;
    let events = test.list("/v1/audit-events?event_type=submission.accepted").await;
    let job = test.get(&format!("/v1/jobs/{job_id}")).await.ok(200);
    let waited = assert_instant(&events[0]["occurred_at"]) - assert_instant(&job["created_at"]);
    assert!((0.099..10.0).contains(&waited), "the worker came after {waited} s");
    server.stop().await;
}

#[tokio::test]
async fn a_delay_that_makes_no_sense_keeps_the_service_from_starting() {
    for delay in ["soon", "-1", "86400001"] {
        let finished = tokio::task::spawn_blocking(move || {
            let delay = [("FIRSTHAND_SANDBOX_DELAY_MS", delay)];
            binary::run(&["dev", "--ephemeral"], &delay, Duration::from_secs(90))
        });
        let finished = finished.await.expect("the command ends");
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains("sandbox_delay_ms"), "{finished:?}");
    }
}

#[tokio::test]
async fn its_events_are_sent_like_those_of_people() {
    let (_buyer, test) = sandbox().await;
    let receiver = Receiver::start();
    crate::webhook_common::Endpoint::at(&test, &receiver).await;
    let job_id = create(&test, &photos(2, 10)).await;
    completed(&test, &job_id).await;
    let requests = receiver
        .await_until("job.completed", |all| all.iter().any(|one| one.kind() == "job.completed"))
        .await;
    let requests = if requests.len() < 5 { receiver.await_requests(5).await } else { requests };
    let mut kinds: Vec<_> = requests.iter().map(firsthand_tests::Received::kind).collect();
    kinds.sort();
    assert_eq!(kinds.iter().filter(|kind| **kind == "submission.scored").count(), 2, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "submission.approved").count(), 2);
    for request in &requests {
        let event = request.json();
        assert_part(&event, &json!({"livemode": false}));
        assert_eq!(event["data"]["job_id"], job_id.as_str(), "{event}");
        if request.kind() == "submission.approved" {
            let reply = reqwest::get(text(&event["data"], "file_url")).await.expect("an answer");
            assert_eq!(reply.status(), 200, "{event}");
        }
    }
}

#[tokio::test]
async fn reject_is_the_failure_path_and_the_money_comes_back() {
    let (_buyer, test) = sandbox().await;
    let job_id = create(&test, &photos_with(2, 50, &course("reject"))).await;
    let rows = submissions_once(&test, &job_id, "rejected", 2).await;
    assert!(rows.iter().all(|row| row["ai_star_rating"] == 1), "{rows:?}");
    let cancelled = test.post_empty(&format!("/v1/jobs/{job_id}/cancel")).await.ok(200);
    assert_part(&cancelled, &json!({"status": "cancelled", "files_approved": 0}));
    assert_eq!(balance(&test).await, Balance { available: GRANT, held: 0 });
}

#[tokio::test]
async fn reject_and_retry_are_what_they_are_where_one_star_is_enough() {
    let (_buyer, test) = sandbox().await;
    let low = |name: &str| json!({"metadata": {"sandbox": name}, "min_star_rating": 1});
    let rejected = create(&test, &photos_with(1, 50, &low("reject"))).await;
    let retried = create(&test, &photos_with(1, 50, &low("retry"))).await;
    let rows = submissions_once(&test, &rejected, "rejected", 1).await;
    assert_part(&rows[0], &json!({"ai_star_rating": 1}));
    completed(&test, &retried).await;
    let rows = submissions(&test, &retried).await;
    assert_part(&rows[0], &json!({"ai_star_rating": 4, "attempt": 2}));
    assert_eq!(balance(&test).await, Balance { available: GRANT - 100, held: 50 });
}

#[tokio::test]
async fn retry_takes_two_attempts() {
    let (_buyer, test) = sandbox().await;
    let job_id = create(&test, &photos_with(1, 50, &course("retry"))).await;
    completed(&test, &job_id).await;
    let events = feed_once(&test, 4).await;
    let scored: Vec<_> =
        events.iter().filter(|event| event["type"] == "submission.scored").collect();
    let stars: Vec<_> = scored.iter().map(|event| &event["data"]["ai_star_rating"]).collect();
    assert_eq!(stars, [2, 4], "{events:?}");
}

#[tokio::test]
async fn four_stars_are_not_enough_where_five_are_asked_for() {
    let (_buyer, test) = sandbox().await;
    let job_id = create(&test, &photos_with(1, 50, &json!({"min_star_rating": 5}))).await;
    let rows = submissions_once(&test, &job_id, "rejected", 1).await;
    assert_part(&rows[0], &json!({"ai_star_rating": 4}));
    let job = test.get(&format!("/v1/jobs/{job_id}")).await.ok(200);
    assert_part(&job, &json!({"files_approved": 0}));
}

#[tokio::test]
async fn stall_is_left_alone_while_the_next_job_is_done() {
    let (_buyer, test) = sandbox().await;
    let stalled = create(&test, &photos_with(1, 50, &course("stall"))).await;
    let done = create(&test, &photos(1, 50)).await;
    completed(&test, &done).await;
    assert_eq!(submissions(&test, &stalled).await, Vec::<Value>::new());
    assert_eq!(balance(&test).await.held, 50);
}

#[tokio::test]
async fn low_balance_is_told_at_once_and_the_job_is_done_all_the_same() {
    let (_buyer, test) = sandbox().await;
    let job_id = create(&test, &photos_with(1, 50, &course("low_balance"))).await;
    let told = feed_once(&test, 1).await;
    assert_part(&told[0], &json!({"type": "credits.low_balance", "livemode": false}));
    assert_part(&told[0]["data"], &json!({"balance_cents": GRANT - 50}));
    completed(&test, &job_id).await;
    let again = feed(&test, "types=credits.low_balance").await;
    assert_eq!(again.len(), 1, "{again:?}");
}

#[tokio::test]
async fn every_format_is_delivered_and_workers_come_as_they_are_let() {
    let (_buyer, test) = sandbox().await;
    let formats = [
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
        "audio/mpeg",
        "audio/wav",
        "audio/mp4",
        "audio/x-m4a",
        "video/mp4",
        "video/quicktime",
    ];
    let fields = json!({"accepted_formats": formats, "files_per_submission": 3, "max_workers": 1});
    let job_id = create(&test, &photos_with(10, 10, &fields)).await;
    completed(&test, &job_id).await;
    let files = test.list(&format!("/v1/jobs/{job_id}/files")).await;
    let delivered: BTreeSet<_> = files.iter().map(|file| text(file, "content_type")).collect();
    assert_eq!(delivered, formats.into_iter().collect::<BTreeSet<_>>());
    assert_eq!(submissions(&test, &job_id).await.len(), 4);
}

#[tokio::test]
async fn a_large_job_is_done_in_one_burst() {
    let (_buyer, test) = sandbox().await;
    let job_id = create(&test, &photos(120, 10)).await;
    let job = completed(&test, &job_id).await;
    assert_part(&job, &json!({"files_approved": 120}));
    assert_eq!(balance(&test).await, Balance { available: GRANT - 1_200, held: 0 });
}
