//! Tasks: effects that are owed. A runner leases one by moving its due time into the future, so a
//! runner that is killed loses nothing: the task is due again when the lease is over (design D9).

use crate::error::StoreError;
use crate::store::Store;

/// A task that is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Derives from the event that caused it, so that nothing is owed twice.
    pub task_id: String,
    /// Which effect.
    pub kind: &'static str,
    /// Whose book.
    pub book: String,
    /// What the effect needs to know, as JSON.
    pub payload: Vec<u8>,
    /// When, in microseconds since the epoch.
    pub due_at: i64,
    /// Whether the book has a clock of its own, and where the task stands with it.
    pub clock: TaskClock,
}

/// By which clock a task is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TaskClock {
    /// By the process's.
    #[default]
    None,
    /// By the process's; the book's clock waits for it.
    Awake,
    /// By its book's: it sleeps until that clock gets there.
    Asleep,
}

/// A task that was leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedTask {
    /// The part.
    pub part: i16,
    /// The task.
    pub task_id: String,
    /// Which effect.
    pub kind: String,
    /// What the effect needs to know, as JSON.
    pub payload: Vec<u8>,
    /// How often it was begun, this time included.
    pub attempts: i32,
    /// Whether its book has a clock of its own, which waits for it.
    pub clocked: bool,
}

/// Adds the tasks of one part, in the caller's transaction. One that exists already is left alone.
pub async fn add(
    connection: &mut sqlx::PgConnection,
    part: i16,
    tasks: &[NewTask],
) -> Result<(), StoreError> {
    if tasks.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = tasks.iter().map(|task| task.task_id.clone()).collect();
    let kinds: Vec<_> = tasks.iter().map(|task| task.kind.to_owned()).collect();
    let books: Vec<_> = tasks.iter().map(|task| task.book.clone()).collect();
    let payloads: Vec<_> = tasks.iter().map(|task| task.payload.clone()).collect();
    let due: Vec<_> = tasks.iter().map(|task| task.due_at).collect();
    let clocked = |task: &NewTask| (task.clock != TaskClock::None).then(|| task.book.clone());
    let clocks: Vec<_> = tasks.iter().map(clocked).collect();
    let asleep: Vec<_> = tasks.iter().map(|task| task.clock == TaskClock::Asleep).collect();
    sqlx::query!(
        "insert into tasks (part, task_id, kind, book, payload, due_at, clock, asleep)
         select $1, t.* from unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::bigint[],
                                    $7::text[], $8::bool[])
           as t
         on conflict do nothing",
        part,
        &ids,
        &kinds,
        &books,
        &payloads,
        &due,
        &clocks as &[Option<String>],
        &asleep
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Leases up to `most` due tasks of a part until `lease_until`.
pub async fn lease(
    store: &Store,
    part: i16,
    now: i64,
    lease_until: i64,
    most: i64,
) -> Result<Vec<LeasedTask>, StoreError> {
    let rows = sqlx::query!(
        r#"update tasks set due_at = $3, attempts = attempts + 1
         where part = $1 and task_id in (
           select task_id from tasks
           where part = $1 and due_at <= $2 and dead_at is null and not asleep
           order by due_at
           limit $4
           for update skip locked)
         returning task_id, kind, payload, attempts, clock is not null as "clocked!""#,
        part,
        now,
        lease_until,
        most
    )
    .fetch_all(store.single())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| LeasedTask {
            part,
            task_id: row.task_id,
            kind: row.kind,
            payload: row.payload,
            attempts: row.attempts,
            clocked: row.clocked,
        })
        .collect())
}

/// Returns the parts that have due tasks.
pub async fn due_parts(store: &Store, now: i64) -> Result<Vec<i16>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select p.part from parts p
         where exists (
           select from tasks t
           where t.part = p.part and t.due_at <= $1 and t.dead_at is null and not t.asleep)",
        now
    )
    .fetch_all(store.single())
    .await?)
}

/// Extends the lease of a task that is still being worked on. Like all that its holder writes of it, this
/// changes nothing if somebody else has leased it since: the number of its attempts is the lease's name.
pub async fn extend(store: &Store, task: &LeasedTask, lease_until: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "update tasks set due_at = $4
         where part = $1 and task_id = $2 and attempts = $3 and dead_at is null",
        task.part,
        task.task_id,
        task.attempts,
        lease_until
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Removes a task that is done.
pub async fn finish(store: &Store, task: &LeasedTask) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from tasks where part = $1 and task_id = $2 and attempts = $3",
        task.part,
        task.task_id,
        task.attempts
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Puts a task off after a failure.
pub async fn retry(
    store: &Store,
    task: &LeasedTask,
    due_at: i64,
    error: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update tasks set due_at = $4, last_error = $5
         where part = $1 and task_id = $2 and attempts = $3",
        task.part,
        task.task_id,
        task.attempts,
        due_at,
        error
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Makes a task a dead letter: it waits for a person.
pub async fn bury(
    store: &Store,
    task: &LeasedTask,
    now: i64,
    error: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update tasks set dead_at = $4, last_error = $5
         where part = $1 and task_id = $2 and attempts = $3",
        task.part,
        task.task_id,
        task.attempts,
        now,
        error
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// How many tasks wait, and how many are dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskCounts {
    /// Owed.
    pub waiting: i64,
    /// Dead letters.
    pub dead: i64,
}

/// Counts the tasks of all parts.
pub async fn counts(store: &Store) -> Result<TaskCounts, StoreError> {
    let row = sqlx::query!(
        r#"select count(*) filter (where dead_at is null) as "waiting!",
                  count(*) filter (where dead_at is not null) as "dead!"
           from tasks"#
    )
    .fetch_one(store.single())
    .await?;
    Ok(TaskCounts { waiting: row.waiting, dead: row.dead })
}

/// Something that falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTimer {
    /// The part.
    pub part: i16,
    /// The stream that it concerns.
    pub stream: String,
    /// What falls due.
    pub kind: String,
    /// What of the stream, where that is not the whole.
    pub subject: String,
}

/// Returns the parts that have due timers.
pub async fn parts_with_due_timers(store: &Store, now: i64) -> Result<Vec<i16>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select p.part from parts p
         where exists (
           select from timers t where t.part = p.part and t.due_at <= $1 and t.clock is null)",
        now
    )
    .fetch_all(store.single())
    .await?)
}

/// When a timer falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// In microseconds since the epoch.
    pub at: i64,
    /// The book by whose own clock it does; `None` for the process's.
    pub clock: Option<String>,
}

/// What a batch of events makes of the timers: `None` removes one.
pub type TimerChanges = std::collections::BTreeMap<(String, &'static str, String), Option<Due>>;

/// Sets and removes timers, in the caller's transaction.
pub async fn set_timers(
    connection: &mut sqlx::PgConnection,
    part: i16,
    changes: &TimerChanges,
) -> Result<(), StoreError> {
    let columns = |set: bool| {
        let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for ((stream, kind, subject), due) in changes {
            if due.is_some() == set {
                columns.0.push(stream.clone());
                columns.1.push((*kind).to_owned());
                columns.2.push(subject.clone());
                columns.3.push(due.as_ref().map_or(0, |due| due.at));
                columns.4.push(due.as_ref().and_then(|due| due.clock.clone()));
            }
        }
        columns
    };
    let (streams, kinds, subjects, ..) = columns(false);
    if !streams.is_empty() {
        sqlx::query!(
            "delete from timers as t
             using unnest($2::text[], $3::text[], $4::text[]) as d(stream, kind, subject)
             where t.part = $1 and t.stream = d.stream and t.kind = d.kind
               and t.subject = d.subject",
            part,
            &streams,
            &kinds,
            &subjects
        )
        .execute(&mut *connection)
        .await?;
    }
    let (streams, kinds, subjects, due, clocks) = columns(true);
    if !streams.is_empty() {
        sqlx::query!(
            "insert into timers (part, stream, kind, subject, due_at, clock)
             select $1, t.* from unnest($2::text[], $3::text[], $4::text[], $5::bigint[],
                                        $6::text[]) as t
             on conflict (part, stream, kind, subject) do update
             set due_at = excluded.due_at, clock = excluded.clock",
            part,
            &streams,
            &kinds,
            &subjects,
            &due,
            &clocks as &[Option<String>]
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Reads up to `most` timers of a part that are due.
pub async fn due_timers(
    store: &Store,
    part: i16,
    now: i64,
    most: i64,
) -> Result<Vec<DueTimer>, StoreError> {
    let rows = sqlx::query!(
        "select stream, kind, subject from timers
         where part = $1 and due_at <= $2 and clock is null order by due_at limit $3",
        part,
        now,
        most
    )
    .fetch_all(store.single())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DueTimer { part, stream: row.stream, kind: row.kind, subject: row.subject })
        .collect())
}

/// Removes a timer whose command was answered, unless it was set anew for later.
pub async fn finish_timer(store: &Store, timer: &DueTimer, now: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from timers where part = $1 and stream = $2 and kind = $3 and subject = $4
           and due_at <= $5",
        timer.part,
        timer.stream,
        timer.kind,
        timer.subject,
        now
    )
    .execute(store.single())
    .await?;
    Ok(())
}

/// Lets the planner know of tables that have grown much since it last looked. Returns how many.
pub async fn refresh_statistics(store: &Store) -> Result<i32, StoreError> {
    Ok(sqlx::query_scalar!(r#"select refresh_statistics() as "analyzed!""#)
        .fetch_one(store.single())
        .await?)
}
