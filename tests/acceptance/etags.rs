//! `ETag`, `If-None-Match` and `If-Match`.

use crate::common::{anonymous, buyer, delivered};
use crate::webhook_common::{ENDPOINTS, nowhere};
use firsthand_tests::shape::text;
use firsthand_tests::{Api, Buyer, Reply, together};
use reqwest::Method;
use serde_json::{Value, json};

const SETTINGS: &str = "/v1/organization/settings";

fn tag(reply: &Reply) -> String {
    let tag = reply.header("etag").unwrap_or_else(|| panic!("{reply}: no ETag"));
    assert!(tag.len() > 8 && tag.starts_with('"') && tag.ends_with('"'), "{tag} is not strong");
    tag.to_owned()
}

async fn known(api: &Api, path: &str, tag: &str) -> Reply {
    api.request(Method::GET, path).header("If-None-Match", tag).send().await
}

async fn patch(api: &Api, path: &str, tag: &str, body: &Value) -> Reply {
    api.request(Method::PATCH, path).header("If-Match", tag).json(body).send().await
}

async fn endpoint(buyer: &Buyer) -> String {
    let made = buyer.post(ENDPOINTS, &nowhere()).await.ok(201);
    format!("{ENDPOINTS}/{}", text(&made, "id"))
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    // Delivery moves the file after its approval, and its link with it.
    let trail = format!("/v1/audit-events?job_id={}", done.job_id);
    let moved = |rows: &[Value]| rows.iter().any(|row| row["event_type"] == "submission.delivered");
    buyer.rows_once(&trail, "the file is in its place", moved).await;
    let key = buyer.create_key(&json!({"name": "other", "scopes": ["jobs:read"]})).await;
    for path in [
        format!("/v1/jobs/{}", done.job_id),
        format!("/v1/submissions/{}", done.submission_id()),
        format!("/v1/api_keys/{}", text(&key, "id")),
        endpoint(&buyer).await,
        SETTINGS.to_owned(),
        "/v1/me".to_owned(),
        "/v1/billing/credits".to_owned(),
    ] {
        let first = buyer.get(&path).await;
        first.ok(200);
        let tag = tag(&first);
        for known_tags in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let reply = known(&buyer.api, &path, &known_tags).await;
            assert_eq!((reply.status, reply.body.len()), (304, 0), "{path} with {known_tags}");
            assert_eq!(reply.header("etag"), Some(tag.as_str()), "{path}");
            for header in ["x-request-id", "x-firsthandapi-credits-remaining"] {
                assert!(reply.header(header).is_some(), "{path}: a 304 without {header}");
            }
        }
        let reply = known(&buyer.api, &path, "\"something-else\"").await;
        assert_eq!(reply.ok(200), first.json(), "{path}");
        assert_eq!(reply.header("etag"), Some(tag.as_str()), "{path}");
    }
}

#[tokio::test]
async fn a_statement_and_a_test_clock_have_tags_too() {
    let test = buyer().await.test_api().await;
    test.post("/v1/test_clock", &json!({})).await.ok(201);
    let month = test.get("/v1/test_clock").await.ok(200);
    let month = format!("/v1/billing/statements/{}", &text(&month, "frozen_time")[..7]);
    for path in ["/v1/test_clock", month.as_str()] {
        let tag = tag(&test.get(path).await);
        assert_eq!(known(&test, path, &tag).await.status, 304, "{path}");
    }
}

#[tokio::test]
async fn a_change_changes_the_tag() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let path = format!("/v1/jobs/{id}");
    let (job, credits) = (buyer.get(&path).await, buyer.get("/v1/billing/credits").await);
    buyer.cancel(&id).await.ok(200);
    for (path, before) in [(path.as_str(), job), ("/v1/billing/credits", credits)] {
        let reply = known(&buyer.api, path, &tag(&before)).await;
        assert_ne!(reply.ok(200), before.json(), "{path}");
        assert_ne!(tag(&reply), tag(&before), "{path}");
    }
}

#[tokio::test]
async fn lists_and_refusals_carry_no_tag() {
    let buyer = buyer().await;
    for reply in [buyer.get("/v1/jobs").await, anonymous().get("/v1/me").await] {
        assert_eq!(reply.header("etag"), None, "{reply}");
    }
}

#[tokio::test]
async fn a_long_poll_that_is_answered_at_its_end_has_a_tag_too() {
    let buyer = buyer().await;
    let path = format!("/v1/jobs/{}", buyer.photo_job(1, 75).await);
    let plain = buyer.get(&path).await;
    let poll = buyer.api.request(Method::GET, &path).header("Prefer", "wait=2").send().await;
    assert_eq!(tag(&poll), tag(&plain));
    assert_eq!(poll.header("preference-applied"), Some("wait=2"));
}

#[tokio::test]
async fn a_change_that_is_meant_for_something_older_is_refused() {
    let buyer = buyer().await;
    let endpoint = endpoint(&buyer).await;
    for (path, first, second) in [
        (
            SETTINGS,
            json!({"default_price_per_file_cents": 80}),
            json!({"default_price_per_file_cents": 90}),
        ),
        (endpoint.as_str(), json!({"description": "first"}), json!({"description": "second"})),
    ] {
        let seen = tag(&buyer.get(path).await);
        let changed = patch(&buyer.api, path, &seen, &first).await;
        changed.ok(200);
        let now = tag(&changed);
        assert_ne!(now, seen);
        assert_eq!(now, tag(&buyer.get(path).await), "a change answers with the new tag");
        let before = buyer.get(path).await.ok(200);
        for old in [seen.as_str(), "\"nonsense\"", "nonsense", &format!("W/{now}")] {
            let refused = patch(&buyer.api, path, old, &second).await;
            assert_eq!(refused.refused(412, "conflict")["code"], "precondition_failed");
        }
        assert_eq!(buyer.get(path).await.ok(200), before);
        patch(&buyer.api, path, &format!("\"other\", {now}"), &second).await.ok(200);
        patch(&buyer.api, path, "*", &first).await.ok(200);
        buyer.patch(path, &second).await.ok(200);
    }
}

#[tokio::test]
async fn of_many_writers_who_saw_the_same_exactly_one_wins() {
    let buyer = buyer().await;
    let endpoint = endpoint(&buyer).await;
    for path in [SETTINGS.to_owned(), endpoint] {
        for round in 0..5 {
            let seen = tag(&buyer.get(&path).await);
            let writers = (0..16).map(|writer| {
                let (api, path, seen) = (buyer.api.clone(), path.clone(), seen.clone());
                let value = 100 + round * 16 + writer;
                let body = if path == SETTINGS {
                    json!({ "low_balance_threshold_cents": value })
                } else {
                    json!({ "description": format!("{value}") })
                };
                async move { (patch(&api, &path, &seen, &body).await, body) }
            });
            let replies = together(writers).await;
            let (won, lost): (Vec<_>, Vec<_>) =
                replies.into_iter().partition(|(reply, _)| reply.status == 200);
            assert_eq!((won.len(), lost.len()), (1, 15), "{path}");
            for (reply, _) in &lost {
                assert_eq!(reply.refused(412, "conflict")["code"], "precondition_failed");
            }
            let now = buyer.get(&path).await.ok(200);
            for (field, value) in won[0].1.as_object().expect("an object") {
                assert_eq!(&now[field], value, "the winner's value stands");
            }
        }
    }
}

#[tokio::test]
async fn a_repeat_under_its_key_is_answered_although_the_tag_is_old_by_then() {
    let buyer = buyer().await;
    let seen = tag(&buyer.get(SETTINGS).await);
    let body = json!({"default_price_per_file_cents": 85});
    let send = async || {
        let call = buyer.api.request(Method::PATCH, SETTINGS).key("change-85").json(&body);
        call.header("If-Match", &seen).send().await
    };
    let first = send().await.ok(200);
    let again = send().await;
    assert_eq!(again.ok(200), first);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn another_s_endpoint_stays_unknown_whatever_the_tag() {
    let (owner, stranger) = (buyer().await, buyer().await);
    let path = endpoint(&owner).await;
    let seen = tag(&owner.get(&path).await);
    for tag in [seen.as_str(), "*", "\"x\""] {
        let reply = patch(&stranger.api, &path, tag, &json!({"description": "mine"})).await;
        reply.refused(404, "not_found");
    }
}
