//! Verify: replay every event and compare with everything that was derived from it inline.
//!
//! Checks, part by part: positions without gaps up to the head; times strictly increasing; versions
//! without gaps in each stream; the leaf of each event recomputed from its canonical bytes, and each
//! book's frontier from its leaves; every money event balanced; every state row equal to its events.

use crate::codec::{self, decode_event, decode_state, leaf};
use crate::error::StoreError;
use firsthand_domain::credits::{self, CreditAccount, Posting};
use firsthand_domain::earnings;
use firsthand_domain::ids::WorkerId;
use firsthand_domain::merkle::Frontier;
use firsthand_domain::payouts::PayoutStatus;
use firsthand_domain::{Book, Cents, Event, State, StreamId, Timestamp};
use std::collections::BTreeMap;

/// Events read at a time.
const PAGE: i64 = 5_000;

/// What was compared, and every difference.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Report {
    /// Events replayed.
    pub events: u64,
    /// Streams compared.
    pub streams: u64,
    /// Differences, in words.
    pub findings: Vec<String>,
}

struct Replayed {
    state: State,
    version: i64,
    frontier: Frontier,
}

/// Replays one part and compares. `head` bounds the replay, so that it can run beside writers only
/// if nothing is written meanwhile: use it on a quiet part or inside a snapshot.
pub async fn verify_part(
    connection: &mut sqlx::PgConnection,
    part: i16,
    report: &mut Report,
) -> Result<(), StoreError> {
    let head = sqlx::query!("select head, recorded_at from parts where part = $1", part)
        .fetch_one(&mut *connection)
        .await?;
    let mut streams: BTreeMap<StreamId, Replayed> = BTreeMap::new();
    let mut position = 0;
    let mut recorded_at = 0;
    let mut times = BookTimes::default();
    loop {
        let rows = sqlx::query!(
            "select position, book, sequence, stream, version, event_type, schema_version,
                    recorded_at, effective_at, actor, request_id, payload, leaf
             from events where part = $1 and position > $2 order by position limit $3",
            part,
            position,
            PAGE
        )
        .fetch_all(&mut *connection)
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let found = &mut report.findings;
            if row.position != position + 1 {
                found.push(format!("part {part}: position {} follows {position}", row.position));
            }
            if row.recorded_at <= recorded_at {
                found.push(format!("part {part}: time goes back at {}", row.position));
            }
            (position, recorded_at) = (row.position, row.recorded_at);
            let envelope = codec::Envelope {
                book: &row.book,
                sequence: row.sequence,
                stream: &row.stream,
                version: row.version,
                event_type: &row.event_type,
                schema_version: row.schema_version,
                recorded_at: row.recorded_at,
                effective_at: row.effective_at,
                actor: &row.actor,
                request_id: &row.request_id,
            };
            let hash = leaf(&envelope, &row.payload, &mut Vec::new());
            if hash.as_slice() != row.leaf {
                found.push(format!("part {part}: the leaf at {position} is not its event's"));
            }
            let event = decode_event(&row.event_type, row.schema_version, &row.payload)?;
            replay(&mut streams, &envelope, &event, hash, found)?;
            times.check(&streams, &envelope, found)?;
            report.events += 1;
        }
    }
    if (position, recorded_at) != (head.head, head.recorded_at) {
        report
            .findings
            .push(format!("part {part}: the head is {}, the log ends at {position}", head.head));
    }
    compare(connection, part, streams, report).await
}

fn replay(
    streams: &mut BTreeMap<StreamId, Replayed>,
    envelope: &codec::Envelope<'_>,
    event: &Event,
    hash: firsthand_domain::merkle::Hash,
    found: &mut Vec<String>,
) -> Result<(), StoreError> {
    let id: StreamId = envelope.stream.parse().map_err(StoreError::corrupt)?;
    let empty =
        |id| Replayed { state: State::empty(id), version: 0, frontier: Frontier::default() };
    let stream = streams.entry(id).or_insert_with(|| empty(id));
    stream.version += 1;
    if stream.version != envelope.version {
        found.push(format!("{id}: version {} follows {}", envelope.version, stream.version - 1));
    }
    stream.state.evolve(event);
    let sum: Cents = entry(event).iter().map(|posting| posting.amount).sum();
    if sum != Cents::ZERO {
        found.push(format!("{id}: version {} is out of balance by {sum}", envelope.version));
    }
    match &stream.state {
        State::Credits(account) => check_account(id, account, found),
        State::Earnings(earnings) if !earnings.adds_up() => {
            found.push(format!("{id}: what was earned and where it is differ"));
        }
        _ => (),
    }
    let book: Book = envelope.book.parse().map_err(StoreError::corrupt)?;
    let of_book = streams.entry(book.stream()).or_insert_with(|| empty(book.stream()));
    of_book.frontier.push(hash);
    if i64::try_from(of_book.frontier.size()) != Ok(envelope.sequence) {
        found.push(format!("{book}: event number {} is out of order", envelope.sequence));
    }
    Ok(())
}

/// Returns the postings of an event.
fn entry(event: &Event) -> Vec<Posting> {
    match event {
        Event::Credits(event) => credits::postings(event),
        Event::Earnings(event) => earnings::postings(event),
        _ => Vec::new(),
    }
}

/// The latest time of each book that has a clock of its own.
#[derive(Debug, Default)]
struct BookTimes(BTreeMap<Book, i64>);

impl BookTimes {
    /// Finds an event whose time is not that of its book's clock after it, or goes back.
    fn check(
        &mut self,
        streams: &BTreeMap<StreamId, Replayed>,
        envelope: &codec::Envelope<'_>,
        found: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let book: Book = envelope.book.parse().map_err(StoreError::corrupt)?;
        let clock = book.clock().and_then(|clock| streams.get(&clock));
        let expected = match clock.map(|clock| &clock.state) {
            Some(State::TestClock(clock)) => clock.now.map(Timestamp::micros),
            _ => None,
        };
        let sequence = envelope.sequence;
        if envelope.effective_at != expected {
            found.push(format!("{book}: event number {sequence} has not its book's time"));
        }
        let Some(effective_at) = envelope.effective_at else { return Ok(()) };
        let latest = self.0.entry(book).or_insert(effective_at);
        if effective_at < *latest {
            found.push(format!("{book}: the book's time goes back at event number {sequence}"));
        }
        *latest = effective_at;
        Ok(())
    }
}

/// The identities of design D10 that an account can show by itself.
fn check_account(id: StreamId, account: &CreditAccount, found: &mut Vec<String>) {
    let remaining: Cents = account.lots.iter().map(|lot| lot.remaining).sum();
    let held: Cents = account.lots.iter().map(|lot| lot.held).sum();
    let gone = [account.spent, account.expired, account.charged_back];
    let parts: Cents = [remaining, held].into_iter().chain(gone).sum();
    // What is owed makes less available than the lots have.
    let owed: Cents = [account.available, account.debt].into_iter().sum();
    let balanced = owed == remaining && account.held == held && account.issued == parts;
    if !balanced || account.debt < Cents::ZERO {
        found.push(format!("{id}: lots and totals differ"));
    }
    for lot in &account.lots {
        let gone = [lot.spent, lot.expired, lot.charged_back];
        let parts: Cents = [lot.remaining, lot.held].into_iter().chain(gone).sum();
        if lot.remaining < Cents::ZERO || lot.held < Cents::ZERO || lot.issued != parts {
            found.push(format!("{id}: lot {} does not add up", lot.lot_id));
        }
    }
}

async fn compare(
    connection: &mut sqlx::PgConnection,
    part: i16,
    mut streams: BTreeMap<StreamId, Replayed>,
    report: &mut Report,
) -> Result<(), StoreError> {
    check_escrows(&streams, &mut report.findings);
    check_payouts(&streams, &mut report.findings);
    let mut after = String::new();
    loop {
        let rows = sqlx::query!(
            "select stream, version, sequence, frontier, state, status
             from streams where part = $1 and stream > $2 order by stream limit $3",
            part,
            after,
            PAGE
        )
        .fetch_all(&mut *connection)
        .await?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.stream);
        for row in rows {
            report.streams += 1;
            let id: StreamId = row.stream.parse().map_err(StoreError::corrupt)?;
            let stored = decode_state(id, &row.state)?;
            let Some(replayed) = streams.remove(&id) else {
                report.findings.push(format!("{id}: has a state and no events"));
                continue;
            };
            let size = i64::try_from(replayed.frontier.size()).unwrap_or(i64::MAX);
            if stored != replayed.state || row.version != replayed.version {
                report.findings.push(format!("{id}: the stored state is not that of its events"));
            }
            if row.status.as_deref() != replayed.state.listed().status {
                report.findings.push(format!("{id}: the stored status is not that of its events"));
            }
            if row.sequence != size || row.frontier != replayed.frontier.to_bytes() {
                report
                    .findings
                    .push(format!("{id}: the book's frontier is not that of its events"));
            }
        }
    }
    for id in streams.into_keys() {
        report.findings.push(format!("{id}: has events and no state"));
    }
    Ok(())
}

/// `escrow(job) = price x (files_needed - files_approved)` while active, 0 after (design D10).
fn check_escrows(streams: &BTreeMap<StreamId, Replayed>, found: &mut Vec<String>) {
    for (id, replayed) in streams {
        let State::Job(job) = &replayed.state else { continue };
        let missing = job.input.files_needed.saturating_sub(job.files_approved);
        let expected = if job.status.active() {
            job.input.price_per_file_cents.times(missing).unwrap_or_default()
        } else {
            Cents::ZERO
        };
        if job.escrow.held_total() != expected {
            found.push(format!("{id}: holds {} instead of {expected}", job.escrow.held_total()));
        }
    }
}

/// What is on its way to a worker, and what reached one, is what the worker's payouts say.
fn check_payouts(streams: &BTreeMap<StreamId, Replayed>, found: &mut Vec<String>) {
    let mut of_worker: BTreeMap<WorkerId, (Vec<Cents>, Vec<Cents>)> = BTreeMap::new();
    for replayed in streams.values() {
        let State::Payout(payout) = &replayed.state else { continue };
        let (transit, paid) = of_worker.entry(payout.worker_id).or_default();
        match payout.status {
            PayoutStatus::InTransit => transit.push(payout.amount),
            PayoutStatus::Paid | PayoutStatus::Reversed => {
                paid.extend([payout.amount, payout.reversed.negated()]);
            }
            PayoutStatus::Failed => (),
        }
    }
    for (id, replayed) in streams {
        let State::Earnings(earnings) = &replayed.state else { continue };
        let StreamId::Earnings(worker) = id else { continue };
        let (transit, paid) = of_worker.remove(worker).unwrap_or_default();
        let payouts: (Cents, Cents) = (transit.into_iter().sum(), paid.into_iter().sum());
        if (earnings.in_transit, earnings.paid) != payouts {
            found.push(format!("{id}: the payouts do not add up to what was paid out"));
        }
    }
    for worker in of_worker.into_keys() {
        found.push(format!("{worker}: has payouts and no earnings"));
    }
}

/// Makes a transaction see one state of the database throughout, before its first query: what is
/// written beside it does not look like a difference.
pub async fn snapshot(connection: &mut sqlx::PgConnection) -> Result<(), StoreError> {
    sqlx::raw_sql("set transaction isolation level repeatable read read only")
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use firsthand_domain::credits::{
        CreditEvent, CreditsChargedBack, CreditsHeld, Draw, LotOrigin, PurchaseOf, issue,
    };
    use firsthand_domain::ids::{Environment, JobId, LotId, OrganizationId, PurchaseId};
    use firsthand_domain::state::Aggregate;
    use firsthand_domain::{StreamId, Timestamp};

    fn findings(account: &CreditAccount) -> Vec<String> {
        let id = StreamId::Credits(OrganizationId::default(), Environment::Live);
        let mut found = Vec::new();
        check_account(id, account, &mut found);
        found
    }

    /// An account that bought 1,000, holds 600 of it, and was taken back everything.
    fn charged_back() -> CreditAccount {
        let (lot_id, at) = (LotId::default(), Timestamp::default());
        let cents = Cents::new;
        let draw = |amount| vec![Draw { lot_id, amount_cents: cents(amount) }];
        let mut account = CreditAccount::default();
        account.evolve(&issue(lot_id, LotOrigin::Purchase, cents(1_000), "", at));
        account.evolve(&CreditEvent::Held(CreditsHeld {
            job_id: JobId::default(),
            amount_cents: cents(600),
            draws: draw(600),
            at,
        }));
        account.evolve(&CreditEvent::ChargedBack(CreditsChargedBack {
            purchase: PurchaseOf {
                purchase_id: PurchaseId::default(),
                external_ref: String::new(),
                auto_top_up: false,
            },
            amount_cents: cents(1_000),
            draws: draw(400),
            debt_cents: cents(600),
            bonus: None,
            bonus_debt_cents: Cents::ZERO,
            at,
        }));
        account
    }

    #[test]
    fn an_account_in_debt_adds_up() {
        let account = charged_back();
        assert_eq!(account.available, Cents::new(-600));
        assert_eq!(findings(&account), Vec::<String>::new());
    }

    #[test]
    fn a_cent_too_much_is_found_wherever_it_is() {
        type Part = fn(&mut CreditAccount) -> &mut Cents;
        let parts: [Part; 6] = [
            |account| &mut account.available,
            |account| &mut account.held,
            |account| &mut account.issued,
            |account| &mut account.charged_back,
            |account| &mut account.debt,
            |account| &mut account.lots[0].charged_back,
        ];
        for part in parts {
            let mut account = charged_back();
            let part = part(&mut account);
            *part = [*part, Cents::new(1)].into_iter().sum();
            assert_eq!(findings(&account).len(), 1);
        }
    }
}
