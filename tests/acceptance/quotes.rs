//! `POST /v1/jobs?dry_run=true`.

use crate::common::{buyer, server};
use firsthand_tests::job::{photos, photos_with, without};
use firsthand_tests::shape::assert_part;
use firsthand_tests::{Buyer, unique};
use serde_json::{Value, json};

const QUOTE: &str = "/v1/jobs?dry_run=true";

/// Everything that a quote might change.
async fn traces(buyer: &Buyer) -> (Value, usize, usize, usize) {
    (
        buyer.get("/v1/billing/credits").await.ok(200),
        buyer.api.list("/v1/jobs").await.len(),
        buyer.api.list("/v1/audit-events").await.len(),
        buyer.api.list("/v1/billing/transactions").await.len(),
    )
}

#[tokio::test]
async fn a_quote_tells_the_price_its_shares_and_the_balance_after_and_writes_nothing() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    let before = traces(&buyer).await;
    let quote = buyer.post(QUOTE, &photos(7, 13)).await.ok(200);
    assert_part(
        &quote,
        &json!({
            "object": "job_quote",
            "total_cost_cents": 91,
            "worker_cents": 70,
            "platform_fee_cents": 21,
            "balance_after_cents": 909,
            "would_succeed": true,
            "refusal": null,
        }),
    );
    assert_eq!(traces(&buyer).await, before);
    // The quote holds: the job costs what was said.
    let job = buyer.create_job(&photos(7, 13)).await;
    assert_eq!(job["total_cost_cents"], quote["total_cost_cents"]);
    assert_eq!(buyer.balance().await.available, 909);
}

#[tokio::test]
async fn a_quote_that_would_be_refused_carries_the_error_that_the_job_gets() {
    let buyer = Buyer::with_balance(server(), 400).await;
    let before = traces(&buyer).await;
    let body = photos(9, 50);
    let quote = buyer.post(QUOTE, &body).await.ok(200);
    assert_part(
        &quote,
        &json!({"would_succeed": false, "total_cost_cents": 450, "balance_after_cents": 400}),
    );
    let mut refusal = quote["refusal"].clone();
    let mut error = buyer.try_create(&body).await.refused(402, "insufficient_credits");
    assert_eq!(refusal["shortfall_cents"], 50);
    for value in [&mut refusal, &mut error] {
        value.as_object_mut().expect("an object").remove("request_id").expect("a request id");
    }
    assert_eq!(refusal, error);
    assert_eq!(traces(&buyer).await, before);
}

#[tokio::test]
async fn the_free_tier_s_limit_is_quoted_too() {
    let buyer = Buyer::free(server()).await;
    assert_eq!(buyer.post(QUOTE, &photos(1, 75)).await.ok(200)["would_succeed"], true);
    let job = buyer.photo_job(1, 75).await;
    let refused = buyer.post(QUOTE, &photos(1, 75)).await.ok(200);
    assert_part(&refused, &json!({"would_succeed": false, "balance_after_cents": 175}));
    assert_eq!(refused["refusal"]["type"], "free_tier_job_limit");
    buyer.cancel(&job).await.ok(200);
    assert_eq!(buyer.post(QUOTE, &photos(1, 75)).await.ok(200)["would_succeed"], true);
}

#[tokio::test]
async fn a_key_is_neither_needed_nor_used_up() {
    let buyer = buyer().await;
    let (key, body) = (unique::key(), photos(1, 75));
    for _ in 0..2 {
        let quote = buyer.post_keyed(QUOTE, &key, &body).await;
        quote.ok(200);
        assert_eq!(quote.header("idempotent-replayed"), None);
    }
    let other = photos(2, 75);
    let created = buyer.post_keyed("/v1/jobs", &key, &other).await;
    created.ok(201);
    assert_eq!(created.header("idempotent-replayed"), None);
    // Without the wish the key is as necessary as ever.
    for path in ["/v1/jobs", "/v1/jobs?dry_run=false"] {
        let error = buyer.post(path, &body).await.refused(400, "validation_error");
        assert_eq!(error["code"], "idempotency_key_missing");
    }
}

#[tokio::test]
async fn what_can_not_be_understood_is_refused_like_the_job() {
    let buyer = buyer().await;
    buyer.post(QUOTE, &without(&photos(1, 75), "description")).await.invalid("description");
    buyer
        .post(QUOTE, &photos_with(1, 75, &json!({"files_needed": 0})))
        .await
        .invalid("files_needed");
    buyer.post(QUOTE, &photos(1, 9)).await.refused(400, "pricing_violation");
    buyer.post("/v1/jobs?dry_run=perhaps", &photos(1, 75)).await.refused(400, "validation_error");
    let reader = buyer.scoped(&["jobs:read"]).await;
    reader.post(QUOTE, &photos(1, 75)).await.refused(403, "authorization_error");
}

#[tokio::test]
async fn a_test_key_is_quoted_from_the_test_book() {
    let buyer = Buyer::with_balance(server(), 300).await;
    let quote = buyer.test_api().await.post(QUOTE, &photos(10, 100)).await.ok(200);
    assert_part(&quote, &json!({"would_succeed": true, "livemode": false}));
    assert_eq!(quote["balance_after_cents"].as_i64(), Some(100_000 - 1_000));
}
