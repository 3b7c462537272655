//! The types of webhook events (spec section 8, and the health of other endpoints).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! types {
    ($($(#[$meta:meta])* $variant:ident = $name:literal;)*) => {
        /// The type of a webhook event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum WebhookEventType { $($(#[$meta])* $variant),* }

        impl WebhookEventType {
            /// Every type, as documented.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the public name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Reads a public name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

types! {
    /// A submission was scored, whatever the score.
    SubmissionScored = "submission.scored";
    /// A submission was approved.
    SubmissionApproved = "submission.approved";
    /// A submission was rejected.
    SubmissionRejected = "submission.rejected";
    /// A job has every file.
    JobCompleted = "job.completed";
    /// A job was cancelled, or its deadline passed.
    JobCancelled = "job.cancelled";
    /// A worker flagged a job.
    JobFlagged = "job.flagged";
    /// Credits were bought.
    CreditsPurchased = "credits.purchased";
    /// The balance fell below the threshold.
    CreditsLowBalance = "credits.low_balance";
    /// Credits were bought by the automatic top-up.
    CreditsAutoToppedUp = "credits.auto_topped_up";
    /// What was left of a lot expired.
    CreditsExpired = "credits.expired";
    /// A lot expires soon.
    CreditsExpiringSoon = "credits.expiring_soon";
    /// Another endpoint fails.
    EndpointFailing = "webhook_endpoint.failing";
    /// Another endpoint was disabled.
    EndpointDisabled = "webhook_endpoint.disabled";
    /// Another endpoint answers again.
    EndpointRecovered = "webhook_endpoint.recovered";
    /// A test of this endpoint.
    EndpointTest = "webhook_endpoint.test";
}

impl Serialize for WebhookEventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for WebhookEventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| de::Error::custom(format!("unknown type {name}")))
    }
}
