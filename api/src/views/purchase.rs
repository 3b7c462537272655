//! Purchases on the wire.

use crate::openapi::schema;
use firsthand_domain::ids::PurchaseId;
use firsthand_domain::purchases::{Purchase, PurchaseKind, Session};
use firsthand_domain::{Book, Cents, Environment, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CheckoutSession)]
pub(crate) struct CheckoutView {
    #[schema(example = "checkout_session")]
    object: &'static str,
    #[schema(value_type = schema::PurchaseId)]
    id: PurchaseId,
    #[schema(value_type = schema::Link)]
    checkout_url: String,
    /// What is paid.
    #[schema(value_type = schema::Cents)]
    amount_cents: Cents,
    /// What comes on top.
    #[schema(value_type = schema::Cents)]
    bonus_cents: Cents,
    /// Both together.
    #[schema(value_type = schema::Cents)]
    credits_cents: Cents,
    #[schema(example = "usd")]
    currency: &'static str,
    livemode: bool,
    /// When the checkout can no longer be paid.
    #[schema(value_type = schema::Instant)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Purchase)]
pub(crate) struct PurchaseView {
    #[schema(example = "purchase")]
    object: &'static str,
    /// The purchase.
    #[schema(value_type = schema::PurchaseId)]
    pub id: PurchaseId,
    #[schema(value_type = schema::PurchaseStatus)]
    status: &'static str,
    #[schema(value_type = schema::PurchaseKind)]
    kind: PurchaseKind,
    #[schema(value_type = schema::Cents)]
    amount_cents: Cents,
    #[schema(value_type = schema::Cents)]
    bonus_cents: Cents,
    #[schema(value_type = schema::Cents)]
    credits_cents: Cents,
    #[schema(value_type = schema::Cents)]
    charged_back_cents: Cents,
    #[schema(example = "usd")]
    currency: &'static str,
    #[schema(value_type = Option<schema::Link>)]
    checkout_url: Option<String>,
    failure_code: Option<String>,
    /// The payment, as the provider names it.
    external_ref: Option<String>,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    livemode: bool,
    #[schema(value_type = Option<schema::Instant>)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
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
