//! The client: form-encoded requests with a version, an idempotency key, a time limit and retries.

use super::API_VERSION;
use bytes::Bytes;
use firsthand_domain::Timestamp;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use url::form_urlencoded::Serializer;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(20);
/// How often a request is made before its failure is reported; always under the same key.
const TRIES: u32 = 3;
/// The pause before the second try; the next one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// How many objects are asked for at once. A hundred with what is expanded in them could be more than an
/// answer may be long.
const PAGE: usize = 50;
/// The longest answer that is read.
const LONGEST: usize = 1 << 20;

/// Why the provider did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// The card was not charged.
    #[error("the card was declined: {0}")]
    Declined(String),
    /// The provider refused the request.
    #[error("the payment provider refused: {status} {code} {message}")]
    Refused {
        /// Its HTTP status.
        status: u16,
        /// Its code of the reason, or of its kind.
        code: String,
        /// Its words.
        message: String,
    },
    /// The provider can't be reached, is busy, or answered something unreadable.
    #[error("the payment provider does not answer: {0}")]
    Unreachable(String),
}

impl PaymentError {
    /// Says whether the same request may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// Returns the code with which the provider judged this very request, if it did. A refusal of our
    /// secret key or of the idempotency key says nothing of the money.
    pub fn verdict(&self) -> Option<&str> {
        match self {
            Self::Declined(code) => Some(code),
            Self::Refused { status: 400 | 402 | 404, code, .. } => {
                Some(code.as_str()).filter(|code| *code != "idempotency_error")
            }
            Self::Refused { .. } | Self::Unreachable(_) => None,
        }
    }
}

/// What a checkout is opened with.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Our id: it comes back with everything that happens to the payment, and begins the idempotency
    /// key.
    pub purchase_id: String,
    /// What is to be paid, in cents.
    pub amount: i64,
    /// What is bought, in words.
    pub product: String,
    /// The provider's customer, if there is one.
    pub customer: Option<String>,
    /// Where the buyer comes back to after paying.
    pub success_url: String,
    /// Where the buyer comes back to otherwise.
    pub cancel_url: String,
}

/// A checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutSession {
    /// The provider's id.
    pub id: String,
    /// The page where it is paid.
    pub url: String,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
}

/// What came of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The money came.
    Succeeded,
    /// The money may come.
    Processing,
    /// It is being confirmed, or never will be: the request that made it knows.
    Unfinished,
    /// Nothing comes of it, for this reason. So it is with one that waits for somebody to authenticate: nobody
    /// is there.
    Failed(String),
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's id.
    pub id: String,
    /// What came of it.
    pub standing: Standing,
    /// What was received, in cents.
    pub amount: i64,
    /// The purchase that it was made for.
    pub purchase_id: Option<String>,
    /// The provider's customer and payment method, if they were left for later.
    pub card: Option<(String, String)>,
}

/// One account at the provider.
#[derive(Clone)]
pub struct Account {
    base_url: String,
    secret_key: String,
    webhook_secret: String,
    pool: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

fn unreachable(error: impl fmt::Display) -> PaymentError {
    PaymentError::Unreachable(error.to_string())
}

pub(super) fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(ToOwned::to_owned)
}

pub(super) fn need(object: &Value, name: &str) -> Result<String, PaymentError> {
    text(object, name).ok_or_else(|| unreachable(format!("its answer has no {name}")))
}

fn standing(object: &Value) -> Standing {
    let status = text(object, "status").unwrap_or_default();
    let error = object.get("last_payment_error").unwrap_or(&Value::Null);
    let code = text(error, "decline_code").or_else(|| text(error, "code"));
    match (status.as_str(), code) {
        ("succeeded", _) => Standing::Succeeded,
        ("processing", _) => Standing::Processing,
        ("requires_confirmation", _) | ("requires_payment_method", None) => Standing::Unfinished,
        (_, code) => Standing::Failed(code.unwrap_or(status)),
    }
}

pub(super) fn payment(object: &Value) -> Result<Payment, PaymentError> {
    let card = text(object, "customer").zip(text(object, "payment_method"));
    let kept = text(object, "setup_future_usage").is_some_and(|usage| usage == "off_session");
    Ok(Payment {
        id: need(object, "id")?,
        standing: standing(object),
        amount: object.get("amount_received").and_then(Value::as_i64).unwrap_or(0),
        purchase_id: object.get("metadata").and_then(|metadata| text(metadata, "purchase_id")),
        card: card.filter(|_card| kept),
    })
}

/// Returns the idempotency key of a checkout. The form is in it: the provider refuses a key that comes with
/// another form, as it does when a repeat names other pages to come back to.
fn checkout_key(purchase_id: &str, form: &str) -> String {
    format!("{purchase_id}:{}", hex::encode(Sha256::digest(form)))
}

/// Returns the form that opens a checkout.
fn checkout(session: &NewSession) -> String {
    let amount = session.amount.to_string();
    let mut form = Serializer::new(String::new());
    form.append_pair("mode", "payment")
        .append_pair("client_reference_id", &session.purchase_id)
        .append_pair("metadata[purchase_id]", &session.purchase_id)
        .append_pair("payment_intent_data[metadata][purchase_id]", &session.purchase_id)
        .append_pair("payment_intent_data[setup_future_usage]", "off_session")
        .append_pair("line_items[0][quantity]", "1")
        .append_pair("line_items[0][price_data][currency]", "usd")
        .append_pair("line_items[0][price_data][unit_amount]", &amount)
        .append_pair("line_items[0][price_data][product_data][name]", &session.product)
        .append_pair("success_url", &session.success_url)
        .append_pair("cancel_url", &session.cancel_url);
    match &session.customer {
        Some(customer) => form.append_pair("customer", customer),
        None => form.append_pair("customer_creation", "always"),
    };
    form.finish()
}

/// Reads an answer: an object, or why there is none.
fn outcome(status: StatusCode, body: &[u8]) -> Result<Value, PaymentError> {
    let object: Value = serde_json::from_slice(body).map_err(unreachable)?;
    if status.is_success() {
        return Ok(object);
    }
    let error = object.get("error").cloned().unwrap_or_default();
    let message = text(&error, "message").unwrap_or_default();
    if text(&error, "type").is_some_and(|kind| kind == "card_error") {
        let code = text(&error, "decline_code").or_else(|| text(&error, "code"));
        return Err(PaymentError::Declined(code.unwrap_or_else(|| "card_declined".to_owned())));
    }
    // 409: another request under the same key is under way.
    if status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::CONFLICT
    {
        return Err(PaymentError::Unreachable(format!("status {status}")));
    }
    let kind = text(&error, "type").filter(|kind| kind == "idempotency_error");
    let code = kind.or_else(|| text(&error, "code")).unwrap_or_else(|| "refused".to_owned());
    Err(PaymentError::Refused { status: status.as_u16(), code, message })
}

impl Account {
    /// Makes a client of an account: the API's base URL, the secret key, and the secret that signs
    /// inbound events.
    ///
    /// # Errors
    /// If the TLS library does not support its own defaults.
    pub fn new(
        base_url: &str,
        secret_key: &str,
        webhook_secret: &str,
    ) -> Result<Self, PaymentError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(ring::default_provider())
            .map_err(unreachable)?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            secret_key: secret_key.to_owned(),
            webhook_secret: webhook_secret.to_owned(),
            pool: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Returns the secret that signs inbound events.
    pub fn webhook_secret(&self) -> &str {
        &self.webhook_secret
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        key: Option<&str>,
        form: &str,
    ) -> Result<Value, PaymentError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(AUTHORIZATION, format!("Bearer {}", self.secret_key))
            .header("stripe-version", API_VERSION);
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = Full::new(Bytes::copy_from_slice(form.as_bytes()));
        let request = request.body(body).map_err(unreachable)?;
        let response = self.pool.request(request).await.map_err(unreachable)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, LONGEST).collect().await.map_err(unreachable)?.to_bytes();
        outcome(parts.status, &body)
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        form: &str,
    ) -> Result<Value, PaymentError> {
        let (mut tries, mut pause) = (1, PAUSE);
        loop {
            let answer = tokio::time::timeout(LIMIT, self.once(&method, path, key, form)).await;
            match answer.unwrap_or_else(|_elapsed| Err(unreachable("time is over"))) {
                Err(error) if error.retryable() && tries < TRIES => {
                    tokio::time::sleep(pause).await;
                    (tries, pause) = (tries + 1, pause * 2);
                }
                answer => return answer,
            }
        }
    }

    /// Returns every object of a list, page by page; `path` has a query.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Value>, PaymentError> {
        let base = format!("{path}&limit={PAGE}");
        let mut objects: Vec<Value> = Vec::new();
        let mut path = base.clone();
        loop {
            let mut answer = self.send(Method::GET, &path, None, "").await?;
            let more = answer.get("has_more").and_then(Value::as_bool) == Some(true);
            let Some(Value::Array(page)) = answer.get_mut("data").map(Value::take) else {
                return Err(unreachable("its list has no data"));
            };
            let last = page.last().filter(|_last| more).map(|last| need(last, "id")).transpose()?;
            objects.extend(page);
            match last {
                Some(last) => path = format!("{base}&starting_after={last}"),
                None => return Ok(objects),
            }
        }
    }

    /// Opens a checkout. The same purchase with the same pages to come back to gets the same one.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn create_session(
        &self,
        session: &NewSession,
    ) -> Result<CheckoutSession, PaymentError> {
        let form = checkout(session);
        let path = "/v1/checkout/sessions";
        let key = checkout_key(&session.purchase_id, &form);
        let object = self.send(Method::POST, path, Some(&key), &form).await?;
        let seconds = object.get("expires_at").and_then(Value::as_i64);
        let expires_at = seconds
            .and_then(|seconds| seconds.checked_mul(1_000_000))
            .ok_or_else(|| unreachable("its answer has no expires_at"))?;
        Ok(CheckoutSession {
            id: need(&object, "id")?,
            url: need(&object, "url")?,
            expires_at: Timestamp::from_micros(expires_at),
        })
    }

    /// Returns a payment.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn payment(&self, id: &str) -> Result<Payment, PaymentError> {
        let path = format!("/v1/payment_intents/{id}");
        payment(&self.send(Method::GET, &path, None, "").await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_checkout_that_leads_back_elsewhere_has_a_key_of_its_own() {
        let session = |success_url: &str| NewSession {
            purchase_id: "pur_1".to_owned(),
            amount: 1_000,
            product: "1000 credits".to_owned(),
            customer: None,
            success_url: success_url.to_owned(),
            cancel_url: "https://buyer.example/no".to_owned(),
        };
        let key = |url: &str| checkout_key("pur_1", &checkout(&session(url)));
        assert_eq!(key("https://buyer.example/1"), key("https://buyer.example/1"));
        assert_ne!(key("https://buyer.example/1"), key("https://buyer.example/2"));
    }

    #[test]
    fn a_payment_stands_as_its_status_and_its_error_say() {
        let failed = |code: &str| Standing::Failed(code.to_owned());
        let refused = json!({"code": "card_declined", "decline_code": "insufficient_funds"});
        for (status, error, expected) in [
            ("succeeded", Value::Null, Standing::Succeeded),
            ("processing", Value::Null, Standing::Processing),
            ("requires_confirmation", Value::Null, Standing::Unfinished),
            ("requires_payment_method", Value::Null, Standing::Unfinished),
            ("requires_payment_method", refused, failed("insufficient_funds")),
            ("requires_payment_method", json!({"code": "expired_card"}), failed("expired_card")),
            ("requires_action", Value::Null, failed("requires_action")),
            ("canceled", Value::Null, failed("canceled")),
        ] {
            let object = json!({"id": "pi_1", "status": status, "last_payment_error": error});
            assert_eq!(payment(&object).unwrap().standing, expected, "{object}");
        }
    }

    #[test]
    fn what_is_about_a_key_is_no_verdict() {
        let body = |kind: &str, code: &str| {
            json!({"error": {"type": kind, "code": code, "message": ""}}).to_string()
        };
        for (status, kind, code, verdict) in [
            (402, "card_error", "card_declined", Some("card_declined")),
            (400, "invalid_request_error", "resource_missing", Some("resource_missing")),
            (404, "invalid_request_error", "resource_missing", Some("resource_missing")),
            (400, "idempotency_error", "", None),
            (401, "invalid_request_error", "api_key", None),
            (403, "invalid_request_error", "account_invalid", None),
            (409, "invalid_request_error", "lock_timeout", None),
            (429, "invalid_request_error", "rate_limit", None),
            (500, "api_error", "", None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = outcome(status, body(kind, code).as_bytes()).unwrap_err();
            assert_eq!(error.verdict(), verdict, "{status} {kind} {code}");
        }
    }
}
