//! `last_used_at` of API keys.

use crate::common::{buyer, server};
use firsthand_tests::shape::{assert_instant, assert_recent, text};
use firsthand_tests::{Api, Buyer, DataDir, Options, Server};
use serde_json::{Value, json};

async fn key(buyer: &Buyer, id: &str) -> Value {
    let shown = buyer.get(&format!("/v1/api_keys/{id}")).await.ok(200);
    let listed = buyer.api.list("/v1/api_keys").await;
    let listed = listed.into_iter().find(|key| key["id"] == id).expect("the key is listed");
    assert_eq!(listed, shown);
    shown
}

#[tokio::test]
async fn a_key_shows_when_it_was_used_last() {
    let buyer = buyer().await;
    let made = buyer.create_key(&json!({"name": "new", "scopes": ["jobs:read"]})).await;
    let id = text(&made, "id");
    assert_eq!(key(&buyer, id).await["last_used_at"], Value::Null);
    let api = buyer.api.with_token(text(&made, "secret"));
    api.get("/v1/jobs").await.ok(200);
    let first = key(&buyer, id).await;
    assert_recent(&first["last_used_at"], 60.0);
    // A refusal for lack of a scope is a use as well: the secret was good.
    api.get("/v1/api_keys").await.refused(403, "authorization_error");
    let second = key(&buyer, id).await;
    assert!(assert_instant(&second["last_used_at"]) > assert_instant(&first["last_used_at"]));
    assert_eq!(key(&buyer, id).await["last_used_at"], second["last_used_at"]);
    let rotated = buyer.post_empty(&format!("/v1/api_keys/{id}/rotate")).await.ok(200);
    assert_eq!(rotated["last_used_at"], second["last_used_at"]);
}

#[tokio::test]
async fn a_wrong_secret_is_no_use() {
    let buyer = buyer().await;
    let made = buyer.create_key(&json!({"name": "new"})).await;
    let secret = text(&made, "secret");
    let (most, last) = secret.split_at(secret.len() - 1);
    let forged = format!("{most}{}", if last == "x" { "y" } else { "x" });
    Api::anonymous(&server().base_url)
        .with_token(&forged)
        .get("/v1/me")
        .await
        .refused(401, "authentication_error");
    assert_eq!(key(&buyer, text(&made, "id")).await["last_used_at"], Value::Null);
}

#[tokio::test]
async fn one_key_is_shown_only_to_those_who_see_it_in_the_list() {
    let (owner, stranger) = (buyer().await, buyer().await);
    let live = owner.create_key(&json!({"name": "live"})).await;
    let path = format!("/v1/api_keys/{}", text(&live, "id"));
    let shown = owner.get(&path).await.ok(200);
    assert_eq!(shown.get("secret"), None, "a secret is shown once");
    stranger.get(&path).await.refused(404, "not_found");
    owner.test_api().await.get(&path).await.refused(404, "not_found");
    owner.scoped(&["jobs:read"]).await.get(&path).await.refused(403, "authorization_error");
}

#[tokio::test]
async fn uses_survive_a_restart_and_a_test_key_s_are_seen_by_the_live_key() {
    let data = DataDir::new();
    let first = Server::start(Options::at(&data.path())).await;
    let buyer = Buyer::unverified(&first).await;
    let made = buyer.create_key(&json!({"name": "sandbox", "environment": "test"})).await;
    let id = text(&made, "id");
    buyer.api.with_token(text(&made, "secret")).get("/v1/me").await.ok(200);
    let before = key(&buyer, id).await;
    assert_recent(&before["last_used_at"], 60.0);
    first.stop().await;
    let second = Server::start(Options::at(&data.path())).await;
    let buyer = buyer.with_base_url(&second.base_url);
    assert_eq!(key(&buyer, id).await["last_used_at"], before["last_used_at"]);
    // What is noted since counts before it is written.
    buyer.api.with_token(text(&made, "secret")).get("/v1/me").await.ok(200);
    let after = key(&buyer, id).await;
    assert!(assert_instant(&after["last_used_at"]) > assert_instant(&before["last_used_at"]));
    second.stop().await;
}
