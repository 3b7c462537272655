//! Slots: offered, taken, given back, reported.

use crate::common::{buyer, worker};
use firsthand_tests::job::photos_with;
use firsthand_tests::shape::{assert_instant, assert_part, int, text};
use firsthand_tests::{
    Balance, Buyer, Options, Server, Worker, clock, eventually, media, together,
};
use serde_json::json;

async fn gone(worker: &Worker, job_id: &str) {
    eventually(&format!("{job_id} is no longer offered"), async || {
        let offers = worker.available().await;
        if offers.iter().all(|offer| offer["id"] != job_id) {
            Ok(())
        } else {
            Err(json!(offers.len()))
        }
    })
    .await;
}

#[tokio::test]
async fn accepting_reserves_a_slot_for_a_while() {
    let buyer = buyer().await;
    let id = buyer.photo_job(2, 75).await;
    let worker = worker().await;
    worker.offered(&id).await;
    let submission = worker.try_accept(&id).await.ok(201);
    assert_part(&submission, &json!({"object": "submission", "job_id": id, "status": "accepted"}));
    assert!(assert_instant(&submission["expires_at"]) > clock::now());
    let seen = worker.submission(text(&submission, "id")).await;
    assert_part(&seen, &json!({"id": submission["id"], "job_id": id, "status": "accepted"}));
    let history = worker.api.list("/internal/worker/submissions").await;
    assert_eq!(history.iter().filter(|row| row["id"] == submission["id"]).count(), 1);
}

#[tokio::test]
async fn an_accepted_slot_costs_nothing_and_is_not_shown_to_the_buyer() {
    let buyer = buyer().await;
    let id = buyer.photo_job(2, 75).await;
    worker().await.accept(&id).await;
    assert_eq!(buyer.balance().await, Balance { available: 99_850, held: 150 });
    assert!(buyer.api.list("/v1/submissions").await.is_empty());
    assert!(buyer.api.list(&format!("/v1/jobs/{id}/submissions")).await.is_empty());
}

#[tokio::test]
async fn a_worker_takes_one_slot_of_a_job() {
    let buyer = buyer().await;
    let id = buyer.photo_job(3, 75).await;
    let worker = worker().await;
    worker.accept(&id).await;
    worker.try_accept(&id).await.refused(409, "conflict");
    assert_eq!(worker.api.list("/internal/worker/submissions").await.len(), 1);
}

#[tokio::test]
async fn a_job_without_free_slots_is_full() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    worker().await.accept(&id).await;
    let late = worker().await;
    late.try_accept(&id).await.refused(409, "conflict");
    gone(&late, &id).await;
}

#[tokio::test]
async fn the_offer_counts_the_slots_that_are_left() {
    let buyer = buyer().await;
    let id = buyer.photo_job(3, 75).await;
    let watcher = worker().await;
    assert_eq!(watcher.offered(&id).await["slots_open"], 3);
    worker().await.accept(&id).await;
    eventually("two slots are left", async || {
        let offer = watcher.offered(&id).await;
        if offer["slots_open"] == 2 { Ok(()) } else { Err(offer) }
    })
    .await;
}

#[tokio::test]
async fn the_last_batch_is_no_larger_than_what_is_missing() {
    let buyer = buyer().await;
    let body = photos_with(5, 75, &json!({"files_per_submission": 2}));
    let id = text(&buyer.create_job(&body).await, "id").to_owned();
    let workers = [worker().await, worker().await, worker().await];
    assert_eq!(workers[0].offered(&id).await["slots_open"], 3);
    let mut submissions = Vec::new();
    for worker in &workers {
        submissions.push(worker.accept(&id).await);
    }
    let two = || [media::sharp(media::seed()), media::sharp(media::seed())];
    for i in 0..2 {
        workers[i].upload_all(&submissions[i], &two()).await.ok(200);
        assert_eq!(workers[i].scored(&submissions[i]).await["status"], "approved");
    }
    workers[2].upload_all(&submissions[2], &two()).await.refused_somehow();
    workers[2].upload(&submissions[2], &media::sharp(media::seed())).await.ok(200);
    assert_eq!(workers[2].scored(&submissions[2]).await["status"], "approved");
    let job = buyer.job_once(&id, "completed").await;
    assert_eq!(int(&job, "files_approved"), 5);
    assert_eq!(buyer.balance().await, Balance { available: 99_625, held: 0 });
    assert_eq!(buyer.files_once(&id, 5).await.len(), 5);
}

#[tokio::test]
async fn a_withdrawn_slot_is_offered_again() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let (first, second) = (worker().await, worker().await);
    let submission = first.accept(&id).await;
    first.withdraw(&id).await.ok(200);
    assert_eq!(first.submission(&submission).await["status"], "withdrawn");
    second.deliver_approved(&id, &media::sharp(media::seed())).await;
    buyer.job_once(&id, "completed").await;
}

#[tokio::test]
async fn a_withdrawn_slot_takes_no_upload() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    let submission = worker.accept(&id).await;
    worker.withdraw(&id).await.ok(200);
    worker.upload(&submission, &media::sharp(media::seed())).await.refused(409, "conflict");
    assert_eq!(buyer.balance().await.held, 75);
}

#[tokio::test]
async fn what_was_uploaded_is_not_withdrawn() {
    let buyer = buyer().await;
    let id = buyer.photo_job(2, 75).await;
    let worker = worker().await;
    let submission = worker.accept(&id).await;
    worker.upload(&submission, &media::sharp(media::seed())).await.ok(200);
    worker.withdraw(&id).await.refused(409, "conflict");
    assert_eq!(worker.scored(&submission).await["status"], "approved");
}

#[tokio::test]
async fn a_job_that_was_never_accepted_is_not_withdrawn() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    worker.offered(&id).await;
    worker.withdraw(&id).await.refused_somehow();
    assert_eq!(buyer.job(&id).await["status"], "open");
}

#[tokio::test]
async fn no_more_workers_at_once_than_the_buyer_wants() {
    let buyer = buyer().await;
    let body = photos_with(5, 75, &json!({"max_workers": 2}));
    let id = text(&buyer.create_job(&body).await, "id").to_owned();
    let (first, second, third) = (worker().await, worker().await, worker().await);
    first.accept(&id).await;
    second.accept(&id).await;
    third.try_accept(&id).await.refused(409, "conflict");
    first.withdraw(&id).await.ok(200);
    third.accept(&id).await;
}

#[tokio::test]
async fn a_flag_has_a_reason_and_leaves_the_job_s_money_alone() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    worker.offered(&id).await;
    worker.flag(&id, &json!({})).await.invalid("reason");
    worker.flag(&id, &json!({"reason": 7})).await.invalid("reason");
    worker.flag(&id, &json!({"reason": "It asks for people's faces."})).await.ok(200);
    assert_eq!(buyer.balance().await, Balance { available: 99_925, held: 75 });
}

#[tokio::test]
async fn a_test_job_is_never_offered_to_a_real_worker() {
    let buyer = buyer().await;
    buyer.grant_in("test", 1_000).await;
    let test = buyer.test_api().await;
    let key = firsthand_tests::unique::key();
    let sandbox =
        test.post_keyed("/v1/jobs", &key, &firsthand_tests::job::photos(1, 75)).await.ok(201);
    let live = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    worker.offered(&live).await;
    let offers = worker.available().await;
    assert!(offers.iter().all(|offer| offer["id"] != sandbox["id"]), "{sandbox}");
    let reply = worker.try_accept(text(&sandbox, "id")).await;
    reply.refused_somehow();
}

#[tokio::test]
async fn where_windows_of_priority_are_on_a_new_worker_has_three_jobs_at_once_and_then_waits() {
    let options = Options::ephemeral().env("FIRSTHAND_PRIORITY_WINDOWS", "on");
    let server = Server::start(options).await;
    let (buyer, worker) = (Buyer::new(&server).await, Worker::new(&server).await);
    let mut accepted = String::new();
    for _ in 0..3 {
        accepted = buyer.photo_job(2, 75).await;
        worker.offered(&accepted).await;
        worker.accept(&accepted).await;
    }
    let fourth = buyer.create_job(&firsthand_tests::job::photos(1, 75)).await;
    let id = text(&fourth, "id");
    let error = worker.try_accept(id).await.refused(403, "authorization_error");
    assert_eq!(error["code"], "not_open_yet");
    let opens_at = assert_instant(&error["details"][0]["opens_at"]);
    let wait = opens_at - assert_instant(&fourth["created_at"]);
    assert!((wait - 300.0).abs() < 0.001, "{wait} s");
    // Behind what is not open yet there is nothing, and no page says that there is.
    let page = worker.api.get("/internal/worker/jobs/available?limit=1").await.ok(200);
    assert_part(&page, &json!({"data": [], "has_more": false, "next_cursor": null}));
    worker.try_accept(&accepted).await.refused(409, "conflict");
    // Another new worker is offered it; this one is not, and it took nobody's slot.
    let other = Worker::new(&server).await;
    other.offered(id).await;
    assert!(worker.available().await.iter().all(|offer| offer["id"] != id));
    other.accept(id).await;
    let me = worker.api.get("/internal/worker/me").await.ok(200);
    assert_part(&me, &json!({"tier": "new", "submissions_per_day": 50}));
    server.stop().await;
}

#[tokio::test]
async fn of_eight_accepts_at_once_as_many_succeed_as_a_day_has() {
    let options = Options::ephemeral().env("FIRSTHAND_SUBMISSIONS_PER_DAY", "5");
    let server = Server::start(options).await;
    let (buyer, worker) = (Buyer::new(&server).await, Worker::new(&server).await);
    let mut jobs = Vec::new();
    for _ in 0..8 {
        jobs.push(buyer.photo_job(1, 75).await);
    }
    let replies = together(jobs.into_iter().map(|job| {
        let worker = worker.clone();
        async move { worker.try_accept(&job).await }
    }));
    let (accepted, refused): (Vec<_>, Vec<_>) =
        replies.await.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((accepted.len(), refused.len()), (5, 3));
    for reply in &refused {
        assert_eq!(reply.refused(409, "conflict")["code"], "daily_cap");
    }
    let other = Worker::new(&server).await;
    other.try_accept(&buyer.photo_job(1, 75).await).await.ok(201);
    server.stop().await;
}
