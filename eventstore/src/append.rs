//! The append: one data-modifying statement for each part of a batch, pipelined on one connection.
//!
//! The statement moves the part's head from the expected position to the new one and inserts
//! everything only if that succeeded; if another process was there first it fails, and with it the
//! transaction of the batch (design D3, D5).

use crate::batch::Head;
use crate::codec::Envelope;
use crate::column::Column;
use crate::error::StoreError;
use crate::store::Store;
use firsthand_domain::merkle::Hash;
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};
use tokio_util::task::TaskTracker;

/// The events of one part of a batch, column by column.
#[derive(Debug, Default)]
pub(crate) struct EventRows {
    pub book: Column,
    pub sequence: Vec<i64>,
    pub stream: Column,
    pub version: Vec<i64>,
    pub event_type: Vec<&'static str>,
    pub schema_version: Vec<i16>,
    pub recorded_at: Vec<i64>,
    /// Times of books with clocks of their own. Shorter than the other columns where no later event has
    /// one: `unnest` makes the rest null, so that a batch without any sends an empty array.
    pub effective_at: Vec<Option<i64>>,
    pub actor: Column,
    pub request_id: Column,
    pub payload: Column,
    pub leaf: Column,
}

impl EventRows {
    /// Adds what stands around an event whose payload is there already.
    pub(crate) fn push(&mut self, envelope: &Envelope<'_>, event_type: &'static str, leaf: Hash) {
        if envelope.effective_at.is_some() {
            self.effective_at.resize(self.version.len(), None);
            self.effective_at.push(envelope.effective_at);
        }
        self.book.push(envelope.book);
        self.stream.push(envelope.stream);
        self.sequence.push(envelope.sequence);
        self.version.push(envelope.version);
        self.event_type.push(event_type);
        self.schema_version.push(envelope.schema_version);
        self.recorded_at.push(envelope.recorded_at);
        self.actor.push(envelope.actor);
        self.request_id.push(envelope.request_id);
        self.leaf.push(leaf);
    }
}

/// State rows of one part of a batch, column by column.
#[derive(Debug, Default)]
pub(crate) struct StateRows {
    pub stream: Column,
    pub kind: Vec<&'static str>,
    pub book: Column,
    pub version: Vec<i64>,
    pub status: Vec<Option<&'static str>>,
    pub parent: Column,
    pub sequence: Vec<i64>,
    pub frontier: Column,
    pub state: Column,
    /// Zeros in place of what the state will grow by; only with rows that are not there yet.
    pub room: Column,
}

/// The idempotency rows of one part of a batch, column by column.
#[derive(Debug, Default)]
pub(crate) struct KeyRows {
    pub digest: Column,
    pub book: Column,
    pub request_hash: Column,
    pub status: Vec<i16>,
    pub sealed: Vec<bool>,
    pub body: Column,
}

/// What a batch writes to one part.
#[derive(Debug, Default)]
pub(crate) struct PartRows {
    pub part: i16,
    pub expected_head: i64,
    /// The leaf of the event at the expected head.
    pub expected_leaf: Hash,
    pub recorded_at: i64,
    /// When the batch was decided: stored keys are kept from then on.
    pub answered_at: i64,
    pub events: EventRows,
    /// Rows that are not there yet.
    pub created: StateRows,
    /// Rows that are there.
    pub changed: StateRows,
    pub keys: KeyRows,
}

impl PartRows {
    /// Returns the number of events as the database counts.
    pub(crate) fn count(&self) -> i64 {
        i64::try_from(self.events.stream.len()).unwrap_or(i64::MAX)
    }

    /// Says whether nothing is to be written: all that counts is that the head is as expected.
    fn is_empty(&self) -> bool {
        let (created, changed) = (&self.created.stream, &self.changed.stream);
        let columns = [&self.events.stream, created, changed, &self.keys.digest];
        columns.iter().all(|column| column.len() == 0)
    }

    /// Returns the leaf of the last event once the rows are written.
    pub(crate) fn last_leaf(&self) -> &[u8] {
        self.events.leaf.last().unwrap_or(&self.expected_leaf)
    }

    /// Returns the last event's position and leaf: what proves that the batch is in the log.
    pub(crate) fn witness(&self) -> Option<(i16, i64, Hash)> {
        let leaf = Hash::try_from(self.events.leaf.last()?).ok()?;
        Some((self.part, self.expected_head + self.count(), leaf))
    }
}

/// `1 / count(*)` fails the statement when the head is not what was expected: the position and the leaf
/// of the event that stands there. The position alone would let a batch pass that was decided on one
/// that failed, if another process wrote just as many events meanwhile. Rows that are new
/// are inserted apart: to look for a conflict first costs an index scan and a log record each.
const APPEND: &str = "
with head as (
  update parts set head = $2 + $3, recorded_at = $4, leaf = $41
  where part = $1 and head = $2 and leaf = $40
  returning part
), appended as (
  insert into events (part, position, book, sequence, stream, version, event_type,
                      schema_version, recorded_at, actor, request_id, payload, leaf, effective_at)
  select head.part, $2 + e.n, e.book, e.sequence, e.stream, e.version, e.event_type,
         e.schema_version, e.recorded_at, e.actor, e.request_id, e.payload, e.leaf,
         e.effective_at
  from head, unnest($5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::text[],
                    $10::smallint[], $11::bigint[], $12::text[], $13::text[], $14::bytea[],
                    $15::bytea[], $42::bigint[])
    with ordinality as e(book, sequence, stream, version, event_type, schema_version,
                         recorded_at, actor, request_id, payload, leaf, effective_at, n)
  returning 1
), created as (
  insert into streams (part, stream, kind, book, version, status, parent, sequence, frontier,
                       state, room)
  select head.part, r.stream, r.kind, r.book, r.version, r.status, r.parent, r.sequence,
         r.frontier, r.state, r.room
  from head, unnest($16::text[], $17::text[], $18::text[], $19::bigint[], $20::text[],
                    $21::text[], $22::bigint[], $23::bytea[], $24::bytea[], $43::bytea[])
    as r(stream, kind, book, version, status, parent, sequence, frontier, state, room)
  returning 1
), changed as (
  insert into streams as s (part, stream, kind, book, version, status, parent, sequence, frontier,
                            state)
  select head.part, r.stream, r.kind, r.book, r.version, r.status, null, r.sequence, r.frontier,
         r.state
  from head, unnest($25::text[], $26::text[], $27::text[], $28::bigint[], $29::text[],
                    $30::bigint[], $31::bytea[], $32::bytea[])
    as r(stream, kind, book, version, status, sequence, frontier, state)
  on conflict (part, stream) do update
  set version = excluded.version, status = excluded.status, sequence = excluded.sequence,
      frontier = excluded.frontier, state = excluded.state, room = ''
  returning 1
), answered as (
  insert into idempotency_keys (part, digest, book, request_hash, created_at, status, sealed, body)
  select head.part, k.digest, k.book, k.request_hash, $39, k.status, k.sealed, k.body
  from head, unnest($33::bytea[], $34::text[], $35::bytea[], $36::smallint[], $37::bool[],
                    $38::bytea[])
    as k(digest, book, request_hash, status, sealed, body)
  returning 1
)
select 1 / (select count(*) from head) as one,
       (select count(*) from appended) as appended,
       (select count(*) from created) as created,
       (select count(*) from changed) as changed,
       (select count(*) from answered) as answered";

/// For a part in which nothing is to be written: fails like `APPEND`, and costs no flush of the log.
const CHECK: &str = "
select 1 / (select count(*) from parts where part = $1 and head = $2 and leaf = $3) as one";

/// Locks where parts end until the transaction is over.
const HOLD: &str = "
select part, head, recorded_at, leaf from parts where part = any($1) order by part for update";

/// An open append connection.
pub(crate) struct Appender {
    client: Client,
    statement: Statement,
    check: Statement,
    hold: Statement,
    /// Whether a transaction is open that holds heads: the next batch ends it.
    holding: AtomicBool,
    /// Whether nobody knows what was sent last.
    abandoned: AtomicBool,
}

impl std::fmt::Debug for Appender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Appender").finish_non_exhaustive()
    }
}

/// The result of a batch, once the database has answered.
pub(crate) type Committed = BoxFuture<'static, Result<(), StoreError>>;

#[expect(clippy::similar_names, reason = "variables are named as what they hold")]
impl Appender {
    /// Connects. The connection itself is driven on the tracker.
    pub(crate) async fn connect(store: &Store, tracker: &TaskTracker) -> Result<Self, StoreError> {
        let (client, connection) = store.append_config().connect(NoTls).await?;
        tracker.spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = %error, "the append connection ended");
            }
        });
        let statement = client.prepare(APPEND).await?;
        let check = client.prepare(CHECK).await?;
        let hold = client.prepare(HOLD).await?;
        Ok(Self {
            client,
            statement,
            check,
            hold,
            holding: AtomicBool::default(),
            abandoned: AtomicBool::default(),
        })
    }

    /// Says whether the connection is gone, or given up.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed() || self.abandoned.load(Ordering::Relaxed)
    }

    /// Gives the connection up: it may stand in the middle of a transaction.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Locks the heads of parts, so that nobody else can write to them before the next batch is written or
    /// the heads are let go, and returns them. Waits for whoever holds them.
    pub(crate) async fn hold(&self, parts: &[i16]) -> Result<Vec<(i16, Head)>, StoreError> {
        self.holding.store(true, Ordering::Relaxed);
        let begin = self.client.batch_execute("begin");
        let parameters: [&(dyn ToSql + Sync); 1] = [&parts];
        let locked = self.client.query(&self.hold, &parameters);
        let (begun, locked) = futures_util::join!(begin, locked);
        begun?;
        locked?
            .into_iter()
            .map(|row| {
                let leaf =
                    Hash::try_from(row.try_get::<_, &[u8]>(3)?).map_err(StoreError::corrupt)?;
                let head = Head { position: row.try_get(1)?, recorded_at: row.try_get(2)?, leaf };
                Ok((row.try_get(0)?, head))
            })
            .collect()
    }

    /// Lets go of heads that were to be held for a batch that is not written.
    pub(crate) async fn let_go(&self) -> Result<(), StoreError> {
        if self.holding.swap(false, Ordering::Relaxed) {
            self.client.batch_execute("rollback").await?;
        }
        Ok(())
    }

    /// Writes a batch in one transaction. The returned future sends everything when it is first
    /// polled, so that batches polled in order arrive in order; it owns what it needs.
    pub(crate) fn append(
        self: &std::sync::Arc<Self>,
        parts: std::sync::Arc<[PartRows]>,
    ) -> Committed {
        let appender = std::sync::Arc::clone(self);
        let begun = self.holding.swap(false, Ordering::Relaxed);
        Box::pin(async move {
            match (&*parts, begun) {
                ([], false) => Ok(()),
                ([one], false) => appender.write_part(one).await,
                (many, begun) => {
                    let begin = async {
                        if begun { Ok(()) } else { appender.client.batch_execute("begin").await }
                    };
                    let appended = futures_util::future::join_all(
                        many.iter().map(|rows| appender.write_part(rows)),
                    );
                    let commit = appender.client.batch_execute("commit");
                    // Polled in this order, hence sent in this order, without waiting in between.
                    let (begun, appended, committed) = futures_util::join!(begin, appended, commit);
                    begun?;
                    appended.into_iter().collect::<Result<Vec<()>, _>>()?;
                    Ok(committed?)
                }
            }
        })
    }

    async fn write_part(&self, rows: &PartRows) -> Result<(), StoreError> {
        if rows.is_empty() {
            let leaf = rows.expected_leaf.as_slice();
            self.client.query_one(&self.check, &[&rows.part, &rows.expected_head, &leaf]).await?;
            return Ok(());
        }
        self.append_part(rows).await
    }

    async fn append_part(&self, rows: &PartRows) -> Result<(), StoreError> {
        let (events, keys) = (&rows.events, &rows.keys);
        let (created, changed) = (&rows.created, &rows.changed);
        let count = rows.count();
        let parameters: [&(dyn ToSql + Sync); 43] = [
            &rows.part,
            &rows.expected_head,
            &count,
            &rows.recorded_at,
            &events.book,
            &events.sequence,
            &events.stream,
            &events.version,
            &events.event_type,
            &events.schema_version,
            &events.recorded_at,
            &events.actor,
            &events.request_id,
            &events.payload,
            &events.leaf,
            &created.stream,
            &created.kind,
            &created.book,
            &created.version,
            &created.status,
            &created.parent,
            &created.sequence,
            &created.frontier,
            &created.state,
            &changed.stream,
            &changed.kind,
            &changed.book,
            &changed.version,
            &changed.status,
            &changed.sequence,
            &changed.frontier,
            &changed.state,
            &keys.digest,
            &keys.book,
            &keys.request_hash,
            &keys.status,
            &keys.sealed,
            &keys.body,
            &rows.answered_at,
            &rows.expected_leaf.as_slice(),
            &rows.last_leaf(),
            &events.effective_at,
            &created.room,
        ];
        let written = self.client.query_one(&self.statement, &parameters).await?;
        let wanted = [
            ("appended", events.stream.len()),
            ("created", created.stream.len()),
            ("changed", changed.stream.len()),
            ("answered", keys.digest.len()),
        ];
        for (column, wanted) in wanted {
            let found: i64 = written.try_get(column)?;
            if usize::try_from(found) != Ok(wanted) {
                return Err(StoreError::corrupt(format_args!(
                    "{found} rows {column} instead of {wanted}"
                )));
            }
        }
        Ok(())
    }

    /// Says whether an event with that leaf stands at that position: whether a batch whose answer
    /// was lost is in the log.
    pub(crate) async fn holds(&self, witness: (i16, i64, Hash)) -> Result<bool, StoreError> {
        let (part, position, leaf) = witness;
        let row = self
            .client
            .query_opt(
                "select leaf from events where part = $1 and position = $2",
                &[&part, &position],
            )
            .await?;
        Ok(row.is_some_and(|row| row.get::<_, &[u8]>(0) == leaf))
    }
}
