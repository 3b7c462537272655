//! Uploads: what is taken, what is refused, and what a refusal leaves as it was.

use crate::common::{buyer, worker};
use firsthand_tests::job::photos_with;
use firsthand_tests::shape::{assert_keys, assert_part, assert_recent, int, text};
use firsthand_tests::worker::{form, pay_cents};
use firsthand_tests::{Balance, Buyer, Media, Reply, Worker, media};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// A worker with an accepted slot of a job for one JPEG.
struct Slot {
    buyer: Buyer,
    job_id: String,
    worker: Worker,
    submission: String,
}

async fn slot() -> Slot {
    slot_of(&json!({})).await
}

async fn slot_of(fields: &Value) -> Slot {
    let (buyer, worker) = (buyer().await, worker().await);
    let job_id = text(&buyer.create_job(&photos_with(1, 75, fields)).await, "id").to_owned();
    let submission = worker.accept(&job_id).await;
    Slot { buyer, job_id, worker, submission }
}

impl Slot {
    async fn upload(&self, media: &Media) -> Reply {
        self.worker.upload(&self.submission, media).await
    }

    async fn send(&self, form: Form) -> Reply {
        self.worker
            .send_form(&format!("/internal/worker/submissions/{}/upload", self.submission), form)
            .await
    }

    /// The slot is still accepted, nothing was paid, and a good file is still taken and approved.
    async fn is_untouched(&self) {
        assert_eq!(self.worker.submission(&self.submission).await["status"], "accepted");
        self.is_unpaid().await;
        self.upload(&media::sharp(media::seed())).await.ok(200);
        assert_eq!(self.worker.scored(&self.submission).await["status"], "approved");
    }

    async fn is_unpaid(&self) {
        assert_eq!(self.buyer.balance().await, Balance { available: 99_925, held: 75 });
        assert_eq!(self.buyer.job(&self.job_id).await["files_approved"], 0);
    }

    /// A file that is not what it says: refused with the slot untouched, or taken and not approved. Never paid.
    async fn never_pays_for(&self, media: &Media) {
        let reply = self.upload(media).await;
        if reply.status != 200 {
            reply.refused_somehow();
            self.is_untouched().await;
            return;
        }
        let seen = self.worker.scored(&self.submission).await;
        assert_ne!(seen["status"], "approved", "{seen}");
        self.is_unpaid().await;
    }
}

#[tokio::test]
async fn a_good_file_is_scored_approved_and_paid() {
    let slot = slot().await;
    let media = media::sharp(media::seed());
    let uploaded = slot.upload(&media).await.ok(200);
    assert_part(
        &uploaded,
        &json!({"object": "submission", "id": slot.submission, "job_id": slot.job_id, "status": "pending_score"}),
    );
    let seen = slot.worker.scored(&slot.submission).await;
    assert_eq!(seen["status"], "approved", "{seen}");
    assert!((3..=5).contains(&int(&seen, "ai_star_rating")), "{seen}");
    assert!(!text(&seen, "ai_reasoning").is_empty(), "{seen}");
    assert_eq!(pay_cents(&seen), 60);
}

#[tokio::test]
async fn the_buyer_sees_the_submission_with_all_its_fields() {
    let slot = slot().await;
    let media = media::sharp(media::seed());
    slot.upload(&media).await.ok(200);
    slot.worker.scored(&slot.submission).await;
    let seen = slot.buyer.submission(&slot.submission).await;
    assert_part(
        &seen,
        &json!({
            "object": "submission",
            "id": slot.submission,
            "job_id": slot.job_id,
            "status": "approved",
            "content_type": "image/jpeg",
            "size_bytes": media.bytes.len(),
        }),
    );
    assert_keys(
        &seen,
        &["worker_id", "ai_star_rating", "ai_reasoning", "file_url", "dimensions", "attempt"],
    );
    assert_recent(&seen["submitted_at"], 60.0);
    assert_recent(&seen["scored_at"], 60.0);
}

#[tokio::test]
async fn a_type_that_the_job_does_not_take_is_refused() {
    let slot = slot().await;
    for media in [
        media::png(media::seed()),
        media::text_as_jpeg().declared("text/plain"),
        media::sharp(7).declared("video/mp4"),
    ] {
        let reply = slot.upload(&media).await;
        assert_eq!(reply.status, 415, "{reply}");
        reply.envelope();
    }
    slot.is_untouched().await;
}

#[tokio::test]
async fn a_png_that_says_it_is_a_jpeg_is_never_paid() {
    slot().await.never_pays_for(&media::mislabelled(media::seed())).await;
}

#[tokio::test]
async fn text_that_says_it_is_a_jpeg_is_never_paid() {
    slot().await.never_pays_for(&media::text_as_jpeg()).await;
}

#[tokio::test]
async fn half_a_jpeg_is_never_paid() {
    slot().await.never_pays_for(&media::truncated(media::seed())).await;
}

#[tokio::test]
async fn an_empty_file_is_refused() {
    let slot = slot().await;
    slot.upload(&media::empty()).await.refused_somehow();
    slot.is_untouched().await;
}

#[tokio::test]
async fn a_picture_above_25_megabytes_is_refused() {
    let slot = slot().await;
    let reply = slot.upload(&media::padded(media::seed(), 25 * 1024 * 1024 + 1)).await;
    assert_eq!(reply.status, 413, "{reply}");
    reply.envelope();
    slot.is_untouched().await;
}

#[tokio::test]
async fn a_form_without_a_file_is_refused() {
    let slot = slot().await;
    slot.send(Form::new().text("latitude", "40.7")).await.refused(400, "validation_error");
    let part =
        Part::bytes(media::sharp(media::seed()).bytes).mime_str("image/jpeg").expect("a type");
    slot.send(Form::new().part("photo", part)).await.refused(400, "validation_error");
    slot.is_untouched().await;
}

#[tokio::test]
async fn more_files_than_a_submission_holds_are_refused() {
    let slot = slot().await;
    let two = [media::sharp(media::seed()), media::sharp(media::seed())];
    slot.send(form(&two)).await.refused(400, "validation_error");
    slot.is_untouched().await;
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let slot = slot().await;
    let path = format!("/internal/worker/submissions/{}/upload", slot.submission);
    let request = || slot.worker.api.request(Method::POST, &path);
    request().json(&json!({"file": "photo.jpg"})).send().await.refused_somehow();
    request().send().await.refused_somehow();
    let torn =
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\nhalf";
    request().bytes("multipart/form-data; boundary=b", torn).send().await.refused_somehow();
    slot.is_untouched().await;
}

#[tokio::test]
async fn a_place_that_is_not_on_earth_is_refused() {
    let slot = slot().await;
    for (name, value) in [
        ("latitude", "91"),
        ("longitude", "181"),
        ("latitude", "north"),
        ("captured_at", "yesterday"),
    ] {
        let form = form(&[media::sharp(media::seed())]).text(name, value);
        slot.send(form).await.invalid(name);
    }
    slot.is_untouched().await;
}

#[tokio::test]
async fn a_file_name_is_only_a_name() {
    let slot = slot().await;
    let mut media = media::sharp(media::seed());
    media.file_name = "../../../etc/passwd\u{0}.jpg".replace('\u{0}', "%00");
    slot.upload(&media).await.ok(200);
    assert_eq!(slot.worker.scored(&slot.submission).await["status"], "approved");
    slot.buyer.files_once(&slot.job_id, 1).await;
}

#[tokio::test]
async fn a_second_upload_for_the_same_slot_is_refused() {
    let slot = slot().await;
    slot.upload(&media::sharp(media::seed())).await.ok(200);
    slot.upload(&media::sharp(media::seed())).await.refused(409, "conflict");
    slot.worker
        .retry(&slot.submission, &media::sharp(media::seed()))
        .await
        .refused(409, "conflict");
    assert_eq!(slot.worker.scored(&slot.submission).await["status"], "approved");
    slot.upload(&media::sharp(media::seed())).await.refused(409, "conflict");
    assert_eq!(slot.buyer.balance().await, Balance { available: 99_925, held: 0 });
}

#[tokio::test]
async fn a_retry_that_nobody_asked_for_is_refused() {
    let slot = slot().await;
    slot.worker
        .retry(&slot.submission, &media::sharp(media::seed()))
        .await
        .refused(409, "conflict");
    slot.is_untouched().await;
}

#[tokio::test]
async fn a_picture_below_the_asked_for_size_is_rejected_with_one_star() {
    for fields in [json!({"min_width": 1_281}), json!({"min_height": 961})] {
        let slot = slot_of(&fields).await;
        slot.upload(&media::sharp(media::seed())).await.ok(200);
        let seen = slot.worker.scored(&slot.submission).await;
        assert_part(&seen, &json!({"status": "rejected", "ai_star_rating": 1}));
        slot.is_unpaid().await;
    }
}

#[tokio::test]
async fn a_picture_of_just_the_asked_for_size_is_approved() {
    let slot = slot_of(&json!({"min_width": 1_280, "min_height": 960})).await;
    slot.upload(&media::sharp(media::seed())).await.ok(200);
    assert_eq!(slot.worker.scored(&slot.submission).await["status"], "approved");
}

#[tokio::test]
async fn the_same_picture_from_another_worker_is_rejected_and_its_slot_opens_again() {
    let buyer = buyer().await;
    let id = buyer.photo_job(2, 75).await;
    let media = media::sharp(media::seed());
    worker().await.deliver_approved(&id, &media).await;
    let copy = worker().await.deliver(&id, &media).await;
    assert_part(&copy, &json!({"status": "rejected", "ai_star_rating": 1}));
    assert_eq!(buyer.balance().await, Balance { available: 99_850, held: 75 });
    worker().await.deliver_approved(&id, &media::sharp(media::seed())).await;
    buyer.job_once(&id, "completed").await;
}
