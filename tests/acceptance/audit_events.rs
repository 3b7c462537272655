//! `GET /v1/audit-events` and `GET /v1/jobs/{id}/audit`.

use crate::common::{NOBODY, buyer, delivered};
use firsthand_tests::job::photos;
use firsthand_tests::shape::{assert_id, assert_keys, assert_part, assert_recent, int, text};
use firsthand_tests::{Buyer, unique};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LIST: &str = "/v1/audit-events";

fn count(rows: &[Value], kind: &str) -> usize {
    rows.iter().filter(|row| row["event_type"] == kind).count()
}

/// The events of a job once the last of these has arrived.
async fn events(buyer: &Buyer, job_id: &str, last: &str) -> Vec<Value> {
    let path = format!("{LIST}?job_id={job_id}");
    buyer
        .rows_once(&path, &format!("{last} of {job_id} is listed"), |rows| count(rows, last) > 0)
        .await
}

#[tokio::test]
async fn an_event_shows_every_documented_field() {
    let buyer = buyer().await;
    let reply = buyer.try_create(&photos(1, 75)).await;
    let job = reply.ok(201);
    let rows = events(&buyer, text(&job, "id"), "job.created").await;
    let event =
        rows.iter().find(|row| row["event_type"] == "job.created").expect("it was waited for");
    assert_id(&event["id"], "aud");
    assert_part(
        event,
        &json!({"object": "audit_event", "job_id": job["id"], "environment": "live"}),
    );
    assert_keys(event, &["actor", "resource", "data", "sequence", "hash"]);
    assert_eq!(event["resource"]["id"], job["id"]);
    assert!(event["data"].is_object(), "{event}");
    assert!(!text(&event["actor"], "type").is_empty(), "{event}");
    assert_recent(&event["occurred_at"], 60.0);
    assert_recent(&event["recorded_at"], 60.0);
    assert_eq!(event["request_id"].as_str(), reply.header("x-request-id"));
}

#[tokio::test]
async fn what_the_operator_did_and_what_it_was_done_to_are_named() {
    let buyer = buyer().await;
    let path = format!("{LIST}?event_type=credits.granted");
    let rows = buyer.rows_once(&path, "the grant is listed", |rows| {
        rows.iter().any(|row| row["actor"]["type"] == "operator")
    });
    assert!(rows.await.iter().all(|row| row["resource"]["type"] == "credit_account"));
}

#[tokio::test]
async fn a_job_s_life_is_told_once_each() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    let rows = events(&buyer, &done.job_id, "job.completed").await;
    for kind in ["job.created", "submission.approved", "job.completed"] {
        assert_eq!(count(&rows, kind), 1, "{kind} in {rows:?}");
    }
    assert_eq!(count(&rows, "submission.rejected") + count(&rows, "job.cancelled"), 0);
}

#[tokio::test]
async fn a_cancel_is_told_once_however_often_it_is_asked_for() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    for _ in 0..3 {
        buyer.cancel(&id).await.ok(200);
    }
    let key = buyer.create_key(&json!({"name": "after the cancels"})).await;
    let later = format!("{LIST}?event_type=api_key.created");
    let of_key = |row: &Value| row["resource"]["id"] == key["id"];
    buyer.rows_once(&later, "what came after is listed", |rows| rows.iter().any(of_key)).await;
    assert_eq!(count(&events(&buyer, &id, "job.cancelled").await, "job.cancelled"), 1);
}

#[tokio::test]
async fn a_replayed_creation_is_told_once() {
    let buyer = buyer().await;
    let key = unique::key();
    let id =
        text(&buyer.post_keyed("/v1/jobs", &key, &photos(1, 75)).await.ok(201), "id").to_owned();
    buyer.post_keyed("/v1/jobs", &key, &photos(1, 75)).await.ok(201);
    buyer.cancel(&id).await.ok(200);
    let rows = events(&buyer, &id, "job.cancelled").await;
    assert_eq!(count(&rows, "job.created"), 1, "{rows:?}");
}

#[tokio::test]
async fn the_event_type_filter_gives_the_events_of_that_type() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    events(&buyer, &done.job_id, "job.completed").await;
    let rows = buyer.api.list(&format!("{LIST}?event_type=job.created")).await;
    assert_eq!(count(&rows, "job.created"), rows.len());
    assert_eq!(rows.len(), 1);
    let both = format!("{LIST}?event_type=job.created&job_id={}", done.job_id);
    assert_eq!(buyer.api.list(&both).await, rows);
    let none = format!("{LIST}?event_type=job.cancelled&job_id={}", done.job_id);
    assert!(buyer.api.list(&none).await.is_empty());
}

#[tokio::test]
async fn the_actor_filter_gives_what_a_key_has_caused() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "another"})).await;
    let other = buyer.api.with_token(text(&key, "secret"));
    let job = other.post_keyed("/v1/jobs", &unique::key(), &photos(1, 75)).await.ok(201);
    let mine = buyer.photo_job(1, 75).await;
    let path = format!("{LIST}?event_type=job.created&actor={}", text(&key, "id"));
    let rows = buyer.api.list(&path).await;
    let ids: Vec<_> = rows.iter().map(|row| &row["resource"]["id"]).collect();
    assert_eq!(ids, [&job["id"]], "and not {mine}");
    let nobody = format!("{LIST}?actor=key_{NOBODY}");
    assert!(buyer.api.list(&nobody).await.is_empty());
    for actor in ["me", "system:", "wkr_01GXYZ5J8K9M2N3P4Q5R6S7T8V", ""] {
        buyer.get(&format!("{LIST}?actor={actor}")).await.invalid("actor");
    }
}

#[tokio::test]
async fn the_resource_filter_gives_what_happened_to_it_page_by_page() {
    let buyer = buyer().await;
    let (one, two) = (buyer.photo_job(1, 75).await, buyer.photo_job(1, 75).await);
    buyer.cancel(&one).await.ok(200);
    buyer.cancel(&two).await.ok(200);
    let path = format!("{LIST}?resource_id={one}");
    let rows = buyer.api.list(&path).await;
    assert!(rows.iter().all(|row| row["resource"]["id"] == one.as_str()), "{rows:?}");
    assert_eq!((count(&rows, "job.created"), count(&rows, "job.cancelled")), (1, 1), "{rows:?}");
    let first = buyer.get(&format!("{path}&limit=1")).await.page();
    assert_eq!(first.data[0], rows[0]);
    let cursor = first.next_cursor.expect("a second page");
    let second = buyer.get(&format!("{path}&limit=1&cursor={cursor}")).await.page();
    assert_eq!(second.data[0], rows[1]);
    buyer.get(&format!("{LIST}?resource_id={two}&cursor={cursor}")).await.invalid("cursor");
    let created = buyer.api.list(&format!("{path}&event_type=job.created")).await;
    assert_eq!(created.len(), 1, "{created:?}");
    assert!(buyer.api.list(&format!("{LIST}?resource_id=job_{NOBODY}")).await.is_empty());
    buyer.get(&format!("{LIST}?resource_id=mine")).await.invalid("resource_id");
}

#[tokio::test]
async fn the_window_leaves_what_happened_within_it() {
    let buyer = buyer().await;
    for _ in 0..3 {
        buyer.photo_job(1, 75).await;
    }
    let path = format!("{LIST}?event_type=job.created");
    let rows = buyer.api.list(&path).await;
    assert_eq!(rows.len(), 3, "{rows:?}");
    let at = |row: usize| text(&rows[row], "recorded_at");
    let after = format!("{path}&created_after={}", at(1));
    assert_eq!(buyer.api.list(&after).await, rows[..1]);
    let before = format!("{path}&created_before={}", at(1));
    assert_eq!(buyer.api.list(&before).await, rows[2..]);
    let between = format!("{path}&created_after={}&created_before={}", at(2), at(0));
    assert_eq!(buyer.api.list(&between).await, rows[1..2]);
    let by_resource = format!("{between}&resource_id={}", text(&rows[1]["resource"], "id"));
    assert_eq!(buyer.api.list(&by_resource).await, rows[1..2]);
    buyer.get(&format!("{path}&created_after=soon")).await.invalid("created_after");
    buyer.get(&format!("{path}&created_before=soon")).await.invalid("created_before");
}

#[tokio::test]
async fn the_job_filter_gives_the_events_of_that_job() {
    let buyer = buyer().await;
    let (one, two) = (buyer.photo_job(1, 75).await, buyer.photo_job(1, 75).await);
    for id in [&one, &two] {
        let rows = events(&buyer, id, "job.created").await;
        assert!(rows.iter().all(|row| row["job_id"] == id.as_str()), "{rows:?}");
    }
}

#[tokio::test]
async fn a_key_s_creation_is_told() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy"})).await;
    let path = format!("{LIST}?event_type=api_key.created");
    let rows = buyer
        .rows_once(&path, "the key is listed", |rows| {
            rows.iter().any(|r| r["resource"]["id"] == key["id"])
        })
        .await;
    assert_eq!(rows.iter().filter(|row| row["resource"]["id"] == key["id"]).count(), 1);
}

#[tokio::test]
async fn a_change_of_settings_is_told() {
    let buyer = buyer().await;
    buyer.patch("/v1/organization/settings", &json!({"default_type": "feedback"})).await.ok(200);
    let told = |rows: &[Value]| {
        rows.iter().any(|row| text(row, "event_type") == "organization.defaults_changed")
    };
    buyer.rows_once(LIST, "the change of settings is listed", told).await;
}

#[tokio::test]
async fn the_order_is_the_sequence_and_no_number_comes_twice() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    events(&buyer, &done.job_id, "job.completed").await;
    let rows = buyer.api.list(LIST).await;
    let numbers: Vec<i64> = rows.iter().map(|row| int(row, "sequence")).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] > pair[1]), "newest first: {numbers:?}");
    let ids: BTreeSet<&str> = rows.iter().map(|row| text(row, "id")).collect();
    assert_eq!(ids.len(), rows.len());
    let hashes: BTreeSet<&str> = rows.iter().map(|row| text(row, "hash")).collect();
    assert_eq!(hashes.len(), rows.len());
}

#[tokio::test]
async fn no_secret_and_no_personal_data_is_in_any_event() {
    let buyer = Buyer::unverified(crate::common::server()).await;
    let phone = unique::phone();
    buyer.verify_phone(&phone).await;
    buyer.grant(1_000).await;
    let key = buyer.create_key(&json!({"name": "deploy"})).await;
    let rotate = format!("/v1/api_keys/{}/rotate", text(&key, "id"));
    let rotated = buyer.post_empty(&rotate).await.ok(200);
    let job_id = buyer.photo_job(1, 75).await;
    let worker = firsthand_tests::Worker::new(crate::common::server()).await;
    worker
        .deliver_approved(&job_id, &firsthand_tests::media::sharp(firsthand_tests::media::seed()))
        .await;
    events(&buyer, &job_id, "job.completed").await;
    let told = Value::Array(buyer.api.list(LIST).await).to_string();
    let digits = phone.trim_start_matches('+');
    let secrets = [
        &buyer.key,
        text(&key, "secret"),
        text(&rotated, "secret"),
        &worker.token,
        "fh_live_",
        "fhw_",
    ];
    for hidden in secrets.into_iter().chain([
        buyer.email.as_str(),
        worker.email.as_str(),
        digits,
        "Robin Field",
    ]) {
        assert!(!told.contains(hidden), "an event holds {hidden}");
    }
}

#[tokio::test]
async fn a_job_s_own_audit_lists_its_events() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    events(&buyer, &done.job_id, "job.completed").await;
    let rows = buyer.api.list(&format!("/v1/jobs/{}/audit", done.job_id)).await;
    assert_eq!(count(&rows, "job.created"), 1, "{rows:?}");
    assert_eq!(count(&rows, "job.completed"), 1, "{rows:?}");
    buyer.get(&format!("/v1/jobs/job_{NOBODY}/audit")).await.refused(404, "not_found");
}

#[tokio::test]
async fn others_and_the_test_environment_have_events_of_their_own() {
    let (buyer, other) = (buyer().await, buyer().await);
    let id = buyer.photo_job(1, 75).await;
    events(&buyer, &id, "job.created").await;
    for api in [&other.api, &buyer.test_api().await] {
        let reply = api.get(&format!("{LIST}?job_id={id}")).await;
        assert!(reply.status == 404 || reply.page().data.is_empty(), "{reply}");
        let rows = api.list(LIST).await;
        assert!(rows.iter().all(|row| row["job_id"] != id.as_str()), "{rows:?}");
    }
}
