//! The gateway's API, in Stripe's form: form-encoded requests, JSON objects, idempotency keys.

use super::{Gateway, Keys, balance, now};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use firsthand_domain::Environment;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a checkout can be paid.
const DAY: i64 = 86_400;

/// An error in Stripe's form.
pub(super) fn error(status: StatusCode, kind: &str, code: &str, message: &str) -> Response {
    let error = json!({"error": {"type": kind, "code": code, "message": message}});
    (status, Json(error)).into_response()
}

fn failed(problem: &std::io::Error) -> Response {
    tracing::error!(error = problem as &dyn std::error::Error, "the embedded gateway failed");
    error(StatusCode::INTERNAL_SERVER_ERROR, "api_error", "internal", "the gateway failed")
}

pub(super) fn missing(what: &str) -> Response {
    let message = format!("No such object or parameter: {what}");
    error(StatusCode::BAD_REQUEST, "invalid_request_error", "resource_missing", &message)
}

/// Runs what reads and writes files.
pub(super) fn on_disk(work: impl FnOnce() -> std::io::Result<Response>) -> Response {
    tokio::task::block_in_place(work).unwrap_or_else(|problem| failed(&problem))
}

pub(super) fn caller<'a>(gateway: &'a Gateway, headers: &HeaderMap) -> Option<&'a Keys> {
    let bearer = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    let matches = |keys: &&Keys| firsthand_adapters::secrets::equal(&keys.secret_key, bearer);
    gateway.keys.iter().find(matches)
}

/// A form's fields; `a[b]` keeps its spelling.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn cents(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok().filter(|cents| *cents > 0)
    }

    /// The fields under `prefix[…]`.
    pub(super) fn map(&self, prefix: &str) -> Value {
        let fields = self.0.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(prefix)?.strip_prefix('[')?.strip_suffix(']')?;
            Some((name.to_owned(), Value::from(value.as_str())))
        });
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

/// A new id.
pub(super) fn id(prefix: &str) -> String {
    format!("{prefix}_{}", hex::encode(rand::random::<[u8; 12]>()))
}

/// Answers a request that creates something: under one key only once, and only for the form that the key
/// came with first.
pub(super) fn create(
    gateway: &Gateway,
    (headers, form): (&HeaderMap, &Form),
    make: impl FnOnce(&Keys) -> std::io::Result<(StatusCode, Value)>,
) -> Response {
    let Some(keys) = caller(gateway, headers) else {
        let message = "Invalid API Key provided";
        return error(StatusCode::UNAUTHORIZED, "invalid_request_error", "api_key", message);
    };
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let key = key.map(|key| hex::encode(Sha256::digest(format!("{}:{key}", keys.secret_key))));
    let form = json!(form.0);
    on_disk(|| {
        let _changing = gateway.shelf.change();
        if let Some(key) = &key
            && let Some(known) = gateway.shelf.get("keys", key)?
        {
            // What was kept before forms were has none.
            if known["form"].is_object() && known["form"] != form {
                let message = "Keys for idempotent requests can only be used with the same \
                               parameters they were first used with.";
                let kind = "idempotency_error";
                return Ok(error(StatusCode::BAD_REQUEST, kind, kind, message));
            }
            let status = known["status"].as_u64().and_then(|status| u16::try_from(status).ok());
            let status = status.and_then(|status| StatusCode::from_u16(status).ok());
            let status = status.unwrap_or(StatusCode::OK);
            return Ok((status, Json(known["body"].clone())).into_response());
        }
        let (status, body) = make(keys)?;
        if let Some(key) = &key {
            let answer = json!({"status": status.as_u16(), "body": body, "form": form});
            gateway.shelf.put("keys", key, &answer)?;
        }
        Ok((status, Json(body)).into_response())
    })
}

/// `POST /v1/checkout/sessions`
pub(super) async fn create_session(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    let Some(amount) = form.cents("line_items[0][price_data][unit_amount]") else {
        return missing("line_items[0][price_data][unit_amount]");
    };
    create(&gateway, (&headers, &form), |keys| {
        let live = keys.environment == Environment::Live;
        let id = id(if live { "cs_live" } else { "cs_test" });
        let session = json!({
            "id": id,
            "object": "checkout.session",
            "mode": "payment",
            "status": "open",
            "payment_status": "unpaid",
            "amount_total": amount,
            "currency": "usd",
            "client_reference_id": form.text("client_reference_id"),
            "metadata": form.map("metadata"),
            "payment_intent_data": {
                "metadata": form.map("payment_intent_data[metadata]"),
                "setup_future_usage": form.text("payment_intent_data[setup_future_usage]"),
            },
            "product": form.text("line_items[0][price_data][product_data][name]"),
            "customer": form.text("customer"),
            "payment_intent": null,
            "livemode": live,
            "created": now(),
            "expires_at": now() + DAY,
            "success_url": form.text("success_url"),
            "cancel_url": form.text("cancel_url"),
            "url": format!("{}/checkout/{id}", gateway.base_url),
        });
        gateway.shelf.put("objects", &id, &session)?;
        Ok((StatusCode::OK, session))
    })
}

/// `GET` of a checkout session, payment, charge, dispute, transfer or payout.
pub(super) async fn retrieve(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(keys) = caller(&gateway, &headers) else { return missing("key") };
    let live = keys.environment == Environment::Live;
    on_disk(|| match gateway.shelf.get("objects", &id)? {
        Some(object) if object["livemode"] == live => Ok(Json(object).into_response()),
        _ => Ok(missing(&id)),
    })
}

/// Lists all objects whose ids begin so, on one page; `wanted` is a field and what it must be, if it was asked for.
pub(super) fn objects(
    gateway: &Gateway,
    headers: &HeaderMap,
    (prefix, url): (&str, &str),
    (field, wanted): (&str, Option<&String>),
) -> Response {
    let Some(keys) = caller(gateway, headers) else { return missing("key") };
    let live = keys.environment == Environment::Live;
    on_disk(|| {
        let mut data = Vec::new();
        for name in gateway.shelf.names("objects")? {
            if !name.starts_with(prefix) {
                continue;
            }
            let Some(object) = gateway.shelf.get("objects", &name)? else { continue };
            let asked = wanted.is_none_or(|wanted| object[field] == wanted.as_str());
            if asked && object["livemode"] == live {
                data.push(object);
            }
        }
        let list = json!({"object": "list", "data": data, "has_more": false, "url": url});
        Ok(Json(list).into_response())
    })
}

/// `GET /v1/payment_intents?customer=…`
pub(super) async fn list_payments(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let kind = ("pi_", "/v1/payment_intents");
    objects(&gateway, &headers, kind, ("customer", query.get("customer")))
}

/// `POST /v1/checkout/sessions/{id}/expire`
pub(super) async fn expire_session(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if caller(&gateway, &headers).is_none() {
        return missing("key");
    }
    on_disk(|| {
        let _changing = gateway.shelf.change();
        let Some(mut session) = gateway.shelf.get("objects", &id)? else {
            return Ok(missing(&id));
        };
        if session["status"] != "open" {
            return Ok(missing("an open session"));
        }
        session["status"] = json!("expired");
        gateway.shelf.put("objects", &id, &session)?;
        gateway.tell("checkout.session.expired", &session)?;
        Ok(Json(session).into_response())
    })
}

/// `POST /v1/payment_intents`: charges a card that was left with a checkout.
pub(super) async fn create_payment(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    let Some(amount) = form.cents("amount") else { return missing("amount") };
    create(&gateway, (&headers, &form), |keys| {
        let method = form.text("payment_method").unwrap_or_default();
        let card = gateway.shelf.get("objects", method)?.unwrap_or_default();
        if card["customer"].as_str() != form.text("customer") || card["declines_later"] == true {
            let error = json!({"error": {
                "type": "card_error",
                "code": "card_declined",
                "decline_code": "generic_decline",
                "message": "Your card was declined.",
            }});
            return Ok((StatusCode::PAYMENT_REQUIRED, error));
        }
        let payment = json!({
            "id": id("pi"),
            "object": "payment_intent",
            "amount": amount,
            "amount_received": amount,
            "currency": "usd",
            "customer": form.text("customer"),
            "payment_method": method,
            "setup_future_usage": null,
            "status": "succeeded",
            "metadata": form.map("metadata"),
            "latest_charge": id("ch"),
            "livemode": keys.environment == Environment::Live,
            "created": now(),
        });
        let name = payment["id"].as_str().unwrap_or_default();
        gateway.shelf.put("objects", name, &payment)?;
        balance::charge(&gateway, &payment)?;
        if card["answer_lost_later"] == true {
            let error = json!({"error": {"type": "api_error", "message": "Something went wrong."}});
            return Ok((StatusCode::INTERNAL_SERVER_ERROR, error));
        }
        gateway.tell("payment_intent.succeeded", &payment)?;
        Ok((StatusCode::OK, payment))
    })
}

/// `POST /v1/refunds`: `payment_intent`, and `amount` for a part of it.
pub(super) async fn create_refund(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    if caller(&gateway, &headers).is_none() {
        return missing("key");
    }
    on_disk(|| {
        let _changing = gateway.shelf.change();
        let name = form.text("payment_intent").unwrap_or_default();
        let Some(mut payment) = gateway.shelf.get("objects", name)? else {
            return Ok(missing("payment_intent"));
        };
        let received = payment["amount_received"].as_i64().unwrap_or(0);
        let before = payment["amount_refunded"].as_i64().unwrap_or(0);
        let amount = form.cents("amount").unwrap_or(received - before);
        if amount <= 0 || amount > received - before {
            return Ok(missing("an amount that is left"));
        }
        payment["amount_refunded"] = json!(before + amount);
        gateway.shelf.put("objects", name, &payment)?;
        let charge = balance::charge_of(&payment);
        gateway.shelf.put("objects", charge["id"].as_str().unwrap_or_default(), &charge)?;
        let refund = json!({
            "id": id("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "payment_intent": name,
            "status": "succeeded",
            "livemode": payment["livemode"],
        });
        balance::refund(&gateway, &refund)?;
        gateway.tell("charge.refunded", &charge)?;
        Ok(Json(refund).into_response())
    })
}

/// `POST /v1/test_helpers/disputes`: `payment_intent`; with `dispute` of an earlier one, it is won.
pub(super) async fn dispute(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    if caller(&gateway, &headers).is_none() {
        return missing("key");
    }
    on_disk(|| {
        let _changing = gateway.shelf.change();
        let name = form.text("payment_intent").unwrap_or_default();
        let Some(payment) = gateway.shelf.get("objects", name)? else {
            return Ok(missing("payment_intent"));
        };
        let won = form.text("dispute");
        let dispute = json!({
            "id": won.map_or_else(|| id("du"), ToOwned::to_owned),
            "object": "dispute",
            "amount": payment["amount_received"],
            "currency": "usd",
            "charge": payment["latest_charge"],
            "payment_intent": name,
            "metadata": {},
            "status": if won.is_some() { "won" } else { "needs_response" },
            "livemode": payment["livemode"],
        });
        balance::dispute(&gateway, &dispute)?;
        let happened = if won.is_some() { "funds_reinstated" } else { "funds_withdrawn" };
        gateway.tell(&format!("charge.dispute.{happened}"), &dispute)?;
        Ok(Json(dispute).into_response())
    })
}
