//! `GET /v1/billing/statements/{month}`: opening, movements, closing.

use crate::common::{buyer, server};
use crate::finance_common::{amounts, days_pass, moved, movements, sql};
use firsthand_tests::shape::{assert_part, int, text};
use firsthand_tests::{Balance, Buyer, Options, Server, clock};
use serde_json::{Value, json};

const NOTHING: Balance = Balance { available: 0, held: 0 };

/// The month so many months from now.
fn month(months: i64) -> String {
    let now = clock::in_seconds(0.0);
    let part = |range: std::ops::Range<usize>| now[range].parse::<i64>().expect("a number");
    let count = part(0..4) * 12 + part(5..7) - 1 + months;
    format!("{:04}-{:02}", count.div_euclid(12), count.rem_euclid(12) + 1)
}

async fn statement(buyer: &Buyer, month: &str) -> Value {
    let body = buyer.get(&format!("/v1/billing/statements/{month}")).await.ok(200);
    assert_eq!(body["object"], "billing_statement");
    assert_eq!(body["period"]["month"], month);
    adds_up(&body);
    body
}

/// Opening and movements must give the closing, on both sides of the balance.
fn adds_up(body: &Value) {
    let sum = |field: &str| {
        let rows = body["movements"].as_array().expect("movements");
        rows.iter().map(|row| int(row, field)).sum::<i64>()
    };
    let opening = amounts(&body["opening"]);
    let closing = Balance {
        available: opening.available + sum("available_delta_cents"),
        held: opening.held + sum("held_delta_cents"),
    };
    assert_eq!(amounts(&body["closing"]), closing, "{body}");
}

#[tokio::test]
async fn the_running_month_is_open_and_shows_all_that_moved() {
    let month = month(0);
    let buyer = Buyer::with_balance(server(), 1_000).await;
    moved(&buyer).await;
    let rows = movements(&buyer).await;
    let body = statement(&buyer, &month).await;
    // A test that runs over midnight of a month's last day sees two statements.
    let whole = rows.iter().all(|row| text(row, "created_at").starts_with(&month));
    assert!(whole, "the month ended meanwhile: run the test again");
    assert_part(&body, &json!({"status": "open", "currency": "usd", "environment": "live"}));
    assert_eq!(amounts(&body["opening"]), NOTHING);
    assert_eq!(amounts(&body["closing"]), buyer.balance().await);
    let shown = body["movements"].as_array().expect("movements");
    let types: Vec<&str> = shown.iter().map(|row| text(row, "type")).collect();
    assert_eq!(types, ["bonus", "deduction", "free_tier", "hold", "refund"]);
    for row in shown {
        let of: Vec<&Value> = rows.iter().filter(|one| one["type"] == row["type"]).collect();
        assert_eq!(int(row, "count"), of.len() as i64, "{row}");
        for field in ["amount_cents", "available_delta_cents", "held_delta_cents"] {
            let sum: i64 = of.iter().map(|one| int(one, field)).sum();
            assert_eq!(int(row, field), sum, "{field} of {row}");
        }
    }
}

#[tokio::test]
async fn a_month_before_the_first_movement_is_closed_and_empty() {
    let body = statement(&buyer().await, "2020-02").await;
    assert_part(&body, &json!({"status": "closed", "movements": []}));
    assert_part(
        &body["period"],
        &json!({"start": "2020-02-01T00:00:00Z", "end": "2020-03-01T00:00:00Z"}),
    );
    assert_eq!((amounts(&body["opening"]), amounts(&body["closing"])), (NOTHING, NOTHING));
}

#[tokio::test]
async fn a_month_to_come_and_what_is_no_month_do_not_exist() {
    let buyer = buyer().await;
    let to_come = month(1);
    for month in [to_come.as_str(), "2026-13", "2026-1", "202601", "2026", "now", "2026-01-01"] {
        let reply = buyer.get(&format!("/v1/billing/statements/{month}")).await;
        reply.refused(404, "not_found");
    }
}

#[tokio::test]
async fn environments_have_statements_of_their_own() {
    let buyer = buyer().await;
    let test = buyer.test_api().await;
    buyer.grant_in("test", 777).await;
    let path = format!("/v1/billing/statements/{}", month(0));
    let body = test.get(&path).await.ok(200);
    assert_part(&body, &json!({"environment": "test", "livemode": false}));
    assert_eq!(amounts(&body["closing"]), firsthand_tests::buyer::balance(&test).await);
    let live = buyer.get(&path).await.ok(200);
    assert_eq!(amounts(&live["closing"]), buyer.balance().await);
}

#[tokio::test]
async fn a_month_ends_with_what_the_next_one_begins_with() {
    let server = Server::start(Options::ephemeral()).await;
    let buyer = Buyer::with_balance(&server, 1_000).await;
    buyer.photo_job(3, 75).await;
    // Two months of at most 31 days each.
    days_pass(&server, 31).await;
    let cancelled = buyer.photo_job(2, 50).await;
    days_pass(&server, 31).await;
    buyer.cancel(&cancelled).await.ok(200);
    let mut closing = NOTHING;
    let mut moved = 0;
    for months in -3..=0 {
        let body = statement(&buyer, &month(months)).await;
        assert_eq!(amounts(&body["opening"]), closing, "{body}");
        closing = amounts(&body["closing"]);
        let rows = body["movements"].as_array().expect("movements");
        moved += rows.iter().map(|row| int(row, "count")).sum::<i64>();
        // The last month settles for a minute after its end.
        if months != -1 {
            assert_eq!(body["status"], if months < 0 { "closed" } else { "open" });
        }
    }
    assert_eq!(closing, Balance { available: 775, held: 225 });
    assert_eq!(moved, 5);
}

#[tokio::test]
async fn a_statement_that_does_not_add_up_is_never_shown() {
    let server = Server::start(Options::ephemeral()).await;
    let buyer = Buyer::free(&server).await;
    let job = buyer.photo_job(1, 75).await;
    buyer.cancel(&job).await.ok(200);
    let path = format!("/v1/billing/statements/{}", month(0));
    buyer.get(&path).await.ok(200);
    sql(&server, "update credit_transactions set held_delta_cents = 987654 where type = 'hold'")
        .await;
    let error = buyer.get(&path).await.refused(500, "internal_error");
    assert!(!error.to_string().contains("987654"), "{error}");
    assert!(server.log_tail().contains("a statement's movements lead to"), "{}", server.log_tail());
}
