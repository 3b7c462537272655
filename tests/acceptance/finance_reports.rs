//! What the operator sees of all books: trial balance, ageing of escrow, deferred revenue.

use crate::clock_common::{DAY, made, stalled};
use crate::common::{buyer, server};
use crate::finance_common::{
    amounts, days_pass, entries, granted, moved, movements, operator, sql, stood, sums,
};
use firsthand_tests::shape::{assert_part, int, text};
use firsthand_tests::{Balance, Buyer, DataDir, Options, Server, clock, eventually};
use serde_json::{Value, json};

const REPORTS: &str = "/internal/operator";

async fn report(server: &Server, path: &str) -> Value {
    operator(server).get(&format!("{REPORTS}/{path}")).await.ok(200)
}

/// The balance of a kind of account.
fn kind(report: &Value, name: &str) -> i64 {
    let rows = report["accounts"].as_array().expect("accounts");
    rows.iter().find(|row| row["account"] == name).map_or(0, |row| int(row, "balance_cents"))
}

/// One row of a list, by a field.
fn row<'v>(list: &'v Value, field: &str, value: &str) -> &'v Value {
    let rows = list.as_array().expect("a list");
    rows.iter().find(|row| row[field] == value).unwrap_or_else(|| panic!("no {value} in {list}"))
}

/// When the book's last movement was recorded.
async fn last_instant(buyer: &Buyer) -> String {
    let rows = movements(buyer).await;
    text(rows.last().expect("a movement"), "created_at").to_owned()
}

#[tokio::test]
async fn every_report_needs_the_operators_token() {
    let buyer = buyer().await;
    for name in ["trial_balance", "account_balances", "escrow_ageing", "deferred_revenue"] {
        let path = format!("{REPORTS}/{name}?book={}:live", buyer.organization_id);
        buyer.get(&path).await.refused(401, "unauthorized");
        buyer.api.without_token().get(&path).await.refused(401, "unauthorized");
        operator(server()).get(&path).await.ok(200);
    }
}

#[tokio::test]
async fn a_parameter_that_means_nothing_is_refused() {
    let future = clock::in_seconds(3_600.0);
    for (path, field) in [
        ("trial_balance?book=acme".to_owned(), "book"),
        (format!("trial_balance?as_of={future}"), "as_of"),
        ("escrow_ageing?as_of=soon".to_owned(), "as_of"),
        (format!("deferred_revenue?as_of={future}"), "as_of"),
        ("escrow_ageing?limit=0".to_owned(), "limit"),
        ("account_balances?book=acme".to_owned(), "book"),
    ] {
        operator(server()).get(&format!("{REPORTS}/{path}")).await.invalid(field);
    }
}

#[tokio::test]
async fn the_trial_balance_of_a_book_is_zero_at_every_movement() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    moved(&buyer).await;
    let book = format!("trial_balance?book={}:live", buyer.organization_id);
    for row in movements(&buyer).await {
        let path = format!("{book}&as_of={}", text(&row, "created_at"));
        let then = report(server(), &path).await;
        assert_eq!(then["sum_cents"], 0, "{then}");
        assert_eq!(then["as_of"], row["created_at"]);
        assert_eq!(kind(&then, "available"), int(&row, "balance_after_cents"), "{then}");
        assert_eq!(kind(&then, "escrow"), int(&row, "held_after_cents"), "{then}");
    }
    let now = report(server(), &book).await;
    for (account, cents) in [
        ("available", 885),
        ("escrow", 40),
        ("worker_payable", 60),
        ("platform_revenue", 15),
        ("promotions", -1_000),
    ] {
        assert_eq!(kind(&now, account), cents, "{account} in {now}");
    }
    let before = report(server(), &format!("{book}&as_of=2020-01-01T00:00:00Z")).await;
    assert_part(&before, &json!({"accounts": [], "sum_cents": 0}));
}

#[tokio::test]
async fn the_accounts_of_a_book_are_those_of_its_journal_then() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    moved(&buyer).await;
    let rows = movements(&buyer).await;
    let all = entries(&buyer.api, "").await;
    for (index, row) in rows.iter().enumerate() {
        let then = stood(server(), &buyer, Some(text(row, "created_at"))).await;
        assert_eq!(then, sums(&all[..=index]), "after {row}");
    }
    let path = format!("{REPORTS}/account_balances?book={}:live&limit=2", buyer.organization_id);
    let page = operator(server()).get(&path).await.page();
    assert_eq!((page.data.len(), page.next_cursor.is_some()), (2, true));
}

#[tokio::test]
async fn the_trial_balance_of_all_books_is_zero_now_and_then() {
    let server = Server::start(Options::ephemeral()).await;
    let other = Buyer::free(&server).await;
    other.grant_in("test", 700).await;
    let buyer = Buyer::with_balance(&server, 1_000).await;
    let then = last_instant(&buyer).await;
    buyer.photo_job(3, 75).await;
    let now = report(&server, "trial_balance").await;
    assert_eq!(
        (kind(&now, "available"), kind(&now, "escrow"), &now["sum_cents"]),
        (1_725, 225, &json!(0))
    );
    let past = report(&server, &format!("trial_balance?as_of={then}")).await;
    assert_eq!(
        (kind(&past, "available"), kind(&past, "escrow"), &past["sum_cents"]),
        (1_950, 0, &json!(0))
    );
    let test = report(&server, "trial_balance?environment=test").await;
    assert_eq!((kind(&test, "available"), &test["sum_cents"]), (700, &json!(0)));
}

#[tokio::test]
async fn held_money_is_shown_by_its_age() {
    let server = Server::start(Options::ephemeral()).await;
    let buyer = Buyer::with_balance(&server, 1_000).await;
    let oldest = buyer.photo_job(1, 40).await;
    let finished = buyer.photo_job(1, 90).await;
    days_pass(&server, 30).await;
    buyer.cancel(&finished).await.ok(200);
    let second = buyer.photo_job(2, 30).await;
    days_pass(&server, 10).await;
    buyer.photo_job(1, 20).await;
    days_pass(&server, 3).await;
    let youngest = buyer.photo_job(1, 10).await;
    let ageing = report(&server, "escrow_ageing?limit=2").await;
    assert_eq!(int(&ageing, "held_cents"), buyer.balance().await.held);
    for (age, cents) in [("30+ d", 40), ("7-30 d", 60), ("1-7 d", 20), ("0-1 d", 10)] {
        let bucket = row(&ageing["buckets"], "age", age);
        assert_part(bucket, &json!({"job_count": 1, "held_cents": cents}));
    }
    let jobs: Vec<&Value> = ageing["jobs"].as_array().expect("jobs").iter().collect();
    assert_eq!(jobs.len(), 2, "{ageing}");
    assert_eq!((&jobs[0]["job_id"], &jobs[1]["job_id"]), (&json!(oldest), &json!(second)));
    assert_eq!(jobs[0]["book"], format!("{}:live", buyer.organization_id));
    assert_eq!(ageing["has_more"], true);
    // Two days ago the youngest job was not there, and the others were younger.
    let then = clock::in_seconds(-2.0 * 86_400.0);
    let ageing = report(&server, &format!("escrow_ageing?as_of={then}")).await;
    assert_eq!(int(&ageing, "held_cents"), 120, "{ageing}");
    assert!(!ageing.to_string().contains(&youngest), "{ageing}");
    assert_eq!(row(&ageing["buckets"], "age", "1-7 d")["held_cents"], 20);
}

#[tokio::test]
async fn unspent_credits_are_told_by_origin_now_and_then() {
    let server = Server::start(Options::ephemeral()).await;
    let buyer = Buyer::free(&server).await;
    buyer.grant_in("test", 5_000).await;
    granted(&server, &buyer, 750, "welcome back").await;
    let then = last_instant(&buyer).await;
    buyer.photo_job(4, 75).await;
    let now = report(&server, "deferred_revenue").await;
    let unspent = |report: &Value, origin: &str| {
        let row = row(&report["by_origin"], "origin", origin);
        assert_eq!(row["paid"], false);
        amounts(&row["unspent"])
    };
    // The free grant was issued first and expires first.
    assert_eq!(unspent(&now, "free_tier"), Balance { available: 0, held: 250 });
    assert_eq!(unspent(&now, "promotional"), Balance { available: 700, held: 50 });
    assert_eq!(amounts(&now["total"]), Balance { available: 700, held: 300 });
    assert_eq!(amounts(&now["paid"]), Balance { available: 0, held: 0 });
    let past = report(&server, &format!("deferred_revenue?as_of={then}")).await;
    assert_eq!(unspent(&past, "free_tier"), Balance { available: 250, held: 0 });
    assert_eq!(unspent(&past, "promotional"), Balance { available: 750, held: 0 });
    for report in [&now, &past] {
        assert_eq!(report["total"], report["journal"], "{report}");
        let expected = report["expected_breakage"].as_array().expect("months");
        let sum: i64 = expected.iter().map(|row| int(row, "promotional_cents")).sum();
        assert_eq!(sum, amounts(&report["total"]).available, "all of it expires in a year");
        assert_eq!(report["breakage"], json!([]));
    }
    let never = report(&server, "deferred_revenue?as_of=2020-01-01T00:00:00Z").await;
    assert_eq!(amounts(&never["total"]), Balance { available: 0, held: 0 });
    let test = report(&server, "deferred_revenue?environment=test").await;
    assert!(amounts(&test["total"]).available >= 5_000, "{test}");
    assert_eq!(test["total"], test["journal"]);
}

#[tokio::test]
async fn a_sandbox_with_a_clock_is_in_reports_of_many_books_by_real_time() {
    let server = Server::start(Options::ephemeral()).await;
    let buyer = Buyer::new(&server).await;
    let test = buyer.test_api().await;
    let month = (30 * DAY) as f64;
    made(&test, &clock::in_seconds(month)).await;
    let before = clock::in_seconds(-0.001);
    let deferred = async |query: &str| {
        let report = report(&server, &format!("deferred_revenue?environment=test{query}")).await;
        assert_eq!(report["total"], report["journal"], "{report}");
        amounts(&report["total"])
    };
    let had = deferred("").await.available;
    // By its own clock it is granted and held in a month.
    buyer.grant_in("test", 5_000).await;
    stalled(&test, 10, &clock::in_seconds(2.0 * month)).await;
    assert_eq!(deferred("").await, Balance { available: had + 4_990, held: 10 });
    let then = deferred(&format!("&as_of={before}")).await;
    assert_eq!(then, Balance { available: had, held: 0 });

    let (soon, later) = (clock::in_seconds(DAY as f64), clock::in_seconds(29.0 * DAY as f64));
    let since = async |query: &str| {
        let ageing = report(&server, &format!("escrow_ageing?{query}")).await;
        assert_eq!(row(&ageing["buckets"], "age", "0-1 d")["held_cents"], 10, "{ageing}");
        text(&ageing["jobs"][0], "held_since").to_owned()
    };
    assert!(since("environment=test").await < soon);
    assert!(since(&format!("book={}:test", buyer.organization_id)).await > later);
}

#[tokio::test]
async fn what_has_expired_is_breakage_of_its_month() {
    let data = DataDir::new();
    let server = Server::start(Options::at(&data.path())).await;
    let buyer = Buyer::free(&server).await;
    // A year passes for the grant, before the service starts again and looks.
    sql(
        &server,
        "update streams set state = convert_to(regexp_replace(convert_from(state, 'UTF8'),
           '\"expires_at\":\"[0-9]{4}', '\"expires_at\":\"2020', 'g'), 'UTF8')
         where kind = 'credits'",
    )
    .await;
    server.stop().await;
    let server = Server::start(Options::at(&data.path())).await;
    let buyer = buyer.with_base_url(&server.base_url);
    let expired = eventually("the grant expires", async || {
        // Each time: the reactor may set the timer only now.
        sql(&server, "update timers set due_at = 1 where stream like 'credits:%'").await;
        let rows = buyer.api.list("/v1/billing/transactions?type=expiration").await;
        rows.first().cloned().ok_or(json!(rows))
    })
    .await;
    let deferred = report(&server, "deferred_revenue").await;
    let month = &text(&expired, "created_at")[..7];
    assert_eq!(deferred["breakage"], json!([{"month": month, "amount_cents": 250}]));
    assert_eq!(amounts(&deferred["total"]), Balance { available: 0, held: 0 });
    let before = text(&movements(&buyer).await[0], "created_at").to_owned();
    let then = report(&server, &format!("deferred_revenue?as_of={before}")).await;
    assert_eq!(then["breakage"], json!([]));
    assert_eq!(amounts(&then["total"]), Balance { available: 250, held: 0 });
    let left = sums(&entries(&buyer.api, "").await);
    assert_eq!(left.get("Income:Breakage"), Some(&-250));
    server.stop().await;
}
