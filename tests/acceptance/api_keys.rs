//! `/v1/api_keys`.

use crate::common::{NOBODY, buyer};
use firsthand_tests::shape::{
    assert_id, assert_instant, assert_keys, assert_part, assert_recent, text,
};
use firsthand_tests::wait::Wait;
use firsthand_tests::{Api, Buyer, clock, together};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn works(buyer: &Buyer, secret: &str) {
    buyer.api.with_token(secret).get("/v1/me").await.ok(200);
}

async fn is_dead(buyer: &Buyer, secret: &str) {
    buyer.api.with_token(secret).get("/v1/me").await.refused(401, "authentication_error");
}

async fn listed(api: &Api, id: &str) -> Value {
    let keys = api.list("/v1/api_keys").await;
    keys.into_iter().find(|key| key["id"] == id).expect("the key is listed")
}

/// The sign-up key's id: the only one of a new organization.
async fn first_id(buyer: &Buyer) -> String {
    let keys = buyer.api.list("/v1/api_keys").await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    text(&keys[0], "id").to_owned()
}

#[tokio::test]
async fn a_new_key_shows_its_secret_once() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy", "scopes": ["jobs:read"]})).await;
    assert_id(&key["id"], "key");
    assert_part(
        &key,
        &json!({"name": "deploy", "scopes": ["jobs:read"], "environment": "live", "revoked_at": null}),
    );
    assert_keys(
        &key,
        &["object", "prefix", "last4", "last_used_at", "expires_at", "previous_secret_expires_at"],
    );
    assert_recent(&key["created_at"], 60.0);
    let secret = text(&key, "secret");
    assert!(secret.starts_with("fh_live_") && secret.ends_with(text(&key, "last4")), "{key}");
    assert!(secret.starts_with(text(&key, "prefix")), "{key}");
    works(&buyer, secret).await;
}

#[tokio::test]
async fn the_list_masks_every_secret() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy"})).await;
    let rows = buyer.api.list("/v1/api_keys").await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.get("secret").is_none_or(Value::is_null)), "{rows:?}");
    let shown = Value::Array(rows).to_string();
    assert!(!shown.contains(text(&key, "secret")) && !shown.contains(&buyer.key));
}

#[tokio::test]
async fn a_key_holds_all_scopes_unless_told_otherwise() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "all"})).await;
    let me = buyer.get("/v1/me").await.ok(200);
    let scopes = |of: &Value| -> BTreeSet<String> {
        let list = of["scopes"].as_array().unwrap_or_else(|| panic!("no scopes in {of}"));
        list.iter().map(ToString::to_string).collect()
    };
    assert_eq!(scopes(&key), scopes(&me));
}

#[tokio::test]
async fn a_test_key_is_of_the_test_environment() {
    let key = buyer().await.create_key(&json!({"name": "sandbox", "environment": "test"})).await;
    assert_eq!(key["environment"], "test");
    assert!(text(&key, "secret").starts_with("fh_test_"), "{key}");
}

#[tokio::test]
async fn a_misshapen_key_is_refused() {
    let buyer = buyer().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": 7}), "name"),
        (json!({"name": "a", "scopes": ["jobs:delete"]}), "scopes"),
        (json!({"name": "a", "scopes": "jobs:read"}), "scopes"),
        (json!({"name": "a", "environment": "prod"}), "environment"),
        (json!({"name": "a", "expires_at": "tomorrow"}), "expires_at"),
        (json!({"name": "a", "expires_at": clock::in_seconds(-1.0)}), "expires_at"),
    ] {
        buyer.post("/v1/api_keys", &body).await.invalid(field);
    }
    assert_eq!(buyer.api.list("/v1/api_keys").await.len(), 1);
}

#[tokio::test]
async fn nobody_can_grant_a_scope_that_he_lacks() {
    let buyer = buyer().await;
    let manager = buyer.scoped(&["keys:manage", "jobs:read"]).await;
    manager
        .post("/v1/api_keys", &json!({"name": "a", "scopes": ["jobs:read", "jobs:write"]}))
        .await
        .refused(403, "authorization_error");
    manager.post("/v1/api_keys", &json!({"name": "a", "scopes": ["jobs:read"]})).await.ok(200);
}

#[tokio::test]
async fn after_a_rotation_both_secrets_work_for_a_day() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy", "scopes": ["jobs:read"]})).await;
    let path = format!("/v1/api_keys/{}/rotate", text(&key, "id"));
    let rotated = buyer.post_empty(&path).await.ok(200);
    assert_part(
        &rotated,
        &json!({"id": key["id"], "name": "deploy", "scopes": ["jobs:read"], "environment": "live"}),
    );
    assert_ne!(rotated["secret"], key["secret"]);
    let overlap = assert_instant(&rotated["previous_secret_expires_at"]) - clock::now();
    assert!(
        (86_400.0 - 60.0..=86_400.0 + 60.0).contains(&overlap),
        "the old secret lives {overlap} s"
    );
    works(&buyer, text(&key, "secret")).await;
    works(&buyer, text(&rotated, "secret")).await;
    assert_eq!(buyer.api.list("/v1/api_keys").await.len(), 2);
}

#[tokio::test]
async fn a_key_can_rotate_itself() {
    let buyer = buyer().await;
    let path = format!("/v1/api_keys/{}/rotate", first_id(&buyer).await);
    let rotated = buyer.post_empty(&path).await.ok(200);
    works(&buyer, text(&rotated, "secret")).await;
    works(&buyer, &buyer.key).await;
}

#[tokio::test]
async fn a_revoked_key_is_dead_at_once_and_stays_listed_as_revoked() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy"})).await;
    let (id, secret) = (text(&key, "id"), text(&key, "secret"));
    works(&buyer, secret).await;
    let reply = buyer.post_empty(&format!("/v1/api_keys/{id}/revoke")).await;
    assert_eq!((reply.status, reply.body.len()), (204, 0), "{reply}");
    is_dead(&buyer, secret).await;
    works(&buyer, &buyer.key).await;
    let keys = buyer.api.list("/v1/api_keys").await;
    if let Some(row) = keys.iter().find(|row| row["id"] == id) {
        assert_recent(&row["revoked_at"], 60.0);
    }
}

#[tokio::test]
async fn delete_revokes_too() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy"})).await;
    let reply = buyer.api.delete(&format!("/v1/api_keys/{}", text(&key, "id"))).await;
    assert_eq!(reply.status, 204, "{reply}");
    is_dead(&buyer, text(&key, "secret")).await;
}

#[tokio::test]
async fn revoking_again_is_a_success_too() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy"})).await;
    let path = format!("/v1/api_keys/{}", text(&key, "id"));
    for _ in 0..2 {
        assert_eq!(buyer.post_empty(&format!("{path}/revoke")).await.status, 204);
        assert_eq!(buyer.api.delete(&path).await.status, 204);
    }
}

#[tokio::test]
async fn revoking_kills_both_secrets_of_a_rotated_key() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy"})).await;
    let path = format!("/v1/api_keys/{}", text(&key, "id"));
    let rotated = buyer.post_empty(&format!("{path}/rotate")).await.ok(200);
    buyer.post_empty(&format!("{path}/revoke")).await;
    is_dead(&buyer, text(&key, "secret")).await;
    is_dead(&buyer, text(&rotated, "secret")).await;
}

#[tokio::test]
async fn a_revoked_key_is_not_rotated() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy"})).await;
    let path = format!("/v1/api_keys/{}", text(&key, "id"));
    buyer.post_empty(&format!("{path}/revoke")).await;
    buyer.post_empty(&format!("{path}/rotate")).await.refused(409, "conflict");
}

#[tokio::test]
async fn the_last_key_that_manages_keys_cannot_be_revoked() {
    let buyer = buyer().await;
    buyer.scoped(&["jobs:read"]).await;
    let keys = buyer.api.list("/v1/api_keys").await;
    let manages = |key: &&Value| {
        key["scopes"].as_array().is_some_and(|s| s.iter().any(|s| s == "keys:manage"))
    };
    let last = keys.iter().find(manages).expect("the sign-up key");
    let path = format!("/v1/api_keys/{}", text(last, "id"));
    buyer.post_empty(&format!("{path}/revoke")).await.refused(409, "conflict");
    buyer.api.delete(&path).await.refused(409, "conflict");
    works(&buyer, &buyer.key).await;
}

#[tokio::test]
async fn of_two_managing_keys_that_revoke_each_other_at_once_one_survives() {
    let buyer = buyer().await;
    let first = first_id(&buyer).await;
    let key = buyer.create_key(&json!({"name": "second"})).await;
    let second = buyer.api.with_token(text(&key, "secret"));
    let revocations = [(buyer.api.clone(), text(&key, "id").to_owned()), (second.clone(), first)];
    together(revocations.map(|(api, id)| async move {
        api.post_empty(&format!("/v1/api_keys/{id}/revoke")).await
    }))
    .await;
    let alive = [buyer.get("/v1/me").await.status, second.get("/v1/me").await.status];
    assert!(alive == [200, 401] || alive == [401, 200], "{alive:?}");
}

#[tokio::test]
async fn an_unknown_key_is_not_found() {
    let buyer = buyer().await;
    let path = format!("/v1/api_keys/key_{NOBODY}");
    buyer.post_empty(&format!("{path}/rotate")).await.refused(404, "not_found");
    buyer.post_empty(&format!("{path}/revoke")).await.refused(404, "not_found");
    buyer.api.delete(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_rotated_key_s_row_tells_until_when_the_old_secret_lives() {
    let buyer = buyer().await;
    let key = buyer.create_key(&json!({"name": "deploy"})).await;
    let id = text(&key, "id");
    buyer.post_empty(&format!("/v1/api_keys/{id}/rotate")).await.ok(200);
    assert!(
        assert_instant(&listed(&buyer.api, id).await["previous_secret_expires_at"]) > clock::now()
    );
}

#[tokio::test]
async fn a_key_lives_until_it_expires_and_no_longer() {
    let buyer = buyer().await;
    let end = clock::in_seconds(3.0);
    let key = buyer.create_key(&json!({"name": "for a while", "expires_at": end})).await;
    let end = assert_instant(&key["expires_at"]);
    assert!((end - clock::now() - 3.0).abs() < 2.0, "{key}");
    let api = buyer.api.with_token(text(&key, "secret"));
    let mut wait = Wait::until("the key has expired");
    loop {
        let asked = clock::now();
        let reply = api.get("/v1/me").await;
        let answered = clock::now();
        if reply.status == 200 {
            assert!(asked < end, "it worked at {asked}, but expired at {end}");
            wait.not_yet(&key["expires_at"]).await;
        } else {
            reply.refused(401, "authentication_error");
            assert!(answered >= end, "it was dead at {answered}, but expires at {end}");
            break;
        }
    }
    // It stays listed, and the others live on.
    assert_eq!(listed(&buyer.api, text(&key, "id")).await["expires_at"], key["expires_at"]);
}

/// CRC-32 as in zip and gzip, bit by bit, as a scanner of secrets would write it from the documentation.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// The checksum that a secret ends with.
pub fn checksum(body: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32(body.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits.map(char::from).iter().collect()
}

#[tokio::test]
async fn a_secret_ends_with_the_documented_checksum() {
    let buyer = buyer().await;
    let test = buyer.create_key(&json!({"name": "sandbox", "environment": "test"})).await;
    for secret in [buyer.api.token().expect("a key"), text(&test, "secret")] {
        assert_eq!(secret.len(), 8 + 26 + 32 + 6, "{secret}");
        let (body, check) = secret.split_at(secret.len() - 6);
        assert_eq!(check, checksum(body), "{secret}");
        // One that was never minted is refused like any other that is not known.
        let last = if check.ends_with('A') { 'B' } else { 'A' };
        is_dead(&buyer, &format!("{}{last}", &secret[..secret.len() - 1])).await;
    }
}
