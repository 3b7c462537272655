//! What is tried: each operation as a command of the product, and as a call of the model.

use firsthand_domain::credits::{AnnounceExpiry, GrantCredits};
use firsthand_domain::ids::{FileId, JobId, LotId, PurchaseId, SubmissionId, WorkerId};
use firsthand_domain::jobs::{CancelJob, CreateJob, ExpireJob, JobInput, RateJob};
use firsthand_domain::media::MediaType;
use firsthand_domain::organizations::VerifyPhone;
use firsthand_domain::purchases::{
    CompletePurchase, EndPurchase, ExpireLot, OpenPurchase, Paid, ReversePurchase, pack,
};
use firsthand_domain::scoring::Score as Stars;
use firsthand_domain::submissions::{
    AcceptJob, RejectionCode, ScoreSubmission, TimeOutSubmission, UploadSubmission, UploadedFile,
    WithdrawSubmission,
};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Cents, Command, Rejection, Timestamp};
use firsthand_model::{At, Book as Model, Outcome, Posting, Score};

/// One operation on a book.
#[derive(Debug, Clone)]
pub enum Operation {
    Verify { lot: LotId },
    Give { lot: LotId, amount: i64 },
    Open { purchase: PurchaseId, pack: i64 },
    Pay { purchase: PurchaseId, amount: i64, lots: [LotId; 2] },
    Fail { purchase: PurchaseId },
    Reverse { purchase: PurchaseId, name: &'static str, total: i64, lots: [LotId; 2] },
    Create { job: JobId, posting: Posting },
    Cancel { job: JobId },
    Rate { job: JobId, stars: u8 },
    Deadline { job: JobId },
    Accept { job: JobId, submission: SubmissionId, worker: WorkerId },
    Upload { submission: SubmissionId, worker: WorkerId, retry: bool, files: i64 },
    Withdraw { submission: SubmissionId, worker: WorkerId },
    TimeOut { submission: SubmissionId },
    Score { submission: SubmissionId, attempt: u8, score: Score },
    Expire { lot: LotId },
    Announce { lot: LotId },
}

/// The sandbox's play money lies in a lot of the job's own ULID.
fn refill(job: JobId) -> LotId {
    LotId::in_slot(job.ulid(), job.slot())
}

fn input(posting: &Posting) -> JobInput {
    let count = |number: i64| u32::try_from(number).expect("a count");
    JobInput {
        description: "Photographs of front doors".to_owned(),
        files_needed: count(posting.files),
        accepted_formats: vec![MediaType::ALL[0]],
        price_per_file_cents: Cents::new(posting.price),
        files_per_submission: count(posting.batch),
        min_star_rating: posting.threshold,
        deadline: posting.deadline.map(Timestamp::from_micros),
        max_workers: posting.max_workers.map(|most| u32::try_from(most).expect("a count")),
        ..JobInput::default()
    }
}

fn upload(
    submission: SubmissionId,
    worker_id: WorkerId,
    retry: bool,
    files: i64,
) -> UploadSubmission {
    let file = |number: i64| UploadedFile {
        file_id: FileId::in_slot(
            ulid::Ulid(
                submission.ulid().0
                    ^ (u128::from(retry) << 40)
                    ^ (number.unsigned_abs() as u128) << 20,
            ),
            submission.slot(),
        ),
        content_type: MediaType::ALL[0],
        size_bytes: 1,
        content_hash: String::new(),
        storage_key: format!("uploads/{submission}/{number}"),
        original_filename: None,
    };
    UploadSubmission {
        submission_id: submission,
        worker_id,
        retry,
        files: (0..files).map(file).collect(),
        captured_at: None,
        location_verified: None,
    }
}

fn score(submission_id: SubmissionId, attempt: u8, score: Score) -> ScoreSubmission {
    let (stars, technical) = match score {
        Score::Stars(stars) => (stars, None),
        Score::Technical => (1, Some(RejectionCode::Undecodable)),
    };
    ScoreSubmission {
        submission_id,
        attempt,
        score: Stars { stars, ..Stars::default() },
        technical,
        measurements: Vec::new(),
    }
}

impl Operation {
    /// The product's command.
    pub fn command(&self, book: Book) -> Box<dyn Command> {
        let Book::Organization(organization_id, _) = book else { panic!("{book} buys nothing") };
        match self.clone() {
            Self::Verify { lot } => Box::new(VerifyPhone::new(organization_id, lot)),
            Self::Give { lot, amount } => Box::new(GrantCredits {
                book,
                lot_id: lot,
                amount: Cents::new(amount),
                reason: "a gift".to_owned(),
            }),
            Self::Open { purchase, pack: amount } => Box::new(OpenPurchase {
                book,
                purchase_id: purchase,
                pack: pack(Cents::new(amount)).expect("a pack"),
            }),
            Self::Pay { purchase, amount, lots } => Box::new(CompletePurchase {
                purchase_id: purchase,
                paid: Paid { payment: "pi_1".to_owned(), amount: Cents::new(amount), card: None },
                lot_id: lots[0],
                bonus_lot_id: lots[1],
            }),
            Self::Fail { purchase } => {
                Box::new(EndPurchase { purchase_id: purchase, code: "expired".to_owned() })
            }
            Self::Reverse { purchase, name, total, lots } => Box::new(ReversePurchase {
                purchase_id: purchase,
                reference: name.to_owned(),
                total: Cents::new(total),
                lot_id: lots[0],
                bonus_lot_id: lots[1],
            }),
            Self::Create { job, posting } => {
                Box::new(CreateJob { book, job_id: job, input: input(&posting) })
            }
            Self::Cancel { job } => Box::new(CancelJob { book, job_id: job }),
            Self::Rate { job, stars } => {
                Box::new(RateJob { book, job_id: job, rating: stars, feedback: None })
            }
            Self::Deadline { job } => Box::new(ExpireJob { job_id: job }),
            Self::Accept { job, submission, worker } => Box::new(AcceptJob {
                job_id: job,
                submission_id: submission,
                worker_id: worker,
                worker_region: None,
                wait: Span::ZERO,
            }),
            Self::Upload { submission, worker, retry, files } => {
                Box::new(upload(submission, worker, retry, files))
            }
            Self::Withdraw { submission, worker } => {
                Box::new(WithdrawSubmission { submission_id: submission, worker_id: worker })
            }
            Self::TimeOut { submission } => {
                Box::new(TimeOutSubmission { submission_id: submission })
            }
            Self::Score { submission, attempt, score: verdict } => {
                Box::new(score(submission, attempt, verdict))
            }
            Self::Expire { lot } => Box::new(ExpireLot { book, lot_id: lot }),
            Self::Announce { lot } => Box::new(AnnounceExpiry { book, lot_id: lot }),
        }
    }

    /// What the model makes of it.
    pub fn apply(&self, book: &mut Model, now: At) -> Outcome {
        let id = |id: &dyn ToString| id.to_string();
        match self {
            Self::Verify { lot } => book.verify(&id(lot), now),
            Self::Give { lot, amount } => book.give(&id(lot), *amount, now),
            Self::Open { purchase, pack } => book.open(&id(purchase), *pack),
            Self::Pay { purchase, amount, lots } => {
                let [lot, bonus] = lots.map(|lot| lot.to_string());
                book.pay(&id(purchase), *amount, [&lot, &bonus], now)
            }
            Self::Fail { purchase } => book.fail(&id(purchase)),
            Self::Reverse { purchase, name, total, lots } => {
                let [lot, bonus] = lots.map(|lot| lot.to_string());
                book.reverse(&id(purchase), name, *total, [&lot, &bonus], now)
            }
            Self::Create { job, posting } => {
                book.create(&id(job), posting, &id(&refill(*job)), now)
            }
            Self::Cancel { job } => book.cancel(&id(job), now),
            Self::Rate { job, stars } => book.rate(&id(job), *stars),
            Self::Deadline { job } => book.deadline(&id(job), now),
            Self::Accept { job, submission, worker } => {
                book.accept(&id(submission), &id(job), &id(worker), now)
            }
            Self::Upload { submission, worker, retry, files } => {
                book.upload(&id(submission), &id(worker), *retry, *files, now)
            }
            Self::Withdraw { submission, worker } => book.withdraw(&id(submission), &id(worker)),
            Self::TimeOut { submission } => book.time_out(&id(submission), now),
            Self::Score { submission, attempt, score } => {
                book.score(&id(submission), *attempt, *score, now)
            }
            Self::Expire { lot } => book.expire(&id(lot), now),
            Self::Announce { lot } => book.announce(&id(lot), now),
        }
    }

    /// The streams of jobs and submissions that it is about.
    pub fn streams(&self, book: &Model) -> Vec<String> {
        match self {
            Self::Create { job, .. }
            | Self::Cancel { job }
            | Self::Rate { job, .. }
            | Self::Deadline { job } => vec![job.to_string()],
            Self::Accept { submission, .. }
            | Self::Upload { submission, .. }
            | Self::Withdraw { submission, .. }
            | Self::TimeOut { submission }
            | Self::Score { submission, .. } => {
                let submission = submission.to_string();
                let job = book.submissions.get(&submission).map(|found| found.job.clone());
                job.into_iter().chain([submission]).collect()
            }
            Self::Verify { .. }
            | Self::Give { .. }
            | Self::Open { .. }
            | Self::Pay { .. }
            | Self::Fail { .. }
            | Self::Reverse { .. }
            | Self::Expire { .. }
            | Self::Announce { .. } => Vec::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        let shown = format!("{self:?}");
        shown.split(' ').next().unwrap_or_default().to_owned()
    }
}

/// The public error code of a rejection, with the amounts of one that is about money.
pub fn code(rejection: &Rejection) -> String {
    match rejection {
        Rejection::NotFound { .. } => "not_found",
        Rejection::InsufficientCredits { required, available } => {
            return format!("insufficient_credits: {} of {}", available.get(), required.get());
        }
        Rejection::AmountOverflow => "amount_out_of_range",
        Rejection::FreeTierJobLimit => "free_tier_job_limit",
        Rejection::JobNotActive { .. } => "job_not_active",
        Rejection::NotOpenYet { .. } => "not_open_yet",
        Rejection::JobFull => "job_full",
        Rejection::TooManyWorkers => "too_many_workers",
        Rejection::AlreadyAccepted => "already_accepted",
        Rejection::WrongSubmissionStatus { .. } => "wrong_submission_status",
        Rejection::WindowOver => "window_over",
        Rejection::WrongFileCount { .. } => "wrong_file_count",
        Rejection::NotCompleted => "not_completed",
        Rejection::AlreadyRated => "already_rated",
        Rejection::TooEarly => "too_early",
        Rejection::PhoneAlreadyVerified => "phone_already_verified",
        Rejection::AmountMismatch { .. } => "amount_mismatch",
        Rejection::NotPaid => "not_paid",
        unexpected => return format!("unexpected: {unexpected}"),
    }
    .to_owned()
}
