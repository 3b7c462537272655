//! `Idempotency-Key`.

use crate::common::{buyer, delivered, server, worker};
use firsthand_tests::job::photos;
use firsthand_tests::shape::text;
use firsthand_tests::worker::form;
use firsthand_tests::{Api, Balance, Buyer, Media, Reply, Worker, media, together, unique};
use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};

fn replayed(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

async fn create(api: &Api, key: &str, body: &Value) -> Reply {
    api.post_keyed("/v1/jobs", key, body).await
}

#[tokio::test]
async fn the_same_key_and_body_give_the_first_answer_byte_for_byte() {
    let buyer = buyer().await;
    let key = unique::key();
    let first = create(&buyer.api, &key, &photos(2, 75)).await;
    first.ok(201);
    assert!(!replayed(&first), "{:?}", first.headers);
    for _ in 0..3 {
        let again = create(&buyer.api, &key, &photos(2, 75)).await;
        assert_eq!((again.status, &again.body), (201, &first.body));
        assert!(replayed(&again), "{:?}", again.headers);
    }
    assert_eq!(buyer.api.list("/v1/jobs").await.len(), 1);
    assert_eq!(buyer.balance().await, Balance { available: 99_850, held: 150 });
}

#[tokio::test]
async fn a_replay_tells_what_was_and_not_what_is() {
    let buyer = buyer().await;
    let key = unique::key();
    let first = create(&buyer.api, &key, &photos(1, 75)).await;
    let id = text(&first.ok(201), "id").to_owned();
    buyer.cancel(&id).await.ok(200);
    assert_eq!(create(&buyer.api, &key, &photos(1, 75)).await.body, first.body);
    assert_eq!(buyer.job(&id).await["status"], "cancelled");
}

#[tokio::test]
async fn the_same_key_with_another_body_is_a_conflict_and_changes_nothing() {
    let buyer = buyer().await;
    let key = unique::key();
    let first = create(&buyer.api, &key, &photos(1, 75)).await;
    first.ok(201);
    let error = create(&buyer.api, &key, &photos(1, 76)).await.refused(409, "idempotency_error");
    assert_eq!(error["code"], "idempotency_conflict");
    assert_eq!(buyer.balance().await.held, 75);
    assert_eq!(create(&buyer.api, &key, &photos(1, 75)).await.body, first.body);
}

#[tokio::test]
async fn a_refusal_for_want_of_money_is_replayed_even_when_money_has_come() {
    let buyer = Buyer::with_balance(server(), 300).await;
    let key = unique::key();
    let first = create(&buyer.api, &key, &photos(5, 75)).await;
    first.refused(402, "insufficient_credits");
    buyer.grant(1_000).await;
    let again = create(&buyer.api, &key, &photos(5, 75)).await;
    assert_eq!((again.status, &again.body), (402, &first.body));
    assert!(replayed(&again), "{:?}", again.headers);
    create(&buyer.api, &unique::key(), &photos(5, 75)).await.ok(201);
}

#[tokio::test]
async fn an_invalid_body_does_not_use_its_key_up() {
    let buyer = buyer().await;
    let key = unique::key();
    create(&buyer.api, &key, &photos(0, 75)).await.invalid("files_needed");
    let reply = create(&buyer.api, &key, &photos(1, 75)).await;
    reply.ok(201);
    assert!(!replayed(&reply), "{:?}", reply.headers);
}

#[tokio::test]
async fn sixty_four_twins_at_once_have_one_effect_and_one_answer() {
    let buyer = buyer().await;
    let key = unique::key();
    let replies = together((0..64).map(|_| {
        let (api, key) = (buyer.api.clone(), key.clone());
        async move { create(&api, &key, &photos(3, 75)).await }
    }))
    .await;
    for reply in &replies {
        reply.ok(201);
        assert_eq!(reply.body, replies[0].body);
    }
    assert_eq!(replies.iter().filter(|reply| !replayed(reply)).count(), 1);
    assert_eq!(buyer.balance().await, Balance { available: 99_775, held: 225 });
    assert_eq!(buyer.api.list("/v1/jobs").await.len(), 1);
}

#[tokio::test]
async fn of_two_bodies_at_once_under_one_key_one_is_created() {
    let buyer = buyer().await;
    let key = unique::key();
    let replies = together((0..32).map(|i| {
        let (api, key) = (buyer.api.clone(), key.clone());
        async move { create(&api, &key, &photos(1 + i % 2, 75)).await }
    }))
    .await;
    let created: Vec<Value> =
        replies.iter().filter(|reply| reply.status == 201).map(Reply::json).collect();
    assert_eq!(created.len(), 16);
    assert!(created.iter().all(|job| *job == created[0]));
    for lost in replies.iter().filter(|reply| reply.status != 201) {
        lost.refused(409, "idempotency_error");
    }
    assert_eq!(buyer.balance().await.held, created[0]["total_cost_cents"]);
}

#[tokio::test]
async fn another_organization_s_key_is_another_key() {
    let (one, two) = (buyer().await, buyer().await);
    let key = unique::key();
    let first = create(&one.api, &key, &photos(1, 75)).await.ok(201);
    let second = create(&two.api, &key, &photos(1, 75)).await;
    assert!(!replayed(&second), "{:?}", second.headers);
    assert_ne!(second.ok(201)["id"], first["id"]);
    create(&two.api, &unique::key(), &photos(2, 75)).await.ok(201);
}

#[tokio::test]
async fn the_test_environment_s_key_is_another_key() {
    let buyer = buyer().await;
    buyer.grant_in("test", 1_000).await;
    let test = buyer.test_api().await;
    let key = unique::key();
    let live = create(&buyer.api, &key, &photos(1, 75)).await.ok(201);
    let sandbox = create(&test, &key, &photos(1, 75)).await.ok(201);
    assert_ne!(live["id"], sandbox["id"]);
    assert_eq!((&live["environment"], &sandbox["environment"]), (&json!("live"), &json!("test")));
}

#[tokio::test]
async fn another_path_s_key_is_another_key() {
    let buyer = buyer().await;
    let key = unique::key();
    let id = text(&create(&buyer.api, &key, &photos(1, 75)).await.ok(201), "id").to_owned();
    let cancelled = buyer.post_keyed(&format!("/v1/jobs/{id}/cancel"), &key, &json!({})).await;
    assert!(!replayed(&cancelled), "{:?}", cancelled.headers);
    assert_eq!(cancelled.ok(200)["status"], "cancelled");
}

#[tokio::test]
async fn another_key_of_the_same_organization_replays_too() {
    let buyer = buyer().await;
    let other = buyer.scoped(&["jobs:write"]).await;
    let key = unique::key();
    let first = create(&buyer.api, &key, &photos(1, 75)).await;
    first.ok(201);
    let again = create(&other, &key, &photos(1, 75)).await;
    assert_eq!((again.status, &again.body, replayed(&again)), (201, &first.body, true));
}

#[tokio::test]
async fn a_new_key_s_secret_is_replayed() {
    let buyer = buyer().await;
    let (key, body) = (unique::key(), json!({"name": "deploy"}));
    let first = buyer.post_keyed("/v1/api_keys", &key, &body).await;
    let secret = text(&first.ok(200), "secret").to_owned();
    let again = buyer.post_keyed("/v1/api_keys", &key, &body).await;
    assert_eq!((&again.body, replayed(&again)), (&first.body, true));
    assert_eq!(buyer.api.list("/v1/api_keys").await.len(), 2);
    buyer.api.with_token(&secret).get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_rating_is_replayed_and_does_not_count_as_a_second_one() {
    let buyer = buyer().await;
    let job_id = delivered(&buyer, 75).await.job_id;
    let (path, key, body) =
        (format!("/v1/jobs/{job_id}/rate"), unique::key(), json!({"rating": 5}));
    let first = buyer.post_keyed(&path, &key, &body).await;
    first.ok(200);
    let again = buyer.post_keyed(&path, &key, &body).await;
    assert_eq!((again.status, &again.body, replayed(&again)), (200, &first.body, true));
}

#[tokio::test]
async fn a_refused_cancel_is_replayed() {
    let buyer = buyer().await;
    let job_id = delivered(&buyer, 75).await.job_id;
    let (path, key) = (format!("/v1/jobs/{job_id}/cancel"), unique::key());
    let first = buyer.post_keyed(&path, &key, &json!({})).await;
    first.refused(409, "conflict");
    let again = buyer.post_keyed(&path, &key, &json!({})).await;
    assert_eq!((again.status, &again.body, replayed(&again)), (409, &first.body, true));
}

/// Uploads under a key.
async fn upload(worker: &Worker, submission: &str, key: &str, form: Form) -> Reply {
    let path = format!("/internal/worker/submissions/{submission}/upload");
    worker.api.request(Method::POST, &path).key(key).multipart(form).send().await
}

/// A form of one file.
fn one(media: &Media) -> Form {
    form(std::slice::from_ref(media))
}

#[tokio::test]
async fn an_upload_is_replayed_only_with_the_same_form() {
    let worker = worker().await;
    let submission = worker.accept(&buyer().await.photo_job(1, 75).await).await;
    let (key, sent) = (unique::key(), media::sharp(media::seed()));
    let first = upload(&worker, &submission, &key, one(&sent)).await;
    first.ok(200);
    let again = upload(&worker, &submission, &key, one(&sent)).await;
    assert_eq!((again.status, &again.body, replayed(&again)), (200, &first.body, true));
    let other = Media::new(media::sharp(media::seed()).bytes, "image/jpeg", &sent.file_name);
    for form in [one(&other), one(&sent).text("captured_at", "2026-03-18T09:30:00Z")] {
        let reply = upload(&worker, &submission, &key, form).await;
        let error = reply.refused(409, "idempotency_error");
        assert_eq!(error["code"], "idempotency_conflict");
    }
}

#[tokio::test]
async fn a_forced_revocation_is_another_request() {
    let buyer = buyer().await;
    let id = text(&buyer.api.list("/v1/api_keys").await[0], "id").to_owned();
    let (path, key) = (format!("/v1/api_keys/{id}/revoke"), unique::key());
    buyer.post_keyed(&path, &key, &json!({})).await.refused(409, "conflict");
    let forced = buyer.post_keyed(&format!("{path}?force=true"), &key, &json!({})).await;
    assert_eq!(forced.refused(409, "idempotency_error")["code"], "idempotency_conflict");
    let meant = buyer.post_keyed(&format!("{path}?force=true"), &unique::key(), &json!({})).await;
    assert_eq!(meant.status, 204, "{meant}");
}
