//! The automatic top-up, the low-balance warning, and the events that tell of them.

use crate::common::server;
use crate::webhook_common::Endpoint;
use firsthand_tests::job::photos;
use firsthand_tests::purchase::{PURCHASES, bought, bought_with};
use firsthand_tests::shape::{int, text};
use firsthand_tests::{Balance, Buyer, Receiver, Wait, together};
use serde_json::{Value, json};

const SETTINGS: &str = "/v1/organization/settings";
const FEED: &str = "/v1/webhook_events?type=";

async fn top_up(buyer: &Buyer, threshold: i64, amount: i64) {
    let body = json!({
        "auto_top_up_enabled": true,
        "auto_top_up_threshold_cents": threshold,
        "auto_top_up_amount_cents": amount,
    });
    buyer.patch(SETTINGS, &body).await.ok(200);
}

/// Purchases of the automatic top-up, once there are so many in that status.
async fn top_ups(buyer: &Buyer, status: &str, count: usize) -> Vec<Value> {
    let mut wait = Wait::until("the automatic top-ups");
    loop {
        let rows = buyer.api.list(&format!("{PURCHASES}?status={status}")).await;
        let rows: Vec<_> = rows.into_iter().filter(|row| row["kind"] == "auto_top_up").collect();
        if rows.len() == count {
            return rows;
        }
        wait.not_yet(&json!(rows)).await;
    }
}

async fn told(buyer: &Buyer, kind: &str) -> Vec<Value> {
    buyer.api.list(&format!("{FEED}{kind}")).await
}

#[tokio::test]
async fn a_hold_that_crosses_the_threshold_buys_one_pack() {
    let buyer = Buyer::unverified(server()).await;
    bought(&buyer.api, 1_000).await;
    top_up(&buyer, 500, 2_500).await;
    buyer.create_job(&photos(5, 80)).await;
    assert_eq!(top_ups(&buyer, "paid", 0).await.len(), 0);
    buyer.create_job(&photos(2, 80)).await;
    top_ups(&buyer, "paid", 1).await;
    assert_eq!(buyer.balance().await, Balance { available: 440 + 2_625, held: 560 });
    let told = told(&buyer, "credits.auto_topped_up").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["amount_cents"], 2_500);
    assert_eq!(told[0]["data"]["balance_cents"], 440 + 2_625);
}

#[tokio::test]
async fn a_storm_of_holds_below_the_threshold_buys_one_pack_at_a_time() {
    let buyer = Buyer::unverified(server()).await;
    bought(&buyer.api, 1_000).await;
    top_up(&buyer, 1_000, 25_000).await;
    let jobs = (0..40).map(|_| {
        let buyer = buyer.clone();
        async move { buyer.try_create(&photos(1, 10)).await.ok(201) }
    });
    together(jobs).await;
    top_ups(&buyer, "paid", 1).await;
    assert_eq!(buyer.balance().await, Balance { available: 600 + 30_000, held: 400 });
    assert!(top_ups(&buyer, "open", 0).await.is_empty());
}

#[tokio::test]
async fn three_declined_charges_switch_the_top_up_off() {
    let buyer = Buyer::unverified(server()).await;
    bought_with(&buyer.api, 1_000, "4000000000000341").await;
    top_up(&buyer, 1_000, 1_000).await;
    for failures in 1..=3 {
        buyer.create_job(&photos(1, 10)).await;
        let failed = top_ups(&buyer, "failed", failures).await;
        assert_eq!(failed[0]["failure_code"], "generic_decline");
    }
    assert_eq!(buyer.get(SETTINGS).await.ok(200)["auto_top_up_enabled"], false);
    buyer.create_job(&photos(1, 10)).await;
    assert_eq!(top_ups(&buyer, "failed", 3).await.len(), 3);
    assert_eq!(buyer.balance().await, Balance { available: 960, held: 40 });
    let shown = buyer.get("/v1/billing/credits").await.ok(200);
    let off = json!({"enabled": false, "under_way": false, "failures": 3});
    assert_eq!(shown["auto_top_up"], off, "{shown}");
}

#[tokio::test]
async fn a_charge_whose_answer_is_lost_is_found_and_not_made_twice() {
    let buyer = Buyer::unverified(server()).await;
    bought_with(&buyer.api, 1_000, "4000000000005001").await;
    top_up(&buyer, 1_000, 2_500).await;
    buyer.create_job(&photos(1, 10)).await;
    let paid = top_ups(&buyer, "paid", 1).await;
    assert_eq!(buyer.balance().await, Balance { available: 990 + 2_625, held: 10 });
    let gateway = server().gateway(true);
    let payment = format!("/v1/payment_intents/{}", text(&paid[0], "external_ref"));
    let payment = gateway.get(&payment).await.ok(200);
    let path = format!("/v1/payment_intents?customer={}", text(&payment, "customer"));
    let list = gateway.get(&path).await.ok(200);
    let of_the_top_up = |payment: &&Value| payment["metadata"]["purchase_id"] == paid[0]["id"];
    let made: Vec<_> =
        list["data"].as_array().expect("a list").iter().filter(of_the_top_up).collect();
    assert_eq!(made, [&payment]);
}

#[tokio::test]
async fn without_a_card_the_top_up_fails() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    top_up(&buyer, 1_000, 1_000).await;
    buyer.create_job(&photos(1, 10)).await;
    assert_eq!(top_ups(&buyer, "failed", 1).await[0]["failure_code"], "no_card");
    let shown = buyer.get("/v1/billing/credits").await.ok(200);
    let failed_once = json!({"enabled": true, "under_way": false, "failures": 1});
    assert_eq!(shown["auto_top_up"], failed_once, "{shown}");
}

#[tokio::test]
async fn a_low_balance_is_told_once_for_each_downward_crossing() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    let job = buyer.create_job(&photos(5, 80)).await;
    assert!(told(&buyer, "credits.low_balance").await.is_empty());
    buyer.create_job(&photos(2, 80)).await;
    buyer.create_job(&photos(1, 80)).await;
    let first = told(&buyer, "credits.low_balance").await;
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(
        (int(&first[0]["data"], "balance_cents"), int(&first[0]["data"], "threshold_cents")),
        (440, 500)
    );
    // Up again, and down again.
    let path = format!("/v1/jobs/{}/cancel", job["id"].as_str().expect("an id"));
    buyer.post_empty(&path).await.ok(200);
    buyer.create_job(&photos(4, 80)).await;
    assert_eq!(told(&buyer, "credits.low_balance").await.len(), 2);
}

#[tokio::test]
async fn whoever_never_had_so_much_is_told_nothing() {
    let buyer = Buyer::free(server()).await;
    buyer.create_job(&photos(1, 80)).await;
    assert!(told(&buyer, "credits.low_balance").await.is_empty());
}

#[tokio::test]
async fn the_warning_and_the_purchase_reach_an_endpoint_signed() {
    let buyer = Buyer::unverified(server()).await;
    let receiver = Receiver::start();
    let wanted = json!({"events": ["credits.low_balance", "credits.purchased"]});
    let _endpoint = Endpoint::with(&buyer.api, &receiver, &wanted).await;
    bought(&buyer.api, 1_000).await;
    buyer.create_job(&photos(8, 75)).await;
    let requests = receiver.await_until("two events", |all| all.len() == 2).await;
    let mut types: Vec<_> = requests.iter().map(|request| request.json()["type"].clone()).collect();
    types.sort_by_key(ToString::to_string);
    assert_eq!(types, ["credits.low_balance", "credits.purchased"]);
}
