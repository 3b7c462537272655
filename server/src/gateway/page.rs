//! The page where a checkout is paid. The test cards are Stripe's: 4242 4242 4242 4242 works,
//! 4000 0000 0000 0002 is declined, 4000 0000 0000 0341 works here and is declined when it is
//! charged later. One is ours: 4000 0000 0000 5001 works here; when it is charged later the payment is
//! made, but the answer is an error and no event tells of it.

use super::api::{error, id, on_disk};
use super::{Gateway, balance, now};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

const DECLINED: &str = "4000000000000002";
const DECLINED_LATER: &str = "4000000000000341";
const ANSWER_LOST_LATER: &str = "4000000000005001";

fn html(title: &str, inner: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <body style=\"font-family:sans-serif;max-width:30rem;margin:4rem auto\">\
         <h1>{title}</h1>{inner}<p><small>Embedded gateway: no money moves.</small></p>"
    ))
}

fn no_such_page() -> Response {
    (StatusCode::NOT_FOUND, html("No such checkout", "")).into_response()
}

fn dollars(session: &Value) -> String {
    let cents = session["amount_total"].as_i64().unwrap_or(0);
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// `GET /checkout/{id}`
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
) -> Response {
    on_disk(|| {
        let found = gateway.shelf.get("objects", &name)?;
        let Some(session) = found.filter(|found| found["object"] == "checkout.session") else {
            return Ok(no_such_page());
        };
        if session["status"] != "open" {
            return Ok(html("This checkout is closed", "").into_response());
        }
        let inner = format!(
            "<p>{} in credits</p><form method=\"post\" action=\"/checkout/{name}/pay\">\
             <label>Card <input name=\"card\" value=\"4242424242424242\" inputmode=\"numeric\">\
             </label> <button>Pay</button></form>",
            dollars(&session)
        );
        Ok(html("Pay for credits", &inner).into_response())
    })
}

/// Reads the card's number from JSON or a form; none means the card that works.
fn card(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let json = parsed.and_then(|body| body["card"].as_str().map(ToOwned::to_owned));
    let form = || {
        let mut fields = url::form_urlencoded::parse(body).into_owned();
        fields.find(|(name, _)| name == "card").map(|(_, value)| value)
    };
    let number = json.or_else(form).unwrap_or_default();
    number.chars().filter(char::is_ascii_digit).collect()
}

/// Books the payment of an open session: the payment, the card that is left, the event.
fn settle(gateway: &Gateway, mut session: Value, card: &str) -> std::io::Result<Value> {
    let live = session["livemode"].clone();
    let customer = session["customer"].as_str().map_or_else(|| id("cus"), ToOwned::to_owned);
    let method = id("pm");
    let left = json!({
        "id": method,
        "object": "payment_method",
        "customer": customer,
        "declines_later": card == DECLINED_LATER,
        "answer_lost_later": card == ANSWER_LOST_LATER,
        "livemode": live,
    });
    let payment = json!({
        "id": id("pi"),
        "object": "payment_intent",
        "amount": session["amount_total"],
        "amount_received": session["amount_total"],
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "setup_future_usage": session["payment_intent_data"]["setup_future_usage"],
        "status": "succeeded",
        "metadata": session["payment_intent_data"]["metadata"],
        "latest_charge": id("ch"),
        "livemode": live,
        "created": now(),
    });
    session["status"] = json!("complete");
    session["payment_status"] = json!("paid");
    session["customer"] = json!(customer);
    session["payment_intent"] = payment["id"].clone();
    let name = |object: &Value| object["id"].as_str().unwrap_or_default().to_owned();
    gateway.shelf.put("objects", &method, &left)?;
    gateway.shelf.put("objects", &name(&payment), &payment)?;
    balance::charge(gateway, &payment)?;
    // The event before the session: whoever is killed between pays again, and it is booked once.
    gateway.tell("checkout.session.completed", &session)?;
    gateway.shelf.put("objects", &name(&session), &session)?;
    Ok(session)
}

/// `POST /checkout/{id}/pay`: pays it. Paying a paid one changes nothing.
pub(super) async fn pay(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let card = card(&body);
    let person = headers
        .get("accept")
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    on_disk(|| {
        let _changing = gateway.shelf.change();
        let found = gateway.shelf.get("objects", &name)?;
        let Some(session) = found.filter(|found| found["object"] == "checkout.session") else {
            return Ok(no_such_page());
        };
        let over = session["expires_at"].as_i64().is_none_or(|end| end <= now());
        let session = if session["status"] == "complete" {
            session
        } else if session["status"] != "open" || over {
            let message = "This checkout is closed.";
            let kind = "invalid_request_error";
            return Ok(error(StatusCode::CONFLICT, kind, "session_expired", message));
        } else if card == DECLINED {
            let message = "Your card was declined.";
            let status = StatusCode::PAYMENT_REQUIRED;
            return Ok(error(status, "card_error", "card_declined", message));
        } else {
            settle(&gateway, session, &card)?
        };
        if person {
            return Ok(html("Paid", "<p>Thank you. You can close this page.</p>").into_response());
        }
        Ok(Json(json!({
            "id": session["id"],
            "status": session["status"],
            "payment_intent": session["payment_intent"],
        }))
        .into_response())
    })
}
