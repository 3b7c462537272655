//! Journal entries: each money event with all its postings, page by page in the order of the log.

use super::{Span, position};
use firsthand_domain::Book;
use firsthand_eventstore::{Store, StoreError};

/// One posting of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The account, as the journal names it.
    pub account: String,
    /// What is added to it, in cents.
    pub amount_cents: i64,
}

/// One money event. What is said of it in words and references comes from its movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its position in the book's part.
    pub position: i64,
    /// When it was recorded, in microseconds since the epoch; its book's time if that has a clock.
    pub recorded_at: i64,
    /// The stored name of the event.
    pub event_type: String,
    /// The type of its movement.
    pub transaction_type: Option<String>,
    /// In words.
    pub description: String,
    /// The lot, where there is only one.
    pub lot_id: Option<String>,
    /// The job.
    pub job_id: Option<String>,
    /// The submission.
    pub submission_id: Option<String>,
    /// What the payment provider calls the payment, refund or dispute.
    pub external_ref: Option<String>,
    /// Its postings; they sum to zero.
    pub legs: Vec<Leg>,
}

/// Returns the positions of a book's part that were recorded from `from` and before `to`, in
/// microseconds since the epoch; without them from the first and up to the last. They are positions of
/// the log: the read models may not have got there.
pub async fn span(
    store: &Store,
    book: Book,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<Span, StoreError> {
    let part = store.part_of_book(book);
    let mut connection = store.single().acquire().await?;
    let after = match from {
        None => 0,
        Some(from) => {
            position::at(&mut connection, part, Some(book), from.saturating_sub(1)).await?
        }
    };
    let to = to.map_or(i64::MAX, |to| to.saturating_sub(1));
    let until = position::at(&mut connection, part, Some(book), to).await?;
    Ok(Span { after, until: until.max(after) })
}

/// Describes an entry without a movement: no buyer's balance changed.
fn unmoved(event_type: &str) -> String {
    match event_type {
        "credits.debt_settled" => "What was owed after money went back",
        _ => "",
    }
    .to_owned()
}

/// Reads up to `limit` entries within a span, oldest first.
pub async fn page(
    store: &Store,
    book: Book,
    span: Span,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let rows = sqlx::query!(
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         select j.position, j.account, j.amount_cents, e.event_type,
                coalesce(e.effective_at, e.recorded_at) as "recorded_at!",
                  t.type as "transaction_type?", t.description as "description?", t.lot_id,
                  t.job_id, t.submission_id, t.external_ref
           from (select distinct position
                 from journal
                 where part = $1 and book = tenant.book and position > $3 and position <= $4
                 order by position
                 limit $5) p
           join journal j on j.part = $1 and j.book = tenant.book and j.position = p.position
           join events e on e.part = $1 and e.book = tenant.book and e.position = p.position
           left join credit_transactions t
             on t.part = $1 and t.book = tenant.book and t.position = p.position
           order by j.position, j.leg
         offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        span.after,
        span.until,
        limit
    )
    .fetch_all(store.tenants())
    .await?;
    let mut entries: Vec<Entry> = Vec::new();
    for row in rows {
        let leg = Leg { account: row.account, amount_cents: row.amount_cents };
        match entries.last_mut() {
            Some(last) if last.position == row.position => last.legs.push(leg),
            _ => entries.push(Entry {
                position: row.position,
                recorded_at: row.recorded_at,
                transaction_type: row.transaction_type,
                description: row.description.unwrap_or_else(|| unmoved(&row.event_type)),
                event_type: row.event_type,
                lot_id: row.lot_id,
                job_id: row.job_id,
                submission_id: row.submission_id,
                external_ref: row.external_ref,
                legs: vec![leg],
            }),
        }
    }
    Ok(entries)
}
