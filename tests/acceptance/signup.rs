//! `POST /v1/auth/signup`.

use crate::common::{anonymous, server};
use firsthand_tests::shape::{assert_id, text};
use firsthand_tests::{Balance, Buyer, together, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn body() -> Value {
    json!({"name": "Shop Windows Ltd", "email": unique::email("signup")})
}

#[tokio::test]
async fn signing_up_gives_a_live_key_and_promises_the_grant() {
    let answer = anonymous().post("/v1/auth/signup", &body()).await.ok(200);
    assert_id(&answer["organization_id"], "org");
    assert!(text(&answer, "api_key").starts_with("fh_live_"), "{answer}");
    assert_eq!(answer["credits_cents"], 250);
    assert_eq!(answer["phone_verification_required"], true);
}

#[tokio::test]
async fn the_key_works_at_once_and_has_no_credits_yet() {
    let buyer = Buyer::unverified(server()).await;
    assert_eq!(buyer.balance().await, Balance { available: 0, held: 0 });
}

#[tokio::test]
async fn two_sign_ups_give_two_organizations_with_two_keys() {
    let (first, second) = (Buyer::unverified(server()).await, Buyer::unverified(server()).await);
    assert_ne!(first.organization_id, second.organization_id);
    assert_ne!(first.key, second.key);
}

#[tokio::test]
async fn an_address_signs_up_once() {
    let body = body();
    anonymous().post("/v1/auth/signup", &body).await.ok(200);
    anonymous().post("/v1/auth/signup", &body).await.refused(409, "conflict");
}

#[tokio::test]
async fn of_sixteen_sign_ups_at_once_with_one_address_one_succeeds() {
    let body = body();
    let replies = together((0..16).map(|_| {
        let (api, body) = (anonymous(), body.clone());
        async move { api.post("/v1/auth/signup", &body).await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|r| r.status == 200).count(), 1);
    for refused in replies.iter().filter(|r| r.status != 200) {
        refused.refused(409, "conflict");
    }
}

#[tokio::test]
async fn a_missing_or_misshapen_field_is_named() {
    let api = anonymous();
    let email = unique::email("signup");
    for (body, field) in [
        (json!({"email": email}), "name"),
        (json!({"name": "", "email": email}), "name"),
        (json!({"name": 7, "email": email}), "name"),
        (json!({"name": "Shop"}), "email"),
        (json!({"name": "Shop", "email": "nobody"}), "email"),
        (json!({"name": "Shop", "email": null}), "email"),
        (json!({"name": "Shop", "email": ["a@example.test"]}), "email"),
    ] {
        api.post("/v1/auth/signup", &body).await.invalid(field);
    }
}

#[tokio::test]
async fn a_refused_sign_up_leaves_the_address_free() {
    let email = unique::email("signup");
    let api = anonymous();
    api.post("/v1/auth/signup", &json!({"name": 7, "email": email})).await.invalid("name");
    api.post("/v1/auth/signup", &json!({"name": "Shop", "email": email})).await.ok(200);
}

#[tokio::test]
async fn nobody_can_sign_up_with_credits_or_an_id_of_his_own() {
    let mut wish = body();
    wish["credits_cents"] = json!(1_000_000);
    wish["balance_cents"] = json!(1_000_000);
    wish["organization_id"] = json!("org_01GXYZ5J8K9M2N3P4Q5R6S7T8V");
    let answer = anonymous().post("/v1/auth/signup", &wish).await.ok(200);
    assert_eq!(answer["credits_cents"], 250);
    assert_ne!(answer["organization_id"], wish["organization_id"]);
    let api = anonymous().with_token(text(&answer, "api_key"));
    assert_eq!(firsthand_tests::buyer::balance(&api).await, Balance { available: 0, held: 0 });
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_validation_error() {
    for body in ["", "{", "name=Shop", "[]", "null", "{\"name\":\"Shop\""] {
        let call = anonymous().request(Method::POST, "/v1/auth/signup");
        call.bytes("application/json", body).send().await.refused(400, "validation_error");
    }
}
