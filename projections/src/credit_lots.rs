//! Lots: every lot ever issued, and where its cents are.

use firsthand_domain::credits::{CreditEvent, Draw};
use firsthand_domain::ids::LotId;
use firsthand_domain::{Book, Event};
use firsthand_eventstore::StoreError;
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::read::events_after;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a batch changes of one lot.
#[derive(Debug, Default)]
struct Delta {
    remaining: i64,
    held: i64,
    spent: i64,
    expired: i64,
    charged_back: i64,
    expires_at: Option<i64>,
}

/// A new lot: book, lot, origin, amount, end, time.
type Issued = (Book, LotId, &'static str, i64, Option<i64>, i64);

#[derive(Debug, Default)]
struct Folded {
    issued: Vec<Issued>,
    deltas: BTreeMap<(Book, LotId), Delta>,
}

impl Folded {
    fn each(&mut self, book: Book, draws: &[Draw], apply: fn(&mut Delta, i64)) {
        for draw in draws {
            let key = (book, draw.lot_id);
            apply(self.deltas.entry(key).or_default(), draw.amount_cents.get());
        }
    }

    fn take(&mut self, book: Book, draws: &[Draw]) {
        self.each(book, draws, |delta, amount| {
            delta.remaining -= amount;
            delta.charged_back += amount;
        });
    }

    fn fold(&mut self, recorded: &Recorded, event: &CreditEvent) {
        let book = recorded.book;
        match event {
            CreditEvent::Granted(granted) => self.issued.push((
                book,
                granted.lot_id,
                granted.origin.as_str(),
                granted.amount_cents.get(),
                granted.expires_at.map(firsthand_domain::Timestamp::micros),
                recorded.happened_at(),
            )),
            CreditEvent::Held(held) => self.each(book, &held.draws, |delta, amount| {
                delta.remaining -= amount;
                delta.held += amount;
            }),
            CreditEvent::Captured(captured) => {
                self.each(book, &captured.draws, |delta, amount| {
                    delta.held -= amount;
                    delta.spent += amount;
                });
            }
            CreditEvent::Released(released) => {
                self.each(book, &released.draws, |delta, amount| {
                    delta.held -= amount;
                    delta.remaining += amount;
                });
                for extension in &released.extended {
                    let key = (book, extension.lot_id);
                    self.deltas.entry(key).or_default().expires_at =
                        Some(extension.expires_at.micros());
                }
            }
            CreditEvent::Expired(expired) => {
                let draw = Draw { lot_id: expired.lot_id, amount_cents: expired.amount_cents };
                self.each(book, &[draw], |delta, amount| {
                    delta.remaining -= amount;
                    delta.expired += amount;
                });
            }
            CreditEvent::ChargedBack(back) => {
                self.take(book, &back.draws);
                self.take(book, back.bonus.as_slice());
            }
            CreditEvent::DebtSettled(settled) => self.take(book, &settled.draws),
            CreditEvent::LowBalance(_)
            | CreditEvent::ExpiringSoon(_)
            | CreditEvent::TopUpRequested(_)
            | CreditEvent::AutoToppedUp(_)
            | CreditEvent::TopUpFailed(_)
            | CreditEvent::CardSaved(_) => (),
        }
    }
}

/// What has happened to lots within a span, lot by lot.
#[derive(Debug, Default)]
pub(crate) struct Since {
    pub(crate) books: Vec<String>,
    pub(crate) lots: Vec<String>,
    pub(crate) remaining: Vec<i64>,
    pub(crate) held: Vec<i64>,
}

/// Folds what has happened to a part's lots above one position and up to another.
pub(crate) async fn since(
    connection: &mut PgConnection,
    part: i16,
    after: i64,
    until: i64,
) -> Result<Since, StoreError> {
    let mut folded = Folded::default();
    let mut at = after;
    while at < until {
        let page = (until - at).min(crate::projector::PAGE);
        let events = events_after(connection, part, at, page).await?;
        let Some(last) = events.last() else { break };
        at = last.position;
        for recorded in &events {
            if let Event::Credits(event) = &recorded.event {
                folded.fold(recorded, event);
            }
        }
        // Lots that were issued meanwhile had nothing before: all that they hold has come since.
        for (book, lot, _origin, amount, _expires_at, _created_at) in folded.issued.drain(..) {
            folded.deltas.entry((book, lot)).or_default().remaining += amount;
        }
    }
    let mut since = Since::default();
    for ((book, lot), delta) in folded.deltas {
        since.books.push(book.to_string());
        since.lots.push(lot.to_string());
        since.remaining.push(delta.remaining);
        since.held.push(delta.held);
    }
    Ok(since)
}

/// Writes what a batch changes: new lots, then one update for each lot that moved.
pub(crate) async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let mut folded = Folded::default();
    for recorded in events {
        if let Event::Credits(event) = &recorded.event {
            folded.fold(recorded, event);
        }
    }
    for (book, lot, origin, amount, expires_at, created_at) in &folded.issued {
        sqlx::query!(
            "insert into credit_lots (part, book, lot_id, origin, issued_cents, remaining_cents,
                                      held_cents, spent_cents, expired_cents, expires_at, created_at)
             values ($1, $2, $3, $4, $5, $5, 0, 0, 0, $6, $7)",
            part,
            book.to_string(),
            lot.to_string(),
            origin,
            amount,
            *expires_at,
            created_at
        )
        .execute(&mut *connection)
        .await?;
    }
    if folded.deltas.is_empty() {
        return Ok(());
    }
    let books: Vec<_> = folded.deltas.keys().map(|(book, _)| book.to_string()).collect();
    let lots: Vec<_> = folded.deltas.keys().map(|(_, lot)| lot.to_string()).collect();
    let remaining: Vec<_> = folded.deltas.values().map(|delta| delta.remaining).collect();
    let held: Vec<_> = folded.deltas.values().map(|delta| delta.held).collect();
    let spent: Vec<_> = folded.deltas.values().map(|delta| delta.spent).collect();
    let expired: Vec<_> = folded.deltas.values().map(|delta| delta.expired).collect();
    let charged_back: Vec<_> = folded.deltas.values().map(|delta| delta.charged_back).collect();
    let ends: Vec<_> = folded.deltas.values().map(|delta| delta.expires_at).collect();
    sqlx::query!(
        "update credit_lots as l
         set remaining_cents = l.remaining_cents + d.remaining, held_cents = l.held_cents + d.held,
             spent_cents = l.spent_cents + d.spent, expired_cents = l.expired_cents + d.expired,
             charged_back_cents = l.charged_back_cents + d.charged_back,
             expires_at = coalesce(d.expires_at, l.expires_at)
         from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::bigint[])
           as d(book, lot_id, remaining, held, spent, expired, charged_back, expires_at)
         where l.part = $1 and l.book = d.book and l.lot_id = d.lot_id",
        part,
        &books,
        &lots,
        &remaining,
        &held,
        &spent,
        &expired,
        &charged_back,
        &ends as &[Option<i64>]
    )
    .execute(connection)
    .await?;
    Ok(())
}
