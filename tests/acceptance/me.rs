//! `GET /v1/me` and who is let in.

use crate::common::{anonymous, buyer};
use firsthand_tests::shape::text;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

const SCOPES: [&str; 8] = [
    "jobs:read",
    "jobs:write",
    "webhooks:read",
    "webhooks:write",
    "keys:manage",
    "audit:read",
    "usage:read",
    "billing:write",
];

#[tokio::test]
async fn the_sign_up_key_is_live_and_holds_every_scope() {
    let buyer = buyer().await;
    let me = buyer.get("/v1/me").await.ok(200);
    assert_eq!(me["organization_id"], buyer.organization_id.as_str());
    assert_eq!(me["environment"], "live");
    let scopes: BTreeSet<&str> =
        me["scopes"].as_array().expect("a list").iter().filter_map(|s| s.as_str()).collect();
    assert!(SCOPES.iter().all(|scope| scopes.contains(scope)), "{me}");
}

#[tokio::test]
async fn any_single_scope_is_enough_to_ask() {
    let buyer = buyer().await;
    for scope in SCOPES {
        let me = buyer.scoped(&[scope]).await.get("/v1/me").await.ok(200);
        assert_eq!(me["scopes"], json!([scope]));
    }
}

#[tokio::test]
async fn a_test_key_belongs_to_the_same_organization_and_the_test_environment() {
    let buyer = buyer().await;
    let me = buyer.test_api().await.get("/v1/me").await.ok(200);
    assert_eq!(me["organization_id"], buyer.organization_id.as_str());
    assert_eq!(me["environment"], "test");
}

#[tokio::test]
async fn without_a_key_nobody_is_let_in() {
    anonymous().get("/v1/me").await.refused(401, "authentication_error");
}

#[tokio::test]
async fn a_header_that_is_no_bearer_key_is_not_let_in() {
    let buyer = buyer().await;
    let (head, tail) = buyer.key.split_at(buyer.key.len() - 1);
    let last = if tail == "a" { "b" } else { "a" };
    for header in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        buyer.key.clone(),
        format!("Basic {}", buyer.key),
        format!("Bearer {head}"),
        format!("Bearer {head}{last}"),
        format!("Bearer {}x", buyer.key),
        format!("Bearer {}", buyer.key.replace("fh_live_", "fh_test_")),
        "Bearer fh_live_".to_owned(),
        format!("Bearer fh_live_{}", "A".repeat(4_000)),
    ] {
        let call = anonymous().request(Method::GET, "/v1/me").header("authorization", &header);
        call.send().await.refused(401, "authentication_error");
    }
}

#[tokio::test]
async fn a_refused_key_is_not_repeated_in_the_answer() {
    let buyer = buyer().await;
    let wrong = format!("{}x", buyer.key);
    let reply = anonymous().with_token(&wrong).get("/v1/me").await;
    reply.refused(401, "authentication_error");
    assert!(!reply.text().contains(&buyer.key), "{reply}");
}

#[tokio::test]
async fn every_authenticated_answer_tells_the_credits_that_remain() {
    let buyer = buyer().await;
    let remaining = |reply: &firsthand_tests::Reply| {
        reply.header("x-firsthandapi-credits-remaining").map(str::to_owned)
    };
    assert_eq!(remaining(&buyer.get("/v1/me").await).as_deref(), Some("100000"));
    let job = buyer.create_job(&firsthand_tests::job::photos(2, 75)).await;
    assert_eq!(remaining(&buyer.get("/v1/me").await).as_deref(), Some("99850"));
    let path = format!("/v1/jobs/{}", text(&job, "id"));
    assert_eq!(remaining(&buyer.get(&path).await).as_deref(), Some("99850"));
}
