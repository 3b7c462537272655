//! `POST /v1/jobs`: what is wrong before the fields are looked at.

use crate::common::{anonymous, buyer};
use firsthand_tests::job::{photos, photos_with};
use firsthand_tests::{Balance, Buyer, unique};
use reqwest::Method;
use serde_json::{Value, json};

const UNTOUCHED: Balance = Balance { available: 100_000, held: 0 };

async fn send(
    buyer: &Buyer,
    content_type: &str,
    body: impl Into<reqwest::Body>,
) -> firsthand_tests::Reply {
    let call = buyer.api.request(Method::POST, "/v1/jobs").key(&unique::key());
    call.bytes(content_type, body).send().await
}

async fn untouched(buyer: &Buyer) {
    assert_eq!(buyer.balance().await, UNTOUCHED);
    assert_eq!(buyer.api.list("/v1/jobs").await, Vec::<Value>::new());
}

#[tokio::test]
async fn malformed_json_is_a_validation_error() {
    let buyer = buyer().await;
    let cut = photos(1, 75).to_string();
    let cut = cut[..cut.len() - 1].to_owned();
    for body in [String::new(), "{".to_owned(), "nonsense".to_owned(), "{'type':1}".to_owned(), cut]
    {
        send(&buyer, "application/json", body).await.refused(400, "validation_error");
    }
    untouched(&buyer).await;
}

#[tokio::test]
async fn json_that_is_no_object_is_a_validation_error() {
    let buyer = buyer().await;
    for body in ["[]", "null", "7", "\"job\"", "true"] {
        send(&buyer, "application/json", body).await.refused(400, "validation_error");
    }
    untouched(&buyer).await;
}

#[tokio::test]
async fn bytes_that_are_no_text_are_a_validation_error() {
    let buyer = buyer().await;
    let mut body = photos(1, 75).to_string().into_bytes();
    let at = body.windows(4).position(|w| w == b"Phot").expect("the description");
    body[at] = 0xFF;
    send(&buyer, "application/json", body).await.refused(400, "validation_error");
    untouched(&buyer).await;
}

#[tokio::test]
async fn a_field_given_twice_never_splits_what_is_held_from_what_is_shown() {
    let buyer = buyer().await;
    let twice = photos(1, 75).to_string().replacen('{', "{\"price_per_file_cents\":10,", 1);
    let reply = send(&buyer, "application/json", twice).await;
    if reply.status == 201 {
        let job = reply.ok(201);
        assert_eq!(job["total_cost_cents"], buyer.balance().await.held);
        assert_eq!(job["total_cost_cents"], job["price_per_file_cents"]);
    } else {
        reply.refused(400, "validation_error");
        untouched(&buyer).await;
    }
}

#[tokio::test]
async fn without_an_idempotency_key_nothing_is_created() {
    let buyer = buyer().await;
    buyer.post("/v1/jobs", &photos(1, 75)).await.refused(400, "validation_error");
    untouched(&buyer).await;
}

#[tokio::test]
async fn an_idempotency_key_has_1_to_255_characters() {
    let buyer = buyer().await;
    for key in [String::new(), "k".repeat(256)] {
        buyer.post_keyed("/v1/jobs", &key, &photos(1, 75)).await.refused(400, "validation_error");
    }
    untouched(&buyer).await;
    for key in ["k".to_owned(), "k".repeat(255)] {
        buyer.post_keyed("/v1/jobs", &key, &photos(1, 75)).await.ok(201);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let buyer = buyer().await;
    let body = photos_with(1, 75, &json!({"padding": "x".repeat(2 << 20)})).to_string();
    let reply = send(&buyer, "application/json", body).await;
    assert_eq!(reply.status, 413, "{reply}");
    reply.envelope();
    untouched(&buyer).await;
}

#[tokio::test]
async fn a_body_that_is_too_deep_is_refused_and_harms_nobody() {
    let buyer = buyer().await;
    for depth in [1_000, 50_000] {
        let deep = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let body = photos(1, 75).to_string().replacen(
            '{',
            &format!("{{\"metadata\":{{\"k\":{deep}}},"),
            1,
        );
        let reply = send(&buyer, "application/json", body).await;
        assert!(reply.status == 400 || reply.status == 413, "{reply}");
        reply.envelope();
    }
    untouched(&buyer).await;
    buyer.photo_job(1, 75).await;
}

#[tokio::test]
async fn without_a_key_nothing_is_created_or_read() {
    let reply = anonymous().post_keyed("/v1/jobs", &unique::key(), &photos(1, 75)).await;
    reply.refused(401, "authentication_error");
    anonymous().get("/v1/jobs").await.refused(401, "authentication_error");
}

#[tokio::test]
async fn without_a_key_the_body_is_not_judged() {
    let call = anonymous().request(Method::POST, "/v1/jobs").key(&unique::key());
    call.bytes("application/json", "{").send().await.refused(401, "authentication_error");
}

#[tokio::test]
async fn text_of_every_script_survives_the_trip() {
    let buyer = buyer().await;
    let description = "窓 ウィンドウ — окна 🪟 نوافذ \u{200d} \"quoted\" \\ \t end";
    let job = buyer
        .create_job(&photos_with(1, 75, &json!({"description": description, "title": "🪟"})))
        .await;
    assert_eq!((&job["description"], &job["title"]), (&json!(description), &json!("🪟")));
    let id = job["id"].as_str().expect("an id");
    assert_eq!(buyer.job(id).await["description"], description);
}
