//! Purchases on the wire.

use firsthand_domain::ids::PurchaseId;
use firsthand_domain::purchases::{Purchase, PurchaseKind, Session};
use firsthand_domain::{Book, Cents, Environment, Timestamp};
use serde::Serialize;

fn environment(purchase: &Purchase) -> Environment {
    match purchase.book {
        Book::Organization(_, environment) => environment,
        Book::Worker(_) => Environment::Test,
    }
}

fn credits(purchase: &Purchase) -> Cents {
    [purchase.amount, purchase.bonus].into_iter().sum()
}

/// Where a purchase is paid. Holds nothing that changes, so that a repeat gets the same bytes.
#[derive(Debug, Serialize)]
pub(crate) struct CheckoutView {
    object: &'static str,
    id: PurchaseId,
    checkout_url: String,
    amount_cents: Cents,
    bonus_cents: Cents,
    credits_cents: Cents,
    currency: &'static str,
    livemode: bool,
    expires_at: Timestamp,
}

impl CheckoutView {
    /// Makes the view.
    pub(crate) fn new(id: PurchaseId, purchase: &Purchase, session: &Session) -> Self {
        Self {
            object: "checkout_session",
            id,
            checkout_url: session.url.clone(),
            amount_cents: purchase.amount,
            bonus_cents: purchase.bonus,
            credits_cents: credits(purchase),
            currency: "usd",
            livemode: environment(purchase) == Environment::Live,
            expires_at: session.expires_at,
        }
    }
}

/// A purchase and where it stands.
#[derive(Debug, Serialize)]
pub(crate) struct PurchaseView {
    object: &'static str,
    /// The purchase.
    pub id: PurchaseId,
    status: &'static str,
    kind: PurchaseKind,
    amount_cents: Cents,
    bonus_cents: Cents,
    credits_cents: Cents,
    charged_back_cents: Cents,
    currency: &'static str,
    checkout_url: Option<String>,
    failure_code: Option<String>,
    external_ref: Option<String>,
    environment: Environment,
    livemode: bool,
    created_at: Option<Timestamp>,
    paid_at: Option<Timestamp>,
}

impl PurchaseView {
    /// Makes the view.
    pub(crate) fn new(id: PurchaseId, purchase: &Purchase) -> Self {
        Self {
            object: "purchase",
            id,
            status: purchase.status.as_str(),
            kind: purchase.kind,
            amount_cents: purchase.amount,
            bonus_cents: purchase.bonus,
            credits_cents: credits(purchase),
            charged_back_cents: purchase.reversed_total(),
            currency: "usd",
            checkout_url: purchase.session.as_ref().map(|session| session.url.clone()),
            failure_code: purchase.failure.clone(),
            external_ref: purchase.payment.clone(),
            environment: environment(purchase),
            livemode: environment(purchase) == Environment::Live,
            created_at: purchase.opened_at,
            paid_at: purchase.paid_at,
        }
    }
}
