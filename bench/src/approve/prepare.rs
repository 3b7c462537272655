//! Books, jobs and uploads that wait for their score.

use firsthand_domain::api_keys::{CreateApiKey, Scopes};
use firsthand_domain::credits::GrantCredits;
use firsthand_domain::ids::{
    ApiKeyId, Environment, FileId, JobId, LotId, OrganizationId, Slot, SubmissionId, WorkerId,
};
use firsthand_domain::jobs::{CreateJob, JobInput};
use firsthand_domain::media::MediaType;
use firsthand_domain::organizations::SignUp;
use firsthand_domain::submissions::{AcceptJob, UploadSubmission, UploadedFile};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Cents, StreamId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use ulid::Ulid;

use super::inside::Inside;

/// What one approved file costs the buyer.
const PRICE: Cents = Cents::new(50);
/// Preparations under way at once.
const AT_ONCE: usize = 256;

/// An upload that waits for its score.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) submission: SubmissionId,
    pub(super) file: FileId,
}

/// How many jobs of how many submissions each, and of how many books.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    books: u32,
    jobs_each: u32,
    slots: u32,
}

impl Work {
    /// One book, whose jobs are filled one after the other.
    pub(super) fn hot(submissions: u32, slots: u32) -> Self {
        Self { books: 1, jobs_each: submissions.div_ceil(slots), slots }
    }

    /// Many books with one job each.
    pub(super) fn spread(submissions: u32, books: u32) -> Self {
        Self { books, jobs_each: 1, slots: submissions.div_ceil(books) }
    }
}

/// As the product mints them: by time, which is also where an index gets them.
fn new_id() -> Ulid {
    firsthand_adapters::ids::mint(firsthand_adapters::clock::system())
}

/// Prepares the work. The submissions come in the order in which they should be approved: job by job
/// on one book, in turn on many.
pub(super) async fn submissions(inside: &Inside, work: &Work) -> anyhow::Result<Vec<Waiting>> {
    let books: Vec<(OrganizationId, Vec<JobId>)> = stream::iter(0..work.books)
        .map(|_| open_book(inside, work))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut jobs: Vec<JobId> = Vec::new();
    if work.books == 1 {
        let each = books.iter().flat_map(|(_, jobs)| jobs);
        jobs.extend(each.flat_map(|job| std::iter::repeat_n(*job, work.slots as usize)));
    } else {
        for _ in 0..work.slots {
            jobs.extend(books.iter().flat_map(|(_, jobs)| jobs));
        }
    }
    stream::iter(jobs).map(|job| upload(inside, job)).buffered(AT_ONCE).try_collect().await
}

async fn open_book(inside: &Inside, work: &Work) -> anyhow::Result<(OrganizationId, Vec<JobId>)> {
    let id = OrganizationId::new(new_id());
    let (slot, book) = (id.slot(), Book::Organization(id, Environment::Live));
    inside
        .execute(
            book.stream(),
            SignUp { organization_id: id, name: "Bench".to_owned(), key: key(id, slot) },
        )
        .await?;
    let price = PRICE.times(work.slots).and_then(|job| job.times(work.jobs_each));
    let grant = GrantCredits {
        book,
        lot_id: LotId::in_slot(new_id(), slot),
        amount: price.unwrap_or_default(),
        reason: "bench".to_owned(),
    };
    inside.execute(book.stream(), grant).await?;
    let mut jobs = Vec::new();
    for _ in 0..work.jobs_each {
        let job_id = JobId::in_slot(new_id(), slot);
        inside.execute(book.stream(), CreateJob { book, job_id, input: input(work.slots) }).await?;
        jobs.push(job_id);
    }
    Ok((id, jobs))
}

fn key(organization_id: OrganizationId, slot: Slot) -> CreateApiKey {
    CreateApiKey {
        key_id: ApiKeyId::in_slot(new_id(), slot),
        organization_id,
        environment: Environment::Live,
        name: "first".to_owned(),
        scopes: Scopes::all(),
        granted_by: Scopes::all(),
        secret_hash: hex::encode(rand::random::<[u8; 32]>()),
        last4: "abcd".to_owned(),
        expires_at: None,
        sandbox_lot: LotId::in_slot(new_id(), slot),
    }
}

fn input(files_needed: u32) -> JobInput {
    JobInput {
        description: "Photographs of street signs in daylight, one sign each, readable".to_owned(),
        files_needed,
        accepted_formats: vec![MediaType::Jpeg],
        price_per_file_cents: PRICE,
        files_per_submission: 1,
        min_star_rating: 3,
        ..JobInput::default()
    }
}

async fn upload(inside: &Inside, job_id: JobId) -> anyhow::Result<Waiting> {
    let slot = job_id.slot();
    let waiting = Waiting {
        submission: SubmissionId::in_slot(new_id(), slot),
        file: FileId::in_slot(new_id(), slot),
    };
    let worker_id = WorkerId::new(new_id());
    let submission_id = waiting.submission;
    let accept =
        AcceptJob { job_id, submission_id, worker_id, worker_region: None, wait: Span::ZERO };
    inside.execute(StreamId::Job(job_id), accept).await?;
    let file = UploadedFile {
        file_id: waiting.file,
        content_type: MediaType::Jpeg,
        size_bytes: 482_113,
        content_hash: hex::encode(rand::random::<[u8; 32]>()),
        storage_key: format!("uploads/{submission_id}/{}", waiting.file),
        original_filename: Some("IMG_2041.jpg".to_owned()),
    };
    let upload = UploadSubmission {
        submission_id,
        worker_id,
        retry: false,
        files: vec![file],
        captured_at: None,
        location_verified: None,
    };
    inside.execute(StreamId::Submission(submission_id), upload).await?;
    Ok(waiting)
}
