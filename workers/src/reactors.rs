//! Reactors: event to tasks, event to timers. Pure: no clock, no randomness, no reading.

use firsthand_domain::credits::{CreditEvent, NOTICE};
use firsthand_domain::ids::{JobId, OrganizationId, PayoutId, PurchaseId};
use firsthand_domain::jobs::JobEvent;
use firsthand_domain::payouts::PayoutEvent;
use firsthand_domain::submissions::{RejectionCode, SubmissionEvent};
use firsthand_domain::test_clocks::TestClockEvent;
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Event, StreamId, Timestamp};
use firsthand_eventstore::codec::Recorded;
use firsthand_eventstore::tasks::{Due, NewTask, TaskClock, TimerChanges};
use firsthand_eventstore::{StoreError, clocked};
use firsthand_projections::Projector;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Name of the cursor that the reactors share.
pub const CURSOR: &str = "reactors";

/// Sets timers, and takes over those of books that get a clock.
const TIMERS: Projector = Projector {
    table: "timers",
    project: &|connection, part, events| {
        Box::pin(async move {
            let changes = timers(events);
            firsthand_eventstore::tasks::set_timers(&mut *connection, part, &changes).await?;
            for (book, at) in made(events) {
                clocked::adopt(&mut *connection, part, book, at, &[kinds::SIMULATE]).await?;
            }
            Ok(())
        })
    },
};

/// Builds every reactor; the sandbox's worker takes a job so long after it was created.
pub fn reactors(sandbox_delay: Span) -> Vec<Projector> {
    let tasks = Projector::built("tasks", move |connection, part, events| {
        Box::pin(async move {
            let owed = react(events, sandbox_delay)?;
            firsthand_eventstore::tasks::add(connection, part, &owed).await
        })
    });
    vec![tasks, TIMERS]
}

/// The kinds of tasks.
pub(crate) mod kinds {
    /// Score a submission's upload.
    pub(crate) const SCORE: &str = "score";
    /// Copy approved files to their job's folder.
    pub(crate) const DELIVER: &str = "deliver";
    /// Tell a worker's own book how a submission ended.
    pub(crate) const RECORD: &str = "record";
    /// Work on a job of the sandbox.
    pub(crate) const SIMULATE: &str = "simulate";
    /// Charge the card for an automatic top-up.
    pub(crate) const CHARGE: &str = "charge";
    /// Transfer a payout to its worker.
    pub(crate) const PAYOUT: &str = "payout";
    /// Take a test clock to where it is going.
    pub(crate) const ADVANCE: &str = "advance";
}

/// What every task knows: its submission, and for scores the attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SubmissionTask {
    /// The submission.
    pub submission_id: String,
    /// The attempt that the task is for.
    #[serde(default)]
    pub attempt: u8,
    /// Whether the worker gets a strike.
    #[serde(default)]
    pub strike: bool,
}

/// Which job of the sandbox is worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SimulateTask {
    /// The job.
    pub job_id: JobId,
}

/// Which automatic top-up is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChargeTask {
    /// Its purchase.
    pub purchase_id: PurchaseId,
}

/// Which payout is transferred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PayoutTask {
    /// The payout.
    pub payout_id: PayoutId,
}

/// Whose test clock goes forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AdvanceTask {
    /// The organization.
    pub organization_id: OrganizationId,
}

/// A task that an event obliges to.
fn task(
    recorded: &Recorded,
    kind: &'static str,
    payload: &impl Serialize,
) -> Result<NewTask, StoreError> {
    Ok(NewTask {
        task_id: format!("{kind}:{}", recorded.position),
        kind,
        book: recorded.book.to_string(),
        payload: serde_json::to_vec(payload).map_err(StoreError::corrupt)?,
        due_at: recorded.recorded_at,
        clock: if recorded.effective_at.is_some() { TaskClock::Awake } else { TaskClock::None },
    })
}

/// Returns what events oblige to.
fn react(events: &[Arc<Recorded>], sandbox_delay: Span) -> Result<Vec<NewTask>, StoreError> {
    let mut owed = Vec::new();
    for recorded in events {
        if let Event::Credits(CreditEvent::TopUpRequested(requested)) = &recorded.event {
            let charge = ChargeTask { purchase_id: requested.purchase_id };
            owed.push(task(recorded, kinds::CHARGE, &charge)?);
        }
        if let Event::Payout(PayoutEvent::Opened(opened)) = &recorded.event {
            let payout = PayoutTask { payout_id: opened.payout_id };
            owed.push(task(recorded, kinds::PAYOUT, &payout)?);
        }
        if let (Event::TestClock(TestClockEvent::AdvanceRequested(_)), StreamId::TestClock(id)) =
            (&recorded.event, recorded.stream)
        {
            let advance = task(recorded, kinds::ADVANCE, &AdvanceTask { organization_id: id })?;
            // The clock does not wait for itself.
            owed.push(NewTask { clock: TaskClock::None, ..advance });
        }
        let sandbox = recorded.book.is_sandbox();
        if let (Event::Job(JobEvent::Created(created)), true) = (&recorded.event, sandbox) {
            let simulate =
                task(recorded, kinds::SIMULATE, &SimulateTask { job_id: created.job_id })?;
            let due_at = created.at.after(sandbox_delay).micros();
            let clock = match simulate.clock {
                TaskClock::None => TaskClock::None,
                TaskClock::Awake | TaskClock::Asleep => TaskClock::Asleep,
            };
            owed.push(NewTask { due_at, clock, ..simulate });
        }
        let Event::Submission(event) = &recorded.event else { continue };
        let mut owe = |kind, attempt, strike| {
            let payload =
                SubmissionTask { submission_id: recorded.stream.to_string(), attempt, strike };
            owed.push(task(recorded, kind, &payload)?);
            Ok::<(), StoreError>(())
        };
        match event {
            SubmissionEvent::Uploaded(uploaded) => owe(kinds::SCORE, uploaded.attempt, false)?,
            SubmissionEvent::Approved(_) => {
                owe(kinds::DELIVER, 0, false)?;
                // A simulated worker has no record.
                if !sandbox {
                    owe(kinds::RECORD, 0, false)?;
                }
            }
            // That a job ended is not the worker's doing.
            SubmissionEvent::Rejected(rejected)
                if rejected.code != RejectionCode::JobEnded && !sandbox =>
            {
                owe(kinds::RECORD, 0, rejected.strike)?;
            }
            SubmissionEvent::Rejected(_)
            | SubmissionEvent::Accepted(_)
            | SubmissionEvent::Scored(_)
            | SubmissionEvent::RetryRequested(_)
            | SubmissionEvent::Withdrawn(_)
            | SubmissionEvent::TimedOut(_)
            | SubmissionEvent::Delivered(_)
            | SubmissionEvent::LinkRefreshed(_) => (),
        }
    }
    Ok(owed)
}

/// The kinds of timers.
pub(crate) mod timer_kinds {
    /// A job's deadline.
    pub(crate) const DEADLINE: &str = "deadline";
    /// The end of a reservation or of a retry window.
    pub(crate) const SUBMISSION: &str = "submission";
    /// The end of a lot.
    pub(crate) const EXPIRY: &str = "expiry";
    /// The announcement of a lot's end.
    pub(crate) const NOTICE: &str = "notice";
}

/// Sets the timers of lots: the announcement of their end, and the end.
fn lots(event: &CreditEvent, set: &mut impl FnMut(&'static str, String, Option<i64>)) {
    let mut ends = |lot: String, end: Timestamp| {
        set(timer_kinds::NOTICE, lot.clone(), Some(end.before(NOTICE).micros()));
        set(timer_kinds::EXPIRY, lot, Some(end.micros()));
    };
    match event {
        CreditEvent::Granted(granted) => {
            if let Some(end) = granted.expires_at {
                ends(granted.lot_id.to_string(), end);
            }
        }
        CreditEvent::Released(released) => {
            for lot in &released.extended {
                ends(lot.lot_id.to_string(), lot.expires_at);
            }
        }
        CreditEvent::Expired(expired) => {
            set(timer_kinds::EXPIRY, expired.lot_id.to_string(), None);
        }
        CreditEvent::Held(_)
        | CreditEvent::Captured(_)
        | CreditEvent::LowBalance(_)
        | CreditEvent::ExpiringSoon(_)
        | CreditEvent::TopUpRequested(_)
        | CreditEvent::AutoToppedUp(_)
        | CreditEvent::TopUpFailed(_)
        | CreditEvent::CardSaved(_)
        | CreditEvent::ChargedBack(_)
        | CreditEvent::DebtSettled(_) => (),
    }
}

/// Returns what events make of the timers; the last word on each counts.
fn timers(events: &[Arc<Recorded>]) -> TimerChanges {
    let mut changes = TimerChanges::new();
    for recorded in events {
        let stream = recorded.stream;
        let mut set = |kind, subject: String, due: Option<i64>| {
            let clock = recorded.effective_at.map(|_at| recorded.book.to_string());
            let due = due.map(|at| Due { at, clock });
            changes.insert((stream.to_string(), kind, subject), due);
        };
        match &recorded.event {
            Event::Job(JobEvent::Created(created)) => {
                if let Some(deadline) = created.input.deadline {
                    set(timer_kinds::DEADLINE, String::new(), Some(deadline.micros()));
                }
            }
            Event::Job(JobEvent::Completed(_) | JobEvent::Cancelled(_)) => {
                set(timer_kinds::DEADLINE, String::new(), None);
            }
            Event::Submission(event) => match event {
                SubmissionEvent::Accepted(accepted) => {
                    let due = Some(accepted.expires_at.micros());
                    set(timer_kinds::SUBMISSION, String::new(), due);
                }
                SubmissionEvent::RetryRequested(requested) => {
                    let due = Some(requested.expires_at.micros());
                    set(timer_kinds::SUBMISSION, String::new(), due);
                }
                SubmissionEvent::Uploaded(_)
                | SubmissionEvent::Approved(_)
                | SubmissionEvent::Rejected(_)
                | SubmissionEvent::Withdrawn(_)
                | SubmissionEvent::TimedOut(_) => {
                    set(timer_kinds::SUBMISSION, String::new(), None);
                }
                SubmissionEvent::Scored(_)
                | SubmissionEvent::Delivered(_)
                | SubmissionEvent::LinkRefreshed(_) => (),
            },
            Event::Credits(event) => lots(event, &mut set),
            Event::Job(
                JobEvent::SlotReserved(_)
                | JobEvent::SlotReleased(_)
                | JobEvent::FilesApproved(_)
                | JobEvent::Rated(_)
                | JobEvent::Flagged(_),
            )
            | Event::Organization(_)
            | Event::ApiKey(_)
            | Event::WebhookEndpoint(_)
            | Event::Purchase(_)
            | Event::Worker(_)
            | Event::Earnings(_)
            | Event::Payout(_)
            | Event::Appeal(_)
            | Event::TestClock(_) => (),
        }
    }
    changes
}

/// Returns the books that have a clock from now on, and where it stands.
fn made(events: &[Arc<Recorded>]) -> impl Iterator<Item = (Book, i64)> {
    events.iter().filter_map(|recorded| match &recorded.event {
        Event::TestClock(TestClockEvent::Created(created)) => {
            Some((recorded.book, created.at.micros()))
        }
        _ => None,
    })
}
