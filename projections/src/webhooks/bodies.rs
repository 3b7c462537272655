//! Bodies that hold a link: the link is signed when the body is first shown, and kept, so that every
//! repetition has the same bytes.

use firsthand_eventstore::{Store, StoreError};

/// A body as the log gives it, and where it stands.
#[derive(Debug, Clone)]
pub struct Unsigned<'a> {
    /// The part.
    pub part: i16,
    /// The event's position.
    pub position: i64,
    /// Whose it is.
    pub book: String,
    /// The file that the link is for.
    pub file_key: &'a str,
    /// The body without the link.
    pub body: &'a [u8],
}

/// Puts a link into a body and keeps it. Returns the body that counts: that of who was first.
pub async fn complete(
    store: &Store,
    unsigned: &Unsigned<'_>,
    link: &str,
) -> Result<Vec<u8>, StoreError> {
    let mut body: serde_json::Value =
        serde_json::from_slice(unsigned.body).map_err(StoreError::corrupt)?;
    body["data"]["file_url"] = link.into();
    let body = serde_json::to_vec(&body).map_err(StoreError::corrupt)?;
    let kept = sqlx::query_scalar!(
        "insert into webhook_bodies (part, position, book, body) values ($1, $2, $3, $4)
         on conflict do nothing
         returning body",
        unsigned.part,
        unsigned.position,
        unsigned.book,
        body
    )
    .fetch_optional(store.single())
    .await?;
    match kept {
        Some(body) => Ok(body),
        None => Ok(sqlx::query_scalar!(
            "select body from webhook_bodies where part = $1 and position = $2",
            unsigned.part,
            unsigned.position
        )
        .fetch_one(store.single())
        .await?),
    }
}
