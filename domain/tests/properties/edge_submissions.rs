//! Submissions: stars, the one retry, windows to the microsecond, slots (specification section 5).

use crate::shop::{Shop, asks, score};
use firsthand_domain::ids::{JobId, SubmissionId};
use firsthand_domain::jobs::JobStatus;
use firsthand_domain::submissions::{
    AcceptJob, RejectionCode, ScoreSubmission, SubmissionEvent, SubmissionStatus,
    TimeOutSubmission, WithdrawSubmission,
};
use firsthand_domain::time::Span;
use firsthand_domain::{Cents, Event, Rejection, Timestamp};

/// A job of five files at 13 cents with one submission that waits for its score.
fn pending() -> (Shop, JobId, SubmissionId) {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(13, 5, 1));
    let submission = shop.submit(job, 0);
    (shop, job, submission)
}

/// Counts the strikes that the log gives.
fn strikes(shop: &Shop) -> usize {
    let rejections = shop.world.log().iter().filter_map(|(_, event)| match event {
        Event::Submission(SubmissionEvent::Rejected(rejected)) => Some(rejected.strike),
        _ => None,
    });
    rejections.filter(|strike| *strike).count()
}

#[test]
fn a_job_opens_to_a_worker_when_the_wait_is_over_and_not_before() {
    let mut shop = Shop::with(1_000);
    let job_id = shop.create(asks(50, 1, 1));
    let opens_at = shop.world.now.after(Span::minutes(5));
    let submission_id = shop.world.submission(job_id.slot());
    let worker_id = shop.workers[0];
    let wait = Span::minutes(5);
    let accept = AcceptJob { job_id, submission_id, worker_id, worker_region: None, wait };
    shop.world.now = opens_at.before(Span::milliseconds(1));
    assert_eq!(shop.world.run(&accept), Err(Rejection::NotOpenYet { opens_at }));
    shop.world.now = opens_at;
    shop.world.run(&accept).unwrap();
    // Who has the slot is told so, whatever the wait.
    shop.world.now = opens_at.before(Span::milliseconds(1));
    assert_eq!(shop.world.run(&accept), Err(Rejection::AlreadyAccepted));
}

#[test]
fn the_threshold_of_the_job_decides() {
    for (threshold, stars, status) in [
        (3, 3, SubmissionStatus::Approved),
        (5, 5, SubmissionStatus::Approved),
        (2, 2, SubmissionStatus::Approved),
        (3, 2, SubmissionStatus::RetryPending),
        (5, 4, SubmissionStatus::RetryPending),
        (5, 1, SubmissionStatus::Rejected),
        (2, 1, SubmissionStatus::Rejected),
    ] {
        let mut shop = Shop::with(1_000);
        let mut input = asks(13, 5, 1);
        input.min_star_rating = threshold;
        let job = shop.create(input);
        let submission = shop.submit(job, 0);
        shop.score(submission, 1, stars).unwrap();
        let found = shop.submission(submission).status;
        assert_eq!(found, status, "{stars} stars where {threshold} are wanted");
        let paid = status == SubmissionStatus::Approved;
        assert_eq!(shop.paid().0, if paid { 13 } else { 0 });
    }
}

#[test]
fn thirteen_cents_are_ten_for_the_worker_and_three_for_the_platform() {
    let (mut shop, _, submission) = pending();
    shop.score(submission, 1, 4).unwrap();
    assert_eq!(shop.submission(submission).worker_cents, Cents::new(10));
    let captured = shop.world.log().iter().find_map(|(_, event)| match event {
        Event::Credits(firsthand_domain::credits::CreditEvent::Captured(captured)) => {
            Some((captured.worker_cents, captured.platform_cents))
        }
        _ => None,
    });
    assert_eq!(captured, Some((Cents::new(10), Cents::new(3))));
}

#[test]
fn one_star_is_a_strike_and_no_retry() {
    let (mut shop, job, submission) = pending();
    shop.score(submission, 1, 1).unwrap();
    assert_eq!(shop.submission(submission).status, SubmissionStatus::Rejected);
    assert_eq!((strikes(&shop), shop.paid()), (1, (0, 0)));
    assert!(shop.upload(submission, 1, true).is_err());
    assert_eq!(shop.job(job).files_reserved, 0, "the slot is free again");
}

#[test]
fn a_technical_rejection_gives_no_strike_and_no_retry_whatever_the_stars() {
    for stars in 1..=5 {
        let (mut shop, job, submission_id) = pending();
        let technical = Some(RejectionCode::TooSmall);
        let score = ScoreSubmission { technical, ..score(submission_id, 1, stars) };
        shop.world.run(&score).unwrap();
        assert_eq!(shop.submission(submission_id).status, SubmissionStatus::Rejected);
        assert_eq!((strikes(&shop), shop.paid()), (0, (0, 0)));
        assert_eq!(shop.job(job).files_reserved, 0);
    }
}

#[test]
fn a_second_failure_is_final_and_no_strike() {
    let (mut shop, job, submission) = pending();
    shop.score(submission, 1, 2).unwrap();
    assert_eq!(shop.job(job).files_reserved, 1, "the slot stays reserved for the retry");
    shop.upload(submission, 1, true).unwrap();
    shop.score(submission, 2, 2).unwrap();
    assert_eq!(shop.submission(submission).status, SubmissionStatus::Rejected);
    assert_eq!((strikes(&shop), shop.paid(), shop.job(job).files_reserved), (0, (0, 0), 0));
    assert!(shop.upload(submission, 1, true).is_err());
}

#[test]
fn a_retry_can_be_approved_and_is_paid_once() {
    let (mut shop, _, submission) = pending();
    shop.score(submission, 1, 2).unwrap();
    shop.upload(submission, 1, true).unwrap();
    let waiting = shop.submission(submission);
    assert_eq!((&waiting.score, waiting.scored_at), (&None, None), "that was of other files");
    shop.score(submission, 2, 3).unwrap();
    assert_eq!(shop.paid(), (13, 1));
}

#[test]
fn a_retry_must_be_asked_for() {
    let (mut shop, job, submission) = pending();
    assert!(shop.upload(submission, 1, true).is_err(), "while it waits for its score");
    let reserved = shop.accept(job, 1);
    assert!(shop.upload(reserved, 1, true).is_err(), "before the first upload");
    assert!(shop.upload(reserved, 1, false).is_ok());
    assert!(shop.upload(reserved, 1, false).is_err(), "twice");
}

#[test]
fn the_retry_window_is_thirty_minutes_to_the_microsecond() {
    let half_hour = 30 * 60 * 1_000_000;
    let (mut shop, job, submission_id) = pending();
    shop.score(submission_id, 1, 2).unwrap();
    let end = shop.world.now.micros() + half_hour;
    let time_out = TimeOutSubmission { submission_id };
    shop.world.now = Timestamp::from_micros(end - 1);
    assert_eq!(shop.world.run(&time_out), Err(Rejection::TooEarly));
    shop.world.now = Timestamp::from_micros(end);
    assert!(shop.upload(submission_id, 1, true).is_err(), "too late, though nothing is booked");
    shop.world.run(&time_out).unwrap();
    assert_eq!(shop.submission(submission_id).status, SubmissionStatus::Rejected);
    assert_eq!((strikes(&shop), shop.job(job).files_reserved), (0, 0));
    assert_eq!(shop.world.run(&time_out), Ok(vec![]), "twice");
}

#[test]
fn a_retry_in_the_last_microsecond_counts() {
    let (mut shop, _, submission_id) = pending();
    shop.score(submission_id, 1, 2).unwrap();
    shop.wait(Span::minutes(30));
    shop.world.now = Timestamp::from_micros(shop.world.now.micros() - 1);
    shop.upload(submission_id, 1, true).unwrap();
    shop.wait(Span::days(1));
    assert_eq!(shop.world.run(&TimeOutSubmission { submission_id }), Ok(vec![]));
    shop.score(submission_id, 2, 5).unwrap();
    assert_eq!(shop.paid(), (13, 1), "a slow scorer costs the worker nothing");
}

#[test]
fn a_lapsed_reservation_frees_its_slot_and_takes_no_upload() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(13, 1, 1));
    let submission_id = shop.accept(job, 0);
    assert_eq!(shop.job(job).status, JobStatus::Filled);
    shop.world.now = shop.submission(submission_id).expires_at.unwrap();
    assert!(shop.upload(submission_id, 1, false).is_err());
    shop.world.run(&TimeOutSubmission { submission_id }).unwrap();
    assert_eq!(shop.job(job).status, JobStatus::Open);
    shop.accept(job, 1);
}

#[test]
fn a_worker_withdraws_before_the_upload_only() {
    let (mut shop, job, uploaded) = pending();
    let worker_id = shop.workers[0];
    let withdraw = WithdrawSubmission { submission_id: uploaded, worker_id };
    assert!(shop.world.run(&withdraw).is_err());
    let submission_id = shop.accept(job, 1);
    let stranger = WithdrawSubmission { submission_id, worker_id };
    assert!(shop.world.run(&stranger).is_err(), "somebody else's");
    let worker_id = shop.workers[1];
    let withdraw = WithdrawSubmission { submission_id, worker_id };
    shop.world.run(&withdraw).unwrap();
    assert_eq!(shop.submission(submission_id).status, SubmissionStatus::Withdrawn);
    assert_eq!(shop.job(job).files_reserved, 1);
    assert!(shop.upload(submission_id, 1, false).is_err());
}

#[test]
fn the_last_batch_is_limited_to_the_remainder() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(100, 7, 5));
    assert_eq!(shop.job(job).slots_open(), 2);
    let (first, last) = (shop.accept(job, 0), shop.accept(job, 1));
    assert_eq!(shop.submission(first).files_reserved, 5);
    assert_eq!(shop.submission(last).files_reserved, 2);
    assert_eq!(shop.upload(last, 3, false), Err(Rejection::WrongFileCount { reserved: 2 }));
    assert_eq!(shop.upload(last, 0, false), Err(Rejection::WrongFileCount { reserved: 2 }));
}

#[test]
fn files_that_were_reserved_and_not_brought_are_free_again() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(100, 5, 5));
    let submission = shop.accept(job, 0);
    shop.upload(submission, 2, false).unwrap();
    assert_eq!(shop.try_accept(job, 1).1, Err(Rejection::JobFull), "until they are scored");
    shop.score(submission, 1, 5).unwrap();
    assert_eq!(shop.paid(), (200, 1));
    assert_eq!(shop.job(job).files_open(), 3);
    let rest = shop.submit(job, 1);
    shop.score(rest, 1, 5).unwrap();
    assert_eq!((shop.paid(), shop.job(job).status), ((500, 2), JobStatus::Completed));
}

#[test]
fn a_filled_job_opens_again_when_a_submission_is_rejected() {
    let mut shop = Shop::with(1_000);
    let job = shop.create(asks(100, 1, 1));
    let submission = shop.submit(job, 0);
    assert_eq!(shop.job(job).status, JobStatus::Filled);
    shop.score(submission, 1, 1).unwrap();
    assert_eq!(shop.job(job).status, JobStatus::Open);
    let second = shop.submit(job, 0);
    shop.score(second, 1, 5).unwrap();
    assert_eq!(shop.job(job).status, JobStatus::Completed, "straight from filled");
}

#[test]
fn max_workers_limits_who_works_at_the_same_time() {
    let mut shop = Shop::with(1_000);
    let mut input = asks(100, 5, 1);
    input.max_workers = Some(2);
    let job = shop.create(input);
    assert_eq!(shop.try_accept(job, 0).1.map(|events| events.is_empty()), Ok(false));
    assert_eq!(shop.try_accept(job, 0).1, Err(Rejection::AlreadyAccepted));
    let second = shop.submit(job, 1);
    assert_eq!(shop.try_accept(job, 2).1, Err(Rejection::TooManyWorkers));
    shop.score(second, 1, 5).unwrap();
    shop.accept(job, 2);
}
