//! Rebuild: fill a read model anew beside the live one, then switch in one transaction.
//!
//! The projectors' own statements write into a schema of the same table names, so that a rebuild
//! runs exactly the code that runs live. Nothing but tables is touched: a rebuild sends nothing.

use crate::Projector;
use firsthand_eventstore::read::events_after;
use firsthand_eventstore::{Store, StoreError};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::str::FromStr;

/// How a rebuild ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rebuilt {
    /// The read model.
    pub table: &'static str,
    /// Rows that differ between the live table and the rebuilt one.
    pub differing_rows: i64,
}

/// A connection of the owner whose unqualified table names mean the rebuilt ones first.
async fn beside(url: &str, schema: &str) -> Result<PgConnection, StoreError> {
    let path = format!("{schema},public");
    Ok(PgConnectOptions::from_str(url)?
        .options([("search_path", path.as_str()), ("client_min_messages", "warning")])
        .connect()
        .await?)
}

/// Rebuilds a read model beside the live one and counts the rows that differ. With `switch`, the
/// live rows are replaced in the same transaction. The followers' cursors are locked meanwhile, so
/// both sides stand at the same positions.
pub async fn rebuild(
    store: &Store,
    owner_url: &str,
    (cursor, projector): (&str, &Projector),
    switch: bool,
) -> Result<Rebuilt, StoreError> {
    let table = projector.table;
    // A schema of this process's own, so that two verifications don't meet.
    let schema = format!("rebuild_{}", std::process::id());
    let mut connection = beside(owner_url, &schema).await?;
    let mut transaction = connection.begin().await?;
    let prepare = format!(
        "create schema {schema};
         create table {schema}.{table} (like public.{table} including all);
         grant usage on schema {schema} to firsthand_writer;
         grant all on {schema}.{table} to firsthand_writer;
         set local role firsthand_writer;"
    );
    // Table names come from the list of read models, never from a user.
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *transaction).await?;
    for part in store.all_parts() {
        let until = sqlx::query_scalar!(
            "select position from cursors where part = $1 and projector = $2 for update",
            part,
            cursor
        )
        .fetch_optional(&mut *transaction)
        .await?
        .unwrap_or(0);
        let mut at = 0;
        while at < until {
            let page = (until - at).min(crate::projector::PAGE);
            let events = events_after(&mut transaction, part, at, page).await?;
            let Some(last) = events.last() else { break };
            at = last.position;
            (projector.project)(&mut transaction, part, &events).await?;
        }
    }
    let compare = format!(
        "select (select count(*) from (table {schema}.{table} except all table public.{table}) a)
              + (select count(*) from (table public.{table} except all table {schema}.{table}) b)"
    );
    let differing_rows: i64 =
        sqlx::query_scalar(AssertSqlSafe(compare)).fetch_one(&mut *transaction).await?;
    let mut finish = String::new();
    if switch {
        finish = format!(
            "delete from public.{table};
             insert into public.{table} select * from {schema}.{table};"
        );
    }
    finish = format!("{finish} reset role; drop schema {schema} cascade;");
    sqlx::raw_sql(AssertSqlSafe(finish)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    connection.close().await?;
    Ok(Rebuilt { table, differing_rows })
}
