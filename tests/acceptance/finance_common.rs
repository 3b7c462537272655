//! What the tests of finance share: a book with every kind of movement, and time that has passed.

use crate::common::worker;
use firsthand_tests::shape::{int, text};
use firsthand_tests::{Api, Balance, Buyer, Server, media};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const TRANSACTIONS: &str = "/v1/billing/transactions";

/// Calls with the operator's token.
pub fn operator(server: &Server) -> Api {
    Api::anonymous(&server.base_url).with_token(&server.operator_token)
}

/// Makes the book move in every way: grants, holds, an approval, and refunds of a rest and of all. One
/// job goes on holding 40 cents.
pub async fn moved(buyer: &Buyer) {
    let partly = buyer.photo_job(3, 75).await;
    let cancelled = buyer.photo_job(2, 50).await;
    buyer.photo_job(1, 40).await;
    worker().await.deliver_approved(&partly, &media::sharp(media::seed())).await;
    buyer.cancel(&partly).await.ok(200);
    buyer.cancel(&cancelled).await.ok(200);
}

/// The book's movements, oldest first.
pub async fn movements(buyer: &Buyer) -> Vec<Value> {
    let mut rows = buyer.api.list(TRANSACTIONS).await;
    rows.reverse();
    rows
}

/// The balance that an answer shows.
pub fn amounts(view: &Value) -> Balance {
    let balance =
        Balance { available: int(view, "available_cents"), held: int(view, "held_cents") };
    assert_eq!(int(view, "total_cents"), balance.available + balance.held, "{view}");
    balance
}

/// What a movement left.
pub fn left(row: &Value) -> Balance {
    Balance { available: int(row, "balance_after_cents"), held: int(row, "held_after_cents") }
}

/// Entries of an export in newline-delimited JSON.
pub async fn entries(api: &Api, query: &str) -> Vec<Value> {
    let reply = api.get(&format!("/v1/billing/export?format=ndjson{query}")).await;
    assert_eq!(reply.status, 200, "{reply}");
    reply.text().lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// What entries leave on each account that does not end at zero.
pub fn sums(entries: &[Value]) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for entry in entries {
        for posting in entry["postings"].as_array().expect("postings") {
            *sums.entry(text(posting, "account").to_owned()).or_default() +=
                int(posting, "amount_cents");
        }
    }
    sums.retain(|_, cents: &mut i64| *cents != 0);
    sums
}

/// What the operator sees on each account of a book that does not stand at zero, as debits.
pub async fn stood(server: &Server, buyer: &Buyer, as_of: Option<&str>) -> BTreeMap<String, i64> {
    let as_of = as_of.map_or(String::new(), |at| format!("&as_of={at}"));
    let path =
        format!("/internal/operator/account_balances?book={}:live{as_of}", buyer.organization_id);
    let rows = operator(server).list(&path).await;
    rows.iter()
        .map(|row| (text(row, "ledger_account").to_owned(), -int(row, "balance_cents")))
        .filter(|(_, cents)| *cents != 0)
        .collect()
}

/// Runs statements as the database's owner, behind the service's back.
pub async fn sql(server: &Server, statements: &str) {
    let (client, connection) = tokio_postgres::connect(&server.database_url, tokio_postgres::NoTls)
        .await
        .expect("a database");
    tokio::spawn(connection);
    client.batch_execute(statements).await.expect("the statements run");
}

/// Lets so many days pass for all that is recorded: what was written a moment ago was written then.
/// Only for a server of the test's own: its leaves no longer match.
pub async fn days_pass(server: &Server, days: i64) {
    let micros = days * 86_400_000_000;
    sql(
        server,
        &format!(
            "update events set recorded_at = recorded_at - {micros};
             update credit_transactions set created_at = created_at - {micros};
             update credit_lots set created_at = created_at - {micros};"
        ),
    )
    .await;
}

/// A grant with these words.
pub async fn granted(server: &Server, buyer: &Buyer, cents: i64, reason: &str) {
    let body = json!({
        "organization_id": buyer.organization_id,
        "amount_cents": cents,
        "reason": reason,
    });
    operator(server).post("/internal/operator/grants", &body).await.ok(201);
}
