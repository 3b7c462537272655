//! `GET /v1/billing/export`: the journal in four formats. `cargo xtask ledgers` has foreign programs read them.

use crate::common::{buyer, server, worker};
use crate::finance_common::{entries, granted, moved, movements, stood, sums};
use firsthand_tests::purchase::{PURCHASES, bought, refunded};
use firsthand_tests::shape::{assert_id, int, text};
use firsthand_tests::{Buyer, clock, media};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const EXPORT: &str = "/v1/billing/export";
const HEADER: &str = "entry_id,recorded_at,event_type,type,position,leg,account,amount,currency,\
                      description,job_id,submission_id,lot_id,environment,external_ref";

/// A book that moved in every way.
async fn book() -> Buyer {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    moved(&buyer).await;
    buyer
}

/// The cents of a decimal with two places.
fn cents(text: &str) -> i64 {
    let (whole, places) = text.split_once('.').expect("a decimal point");
    assert_eq!(places.len(), 2, "{text}");
    let magnitude: i64 =
        format!("{}{places}", whole.trim_start_matches('-')).parse().expect("digits");
    if text.starts_with('-') { -magnitude } else { magnitude }
}

/// What the postings of a plain-text journal leave on each account: lines of an account, blanks, an
/// amount and a currency.
fn plain_sums(text: &str) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        if let [account, amount, "USD"] = line.split_whitespace().collect::<Vec<_>>()[..]
            && amount.contains('.')
            && line.starts_with("  ")
        {
            *sums.entry(account.to_owned()).or_default() += cents(amount);
        }
    }
    sums.retain(|_, cents: &mut i64| *cents != 0);
    sums
}

/// Fields of a record without quotes.
fn fields(line: &str) -> Vec<&str> {
    assert!(!line.contains('"'), "{line}");
    line.split(',').collect()
}

async fn export(buyer: &Buyer, query: &str) -> String {
    let reply = buyer.get(&format!("{EXPORT}?{query}")).await;
    assert_eq!(reply.status, 200, "{reply}");
    reply.text()
}

#[tokio::test]
async fn every_movement_is_an_entry_that_balances() {
    let buyer = book().await;
    let (entries, rows) = (entries(&buyer.api, "").await, movements(&buyer).await);
    assert_eq!(entries.len(), rows.len());
    for (entry, row) in entries.iter().zip(&rows) {
        for field in
            ["id", "type", "description", "job_id", "submission_id", "lot_id", "external_ref"]
        {
            assert_eq!(entry[field], row[field], "{entry}");
        }
        assert_eq!(entry["recorded_at"], row["created_at"]);
        assert!(text(entry, "event_type").starts_with("credits."), "{entry}");
        assert_id(&entry["id"], "crtx");
        let postings = entry["postings"].as_array().expect("postings");
        assert!(postings.len() >= 2, "{entry}");
        assert_eq!(postings.iter().map(|leg| int(leg, "amount_cents")).sum::<i64>(), 0, "{entry}");
        for leg in postings {
            assert_eq!(cents(text(leg, "amount")), int(leg, "amount_cents"), "{leg}");
        }
    }
}

#[tokio::test]
async fn what_the_entries_leave_is_what_the_accounts_hold() {
    let buyer = book().await;
    let left = sums(&entries(&buyer.api, "").await);
    assert_eq!(left, stood(server(), &buyer, None).await);
    let branch = |name: &str| -> i64 {
        left.iter().filter(|(account, _)| account.starts_with(name)).map(|(_, cents)| cents).sum()
    };
    let balance = buyer.balance().await;
    assert_eq!(branch("Liabilities:Credits:Available:"), -balance.available);
    assert_eq!(branch("Liabilities:Credits:Escrow:"), -balance.held);
    assert_eq!(branch("Liabilities:Workers:"), -60);
    assert_eq!(branch("Income:Platform-Revenue"), -15);
    assert_eq!(branch("Expenses:Promotions"), 1_000);
}

#[tokio::test]
async fn the_four_formats_say_the_same() {
    let buyer = book().await;
    let expected = sums(&entries(&buyer.api, "").await);
    for format in ["hledger", "beancount"] {
        let text = export(&buyer, &format!("format={format}")).await;
        assert_eq!(plain_sums(&text), expected, "{format}: {text}");
    }
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for line in export(&buyer, "format=csv").await.split_terminator("\r\n").skip(1) {
        let fields = fields(line);
        *sums.entry(fields[6].to_owned()).or_default() += cents(fields[7]);
    }
    sums.retain(|_, cents| *cents != 0);
    assert_eq!(sums, expected);
}

#[tokio::test]
async fn a_sheet_has_a_header_and_ends_its_lines_as_the_standard_says() {
    let buyer = book().await;
    let reply = buyer.get(EXPORT).await;
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let name = format!("attachment; filename=\"firsthand-{}-live.csv\"", buyer.organization_id);
    assert_eq!(reply.header("content-disposition"), Some(name.as_str()));
    let sheet = reply.text();
    assert_eq!(sheet.split_terminator("\r\n").next(), Some(HEADER));
    assert!(sheet.ends_with("\r\n") && !sheet.replace("\r\n", "").contains(['\r', '\n']));
    for line in sheet.split_terminator("\r\n") {
        assert_eq!(fields(line).len(), 15, "{line}");
    }
}

#[tokio::test]
async fn words_can_neither_run_as_a_formula_nor_break_a_format() {
    let buyer = Buyer::unverified(server()).await;
    granted(server(), &buyer, 100, "=HYPERLINK(\"http://example.test\"), \\ ; now\r\n+1").await;
    let sheet = export(&buyer, "format=csv").await;
    let quoted = "\"'=HYPERLINK(\"\"http://example.test\"\"), \\ ; now  +1\"";
    assert!(sheet.contains(quoted), "{sheet}");
    assert_eq!(sheet.lines().count(), 3, "{sheet}");
    let hledger = export(&buyer, "format=hledger").await;
    assert!(hledger.contains("=HYPERLINK(\"http://example.test\"), \\ , now  +1\n"), "{hledger}");
    let beancount = export(&buyer, "format=beancount").await;
    let escaped = "\"=HYPERLINK(\\\"http://example.test\\\"), \\\\ ; now  +1\"\n";
    assert!(beancount.contains(escaped), "{beancount}");
    let [entry] = &entries(&buyer.api, "").await[..] else { panic!("one entry") };
    assert_eq!(entry["description"], "=HYPERLINK(\"http://example.test\"), \\ ; now  +1");
}

#[tokio::test]
async fn a_range_begins_with_what_was_there_and_ends_with_what_is_there() {
    let buyer = book().await;
    let rows = movements(&buyer).await;
    let all = entries(&buyer.api, "").await;
    for (first, last) in [(0, 4), (3, 3), (2, 6), (5, rows.len() - 1)] {
        let (from, to) = (text(&rows[first], "created_at"), text(&rows[last], "created_at"));
        let range = entries(&buyer.api, &format!("&from={from}&to={to}")).await;
        // From its beginning and before its end.
        let ids = |entries: &[Value]| -> Vec<String> {
            entries.iter().map(|entry| text(entry, "id").to_owned()).collect()
        };
        let within = range.iter().filter(|entry| entry["id"] != "opening").cloned();
        assert_eq!(ids(&within.collect::<Vec<_>>()), ids(&all[first..last]));
        assert_eq!(sums(&range), sums(&all[..last]), "{first} to {last}");
        let opening: Vec<&Value> = range.iter().filter(|entry| entry["id"] == "opening").collect();
        assert_eq!(opening.len(), usize::from(first > 0), "{range:?}");
        for format in ["hledger", "beancount"] {
            let text = export(&buyer, &format!("format={format}&from={from}&to={to}")).await;
            assert_eq!(plain_sums(&text), sums(&range), "{format}: {text}");
        }
    }
}

#[tokio::test]
async fn what_was_paid_and_went_back_bears_the_names_that_the_provider_gave_it() {
    let buyer = Buyer::unverified(server()).await;
    let id = bought(&buyer.api, 2_500).await;
    refunded(&buyer.api, server(), &id, Some(1_000), 1_000).await;
    let rows = movements(&buyer).await;
    let types: Vec<&str> = rows.iter().map(|row| text(row, "type")).collect();
    assert_eq!(types, ["purchase", "bonus", "chargeback"]);
    let payment = buyer.get(&format!("{PURCHASES}/{id}")).await.ok(200);
    let (payment, refund) = (text(&payment, "external_ref"), text(&rows[2], "external_ref"));
    assert!(payment.starts_with("pi_") && refund.starts_with("ch_"), "{payment} {refund}");
    let lines: Vec<Value> = entries(&buyer.api, "").await;
    let named: Vec<&str> = lines.iter().map(|entry| text(entry, "external_ref")).collect();
    assert_eq!(named, [payment, payment, refund]);
    for line in export(&buyer, "format=csv").await.split_terminator("\r\n").skip(1) {
        let fields = fields(line);
        let row = rows.iter().find(|row| row["id"] == fields[0]).expect("its movement");
        assert_eq!(fields[14], text(row, "external_ref"), "{line}");
    }
    let hledger = export(&buyer, "format=hledger").await;
    let beancount = export(&buyer, "format=beancount").await;
    for (reference, times) in [(payment, 2), (refund, 1)] {
        let tag = format!("    ; external_ref:{reference}\n");
        assert_eq!(hledger.matches(&tag).count(), times, "{hledger}");
        let metadata = format!("  external_ref: \"{reference}\"\n");
        assert_eq!(beancount.matches(&metadata).count(), times, "{beancount}");
    }
}

#[tokio::test]
async fn a_day_stands_for_its_beginning() {
    let buyer = Buyer::free(server()).await;
    let tomorrow = &clock::in_seconds(86_400.0)[..10];
    let all = entries(&buyer.api, "&from=2020-01-01").await;
    assert_eq!(all.len(), 1);
    assert_eq!(entries(&buyer.api, &format!("&to={tomorrow}")).await, all);
    assert!(entries(&buyer.api, "&to=2020-01-01").await.is_empty());
    let [opening] = &entries(&buyer.api, &format!("&from={tomorrow}")).await[..] else {
        panic!("only an opening")
    };
    assert_eq!(sums(std::slice::from_ref(opening)), sums(&all));
}

#[tokio::test]
async fn a_journal_of_several_pages_is_whole() {
    let buyer = Buyer::free(server()).await;
    for _ in 0..260 {
        let job = buyer.photo_job(1, 10).await;
        buyer.cancel(&job).await.ok(200);
    }
    let entries = entries(&buyer.api, "").await;
    assert_eq!(entries.len(), 521);
    let positions: Vec<i64> = entries.iter().map(|entry| int(entry, "position")).collect();
    assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "out of order");
    assert_eq!(sums(&entries), stood(server(), &buyer, None).await);
    let hledger = export(&buyer, "format=hledger").await;
    assert_eq!(hledger.lines().filter(|line| line.starts_with("    ; id:")).count(), 521);
}

#[tokio::test]
async fn an_empty_book_exports_nothing() {
    let buyer = Buyer::unverified(server()).await;
    assert!(entries(&buyer.api, "").await.is_empty());
    assert_eq!(export(&buyer, "format=csv").await, format!("{HEADER}\r\n"));
    for format in ["hledger", "beancount"] {
        assert!(plain_sums(&export(&buyer, &format!("format={format}")).await).is_empty());
    }
}

#[tokio::test]
async fn workers_go_by_the_names_that_the_buyer_knows() {
    let (buyer, worker) = (buyer().await, worker().await);
    let job = buyer.photo_job(1, 75).await;
    let submission = worker.deliver_approved(&job, &media::sharp(media::seed())).await;
    let known = buyer.submission(text(&submission, "id")).await;
    let known = text(&known, "worker_id").trim_start_matches("wkr_").to_owned();
    let own = worker.id.trim_start_matches("wkr_").to_owned();
    assert_ne!(known, own);
    for format in ["csv", "ndjson", "hledger", "beancount"] {
        let text = export(&buyer, &format!("format={format}")).await;
        assert!(text.contains(&format!("Liabilities:Workers:{known}")), "{format}: {text}");
        assert!(!text.contains(&own), "{format}: {text}");
    }
}

#[tokio::test]
async fn books_are_exported_apart() {
    let (buyer, other) = (book().await, book().await);
    let test = buyer.test_api().await;
    let mine = export(&buyer, "format=ndjson").await;
    for row in movements(&other).await {
        assert!(!mine.contains(text(&row, "id")), "{row}");
    }
    let lots: Vec<Value> = entries(&test, "").await;
    assert!(lots.iter().all(|entry| entry["environment"] == "test"), "{lots:?}");
    assert!(lots.iter().all(|entry| !mine.contains(text(entry, "id"))), "{lots:?}");
}

#[tokio::test]
async fn what_can_not_be_exported_is_refused() {
    let buyer = buyer().await;
    for (query, field) in [
        ("format=xlsx", "format"),
        ("from=2026", "from"),
        ("to=tomorrow", "to"),
        ("from=2026-02-01&to=2026-01-01", "to"),
    ] {
        buyer.get(&format!("{EXPORT}?{query}")).await.invalid(field);
    }
    let known = json!(["csv", "ndjson", "hledger", "beancount"]);
    for format in known.as_array().expect("a list") {
        export(&buyer, &format!("format={}", format.as_str().expect("a name"))).await;
    }
}
