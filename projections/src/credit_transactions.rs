//! Credit transactions: every movement of a book's credits, with running balances.

use crate::page::Page;
use firsthand_domain::credits::{
    CreditEvent, CreditsChargedBack, CreditsGranted, Draw, LotOrigin, ReleaseReason,
};
use firsthand_domain::{Book, Event};
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::{Store, StoreError};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditTransactionRow {
    /// Position in the part: with it, the identity of the movement.
    pub position: i64,
    /// The public type.
    pub transaction_type: String,
    /// The amount that the movement is about, signed as the buyer sees it.
    pub amount_cents: i64,
    /// Change of what is available.
    pub available_delta_cents: i64,
    /// Change of what is held.
    pub held_delta_cents: i64,
    /// Available afterwards.
    pub balance_after_cents: i64,
    /// Held afterwards.
    pub held_after_cents: i64,
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
    /// When the lot expires, in microseconds since the epoch.
    pub expires_at: Option<i64>,
    /// When it happened, in microseconds since the epoch.
    pub created_at: i64,
}

fn issue(row: &mut CreditTransactionRow, granted: &CreditsGranted) {
    match granted.origin {
        LotOrigin::FreeTier => "free_tier",
        LotOrigin::Purchase => "purchase",
        LotOrigin::Bonus | LotOrigin::Promotional | LotOrigin::Sandbox => "bonus",
        LotOrigin::Reinstatement => "adjustment",
    }
    .clone_into(&mut row.transaction_type);
    row.amount_cents = granted.amount_cents.get();
    row.available_delta_cents = row.amount_cents;
    row.description.clone_from(&granted.reason);
    row.lot_id = Some(granted.lot_id.to_string());
    row.external_ref = granted.purchase.as_ref().map(|of| of.external_ref.clone());
    row.expires_at = granted.expires_at.map(firsthand_domain::Timestamp::micros);
}

/// Returns the lot of a movement, if it is of one lot only.
fn only<'a>(draws: impl IntoIterator<Item = &'a Draw>) -> Option<String> {
    let mut draws = draws.into_iter();
    let first = draws.next()?;
    draws.next().is_none().then(|| first.lot_id.to_string())
}

fn charge_back(row: &mut CreditTransactionRow, back: &CreditsChargedBack) {
    "chargeback".clone_into(&mut row.transaction_type);
    row.available_delta_cents = -(back.amount_cents.get() + back.bonus_total().get());
    row.amount_cents = row.available_delta_cents;
    "Money that went back".clone_into(&mut row.description);
    row.lot_id = only(back.draws.iter().chain(&back.bonus));
    row.external_ref = Some(back.purchase.external_ref.clone());
}

/// Returns the movement of a money event, its balances still unknown; `None` for an event that moves
/// nothing that a buyer can see.
fn movement(recorded: &Recorded, event: &CreditEvent) -> Option<CreditTransactionRow> {
    let mut row = CreditTransactionRow {
        position: recorded.position,
        transaction_type: String::new(),
        amount_cents: 0,
        available_delta_cents: 0,
        held_delta_cents: 0,
        balance_after_cents: 0,
        held_after_cents: 0,
        description: String::new(),
        lot_id: None,
        job_id: None,
        submission_id: None,
        external_ref: None,
        expires_at: None,
        created_at: recorded.happened_at(),
    };
    match event {
        CreditEvent::Granted(granted) => issue(&mut row, granted),
        CreditEvent::Held(held) => {
            "hold".clone_into(&mut row.transaction_type);
            row.held_delta_cents = held.amount_cents.get();
            row.available_delta_cents = -row.held_delta_cents;
            row.amount_cents = -row.held_delta_cents;
            "Held for a job".clone_into(&mut row.description);
            row.lot_id = only(&held.draws);
            row.job_id = Some(held.job_id.to_string());
        }
        CreditEvent::Captured(captured) => {
            "deduction".clone_into(&mut row.transaction_type);
            row.held_delta_cents = -captured.amount_cents.get();
            row.amount_cents = row.held_delta_cents;
            row.description = format!("{} approved", files(captured.files));
            row.lot_id = only(&captured.draws);
            row.job_id = Some(captured.job_id.to_string());
            row.submission_id = Some(captured.submission_id.to_string());
        }
        CreditEvent::Released(released) => {
            "refund".clone_into(&mut row.transaction_type);
            row.available_delta_cents = released.amount_cents.get();
            row.held_delta_cents = -row.available_delta_cents;
            row.amount_cents = row.available_delta_cents;
            match released.reason {
                ReleaseReason::Cancelled => "Unused escrow of a cancelled job",
                ReleaseReason::Deadline => "Unused escrow of a job whose deadline passed",
            }
            .clone_into(&mut row.description);
            row.lot_id = only(&released.draws);
            row.job_id = Some(released.job_id.to_string());
        }
        CreditEvent::Expired(expired) => {
            "expiration".clone_into(&mut row.transaction_type);
            row.available_delta_cents = -expired.amount_cents.get();
            row.amount_cents = row.available_delta_cents;
            "Expired credits".clone_into(&mut row.description);
            row.lot_id = Some(expired.lot_id.to_string());
        }
        CreditEvent::ChargedBack(back) => charge_back(&mut row, back),
        // What is owed was taken from the balance when it became due.
        CreditEvent::DebtSettled(_)
        | CreditEvent::LowBalance(_)
        | CreditEvent::ExpiringSoon(_)
        | CreditEvent::TopUpRequested(_)
        | CreditEvent::AutoToppedUp(_)
        | CreditEvent::TopUpFailed(_)
        | CreditEvent::CardSaved(_) => return None,
    }
    Some(row)
}

fn files(count: u32) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// Writes the movements of a batch.
pub(crate) async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let mut rows: Vec<(Book, CreditTransactionRow)> = events
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::Credits(event) => Some((recorded.book, movement(recorded, event)?)),
            Event::Organization(_)
            | Event::ApiKey(_)
            | Event::Job(_)
            | Event::Submission(_)
            | Event::Worker(_)
            | Event::WebhookEndpoint(_)
            | Event::Purchase(_)
            | Event::Earnings(_)
            | Event::Payout(_)
            | Event::Appeal(_)
            | Event::TestClock(_) => None,
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut balances = balances(connection, part, &rows).await?;
    for (book, row) in &mut rows {
        let (available, held) = balances.entry(*book).or_default();
        *available += row.available_delta_cents;
        *held += row.held_delta_cents;
        (row.balance_after_cents, row.held_after_cents) = (*available, *held);
    }
    insert(connection, part, &rows).await
}

/// Reads the balances of the batch's books before the batch.
async fn balances(
    connection: &mut PgConnection,
    part: i16,
    rows: &[(Book, CreditTransactionRow)],
) -> Result<BTreeMap<Book, (i64, i64)>, StoreError> {
    let books: BTreeSet<Book> = rows.iter().map(|(book, _)| *book).collect();
    let books: Vec<String> = books.iter().map(ToString::to_string).collect();
    let found = sqlx::query!(
        r#"select b.book as "book!", t.balance_after_cents, t.held_after_cents
           from unnest($2::text[]) as b(book)
           cross join lateral (
             select balance_after_cents, held_after_cents
             from credit_transactions
             where part = $1 and book = b.book
             order by position desc
             limit 1) as t"#,
        part,
        &books
    )
    .fetch_all(connection)
    .await?;
    found
        .into_iter()
        .map(|row| {
            let book = row.book.parse().map_err(StoreError::corrupt)?;
            Ok((book, (row.balance_after_cents, row.held_after_cents)))
        })
        .collect()
}

async fn insert(
    connection: &mut PgConnection,
    part: i16,
    rows: &[(Book, CreditTransactionRow)],
) -> Result<(), StoreError> {
    macro_rules! column {
        (|$row:ident| $value:expr) => {
            rows.iter().map(|(_, $row)| $value).collect::<Vec<_>>()
        };
    }
    let books: Vec<String> = rows.iter().map(|(book, _)| book.to_string()).collect();
    sqlx::query!(
        "insert into credit_transactions
           (part, book, position, type, amount_cents, available_delta_cents, held_delta_cents,
            balance_after_cents, held_after_cents, description, lot_id, job_id, submission_id,
            external_ref, expires_at, created_at)
         select $1, t.*
         from unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::text[],
                     $12::text[], $13::text[], $14::text[], $15::bigint[], $16::bigint[]) as t",
        part,
        &books,
        &column!(|row| row.position),
        &column!(|row| row.transaction_type.clone()),
        &column!(|row| row.amount_cents),
        &column!(|row| row.available_delta_cents),
        &column!(|row| row.held_delta_cents),
        &column!(|row| row.balance_after_cents),
        &column!(|row| row.held_after_cents),
        &column!(|row| row.description.clone()),
        &column!(|row| row.lot_id.clone()) as &[Option<String>],
        &column!(|row| row.job_id.clone()) as &[Option<String>],
        &column!(|row| row.submission_id.clone()) as &[Option<String>],
        &column!(|row| row.external_ref.clone()) as &[Option<String>],
        &column!(|row| row.expires_at) as &[Option<i64>],
        &column!(|row| row.created_at)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which movements are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of that type.
    pub transaction_type: Option<String>,
    /// Of that job.
    pub job_id: Option<String>,
    /// Recorded after that instant, in microseconds since the epoch.
    pub created_after: Option<i64>,
    /// Recorded before that instant.
    pub created_before: Option<i64>,
    /// Before that position.
    pub before: Option<i64>,
}

/// Lists a book's movements, newest first. Instants become positions first, so that a page is read
/// from the key whatever the filter.
pub async fn list(
    store: &Store,
    book: Book,
    filter: &Filter,
    limit: i64,
) -> Result<Page<CreditTransactionRow>, StoreError> {
    let until = filter.created_before.map(|before| before.saturating_sub(1));
    // One plan for each filter that has an index; what else is wanted is looked for among those rows.
    macro_rules! page {
        ($first:tt) => {
            sqlx::query_as!(
                CreditTransactionRow,
                r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
                 cross join lateral (
                 select position, type as transaction_type, amount_cents, available_delta_cents,
                        held_delta_cents, balance_after_cents, held_after_cents, description, lot_id,
                        job_id, submission_id, external_ref, expires_at, created_at
                 from credit_transactions
                 where part = $1 and book = tenant.book
                   and "#
                    + $first
                    + r#" and ($3::text is null or type = $3)
                   and ($4::text is null or job_id = $4)
                   and position > coalesce((
                         select position from credit_transactions
                         where part = $1 and book = tenant.book and created_at <= $5
                         order by created_at desc, position desc limit 1), 0)
                   and position <= case when $6::bigint is null then $9 else coalesce((
                         select position from credit_transactions
                         where part = $1 and book = tenant.book and created_at <= $6
                         order by created_at desc, position desc limit 1), 0) end
                   and position < coalesce($7, $9)
                 order by position desc
                 limit $8
                 offset 0) as r"#,
                store.part_of_book(book),
                book.to_string(),
                filter.transaction_type,
                filter.job_id,
                filter.created_after,
                until,
                filter.before,
                limit + 1,
                i64::MAX
            )
            .fetch_all(store.tenants())
            .await
        };
    }
    let rows = match (&filter.job_id, filter.transaction_type.as_deref()) {
        (Some(_), _) => page!("job_id = $4"),
        (None, None | Some("hold" | "deduction")) => page!("true"),
        (None, Some(_)) => page!("type not in ('hold', 'deduction')"),
    }?;
    Ok(Page::of(rows, limit))
}
