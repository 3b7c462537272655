//! Events: the closed list of facts, each under its frozen public name.
//!
//! A stored event is `(name, schema version, payload)`. The name is a column, never a tag inside
//! the payload; a changed meaning gets a new name, a changed shape a higher schema version and an
//! upcaster in the event store.

use crate::api_keys::ApiKeyEvent;
use crate::appeals::AppealEvent;
use crate::credits::CreditEvent;
use crate::earnings::EarningsEvent;
use crate::jobs::JobEvent;
use crate::organizations::OrganizationEvent;
use crate::payouts::PayoutEvent;
use crate::purchases::PurchaseEvent;
use crate::submissions::SubmissionEvent;
use crate::test_clocks::TestClockEvent;
use crate::webhook_endpoints::WebhookEndpointEvent;
use crate::workers::WorkerEvent;
use serde::{Deserializer, Serializer};

/// Declares one aggregate's events: variant, payload type, stored name, schema version.
macro_rules! events {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident($payload:ty) = $stored:literal, $version:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[allow(clippy::large_enum_variant, reason = "events are made one at a time and moved seldom")]
        #[allow(clippy::allow_attributes, reason = "not every aggregate has a large event")]
        pub enum $name {
            $($(#[$vmeta])* #[serde(rename = $stored)] $variant($payload),)*
        }

        impl $name {
            /// Every stored name of this aggregate's events.
            pub const NAMES: &'static [&'static str] = &[$($stored),*];

            /// Returns the stored name, frozen forever.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $stored,)* }
            }

            /// Returns the version of the payload's shape.
            pub fn schema_version(&self) -> i16 {
                match self { $(Self::$variant(_) => $version,)* }
            }

            /// Writes the payload alone: the name goes to its own column.
            pub fn serialize_payload<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$variant(payload) => serde::Serialize::serialize(payload, serializer),)* }
            }

            /// Reads the payload of the event with that name; `None` for a name that is not ours.
            pub fn deserialize_payload<'de, D: serde::Deserializer<'de>>(
                name: &str,
                deserializer: D,
            ) -> Option<Result<Self, D::Error>> {
                match name {
                    $($stored => Some(<$payload as serde::Deserialize>::deserialize(deserializer).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }

        impl cqrs_es::DomainEvent for $name {
            fn event_type(&self) -> String { self.name().to_owned() }
            fn event_version(&self) -> String { self.schema_version().to_string() }
        }
    };
}
pub(crate) use events;

macro_rules! union {
    ($($variant:ident($inner:ty)),* $(,)?) => {
        /// Any event of the log.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event { $(#[doc = concat!("An event of ", stringify!($inner), ".")] $variant($inner)),* }

        $(impl From<$inner> for Event { fn from(event: $inner) -> Self { Self::$variant(event) } })*

        impl Event {
            /// Returns the stored name, frozen forever.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(event) => event.name()),* }
            }

            /// Returns the version of the payload's shape.
            pub fn schema_version(&self) -> i16 {
                match self { $(Self::$variant(event) => event.schema_version()),* }
            }

            /// Writes the payload alone.
            pub fn serialize_payload<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$variant(event) => event.serialize_payload(serializer)),* }
            }

            /// Reads the payload of the event with that name; `None` for a name that is not ours.
            pub fn deserialize_payload<'de, D: Deserializer<'de>>(
                name: &str,
                deserializer: D,
            ) -> Option<Result<Self, D::Error>> {
                $(if <$inner>::NAMES.contains(&name) {
                    return <$inner>::deserialize_payload(name, deserializer).map(|read| read.map(Self::$variant));
                })*
                None
            }

            /// Every stored name, sorted by aggregate.
            pub fn names() -> Vec<&'static str> {
                let mut names = Vec::new();
                $(names.extend_from_slice(<$inner>::NAMES);)*
                names
            }
        }
    };
}

union! {
    Organization(OrganizationEvent),
    ApiKey(ApiKeyEvent),
    Credits(CreditEvent),
    Job(JobEvent),
    Submission(SubmissionEvent),
    Worker(WorkerEvent),
    WebhookEndpoint(WebhookEndpointEvent),
    Purchase(PurchaseEvent),
    Earnings(EarningsEvent),
    Payout(PayoutEvent),
    Appeal(AppealEvent),
    TestClock(TestClockEvent),
}
