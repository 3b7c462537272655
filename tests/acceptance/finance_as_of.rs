//! `GET /v1/billing/credits?as_of=` and the movements between two instants.

use crate::common::{buyer, server};
use crate::finance_common::{TRANSACTIONS, amounts, left, moved, movements};
use firsthand_tests::shape::{assert_part, text};
use firsthand_tests::{Balance, Buyer, clock};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn at(buyer: &Buyer, instant: &str) -> Value {
    let body = buyer.get(&format!("/v1/billing/credits?as_of={instant}")).await.ok(200);
    assert_eq!(body["as_of"], instant, "{body}");
    body
}

/// The next instant that can be recorded, within the same second and as the service writes it.
fn a_microsecond_after(instant: &str) -> String {
    let (second, fraction) = instant.trim_end_matches('Z').split_once('.').unwrap_or((instant, ""));
    let micros: u32 = format!("{fraction:0<6}").parse().expect("microseconds");
    let next = format!("{second}.{:06}", (micros + 1).min(999_999));
    format!("{}Z", next.trim_end_matches('0').trim_end_matches('.'))
}

#[tokio::test]
async fn at_each_movement_the_balance_is_what_it_left() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    moved(&buyer).await;
    let rows = movements(&buyer).await;
    assert!(rows.len() >= 8, "{rows:?}");
    for row in &rows {
        let body = at(&buyer, text(row, "created_at")).await;
        assert_eq!(amounts(&body), left(row), "{row}");
        assert_eq!(body["balance_cents"], row["balance_after_cents"]);
        assert_eq!(body["updated_at"], row["created_at"]);
    }
    let last = rows.last().expect("a movement");
    assert_eq!(left(last), buyer.balance().await);
}

#[tokio::test]
async fn between_two_movements_the_balance_is_what_the_first_left() {
    let buyer = Buyer::free(server()).await;
    buyer.photo_job(2, 75).await;
    let rows = movements(&buyer).await;
    let between = a_microsecond_after(text(&rows[0], "created_at"));
    assert!(between.as_str() < text(&rows[1], "created_at"), "{between} {rows:?}");
    let body = at(&buyer, &between).await;
    assert_eq!(amounts(&body), Balance { available: 250, held: 0 });
    assert_eq!(buyer.balance().await, Balance { available: 100, held: 150 });
}

#[tokio::test]
async fn before_the_first_movement_there_is_nothing() {
    let buyer = buyer().await;
    for instant in ["2001-09-09T01:46:40Z", "1969-12-31T23:59:59Z"] {
        let body = at(&buyer, instant).await;
        assert_eq!(amounts(&body), Balance { available: 0, held: 0 });
        assert_part(
            &body,
            &json!({"object": "credit_balance", "updated_at": null, "auto_top_up": null}),
        );
    }
}

#[tokio::test]
async fn the_alias_answers_alike() {
    let buyer = buyer().await;
    let now = text(&movements(&buyer).await[0], "created_at").to_owned();
    let [credits, balance] = ["credits", "balance"]
        .map(|name| format!("/v1/billing/{name}?as_of={now}"))
        .map(|path| buyer.api.request(reqwest::Method::GET, &path).send());
    assert_eq!(credits.await.ok(200), balance.await.ok(200));
}

#[tokio::test]
async fn the_future_and_what_is_no_time_are_refused() {
    let buyer = buyer().await;
    for instant in [clock::in_seconds(3_600.0), "2026-03".to_owned(), "yesterday".to_owned()] {
        buyer.get(&format!("/v1/billing/credits?as_of={instant}")).await.invalid("as_of");
    }
}

#[tokio::test]
async fn without_an_instant_the_balance_is_of_now() {
    let body = buyer().await.get("/v1/billing/credits").await.ok(200);
    assert_eq!(body.get("as_of"), Some(&Value::Null));
}

#[tokio::test]
async fn instants_cut_the_list_of_movements_without_loss() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    moved(&buyer).await;
    let rows = movements(&buyer).await;
    let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    for (index, row) in rows.iter().enumerate() {
        let instant = text(row, "created_at");
        let list = async |bound: &str| {
            let mut found = buyer.api.list(&format!("{TRANSACTIONS}?{bound}={instant}")).await;
            found.reverse();
            ids(&found)
        };
        // The movement itself is neither before nor after its own instant.
        assert_eq!(list("created_before").await, ids(&rows[..index]));
        assert_eq!(list("created_after").await, ids(&rows[index + 1..]));
    }
    let (first, last) = (text(&rows[0], "created_at"), text(&rows[4], "created_at"));
    let path = format!("{TRANSACTIONS}?created_after={first}&created_before={last}&type=hold");
    let found = buyer.api.list(&path).await;
    assert!(!found.is_empty() && found.iter().all(|row| row["type"] == "hold"), "{found:?}");
    assert!(found.iter().all(|row| rows[1..4].contains(row)), "{found:?}");
}

#[tokio::test]
async fn a_day_as_both_bounds_is_that_day() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    moved(&buyer).await;
    let rows = movements(&buyer).await;
    let days: BTreeSet<_> = rows.iter().map(|row| &text(row, "created_at")[..10]).collect();
    let mut found = 0;
    for day in days {
        let path = format!("{TRANSACTIONS}?created_after={day}&created_before={day}");
        found += buyer.api.list(&path).await.len();
    }
    assert_eq!(found, rows.len());
}

#[tokio::test]
async fn a_page_goes_on_within_its_instants() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    moved(&buyer).await;
    let rows = movements(&buyer).await;
    let after = text(&rows[0], "created_at");
    let path = format!("{TRANSACTIONS}?created_after={after}&limit=2");
    let mut seen = Vec::new();
    let mut next = path.clone();
    loop {
        let page = buyer.get(&next).await.page();
        seen.extend(page.ids());
        let Some(cursor) = page.next_cursor else { break };
        next = format!("{path}&cursor={cursor}");
    }
    let mut expected: Vec<&str> = rows[1..].iter().map(|row| text(row, "id")).collect();
    expected.reverse();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn bounds_that_are_no_times_are_refused() {
    let buyer = buyer().await;
    for bound in ["created_after", "created_before"] {
        buyer.get(&format!("{TRANSACTIONS}?{bound}=soon")).await.invalid(bound);
    }
}

#[tokio::test]
async fn the_movements_of_a_job_are_listed_by_its_id() {
    let buyer = buyer().await;
    let job = buyer.photo_job(1, 75).await;
    buyer.photo_job(1, 30).await;
    buyer.cancel(&job).await.ok(200);
    let rows = buyer.api.list(&format!("{TRANSACTIONS}?job_id={job}")).await;
    let types: Vec<&str> = rows.iter().map(|row| text(row, "type")).collect();
    assert_eq!(types, ["refund", "hold"]);
    assert!(rows.iter().all(|row| row["job_id"] == job.as_str()));
}
