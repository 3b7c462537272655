//! Credits: what a job holds, spends and gives back.

use crate::common::{buyer, delivered, server, worker};
use firsthand_tests::job::photos;
use firsthand_tests::shape::{assert_part, int, text};
use firsthand_tests::worker::pay_cents;
use firsthand_tests::{Balance, Buyer, media};
use serde_json::{Value, json};

#[tokio::test]
async fn one_cent_short_is_refused_with_the_four_fields() {
    let buyer = Buyer::with_balance(server(), 299).await;
    let error = buyer.try_create(&photos(4, 75)).await.refused(402, "insufficient_credits");
    let four = json!({"current_balance_cents": 299, "required_cents": 300, "shortfall_cents": 1});
    let details = error["details"].as_array().expect("details");
    let entry = details
        .iter()
        .find(|d| d.get("shortfall_cents").is_some())
        .expect("an entry with the four fields");
    for place in [&error, entry] {
        assert_part(place, &four);
        assert!(text(place, "purchase_url").starts_with("http"), "{place}");
    }
    assert_eq!(buyer.balance().await, Balance { available: 299, held: 0 });
    assert_eq!(buyer.api.list("/v1/jobs").await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_last_cent_can_be_spent() {
    let buyer = Buyer::with_balance(server(), 300).await;
    buyer.photo_job(4, 75).await;
    assert_eq!(buyer.balance().await, Balance { available: 0, held: 300 });
    buyer.try_create(&photos(1, 10)).await.refused(402, "insufficient_credits");
}

#[tokio::test]
async fn an_organization_without_credits_is_told_so() {
    let buyer = Buyer::unverified(server()).await;
    let error = buyer.try_create(&photos(1, 10)).await.refused(402, "insufficient_credits");
    assert_part(
        &error,
        &json!({"current_balance_cents": 0, "required_cents": 10, "shortfall_cents": 10}),
    );
}

#[tokio::test]
async fn refunded_credits_can_be_spent_again() {
    let buyer = Buyer::with_balance(server(), 300).await;
    for _ in 0..5 {
        let id = buyer.photo_job(4, 75).await;
        assert_eq!(buyer.balance().await, Balance { available: 0, held: 300 });
        buyer.cancel(&id).await.ok(200);
        assert_eq!(buyer.balance().await, Balance { available: 300, held: 0 });
    }
}

#[tokio::test]
async fn an_approved_file_costs_its_price_and_not_a_cent_more() {
    let buyer = buyer().await;
    delivered(&buyer, 75).await;
    assert_eq!(buyer.balance().await, Balance { available: 99_925, held: 0 });
}

#[tokio::test]
async fn workers_are_offered_four_fifths_rounded_half_up() {
    let buyer = buyer().await;
    let worker = worker().await;
    for (price, share) in [
        (10, 8),
        (11, 9),
        (12, 10),
        (13, 10),
        (14, 11),
        (75, 60),
        (99, 79),
        (101, 81),
        (50_000, 40_000),
    ] {
        let id = buyer.photo_job(1, price).await;
        assert_eq!(worker.offered(&id).await["pay_per_file_cents"], share, "of {price}");
        buyer.cancel(&id).await.ok(200);
    }
}

#[tokio::test]
async fn of_75_cents_the_worker_gets_60_and_of_13_he_gets_10() {
    for (price, share) in [(75, 60), (13, 10)] {
        let buyer = buyer().await;
        let done = delivered(&buyer, price).await;
        assert_eq!(pay_cents(&done.submission), share, "of {price}");
        let spent = buyer.job(&done.job_id).await["escrow"]["spent_cents"].as_i64();
        assert_eq!(spent, Some(price));
    }
}

#[tokio::test]
async fn an_approval_books_one_deduction_of_the_price() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    let path = "/v1/billing/transactions?type=deduction";
    let rows = buyer.rows_once(path, "the deduction is listed", |rows| !rows.is_empty()).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_part(
        &rows[0],
        &json!({
            "object": "credit_transaction",
            "type": "deduction",
            "job_id": done.job_id,
            "submission_id": done.submission_id(),
            "available_delta_cents": 0,
            "held_delta_cents": -75,
        }),
    );
    assert_eq!(int(&rows[0], "amount_cents").abs(), 75);
}

/// The sums of the listed movements.
fn sums(rows: &[Value]) -> Balance {
    let sum = |field: &str| rows.iter().map(|row| int(row, field)).sum();
    Balance { available: sum("available_delta_cents"), held: sum("held_delta_cents") }
}

#[tokio::test]
async fn the_transactions_add_up_to_the_balance_after_every_kind_of_movement() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    let partly = buyer.photo_job(3, 75).await;
    let cancelled = buyer.photo_job(2, 50).await;
    buyer.photo_job(1, 40).await;
    worker().await.deliver_approved(&partly, &media::sharp(media::seed())).await;
    buyer.cancel(&partly).await.ok(200);
    buyer.cancel(&cancelled).await.ok(200);
    let balance = buyer.balance().await;
    assert_eq!(balance, Balance { available: 885, held: 40 });
    let path = "/v1/billing/transactions";
    let rows = buyer
        .rows_once(path, "the movements are listed", |rows| {
            sums(rows) == balance && rows.len() >= 8
        })
        .await;
    assert_eq!(rows[0]["balance_after_cents"], balance.available);
    for pair in rows.windows(2) {
        let before = int(&pair[1], "balance_after_cents");
        assert_eq!(
            int(&pair[0], "balance_after_cents"),
            before + int(&pair[0], "available_delta_cents"),
            "{pair:?}"
        );
    }
    for (kind, movement) in [
        ("hold", Balance { available: -365, held: 365 }),
        ("deduction", Balance { available: 0, held: -75 }),
    ] {
        let rows: Vec<Value> = rows.iter().filter(|row| row["type"] == kind).cloned().collect();
        assert_eq!(sums(&rows), movement, "{kind}");
    }
}

#[tokio::test]
async fn several_approvals_are_exact_to_the_cent() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    let id = buyer.photo_job(4, 13).await;
    for approved in 1..=3 {
        worker().await.deliver_approved(&id, &media::sharp(media::seed())).await;
        let job = buyer.job(&id).await;
        let held = 52 - approved * 13;
        assert_part(
            &job["escrow"],
            &json!({"held_cents": held, "spent_cents": approved * 13, "refunded_cents": 0}),
        );
        assert_eq!(buyer.balance().await, Balance { available: 948, held });
    }
    buyer.cancel(&id).await.ok(200);
    assert_eq!(buyer.balance().await, Balance { available: 961, held: 0 });
}

#[tokio::test]
async fn a_rejected_file_costs_nothing() {
    let buyer = buyer().await;
    let body = firsthand_tests::job::photos_with(1, 75, &json!({"min_width": 4_000}));
    let id = text(&buyer.create_job(&body).await, "id").to_owned();
    let submission = worker().await.deliver(&id, &media::sharp(media::seed())).await;
    assert_eq!(submission["status"], "rejected", "{submission}");
    assert_eq!(buyer.balance().await, Balance { available: 99_925, held: 75 });
    assert_part(&buyer.job_once(&id, "open").await, &json!({"files_approved": 0}));
}
