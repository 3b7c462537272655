//! What the tests of purchases begin with: checkouts, payments, and the embedded gateway's API.

use crate::http::{Api, Reply};
use crate::shape::text;
use crate::{Server, Wait};
use serde_json::{Value, json};

/// Where a checkout is opened.
pub const PURCHASE: &str = "/v1/billing/credits/purchase";
/// Where purchases are listed.
pub const PURCHASES: &str = "/v1/billing/purchases";

/// Opens a checkout.
pub async fn opened(api: &Api, amount: i64) -> Value {
    api.post(PURCHASE, &json!({"amount_cents": amount})).await.ok(200)
}

/// Pays a checkout on its page.
pub async fn checkout(session: &Value, card: &str) -> Reply {
    let url = text(session, "checkout_url");
    let (base, path) = url.split_once("/checkout/").expect("a checkout's URL");
    let body = if card.is_empty() { json!({}) } else { json!({"card": card}) };
    Api::anonymous(base).post(&format!("/checkout/{path}/pay"), &body).await
}

/// A purchase once it is as wanted.
pub async fn once(api: &Api, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut wait = Wait::until(what);
    loop {
        let seen = api.get(&format!("{PURCHASES}/{id}")).await.ok(200);
        if wanted(&seen) {
            return seen;
        }
        wait.not_yet(&seen).await;
    }
}

/// A purchase once it is paid.
pub async fn paid(api: &Api, id: &str) -> Value {
    once(api, id, "the purchase is paid", |seen| seen["status"] == "paid").await
}

/// Buys a pack and returns the purchase's id.
pub async fn bought(api: &Api, amount: i64) -> String {
    bought_with(api, amount, "").await
}

/// [`bought`] with a card.
pub async fn bought_with(api: &Api, amount: i64, card: &str) -> String {
    let session = opened(api, amount).await;
    checkout(&session, card).await.ok(200);
    let id = text(&session, "id").to_owned();
    paid(api, &id).await;
    id
}

/// Refunds a purchase, wholly or in part, and waits until so much is gone.
pub async fn refunded(api: &Api, server: &Server, id: &str, amount: Option<i64>, gone: i64) {
    let seen = api.get(&format!("{PURCHASES}/{id}")).await.ok(200);
    let mut form = format!("payment_intent={}", text(&seen, "external_ref"));
    if let Some(amount) = amount {
        form = format!("{form}&amount={amount}");
    }
    server.gateway(true).post_form("/v1/refunds", &form).await.ok(200);
    once(api, id, "the refund is booked", |seen| seen["charged_back_cents"] == gone).await;
}

/// Disputes a purchase, or ends its dispute in our favour, and waits until so much is gone. Returns what the
/// gateway calls the dispute.
pub async fn disputed(
    (api, server): (&Api, &Server),
    id: &str,
    won: Option<&str>,
    gone: i64,
) -> String {
    let seen = api.get(&format!("{PURCHASES}/{id}")).await.ok(200);
    let mut form = format!("payment_intent={}", text(&seen, "external_ref"));
    if let Some(dispute) = won {
        form = format!("{form}&dispute={dispute}");
    }
    let gateway = server.gateway(true);
    let dispute = gateway.post_form("/v1/test_helpers/disputes", &form).await.ok(200);
    once(api, id, "the dispute is booked", |seen| seen["charged_back_cents"] == gone).await;
    text(&dispute, "id").to_owned()
}

/// POSTs bytes with a Stripe signature.
pub async fn raw_post(server: &Server, path: &str, signature: &str, body: &str) -> Reply {
    Api::anonymous(&server.base_url).post_signed(path, signature, body).await
}
