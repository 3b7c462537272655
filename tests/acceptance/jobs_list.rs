//! `GET /v1/jobs`.

use crate::common::{buyer, worker};
use firsthand_tests::http::escape;
use firsthand_tests::job::photos_with;
use firsthand_tests::{Buyer, clock};
use serde_json::{Value, json};

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().expect("an id")).collect()
}

/// The listed ids once they are these, in this order.
async fn lists(buyer: &Buyer, query: &str, wanted: &[&String]) {
    let wanted: Vec<&str> = wanted.iter().map(|id| id.as_str()).collect();
    buyer
        .rows_once(&format!("/v1/jobs{query}"), &format!("{query} gives {wanted:?}"), |rows| {
            ids(rows) == wanted
        })
        .await;
}

#[tokio::test]
async fn an_organization_without_jobs_has_an_empty_list() {
    let page = buyer().await.get("/v1/jobs").await.page();
    assert_eq!((page.data, page.next_cursor), (Vec::new(), None));
}

#[tokio::test]
async fn the_newest_job_comes_first_and_rows_are_whole_jobs() {
    let buyer = buyer().await;
    let first = buyer.photo_job(1, 75).await;
    let second = buyer.photo_job(2, 75).await;
    lists(&buyer, "", &[&second, &first]).await;
    assert_eq!(buyer.get("/v1/jobs").await.page().data[0], buyer.job(&second).await);
}

#[tokio::test]
async fn a_job_that_was_acknowledged_is_listed_at_once() {
    let buyer = buyer().await;
    for count in 1..=5 {
        let id = buyer.photo_job(1, 75).await;
        let rows = buyer.get("/v1/jobs").await.page().data;
        assert_eq!((rows.len(), rows[0]["id"].as_str()), (count, Some(id.as_str())));
    }
}

#[tokio::test]
async fn the_status_filter_gives_the_jobs_of_that_status() {
    let buyer = buyer().await;
    let open = buyer.photo_job(1, 75).await;
    let filled = buyer.photo_job(1, 75).await;
    let cancelled = buyer.photo_job(1, 75).await;
    worker().await.accept(&filled).await;
    buyer.cancel(&cancelled).await.ok(200);
    lists(&buyer, "?status=open", &[&open]).await;
    lists(&buyer, "?status=filled", &[&filled]).await;
    lists(&buyer, "?status=cancelled", &[&cancelled]).await;
    lists(&buyer, "?status=completed", &[]).await;
    lists(&buyer, "?status=in_progress", &[]).await;
}

#[tokio::test]
async fn active_asks_for_all_that_still_runs_and_is_never_shown() {
    let buyer = buyer().await;
    let open = buyer.photo_job(1, 75).await;
    let filled = buyer.photo_job(1, 75).await;
    let cancelled = buyer.photo_job(1, 75).await;
    worker().await.accept(&filled).await;
    buyer.cancel(&cancelled).await.ok(200);
    lists(&buyer, "?status=active", &[&filled, &open]).await;
    assert!(buyer.api.list("/v1/jobs").await.iter().all(|job| job["status"] != "active"));
}

#[tokio::test]
async fn the_type_filter_gives_the_jobs_of_that_type() {
    let buyer = buyer().await;
    let photos = buyer.photo_job(1, 75).await;
    let feedback = buyer.create_job(&photos_with(1, 75, &json!({"type": "feedback"}))).await;
    let feedback = feedback["id"].as_str().expect("an id").to_owned();
    lists(&buyer, "?type=data_collection", &[&photos]).await;
    lists(&buyer, "?type=feedback", &[&feedback]).await;
    lists(&buyer, "?type=feedback&status=cancelled", &[]).await;
}

#[tokio::test]
async fn created_after_gives_the_younger_jobs() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let at = |seconds: f64| format!("?created_after={}", escape(&clock::in_seconds(seconds)));
    lists(&buyer, &at(-3_600.0), &[&id]).await;
    lists(&buyer, &at(3_600.0), &[]).await;
    // Years that the wire knows, also one that the database does not.
    lists(&buyer, &format!("?created_after={}", &clock::in_seconds(-86_400.0)[..10]), &[&id]).await;
    lists(&buyer, &format!("?created_after={}", &clock::in_seconds(86_400.0)[..10]), &[]).await;
    lists(&buyer, "?created_after=0000-02-01T00:00:00Z", &[&id]).await;
    lists(&buyer, "?created_after=2999-12-31T23:59:59Z", &[]).await;
}

#[tokio::test]
async fn a_filter_of_no_meaning_is_a_validation_error() {
    let buyer = buyer().await;
    for (query, field) in [
        ("status=done", "status"),
        ("type=photos", "type"),
        ("created_after=soon", "created_after"),
    ] {
        buyer.get(&format!("/v1/jobs?{query}")).await.invalid(field);
    }
}

#[tokio::test]
async fn the_jobs_of_others_and_of_the_test_environment_are_not_listed() {
    let (buyer, other) = (buyer().await, buyer().await);
    let mine = buyer.photo_job(1, 75).await;
    other.photo_job(1, 75).await;
    lists(&buyer, "", &[&mine]).await;
    assert_eq!(buyer.test_api().await.list("/v1/jobs").await, Vec::<Value>::new());
}
