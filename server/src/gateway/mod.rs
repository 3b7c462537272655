//! The embedded payment gateway of `dev` and `demo` (spec section 21): the little of Stripe's wire
//! form that the product uses, a page where a checkout is paid, and signed events that arrive
//! exactly as Stripe would send them. No money moves.

mod api;
mod balance;
mod notify;
mod page;
mod shelf;
mod transfers;

use crate::instance::Instance;
use anyhow::{Context, Result};
use axum::Router;
use axum::routing::{get, post};
use firsthand_adapters::payments::{Account, Payments};
use firsthand_domain::Environment;
use serde_json::{Value, json};
use shelf::Shelf;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where the gateway's API is, on the service's own address.
const API: &str = "/embedded/payments";

/// What the gateway shares.
#[derive(Debug)]
pub(crate) struct Gateway {
    shelf: Shelf,
    /// Where the service is reached.
    base_url: String,
    keys: [Keys; 2],
    /// Told when there is an event to send.
    waiting: Notify,
}

/// The secrets of one environment.
#[derive(Debug, Clone)]
struct Keys {
    environment: Environment,
    secret_key: String,
    webhook_secret: String,
}

impl Gateway {
    /// Opens the gateway's shelf in the data directory; it is reached at `base_url`.
    pub(crate) fn open(instance: &Instance, base_url: &str) -> Result<Arc<Self>> {
        let keys = |environment: Environment| -> Result<Keys> {
            let name = environment.as_str();
            let secret = |kind: &str| instance.secret(&format!("payments.{name}.{kind}"));
            Ok(Keys {
                environment,
                secret_key: format!("sk_{name}_{}", secret("key")?),
                webhook_secret: format!("whsec_{}", secret("webhook")?),
            })
        };
        Ok(Arc::new(Self {
            shelf: Shelf::open(&instance.dir.join("payments"))
                .context("the embedded gateway's directory can't be opened")?,
            base_url: base_url.to_owned(),
            keys: [keys(Environment::Live)?, keys(Environment::Test)?],
            waiting: Notify::new(),
        }))
    }

    fn keys(&self, livemode: bool) -> &Keys {
        let [live, test] = &self.keys;
        if livemode { live } else { test }
    }

    /// Returns the secret that signs events of real money.
    pub(crate) fn webhook_secret(&self) -> &str {
        &self.keys(true).webhook_secret
    }

    /// Returns the accounts with which the service reaches this gateway.
    pub(crate) fn accounts(&self) -> Result<Payments> {
        let url = format!("{}{API}", self.base_url);
        let account = |livemode| {
            let keys = self.keys(livemode);
            Account::new(&url, &keys.secret_key, &keys.webhook_secret)
        };
        Ok(Payments { live: Some(account(true)?), test: Some(account(false)?) })
    }

    /// Returns the gateway's routes.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let api = Router::new()
            .route("/v1/checkout/sessions", post(api::create_session))
            .route("/v1/checkout/sessions/{id}", get(api::retrieve))
            .route("/v1/checkout/sessions/{id}/expire", post(api::expire_session))
            .route("/v1/payment_intents", post(api::create_payment).get(api::list_payments))
            .route("/v1/payment_intents/{id}", get(api::retrieve))
            .route("/v1/refunds", post(api::create_refund))
            .route("/v1/transfers", post(transfers::create_transfer).get(transfers::list))
            .route("/v1/transfers/{id}", get(api::retrieve))
            .route("/v1/transfers/{id}/reversals", post(transfers::reverse))
            .route("/v1/charges/{id}", get(api::retrieve))
            .route("/v1/disputes/{id}", get(api::retrieve))
            .route("/v1/payouts/{id}", get(api::retrieve))
            .route("/v1/balance_transactions", get(balance::list))
            .route("/v1/test_helpers/disputes", post(api::dispute))
            .route("/v1/test_helpers/payouts", post(balance::pay_out));
        Router::new()
            .nest(API, api)
            .route("/checkout/{id}", get(page::show))
            .route("/checkout/{id}/pay", post(page::pay))
            .with_state(Arc::clone(self))
    }

    /// Sends events until told to stop, those of an earlier run first.
    pub(crate) fn send_events(
        self: &Arc<Self>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<()> {
        let client = crate::client::Client::new(&self.base_url, None)?;
        let (gateway, stop) = (Arc::clone(self), stop.clone());
        tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => (),
                () = notify::run(&gateway, &client) => (),
            }
        });
        Ok(())
    }

    /// Owes an event; it is sent until it is taken.
    fn tell(&self, event_type: &str, object: &Value) -> std::io::Result<()> {
        let id = format!("evt_{}", ulid_now());
        let event = json!({
            "id": id,
            "object": "event",
            "api_version": firsthand_adapters::payments::API_VERSION,
            "created": now(),
            "type": event_type,
            "livemode": object["livemode"],
            "data": {"object": object},
        });
        self.shelf.put("events", &id, &event)?;
        self.waiting.notify_one();
        Ok(())
    }
}

/// Seconds since the epoch.
fn now() -> i64 {
    firsthand_adapters::clock::system().unix_seconds()
}

fn ulid_now() -> String {
    firsthand_adapters::ids::mint(firsthand_adapters::clock::system()).to_string()
}
