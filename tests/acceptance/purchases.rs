//! `POST /v1/billing/credits/purchase`, the checkout, and what it books.

use crate::common::{NOBODY, server};
use firsthand_tests::purchase::{
    PURCHASE, PURCHASES, bought, checkout, disputed, once, opened, paid, raw_post, refunded,
};
use firsthand_tests::shape::{assert_id, assert_part, int, text};
use firsthand_tests::{Balance, Buyer, unique};
use serde_json::json;

/// What can be spent; less than nothing where something is owed.
async fn available(buyer: &Buyer) -> i64 {
    int(&buyer.get("/v1/billing/credits").await.ok(200), "available_cents")
}

#[tokio::test]
async fn a_checkout_shows_what_is_bought_and_where_it_is_paid() {
    let buyer = Buyer::unverified(server()).await;
    for (amount, bonus) in
        [(1_000, 0), (2_500, 125), (5_000, 500), (10_000, 1_500), (25_000, 5_000)]
    {
        let session = opened(&buyer.api, amount).await;
        assert_id(&session["id"], "pur");
        assert_part(
            &session,
            &json!({
                "object": "checkout_session",
                "amount_cents": amount,
                "bonus_cents": bonus,
                "credits_cents": amount + bonus,
                "currency": "usd",
                "livemode": true,
            }),
        );
        assert!(text(&session, "checkout_url").starts_with("http"), "{session}");
    }
    assert_eq!(buyer.balance().await, Balance { available: 0, held: 0 });
}

#[tokio::test]
async fn what_is_no_pack_is_refused() {
    let buyer = Buyer::unverified(server()).await;
    for amount in [json!(0), json!(-1_000), json!(999), json!(1_001), json!(50_000)] {
        buyer.post(PURCHASE, &json!({"amount_cents": amount})).await.invalid("amount_cents");
    }
    for body in [json!({}), json!({"amount_cents": "1000"}), json!({"amount_cents": 10.5})] {
        buyer.post(PURCHASE, &body).await.refused(400, "validation_error");
    }
    let url = json!({"amount_cents": 1_000, "success_url": "javascript:alert(1)"});
    buyer.post(PURCHASE, &url).await.invalid("success_url");
    assert_eq!(buyer.api.list(PURCHASES).await, Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn a_payment_issues_the_pack_and_its_bonus_as_two_lots() {
    let buyer = Buyer::unverified(server()).await;
    let purchase = bought(&buyer.api, 10_000).await;
    assert_eq!(buyer.balance().await, Balance { available: 11_500, held: 0 });
    let path = format!("{PURCHASES}/{purchase}");
    let seen = buyer.get(&path).await.ok(200);
    assert_part(
        &seen,
        &json!({
            "object": "purchase", "id": purchase, "status": "paid", "kind": "checkout",
            "amount_cents": 10_000, "bonus_cents": 1_500, "charged_back_cents": 0,
        }),
    );
    let rows =
        buyer.rows_once("/v1/billing/transactions", "two movements", |rows| rows.len() == 2).await;
    let shown: Vec<_> =
        rows.iter().map(|row| (text(row, "type"), int(row, "amount_cents"))).collect();
    assert_eq!(shown, [("bonus", 1_500), ("purchase", 10_000)]);
    assert_eq!(rows[0]["external_ref"], seen["external_ref"]);
    assert!(rows[0]["expires_at"].is_string() && rows[1]["expires_at"].is_null(), "{rows:?}");
}

#[tokio::test]
async fn paying_twice_books_once() {
    let buyer = Buyer::unverified(server()).await;
    let session = opened(&buyer.api, 2_500).await;
    for _ in 0..3 {
        checkout(&session, "").await.ok(200);
    }
    paid(&buyer.api, text(&session, "id")).await;
    // Another purchase is paid after all of them were heard.
    bought(&buyer.api, 1_000).await;
    assert_eq!(buyer.balance().await, Balance { available: 3_625, held: 0 });
}

#[tokio::test]
async fn a_repeat_without_a_key_goes_on_with_the_open_checkout() {
    let buyer = Buyer::unverified(server()).await;
    let first = opened(&buyer.api, 5_000).await;
    assert_eq!(opened(&buyer.api, 5_000).await, first);
    assert_ne!(opened(&buyer.api, 1_000).await["id"], first["id"]);
    checkout(&first, "").await.ok(200);
    paid(&buyer.api, text(&first, "id")).await;
    assert_ne!(opened(&buyer.api, 5_000).await["id"], first["id"]);
}

#[tokio::test]
async fn a_key_names_one_purchase() {
    let buyer = Buyer::unverified(server()).await;
    let (key, body) = (unique::key(), json!({"amount_cents": 1_000}));
    let first = buyer.post_keyed(PURCHASE, &key, &body).await;
    let again = buyer.post_keyed(PURCHASE, &key, &body).await;
    assert_eq!(first.ok(200), again.ok(200));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = buyer.post_keyed(PURCHASE, &unique::key(), &body).await.ok(200);
    assert_ne!(other["id"], first.ok(200)["id"]);
    let changed = buyer.post_keyed(PURCHASE, &key, &json!({"amount_cents": 2_500})).await;
    changed.refused(409, "idempotency_error");
}

#[tokio::test]
async fn a_key_at_the_embedded_gateway_belongs_to_one_form() {
    let gateway = server().gateway(true);
    let key = unique::key();
    let transfer = async |amount: i64| {
        let form = format!("amount={amount}&currency=usd&destination=acct_1NvGoodAccount");
        let kind = "application/x-www-form-urlencoded";
        let call = gateway.request(reqwest::Method::POST, "/v1/transfers").key(&key);
        call.bytes(kind, form).send().await
    };
    let first = transfer(700).await.ok(200);
    let refused = transfer(701).await.ok(400);
    assert_eq!(refused["error"]["type"], "idempotency_error");
    assert_eq!(transfer(700).await.ok(200), first);
}

#[tokio::test]
async fn both_names_of_the_route_open_a_checkout() {
    let buyer = Buyer::unverified(server()).await;
    let body = json!({"amount_cents": 1_000});
    let one = buyer.post("/v1/billing/purchase", &body).await.ok(200);
    assert_eq!(buyer.post(PURCHASE, &body).await.ok(200), one);
}

#[tokio::test]
async fn another_book_s_purchase_is_not_found() {
    let (owner, other) = (Buyer::unverified(server()).await, Buyer::unverified(server()).await);
    let session = opened(&owner.api, 1_000).await;
    let path = format!("{PURCHASES}/{}", text(&session, "id"));
    owner.get(&path).await.ok(200);
    for stranger in [&other.api, &owner.test_api().await] {
        stranger.get(&path).await.refused(404, "not_found");
    }
    owner.get(&format!("{PURCHASES}/pur_{NOBODY}")).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_test_key_buys_for_the_test_book() {
    let buyer = Buyer::unverified(server()).await;
    let test = buyer.test_api().await;
    let before = firsthand_tests::buyer::balance(&test).await;
    let session = opened(&test, 1_000).await;
    assert_eq!(session["livemode"], false);
    checkout(&session, "").await.ok(200);
    paid(&test, text(&session, "id")).await;
    let after = firsthand_tests::buyer::balance(&test).await;
    assert_eq!(after.available, before.available + 1_000);
    assert_eq!(buyer.balance().await, Balance { available: 0, held: 0 });
}

#[tokio::test]
async fn a_declined_card_buys_nothing_and_the_checkout_stays_open() {
    let buyer = Buyer::unverified(server()).await;
    let session = opened(&buyer.api, 1_000).await;
    let declined = checkout(&session, "4000 0000 0000 0002").await;
    assert_eq!(declined.status, 402, "{declined}");
    let path = format!("{PURCHASES}/{}", text(&session, "id"));
    assert_eq!(buyer.get(&path).await.ok(200)["status"], "open");
    checkout(&session, "4242 4242 4242 4242").await.ok(200);
    paid(&buyer.api, text(&session, "id")).await;
}

#[tokio::test]
async fn an_expired_checkout_has_failed_and_can_t_be_paid() {
    let buyer = Buyer::unverified(server()).await;
    let session = opened(&buyer.api, 1_000).await;
    let id = text(&session, "id");
    let named = text(&session, "checkout_url").rsplit('/').next().expect("a path").to_owned();
    let path = format!("/v1/checkout/sessions/{named}/expire");
    server().gateway(true).post_form(&path, "").await.ok(200);
    let seen = once(&buyer.api, id, "it has failed", |seen| seen["status"] == "failed").await;
    assert_eq!(seen["failure_code"], "expired");
    assert_eq!(checkout(&session, "").await.status, 409);
    assert_ne!(opened(&buyer.api, 1_000).await["id"], id);
}

#[tokio::test]
async fn a_refund_takes_back_what_is_left_and_the_rest_is_owed() {
    let buyer = Buyer::unverified(server()).await;
    let purchase = bought(&buyer.api, 10_000).await;
    let held = buyer.photo_job(100, 75).await;
    assert_eq!(buyer.balance().await, Balance { available: 4_000, held: 7_500 });
    // A part: 4,000 are left of what it bought; all of the bonus is held, and its half is owed.
    refunded(&buyer.api, server(), &purchase, Some(5_000), 5_000).await;
    assert_eq!(available(&buyer).await, -1_750);
    let job = firsthand_tests::job::photos(1, 75);
    buyer.try_create(&job).await.refused(402, "insufficient_credits");
    refunded(&buyer.api, server(), &purchase, None, 10_000).await;
    assert_eq!(available(&buyer).await, -7_500);
    // The debt is paid out of what is bought next.
    bought(&buyer.api, 10_000).await;
    assert_eq!(available(&buyer).await, 4_000);
    buyer.try_create(&job).await.ok(201);
    // What comes back was paid for by then.
    buyer.cancel(&held).await.ok(200);
    assert_eq!(available(&buyer).await, 11_425);
}

#[tokio::test]
async fn what_a_job_gives_back_of_a_purchase_that_was_refunded_is_nobody_s_gift() {
    let buyer = Buyer::unverified(server()).await;
    let purchase = bought(&buyer.api, 2_500).await;
    let job = buyer.photo_job(35, 75).await;
    assert_eq!(buyer.balance().await, Balance { available: 0, held: 2_625 });
    refunded(&buyer.api, server(), &purchase, None, 2_500).await;
    assert_eq!(available(&buyer).await, -2_625);
    buyer.cancel(&job).await.ok(200);
    assert_eq!(buyer.balance().await, Balance { available: 0, held: 0 });
}

#[tokio::test]
async fn a_dispute_takes_the_money_and_gives_it_back_when_it_is_won() {
    let buyer = Buyer::unverified(server()).await;
    let purchase = bought(&buyer.api, 2_500).await;
    let dispute = disputed((&buyer.api, server()), &purchase, None, 2_500).await;
    assert_eq!(buyer.balance().await, Balance { available: 0, held: 0 });
    disputed((&buyer.api, server()), &purchase, Some(dispute.as_str()), 0).await;
    assert_eq!(buyer.balance().await, Balance { available: 2_625, held: 0 });
    let rows = buyer.api.list("/v1/billing/transactions?type=chargeback").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
}

#[tokio::test]
async fn an_event_without_the_right_signature_is_refused() {
    let body = r#"{"id":"evt_x","type":"checkout.session.completed","data":{"object":{}}}"#;
    for header in ["", "t=1,v1=00", "nonsense"] {
        raw_post(server(), "/hooks/stripe", header, body).await.refused(400, "validation_error");
    }
}
