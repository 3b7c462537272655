//! `POST /v1/auth/phone` and `/v1/auth/phone/verify`: the free grant.

use crate::common::{anonymous, server};
use firsthand_tests::{Balance, Buyer, together, unique};
use serde_json::json;

const NOTHING: Balance = Balance { available: 0, held: 0 };
const GRANT: Balance = Balance { available: 250, held: 0 };

#[tokio::test]
async fn a_correct_code_posts_the_free_grant_once() {
    let buyer = Buyer::unverified(server()).await;
    buyer.verify_phone(&unique::phone()).await;
    assert_eq!(buyer.balance().await, GRANT);
    let path = "/v1/billing/transactions?type=free_tier";
    let rows = buyer.rows_once(path, "the grant is listed", |rows| !rows.is_empty()).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["available_delta_cents"], 250);
}

#[tokio::test]
async fn a_wrong_code_grants_nothing() {
    let buyer = Buyer::unverified(server()).await;
    let number = unique::phone();
    buyer.post("/v1/auth/phone", &json!({"phone_number": number})).await.ok(202);
    buyer.confirm_phone(&number, "123456").await.refused_somehow();
    assert_eq!(buyer.balance().await, NOTHING);
}

#[tokio::test]
async fn a_code_that_was_never_asked_for_grants_nothing() {
    let buyer = Buyer::unverified(server()).await;
    buyer.confirm_phone(&unique::phone(), "000000").await.refused_somehow();
    assert_eq!(buyer.balance().await, NOTHING);
}

#[tokio::test]
async fn a_code_that_another_organization_asked_for_grants_nothing() {
    let (asker, other) = (Buyer::unverified(server()).await, Buyer::unverified(server()).await);
    let number = unique::phone();
    asker.post("/v1/auth/phone", &json!({"phone_number": number})).await.ok(202);
    other.confirm_phone(&number, "000000").await.refused_somehow();
    assert_eq!(other.balance().await, NOTHING);
}

#[tokio::test]
async fn a_second_number_of_the_same_organization_grants_nothing_more() {
    let buyer = Buyer::free(server()).await;
    let number = unique::phone();
    buyer.post("/v1/auth/phone", &json!({"phone_number": number})).await;
    buyer.confirm_phone(&number, "000000").await;
    assert_eq!(buyer.balance().await, GRANT);
}

#[tokio::test]
async fn a_number_grants_to_its_first_organization_only() {
    let (first, second) = (Buyer::unverified(server()).await, Buyer::unverified(server()).await);
    let number = unique::phone();
    first.verify_phone(&number).await;
    second.post("/v1/auth/phone", &json!({"phone_number": number})).await;
    second.confirm_phone(&number, "000000").await;
    assert_eq!((first.balance().await, second.balance().await), (GRANT, NOTHING));
}

#[tokio::test]
async fn eight_organizations_that_verify_one_number_at_once_get_one_grant_together() {
    let number = unique::phone();
    let balances = together((0..8).map(|_| {
        let number = number.clone();
        async move {
            let buyer = Buyer::unverified(server()).await;
            buyer.post("/v1/auth/phone", &json!({"phone_number": number})).await;
            buyer.confirm_phone(&number, "000000").await;
            buyer.balance().await.available
        }
    }))
    .await;
    assert_eq!(balances.iter().sum::<i64>(), 250, "{balances:?}");
}

#[tokio::test]
async fn eight_confirmations_at_once_grant_once() {
    let buyer = Buyer::unverified(server()).await;
    let number = unique::phone();
    buyer.post("/v1/auth/phone", &json!({"phone_number": number})).await.ok(202);
    together((0..8).map(|_| {
        let (buyer, number) = (buyer.clone(), number.clone());
        async move { buyer.confirm_phone(&number, "000000").await }
    }))
    .await;
    assert_eq!(buyer.balance().await, GRANT);
}

#[tokio::test]
async fn a_number_that_is_none_is_refused() {
    let buyer = Buyer::unverified(server()).await;
    for wrong in [json!(""), json!("call me"), json!("12"), json!(15_550_100), json!(null)] {
        buyer.post("/v1/auth/phone", &json!({"phone_number": wrong})).await.invalid("phone_number");
    }
    buyer.post("/v1/auth/phone", &json!({})).await.invalid("phone_number");
    buyer
        .post("/v1/auth/phone/verify", &json!({"phone_number": unique::phone()}))
        .await
        .invalid("code");
}

#[tokio::test]
async fn without_a_key_no_code_is_sent() {
    let body = json!({"phone_number": unique::phone()});
    anonymous().post("/v1/auth/phone", &body).await.refused(401, "authentication_error");
    let body = json!({"phone_number": unique::phone(), "code": "000000"});
    anonymous().post("/v1/auth/phone/verify", &body).await.refused(401, "authentication_error");
}
