//! 400 days of a busy sandbox at once, and the same day by day.

use crate::clock_common::{
    DAY, Names, advance, after, arrived, ask, between, job, made, stalled, trail,
};
use crate::common::server;
use crate::finance_common::operator;
use firsthand_tests::purchase::bought;
use firsthand_tests::shape::text;
use firsthand_tests::{Api, Buyer, binary, clock};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const DAYS: i64 = 400;
/// Jobs that end on each day, for as long as deadlines may be ahead.
const A_DAY: i64 = 3;
const DAYS_WITH_DEADLINES: i64 = 364;
/// How long 400 days may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A sandbox with a clock, in which something is due on each of the days to come: deadlines, simulated
/// work with and without a second try, grants that end and are announced, and top-ups that follow.
async fn busy(start: &str) -> (Buyer, Api) {
    let buyer = Buyer::new(server()).await;
    let test = buyer.test_api().await;
    bought(&test, 1_000).await;
    made(&test, start).await;
    for (cents, course) in [(700, "usual"), (900, "retry"), (1_100, "reject")] {
        buyer.grant_in("test", cents).await;
        job(&test, 50, &json!({"metadata": {"sandbox": course}})).await;
        advance(&test, 60).await;
    }
    for day in 0..DAYS_WITH_DEADLINES {
        for hour in 0..A_DAY {
            stalled(&test, 10, &after(start, day * DAY + (hour + 1) * 3_600)).await;
        }
    }
    let body = json!({
        "auto_top_up_enabled": true,
        "auto_top_up_threshold_cents": 500_000,
        "auto_top_up_amount_cents": 1_000,
    });
    buyer.patch("/v1/organization/settings", &body).await.ok(200);
    (buyer, test)
}

fn without(mut row: Value, fields: &[&str]) -> Value {
    if let Some(row) = row.as_object_mut() {
        fields.iter().for_each(|field| drop(row.remove(*field)));
    }
    row
}

/// All that the books hold, ids aside, oldest first.
async fn books(start: &str, buyer: &Buyer, test: &Api) -> Vec<String> {
    let mut names = Names::default();
    let mut lines = Vec::new();
    let mut movements = test.list("/v1/billing/transactions").await;
    movements.reverse();
    // What came before the clock came at real time.
    movements.retain(|row| between(start, text(row, "created_at")) >= 0);
    for row in movements {
        lines.push(names.strip(&without(row, &["id", "external_ref"])));
    }
    // Sorted by what they hold: ids that are made within a millisecond are in no order.
    let jobs = test.list("/v1/jobs").await;
    let mut jobs: Vec<_> = jobs.iter().map(|row| names.strip(row)).collect();
    jobs.sort();
    lines.extend(jobs);
    for row in trail(test).await {
        if between(start, text(&row, "occurred_at")) < 0 {
            continue;
        }
        // Whether the card is noted again depends on who is first: our task or the provider's event.
        if row["event_type"] == "credits.card_saved" {
            continue;
        }
        lines.push(format!("{} {}", row["event_type"], row["occurred_at"]));
    }
    let operator = operator(server());
    let accounts =
        format!("/internal/operator/account_balances?book={}:test", buyer.organization_id);
    let rows = operator.list(&accounts).await.into_iter();
    // The ledgers' names of accounts hold ids in another form.
    let rows = rows.map(|row| without(row, &["ledger_account"]));
    let mut accounts: Vec<_> = rows.map(|row| names.strip(&row)).collect();
    accounts.sort();
    lines.extend(accounts);
    lines.push(names.strip(&test.get("/v1/billing/credits").await.ok(200)));
    lines
}

#[tokio::test]
async fn four_hundred_days_at_once_leave_the_same_books_as_day_by_day() {
    let start = clock::rfc3339((clock::now() / 86_400.0).ceil() * 86_400.0 + 86_400.0);
    let ((buyer, test), (patient, by_day)) = tokio::join!(busy(&start), busy(&start));
    let began = Instant::now();
    ask(&test, &json!({"by_seconds": DAYS * DAY})).await.ok(202);
    arrived(&test).await;
    let took = began.elapsed();
    println!("400 days at once took {:.1} s", took.as_secs_f64());
    let began = Instant::now();
    for _day in 0..DAYS {
        advance(&by_day, DAY).await;
    }
    println!("400 days one by one took {:.1} s", began.elapsed().as_secs_f64());
    let (at_once, one_by_one) =
        (books(&start, &buyer, &test).await, books(&start, &patient, &by_day).await);
    for (one, other) in at_once.iter().zip(&one_by_one) {
        assert_eq!(one, other);
    }
    assert_eq!(at_once.len(), one_by_one.len());
    let ended = text(&test.get("/v1/test_clock").await.ok(200), "frozen_time").to_owned();
    println!("{} lines of the books are equal at {ended}", at_once.len());
    assert!(at_once.len() > 4_000, "too little has happened");
    binary::verify_database(&server().database_url);
    assert!(took < LIMIT, "400 days took {took:?}");
}
