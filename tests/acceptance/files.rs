//! `GET /v1/jobs/{id}/files`, the signed URL and `POST /v1/files/{id}/refresh_url`.

use crate::common::{Delivered, NOBODY, anonymous, buyer, delivered, worker};
use firsthand_tests::job::photos_with;
use firsthand_tests::shape::{
    assert_id, assert_instant, assert_keys, assert_part, assert_recent, int, text,
};
use firsthand_tests::{Buyer, Media, clock, media};
use serde_json::{Value, json};

/// A buyer, a delivered job and its one file.
async fn file() -> (Buyer, Delivered, Value) {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    let file = buyer.files_once(&done.job_id, 1).await.remove(0);
    (buyer, done, file)
}

async fn download(url: &str) -> firsthand_tests::Reply {
    anonymous().get(url).await
}

fn is_a_week_ahead(file: &Value) {
    let ahead = assert_instant(&file["download_url_expires_at"]) - clock::now();
    assert!((6.9 * 86_400.0..=7.0 * 86_400.0 + 60.0).contains(&ahead), "it expires in {ahead} s");
}

#[tokio::test]
async fn a_file_shows_every_documented_field() {
    let (_, done, file) = file().await;
    assert_id(&file["id"], "file");
    assert_part(
        &file,
        &json!({
            "object": "file",
            "job_id": done.job_id,
            "submission_id": done.submission_id(),
            "content_type": "image/jpeg",
            "size_bytes": done.media.bytes.len(),
            "width": 1_280,
            "height": 960,
            "ai_star_rating": done.submission["ai_star_rating"],
            "original_filename": done.media.file_name,
        }),
    );
    assert_keys(&file, &["worker_id", "submitted_at", "device_info", "download_url", "url"]);
    assert_recent(&file["created_at"], 60.0);
    is_a_week_ahead(&file);
}

#[tokio::test]
async fn what_the_signed_url_gives_is_what_the_worker_sent() {
    let (_, done, file) = file().await;
    let reply = download(text(&file, "download_url")).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert!(
        reply.body == done.media.bytes,
        "{} bytes came back, {} were sent",
        reply.body.len(),
        done.media.bytes.len()
    );
    assert_eq!(reply.header("content-type"), Some("image/jpeg"));
}

#[tokio::test]
async fn the_hash_is_the_sha_256_of_the_bytes() {
    let (_, done, file) = file().await;
    assert_eq!(text(&file, "content_hash"), done.media.sha256());
}

#[tokio::test]
async fn a_url_that_was_changed_opens_nothing() {
    let (_, _, file) = file().await;
    let url = text(&file, "download_url");
    let (path, _) = url.split_once('?').expect("a signed URL has a query");
    let (head, last) = url.split_at(url.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    for changed in [
        path.to_owned(),
        format!("{head}{other}"),
        url.replacen("X-Amz-Expires=6", "X-Amz-Expires=9", 1),
    ] {
        if changed == url {
            continue;
        }
        let reply = download(&changed).await;
        assert!((400..500).contains(&reply.status), "{reply}");
    }
}

#[tokio::test]
async fn a_refreshed_url_works_for_a_week() {
    let (buyer, done, file) = file().await;
    let path = format!("/v1/files/{}/refresh_url", text(&file, "id"));
    let fresh = buyer.post_empty(&path).await.ok(200);
    is_a_week_ahead(&fresh);
    let reply = download(text(&fresh, "download_url")).await;
    assert!(reply.status == 200 && reply.body == done.media.bytes, "{}", reply.status);
}

#[tokio::test]
async fn a_url_stays_good_when_another_is_made() {
    let (buyer, _, file) = file().await;
    let path = format!("/v1/files/{}/refresh_url", text(&file, "id"));
    buyer.post_empty(&path).await.ok(200);
    assert_eq!(download(text(&file, "download_url")).await.status, 200);
}

#[tokio::test]
async fn the_trail_names_each_new_url_and_who_was_given_it() {
    let (buyer, done, file) = file().await;
    let path = format!("/v1/files/{}/refresh_url", text(&file, "id"));
    let replies = [buyer.post_empty(&path).await, buyer.post_empty(&path).await];
    let told = "event_type=submission.link_refreshed";
    let rows = buyer.api.list(&format!("/v1/audit-events?job_id={}&{told}", done.job_id)).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    for (reply, row) in replies.iter().zip(rows.iter().rev()) {
        reply.ok(200);
        assert_eq!(row["request_id"].as_str(), reply.header("x-request-id"));
        assert_eq!(row["data"]["file_id"], file["id"], "{row}");
        assert_eq!(row["actor"]["type"], "api_key", "{row}");
        assert_eq!(row["resource"]["id"], done.submission["id"], "{row}");
    }
}

#[tokio::test]
async fn an_unknown_file_is_not_refreshed() {
    buyer()
        .await
        .post_empty(&format!("/v1/files/file_{NOBODY}/refresh_url"))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn the_files_of_an_unknown_job_are_not_found() {
    buyer().await.get(&format!("/v1/jobs/job_{NOBODY}/files")).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_job_without_approvals_has_no_files() {
    let buyer = buyer().await;
    let body = photos_with(1, 75, &json!({"min_width": 4_000}));
    let id = text(&buyer.create_job(&body).await, "id").to_owned();
    let path = format!("/v1/jobs/{id}/files?min_score=1");
    assert!(buyer.get(&path).await.page().data.is_empty());
    let seen = worker().await.deliver(&id, &media::sharp(media::seed())).await;
    assert_eq!(seen["status"], "rejected", "{seen}");
    assert!(buyer.get(&path).await.page().data.is_empty());
}

#[tokio::test]
async fn min_score_hides_files_with_fewer_stars() {
    let (buyer, done, file) = file().await;
    let stars = int(&file, "ai_star_rating");
    for score in 1..=5 {
        let rows = buyer
            .get(&format!("/v1/jobs/{}/files?min_score={score}", done.job_id))
            .await
            .page()
            .data;
        assert_eq!(rows.len(), usize::from(score <= stars), "min_score {score} of {stars} stars");
    }
    for score in ["0", "6", "-1", "high", "3.5"] {
        buyer
            .get(&format!("/v1/jobs/{}/files?min_score={score}", done.job_id))
            .await
            .invalid("min_score");
    }
}

#[tokio::test]
async fn the_default_score_is_the_job_s_own_threshold() {
    let buyer = buyer().await;
    let body = photos_with(1, 75, &json!({"min_star_rating": 1}));
    let id = text(&buyer.create_job(&body).await, "id").to_owned();
    let fog: Media = media::blurred(media::seed(), 3);
    let seen = worker().await.deliver(&id, &fog).await;
    if seen["status"] == "approved" {
        assert_eq!(buyer.files_once(&id, 1).await.len(), 1);
    } else {
        assert_eq!(seen["ai_star_rating"], 1, "{seen}");
    }
}

#[tokio::test]
async fn every_file_of_a_job_is_listed_with_its_own_bytes() {
    let buyer = buyer().await;
    let id = buyer.photo_job(3, 75).await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        let media = media::sharp_sized(media::seed(), 800, 600);
        worker().await.deliver_approved(&id, &media).await;
        sent.push(media.sha256());
    }
    let files = buyer.files_once(&id, 3).await;
    let mut hashes = Vec::new();
    for file in &files {
        let reply = download(text(file, "download_url")).await;
        let got = Media::new(reply.body, "image/jpeg", "").sha256();
        assert_eq!(got, text(file, "content_hash"));
        hashes.push(got);
    }
    hashes.reverse();
    assert_eq!(hashes, sent, "newest first");
}
