//! `GET /v1/jobs/{id}` with `Prefer: wait=N`.

use crate::common::{NOBODY, buyer, worker};
use firsthand_tests::{Api, Reply, together};
use reqwest::Method;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

async fn poll(api: &Api, job_id: &str, prefer: &str) -> (Reply, Duration) {
    let began = Instant::now();
    let call = api.request(Method::GET, &format!("/v1/jobs/{job_id}")).header("Prefer", prefer);
    (call.send().await, began.elapsed())
}

/// Starts a poll and makes sure that it is held: no answer comes for 300 ms.
async fn held(api: &Api, job_id: &str) -> JoinHandle<(Reply, Duration)> {
    let (api, job_id) = (api.clone(), job_id.to_owned());
    let mut waiting = tokio::spawn(async move { poll(&api, &job_id, "wait=20").await });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
    assert!(early.is_err(), "the poll was answered before anything changed: {early:?}");
    waiting
}

#[tokio::test]
async fn a_change_of_status_ends_the_wait() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let waiting = held(&buyer.api, &id).await;
    buyer.cancel(&id).await.ok(200);
    let (reply, waited) = waiting.await.expect("the poll ends");
    assert_eq!(reply.ok(200), buyer.job(&id).await);
    assert_eq!(reply.json()["status"], "cancelled");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test]
async fn an_accepted_slot_ends_the_wait_too() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    worker.offered(&id).await;
    let waiting = held(&buyer.api, &id).await;
    worker.try_accept(&id).await.ok(201);
    let (reply, waited) = waiting.await.expect("the poll ends");
    assert_eq!(reply.ok(200)["status"], "filled");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test]
async fn all_waiters_are_woken_by_one_change() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let mut waiting = Vec::new();
    for _ in 0..32 {
        let (api, id) = (buyer.api.clone(), id.clone());
        waiting.push(tokio::spawn(async move { poll(&api, &id, "wait=20").await }));
    }
    waiting.push(held(&buyer.api, &id).await);
    buyer.cancel(&id).await.ok(200);
    for one in waiting {
        let (reply, waited) = one.await.expect("the poll ends");
        assert_eq!(reply.ok(200)["status"], "cancelled");
        assert!(waited < Duration::from_secs(10), "{waited:?}");
    }
}

#[tokio::test]
async fn a_finished_job_is_answered_at_once() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    buyer.cancel(&id).await.ok(200);
    for prefer in ["wait=30", "wait=100000"] {
        let (reply, waited) = poll(&buyer.api, &id, prefer).await;
        assert_eq!(reply.ok(200)["status"], "cancelled");
        assert!(waited < Duration::from_secs(3), "{waited:?}");
    }
}

#[tokio::test]
async fn the_end_of_the_wait_is_a_200_with_the_whole_job_before_the_client_gives_up() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let (reply, waited) = poll(&buyer.api, &id, "wait=4").await;
    assert_eq!(reply.ok(200), buyer.job(&id).await);
    assert!(
        waited < Duration::from_secs(4),
        "the published client would have timed out: {waited:?}"
    );
    assert!(waited > Duration::from_secs(1), "nobody waited: {waited:?}");
}

#[tokio::test]
async fn the_preference_that_was_applied_is_named() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let (reply, _) = poll(&buyer.api, &id, "wait=2").await;
    assert_eq!(reply.header("preference-applied"), Some("wait=2"));
    let plain = buyer.get(&format!("/v1/jobs/{id}")).await;
    assert_eq!(plain.header("preference-applied"), None);
}

#[tokio::test]
async fn without_the_preference_the_answer_comes_at_once() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let began = Instant::now();
    assert_eq!(buyer.job(&id).await["status"], "open");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn nobody_waits_for_an_unknown_job_or_without_a_key() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let (reply, waited) = poll(&buyer.api, &format!("job_{NOBODY}"), "wait=20").await;
    reply.refused(404, "not_found");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    let (reply, waited) = poll(&buyer.api.without_token(), &id, "wait=20").await;
    reply.refused(401, "authentication_error");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

#[tokio::test]
async fn a_held_wait_does_not_hold_up_other_requests() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let callers = vec![(buyer.api.clone(), id); 50];
    let waiters = callers.into_iter().map(|(api, id)| async move {
        let (reply, waited) = poll(&api, &id, "wait=3").await;
        assert_eq!(reply.ok(200)["status"], "open");
        assert!(waited > Duration::from_secs(1), "nobody waited: {waited:?}");
    });
    let waiting = tokio::spawn(together(waiters));
    for _ in 0..10 {
        let began = Instant::now();
        buyer.get("/v1/me").await.ok(200);
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    waiting.await.expect("all waits end");
}

#[tokio::test]
async fn a_long_wait_is_kept_alive_by_blanks_before_the_job() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let call = buyer.api.request(Method::GET, &format!("/v1/jobs/{id}"));
    let began = Instant::now();
    let mut answer = call.header("Prefer", "wait=60").head().await;
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["preference-applied"], "wait=60");
    assert_eq!(answer.headers()["content-type"], "application/json");
    let blank = answer.chunk().await.expect("a piece").expect("it goes on");
    assert!(blank.iter().all(u8::is_ascii_whitespace), "{blank:?}");
    let waited = began.elapsed();
    assert!(
        (5..15).contains(&waited.as_secs()),
        "the published client gives up after 30 s: {waited:?}"
    );
    buyer.cancel(&id).await.ok(200);
    let mut body = blank.to_vec();
    while let Some(piece) = answer.chunk().await.expect("the rest") {
        body.extend_from_slice(&piece);
    }
    let job: serde_json::Value = serde_json::from_slice(&body).expect("blanks and one JSON object");
    assert_eq!(job, buyer.job(&id).await);
    assert_eq!(job["status"], "cancelled");
}
