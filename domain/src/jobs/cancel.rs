//! Cancel a job: stop taking files, give unused escrow back at once, keep approved files.

use super::events::{CancelReason, JobCancelled, JobEvent, JobSlotReleased};
use super::state::{Job, JobStatus};
use crate::credits::{
    self, CreditAccount, CreditEvent, CreditsExpired, CreditsReleased, ReleaseReason,
};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, JobId, StreamId};
use crate::money::Cents;
use crate::purchases::{Fall, watch};
use crate::rejection::Rejection;
use crate::state::State;
use crate::submissions::{self, SubmissionStatus};
use crate::time::Timestamp;
use ulid::Ulid;

/// Cancels a job for its buyer. Cancelling a cancelled job changes nothing and succeeds: the
/// published client repeats calls without a key (spec section 4).
#[derive(Debug, Clone)]
pub struct CancelJob {
    /// The buyer's book.
    pub book: Book,
    /// The job.
    pub job_id: JobId,
}

/// Names what closing a job touches: the job, its book's credits and organization, its active submissions.
pub(super) fn needs(view: &dyn View, job_id: JobId) -> Vec<StreamId> {
    let mut missing = Vec::new();
    need(view, StreamId::Job(job_id), &mut missing);
    if let Some(State::Job(job)) = view.state(StreamId::Job(job_id)) {
        if job.exists() {
            need(view, job.book.stream(), &mut missing);
            if let Book::Organization(id, _) = job.book {
                need(view, StreamId::Organization(id), &mut missing);
            }
        }
        for submission in job.active.keys() {
            need(view, StreamId::Submission(*submission), &mut missing);
        }
    }
    missing
}

/// Ends an active job: rejects what is pending, unpaid, and releases what is left.
pub(super) fn close(
    view: &dyn View,
    job: &Job,
    job_id: JobId,
    reason: CancelReason,
    context: &Context,
) -> Result<Changes, Rejection> {
    let account = decision::credits(view, job.book)?;
    let release_reason = match reason {
        CancelReason::Buyer => ReleaseReason::Cancelled,
        CancelReason::Deadline => ReleaseReason::Deadline,
    };
    let released = credits::release(account, job_id, &job.escrow, release_reason, context.now)?;
    let mut changes = Changes::none();
    for id in job.active.keys() {
        let submission = decision::submission(view, *id)?;
        for (stream, event) in submissions::end_with_job(*id, submission, context.now).into_events()
        {
            changes.push(stream, event);
        }
        let slot = JobSlotReleased {
            submission_id: *id,
            files: submission.files_reserved,
            rejected: submission.status != SubmissionStatus::Accepted,
        };
        changes.push(StreamId::Job(job_id), JobEvent::SlotReleased(slot));
    }
    let ended = ended_rests(&mut changes, (job.book, account), &released, context.now);
    let after = [account.available_at(context.now), released.amount_cents].into_iter().sum();
    let cancelled = JobCancelled { reason, refunded_cents: released.amount_cents, at: context.now };
    // What comes back pays what is owed first.
    let back = released.draws.iter().filter_map(|draw| {
        account.lot(draw.lot_id).map(|lot| (draw.lot_id, lot.origin, draw.amount_cents))
    });
    let settled = credits::settle(account, back, context.now);
    let overdue = credits::overdue(account, &released, settled.as_ref(), context.now);
    changes.push(StreamId::Job(job_id), JobEvent::Cancelled(cancelled));
    let money = [CreditEvent::Released(released)].into_iter();
    for event in money.chain(settled.map(CreditEvent::DebtSettled)).chain(overdue) {
        changes.push(job.book.stream(), event);
    }
    if ended.is_some() {
        let fall = Fall { after, cause: ended, told: false };
        watch(&mut changes, view, (job.book, account), fall, context);
    }
    Ok(changes)
}

/// Ends what else was left of ended lots that something comes back to. It is gone at its own time, whether
/// or not a timer has booked it: only what comes back lives on. Returns what names such an end, if one was
/// booked, as the timer would have named it. The balance that follows has what comes back, too: no card is
/// charged for what is there a moment later.
fn ended_rests(
    changes: &mut Changes,
    (book, account): (Book, &CreditAccount),
    released: &CreditsReleased,
    now: Timestamp,
) -> Option<Ulid> {
    let extended = released.extended.iter().filter_map(|lot| account.lot(lot.lot_id));
    let mut name = None;
    for lot in extended.filter(|lot| lot.remaining > Cents::ZERO) {
        let expired = CreditsExpired {
            lot_id: lot.lot_id,
            amount_cents: lot.remaining,
            available_cents: Some(account.available_at(now)),
            at: now,
        };
        changes.push(book.stream(), CreditEvent::Expired(expired));
        name = Some(lot.end_name());
    }
    name
}

impl Command for CancelJob {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs(view, self.job_id)
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let job = decision::job_of(view, self.job_id, self.book)?;
        match job.status {
            JobStatus::Cancelled => Ok(Changes::none()),
            JobStatus::Completed => Err(Rejection::JobNotActive { status: job.status.as_str() }),
            JobStatus::Open | JobStatus::Filled | JobStatus::InProgress => {
                close(view, job, self.job_id, CancelReason::Buyer, context)
            }
        }
    }
}
