//! Transfers to workers' accounts at the payment provider (Stripe Connect).

use super::client::{Account, PaymentError, need, text};
use hyper::Method;
use serde_json::Value;
use url::form_urlencoded::Serializer;

/// What a worker is paid.
#[derive(Debug, Clone)]
pub struct NewTransfer {
    /// Our id, and the idempotency key; the provider's group of the transfer.
    pub payout_id: String,
    /// In cents.
    pub amount: i64,
    /// The worker's account at the provider.
    pub destination: String,
}

/// A transfer that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The provider's id.
    pub id: String,
}

fn transfer(object: &Value) -> Result<Transfer, PaymentError> {
    Ok(Transfer { id: need(object, "id")? })
}

impl Account {
    /// Transfers money to an account. The same payout is transferred once, as long as the provider
    /// remembers the key: look with [`Account::find_transfer`] first.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if there is no transfer.
    pub async fn create_transfer(&self, new: &NewTransfer) -> Result<Transfer, PaymentError> {
        let form = Serializer::new(String::new())
            .append_pair("amount", &new.amount.to_string())
            .append_pair("currency", "usd")
            .append_pair("destination", &new.destination)
            .append_pair("transfer_group", &new.payout_id)
            .append_pair("metadata[payout_id]", &new.payout_id)
            .finish();
        let key = Some(new.payout_id.as_str());
        transfer(&self.send(Method::POST, "/v1/transfers", key, &form).await?)
    }

    /// Returns the transfer of a payout, if there is one.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn find_transfer(&self, payout_id: &str) -> Result<Option<Transfer>, PaymentError> {
        let listed = self.list(&format!("/v1/transfers?transfer_group={payout_id}")).await?;
        let named = |object: &&Value| {
            object.get("metadata").and_then(|metadata| text(metadata, "payout_id")).as_deref()
                == Some(payout_id)
        };
        listed.iter().find(named).map(transfer).transpose()
    }
}
