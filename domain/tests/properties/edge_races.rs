//! Races of specification section 18. Commands of one book are decided one after the other, so a
//! race is two orders, and each must end with one winner.

use crate::shop::{Shop, asks, score};
use firsthand_domain::credits::LotOrigin;
use firsthand_domain::jobs::{CancelJob, CancelReason, ExpireJob, JobStatus};
use firsthand_domain::submissions::{RejectionCode, SubmissionStatus};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Cents, Environment, Rejection, StreamId, Timestamp};

#[test]
fn an_approval_before_a_cancel_is_paid_and_only_the_rest_comes_back() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(75, 4, 1));
    let submission = shop.submit(job, 0);
    shop.score(submission, 1, 5).unwrap();
    shop.cancel(job).unwrap();
    assert_eq!(shop.paid(), (75, 1));
    assert_eq!(shop.job(job).escrow.refunded, Cents::new(225));
    assert_eq!(shop.available(), 925);
    assert_eq!(shop.submission(submission).status, SubmissionStatus::Approved);
    assert_eq!(shop.job(job).files_approved, 1, "approved files stay");
}

#[test]
fn a_cancel_before_an_approval_returns_everything_and_pays_nobody() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(75, 4, 1));
    let submission = shop.submit(job, 0);
    shop.cancel(job).unwrap();
    assert_eq!(shop.score(submission, 1, 5), Ok(vec![]), "the score came too late");
    assert_eq!(shop.paid(), (0, 0));
    assert_eq!(shop.available(), 1_000);
    let rejected = shop.submission(submission);
    assert_eq!(rejected.status, SubmissionStatus::Rejected);
    assert_eq!(rejected.rejection_code, Some(RejectionCode::JobEnded));
    assert_eq!(rejected.worker_cents, Cents::ZERO);
}

#[test]
fn an_approval_that_completes_the_job_makes_the_cancel_fail() {
    let mut shop = Shop::with(75);
    let job = shop.create(asks(75, 1, 1));
    let submission = shop.submit(job, 0);
    shop.score(submission, 1, 3).unwrap();
    let refused = Err(Rejection::JobNotActive { status: "completed" });
    assert_eq!(shop.cancel(job), refused);
    assert_eq!((shop.paid(), shop.available()), ((75, 1), 0));
}

#[test]
fn a_submission_that_a_cancel_rejects_counts_as_rejected() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(75, 4, 1));
    shop.submit(job, 0);
    shop.accept(job, 1);
    shop.cancel(job).unwrap();
    // Only what was uploaded is rejected; a mere reservation was never shown to the buyer.
    assert_eq!(shop.job(job).ended.rejected, 1);
}

#[test]
fn the_last_slot_is_taken_by_one_worker() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(100, 2, 2));
    shop.accept(job, 0);
    assert_eq!(shop.try_accept(job, 1).1, Err(Rejection::JobFull));
    assert_eq!(shop.job(job).status, JobStatus::Filled);
}

#[test]
fn the_last_slot_is_approved_once() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(100, 2, 1));
    let (first, last) = (shop.submit(job, 0), shop.submit(job, 1));
    shop.score(first, 1, 5).unwrap();
    shop.score(last, 1, 5).unwrap();
    assert_eq!(shop.job(job).status, JobStatus::Completed);
    for again in [first, last] {
        assert_eq!(shop.score(again, 1, 5), Ok(vec![]));
        assert_eq!(shop.score(again, 2, 5), Ok(vec![]));
    }
    let refused = Err(Rejection::JobNotActive { status: "completed" });
    assert_eq!(shop.try_accept(job, 2).1, refused);
    assert_eq!((shop.paid(), shop.available()), ((200, 2), 800));
    assert_eq!(shop.job(job).files_approved, 2);
}

#[test]
fn a_score_that_arrives_twice_deducts_once() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(100, 3, 1));
    let submission = shop.submit(job, 0);
    assert!(!shop.score(submission, 1, 4).unwrap().is_empty());
    assert_eq!(shop.score(submission, 1, 4), Ok(vec![]));
    assert_eq!(shop.score(submission, 1, 1), Ok(vec![]), "nor does another one undo it");
    assert_eq!((shop.paid(), shop.available()), ((100, 1), 700));
}

#[test]
fn a_score_of_the_first_attempt_does_not_judge_the_second() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(100, 3, 1));
    let submission = shop.submit(job, 0);
    shop.score(submission, 1, 2).unwrap();
    assert_eq!(shop.score(submission, 1, 5), Ok(vec![]), "twice, before the retry");
    shop.upload(submission, 1, true).unwrap();
    assert_eq!(shop.score(submission, 1, 5), Ok(vec![]), "twice, after the retry");
    assert_eq!(shop.submission(submission).status, SubmissionStatus::PendingScore);
    assert_eq!(shop.paid(), (0, 0));
}

#[test]
fn nothing_can_be_uploaded_once_the_job_is_cancelled() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(100, 3, 1));
    let (retry, reserved) = (shop.submit(job, 0), shop.accept(job, 1));
    shop.score(retry, 1, 2).unwrap();
    shop.cancel(job).unwrap();
    assert!(shop.upload(retry, 1, true).is_err());
    assert!(shop.upload(reserved, 1, false).is_err());
    let refused = Err(Rejection::JobNotActive { status: "cancelled" });
    assert_eq!(shop.try_accept(job, 2).1, refused);
    assert_eq!((shop.paid(), shop.available()), ((0, 0), 1_000));
}

#[test]
fn cancelling_twice_changes_nothing_the_second_time() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(100, 3, 1));
    shop.submit(job, 0);
    shop.cancel(job).unwrap();
    let (cancelled, account) = (shop.job(job).clone(), shop.account().clone());
    shop.wait(Span::days(1));
    assert_eq!(shop.cancel(job), Ok(vec![]));
    assert_eq!(shop.job(job), &cancelled);
    assert_eq!(shop.account(), &account);
}

#[test]
fn only_the_job_s_own_book_can_cancel_it() {
    let mut shop = Shop::with(1_000);
    let job_id = shop.create(asks(100, 3, 1));
    let book = Book::Organization(shop.organization, Environment::Test);
    let refused = Err(Rejection::NotFound { kind: "job" });
    assert_eq!(shop.world.run(&CancelJob { book, job_id }), refused);
    assert!(shop.job(job_id).status.active());
}

#[test]
fn two_creates_that_spend_the_last_cents_leave_one_refused() {
    let mut shop = Shop::with(199);
    let (_, first) = shop.try_create(asks(100, 1, 1));
    let (_, second) = shop.try_create(asks(100, 1, 1));
    assert!(first.is_ok());
    let (required, available) = (Cents::new(100), Cents::new(99));
    assert_eq!(second, Err(Rejection::InsufficientCredits { required, available }));
    assert_eq!((shop.available(), shop.account().held), (99, Cents::new(100)));
}

#[test]
fn ten_creates_out_of_sixty_four_spend_what_pays_for_ten() {
    let mut shop = Shop::with(10 * 3 * 33_333);
    let created = (0..64).filter(|_| shop.try_create(asks(33_333, 3, 1)).1.is_ok()).count();
    assert_eq!((created, shop.available()), (10, 0));
}

/// A job of three files at 100 cents whose deadline is an hour away, with work in every state.
fn before_a_deadline() -> (Shop, firsthand_domain::ids::JobId, Timestamp) {
    let mut shop = Shop::with(1_000);
    let deadline = shop.world.now.after(Span::hours(1));
    let mut input = asks(100, 3, 1);
    input.deadline = Some(deadline);
    let job = shop.create(input);
    (shop, job, deadline)
}

#[test]
fn a_score_after_the_deadline_pays_nobody_even_if_the_timer_is_late() {
    for late in [0, 1] {
        let (mut shop, job, deadline) = before_a_deadline();
        let submission = shop.submit(job, 0);
        shop.world.now = Timestamp::from_micros(deadline.micros() + late);
        shop.score(submission, 1, 5).unwrap();
        assert_eq!((shop.paid(), shop.available()), ((0, 0), 1_000));
        assert_eq!(shop.job(job).cancel_reason, Some(CancelReason::Deadline));
        assert_eq!(shop.world.run(&ExpireJob { job_id: job }), Ok(vec![]), "done already");
    }
}

#[test]
fn a_score_a_microsecond_before_the_deadline_is_paid() {
    let (mut shop, job_id, deadline) = before_a_deadline();
    let submission = shop.submit(job_id, 0);
    shop.world.now = Timestamp::from_micros(deadline.micros() - 1);
    shop.score(submission, 1, 5).unwrap();
    assert_eq!(shop.world.run(&ExpireJob { job_id }), Err(Rejection::TooEarly));
    shop.world.now = deadline;
    shop.world.run(&ExpireJob { job_id }).unwrap();
    assert_eq!((shop.paid(), shop.available()), ((100, 1), 900));
}

#[test]
fn a_score_looks_up_who_else_is_active_only_once_the_deadline_has_passed() {
    let (mut shop, job, deadline) = before_a_deadline();
    let (scored, other) = (shop.submit(job, 0), shop.submit(job, 1));
    let command = score(scored, 1, 5);
    let others = |shop: &Shop| shop.world.named(&command).contains(&StreamId::Submission(other));
    shop.world.now = Timestamp::from_micros(deadline.micros() - 1);
    assert!(!others(&shop), "a job may have thousands");
    shop.world.now = deadline;
    assert!(others(&shop), "the job ends with all of them");
    shop.score(scored, 1, 5).unwrap();
    for ended in [scored, other] {
        assert_eq!(shop.submission(ended).rejection_code, Some(RejectionCode::JobEnded));
    }
}

#[test]
fn nobody_starts_or_uploads_after_the_deadline() {
    let (mut shop, job, deadline) = before_a_deadline();
    shop.world.now = Timestamp::from_micros(deadline.micros() - 1);
    let submission = shop.accept(job, 0);
    shop.world.now = deadline;
    assert!(shop.upload(submission, 1, false).is_err());
    assert!(shop.try_accept(job, 1).1.is_err());
}

#[test]
fn an_organization_on_the_free_tier_has_one_active_job() {
    let mut shop = Shop::poor();
    shop.credit(250, LotOrigin::FreeTier, None);
    let first = shop.create(asks(50, 1, 1));
    assert_eq!(shop.try_create(asks(50, 1, 1)).1, Err(Rejection::FreeTierJobLimit));
    let submission = shop.submit(first, 0);
    shop.score(submission, 1, 5).unwrap();
    let second = shop.create(asks(50, 1, 1));
    shop.cancel(second).unwrap();
    shop.create(asks(50, 1, 1));
    shop.credit(1_000, LotOrigin::Purchase, None);
    shop.create(asks(50, 1, 1));
}
