//! After each command: the crate's state, the model and the ledger must tell the same story, and
//! every invariant of design D10 must hold.

use crate::ledger::{Ledger, source};
use crate::model::Model;
use crate::model_lots::{BookModel, LotModel};
use crate::model_work::{JobModel, Phase, Step, SubmissionModel};
use crate::world::World;
use firsthand_domain::credits::{Account, CreditAccount};
use firsthand_domain::decision::View;
use firsthand_domain::ids::JobId;
use firsthand_domain::jobs::{Job, JobStatus};
use firsthand_domain::submissions::{Submission, SubmissionStatus};
use firsthand_domain::{Book, Cents, State, StreamId};
use std::collections::BTreeMap;

type Checked = Result<(), String>;

/// Fails with both values unless they are equal.
fn same<T: PartialEq + std::fmt::Debug>(
    what: impl FnOnce() -> String,
    found: &T,
    wanted: &T,
) -> Checked {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{}: found {found:?}, wanted {wanted:?}", what()))
    }
}

/// Checks everything.
pub(crate) fn everything(world: &World, model: &Model, ledger: &Ledger) -> Checked {
    for (book, wanted) in &model.books {
        match world.state(book.stream()) {
            Some(State::Credits(account)) => account_balances(*book, account, wanted)?,
            None if wanted.lots.is_empty() => (),
            other => return Err(format!("{book} has no account but {other:?}")),
        }
        ledger_balances(*book, wanted, ledger)?;
    }
    for (id, wanted) in &model.jobs {
        let Some(State::Job(job)) = world.state(StreamId::Job(*id)) else {
            return Err(format!("{id} is missing"));
        };
        job_money(*id, job, wanted, model, ledger)?;
        job_slots(*id, job, wanted, model)?;
    }
    for (id, wanted) in &model.submissions {
        let Some(State::Submission(found)) = world.state(StreamId::Submission(*id)) else {
            return Err(format!("{id} is missing"));
        };
        submission(found, wanted).map_err(|error| format!("{id}: {error}"))?;
    }
    holds(world, model, ledger)
}

fn account_balances(book: Book, account: &CreditAccount, wanted: &BookModel) -> Checked {
    let remainders: i64 = account.lots.iter().map(|lot| lot.remaining.get()).sum();
    let available = account.available.get();
    same(|| format!("{book}: available against its lots"), &available, &remainders)?;
    same(|| format!("{book}: available"), &available, &wanted.available())?;
    if available < 0 {
        return Err(format!("{book}: {available} available"));
    }
    let sum = |of: fn(&LotModel) -> i64| wanted.lots.iter().map(of).sum::<i64>();
    same(|| format!("{book}: held"), &account.held.get(), &sum(LotModel::held_total))?;
    same(|| format!("{book}: spent"), &account.spent.get(), &sum(|lot| lot.spent))?;
    same(|| format!("{book}: expired"), &account.expired.get(), &sum(|lot| lot.expired))?;
    same(|| format!("{book}: issued"), &account.issued.get(), &sum(|lot| lot.issued))?;
    for lot in &wanted.lots {
        one_lot(account, lot).map_err(|error| format!("{}: {error}", lot.id))?;
    }
    let open = account.lots.iter().all(|lot| wanted.lots.iter().any(|one| one.id == lot.lot_id));
    same(|| format!("{book}: only lots that were issued"), &open, &true)
}

/// Per lot: issued = remaining + held + spent + expired, none of them negative.
fn one_lot(account: &CreditAccount, wanted: &LotModel) -> Checked {
    let parts = [wanted.remaining, wanted.held_total(), wanted.spent, wanted.expired];
    same(|| "issued".into(), &parts.iter().sum::<i64>(), &wanted.issued)?;
    let Some(found) = account.lot(wanted.id) else {
        // A lot leaves the account once it is used up.
        return same(|| "left the account".into(), &(parts[0], parts[1]), &(0, 0));
    };
    let found_parts = [found.remaining, found.held, found.spent, found.expired];
    same(|| "remaining, held, spent, expired".into(), &found_parts.map(Cents::get), &parts)?;
    same(|| "issued".into(), &found.issued.get(), &wanted.issued)?;
    same(|| "origin".into(), &found.origin, &wanted.origin)?;
    same(|| "end".into(), &found.expires_at, &wanted.ends)?;
    same(|| "a negative part".into(), &parts.iter().any(|part| *part < 0), &false)
}

/// Every account of the book has the balance that the model says, and there are no others.
fn ledger_balances(book: Book, wanted: &BookModel, ledger: &Ledger) -> Checked {
    let mut accounts: BTreeMap<Account, i64> = BTreeMap::new();
    for lot in &wanted.lots {
        *accounts.entry(source(lot.origin)).or_default() -= lot.issued;
        *accounts.entry(Account::Available(lot.id)).or_default() += lot.remaining;
        *accounts.entry(Account::Breakage).or_default() += lot.expired;
        for (job, held) in &lot.held {
            *accounts.entry(Account::Escrow(*job)).or_default() += held;
        }
    }
    for (worker, earned) in &wanted.earned {
        accounts.insert(Account::WorkerPayable(*worker), *earned);
    }
    accounts.insert(Account::PlatformRevenue, wanted.platform);
    accounts.retain(|_, balance| *balance != 0);
    let found: BTreeMap<Account, i64> = ledger.open_accounts(book).collect();
    same(|| format!("{book}: accounts"), &found, &accounts)?;
    same(|| format!("{book}: trial balance"), &found.values().sum(), &0)
}

fn job_money(id: JobId, job: &Job, wanted: &JobModel, model: &Model, ledger: &Ledger) -> Checked {
    let total = wanted.price * wanted.needed;
    let owed = if wanted.active() { wanted.price * (wanted.needed - wanted.approved) } else { 0 };
    let held = job.escrow.held_total().get();
    same(|| format!("{id}: escrow"), &held, &owed)?;
    let booked = ledger.balance(wanted.book, Account::Escrow(id));
    same(|| format!("{id}: escrow in the ledger"), &booked, &owed)?;
    let spent = wanted.price * wanted.approved;
    same(|| format!("{id}: spent"), &job.escrow.spent.get(), &spent)?;
    same(|| format!("{id}: refunded"), &job.escrow.refunded.get(), &wanted.refunded)?;
    same(|| format!("{id}: hold"), &(spent + wanted.refunded + held), &total)?;
    same(|| format!("{id}: total cost"), &job.total_cost().get(), &total)?;
    let mut draws: BTreeMap<_, i64> = BTreeMap::new();
    for draw in &job.escrow.held {
        *draws.entry(draw.lot_id).or_default() += draw.amount_cents.get();
    }
    let lots = model.books.get(&wanted.book).map(|book| book.lots.as_slice()).unwrap_or_default();
    let recorded: BTreeMap<_, i64> = lots
        .iter()
        .filter_map(|lot| lot.held.get(&id).map(|cents| (lot.id, *cents)))
        .filter(|(_, cents)| *cents != 0)
        .collect();
    same(|| format!("{id}: the hold's record"), &draws, &recorded)
}

fn job_slots(id: JobId, job: &Job, wanted: &JobModel, model: &Model) -> Checked {
    let reserved = if wanted.active() { model.reserved(id) } else { 0 };
    let approved = i64::from(job.files_approved);
    same(|| format!("{id}: book"), &job.book, &wanted.book)?;
    same(|| format!("{id}: approved files"), &approved, &wanted.approved)?;
    if wanted.active() {
        same(|| format!("{id}: reserved files"), &i64::from(job.files_reserved), &reserved)?;
        same(|| format!("{id}: workers"), &job.active.len(), &model.live(id).count())?;
    }
    ended(id, job, wanted, model)?;
    if approved + reserved > wanted.needed {
        return Err(format!("{id}: {approved} + {reserved} files may exceed the hold"));
    }
    let status = match wanted.phase {
        Phase::Completed => JobStatus::Completed,
        Phase::Cancelled(_) => JobStatus::Cancelled,
        Phase::Active if wanted.approved > 0 => JobStatus::InProgress,
        Phase::Active if reserved == wanted.needed => JobStatus::Filled,
        Phase::Active => JobStatus::Open,
    };
    same(|| format!("{id}: status"), &job.status, &status)?;
    if let Phase::Cancelled(Some(reason)) = wanted.phase {
        same(|| format!("{id}: reason"), &job.cancel_reason, &Some(reason))?;
    }
    let free = if wanted.active() { wanted.needed - approved - reserved } else { 0 };
    let slots = (free + wanted.per_submission - 1) / wanted.per_submission;
    same(|| format!("{id}: open slots"), &i64::from(job.slots_open()), &slots)?;
    same(|| format!("{id}: rated"), &job.buyer_rating.is_some(), &wanted.rated)
}

/// A job counts how its submissions ended.
fn ended(id: JobId, job: &Job, wanted: &JobModel, model: &Model) -> Checked {
    let count = |step: Step| {
        let all = model.submissions.values();
        u32::try_from(all.filter(|one| one.job == id && one.step == step).count())
    };
    same(|| format!("{id}: approved"), &Ok(job.ended.approved), &count(Step::Approved))?;
    if matches!(wanted.phase, Phase::Cancelled(_)) {
        // See `edge_races`: what a cancellation rejects.
        return Ok(());
    }
    same(|| format!("{id}: rejected"), &Ok(job.ended.rejected), &count(Step::Rejected))
}

fn submission(found: &Submission, wanted: &SubmissionModel) -> Checked {
    let status = match wanted.step {
        Step::Accepted(_) => SubmissionStatus::Accepted,
        Step::Pending => SubmissionStatus::PendingScore,
        Step::Retry(_) => SubmissionStatus::RetryPending,
        Step::Approved => SubmissionStatus::Approved,
        Step::Rejected => SubmissionStatus::Rejected,
        Step::Withdrawn => SubmissionStatus::Withdrawn,
        Step::TimedOut => SubmissionStatus::TimedOut,
        Step::Dropped => match found.status {
            SubmissionStatus::Rejected | SubmissionStatus::Withdrawn => found.status,
            _ => SubmissionStatus::TimedOut,
        },
    };
    same(|| "status".into(), &found.status, &status)?;
    same(|| "pay".into(), &found.worker_cents.get(), &wanted.pay)?;
    same(|| "attempt".into(), &found.attempt, &wanted.attempt)?;
    same(|| "reserved".into(), &i64::from(found.files_reserved), &wanted.reserved)?;
    same(|| "worker".into(), &found.worker_id, &wanted.worker)?;
    same(|| "delivered".into(), &found.delivered_at.is_some(), &wanted.delivered)?;
    match wanted.step {
        Step::Accepted(until) | Step::Retry(until) => {
            same(|| "time left".into(), &found.expires_at, &Some(until))
        }
        _ => Ok(()),
    }
}

/// An account counts the jobs that hold money, and what a worker earned is what all books owe.
fn holds(world: &World, model: &Model, ledger: &Ledger) -> Checked {
    for (book, lots) in &model.books {
        if let Some(State::Credits(account)) = world.state(book.stream()) {
            let active =
                model.jobs.values().filter(|job| job.book == *book && job.active()).count();
            same(
                || format!("{book}: open holds"),
                &usize::try_from(account.open_holds),
                &Ok(active),
            )?;
        }
        for worker in lots.earned.keys() {
            let owed: i64 = model.books.values().filter_map(|one| one.earned.get(worker)).sum();
            let Some(State::Worker(found)) = world.state(StreamId::Worker(*worker)) else {
                return Err(format!("{worker} is missing"));
            };
            same(|| format!("{worker}: earned"), &found.earned.get(), &owed)?;
            let Some(State::Earnings(own)) = world.state(StreamId::Earnings(*worker)) else {
                return Err(format!("{worker} has no earnings"));
            };
            same(|| format!("{worker}: earnings"), &own.earned.get(), &owed)?;
            // What buyers' books owe is settled in the worker's own.
            let book = Book::Worker(*worker);
            let settled = ledger.balance(book, Account::WorkerSettlement);
            same(|| format!("{worker}: settlement"), &settled, &-owed)?;
            let booked = ledger.balance(book, Account::Earnings);
            same(|| format!("{worker}: booked"), &booked, &owed)?;
        }
    }
    Ok(())
}
