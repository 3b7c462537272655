//! The schema: forward-only migrations, compiled in.

use crate::error::StoreError;
use crate::store::Store;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::str::FromStr;

/// A batch is written part by part in one flight of statements: their number is bounded.
const MOST_PARTS: i16 = 30;

/// The migrations of this binary.
static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// How far the schema is: the last migration of a database, and the last one that this binary has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaVersion {
    /// The last one that was applied.
    pub applied: i64,
    /// The last one that this binary knows.
    pub wanted: i64,
}

impl SchemaVersion {
    /// Says whether this binary can run on the schema. A newer schema is fine: a newer binary beside
    /// this one has migrated it, and migrations only add.
    pub fn is_sufficient(self) -> bool {
        self.applied >= self.wanted
    }
}

/// Reads how far the schema of a database is.
pub async fn schema_version(store: &Store) -> Result<SchemaVersion, StoreError> {
    let applied = sqlx::query_scalar!("select schema_version()")
        .fetch_one(store.single())
        .await?
        .unwrap_or(0);
    let wanted = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
    Ok(SchemaVersion { applied, wanted })
}

/// Brings the database's schema up to date, as its owner. Safe to run at the same time from
/// several processes. A new database is divided into `parts` parts (1 to 30), for good.
pub async fn migrate(url: &str, parts: i16) -> Result<(), StoreError> {
    let mut connection = PgConnectOptions::from_str(url)?
        .options([("client_min_messages", "warning")])
        .connect()
        .await?;
    MIGRATOR.run(&mut connection).await?;
    sqlx::query!(
        "insert into parts (part)
         select generate_series(0, $1::smallint - 1)::smallint
         where not exists (select from parts)
         on conflict do nothing",
        parts.clamp(1, MOST_PARTS)
    )
    .execute(&mut connection)
    .await?;
    connection.close().await?;
    Ok(())
}

/// Makes a database, unless it exists. The name must be a plain identifier.
pub async fn create_database(url: &str, name: &str) -> Result<(), StoreError> {
    let mut connection = PgConnectOptions::from_str(url)?.connect().await?;
    let exists = sqlx::query_scalar!(
        r#"select exists (select from pg_database where datname = $1) as "exists!""#,
        name
    )
    .fetch_one(&mut connection)
    .await?;
    if !exists && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}")))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(())
}
