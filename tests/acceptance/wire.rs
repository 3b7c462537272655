//! What holds for every answer.

use crate::common::{anonymous, buyer, server};
use firsthand_tests::shape::assert_id;
use firsthand_tests::{DataDir, Options, Server};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_path_that_leads_nowhere_is_not_found_in_the_envelope() {
    let buyer = buyer().await;
    for path in
        ["/nowhere", "/v1/nowhere", "/v1/jobs/x/y/z", "/v2/jobs", "/v1/tasks", "/internal/nowhere"]
    {
        buyer.get(path).await.refused(404, "not_found");
    }
    buyer.post("/v1/tasks", &json!({"task_type": "review"})).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_method_that_a_path_does_not_know_is_405_in_the_envelope() {
    let buyer = buyer().await;
    for (method, path) in [
        (Method::PUT, "/v1/jobs"),
        (Method::DELETE, "/v1/jobs"),
        (Method::POST, "/v1/me"),
        (Method::GET, "/v1/auth/signup"),
        (Method::DELETE, "/v1/organization/settings"),
    ] {
        let reply = buyer.api.request(method, path).send().await;
        assert_eq!(reply.status, 405, "{reply}");
        reply.envelope();
        assert!(reply.header("allow").is_some_and(|allow| !allow.is_empty()), "{reply}: no Allow");
    }
}

#[tokio::test]
async fn every_answer_carries_a_request_id_of_its_own() {
    let buyer = buyer().await;
    let replies = [
        buyer.get("/v1/me").await,
        buyer.get("/v1/me").await,
        buyer.get("/v1/jobs").await,
        buyer.get("/v1/nowhere").await,
        buyer.api.without_token().get("/v1/me").await,
        buyer.try_create(&json!({})).await,
    ];
    let ids: BTreeSet<&str> =
        replies.iter().filter_map(|reply| reply.header("x-request-id")).collect();
    assert_eq!(ids.len(), replies.len(), "{ids:?}");
    for id in ids {
        assert_id(&json!(id), "req");
    }
}

#[tokio::test]
async fn nothing_redirects() {
    let buyer = buyer().await;
    for path in ["/v1/jobs/", "//v1/jobs", "/v1//jobs", "/V1/jobs"] {
        let reply = buyer.get(path).await;
        assert!(!(300..400).contains(&reply.status), "{reply}");
    }
}

#[tokio::test]
async fn a_post_without_body_and_type_is_taken_where_no_body_is_needed() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let reply = buyer.post_empty(&format!("/v1/jobs/{id}/cancel")).await;
    assert_eq!(reply.ok(200)["status"], "cancelled");
}

#[tokio::test]
async fn a_long_line_of_garbage_is_refused_and_the_service_goes_on() {
    let buyer = buyer().await;
    let reply = buyer.get(&format!("/v1/jobs?status={}", "x".repeat(6_000))).await;
    assert!((400..500).contains(&reply.status), "{reply}");
    let call = buyer.api.request(Method::GET, "/v1/me").header("x-garbage", &"x".repeat(6_000));
    assert!(call.send().await.status < 500);
    buyer.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn the_ready_line_names_what_a_caller_needs() {
    let server = server();
    assert!(server.base_url.starts_with("http://127.0.0.1:"), "{}", server.base_url);
    assert!(server.s3_url.starts_with("http"), "{}", server.s3_url);
    assert!(server.database_url.starts_with("postgres"), "{}", server.database_url);
    assert!(server.data_dir.is_dir(), "{}", server.data_dir.display());
    assert_eq!(anonymous().get("/livez").await.status, 200);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let data = DataDir::new();
    let server = Server::start(Options::at(&data.path())).await;
    let buyer = firsthand_tests::Buyer::new(&server).await;
    let key = firsthand_tests::unique::key();
    let created = buyer.post_keyed("/v1/jobs", &key, &firsthand_tests::job::photos(2, 75)).await;
    let job = created.ok(201);
    server.stop().await;
    let again = Server::start(Options::at(&data.path())).await;
    let buyer = buyer.with_base_url(&again.base_url);
    assert_eq!(buyer.job(job["id"].as_str().expect("an id")).await, job);
    assert_eq!(buyer.balance().await, firsthand_tests::Balance { available: 99_850, held: 150 });
    let replay = buyer.post_keyed("/v1/jobs", &key, &firsthand_tests::job::photos(2, 75)).await;
    assert_eq!((replay.status, &replay.body), (201, &created.body));
    again.verify().await;
    again.stop().await;
}

#[tokio::test]
async fn an_ephemeral_server_leaves_no_data_behind() {
    let server = Server::start(Options::ephemeral()).await;
    let data = server.data_dir.clone();
    assert!(data.is_dir(), "{}", data.display());
    server.stop().await;
    assert!(!data.exists(), "{} is still there", data.display());
}
