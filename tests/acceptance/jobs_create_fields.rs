//! `POST /v1/jobs`: every field at its bounds and beyond.

use crate::common::server;
use firsthand_tests::job::{photos, photos_with, with, without};
use firsthand_tests::{Balance, Buyer, clock};
use serde_json::{Map, Value, json};

const MONEY: i64 = 1_000_000;

async fn rich() -> Buyer {
    Buyer::with_balance(server(), MONEY).await
}

/// Each of these values of a field is taken, and comes back as it was sent.
async fn taken(field: &str, values: impl IntoIterator<Item = Value>) {
    let buyer = rich().await;
    for value in values {
        let job = buyer.create_job(&photos_with(1, 20, &json!({ field: value }))).await;
        assert_eq!(job[field], value, "{field}");
    }
}

/// Each of these values of a field is a validation error that names it, and changes nothing.
async fn refused(field: &str, values: impl IntoIterator<Item = Value>) {
    let buyer = rich().await;
    for value in values {
        buyer.try_create(&photos_with(1, 20, &json!({ field: value }))).await.invalid(field);
    }
    untouched(&buyer).await;
}

async fn untouched(buyer: &Buyer) {
    assert_eq!(buyer.balance().await, Balance { available: MONEY, held: 0 });
    assert_eq!(buyer.api.list("/v1/jobs").await, Vec::<Value>::new());
}

fn of(count: usize) -> Value {
    json!("é".repeat(count))
}

#[tokio::test]
async fn a_missing_required_field_is_named() {
    let buyer = rich().await;
    for field in ["type", "description", "files_needed", "accepted_formats", "price_per_file_cents"]
    {
        buyer.try_create(&without(&photos(1, 20), field)).await.invalid(field);
    }
    untouched(&buyer).await;
}

#[tokio::test]
async fn a_required_field_may_not_be_null() {
    let buyer = rich().await;
    for field in ["type", "description", "files_needed", "accepted_formats", "price_per_file_cents"]
    {
        buyer.try_create(&photos_with(1, 20, &json!({ field: null }))).await.invalid(field);
    }
    untouched(&buyer).await;
}

#[tokio::test]
async fn every_fault_of_a_body_is_named_at_once() {
    let buyer = rich().await;
    let body = with(
        &photos(1, 20),
        &json!({"description": "short", "files_needed": 0, "min_star_rating": 6}),
    );
    let reply = buyer.try_create(&body).await;
    for field in ["description", "files_needed", "min_star_rating"] {
        reply.invalid(field);
    }
    untouched(&buyer).await;
}

#[tokio::test]
async fn a_type_of_no_kind_is_refused() {
    refused("type", [json!("photos"), json!(""), json!(1), json!("DATA_COLLECTION")]).await;
}

#[tokio::test]
async fn a_title_has_at_most_100_characters() {
    taken("title", [of(100), json!("a")]).await;
    refused("title", [of(101), json!(1), json!(["a"])]).await;
}

#[tokio::test]
async fn a_description_has_10_to_5000_characters() {
    taken("description", [of(10), of(5_000)]).await;
    refused("description", [json!(""), of(9), of(5_001), json!(1), json!({})]).await;
}

#[tokio::test]
async fn one_to_10000_files_can_be_asked_for() {
    taken("files_needed", [json!(1), json!(10_000)]).await;
    let far = [json!(10_001), json!(9_007_199_254_740_993_i64), json!(u64::MAX), json!(1e300)];
    refused("files_needed", far).await;
    refused("files_needed", [json!(0), json!(-1), json!(1.5), json!("3"), json!(true)]).await;
}

#[tokio::test]
async fn every_documented_format_is_taken() {
    let image = ["image/jpeg", "image/png", "image/webp", "image/gif"];
    let sound = ["audio/mpeg", "audio/wav", "audio/mp4", "audio/x-m4a"];
    let video = ["video/mp4", "video/quicktime"];
    let buyer = rich().await;
    for format in image.into_iter().chain(sound).chain(video) {
        let job =
            buyer.create_job(&photos_with(1, 1_000, &json!({"accepted_formats": [format]}))).await;
        assert_eq!(job["accepted_formats"], json!([format]));
    }
}

#[tokio::test]
async fn other_names_of_a_format_are_normalised() {
    let buyer = rich().await;
    for (alias, name) in [
        ("image/jpg", "image/jpeg"),
        ("audio/mp3", "audio/mpeg"),
        ("audio/m4a", "audio/x-m4a"),
        ("audio/x-wav", "audio/wav"),
    ] {
        let job =
            buyer.create_job(&photos_with(1, 1_000, &json!({"accepted_formats": [alias]}))).await;
        assert_eq!(job["accepted_formats"], json!([name]), "{alias}");
    }
}

#[tokio::test]
async fn an_extension_instead_of_a_format_is_refused_with_a_hint() {
    let buyer = rich().await;
    for (extension, hint) in [
        ("jpg", "image/jpeg"),
        (".jpeg", "image/jpeg"),
        ("png", "image/png"),
        ("mp3", "audio/mpeg"),
    ] {
        let reply = buyer
            .try_create(&photos_with(1, 1_000, &json!({"accepted_formats": [extension]})))
            .await;
        let error = reply.invalid("accepted_formats");
        assert!(error.to_string().contains(hint), "no hint at {hint}: {error}");
    }
    untouched(&buyer).await;
}

#[tokio::test]
async fn formats_that_nobody_can_deliver_are_refused() {
    let wrong = [
        json!([]),
        json!(["application/pdf"]),
        json!(["image/svg+xml"]),
        json!(["image/*"]),
        json!(["image/jpeg", "text/html"]),
        json!([1]),
        json!([""]),
        json!("image/jpeg"),
    ];
    refused("accepted_formats", wrong).await;
}

#[tokio::test]
async fn ten_to_50000_cents_a_file_are_paid() {
    taken("price_per_file_cents", [json!(10), json!(50_000)]).await;
    let buyer = rich().await;
    for price in [9, 0, -1, 50_001, 1_000_000_000_000] {
        buyer.try_create(&photos(1, price)).await.refused(400, "pricing_violation");
    }
    untouched(&buyer).await;
}

#[tokio::test]
async fn a_price_that_is_no_whole_number_is_a_validation_error() {
    refused("price_per_file_cents", [json!("75"), json!(75.5), json!([75]), json!(true)]).await;
}

#[tokio::test]
async fn one_to_five_files_come_with_a_submission() {
    taken("files_per_submission", [json!(1), json!(5)]).await;
    refused("files_per_submission", [json!(0), json!(6), json!(-1), json!("2"), json!(1.5)]).await;
}

#[tokio::test]
async fn the_star_threshold_is_one_to_five() {
    taken("min_star_rating", [json!(1), json!(5)]).await;
    refused("min_star_rating", [json!(0), json!(6), json!(-1), json!("3"), json!(3.5)]).await;
}

#[tokio::test]
async fn scoring_criteria_have_at_most_1000_characters() {
    taken("scoring_criteria", [of(1_000)]).await;
    refused("scoring_criteria", [of(1_001), json!(5)]).await;
}

#[tokio::test]
async fn context_is_at_most_ten_https_urls_of_2048_characters() {
    let url = |length: usize| format!("https://example.com/{:a<1$}", "", length - 20);
    let ten = vec!["https://example.com/draft?v=2#top"; 10];
    taken("context_urls", [json!([]), json!(ten), json!([url(2_048)])]).await;
    let eleven = vec!["https://example.com/draft"; 11];
    refused("context_urls", [json!(eleven), json!("https://example.com"), json!([5])]).await;
    for wrong in [url(2_049).as_str(), "http://example.com", "example.com", "https://a b", ""] {
        let urls = json!(["https://example.com", wrong]);
        let body = photos_with(1, 20, &json!({"context_urls": urls}));
        rich().await.try_create(&body).await.invalid("context_urls[1]");
    }
}

#[tokio::test]
async fn guidelines_have_at_most_2000_characters() {
    taken("worker_guidelines", [of(2_000)]).await;
    refused("worker_guidelines", [of(2_001), json!(5)]).await;
}

#[tokio::test]
async fn the_smallest_picture_is_asked_for_in_whole_pixels() {
    taken("min_width", [json!(1), json!(1_920)]).await;
    taken("min_height", [json!(1), json!(1_080)]).await;
    refused("min_width", [json!(-1), json!("640"), json!(640.5)]).await;
    refused("min_height", [json!(-1), json!("480"), json!(480.5)]).await;
}

#[tokio::test]
async fn a_location_is_on_earth_and_has_a_radius() {
    let at = |lat: f64, lng: f64, radius: f64| json!({"lat": lat, "lng": lng, "radius_km": radius});
    taken("location", [at(40.7128, -74.006, 2.5), at(-33.9, 18.4, 0.1)]).await;
    let buyer = rich().await;
    for edge in [at(90.0, 180.0, 20_000.0), at(-90.0, -180.0, 0.1)] {
        buyer.create_job(&photos_with(1, 20, &json!({"location": edge}))).await;
    }
    let wrong = [
        at(90.1, 0.5, 1.5),
        at(-90.1, 0.5, 1.5),
        at(0.5, 180.1, 1.5),
        at(0.5, -180.1, 1.5),
        at(0.5, 0.5, 0.09),
        at(0.5, 0.5, 20_000.1),
        json!({"lat": 1.5, "lng": 1.5}),
        json!({"lat": "1", "lng": 1.5, "radius_km": 1.5}),
        json!([1.5, 1.5, 1.5]),
        json!("Berlin"),
    ];
    refused("location", wrong).await;
}

#[tokio::test]
async fn a_deadline_lies_in_the_future_within_a_year() {
    let buyer = rich().await;
    for ahead in [60.0, 364.0 * 86_400.0] {
        buyer.create_job(&photos_with(1, 20, &json!({"deadline": clock::in_seconds(ahead)}))).await;
    }
    let past = [-1.0, -86_400.0, 367.0 * 86_400.0].map(|ahead| json!(clock::in_seconds(ahead)));
    refused("deadline", past).await;
    refused(
        "deadline",
        [json!("tomorrow"), json!(""), json!(1_800_000_000), json!("2026-13-45T00:00:00Z")],
    )
    .await;
}

#[tokio::test]
async fn the_number_of_workers_at_once_is_a_positive_whole_number() {
    taken("max_workers", [json!(1), json!(500)]).await;
    refused("max_workers", [json!(-1), json!("3"), json!(1.5)]).await;
}

#[tokio::test]
async fn metadata_has_at_most_20_short_keys_with_short_values() {
    let many = |count: usize| {
        Value::Object((0..count).map(|i| (format!("key{i}"), json!("v"))).collect::<Map<_, _>>())
    };
    let one = |key: usize, value: usize| json!({ "k".repeat(key): "v".repeat(value) });
    taken("metadata", [json!({}), many(20), one(40, 500)]).await;
    refused("metadata", [many(21), one(41, 1), one(1, 501), json!("a"), json!(["a"]), json!(7)])
        .await;
}
