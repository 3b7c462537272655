//! The schema: forward-only migrations, compiled in.

use crate::error::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::str::FromStr;

/// A batch is written part by part in one flight of statements: their number is bounded.
const MOST_PARTS: i16 = 30;

/// Brings the database's schema up to date, as its owner. Safe to run at the same time from
/// several processes. A new database is divided into `parts` parts (1 to 30), for good.
pub async fn migrate(url: &str, parts: i16) -> Result<(), StoreError> {
    let mut connection = PgConnectOptions::from_str(url)?
        .options([("client_min_messages", "warning")])
        .connect()
        .await?;
    sqlx::migrate!("../migrations").run(&mut connection).await?;
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
