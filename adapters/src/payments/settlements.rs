//! What the payment provider pays into our bank account (a payout in its words), and the balance transactions
//! that make it.

use super::client::{Account, PaymentError, need, text};
use firsthand_domain::Timestamp;
use hyper::{Method, StatusCode};
use serde_json::Value;

/// Money that was paid into our bank account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankPayout {
    /// The provider's id.
    pub id: String,
    /// In cents; negative if the provider took it from us.
    pub amount: i64,
    /// The provider's word for where it stands.
    pub status: String,
    /// When it arrives.
    pub arrival: Timestamp,
}

/// What a balance transaction is about, under the name by which we book it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A payment.
    Payment(String),
    /// A refund of a charge; with all that went back of the charge so far, in cents, if it was told.
    Refund(String, Option<i64>),
    /// A dispute.
    Dispute(String),
    /// A transfer to a worker, or what was taken back of it.
    Transfer {
        /// The transfer.
        transfer: String,
        /// Our payout, if it names one.
        payout_id: Option<String>,
        /// All that was taken back of the transfer so far, in cents, if it was told.
        reversed: Option<i64>,
    },
    /// Nothing that we book: the provider's own fees, for one.
    Other(String),
}

impl Source {
    /// Returns the name by which we book it.
    pub fn reference(&self) -> &str {
        match self {
            Self::Payment(reference)
            | Self::Refund(reference, _)
            | Self::Dispute(reference)
            | Self::Transfer { transfer: reference, .. }
            | Self::Other(reference) => reference,
        }
    }
}

/// A change of our balance at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceTransaction {
    /// The provider's id.
    pub id: String,
    /// The provider's name of its type.
    pub kind: String,
    /// Before the fee, in cents.
    pub amount: i64,
    /// The fee that was kept, in cents.
    pub fee: i64,
    /// When it was made.
    pub created: Timestamp,
    /// What it is about.
    pub source: Source,
}

fn number(object: &Value, name: &str) -> Result<i64, PaymentError> {
    let number = object.get(name).and_then(Value::as_i64);
    number.ok_or_else(|| PaymentError::Unreachable(format!("its answer has no {name}")))
}

fn instant(object: &Value, name: &str) -> Result<Timestamp, PaymentError> {
    let micros = number(object, name)?.checked_mul(1_000_000);
    micros.map(Timestamp::from_micros).ok_or_else(|| {
        PaymentError::Unreachable(format!("its answer has no {name} that can be a time"))
    })
}

/// Returns the id of what a field names or holds.
fn id_of(object: &Value, name: &str) -> Option<String> {
    let field = object.get(name)?;
    field.as_str().map(ToOwned::to_owned).or_else(|| text(field, "id"))
}

/// Reads what a transaction says of a transfer, if it shows it.
fn transfer(name: String, shown: Option<&Value>) -> Source {
    let metadata = shown.and_then(|shown| shown.get("metadata"));
    Source::Transfer {
        transfer: name,
        payout_id: metadata.and_then(|metadata| text(metadata, "payout_id")),
        reversed: shown.and_then(|shown| shown.get("amount_reversed")).and_then(Value::as_i64),
    }
}

/// Reads what a balance transaction is about; `id` is its own name.
fn source(source: &Value, id: &str) -> Source {
    let named = text(source, "id").unwrap_or_else(|| id.to_owned());
    match source.get("object").and_then(Value::as_str) {
        Some("charge") => Source::Payment(id_of(source, "payment_intent").unwrap_or(named)),
        Some("refund") => {
            let gone = source.get("charge").and_then(|charge| charge.get("amount_refunded"));
            let charge = id_of(source, "charge").unwrap_or(named);
            Source::Refund(charge, gone.and_then(Value::as_i64))
        }
        Some("dispute") => Source::Dispute(named),
        Some("transfer") => transfer(named, Some(source)),
        Some("transfer_reversal") => {
            transfer(id_of(source, "transfer").unwrap_or(named), source.get("transfer"))
        }
        _ => Source::Other(named),
    }
}

fn transaction(object: &Value) -> Result<BalanceTransaction, PaymentError> {
    let id = need(object, "id")?;
    if text(object, "currency").as_deref() != Some("usd") {
        return Err(PaymentError::Unreachable(format!("{id} is not in US dollars")));
    }
    Ok(BalanceTransaction {
        kind: need(object, "type")?,
        amount: number(object, "amount")?,
        fee: number(object, "fee")?,
        created: instant(object, "created")?,
        source: source(object.get("source").unwrap_or(&Value::Null), &id),
        id,
    })
}

/// Returns `None` for what the provider does not know.
fn known<T>(answer: Result<T, PaymentError>) -> Result<Option<T>, PaymentError> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(PaymentError::Refused { status, ref code, .. })
            if code == "resource_missing" || status == StatusCode::NOT_FOUND.as_u16() =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Account {
    /// Returns what was paid into our bank account under a name, if there is such a payout.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn bank_payout(&self, id: &str) -> Result<Option<BankPayout>, PaymentError> {
        let path = format!("/v1/payouts/{id}");
        let Some(object) = known(self.send(Method::GET, &path, None, "").await)? else {
            return Ok(None);
        };
        Ok(Some(BankPayout {
            id: need(&object, "id")?,
            amount: number(&object, "amount")?,
            status: need(&object, "status")?,
            arrival: instant(&object, "arrival_date")?,
        }))
    }

    /// Returns the balance transactions that make a payout, without the payout's own.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn balance_transactions(
        &self,
        payout: &str,
    ) -> Result<Vec<BalanceTransaction>, PaymentError> {
        let path = format!(
            "/v1/balance_transactions?payout={payout}&expand[]=data.source\
             &expand[]=data.source.charge&expand[]=data.source.transfer"
        );
        let listed = self.list(&path).await?;
        let transactions = listed.iter().map(transaction);
        transactions
            .filter(|found| found.as_ref().map_or(true, |found| found.kind != "payout"))
            .collect()
    }

    /// Returns when the last transaction before an instant was made, payouts themselves left out. `None` if there
    /// is none, or none among the hundred before it.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn transaction_before(
        &self,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, PaymentError> {
        let seconds = at.unix_seconds();
        let path = format!("/v1/balance_transactions?created[lt]={seconds}&limit=100");
        let answer = self.send(Method::GET, &path, None, "").await?;
        let listed = answer.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let last = listed.iter().find(|one| text(one, "type").is_some_and(|kind| kind != "payout"));
        last.map(|last| instant(last, "created")).transpose()
    }

    /// Returns the amount that the provider has under the name of a payment, a charge (what went back of it), a
    /// dispute or a transfer; 0 if it knows no such thing.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn amount_of(&self, reference: &str) -> Result<i64, PaymentError> {
        let (path, field) = match reference.split_once('_') {
            Some(("pi", _)) => ("payment_intents", "amount_received"),
            Some(("du" | "dp", _)) => ("disputes", "amount"),
            Some(("tr", _)) => ("transfers", "amount"),
            _ => ("charges", "amount_refunded"),
        };
        let path = format!("/v1/{path}/{reference}");
        match known(self.send(Method::GET, &path, None, "").await)? {
            Some(object) => number(&object, field),
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_source_goes_by_the_name_under_which_it_is_booked() {
        for (object, expected) in [
            (
                json!({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}),
                Source::Payment("pi_1".to_owned()),
            ),
            (json!({"object": "charge", "id": "py_1"}), Source::Payment("py_1".to_owned())),
            (
                json!({"object": "refund", "id": "re_1", "charge": "ch_1"}),
                Source::Refund("ch_1".to_owned(), None),
            ),
            (
                json!({"object": "refund", "charge": {"id": "ch_1", "amount_refunded": 7}}),
                Source::Refund("ch_1".to_owned(), Some(7)),
            ),
            (json!({"object": "dispute", "id": "du_1"}), Source::Dispute("du_1".to_owned())),
            (
                json!({"object": "transfer_reversal", "id": "trr_1", "transfer": {
                    "id": "tr_1", "amount_reversed": 7, "metadata": {"payout_id": "pay_1"},
                }}),
                Source::Transfer {
                    transfer: "tr_1".to_owned(),
                    payout_id: Some("pay_1".to_owned()),
                    reversed: Some(7),
                },
            ),
            (
                json!({"object": "transfer_reversal", "id": "trr_1", "transfer": "tr_1"}),
                Source::Transfer { transfer: "tr_1".to_owned(), payout_id: None, reversed: None },
            ),
            (Value::Null, Source::Other("txn_1".to_owned())),
            (json!({"object": "topup", "id": "tu_1"}), Source::Other("tu_1".to_owned())),
        ] {
            assert_eq!(source(&object, "txn_1"), expected, "{object}");
        }
    }

    #[test]
    fn a_transaction_that_is_not_whole_or_not_in_dollars_is_no_transaction() {
        let whole = json!({
            "id": "txn_1", "type": "stripe_fee", "amount": -5, "fee": 0, "created": 1,
            "currency": "usd", "source": null,
        });
        assert_eq!(transaction(&whole).unwrap().amount, -5);
        for (field, value) in [
            ("id", Value::Null),
            ("type", json!(1)),
            ("amount", json!(1.5)),
            ("fee", Value::Null),
            ("created", json!(i64::MAX)),
            ("currency", json!("eur")),
        ] {
            let mut broken = whole.clone();
            broken[field] = value;
            assert!(transaction(&broken).is_err(), "{broken}");
        }
    }
}
