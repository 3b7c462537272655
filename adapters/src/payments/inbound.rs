//! What the payment provider tells us: the events that matter, read from their wire form.

use serde::Deserialize;
use serde_json::Value;

/// An event, as far as it concerns us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The provider's id of the event.
    pub id: String,
    /// The provider's name of its type.
    pub event_type: String,
    /// The purchase that it names, if it names one.
    pub purchase_id: Option<String>,
    /// The payout that it names, if it names one.
    pub payout_id: Option<String>,
    /// Whether it is about real money.
    pub livemode: Option<bool>,
    /// What it says.
    pub fact: Fact,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A checkout was paid.
    SessionPaid {
        /// The payment.
        payment: String,
        /// What was paid, in cents.
        amount: i64,
    },
    /// A checkout was given up.
    SessionExpired,
    /// A payment without a page succeeded.
    PaymentSucceeded {
        /// The payment.
        payment: String,
        /// What was paid, in cents.
        amount: i64,
    },
    /// Money went back.
    Refunded {
        /// The payment.
        payment: String,
        /// The charge: the refund's reference.
        charge: String,
        /// All that went back of this charge so far, in cents.
        total: i64,
    },
    /// A dispute took money, or gave it back.
    Disputed {
        /// The payment.
        payment: String,
        /// The dispute.
        dispute: String,
        /// What it holds, in cents; 0 when it was won.
        total: i64,
    },
    /// A worker was paid.
    Transferred {
        /// The transfer.
        transfer: String,
        /// How much, in cents.
        amount: i64,
    },
    /// What a worker was paid was taken back.
    TransferReversed {
        /// The transfer.
        transfer: String,
        /// All that was taken back of it so far, in cents.
        total: i64,
    },
    /// Nothing that concerns us.
    Other,
}

impl Fact {
    /// Returns what the provider calls the payment that it is about.
    pub fn payment(&self) -> Option<&str> {
        match self {
            Self::SessionPaid { payment, .. }
            | Self::PaymentSucceeded { payment, .. }
            | Self::Refunded { payment, .. }
            | Self::Disputed { payment, .. } => Some(payment),
            Self::SessionExpired
            | Self::Transferred { .. }
            | Self::TransferReversed { .. }
            | Self::Other => None,
        }
    }

    /// Returns what the provider calls the payment, refund, dispute or transfer, and its amount in cents.
    pub fn reference(&self) -> Option<(&str, i64)> {
        match self {
            Self::SessionPaid { payment: of, amount }
            | Self::PaymentSucceeded { payment: of, amount }
            | Self::Refunded { charge: of, total: amount, .. }
            | Self::Disputed { dispute: of, total: amount, .. }
            | Self::Transferred { transfer: of, amount }
            | Self::TransferReversed { transfer: of, total: amount } => {
                Some((of.as_str(), *amount))
            }
            Self::SessionExpired | Self::Other => None,
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(default)]
    livemode: Option<bool>,
    #[serde(rename = "type")]
    event_type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(ToOwned::to_owned)
}

fn cents(object: &Value, name: &str) -> Option<i64> {
    object.get(name).and_then(Value::as_i64)
}

fn dollars(object: &Value) -> bool {
    object.get("currency").and_then(Value::as_str) == Some("usd")
}

fn fact(event_type: &str, object: &Value) -> Option<Fact> {
    let paid = || text(object, "payment_status").is_some_and(|status| status == "paid");
    match event_type {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded"
            if paid() && dollars(object) =>
        {
            let payment = text(object, "payment_intent")?;
            Some(Fact::SessionPaid { payment, amount: cents(object, "amount_total")? })
        }
        "checkout.session.expired" | "checkout.session.async_payment_failed" => {
            Some(Fact::SessionExpired)
        }
        "payment_intent.succeeded" if dollars(object) => Some(Fact::PaymentSucceeded {
            payment: text(object, "id")?,
            amount: cents(object, "amount_received")?,
        }),
        "charge.refunded" => Some(Fact::Refunded {
            payment: text(object, "payment_intent")?,
            charge: text(object, "id")?,
            total: cents(object, "amount_refunded")?,
        }),
        "charge.dispute.funds_withdrawn" | "charge.dispute.funds_reinstated" => {
            let withdrawn = event_type.ends_with("withdrawn");
            let amount = cents(object, "amount")?;
            Some(Fact::Disputed {
                payment: text(object, "payment_intent")?,
                dispute: text(object, "id")?,
                total: if withdrawn { amount } else { 0 },
            })
        }
        "transfer.created" if dollars(object) => Some(Fact::Transferred {
            transfer: text(object, "id")?,
            amount: cents(object, "amount")?,
        }),
        "transfer.reversed" => Some(Fact::TransferReversed {
            transfer: text(object, "id")?,
            total: cents(object, "amount_reversed")?,
        }),
        _ => None,
    }
}

/// Reads an event.
///
/// # Errors
/// If it is not an event at all: no id, no type or no object. One of an unknown type, or in an
/// unknown shape, is [`Fact::Other`].
pub fn read(body: &[u8]) -> Result<Inbound, serde_json::Error> {
    let envelope: Envelope = serde_json::from_slice(body)?;
    let object = &envelope.data.object;
    let metadata = |name| object.get("metadata").and_then(|metadata| text(metadata, name));
    let named = metadata("purchase_id");
    let payout_id = metadata("payout_id");
    let purchase_id = text(object, "client_reference_id").or(named);
    let fact = fact(&envelope.event_type, object).unwrap_or(Fact::Other);
    Ok(Inbound {
        id: envelope.id,
        event_type: envelope.event_type,
        purchase_id,
        payout_id,
        livemode: envelope.livemode,
        fact,
    })
}
