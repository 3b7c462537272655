//! Stars, thresholds and the one retry.
//!
//! Which picture deserves how many stars is the scorer's own affair. So these tests first ask it about pictures
//! that are ever more blurred, and then hold it to what the specification makes of its stars.

use crate::common::{server, worker};
use firsthand_tests::job::photos_with;
use firsthand_tests::shape::{assert_part, int, text};
use firsthand_tests::worker::pay_cents;
use firsthand_tests::{Balance, Buyer, Media, Worker, media, together};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const LEVELS: u32 = 7;

/// The stars of a picture by level of blur, and the status that a job which wants five stars gave it.
static GRADES: OnceCell<Vec<(i64, String)>> = OnceCell::const_new();

async fn buyer() -> Buyer {
    Buyer::new(server()).await
}

fn picture(level: u32) -> Media {
    if level == 0 { media::sharp(media::seed()) } else { media::blurred(media::seed(), level) }
}

async fn grades() -> &'static [(i64, String)] {
    GRADES
        .get_or_init(|| async {
            let id = job(&buyer().await, LEVELS, 5).await;
            together((0..LEVELS).map(|level| {
                let id = id.clone();
                async move {
                    let seen = worker().await.deliver(&id, &picture(level)).await;
                    (int(&seen, "ai_star_rating"), text(&seen, "status").to_owned())
                }
            }))
            .await
        })
        .await
}

async fn job(buyer: &Buyer, files: u32, threshold: i64) -> String {
    let body = photos_with(files, 75, &json!({"min_star_rating": threshold}));
    text(&buyer.create_job(&body).await, "id").to_owned()
}

/// A level of blur that earns 2 to 4 stars, one that earns more, and a threshold between the two.
async fn poor_good_threshold() -> (u32, u32, i64) {
    let grades = grades().await;
    let ranked = || grades.iter().zip(0..).map(|((stars, _), level)| (*stars, level));
    let (good_stars, good) =
        ranked().max_by_key(|(stars, level)| (*stars, LEVELS - level)).expect("there are grades");
    // The most blurred one: another picture of its level must not earn a star more.
    let poor = ranked().filter(|(stars, _)| (2..good_stars).contains(stars)).last();
    let (poor_stars, poor) =
        poor.unwrap_or_else(|| panic!("no picture is poor but worth a retry: {grades:?}"));
    (poor, good, poor_stars + 1)
}

/// A worker whose first file of a job fell below its threshold.
struct Second {
    buyer: Buyer,
    job_id: String,
    worker: Worker,
    submission: Value,
    poor: u32,
    good: u32,
}

async fn retry_pending() -> Second {
    let (poor, good, threshold) = poor_good_threshold().await;
    let (buyer, worker) = (buyer().await, worker().await);
    let job_id = job(&buyer, 1, threshold).await;
    let submission = worker.deliver(&job_id, &picture(poor)).await;
    assert_eq!(submission["status"], "retry_pending", "{submission}");
    Second { buyer, job_id, worker, submission, poor, good }
}

impl Second {
    fn id(&self) -> &str {
        text(&self.submission, "id")
    }

    async fn try_again(&self, level: u32) -> Value {
        let reply = self.worker.retry(self.id(), &picture(level)).await.ok(200);
        assert_part(&reply, &json!({"id": self.id(), "status": "pending_score"}));
        self.worker.scored(self.id()).await
    }
}

#[tokio::test]
async fn the_stars_decide_between_approval_retry_and_rejection() {
    for (stars, status) in grades().await {
        let expected = match stars {
            5 => "approved",
            2..=4 => "retry_pending",
            1 => "rejected",
            other => panic!("{other} stars"),
        };
        assert_eq!(status, expected, "{stars} stars in a job that wants five");
    }
}

#[tokio::test]
async fn a_sharp_picture_is_acceptable_and_fog_is_not() {
    let grades = grades().await;
    assert!(grades[0].0 >= 3, "{grades:?}");
    assert!(grades[LEVELS as usize - 1].0 <= 2, "{grades:?}");
}

#[tokio::test]
async fn more_blur_never_earns_more_stars() {
    let grades = grades().await;
    assert!(grades.windows(2).all(|pair| pair[0].0 >= pair[1].0), "{grades:?}");
}

#[tokio::test]
async fn a_poor_file_may_be_tried_again_and_is_not_paid_yet() {
    let second = retry_pending().await;
    assert_eq!(second.buyer.balance().await, Balance { available: 99_925, held: 75 });
    let job = second.buyer.job(&second.job_id).await;
    assert_eq!(job["files_approved"], 0);
    assert_eq!(job["submission_summary"]["retry_pending"], 1);
    assert_eq!(second.buyer.submission(second.id()).await["status"], "retry_pending");
}

#[tokio::test]
async fn the_slot_stays_reserved_for_the_retry() {
    let second = retry_pending().await;
    assert_eq!(second.buyer.job(&second.job_id).await["status"], "filled");
    worker().await.try_accept(&second.job_id).await.refused(409, "conflict");
}

#[tokio::test]
async fn a_better_second_file_is_approved_and_paid() {
    let second = retry_pending().await;
    let seen = second.try_again(second.good).await;
    assert_eq!(seen["status"], "approved", "{seen}");
    assert_eq!(pay_cents(&seen), 60);
    second.buyer.job_once(&second.job_id, "completed").await;
    assert_eq!(second.buyer.balance().await, Balance { available: 99_925, held: 0 });
    let view = second.buyer.submission(second.id()).await;
    assert_part(&view, &json!({"status": "approved", "attempt": 2}));
}

#[tokio::test]
async fn a_second_poor_file_is_rejected_unpaid_and_the_slot_opens() {
    let second = retry_pending().await;
    let seen = second.try_again(second.poor).await;
    assert_eq!(seen["status"], "rejected", "{seen}");
    second.buyer.job_once(&second.job_id, "open").await;
    assert_eq!(second.buyer.balance().await, Balance { available: 99_925, held: 75 });
    second.worker.retry(second.id(), &picture(0)).await.refused(409, "conflict");
    worker().await.deliver_approved(&second.job_id, &picture(second.good)).await;
    second.buyer.job_once(&second.job_id, "completed").await;
}

#[tokio::test]
async fn a_retry_after_the_cancel_is_refused_and_unpaid() {
    let second = retry_pending().await;
    second.buyer.cancel(&second.job_id).await.ok(200);
    second.worker.retry(second.id(), &picture(second.good)).await.refused(409, "conflict");
    assert_eq!(second.buyer.balance().await, Balance { available: 100_000, held: 0 });
    assert_eq!(second.worker.submission(second.id()).await["status"], "rejected");
}

#[tokio::test]
async fn a_retry_is_a_retry_and_not_an_upload() {
    let second = retry_pending().await;
    second.worker.upload(second.id(), &picture(second.good)).await.refused(409, "conflict");
    assert_eq!(second.worker.submission(second.id()).await["status"], "retry_pending");
}

#[tokio::test]
async fn the_job_s_own_threshold_governs() {
    let (poor, _, threshold) = poor_good_threshold().await;
    let buyer = buyer().await;
    let lenient = job(&buyer, 1, threshold - 1).await;
    let seen = worker().await.deliver(&lenient, &picture(poor)).await;
    assert_part(&seen, &json!({"status": "approved", "ai_star_rating": threshold - 1}));
}

#[tokio::test]
async fn the_dimensions_are_one_to_five_each() {
    let second = retry_pending().await;
    let view = second.buyer.submission(second.id()).await;
    let dimensions =
        view["dimensions"].as_object().unwrap_or_else(|| panic!("no dimensions in {view}"));
    assert!(dimensions.contains_key("quality"), "{view}");
    for (name, value) in dimensions {
        assert!(
            value.is_null() || value.as_i64().is_some_and(|v| (1..=5).contains(&v)),
            "{name} of {view}"
        );
    }
}

/// Copies of one picture that come at once.
const COPIES: u32 = 6;

#[tokio::test]
async fn of_copies_that_come_at_once_one_is_paid() {
    let buyer = buyer().await;
    let id = job(&buyer, COPIES, 3).await;
    let seed = media::seed();
    let mut accepted = Vec::new();
    for n in 0..COPIES {
        let worker = worker().await;
        // What is behind its end makes each copy another file, and the picture stays the same.
        let mut copy = media::sharp(seed);
        copy.bytes.extend([0_u8].repeat(n as usize));
        accepted.push((worker.accept(&id).await, worker, copy));
    }
    let seen = together(accepted.into_iter().map(|(submission, worker, copy)| async move {
        worker.upload(&submission, &copy).await.ok(200);
        worker.scored(&submission).await
    }))
    .await;
    let approved = seen.iter().filter(|submission| submission["status"] == "approved").count();
    assert_eq!(approved, 1, "{seen:?}");
    let job = buyer.job(&id).await;
    assert_eq!(int(&job, "files_approved"), 1, "{job}");
}
