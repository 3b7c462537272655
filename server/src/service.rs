//! Wiring: the one place that knows every crate.

use crate::config::Config;
use crate::gateway::Gateway;
use crate::http;
use crate::instance::{Database, Instance};
use crate::payments::Provider;
use crate::webhooks::Sending;
use anyhow::{Context, Result};
use firsthand_adapters::secrets::Secrets;
use firsthand_adapters::storage::{ObjectStore, StoreConfig};
use firsthand_api::app::{Parts, ProcessState};
use firsthand_api::{AppState, Limiter, Limits, health_router, router};
use firsthand_domain::time::Span;
use firsthand_eventstore::{Clock, Ledger, LedgerConfig, Store};
use firsthand_projections::{CURSOR, FEED, FEED_CURSOR, Follower, Pace, READ_MODELS};
use firsthand_workers::{
    CURSOR as REACTOR_CURSOR, Dispatcher, Runner, WorkerContext, run_housekeeping, run_schedules,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Events that the feed takes at a time: each may be owed to many endpoints.
const FEED_PAGE: i64 = 250;
/// Most connections of each of the three pools of requests, and of the three of all else. With two for each
/// writer that is less than a server allows where nothing is configured (100).
const POOL: u32 = 16;
const BACKGROUND_POOL: u32 = 8;
/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 8_192;
/// How long everything may take to end, of which requests under way may take 20 s, and how long the pools may
/// take afterwards to close.
const END: Duration = Duration::from_secs(25);
const CLOSE: Duration = Duration::from_secs(2);

/// What this process does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roles {
    /// Answer requests.
    pub api: bool,
    /// Follow the log into read models.
    pub projections: bool,
    /// Perform tasks and fire timers.
    pub workers: bool,
}

impl Roles {
    /// Everything.
    pub(crate) const ALL: Self = Self { api: true, projections: true, workers: true };
}

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    /// The embedded payment gateway, where that is used.
    pub gateway: Option<Arc<Gateway>>,
    stop: CancellationToken,
    tracker: TaskTracker,
    connections: TaskTracker,
    stores: [Store; 2],
}

/// What a service is started with.
pub(crate) struct Setup<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Whether this is `dev` or `demo`.
    pub local: bool,
    /// The data directory.
    pub instance: &'a Instance,
    /// The database.
    pub database: &'a Database,
    /// Object storage.
    pub objects: StoreConfig,
    /// Address and port.
    pub listen: &'a str,
    /// What differs between `dev` and production.
    pub limits: Limits,
    /// How webhooks are sent.
    pub webhooks: Sending,
    /// What this process does.
    pub roles: Roles,
}

impl Service {
    /// Starts the service.
    pub(crate) async fn start(setup: Setup<'_>) -> Result<Self> {
        let Setup { config, local, instance, database, objects, listen, limits, webhooks, roles } =
            setup;
        let tracker = TaskTracker::new();
        let stop = CancellationToken::new();
        let connections = TaskTracker::new();
        let store = Store::connect(&database.service_url, POOL)
            .await
            .context("the database can't be reached")?;
        let clock: Clock = Arc::new(firsthand_adapters::clock::system);
        let ledger = Ledger::open(&store, &clock, &LedgerConfig::default(), &tracker).await?;
        let background = ledger.over(&store.background(BACKGROUND_POOL));
        poll_heads(&tracker, &background, &stop);
        let objects = ObjectStore::new(objects);
        objects.ensure_bucket().await.context("object storage can't be reached")?;
        let (listener, address, base_url) = bind(listen, config).await?;
        let provider = Provider::new(config, instance, &base_url, local)?;
        let pace = Pace::default();
        let read_models = Arc::new(Follower::new(&store, CURSOR, READ_MODELS, &pace));
        if roles.projections {
            follow(&tracker, &background, &read_models, &stop);
        }
        let feed = feed(&store);
        let secrets = Secrets::new(&instance.master_key);
        if roles.workers {
            let outbound = webhooks.outbound(&secrets);
            let context = WorkerContext {
                ledger: background.clone(),
                read_models: Arc::clone(&read_models),
                reactors: reactors(&store, &pace, config.sandbox_delay()?),
                feed: Arc::clone(&feed),
                bell: Arc::default(),
                objects: objects.clone(),
                payments: provider.payments.clone(),
                clock: Arc::clone(&clock),
                scratch_dir: instance.dir.join("scratch"),
                earnings_hold: config.earnings_hold()?,
                shelf: Arc::default(),
                stop: stop.clone(),
            };
            follow(&tracker, &background, &feed, &stop);
            let dispatcher = Dispatcher::new(context.clone(), outbound, tracker.clone(), &stop);
            dispatch(&tracker, dispatcher, &feed, database).await?;
            work(&tracker, context, &stop);
        }
        let app = AppState::new(Parts {
            ledger,
            read_models,
            feed,
            connector: webhooks.connector,
            payments: provider.payments,
            public_url: base_url,
            objects,
            secrets,
            clock,
            operator_token: instance.operator_token.clone(),
            upload_dir: instance.dir.join("uploads"),
            limiter: limits.rates.as_ref().map(Limiter::new),
            limits,
            process: ProcessState::default(),
            tracker: tracker.clone(),
            stopping: stop.clone(),
        });
        let (gateway, trackers) = (provider.gateway.as_ref(), (&tracker, &connections));
        serve(listener, app, roles, background.store(), gateway, trackers, &stop)?;
        let (gateway, stores) = (provider.gateway, [store, background.store().clone()]);
        Ok(Self { address, gateway, stop, tracker, connections, stores })
    }

    /// Stops: no new requests, those under way are finished, tasks end or lose their lease, the
    /// writers empty their queues. What is not over by then is left to fail on a closed pool.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let ended = async {
            self.connections.close();
            self.connections.wait().await;
            self.tracker.close();
            self.tracker.wait().await;
        };
        if tokio::time::timeout(END, ended).await.is_err() {
            tracing::warn!(tasks = self.tracker.len(), "not everything has ended");
        }
        let closed = async {
            for store in &self.stores {
                store.close().await;
            }
        };
        if tokio::time::timeout(CLOSE, closed).await.is_err() {
            tracing::warn!("connections to the database are still in use");
        }
    }
}

/// Listens with a queue that takes a burst of clients: one that is full makes them wait for seconds.
async fn listen_on(listen: &str) -> std::io::Result<TcpListener> {
    let mut failed = None;
    for address in tokio::net::lookup_host(listen).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into()))
}

/// Listens, and says where buyers reach the service.
async fn bind(listen: &str, config: &Config) -> Result<(TcpListener, SocketAddr, String)> {
    let listener =
        listen_on(listen).await.with_context(|| format!("{listen} can't be listened on"))?;
    let address = listener.local_addr()?;
    let base_url = match config.public_url.get() {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{address}"),
    };
    Ok((listener, address, base_url))
}

/// Answers requests until told to stop: whatever a process does, it says how it is.
fn serve(
    listener: TcpListener,
    app: AppState,
    roles: Roles,
    background: &Store,
    gateway: Option<&Arc<Gateway>>,
    (tracker, connections): (&TaskTracker, &TaskTracker),
    stop: &CancellationToken,
) -> Result<()> {
    let mut routes = if roles.api { router(app.clone()) } else { health_router(app.clone()) };
    if let Some(gateway) = gateway {
        routes = routes.merge(gateway.router());
        gateway.send_events(tracker, stop)?;
    }
    let (connections, stop) = (connections.clone(), stop.clone());
    if roles.api {
        let uses = app.keep_key_uses(background.clone(), stop.clone(), connections.clone());
        tracker.spawn(uses);
    }
    tracker.spawn(async move {
        if let Err(error) = http::serve(listener, routes, &connections, &stop).await {
            tracing::error!(error = %error, "serving ended");
        }
    });
    Ok(())
}

fn follow(
    tracker: &TaskTracker,
    ledger: &Ledger,
    follower: &Arc<Follower>,
    stop: &CancellationToken,
) {
    for part in ledger.store().all_parts() {
        let (ledger, follower, stop) = (ledger.clone(), Arc::clone(follower), stop.clone());
        tracker.spawn(async move { follower.follow(&ledger, part, &stop).await });
    }
}

fn poll_heads(tracker: &TaskTracker, ledger: &Ledger, stop: &CancellationToken) {
    let (ledger, stop) = (ledger.clone(), stop.clone());
    tracker.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => (),
            () = firsthand_eventstore::subscription::poll_heads(&ledger) => (),
        }
    });
}

/// The follower of what endpoints are owed. It has a pace of its own: whoever is owed much must not
/// hold up the rest.
fn feed(store: &Store) -> Arc<Follower> {
    let follower = Follower::new(store, FEED_CURSOR, FEED, &Pace::default());
    Arc::new(follower.with_page(FEED_PAGE))
}

fn reactors(store: &Store, pace: &Pace, sandbox_delay: Span) -> Arc<Follower> {
    let built = firsthand_workers::reactors(sandbox_delay);
    Arc::new(Follower::new(store, REACTOR_CURSOR, built, pace))
}

async fn dispatch(
    tracker: &TaskTracker,
    dispatcher: Dispatcher,
    feed: &Arc<Follower>,
    database: &Database,
) -> Result<()> {
    if database.cluster.is_some() {
        dispatcher.end_holds().await?;
    }
    let (dispatcher, feed) = (Arc::new(dispatcher), Arc::clone(feed));
    let keeper = Arc::clone(&dispatcher);
    tracker.spawn(async move { keeper.keep().await });
    tracker.spawn(async move { dispatcher.run(&feed).await });
    Ok(())
}

fn work(tracker: &TaskTracker, context: WorkerContext, stop: &CancellationToken) {
    follow(tracker, &context.ledger, &context.reactors, stop);
    let runner = Runner::new(context.clone(), tracker.clone());
    let running = stop.clone();
    tracker.spawn(async move { runner.run(&running).await });
    let (housekeeper, keeping) = (context.clone(), stop.clone());
    tracker.spawn(async move { run_housekeeping(&housekeeper, &keeping).await });
    let stop = stop.clone();
    tracker.spawn(async move { run_schedules(&context, &stop).await });
}
