//! The product's inside on a database of its own: the ledger and its followers, and a clock that a test moves.

use crate::compare::QUERIES;
use firsthand_domain::Timestamp;
use firsthand_domain::time::Span;
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::{Clock, Ledger, LedgerConfig, Store, create_database, migrate, read};
use firsthand_projections::{CURSOR, FEED, FEED_CURSOR, Follower, Pace, READ_MODELS};
use firsthand_tests::server::{Options, Server};
use firsthand_workers::{CURSOR as REACTOR_CURSOR, reactors};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Two parts, so that books of different parts and of the same one meet.
const PARTS: i16 = 2;
/// 2026-01-01.
const BEGINNING: i64 = 1_767_225_600_000_000;
/// When the sandbox's worker takes a job.
const SANDBOX_DELAY: Span = Span::seconds(15);
/// How long a follower may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that runs.
pub struct World {
    /// The ledger.
    pub ledger: Ledger,
    /// What is owed and what falls due. It follows when it is asked to.
    pub reactors: Follower,
    /// What buyers are told. It follows when it is asked to.
    pub feed: Follower,
    /// What buyers read. It follows the ledger all the time, as in the service.
    read_models: Arc<Follower>,
    /// The database, as its owner.
    pub owner_url: String,
    /// A connection of the owner.
    pub client: tokio_postgres::Client,
    /// What is asked again and again.
    pub prepared: BTreeMap<&'static str, tokio_postgres::Statement>,
    clock: Arc<AtomicI64>,
    stop: CancellationToken,
    // The database lives as long as the server.
    _server: Server,
}

/// The same cluster's database of that name.
fn database(url: &str, name: &str) -> String {
    let (address, host) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = address.rsplit_once('/').expect("a database's name");
    format!("{server}/{name}?{host}")
}

impl World {
    /// Starts everything on a new database in a new cluster.
    pub async fn start() -> Self {
        let server = Server::start(Options::ephemeral()).await;
        create_database(&server.database_url, "model").await.expect("a database");
        let owner_url = database(&server.database_url, "model");
        migrate(&owner_url, PARTS).await.expect("a schema");
        let store = Store::connect(&owner_url, 8).await.expect("a store");
        let (client, connection) =
            tokio_postgres::connect(&owner_url, tokio_postgres::NoTls).await.expect("a connection");
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        tracker.spawn(async move { connection.await.ok() });
        let mut prepared = BTreeMap::new();
        for query in QUERIES {
            prepared.insert(query, client.prepare(query).await.expect("a query"));
        }
        let clock = Arc::new(AtomicI64::new(BEGINNING));
        let shown = Arc::clone(&clock);
        let asked: Clock = Arc::new(move || Timestamp::from_micros(shown.load(Ordering::SeqCst)));
        let ledger = Ledger::open(&store, &asked, &LedgerConfig::default(), &tracker)
            .await
            .expect("a ledger");
        let pace = Pace::default();
        let read_models = Arc::new(Follower::new(&store, CURSOR, READ_MODELS, &pace));
        let reactors = reactors(SANDBOX_DELAY);
        let reactors = Follower::new(&store, REACTOR_CURSOR, reactors, &pace);
        let feed = Follower::new(&store, FEED_CURSOR, FEED, &pace);
        for part in store.all_parts() {
            let (ledger, follower) = (ledger.clone(), Arc::clone(&read_models));
            let stop = stop.clone();
            tracker.spawn(async move { follower.follow(&ledger, part, &stop).await });
        }
        Self {
            ledger,
            read_models,
            reactors,
            feed,
            owner_url,
            client,
            prepared,
            clock,
            stop,
            _server: server,
        }
    }

    /// The time.
    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Moves the clock, always forward.
    pub fn move_to(&self, at: i64) {
        self.clock.fetch_max(at, Ordering::SeqCst);
    }

    /// The events of a part above a position.
    pub async fn events(&self, part: i16, after: i64) -> Vec<Arc<Recorded>> {
        if let Some(recent) = self.ledger.recent(part, after, 100_000) {
            return recent;
        }
        let mut transaction = self.ledger.store().begin().await.expect("a transaction");
        read::events_after(&mut transaction, part, after, 100_000).await.expect("events")
    }

    /// Waits until the read models have reached a position.
    pub async fn reach(&self, part: i16, position: i64) {
        let store = self.ledger.store();
        let reached = self.read_models.reach(store, part, position, PATIENCE).await;
        assert!(reached.expect("the cursor is read"), "the follower stands still in part {part}");
    }

    /// Has a follower go on up to a position.
    pub async fn catch_up(&self, follower: &Follower, part: i16, position: i64) {
        let mut idle = 0;
        while follower.position(part) < position {
            let projected = follower.step(self.ledger.store(), part).await.expect("rows");
            // The first step of a new part only makes its cursor.
            idle += u32::from(projected == 0);
            assert!(idle < 3, "the follower stands still in part {part}");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
