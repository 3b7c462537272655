//! Transfers to workers' accounts, in Stripe's form. What an account's id ends with decides what
//! happens: `Closed` and `NoFunds` are refused; with `Lost` the transfer is made, but its answer is an
//! error and no event tells of it; to every other account it just works.

use super::api::{Form, caller, create, id, missing, objects, on_disk};
use super::{Gateway, balance, now};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use firsthand_domain::Environment;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

fn refusal(code: &str, message: &str) -> Value {
    json!({"error": {"type": "invalid_request_error", "code": code, "message": message}})
}

/// `POST /v1/transfers`
pub(super) async fn create_transfer(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    let Some(amount) = form.cents("amount") else { return missing("amount") };
    let Some(destination) = form.text("destination").filter(|id| id.starts_with("acct_")) else {
        return missing("destination");
    };
    create(&gateway, (&headers, &form), |keys| {
        if destination.ends_with("Closed") {
            let error = refusal("account_invalid", "The account is closed.");
            return Ok((StatusCode::BAD_REQUEST, error));
        }
        if destination.ends_with("NoFunds") {
            let error = refusal("balance_insufficient", "Insufficient funds in your account.");
            return Ok((StatusCode::BAD_REQUEST, error));
        }
        let name = id("tr");
        let transfer = json!({
            "id": name,
            "object": "transfer",
            "amount": amount,
            "amount_reversed": 0,
            "currency": "usd",
            "destination": destination,
            "destination_payment": id("py"),
            "metadata": form.map("metadata"),
            "reversed": false,
            "transfer_group": form.text("transfer_group"),
            "livemode": keys.environment == Environment::Live,
            "created": now(),
        });
        balance::transfer(&gateway, &transfer)?;
        if destination.ends_with("Lost") {
            let error = json!({"error": {"type": "api_error", "message": "Something went wrong."}});
            return Ok((StatusCode::INTERNAL_SERVER_ERROR, error));
        }
        gateway.tell("transfer.created", &transfer)?;
        Ok((StatusCode::OK, transfer))
    })
}

/// `GET /v1/transfers?transfer_group=…`
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let kind = ("tr_", "/v1/transfers");
    objects(&gateway, &headers, kind, ("transfer_group", query.get("transfer_group")))
}

/// `POST /v1/transfers/{id}/reversals`: all that is left of it, or `amount`.
pub(super) async fn reverse(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    if caller(&gateway, &headers).is_none() {
        return missing("key");
    }
    on_disk(|| {
        let _changing = gateway.shelf.change();
        let found = gateway.shelf.get("objects", &name)?;
        let Some(mut transfer) = found.filter(|found| found["object"] == "transfer") else {
            return Ok(missing(&name));
        };
        let whole = transfer["amount"].as_i64().unwrap_or(0);
        let before = transfer["amount_reversed"].as_i64().unwrap_or(0);
        let amount = form.cents("amount").unwrap_or(whole - before);
        if amount <= 0 || amount > whole - before {
            return Ok(missing("an amount that is left"));
        }
        transfer["amount_reversed"] = json!(before + amount);
        transfer["reversed"] = json!(before + amount == whole);
        gateway.shelf.put("objects", &name, &transfer)?;
        let reversal = json!({
            "id": id("trr"),
            "object": "transfer_reversal",
            "amount": amount,
            "currency": "usd",
            "transfer": name,
            "livemode": transfer["livemode"],
            "created": now(),
        });
        balance::reversal(&gateway, &reversal)?;
        gateway.tell("transfer.reversed", &transfer)?;
        Ok(Json(reversal).into_response())
    })
}
