//! Charges of cards that were left with the payment provider.

use super::client::{Account, Payment, PaymentError, Standing, payment};
use hyper::Method;
use url::form_urlencoded::Serializer;

/// A charge of a card that was left with the provider.
#[derive(Debug, Clone)]
pub struct Charge {
    /// Our id, and the idempotency key.
    pub purchase_id: String,
    /// In cents.
    pub amount: i64,
    /// The provider's customer.
    pub customer: String,
    /// The provider's payment method.
    pub payment_method: String,
}

impl Account {
    /// Charges a card that was left. The same purchase is charged once, as long as the provider
    /// remembers the key: look with [`Account::find_charge`] first.
    ///
    /// # Errors
    /// [`PaymentError::Declined`] if the card was not charged.
    pub async fn charge(&self, charge: &Charge) -> Result<Payment, PaymentError> {
        let form = Serializer::new(String::new())
            .append_pair("amount", &charge.amount.to_string())
            .append_pair("currency", "usd")
            .append_pair("customer", &charge.customer)
            .append_pair("payment_method", &charge.payment_method)
            .append_pair("off_session", "true")
            .append_pair("confirm", "true")
            .append_pair("metadata[purchase_id]", &charge.purchase_id)
            .finish();
        let key = Some(charge.purchase_id.as_str());
        payment(&self.send(Method::POST, "/v1/payment_intents", key, &form).await?)
    }

    /// Returns the payment of a purchase among those of the customer, if something came of one: the one that
    /// succeeded, else one that is being processed, else one that failed. Asks for those that were made at
    /// `since` or later, in seconds since the epoch.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn find_charge(
        &self,
        charge: &Charge,
        since: u64,
    ) -> Result<Option<Payment>, PaymentError> {
        let query = Serializer::new(String::new())
            .append_pair("customer", &charge.customer)
            .append_pair("created[gte]", &since.to_string())
            .finish();
        let listed = match self.list(&format!("/v1/payment_intents?{query}")).await {
            // A customer who does not exist has paid nothing.
            Err(error) if error.verdict() == Some("resource_missing") => return Ok(None),
            listed => listed?,
        };
        let listed = listed.iter().map(payment).collect::<Result<Vec<_>, _>>()?;
        let worth = |payment: &Payment| match payment.standing {
            Standing::Succeeded => 3,
            Standing::Processing => 2,
            Standing::Failed(_) => 1,
            Standing::Unfinished => 0,
        };
        let own = |found: &Payment| found.purchase_id.as_deref() == Some(&charge.purchase_id);
        Ok(listed.into_iter().filter(|found| own(found) && worth(found) > 0).max_by_key(worth))
    }
}
