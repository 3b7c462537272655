//! Parts that commands are made of, and a small shop for the edge cases: one organization, its
//! live book, and five workers.

use crate::world::World;
use firsthand_domain::api_keys::{CreateApiKey, Scopes};
use firsthand_domain::credits::{CreditAccount, CreditEvent, CreditsGranted, LotOrigin};
use firsthand_domain::decision::{Changes, View};
use firsthand_domain::ids::{FileId, JobId, LotId, OrganizationId, SubmissionId, WorkerId};
use firsthand_domain::jobs::{CancelJob, CreateJob, Job, JobInput};
use firsthand_domain::media::MediaType;
use firsthand_domain::organizations::SignUp;
use firsthand_domain::purchases::ExpireLot;
use firsthand_domain::scoring::Score;
use firsthand_domain::submissions::{
    AcceptJob, ScoreSubmission, Submission, UploadSubmission, UploadedFile,
};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Cents, Environment, Event, Rejection, State, StreamId, Timestamp};

/// What a command appended, or why it was refused.
pub(crate) type Answer = Result<Vec<(StreamId, Event)>, Rejection>;

/// What a buyer asks for: so many files at that price, in submissions of `per`.
pub(crate) fn asks(price: i64, files: u32, per: u32) -> JobInput {
    JobInput {
        description: "a photo of a street".into(),
        files_needed: files,
        accepted_formats: vec![MediaType::Jpeg],
        price_per_file_cents: Cents::new(price),
        files_per_submission: per,
        min_star_rating: 3,
        ..JobInput::default()
    }
}

/// An uploaded file.
pub(crate) fn file(file_id: FileId) -> UploadedFile {
    UploadedFile {
        file_id,
        content_type: MediaType::Jpeg,
        size_bytes: 1,
        content_hash: String::new(),
        storage_key: String::new(),
        original_filename: None,
    }
}

/// A score for an attempt.
pub(crate) fn score(submission_id: SubmissionId, attempt: u8, stars: u8) -> ScoreSubmission {
    ScoreSubmission {
        submission_id,
        attempt,
        score: Score { stars, ..Score::default() },
        technical: None,
        measurements: Vec::new(),
    }
}

/// One organization, and who works for it.
pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) organization: OrganizationId,
    pub(crate) book: Book,
    pub(crate) workers: Vec<WorkerId>,
}

impl Shop {
    /// A shop without money.
    pub(crate) fn poor() -> Self {
        let mut world = World::new();
        let organization = world.organization();
        let workers = (0..5).map(|_| world.worker()).collect();
        let book = Book::Organization(organization, Environment::Live);
        let mut shop = Self { world, organization, book, workers };
        let key = shop.key(Environment::Live);
        let sign_up = SignUp { organization_id: organization, name: "Shop".into(), key };
        shop.world.run(&sign_up).unwrap();
        shop
    }

    /// A shop with that much money that was paid for and never expires.
    pub(crate) fn with(cents: i64) -> Self {
        let mut shop = Self::poor();
        shop.credit(cents, LotOrigin::Purchase, None);
        shop
    }

    /// A key of this organization that holds every scope, not created yet.
    pub(crate) fn key(&mut self, environment: Environment) -> CreateApiKey {
        let slot = self.organization.slot();
        CreateApiKey {
            key_id: self.world.key(slot),
            organization_id: self.organization,
            environment,
            name: "key".into(),
            scopes: Scopes::all(),
            granted_by: Scopes::all(),
            secret_hash: "first secret".into(),
            last4: "abcd".into(),
            expires_at: None,
            sandbox_lot: self.world.lot(slot),
        }
    }

    /// Books a lot, as a purchase or a bonus does.
    pub(crate) fn credit(
        &mut self,
        cents: i64,
        origin: LotOrigin,
        expires_at: Option<Timestamp>,
    ) -> LotId {
        let lot_id = self.world.lot(self.organization.slot());
        let granted = CreditsGranted {
            lot_id,
            origin,
            amount_cents: Cents::new(cents),
            expires_at,
            reason: "paid".into(),
            purchase: None,
            available_cents: None,
            at: self.world.now,
        };
        let fact = CreditEvent::Granted(granted);
        self.world.append(Changes::none().append(self.book.stream(), fact));
        lot_id
    }

    pub(crate) fn wait(&mut self, span: Span) {
        self.world.now = self.world.now.after(span);
    }

    pub(crate) fn in_days(&self, days: i64) -> Timestamp {
        self.world.now.after(Span::days(days))
    }

    pub(crate) fn try_create(&mut self, input: JobInput) -> (JobId, Answer) {
        let job_id = self.world.job(self.organization.slot());
        let create = CreateJob { book: self.book, job_id, input };
        (job_id, self.world.run(&create))
    }

    pub(crate) fn create(&mut self, input: JobInput) -> JobId {
        let (job, answer) = self.try_create(input);
        answer.unwrap();
        job
    }

    pub(crate) fn try_accept(&mut self, job_id: JobId, who: usize) -> (SubmissionId, Answer) {
        let submission_id = self.world.submission(job_id.slot());
        let worker_id = self.workers[who];
        let accept =
            AcceptJob { job_id, submission_id, worker_id, worker_region: None, wait: Span::ZERO };
        (submission_id, self.world.run(&accept))
    }

    pub(crate) fn accept(&mut self, job: JobId, who: usize) -> SubmissionId {
        let (submission, answer) = self.try_accept(job, who);
        answer.unwrap();
        submission
    }

    /// Uploads so many files for the submission's own worker.
    pub(crate) fn upload(&mut self, id: SubmissionId, files: u32, retry: bool) -> Answer {
        let worker_id = self.submission(id).worker_id;
        let files = (0..files).map(|_| file(self.world.file(id.slot()))).collect();
        self.world.run(&UploadSubmission {
            submission_id: id,
            worker_id,
            retry,
            files,
            captured_at: None,
            location_verified: None,
        })
    }

    /// Accepts and uploads everything that is reserved.
    pub(crate) fn submit(&mut self, job: JobId, who: usize) -> SubmissionId {
        let id = self.accept(job, who);
        let reserved = self.submission(id).files_reserved;
        self.upload(id, reserved, false).unwrap();
        id
    }

    pub(crate) fn score(&mut self, id: SubmissionId, attempt: u8, stars: u8) -> Answer {
        self.world.run(&score(id, attempt, stars))
    }

    pub(crate) fn cancel(&mut self, job_id: JobId) -> Answer {
        self.world.run(&CancelJob { book: self.book, job_id })
    }

    pub(crate) fn expire(&mut self, lot_id: LotId) -> Answer {
        self.world.run(&ExpireLot { book: self.book, lot_id })
    }

    pub(crate) fn job(&self, id: JobId) -> &Job {
        match self.world.state(StreamId::Job(id)) {
            Some(State::Job(job)) => job,
            other => panic!("{id} is {other:?}"),
        }
    }

    pub(crate) fn submission(&self, id: SubmissionId) -> &Submission {
        match self.world.state(StreamId::Submission(id)) {
            Some(State::Submission(submission)) => submission,
            other => panic!("{id} is {other:?}"),
        }
    }

    pub(crate) fn account(&self) -> &CreditAccount {
        match self.world.state(self.book.stream()) {
            Some(State::Credits(account)) => account,
            other => panic!("{} is {other:?}", self.book),
        }
    }

    /// What can be spent now.
    pub(crate) fn available(&self) -> i64 {
        self.account().available_at(self.world.now).get()
    }

    /// What is left of a lot.
    pub(crate) fn remaining(&self, lot: LotId) -> i64 {
        self.account().lot(lot).map_or(0, |lot| lot.remaining.get())
    }

    /// What was paid for approved files, in cents and in payments.
    pub(crate) fn paid(&self) -> (i64, usize) {
        let payments = self.world.log().iter().filter_map(|(_, event)| match event {
            Event::Credits(CreditEvent::Captured(captured)) => Some(captured.amount_cents.get()),
            _ => None,
        });
        (payments.clone().sum(), payments.count())
    }
}
