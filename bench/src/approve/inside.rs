//! The product's inside: its ledger and its followers, as its own process runs them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use firsthand_domain::time::Span;
use firsthand_domain::{Command, StreamId};
use firsthand_eventstore::{
    Answer, Clock, Ledger, LedgerConfig, Meta, Reply, Request, Store, migrate,
};
use firsthand_projections::{CURSOR, FEED, FEED_CURSOR, Follower, Pace, READ_MODELS};
use firsthand_workers::{CURSOR as REACTOR_CURSOR, reactors};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use ulid::Ulid;

/// Parts of the log and connections, as the product has them where nothing is configured.
const PARTS: i16 = 2;
const POOL: u32 = 16;
/// When the sandbox's worker takes a job.
const SANDBOX_DELAY: Span = Span::seconds(15);
/// How long the followers may take to reach the end of what was prepared.
const PATIENCE: Duration = Duration::from_mins(5);

/// A ledger with everybody who follows it.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) ledger: Ledger,
    followers: Vec<Arc<Follower>>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Inside {
    /// Brings the schema to an empty database and starts everything on it.
    pub(super) async fn open(database: &str) -> anyhow::Result<Self> {
        migrate(database, PARTS).await?;
        let store = Store::connect(database, POOL).await?;
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock: Clock = Arc::new(firsthand_adapters::clock::system);
        let ledger = Ledger::open(&store, &clock, &LedgerConfig::default(), &tracker).await?;
        let pace = Pace::default();
        let followers = vec![
            Arc::new(Follower::new(&store, CURSOR, READ_MODELS, &pace)),
            Arc::new(Follower::new(&store, REACTOR_CURSOR, reactors(SANDBOX_DELAY), &pace)),
            Arc::new(Follower::new(&store, FEED_CURSOR, FEED, &Pace::default())),
        ];
        for follower in &followers {
            for part in store.all_parts() {
                let (ledger, follower, stop) = (ledger.clone(), Arc::clone(follower), stop.clone());
                tracker.spawn(async move { follower.follow(&ledger, part, &stop).await });
            }
        }
        Ok(Self { ledger, followers, tracker, stop })
    }

    /// Gives the ledger a command as the scoring task does, without a key, and waits for its commit.
    pub(super) async fn execute(
        &self,
        stream: StreamId,
        command: impl Command + 'static,
    ) -> anyhow::Result<()> {
        let task = Ulid(rand::random()).to_string();
        let request = Request {
            command: Box::new(command),
            render: Box::new(|_view, outcome| Answer { keep: outcome.is_ok(), ..Answer::done() }),
            meta: Meta {
                actor: "system:score".to_owned(),
                request_id: format!("task:{task}"),
                key: None,
            },
        };
        match self.ledger.execute(stream, request).await {
            Ok(Reply::Decided { outcome: Ok(()), .. }) => Ok(()),
            Ok(Reply::Decided { outcome: Err(rejection), .. }) => bail!("refused: {rejection}"),
            Ok(Reply::Replayed { .. }) => bail!("a command without a key was answered before"),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until every follower has seen all that was written.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        let store = self.ledger.store();
        for part in store.all_parts() {
            let head = self.ledger.head(part).context("a part without a head")?;
            let head = *head.borrow();
            for follower in &self.followers {
                let reached = follower.reach(store, part, head, PATIENCE).await?;
                ensure!(reached, "part {part} was not followed to {head} within {PATIENCE:?}");
            }
        }
        Ok(())
    }

    /// Ends everything; what was queued is answered first.
    pub(super) async fn close(self) {
        self.stop.cancel();
        let store = self.ledger.store().clone();
        drop(self.ledger);
        self.tracker.close();
        self.tracker.wait().await;
        store.close().await;
    }
}
