//! `/v1/webhook_endpoints`: made, listed, read, changed, removed.

use crate::webhook_common::{ENDPOINTS, ids, nowhere, patient};
use firsthand_tests::Buyer;
use firsthand_tests::http::escape;
use firsthand_tests::job::with;
use firsthand_tests::shape::{
    assert_id, assert_instant, assert_keys, assert_part, assert_recent, text,
};
use firsthand_tests::signature::standard_key;
use firsthand_tests::wait::{eventually, if_so};
use firsthand_tests::{clock, unique};
use serde_json::{Value, json};

async fn create(buyer: &Buyer, fields: &Value) -> Value {
    buyer.post(ENDPOINTS, &with(&nowhere(), fields)).await.ok(201)
}

fn path(endpoint: &Value) -> String {
    format!("{ENDPOINTS}/{}", text(endpoint, "id"))
}

/// The endpoint without its secret, as everything but creation and rotation shows it.
#[track_caller]
fn without_secret(mut endpoint: Value) -> Value {
    let shown = endpoint.as_object_mut().expect("an object").remove("secret");
    assert!(shown.is_none_or(|secret| secret.is_null() || secret.is_string()));
    endpoint
}

#[track_caller]
fn shows_no_secret(value: &Value) {
    assert!(!value.to_string().contains("whsec_"), "a secret is shown: {value}");
    assert!(value.get("secret").is_none_or(Value::is_null), "{value}");
}

#[tokio::test]
async fn a_new_endpoint_has_the_documented_defaults() {
    let buyer = patient().await;
    let endpoint = create(&buyer, &json!({})).await;
    assert_id(&endpoint["id"], "we");
    assert_part(
        &endpoint,
        &json!({
            "object": "webhook_endpoint",
            "url": "http://127.0.0.1:9/hooks",
            "description": null,
            "api_version": "2026-03-18",
            "signature_scheme": "t_v1",
            "ordering": "none",
            "max_in_flight": 8,
            "max_per_second": null,
            "headers": {},
            "status": "enabled",
            "disabled_reason": null,
            "previous_secret_expires_at": null,
            "consecutive_failures": 0,
            "failing_since": null,
            "last_success_at": null,
            "last_failure_at": null,
            "livemode": true,
        }),
    );
    assert_recent(&endpoint["created_at"], 60.0);
    assert_recent(&endpoint["updated_at"], 60.0);
    standard_key(text(&endpoint, "secret"));
}

#[tokio::test]
async fn a_new_endpoint_has_every_field_that_it_was_given() {
    let buyer = patient().await;
    let fields = json!({
        "url": format!("https://127.0.0.1:9/{}?a=b", "p".repeat(1_900)),
        "events": ["job.completed", "job.cancelled"],
        "description": "ü".repeat(500),
        "api_version": "2026-03-18",
        "signature_scheme": "raw",
        "ordering": "per_job",
        "max_in_flight": 64,
        "max_per_second": 1_000,
    });
    let endpoint = create(&buyer, &fields).await;
    assert_part(&endpoint, &fields);
    assert_part(&buyer.get(&path(&endpoint)).await.ok(200), &fields);
}

#[tokio::test]
async fn the_bounds_themselves_are_allowed() {
    let buyer = patient().await;
    let ten: serde_json::Map<String, Value> =
        (0..10).map(|i| (format!("X-Extra-{i}"), json!("v".repeat(1_024)))).collect();
    for fields in [
        json!({"max_in_flight": 1, "max_per_second": 1}),
        json!({"max_in_flight": 64, "max_per_second": 1_000}),
        json!({"max_per_second": null, "description": null}),
        json!({"headers": ten}),
        json!({"url": format!("http://127.0.0.1:9/{}", "p".repeat(2_048 - 19))}),
    ] {
        create(&buyer, &fields).await;
    }
}

#[tokio::test]
async fn no_events_and_the_star_both_mean_all() {
    let buyer = patient().await;
    let (absent, star) =
        (create(&buyer, &json!({})).await, create(&buyer, &json!({"events": ["*"]})).await);
    assert!(absent["events"].as_array().is_some_and(|events| !events.is_empty()), "{absent}");
    assert_eq!(absent["events"], star["events"]);
}

#[tokio::test]
async fn extra_headers_are_shown_by_name_and_never_by_value() {
    let buyer = patient().await;
    let value = format!("value-{}", unique::key());
    let endpoint = create(&buyer, &json!({"headers": {"X-Route": value}})).await;
    let listed = Value::Array(buyer.api.list(ENDPOINTS).await);
    let read = buyer.get(&path(&endpoint)).await.ok(200);
    for shown in [&endpoint, &read] {
        let headers = shown["headers"].as_object().unwrap_or_else(|| panic!("{shown}"));
        let names: Vec<String> = headers.keys().map(|name| name.to_ascii_lowercase()).collect();
        assert_eq!(names, ["x-route"]);
    }
    for shown in [&endpoint, &read, &listed] {
        assert!(!shown.to_string().contains(&value), "{shown}");
    }
}

#[tokio::test]
async fn the_secret_is_shown_once() {
    let buyer = patient().await;
    let endpoint = create(&buyer, &json!({})).await;
    let read = buyer.get(&path(&endpoint)).await.ok(200);
    shows_no_secret(&read);
    assert_eq!(without_secret(read), without_secret(endpoint.clone()));
    shows_no_secret(&Value::Array(buyer.api.list(ENDPOINTS).await));
    let patched = buyer.patch(&path(&endpoint), &json!({"description": "a"})).await.ok(200);
    shows_no_secret(&patched);
}

#[tokio::test]
async fn no_two_secrets_are_alike() {
    let buyer = patient().await;
    let (one, two) = (create(&buyer, &json!({})).await, create(&buyer, &json!({})).await);
    assert_ne!(one["secret"], two["secret"]);
    assert_ne!(one["id"], two["id"]);
}

#[tokio::test]
async fn the_list_gives_every_endpoint_once_newest_first() {
    let buyer = patient().await;
    assert!(buyer.api.list(ENDPOINTS).await.is_empty());
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(text(&create(&buyer, &json!({})).await, "id").to_owned());
    }
    made.reverse();
    assert_eq!(ids(&buyer.api.list(ENDPOINTS).await), made);
    let (mut seen, mut next) = (Vec::new(), format!("{ENDPOINTS}?limit=2"));
    loop {
        let page = buyer.get(&next).await.page();
        assert!(page.data.len() <= 2);
        seen.extend(page.ids());
        match page.next_cursor {
            Some(cursor) => next = format!("{ENDPOINTS}?limit=2&cursor={}", escape(&cursor)),
            None => break,
        }
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn every_list_of_webhooks_refuses_limits_and_cursors_that_make_no_sense() {
    let buyer = patient().await;
    let endpoint = create(&buyer, &json!({})).await;
    let attempts = format!("{}/attempts", path(&endpoint));
    for list in [ENDPOINTS, "/v1/webhook_events", &attempts] {
        for limit in ["0", "101", "-1", "ten"] {
            buyer.get(&format!("{list}?limit={limit}")).await.invalid("limit");
        }
        buyer.get(&format!("{list}?cursor=nonsense")).await.invalid("cursor");
    }
}

#[tokio::test]
async fn a_change_changes_what_it_names_and_nothing_else() {
    let buyer = patient().await;
    let mut before = without_secret(create(&buyer, &json!({})).await);
    for change in [
        json!({"url": "http://127.0.0.1:9/elsewhere"}),
        json!({"events": ["submission.approved"]}),
        json!({"description": "for the warehouse"}),
        json!({"api_version": "2026-03-18"}),
        json!({"signature_scheme": "raw"}),
        json!({"ordering": "per_job"}),
        json!({"max_in_flight": 3}),
        json!({"max_per_second": 20}),
        json!({"description": null, "max_per_second": null}),
    ] {
        let after = buyer.patch(&path(&before), &change).await.ok(200);
        assert!(
            assert_instant(&after["updated_at"]) >= assert_instant(&before["updated_at"]),
            "{after}"
        );
        let expected = with(&with(&before, &change), &json!({"updated_at": after["updated_at"]}));
        assert_eq!(after, expected, "after {change}");
        assert_eq!(buyer.get(&path(&before)).await.ok(200), after);
        before = after;
    }
}

#[tokio::test]
async fn extra_headers_are_replaced_by_a_change() {
    let buyer = patient().await;
    let endpoint = create(&buyer, &json!({"headers": {"X-One": "1"}})).await;
    let change = json!({"headers": {"X-Two": "2", "X-Three": "3"}});
    let after = buyer.patch(&path(&endpoint), &change).await.ok(200);
    assert!(after["headers"].as_object().is_some_and(|headers| headers.len() == 2), "{after}");
    let emptied = buyer.patch(&path(&endpoint), &json!({"headers": {}})).await.ok(200);
    assert_eq!(emptied["headers"], json!({}));
}

#[tokio::test]
async fn an_endpoint_is_disabled_and_enabled_by_request() {
    let buyer = patient().await;
    let endpoint = create(&buyer, &json!({})).await;
    let disabled = buyer.patch(&path(&endpoint), &json!({"status": "disabled"})).await.ok(200);
    assert_part(&disabled, &json!({"status": "disabled", "disabled_reason": "requested"}));
    assert_part(&buyer.get(&path(&endpoint)).await.ok(200), &json!({"status": "disabled"}));
    let enabled = buyer.patch(&path(&endpoint), &json!({"status": "enabled"})).await.ok(200);
    assert_part(
        &enabled,
        &json!({
            "status": "enabled",
            "disabled_reason": null,
            "consecutive_failures": 0,
            "failing_since": null,
        }),
    );
}

#[tokio::test]
async fn an_endpoint_may_begin_disabled() {
    let buyer = patient().await;
    let endpoint = create(&buyer, &json!({"status": "disabled"})).await;
    let expected = json!({"status": "disabled", "disabled_reason": "requested"});
    assert_part(&endpoint, &expected);
    standard_key(text(&endpoint, "secret"));
    assert_part(&buyer.get(&path(&endpoint)).await.ok(200), &expected);
    let tested = buyer.post_empty(&format!("{}/test", path(&endpoint))).await;
    assert_eq!(tested.refused(409, "conflict")["code"], "endpoint_disabled");
    let enabled = buyer.patch(&path(&endpoint), &json!({"status": "enabled"})).await.ok(200);
    assert_part(&enabled, &json!({"status": "enabled", "disabled_reason": null}));
    let unknown = with(&nowhere(), &json!({"status": "paused"}));
    buyer.post(ENDPOINTS, &unknown).await.refused(400, "validation_error");
}

#[tokio::test]
async fn a_deleted_endpoint_is_gone_and_deleting_it_again_is_a_success_too() {
    let buyer = patient().await;
    let (kept, gone) = (create(&buyer, &json!({})).await, create(&buyer, &json!({})).await);
    for _ in 0..3 {
        let reply = buyer.api.delete(&path(&gone)).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{reply}");
    }
    assert_eq!(ids(&buyer.api.list(ENDPOINTS).await), [text(&kept, "id")]);
    buyer.get(&path(&gone)).await.refused(404, "not_found");
    buyer.patch(&path(&gone), &json!({"description": "a"})).await.refused(404, "not_found");
    let rotate = format!("{}/rotate_secret", path(&gone));
    buyer.post_empty(&rotate).await.refused(404, "not_found");
    buyer.post_empty(&format!("{}/test", path(&gone))).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_rotation_gives_a_new_secret_and_the_old_one_a_day() {
    let buyer = patient().await;
    let endpoint = create(&buyer, &json!({})).await;
    let rotate = format!("{}/rotate_secret", path(&endpoint));
    let rotated = buyer.post_empty(&rotate).await.ok(200);
    assert_part(&rotated, &json!({"object": "webhook_endpoint", "id": endpoint["id"]}));
    standard_key(text(&rotated, "secret"));
    assert_ne!(rotated["secret"], endpoint["secret"]);
    let overlap = assert_instant(&rotated["previous_secret_expires_at"]) - clock::now();
    assert!((86_340.0..=86_460.0).contains(&overlap), "the old secret lives {overlap} s");
    let read = buyer.get(&path(&endpoint)).await.ok(200);
    shows_no_secret(&read);
    assert_eq!(read["previous_secret_expires_at"], rotated["previous_secret_expires_at"]);
}

#[tokio::test]
async fn a_rotation_gives_the_old_secret_as_long_as_it_is_told() {
    let buyer = patient().await;
    let endpoint = create(&buyer, &json!({})).await;
    let rotate = format!("{}/rotate_secret", path(&endpoint));
    for seconds in [60, 604_800] {
        let rotated = buyer.post(&rotate, &json!({"overlap_seconds": seconds})).await.ok(200);
        let overlap = assert_instant(&rotated["previous_secret_expires_at"]) - clock::now();
        assert!((overlap - f64::from(seconds)).abs() < 60.0, "{overlap} s instead of {seconds}");
    }
}

#[tokio::test]
async fn an_old_secret_that_signs_no_more_is_not_shown_as_one_that_does() {
    let buyer = patient().await;
    let endpoint = create(&buyer, &json!({})).await;
    let rotate = format!("{}/rotate_secret", path(&endpoint));
    let rotated = buyer.post(&rotate, &json!({"overlap_seconds": 1})).await.ok(200);
    assert_instant(&rotated["previous_secret_expires_at"]);
    eventually("the old secret's time is over", async || {
        let read = buyer.get(&path(&endpoint)).await.ok(200);
        if_so(read, |read| read["previous_secret_expires_at"].is_null())
    })
    .await;
    let longest = buyer.post(&rotate, &json!({"overlap_seconds": 86_400})).await.ok(200);
    let at_once = buyer.post(&rotate, &json!({"overlap_seconds": 0})).await.ok(200);
    let [longest, still] =
        [longest, at_once].map(|shown| assert_instant(&shown["previous_secret_expires_at"]));
    assert!((longest - still).abs() < f64::EPSILON, "an older secret still signs for a day");
}

#[tokio::test]
async fn a_test_key_makes_an_endpoint_of_the_test_environment() {
    let buyer = patient().await;
    let test = buyer.test_api().await;
    let endpoint = test.post(ENDPOINTS, &nowhere()).await.ok(201);
    assert_keys(&endpoint, &["secret", "livemode"]);
    assert_eq!(endpoint["livemode"], false);
    assert_eq!(ids(&test.list(ENDPOINTS).await), [text(&endpoint, "id")]);
    assert!(buyer.api.list(ENDPOINTS).await.is_empty());
}
