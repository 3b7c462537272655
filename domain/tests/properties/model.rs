//! The model: what the specification says that a command does.
//!
//! `Model::step` foretells the verdict from the model's own state. What the crate appended is
//! looked at only where the specification leaves a choice (an identifier, the length of a
//! reservation, which lot of a hold pays first).

use crate::commands::AnyCommand;
use crate::model_lots::{BookModel, twelve_months};
use crate::model_work::{JobModel, SubmissionModel};
use firsthand_domain::api_keys::CreateApiKey;
use firsthand_domain::credits::{CreditEvent, CreditsGranted, LotOrigin};
use firsthand_domain::ids::{JobId, LotId, OrganizationId, SubmissionId};
use firsthand_domain::submissions::SubmissionEvent;
use firsthand_domain::{Book, Environment, Event, StreamId, Timestamp};
use std::collections::BTreeMap;

/// What a command must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Be refused.
    Refused,
    /// Succeed without an event.
    Unchanged,
    /// Change nothing; whether it says so politely is not specified.
    NoEffect,
    /// Append events.
    Changed,
}

/// What the crate appended.
pub(crate) struct Facts<'run>(pub(crate) &'run [(StreamId, Event)]);

impl Facts<'_> {
    fn credits(&self) -> impl Iterator<Item = &CreditEvent> {
        self.0.iter().filter_map(|(_, event)| match event {
            Event::Credits(event) => Some(event),
            _ => None,
        })
    }

    pub(crate) fn submissions(&self) -> impl Iterator<Item = &SubmissionEvent> {
        self.0.iter().filter_map(|(_, event)| match event {
            Event::Submission(event) => Some(event),
            _ => None,
        })
    }

    /// A lot that was issued.
    fn issued(&self, lot: LotId) -> Option<&CreditsGranted> {
        self.credits().find_map(|event| match event {
            CreditEvent::Granted(granted) if granted.lot_id == lot => Some(granted),
            _ => None,
        })
    }

    /// The lots that paid.
    pub(crate) fn captured(&self) -> Vec<(LotId, i64)> {
        self.credits()
            .filter_map(|event| match event {
                CreditEvent::Captured(captured) => Some(&captured.draws),
                _ => None,
            })
            .flatten()
            .map(|draw| (draw.lot_id, draw.amount_cents.get()))
            .collect()
    }
}

/// Everything that the model knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    /// Organizations, and whether their phone number is verified.
    pub(crate) organizations: BTreeMap<OrganizationId, bool>,
    pub(crate) books: BTreeMap<Book, BookModel>,
    pub(crate) jobs: BTreeMap<JobId, JobModel>,
    pub(crate) submissions: BTreeMap<SubmissionId, SubmissionModel>,
    /// Who flagged which job: a second time changes nothing.
    pub(crate) flags: std::collections::BTreeSet<(JobId, firsthand_domain::ids::WorkerId)>,
}

impl Model {
    /// Foretells a command's verdict and applies it to the model.
    pub(crate) fn step(
        &mut self,
        command: &AnyCommand,
        now: Timestamp,
        facts: &Facts<'_>,
    ) -> Result<Verdict, String> {
        match command {
            AnyCommand::SignUp(c) => {
                if self.organizations.contains_key(&c.organization_id) {
                    return Ok(Verdict::Refused);
                }
                self.organizations.insert(c.organization_id, false);
                Ok(Verdict::Changed)
            }
            AnyCommand::VerifyPhone(c) => {
                match self.organizations.get_mut(&c.organization_id) {
                    Some(verified) if !*verified => *verified = true,
                    _ => return Ok(Verdict::Refused),
                }
                let book = Book::Organization(c.organization_id, Environment::Live);
                let end = facts.issued(c.lot_id).and_then(|lot| lot.expires_at);
                self.free(book, (c.lot_id, LotOrigin::FreeTier, 250), now, end)
            }
            AnyCommand::Grant(c) => {
                if !self.owned(c.book) {
                    return Ok(Verdict::Refused);
                }
                let end = facts.issued(c.lot_id).and_then(|lot| lot.expires_at);
                let lot = (c.lot_id, LotOrigin::Promotional, c.amount.get());
                self.free(c.book, lot, now, end)
            }
            AnyCommand::CreateKey(c) => Ok(self.create_key(c, now, facts)),
            AnyCommand::ExpireLot(c) => {
                Ok(match self.books.entry(c.book).or_default().expire(c.lot_id, now) {
                    None => Verdict::Refused,
                    Some(0) => Verdict::Unchanged,
                    Some(_) => Verdict::Changed,
                })
            }
            AnyCommand::Create(c) => Ok(self.create_job(c, now)),
            AnyCommand::Cancel(c) => Ok(self.cancel(c, now)),
            AnyCommand::ExpireJob(c) => Ok(self.expire_job(c.job_id, now)),
            AnyCommand::Rate(c) => Ok(self.rate(c)),
            AnyCommand::Flag(c) => Ok(match self.jobs.get(&c.job_id) {
                Some(_) if self.flags.contains(&(c.job_id, c.worker_id)) => Verdict::Unchanged,
                Some(job) if job.active() => {
                    self.flags.insert((c.job_id, c.worker_id));
                    Verdict::Changed
                }
                _ => Verdict::Refused,
            }),
            AnyCommand::Accept(c) => self.accept(c, now, facts),
            AnyCommand::Upload(c) => Ok(self.upload(c, now)),
            AnyCommand::Score(c) => self.score(c, now, facts),
            AnyCommand::Deliver(c) => Ok(self.deliver(c.submission_id)),
            AnyCommand::Withdraw(c) => Ok(self.withdraw(c)),
            AnyCommand::TimeOut(c) => Ok(self.time_out(c.submission_id, now)),
        }
    }

    fn owned(&self, book: Book) -> bool {
        matches!(book, Book::Organization(id, _) if self.organizations.contains_key(&id))
    }

    /// Issues a lot that was not paid for.
    fn free(
        &mut self,
        book: Book,
        (lot, origin, amount): (LotId, LotOrigin, i64),
        now: Timestamp,
        end: Option<Timestamp>,
    ) -> Result<Verdict, String> {
        if !twelve_months(now, end) {
            return Err(format!("{origin:?} credits of {now} end at {end:?}, not in 12 months"));
        }
        self.books.entry(book).or_default().issue(lot, origin, amount, end);
        Ok(Verdict::Changed)
    }

    /// The first test key opens the sandbox's book with $1,000.
    fn create_key(&mut self, c: &CreateApiKey, now: Timestamp, facts: &Facts<'_>) -> Verdict {
        let granted = c.scopes.iter().all(|scope| c.granted_by.grants(scope));
        if !self.organizations.contains_key(&c.organization_id) || !granted {
            return Verdict::Refused;
        }
        if c.environment == Environment::Test {
            let book = Book::Organization(c.organization_id, Environment::Test);
            let book = self.books.entry(book).or_default();
            let issued = facts.issued(c.sandbox_lot);
            let opened = book.lots.iter().any(|lot| lot.origin == LotOrigin::Sandbox);
            // Whether a book that the operator opened before gets play money is not specified.
            if book.lots.is_empty() || (issued.is_some() && !opened) {
                book.give(c.sandbox_lot, 100_000, now);
            }
        }
        Verdict::Changed
    }
}
