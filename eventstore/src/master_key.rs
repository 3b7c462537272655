//! Which master key a database belongs to: keyed hashes and seals made under one are worth nothing under another.

use crate::error::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::str::FromStr;

/// Says whether a database belongs to the master key with this check value; one that belongs to none belongs to
/// it from now on, if it `claims` that. A schema from before the value was kept says nothing against any key.
pub async fn belongs_to_master_key(
    url: &str,
    check: &[u8; 32],
    claims: bool,
) -> Result<bool, StoreError> {
    let mut connection = PgConnectOptions::from_str(url)?
        .options([("role", "firsthand_writer"), ("client_min_messages", "warning")])
        .connect()
        .await?;
    let kept =
        sqlx::query_scalar!(r#"select to_regclass('master_key_check') is not null as "kept!""#)
            .fetch_one(&mut connection)
            .await?;
    let mut belongs = true;
    if kept {
        if claims {
            // Of processes that start at once one is the first, and the others compare with what it left.
            sqlx::query!(
                "insert into master_key_check (value) values ($1) on conflict do nothing",
                check.as_slice()
            )
            .execute(&mut connection)
            .await?;
        }
        let value = sqlx::query_scalar!("select value from master_key_check")
            .fetch_optional(&mut connection)
            .await?;
        belongs = value.is_none_or(|value| value == check.as_slice());
    }
    connection.close().await?;
    Ok(belongs)
}
