//! Connections: pools of the writer's role, and one of the readers', whose statements see one book each.

use crate::error::StoreError;
use firsthand_domain::{Book, StreamId};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _};
use sqlx::{Postgres, Transaction};
use std::str::FromStr;
use std::time::Duration;
use tokio_postgres::config::Host;

/// A transaction of the writer's role, over all books.
pub type WriterTransaction<'c> = Transaction<'c, Postgres>;

/// How long a request may wait for a connection before it is told that the service is overloaded.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The database, through its two roles.
#[derive(Debug, Clone)]
pub struct Store {
    writer: PgPool,
    single: PgPool,
    tenants: PgPool,
    append: tokio_postgres::Config,
    parts: u16,
}

/// For connections whose statements find few rows by an index. Their plans are made once, as a rule while a
/// table is all but empty: one that scans it would go on to do so while it grows, until the next analyze.
const NO_SCANS: (&str, &str) = ("enable_seqscan", "off");

/// What is looked up beside the append has a row's whole key, so nothing but the primary key may be used. A
/// writer that holds heads and stands still must not stop the others for longer than a lease lasts.
const APPEND_OPTIONS: &str = "-c role=firsthand_writer -c enable_seqscan=off -c enable_sort=off \
                              -c enable_bitmapscan=off -c idle_in_transaction_session_timeout=5s";

/// A process that stands still in the middle of a transaction must not hold what it has locked for good.
const NO_LINGERING: (&str, &str) = ("idle_in_transaction_session_timeout", "60s");

/// What connections of a role have in common; `name` tells their pool in `pg_stat_activity`.
fn role(options: &PgConnectOptions, role: &str, name: &str) -> PgConnectOptions {
    options
        .clone()
        .disable_statement_logging()
        .application_name(name)
        .options([("role", role), ("client_min_messages", "error")])
}

/// A connection that lay idle for this long may be gone, so it is tried before it is used. One that
/// was in use a moment ago is not: that would be a second round trip for every statement.
const FRESH: Duration = Duration::from_secs(1);

fn pool_options(size: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// A pool whose connections take on a role and roll back on release: a future that is dropped
/// inside `begin` must not leave its transaction to the next user of the connection. Statements of
/// transactions are few and carry many rows, so each is planned for the tables as they are: a plan made
/// when a table was empty reads all of it later. What they touch was written a moment ago and lies in
/// memory, so a row that is looked up costs little more than one that is scanned.
fn pool(options: PgConnectOptions, size: u32) -> PgPool {
    let planning = [("plan_cache_mode", "force_custom_plan"), ("random_page_cost", "1.1")];
    let options = options.options(planning).options([NO_LINGERING]);
    pool_options(size)
        .after_release(|connection, _| {
            Box::pin(async move {
                // Outside a transaction this is a no-op with a warning, which the options silence.
                sqlx::raw_sql("rollback").execute(connection).await?;
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

/// A pool for single statements: no transaction is ever begun on its connections, so there is none to
/// roll back. Each statement is planned once, since planning costs more than most of them do.
fn single(options: PgConnectOptions, size: u32) -> PgPool {
    let options = options.options([("plan_cache_mode", "force_generic_plan"), NO_SCANS]);
    pool_options(size).connect_lazy_with(options)
}

/// The pool of the readers' role, which writes nothing and of itself sees no row of any tenant. It too
/// is for single statements; their filters differ from call to call, so `PostgreSQL` may plan them anew.
fn tenants(options: PgConnectOptions, size: u32) -> PgPool {
    let options = options.options([("default_transaction_read_only", "on"), NO_SCANS]);
    pool_options(size).connect_lazy_with(options)
}

/// `postgres://user@localhost/db?host=/path` names one socket to sqlx and two hosts to
/// tokio-postgres: the last one counts.
fn one_host(config: &tokio_postgres::Config) -> tokio_postgres::Config {
    let mut one = tokio_postgres::Config::new();
    match config.get_hosts().last() {
        Some(Host::Tcp(host)) => one.host(host),
        Some(Host::Unix(path)) => one.host_path(path),
        None => &mut one,
    };
    // A peer that is silently gone must be noticed, or its writer would wait for good.
    one.connect_timeout(Duration::from_secs(10))
        .keepalives_idle(Duration::from_secs(5))
        .tcp_user_timeout(Duration::from_secs(10));
    if let Some(port) = config.get_ports().last() {
        one.port(*port);
    }
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(database) = config.get_dbname() {
        one.dbname(database);
    }
    one
}

/// Refuses a server that would lose what it has acknowledged.
async fn must_be_durable(pool: &PgPool) -> Result<(), StoreError> {
    let unsafe_settings = sqlx::query_scalar!(
        r#"select string_agg(name, ', ') from pg_settings
           where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'"#
    )
    .fetch_one(pool)
    .await?;
    match unsafe_settings {
        None => Ok(()),
        Some(settings) => Err(StoreError::NotDurable { settings }),
    }
}

impl Store {
    /// Connects to a migrated database.
    pub async fn connect(url: &str, pool_size: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?;
        let mut append = one_host(&tokio_postgres::Config::from_str(url)?);
        append.options(APPEND_OPTIONS).application_name("firsthand-append");
        let writer = pool(role(&options, "firsthand_writer", "firsthand"), pool_size);
        let single = single(role(&options, "firsthand_writer", "firsthand-single"), pool_size);
        let tenants = tenants(role(&options, "firsthand_reader", "firsthand-tenants"), pool_size);
        let parts = sqlx::query_scalar!(r#"select count(*) as "count!" from parts"#)
            .fetch_one(&writer)
            .await?;
        must_be_durable(&writer).await?;
        let parts = u16::try_from(parts).map_err(StoreError::corrupt)?;
        Ok(Self { writer, single, tenants, append, parts })
    }

    /// Returns the same database over connections of their own, up to `pool_size` in each pool, for work that
    /// no request waits for: neither has to wait for a connection of the other, and `pg_stat_activity` tells
    /// them apart.
    #[must_use]
    pub fn background(&self, pool_size: u32) -> Self {
        let beside = |pool: &PgPool, name: &str| {
            let options = (*pool.connect_options()).clone().application_name(name);
            pool.options().clone().max_connections(pool_size).connect_lazy_with(options)
        };
        Self {
            writer: beside(&self.writer, "firsthand-background"),
            single: beside(&self.single, "firsthand-background-single"),
            tenants: beside(&self.tenants, "firsthand-background-tenants"),
            ..self.clone()
        }
    }

    /// Returns the number of parts of this database.
    pub fn parts(&self) -> u16 {
        self.parts
    }

    /// Returns all parts.
    pub fn all_parts(&self) -> impl Iterator<Item = i16> + use<> {
        (0..self.parts).filter_map(|part| i16::try_from(part).ok())
    }

    /// Returns the part that holds a stream.
    pub fn part_of(&self, stream: StreamId) -> i16 {
        stream.slot().part(self.parts)
    }

    /// Returns the part that holds a book.
    pub fn part_of_book(&self, book: Book) -> i16 {
        book.slot().part(self.parts)
    }

    /// Begins a transaction of the writer's role.
    pub async fn begin(&self) -> Result<WriterTransaction<'static>, StoreError> {
        Ok(self.writer.begin().await?)
    }

    /// Returns a pool of the writer's role for single statements; never begin a transaction on it.
    pub fn single(&self) -> &PgPool {
        &self.single
    }

    /// Returns the pool for what buyers read. Row level security shows a statement the rows of the book
    /// that it names itself and of no other, so a statement has this form:
    ///
    /// ```sql
    /// select r.* from set_config('firsthand.book', $2, true) as tenant(book)
    /// cross join lateral (select … where book = tenant.book … offset 0) as r
    /// ```
    ///
    /// The lateral reference and `offset 0`, over which nothing is pulled, have the book set before a
    /// row is looked at; a statement without them sees nothing. Outside a transaction the setting ends with
    /// the statement, so there is no state to leave behind, and no round trip but this one.
    pub fn tenants(&self) -> &PgPool {
        &self.tenants
    }

    /// Returns how to open an append connection.
    pub(crate) fn append_config(&self) -> &tokio_postgres::Config {
        &self.append
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.writer.close().await;
        self.single.close().await;
        self.tenants.close().await;
    }
}
