//! What handlers share.

use crate::begun::BegunSubmissions;
use crate::error::ApiError;
use crate::key_uses::KeyUses;
use crate::limits::{Limiter, Rates};
use crate::refusals::Refusals;
use crate::streams::OpenStreams;
use crate::worker::DailyCaps;
use firsthand_adapters::outbound::Connector;
use firsthand_adapters::payments::Payments;
use firsthand_adapters::secrets::Secrets;
use firsthand_adapters::storage::ObjectStore;
use firsthand_domain::{Book, State, Timestamp};
use firsthand_eventstore::{Clock, Ledger, Store, read};
use firsthand_projections::Follower;
use firsthand_projections::finance::position::Positions;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use ulid::Ulid;

/// How long a reader waits for the projections to reach what was written; then he is answered from
/// what is there.
const PATIENCE: Duration = Duration::from_secs(3);

/// How verification codes reach phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneSender {
    /// Nothing is sent; every code is `000000` (only in `dev` and `demo`, spec section 21).
    Fixed,
    /// No sender is configured: verification is not available.
    Unavailable,
}

/// What differs between `dev` and production.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How verification codes reach phones.
    pub phone_sender: PhoneSender,
    /// Whether workers register without the operator's token.
    pub open_registration: bool,
    /// Submissions that a worker may begin each day.
    pub submissions_per_day: DailyCaps,
    /// Whether a job is there for workers of higher tiers first (spec section 11).
    pub priority_windows: bool,
    /// How many requests are answered; `None` for any number.
    pub rates: Option<Rates>,
}

/// What only this process knows; it begins empty.
#[derive(Debug, Default)]
pub struct ProcessState {
    /// When keys were used last.
    pub key_uses: KeyUses,
    /// The streams of events that are open.
    pub streams: OpenStreams,
    /// Held while webhook endpoints are counted and created, so that their limit is exact here.
    pub creating_endpoint: Mutex<()>,
    /// Held while a purchase is opened, so that a repeat without a key finds it.
    pub opening_purchase: Mutex<()>,
    /// Refused calls that are on their way to the log.
    pub refusals: Refusals,
    /// What workers have begun lately, so that the daily cap is exact here.
    pub begun: BegunSubmissions,
}

/// Everything that a handler may touch.
pub struct Parts {
    /// The only way to change anything.
    pub ledger: Ledger,
    /// The read models' progress.
    pub read_models: Arc<Follower>,
    /// The progress of what buyers are told and endpoints are owed.
    pub feed: Arc<Follower>,
    /// Reaches receivers; here it only says which URLs it would.
    pub connector: Arc<Connector>,
    /// The payment provider.
    pub payments: Payments,
    /// Where buyers reach this service.
    pub public_url: String,
    /// Object storage.
    pub objects: ObjectStore,
    /// Keyed hashes and seals.
    pub secrets: Secrets,
    /// The clock.
    pub clock: Clock,
    /// The operator's bearer token.
    pub operator_token: String,
    /// Where uploads are received before they go to object storage.
    pub upload_dir: PathBuf,
    /// What differs between `dev` and production.
    pub limits: Limits,
    /// Counts requests against the rate limits; `None` if they are off.
    pub limiter: Option<Limiter>,
    /// What only this process knows.
    pub process: ProcessState,
    /// Work that goes on when a client goes away runs here.
    pub tracker: TaskTracker,
    /// Told when the service stops: long-polls answer at once.
    pub stopping: CancellationToken,
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState").finish_non_exhaustive()
    }
}

impl std::ops::Deref for AppState {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl AppState {
    /// Shares the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Returns the time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Returns the time of a book: its clock's, if it has one.
    pub(crate) async fn time_of(&self, book: Book) -> Result<Timestamp, ApiError> {
        let Some(clock) = book.clock() else { return Ok(self.now()) };
        match &*self.ledger.current(clock).await? {
            State::TestClock(clock) => Ok(clock.now.unwrap_or_else(|| self.now())),
            _ => Ok(self.now()),
        }
    }

    /// Mints a ULID.
    pub fn mint(&self) -> Ulid {
        firsthand_adapters::ids::mint(self.now())
    }

    /// Returns the database.
    pub fn store(&self) -> &Store {
        self.ledger.store()
    }

    /// Waits until the read models hold everything that this process has committed to a book's
    /// part, so that a buyer reads his own writes in every list.
    pub async fn catch_up(&self, book: Book) {
        self.catch_up_part(self.store().part_of_book(book)).await;
    }

    /// Waits until the webhook events hold everything that this process has committed to a book's
    /// part.
    pub(crate) async fn catch_up_feed(&self, book: Book) {
        let part = self.store().part_of_book(book);
        self.catch_up_with(&self.feed, part).await;
    }

    /// Waits until the read models hold everything that this process has committed to any part.
    pub(crate) async fn catch_up_all(&self) {
        let parts = self.store().all_parts().map(|part| self.catch_up_part(part));
        futures_util::future::join_all(parts).await;
    }

    /// Waits until the read models hold a book's part as far as the log has got, in whatever process: for what
    /// must not be answered from less, money as of an instant.
    pub(crate) async fn must_catch_up(&self, book: Book) -> Result<(), ApiError> {
        let part = self.store().part_of_book(book);
        self.must_reach_part(part, read::head(self.store(), part).await?).await
    }

    /// Like [`Self::must_catch_up`], for all parts.
    pub(crate) async fn must_catch_up_all(&self) -> Result<(), ApiError> {
        let heads = read::heads(self.store()).await?;
        self.must_reach_all(&heads.into_iter().collect()).await
    }

    /// Waits until the read models hold each part up to a position.
    pub(crate) async fn must_reach_all(&self, positions: &Positions) -> Result<(), ApiError> {
        let parts = positions.iter().map(|(&part, &until)| self.must_reach_part(part, until));
        futures_util::future::try_join_all(parts).await?;
        Ok(())
    }

    /// Waits until the read models hold a book's part up to a position: one that was read from the log, which
    /// may have gone on in another process.
    pub(crate) async fn must_reach(&self, book: Book, position: i64) -> Result<(), ApiError> {
        self.must_reach_part(self.store().part_of_book(book), position).await
    }

    async fn must_reach_part(&self, part: i16, position: i64) -> Result<(), ApiError> {
        // Another process may have written that far: its followers and ours need not wait for the next poll.
        self.ledger.saw_head(part, position);
        if self.read_models.reach(self.store(), part, position, PATIENCE).await? {
            return Ok(());
        }
        tracing::warn!(part, position, "the read models are behind: a report is refused");
        Err(ApiError::Unavailable)
    }

    async fn catch_up_part(&self, part: i16) {
        self.catch_up_with(&self.read_models, part).await;
    }

    async fn catch_up_with(&self, follower: &Follower, part: i16) {
        let Some(head) = self.ledger.head(part).map(|head| *head.borrow()) else { return };
        match follower.reach(self.store(), part, head, PATIENCE).await {
            Ok(true) => (),
            Ok(false) => tracing::warn!(part, head, "the read models are behind"),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no cursor can be read");
            }
        }
    }
}
