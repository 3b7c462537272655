//! Identifiers: a prefix and a ULID (spec section 2), cheap to copy and compare.
//!
//! The low ten bits of every ULID are its *slot*. All identifiers that belong to one organization
//! carry the organization's slot, so the part of the log that holds a stream is known from its id
//! alone (design D2) and no look-up table is needed to route a request.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use ulid::Ulid;

/// Number of slots; the number of parts of a database divides the slots among themselves.
pub const SLOTS: u16 = 1024;

/// The ten bits of an identifier that decide which part of the log it lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// Returns the slot of a ULID.
    pub fn of(ulid: Ulid) -> Self {
        Self(u16::try_from(ulid.0 & u128::from(SLOTS.saturating_sub(1))).unwrap_or(0))
    }

    /// Returns the same ULID, moved into this slot.
    pub fn place(self, ulid: Ulid) -> Ulid {
        Ulid((ulid.0 & !u128::from(SLOTS.saturating_sub(1))) | u128::from(self.0))
    }

    /// Returns the part that holds this slot in a database of `parts` parts (at least 1).
    pub fn part(self, parts: u16) -> i16 {
        i16::try_from(self.0.checked_rem(parts).unwrap_or(0)).unwrap_or(0)
    }
}

/// Says why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0} identifier")]
pub struct InvalidId(&'static str);

fn parse(text: &str, prefix: &'static str) -> Result<Ulid, InvalidId> {
    let body = text.strip_prefix(prefix).ok_or(InvalidId(prefix))?;
    let ulid = Ulid::from_string(body).map_err(|_ignored| InvalidId(prefix))?;
    // Only the canonical spelling is an identifier: one name for one thing.
    let mut buffer = [0; ulid::ULID_LEN];
    if ulid.array_to_str(&mut buffer) == body { Ok(ulid) } else { Err(InvalidId(prefix)) }
}

/// Writes an identifier to a buffer of just its length.
fn write<'a>(buffer: &'a mut [u8], prefix: &str, ulid: Ulid) -> &'a str {
    let mut body = [0; ulid::ULID_LEN];
    let body = ulid.array_to_str(&mut body);
    for (to, from) in buffer.iter_mut().zip(prefix.bytes().chain(body.bytes())) {
        *to = from;
    }
    std::str::from_utf8(buffer).unwrap_or_default()
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal),* $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// The prefix of the textual form.
            pub const PREFIX: &'static str = $prefix;

            /// Makes the identifier with this ULID.
            pub fn new(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// Makes the identifier with this ULID, moved into `slot`.
            pub fn in_slot(ulid: Ulid, slot: Slot) -> Self {
                Self(slot.place(ulid))
            }

            /// Returns the ULID.
            pub fn ulid(self) -> Ulid {
                self.0
            }

            /// Returns the slot that the identifier lives in.
            pub fn slot(self) -> Slot {
                Slot::of(self.0)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self(Ulid(0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; ulid::ULID_LEN];
                f.write_str($prefix)?;
                f.write_str(self.0.array_to_str(&mut buffer))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Not by `Display`: every event and answer holds several.
                let mut buffer = [0; $prefix.len() + ulid::ULID_LEN];
                serializer.serialize_str(write(&mut buffer, $prefix, self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// An organization, the buyer.
    OrganizationId = "org_",
    /// An API key of an organization.
    ApiKeyId = "key_",
    /// A job.
    JobId = "job_",
    /// One worker's submission to a job.
    SubmissionId = "sub_",
    /// One file of a submission.
    FileId = "file_",
    /// A worker.
    WorkerId = "wkr_",
    /// A lot of credits.
    LotId = "lot_",
    /// A request to the API.
    RequestId = "req_",
    /// A webhook endpoint.
    WebhookEndpointId = "we_",
    /// A webhook event.
    EventId = "evt_",
    /// A replay of a range of webhook events.
    ReplayId = "rpl_",
    /// A purchase of credits.
    PurchaseId = "pur_",
    /// A payout to a worker.
    PayoutId = "pay_",
    /// A run of payouts to many workers.
    PayoutBatchId = "pob_",
    /// A worker's appeal against a strike.
    AppealId = "apl_",
    /// A value that is kept sealed outside the log.
    SealId = "seal_",
}

/// Whether a book holds real money (`live`) or the sandbox's (`test`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Real money.
    #[default]
    Live,
    /// Sandbox.
    Test,
}

impl Environment {
    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// The unit of tenancy, balance and proof (design D2): an organization in one environment, or a
/// worker's own record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Book {
    /// An organization's book.
    Organization(OrganizationId, Environment),
    /// A worker's own book.
    Worker(WorkerId),
}

impl Default for Book {
    fn default() -> Self {
        Self::Organization(OrganizationId::default(), Environment::Live)
    }
}

impl Book {
    /// Says whether it is a book of the test environment (spec section 14).
    pub fn is_sandbox(self) -> bool {
        matches!(self, Self::Organization(_, Environment::Test))
    }

    /// Returns the slot that every stream of this book lives in.
    pub fn slot(self) -> Slot {
        match self {
            Self::Organization(id, _) => id.slot(),
            Self::Worker(id) => id.slot(),
        }
    }

    /// Returns the stream of the book's test clock; `None` if it can have none.
    pub fn clock(self) -> Option<StreamId> {
        match self {
            Self::Organization(id, Environment::Test) => Some(StreamId::TestClock(id)),
            Self::Organization(_, Environment::Live) | Self::Worker(_) => None,
        }
    }

    /// Returns the stream whose state row carries the book's Merkle frontier.
    pub fn stream(self) -> StreamId {
        match self {
            Self::Organization(id, environment) => StreamId::Credits(id, environment),
            Self::Worker(id) => StreamId::Worker(id),
        }
    }
}

impl fmt::Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(id, environment) => write!(f, "{id}:{}", environment.as_str()),
            Self::Worker(id) => write!(f, "{id}"),
        }
    }
}

impl FromStr for Book {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once(':') {
            Some((id, "live")) => Ok(Self::Organization(id.parse()?, Environment::Live)),
            Some((id, "test")) => Ok(Self::Organization(id.parse()?, Environment::Test)),
            Some(_) => Err(InvalidId("book")),
            None => Ok(Self::Worker(text.parse()?)),
        }
    }
}

impl Serialize for Book {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Book {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The identity of one stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// An organization.
    Organization(OrganizationId),
    /// The credit account of an organization in one environment.
    Credits(OrganizationId, Environment),
    /// An API key.
    ApiKey(ApiKeyId),
    /// A job.
    Job(JobId),
    /// A submission.
    Submission(SubmissionId),
    /// A worker.
    Worker(WorkerId),
    /// A webhook endpoint.
    WebhookEndpoint(WebhookEndpointId),
    /// A purchase.
    Purchase(PurchaseId),
    /// What a worker has earned.
    Earnings(WorkerId),
    /// A payout.
    Payout(PayoutId),
    /// An appeal.
    Appeal(AppealId),
    /// The test clock of an organization's sandbox.
    TestClock(OrganizationId),
}

impl StreamId {
    /// Returns the slot that the stream lives in.
    pub fn slot(self) -> Slot {
        match self {
            Self::Organization(id) | Self::Credits(id, _) | Self::TestClock(id) => id.slot(),
            Self::ApiKey(id) => id.slot(),
            Self::Job(id) => id.slot(),
            Self::Submission(id) => id.slot(),
            Self::Worker(id) | Self::Earnings(id) => id.slot(),
            Self::WebhookEndpoint(id) => id.slot(),
            Self::Purchase(id) => id.slot(),
            Self::Payout(id) => id.slot(),
            Self::Appeal(id) => id.slot(),
        }
    }

    /// Returns the name of the aggregate type.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Organization(_) => "organization",
            Self::Credits(..) => "credits",
            Self::ApiKey(_) => "api_key",
            Self::Job(_) => "job",
            Self::Submission(_) => "submission",
            Self::Worker(_) => "worker",
            Self::WebhookEndpoint(_) => "webhook_endpoint",
            Self::Purchase(_) => "purchase",
            Self::Earnings(_) => "earnings",
            Self::Payout(_) => "payout",
            Self::Appeal(_) => "appeal",
            Self::TestClock(_) => "test_clock",
        }
    }
}

const CREDITS_PREFIX: &str = "credits:";
const EARNINGS_PREFIX: &str = "earnings:";
const TEST_CLOCK_PREFIX: &str = "test_clock:";

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(id) => id.fmt(f),
            Self::Credits(id, environment) => {
                write!(f, "{CREDITS_PREFIX}{id}:{}", environment.as_str())
            }
            Self::ApiKey(id) => id.fmt(f),
            Self::Job(id) => id.fmt(f),
            Self::Submission(id) => id.fmt(f),
            Self::Worker(id) => id.fmt(f),
            Self::WebhookEndpoint(id) => id.fmt(f),
            Self::Purchase(id) => id.fmt(f),
            Self::Earnings(id) => write!(f, "{EARNINGS_PREFIX}{id}"),
            Self::Payout(id) => id.fmt(f),
            Self::Appeal(id) => id.fmt(f),
            Self::TestClock(id) => write!(f, "{TEST_CLOCK_PREFIX}{id}"),
        }
    }
}

impl FromStr for StreamId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if let Some(book) = text.strip_prefix(CREDITS_PREFIX) {
            return match book.parse()? {
                Book::Organization(id, environment) => Ok(Self::Credits(id, environment)),
                Book::Worker(_) => Err(InvalidId("stream")),
            };
        }
        if let Some(worker) = text.strip_prefix(EARNINGS_PREFIX) {
            return worker.parse().map(Self::Earnings);
        }
        if let Some(id) = text.strip_prefix(TEST_CLOCK_PREFIX) {
            return id.parse().map(Self::TestClock);
        }
        match text.split_once('_').map(|(prefix, _)| prefix) {
            Some("org") => text.parse().map(Self::Organization),
            Some("key") => text.parse().map(Self::ApiKey),
            Some("job") => text.parse().map(Self::Job),
            Some("sub") => text.parse().map(Self::Submission),
            Some("wkr") => text.parse().map(Self::Worker),
            Some("we") => text.parse().map(Self::WebhookEndpoint),
            Some("pur") => text.parse().map(Self::Purchase),
            Some("pay") => text.parse().map(Self::Payout),
            Some("apl") => text.parse().map(Self::Appeal),
            _ => Err(InvalidId("stream")),
        }
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_keeps_its_slot() {
        let org = OrganizationId::new(Ulid(0x0199_1234_5678_9abc_def0_1234_5678_9abc));
        let job = JobId::in_slot(Ulid(u128::MAX >> 3), org.slot());
        assert_eq!(job.slot(), org.slot());
        assert_eq!(job.to_string().parse::<JobId>(), Ok(job));
        assert_eq!(StreamId::Job(job).to_string().parse(), Ok(StreamId::Job(job)));
        let credits = StreamId::Credits(org, Environment::Test);
        assert_eq!(credits.to_string().parse(), Ok(credits));
        let earnings = StreamId::Earnings(WorkerId::new(Ulid(77)));
        assert_eq!(earnings.to_string().parse(), Ok(earnings));
        let clock = StreamId::TestClock(org);
        assert_eq!(clock.to_string().parse(), Ok(clock));
    }

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let text = JobId::new(Ulid(77)).to_string();
        assert_eq!(text.to_lowercase().parse::<JobId>().is_ok(), text == text.to_lowercase());
        assert!("job_".parse::<JobId>().is_err());
        assert!("sub_00000000000000000000000000".parse::<JobId>().is_err());
        assert!("job_0000000000000000000000000U".parse::<JobId>().is_err());
    }
}
