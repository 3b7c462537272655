//! `GET /v1/billing/credits` and `/v1/billing/transactions`.

use crate::common::{buyer, delivered, server};
use firsthand_tests::shape::{
    assert_id, assert_instant, assert_keys, assert_part, assert_recent, int, text,
};
use firsthand_tests::{Balance, Buyer, buyer as buyers, clock};
use serde_json::{Value, json};

const LIST: &str = "/v1/billing/transactions";

#[tokio::test]
async fn the_balance_shows_every_documented_field() {
    let buyer = buyer().await;
    buyer.photo_job(2, 75).await;
    let body = buyer.get("/v1/billing/credits").await.ok(200);
    assert_part(
        &body,
        &json!({
            "object": "credit_balance",
            "available_cents": 99_850,
            "held_cents": 150,
            "total_cents": 100_000,
            "balance_cents": 99_850,
            "currency": "usd",
        }),
    );
    assert_recent(&body["updated_at"], 60.0);
    let off = json!({"enabled": false, "under_way": false, "failures": 0});
    assert_eq!(body["auto_top_up"], off);
}

#[tokio::test]
async fn the_balance_has_two_names() {
    let buyer = buyer().await;
    let (credits, balance) =
        (buyer.get("/v1/billing/credits").await, buyer.get("/v1/billing/balance").await);
    assert_eq!(balance.ok(200)["object"], "credit_balance");
    assert_eq!(credits.ok(200), balance.ok(200));
}

#[tokio::test]
async fn the_test_environment_has_a_book_of_its_own() {
    let buyer = buyer().await;
    let test = buyer.test_api().await;
    let before = buyers::balance(&test).await;
    buyer.grant_in("test", 777).await;
    assert_eq!(
        buyers::balance(&test).await,
        Balance { available: before.available + 777, held: before.held }
    );
    assert_eq!(buyer.balance().await, Balance { available: 100_000, held: 0 });
}

#[tokio::test]
async fn a_transaction_shows_every_documented_field() {
    let buyer = Buyer::free(server()).await;
    let rows = buyer.rows_once(LIST, "the grant is listed", |rows| rows.len() == 1).await;
    let row = &rows[0];
    assert_id(&row["id"], "crtx");
    assert_part(
        row,
        &json!({
            "object": "credit_transaction",
            "type": "free_tier",
            "amount_cents": 250,
            "available_delta_cents": 250,
            "held_delta_cents": 0,
            "balance_after_cents": 250,
            "environment": "live",
        }),
    );
    assert_keys(row, &["description", "job_id", "submission_id", "lot_id", "external_ref"]);
    assert_recent(&row["created_at"], 60.0);
}

#[tokio::test]
async fn what_moves_one_lot_names_it() {
    let buyer = buyer().await;
    delivered(&buyer, 75).await;
    let job = buyer.photo_job(1, 75).await;
    buyer.cancel(&job).await.ok(200);
    let refund = format!("{LIST}?type=refund");
    buyer.rows_once(&refund, "the refund is listed", |rows| !rows.is_empty()).await;
    let rows = buyer.api.list(LIST).await;
    let moves = |row: &&Value| ["hold", "deduction", "refund"].iter().any(|of| row["type"] == *of);
    let (moved, granted): (Vec<_>, Vec<_>) = rows.iter().partition(moves);
    let granted: Vec<_> = granted.iter().map(|row| &row["lot_id"]).collect();
    assert_eq!(moved.len(), 4, "{rows:?}");
    for row in moved {
        assert_id(&row["lot_id"], "lot");
        assert!(granted.contains(&&row["lot_id"]), "{row} of {granted:?}");
    }
}

#[tokio::test]
async fn the_free_grant_lives_twelve_months() {
    let buyer = Buyer::free(server()).await;
    let rows = buyer.rows_once(LIST, "the grant is listed", |rows| rows.len() == 1).await;
    let days = (assert_instant(&rows[0]["expires_at"]) - clock::now()) / 86_400.0;
    assert!((364.9..=366.1).contains(&days), "it lives {days} days");
}

#[tokio::test]
async fn the_type_filter_gives_the_movements_of_that_type() {
    let buyer = buyer().await;
    delivered(&buyer, 75).await;
    for kind in ["free_tier", "hold", "deduction"] {
        let path = format!("{LIST}?type={kind}");
        let rows =
            buyer.rows_once(&path, &format!("a {kind} is listed"), |rows| !rows.is_empty()).await;
        assert!(rows.iter().all(|row| row["type"] == kind), "{rows:?}");
    }
    for kind in ["purchase", "expiration"] {
        assert!(buyer.api.list(&format!("{LIST}?type={kind}")).await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn the_old_names_of_types_filter_too_and_are_never_shown() {
    let buyer = buyer().await;
    delivered(&buyer, 75).await;
    let new = buyer
        .rows_once(&format!("{LIST}?type=deduction"), "a deduction is listed", |rows| {
            !rows.is_empty()
        })
        .await;
    assert_eq!(buyer.api.list(&format!("{LIST}?type=payout")).await, new);
    assert!(buyer.api.list(&format!("{LIST}?type=deposit")).await.is_empty());
    let all = buyer.api.list(LIST).await;
    assert!(all.iter().all(|row| row["type"] != "payout" && row["type"] != "deposit"), "{all:?}");
}

#[tokio::test]
async fn a_type_of_no_meaning_is_a_validation_error() {
    buyer().await.get(&format!("{LIST}?type=gift")).await.invalid("type");
}

#[tokio::test]
async fn a_hold_names_its_job_and_moves_money_aside() {
    let buyer = buyer().await;
    let id = buyer.photo_job(2, 75).await;
    let rows = buyer
        .rows_once(&format!("{LIST}?type=hold"), "the hold is listed", |rows| !rows.is_empty())
        .await;
    assert!(rows.iter().all(|row| row["job_id"] == id.as_str()), "{rows:?}");
    let sum = |field: &str| rows.iter().map(|row| int(row, field)).sum::<i64>();
    assert_eq!((sum("available_delta_cents"), sum("held_delta_cents")), (-150, 150));
}

#[tokio::test]
async fn movements_are_listed_newest_first() {
    let buyer = buyer().await;
    for _ in 0..3 {
        let id = buyer.photo_job(1, 75).await;
        buyer.cancel(&id).await.ok(200);
    }
    let rows = buyer.rows_once(LIST, "eight movements are listed", |rows| rows.len() >= 8).await;
    let times: Vec<f64> = rows.iter().map(|row| assert_instant(&row["created_at"])).collect();
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");
    let ids: std::collections::BTreeSet<&str> = rows.iter().map(|row| text(row, "id")).collect();
    assert_eq!(ids.len(), rows.len(), "an id twice");
}
