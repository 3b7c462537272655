//! The state of any stream: what its events so far amount to.

use crate::api_keys::ApiKey;
use crate::appeals::Appeal;
use crate::credits::CreditAccount;
use crate::earnings::Earnings;
use crate::event::Event;
use crate::ids::StreamId;
use crate::jobs::Job;
use crate::organizations::Organization;
use crate::payouts::Payout;
use crate::purchases::Purchase;
use crate::submissions::Submission;
use crate::test_clocks::TestClock;
use crate::webhook_endpoints::WebhookEndpoint;
use crate::workers::Worker;
use serde::{Deserializer, Serialize, Serializer};

/// Folds events into state. Implemented by every aggregate.
pub trait Aggregate:
    Default + Clone + Serialize + serde::de::DeserializeOwned + Send + Sync
{
    /// The aggregate's events.
    type Event: Into<Event> + Clone;

    /// Applies one event. Never fails: an event is a fact.
    fn evolve(&mut self, event: &Self::Event);
}

macro_rules! states {
    ($($variant:ident($aggregate:ty, $pattern:pat)),* $(,)?) => {
        /// The state of one stream.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum State { $(#[doc = concat!("State of ", stringify!($aggregate), ".")] $variant(Box<$aggregate>)),* }

        impl State {
            /// Returns the state of a stream before its first event.
            pub fn empty(stream: StreamId) -> Self {
                match stream { $($pattern => Self::$variant(Box::default())),* }
            }

            /// Applies an event; one of another aggregate is ignored (it can't be appended).
            pub fn evolve(&mut self, event: &Event) {
                match (self, event) {
                    $((Self::$variant(state), Event::$variant(event)) => state.evolve(event),)*
                    (_other_stream, _other_event) => (),
                }
            }

            /// Reads the stored state of a stream.
            pub fn deserialize<'de, D: Deserializer<'de>>(stream: StreamId, from: D) -> Result<Self, D::Error> {
                match stream {
                    $($pattern => <$aggregate as serde::Deserialize>::deserialize(from).map(|state| Self::$variant(Box::new(state)))),*
                }
            }
        }

        impl Serialize for State {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$variant(state) => state.serialize(serializer)),* }
            }
        }
    };
}

states! {
    Organization(Organization, StreamId::Organization(_)),
    ApiKey(ApiKey, StreamId::ApiKey(_)),
    Credits(CreditAccount, StreamId::Credits(..)),
    Job(Job, StreamId::Job(_)),
    Submission(Submission, StreamId::Submission(_)),
    Worker(Worker, StreamId::Worker(_)),
    WebhookEndpoint(WebhookEndpoint, StreamId::WebhookEndpoint(_)),
    Purchase(Purchase, StreamId::Purchase(_)),
    Earnings(Earnings, StreamId::Earnings(_)),
    Payout(Payout, StreamId::Payout(_)),
    Appeal(Appeal, StreamId::Appeal(_)),
    TestClock(TestClock, StreamId::TestClock(_)),
}

/// What lists can be filtered by without reading the state: columns of the state's row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The public status.
    pub status: Option<&'static str>,
    /// The job that a submission belongs to.
    pub parent: Option<StreamId>,
}

impl State {
    /// Returns the columns that lists filter by.
    pub fn listed(&self) -> Listed {
        match self {
            Self::Job(job) => Listed { status: Some(job.status.as_str()), ..Listed::default() },
            Self::Submission(submission) => Listed {
                status: Some(submission.status.as_str()),
                parent: Some(StreamId::Job(submission.job_id)),
            },
            // A deleted endpoint keeps its row; lists leave it out by its status.
            Self::WebhookEndpoint(endpoint) => {
                let status = match (endpoint.exists(), endpoint.enabled()) {
                    (false, _) => "deleted",
                    (true, false) => "disabled",
                    (true, true) => "enabled",
                };
                Listed { status: Some(status), ..Listed::default() }
            }
            Self::Purchase(purchase) => {
                Listed { status: Some(purchase.status.as_str()), ..Listed::default() }
            }
            Self::Payout(payout) => {
                Listed { status: Some(payout.status.as_str()), ..Listed::default() }
            }
            Self::Appeal(appeal) => {
                Listed { status: Some(appeal.status.as_str()), ..Listed::default() }
            }
            Self::ApiKey(_)
            | Self::Organization(_)
            | Self::Credits(_)
            | Self::Worker(_)
            | Self::Earnings(_)
            | Self::TestClock(_) => Listed::default(),
        }
    }

    /// Returns about how many bytes longer the stored state will be once the stream has run its course,
    /// so that the store can keep them free beside it. Only a submission grows soon and for sure: it
    /// gets its files and its score.
    pub fn growth(&self) -> usize {
        if let Self::Submission(submission) = self { submission.growth() } else { 0 }
    }
}

/// Bridges an aggregate to cqrs-es: its vocabulary and test framework serve, its write path does
/// not (design D4). `handle` takes what a command decided, since ours may span several streams.
macro_rules! cqrs_aggregate {
    ($($aggregate:ty = $name:literal, $variant:ident);* $(;)?) => {$(
        impl cqrs_es::Aggregate for $aggregate {
            const TYPE: &'static str = $name;
            type Command = crate::decision::Changes;
            type Event = <$aggregate as Aggregate>::Event;
            type Error = crate::rejection::Rejection;
            type Services = ();

            async fn handle(
                &mut self,
                decided: Self::Command,
                _services: &(),
                sink: &cqrs_es::event_sink::EventSink<Self>,
            ) -> Result<(), Self::Error> {
                for (_stream, event) in decided.into_events() {
                    if let Event::$variant(event) = event {
                        sink.write(event, self).await;
                    }
                }
                Ok(())
            }

            fn apply(&mut self, event: Self::Event) {
                self.evolve(&event);
            }
        }
    )*};
}

cqrs_aggregate! {
    Organization = "organization", Organization;
    ApiKey = "api_key", ApiKey;
    CreditAccount = "credits", Credits;
    Job = "job", Job;
    Submission = "submission", Submission;
    Worker = "worker", Worker;
    WebhookEndpoint = "webhook_endpoint", WebhookEndpoint;
    Purchase = "purchase", Purchase;
    Earnings = "earnings", Earnings;
    Payout = "payout", Payout;
    Appeal = "appeal", Appeal;
    TestClock = "test_clock", TestClock;
}
