//! What an endpoint must not be, and that a refusal changes nothing.

use crate::webhook_common::{ENDPOINTS, nowhere, patient};
use firsthand_tests::job::with;
use firsthand_tests::shape::text;
use firsthand_tests::{Buyer, Reply};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// A buyer with one endpoint, and the endpoint as it is read.
struct Before {
    buyer: Buyer,
    endpoint: Value,
}

impl Before {
    async fn new() -> Before {
        let buyer = patient().await;
        let fields = json!({"headers": {"X-Route": "a"}, "description": "the first"});
        let made = buyer.post(ENDPOINTS, &with(&nowhere(), &fields)).await.ok(201);
        let path = format!("{ENDPOINTS}/{}", text(&made, "id"));
        let endpoint = buyer.get(&path).await.ok(200);
        Before { buyer, endpoint }
    }

    fn path(&self) -> String {
        format!("{ENDPOINTS}/{}", text(&self.endpoint, "id"))
    }

    /// The answers to creating an endpoint with these fields and to giving them to the one that is there.
    async fn both(&self, fields: &Value) -> [Reply; 2] {
        let created = self.buyer.post(ENDPOINTS, &with(&nowhere(), fields)).await;
        [created, self.buyer.patch(&self.path(), fields).await]
    }

    async fn is_as_before(&self) {
        assert_eq!(self.buyer.api.list(ENDPOINTS).await, std::slice::from_ref(&self.endpoint));
    }
}

/// A 422 with the code of a refused address.
#[track_caller]
fn url_refused(reply: &Reply) {
    let error = reply.envelope();
    assert_eq!(
        (reply.status, error["code"].as_str()),
        (422, Some("webhook_url_refused")),
        "{reply}"
    );
}

#[tokio::test]
async fn an_address_that_nothing_may_be_sent_to_is_refused() {
    let before = Before::new().await;
    let long = format!("https://127.0.0.1/{}", "p".repeat(2_049 - 18));
    for url in [
        "ftp://127.0.0.1/hooks",
        "file:///etc/passwd",
        "gopher://127.0.0.1:9/_",
        "https://user@127.0.0.1/hooks",
        "https://user:password@127.0.0.1/hooks",
        "https://127.0.0.1/hooks#part",
        &long,
    ] {
        for reply in before.both(&json!({"url": url})).await {
            url_refused(&reply);
        }
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn an_address_in_a_private_network_is_refused_however_it_is_written() {
    let before = Before::new().await;
    for host in [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "2852039166",
        "0xa9fea9fe",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
    ] {
        for reply in before.both(&json!({"url": format!("https://{host}/hooks")})).await {
            url_refused(&reply);
        }
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn what_is_no_address_at_all_is_refused() {
    let before = Before::new().await;
    for url in ["", "hooks", "/hooks", "https://", "https:// /", "127.0.0.1:9/hooks"] {
        for reply in before.both(&json!({"url": url})).await {
            assert!(matches!(reply.status, 400 | 422), "{url:?}: {reply}");
            reply.envelope();
        }
    }
    for url in [json!(7), json!(["http://127.0.0.1:9/"]), json!({}), json!(true)] {
        for reply in before.both(&json!({"url": url})).await {
            reply.invalid("url");
        }
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn an_endpoint_needs_an_address() {
    let before = Before::new().await;
    before.buyer.post(ENDPOINTS, &json!({})).await.invalid("url");
    before.buyer.post(ENDPOINTS, &json!({"url": null})).await.invalid("url");
    before.buyer.post_empty(ENDPOINTS).await.refused_somehow();
    before.is_as_before().await;
}

#[tokio::test]
async fn unknown_types_of_events_are_refused() {
    let before = Before::new().await;
    for events in [
        json!(["job.exploded"]),
        json!(["job.completed", "job.*"]),
        json!(["JOB.COMPLETED"]),
        json!([""]),
        json!([7]),
        json!("job.completed"),
        json!({"job.completed": true}),
    ] {
        for reply in before.both(&json!({"events": events})).await {
            reply.invalid("events");
        }
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn fields_out_of_bounds_are_refused_by_name() {
    let before = Before::new().await;
    for (field, wrong) in [
        ("description", json!("d".repeat(501))),
        ("description", json!(7)),
        ("api_version", json!("2020-01-01")),
        ("api_version", json!(20_260_318)),
        ("signature_scheme", json!("v2")),
        ("signature_scheme", json!(1)),
        ("ordering", json!("strict")),
        ("ordering", json!(false)),
        ("max_in_flight", json!(0)),
        ("max_in_flight", json!(65)),
        ("max_in_flight", json!(-1)),
        ("max_in_flight", json!(1.5)),
        ("max_in_flight", json!("8")),
        ("max_in_flight", json!(u64::MAX)),
        ("max_per_second", json!(0)),
        ("max_per_second", json!(1_001)),
        ("max_per_second", json!(-1)),
        ("max_per_second", json!(0.5)),
        ("max_per_second", json!("10")),
        ("headers", json!("X-Route: a")),
        ("headers", json!(["X-Route"])),
    ] {
        let fields: Map<String, Value> = [(field.to_owned(), wrong)].into_iter().collect();
        for reply in before.both(&Value::Object(fields)).await {
            reply.invalid(field);
        }
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn a_status_that_is_none_is_refused() {
    let before = Before::new().await;
    for status in [json!("paused"), json!("ENABLED"), json!(1), json!(true)] {
        let reply = before.buyer.patch(&before.path(), &json!({"status": status})).await;
        reply.invalid("status");
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn headers_that_http_or_we_use_are_refused_in_any_case() {
    let before = Before::new().await;
    for name in [
        "Authorization",
        "authorization",
        "Cookie",
        "Host",
        "Content-Type",
        "content-length",
        "Content-Encoding",
        "Webhook-Id",
        "webhook-signature",
        "X-FirstHand-Signature",
        "X-FirstHandAPI-Body-Signature",
        "x-firsthandapi-anything",
        "Connection",
        "Keep-Alive",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Upgrade",
        "Proxy-Authorization",
    ] {
        for reply in before.both(&json!({"headers": {name: "a"}})).await {
            reply.invalid("headers");
        }
    }
    for reply in before.both(&json!({"headers": {"X-Route": "a\u{0}b"}})).await {
        reply.invalid("body");
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn headers_that_cannot_be_sent_are_refused() {
    let before = Before::new().await;
    let eleven: Map<String, Value> =
        (0..11).map(|i| (format!("X-Extra-{i}"), json!("a"))).collect();
    for headers in [
        Value::Object(eleven),
        json!({"X-Route": "v".repeat(1_025)}),
        json!({"X-Route": "a\r\nX-Injected: b"}),
        json!({"X-Route": "a\nb"}),
        json!({"X Route": "a"}),
        json!({"X-Route:": "a"}),
        json!({"": "a"}),
        json!({"X-Route": 7}),
        json!({"X-Route": ["a"]}),
    ] {
        for reply in before.both(&json!({"headers": headers})).await {
            reply.invalid("headers");
        }
    }
    for reply in before.both(&json!({"headers": {"X-Route": "a\u{0}b"}})).await {
        reply.invalid("body");
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn an_overlap_out_of_range_is_refused_and_rotates_nothing() {
    let before = Before::new().await;
    let rotate = format!("{}/rotate_secret", before.path());
    for overlap in [json!(-1), json!(604_801), json!(1.5), json!("60"), json!(u64::MAX)] {
        let body = json!({"overlap_seconds": overlap});
        before.buyer.post(&rotate, &body).await.invalid("overlap_seconds");
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn a_test_of_an_unknown_type_is_refused() {
    let before = Before::new().await;
    let test = format!("{}/test", before.path());
    for kind in [json!("job.exploded"), json!(""), json!(7)] {
        before.buyer.post(&test, &json!({"type": kind})).await.invalid("type");
    }
    before.is_as_before().await;
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused() {
    let before = Before::new().await;
    for (method, path) in [(Method::POST, ENDPOINTS.to_owned()), (Method::PATCH, before.path())] {
        let request = || before.buyer.api.request(method.clone(), &path);
        for body in ["{", "[]", "\"http://127.0.0.1:9/\"", "null", "\u{0}"] {
            let reply = request().bytes("application/json", body).send().await;
            reply.refused(400, "validation_error");
        }
    }
    before.is_as_before().await;
}
