//! `/livez`, `/readyz`, `/metrics`.

use crate::common::anonymous;
use reqwest::Method;

#[tokio::test]
async fn a_running_service_is_alive_and_ready_without_a_key() {
    for path in ["/livez", "/readyz"] {
        let reply = anonymous().get(path).await;
        assert_eq!(reply.status, 200, "{reply}");
    }
}

#[tokio::test]
async fn readiness_names_the_schema_and_how_far_each_projection_is_behind() {
    let reply = anonymous().get("/readyz").await;
    let ready = reply.json();
    assert_eq!(ready["status"], "ready", "{reply}");
    assert_eq!(ready["database"], "ok", "{reply}");
    assert!(ready["migrations"]["applied"].as_i64() >= Some(1), "{reply}");
    assert_eq!(ready["migrations"]["applied"], ready["migrations"]["wanted"], "{reply}");
    for projection in ["projections", "reactors"] {
        assert!(ready["lag_events"][projection].as_i64() >= Some(0), "{reply}");
    }
}

#[tokio::test]
async fn the_metrics_are_in_the_form_that_prometheus_reads() {
    anonymous().get("/livez").await;
    let reply = anonymous().get("/metrics").await;
    assert_eq!(reply.status, 200, "{reply}");
    assert!(
        reply.header("content-type").unwrap_or_default().starts_with("text/plain"),
        "{:?}",
        reply.headers
    );
    let text = reply.text();
    let samples: Vec<&str> =
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(text.contains("# TYPE ") && !samples.is_empty(), "{text}");
    for sample in samples {
        let value = sample.rsplit(' ').next().unwrap_or_default();
        let number = value.parse::<f64>().is_ok() || ["+Inf", "-Inf", "NaN"].contains(&value);
        assert!(
            number && sample.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'),
            "{sample}"
        );
    }
}

#[tokio::test]
async fn the_metrics_name_no_key() {
    let buyer = crate::common::buyer().await;
    buyer.get("/v1/me").await.ok(200);
    let text = anonymous().get("/metrics").await.text();
    assert!(!text.contains(&buyer.key) && !text.contains("fh_live_"));
}

#[tokio::test]
async fn head_is_answered_like_get_without_the_body() {
    let buyer = crate::common::buyer().await;
    for path in ["/livez", "/v1/me", "/v1/jobs"] {
        let get = buyer.get(path).await;
        let head = buyer.api.request(Method::HEAD, path).send().await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}
