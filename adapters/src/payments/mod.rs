//! Payments: the little of Stripe that credits and payouts need, behind one client. The embedded gateway of
//! `dev` and `demo` speaks the same wire form, so there is one code path (spec section 21).

mod charges;
mod client;
pub mod inbound;
mod settlements;
pub mod signature;
mod transfers;

pub use charges::Charge;
pub use client::{Account, CheckoutSession, NewSession, Payment, PaymentError, Standing};
pub use settlements::{BalanceTransaction, BankPayout, Source};
pub use transfers::{NewTransfer, Transfer};

use firsthand_domain::Environment;

/// The version of Stripe's API that requests and events are read in.
pub const API_VERSION: &str = "2025-03-31.basil";

/// The accounts at the payment provider, one for each environment; `None` where purchases are not
/// configured.
#[derive(Debug, Clone, Default)]
pub struct Payments {
    /// Real money.
    pub live: Option<Account>,
    /// The provider's test mode.
    pub test: Option<Account>,
}

impl Payments {
    /// Returns the account of an environment.
    pub fn of(&self, environment: Environment) -> Option<&Account> {
        match environment {
            Environment::Live => self.live.as_ref(),
            Environment::Test => self.test.as_ref(),
        }
    }

    /// Returns the environment whose account signed an inbound event.
    ///
    /// # Errors
    /// [`signature::SignatureRefused`] if none did, or too long ago.
    pub fn verify(
        &self,
        header: &str,
        body: &[u8],
        now: i64,
    ) -> Result<Environment, signature::SignatureRefused> {
        let mut refused = signature::SignatureRefused::Mismatch;
        for environment in [Environment::Live, Environment::Test] {
            let Some(account) = self.of(environment) else { continue };
            match signature::verify(account.webhook_secret(), header, body, now) {
                Ok(()) => return Ok(environment),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}
