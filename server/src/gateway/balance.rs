//! The balance, in Stripe's form: a transaction for every change, and payouts into the bank, which take all that
//! is there. Fees are Stripe's for American cards: 2.9 % and 30 cents of a charge, $15 of a dispute.

use super::api::{caller, id, missing, on_disk};
use super::{Gateway, now};
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use firsthand_domain::Environment;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Result;
use std::sync::Arc;

/// What a dispute costs.
const DISPUTE_FEE: i64 = 1_500;

/// What a list shows at most, and if nothing else is asked for.
const MOST: usize = 100;
const DEFAULT: usize = 10;

/// Keeps an object and the change of the balance that it made.
fn enter(gateway: &Gateway, kind: &str, source: &Value, (amount, fee): (i64, i64)) -> Result<()> {
    let named = source["id"].as_str().unwrap_or_default();
    gateway.shelf.put("objects", named, source)?;
    let name = id("txn");
    let transaction = json!({
        "id": name,
        "object": "balance_transaction",
        "type": kind,
        "amount": amount,
        "fee": fee,
        "net": amount - fee,
        "currency": "usd",
        "source": named,
        "payout": null,
        "livemode": source["livemode"],
        "created": now(),
    });
    gateway.shelf.put("objects", &name, &transaction)
}

/// Enters the charge of a payment.
pub(super) fn charge(gateway: &Gateway, payment: &Value) -> Result<()> {
    let amount = payment["amount_received"].as_i64().unwrap_or(0);
    let fee = (amount * 29 + 500) / 1_000 + 30;
    enter(gateway, "charge", &charge_of(payment), (amount, fee))
}

/// Returns the charge of a payment, as it stands.
pub(super) fn charge_of(payment: &Value) -> Value {
    let refunded = payment["amount_refunded"].as_i64().unwrap_or(0);
    json!({
        "id": payment["latest_charge"],
        "object": "charge",
        "amount": payment["amount_received"],
        "amount_refunded": refunded,
        "refunded": payment["amount_received"].as_i64() == Some(refunded),
        "payment_intent": payment["id"],
        "metadata": payment["metadata"],
        "currency": "usd",
        "livemode": payment["livemode"],
    })
}

/// Enters a refund; its fee is not given back.
pub(super) fn refund(gateway: &Gateway, refund: &Value) -> Result<()> {
    let amount = refund["amount"].as_i64().unwrap_or(0);
    enter(gateway, "refund", refund, (-amount, 0))
}

/// Enters what a dispute takes, or gives back.
pub(super) fn dispute(gateway: &Gateway, dispute: &Value) -> Result<()> {
    let amount = dispute["amount"].as_i64().unwrap_or(0);
    let won = dispute["status"] == "won";
    let change = if won { (amount, 0) } else { (-amount, DISPUTE_FEE) };
    enter(gateway, "adjustment", dispute, change)
}

/// Enters a transfer.
pub(super) fn transfer(gateway: &Gateway, transfer: &Value) -> Result<()> {
    let amount = transfer["amount"].as_i64().unwrap_or(0);
    enter(gateway, "transfer", transfer, (-amount, 0))
}

/// Enters what was taken back of a transfer.
pub(super) fn reversal(gateway: &Gateway, reversal: &Value) -> Result<()> {
    let amount = reversal["amount"].as_i64().unwrap_or(0);
    enter(gateway, "transfer_refund", reversal, (amount, 0))
}

/// Returns the transactions of an environment, newest first.
fn all(gateway: &Gateway, live: bool) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for name in gateway.shelf.names("objects")? {
        if name.starts_with("txn_")
            && let Some(transaction) = gateway.shelf.get("objects", &name)?
            && transaction["livemode"] == live
        {
            all.push(transaction);
        }
    }
    all.sort_by_key(|transaction| {
        let id = transaction["id"].as_str().unwrap_or_default().to_owned();
        Reverse((transaction["created"].as_i64(), id))
    });
    Ok(all)
}

/// `POST /v1/test_helpers/payouts`: pays all of the balance into the bank, as Stripe does every day.
pub(super) async fn pay_out(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    let Some(keys) = caller(&gateway, &headers) else { return missing("key") };
    let live = keys.environment == Environment::Live;
    on_disk(|| {
        let _changing = gateway.shelf.change();
        let (name, mut amount) = (id("po"), 0);
        for mut transaction in all(&gateway, live)? {
            // What was paid out before is gone already.
            if transaction["payout"].is_null() && transaction["type"] != "payout" {
                amount += transaction["net"].as_i64().unwrap_or(0);
                transaction["payout"] = json!(name);
                let own = transaction["id"].as_str().unwrap_or_default().to_owned();
                gateway.shelf.put("objects", &own, &transaction)?;
            }
        }
        let payout = json!({
            "id": name,
            "object": "payout",
            "amount": amount,
            "arrival_date": now(),
            "automatic": true,
            "currency": "usd",
            "status": "paid",
            "livemode": live,
            "created": now(),
        });
        enter(&gateway, "payout", &payout, (-amount, 0))?;
        gateway.tell("payout.paid", &payout)?;
        Ok(Json(payout).into_response())
    })
}

/// Puts the object that a field names in its place.
fn expand(gateway: &Gateway, object: &mut Value, field: &str) -> Result<()> {
    if let Some(name) = object[field].as_str()
        && let Some(found) = gateway.shelf.get("objects", name)?
    {
        object[field] = found;
    }
    Ok(())
}

/// `GET /v1/balance_transactions`: of a `payout`, or all; with `created[lt]` only older ones; `expand[]` knows
/// `data.source` and what is in it.
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(keys) = caller(&gateway, &headers) else { return missing("key") };
    let live = keys.environment == Environment::Live;
    let query = query.unwrap_or_default();
    let fields: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let wanted: BTreeMap<&str, &str> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expanded = |what: &str| fields.iter().any(|(name, of)| name == "expand[]" && of == what);
    let limit = wanted.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(DEFAULT);
    on_disk(|| {
        let mut rows = all(&gateway, live)?;
        if let Some(payout) = wanted.get("payout") {
            // The payout's own transaction is among them.
            rows.retain(|row| row["payout"] == *payout || row["source"] == *payout);
        }
        if let Some(end) = wanted.get("created[lt]").and_then(|end| end.parse::<i64>().ok()) {
            rows.retain(|row| row["created"].as_i64().is_some_and(|created| created < end));
        }
        if let Some(last) = wanted.get("starting_after") {
            let place = rows.iter().position(|row| row["id"] == *last);
            rows.drain(..place.map_or(rows.len(), |place| place + 1));
        }
        let limit = limit.clamp(1, MOST);
        let more = rows.len() > limit;
        rows.truncate(limit);
        for row in &mut rows {
            if expanded("data.source") {
                expand(&gateway, row, "source")?;
            }
            for inner in ["charge", "transfer"] {
                if expanded(&format!("data.source.{inner}")) && row["source"].is_object() {
                    expand(&gateway, &mut row["source"], inner)?;
                }
            }
        }
        let url = "/v1/balance_transactions";
        let list = json!({"object": "list", "data": rows, "has_more": more, "url": url});
        Ok(Json(list).into_response())
    })
}
