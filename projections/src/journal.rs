//! The double-entry journal: every leg of every money event.

use firsthand_domain::{Event, credits, earnings};
use firsthand_eventstore::StoreError;
use firsthand_eventstore::codec::Recorded;
use sqlx::PgConnection;
use std::sync::Arc;

/// Writes the legs of a batch.
pub(crate) async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let (mut books, mut positions, mut legs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut accounts, mut amounts) = (Vec::new(), Vec::new());
    for recorded in events {
        let entry = match &recorded.event {
            Event::Credits(event) => credits::postings(event),
            Event::Earnings(event) => earnings::postings(event),
            Event::Organization(_)
            | Event::ApiKey(_)
            | Event::Job(_)
            | Event::Submission(_)
            | Event::Worker(_)
            | Event::WebhookEndpoint(_)
            | Event::Purchase(_)
            | Event::Payout(_)
            | Event::Appeal(_)
            | Event::TestClock(_) => continue,
        };
        for (leg, posting) in (0_i16..).zip(entry) {
            books.push(recorded.book.to_string());
            positions.push(recorded.position);
            legs.push(leg);
            accounts.push(posting.account.to_string());
            amounts.push(posting.amount.get());
        }
    }
    if books.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into journal (part, book, position, leg, account, amount_cents)
         select $1, j.*
         from unnest($2::text[], $3::bigint[], $4::smallint[], $5::text[], $6::bigint[]) as j",
        part,
        &books,
        &positions,
        &legs,
        &accounts,
        &amounts
    )
    .execute(connection)
    .await?;
    Ok(())
}
