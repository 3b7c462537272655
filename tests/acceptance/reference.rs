//! The OpenAPI document, the reference and the pages for agents.

use crate::common::{anonymous, buyer};
use firsthand_tests::{Receiver, binary};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

async fn document() -> Value {
    anonymous().get("/openapi.json").await.ok(200)
}

/// Every text between a mark and the next quotation mark.
fn quoted<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    text.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn the_document_is_the_one_that_the_binary_prints() {
    let served = document().await;
    assert_eq!(served["openapi"], "3.1.0");
    let printed = binary::run(&["openapi"], &[], Duration::from_secs(30));
    let printed: Value = serde_json::from_str(&printed.stdout).expect("JSON on stdout");
    assert_eq!(served, printed);
}

#[tokio::test]
async fn what_the_document_describes_is_there() {
    let document = document().await;
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 45, "{} paths", paths.len());
    for (path, item) in paths {
        // HEAD, OPTIONS and the like are no operations: TRACE is none anywhere.
        let asked =
            path.replace("{id}", "none").replace("{replay_id}", "none").replace("{month}", "none");
        let reply = anonymous().request(reqwest::Method::TRACE, &asked).send().await;
        assert_eq!(reply.status, 405, "{reply}");
        let allowed: BTreeSet<String> = reply
            .header("allow")
            .unwrap_or_default()
            .split(',')
            .map(|method| method.trim().to_lowercase())
            .filter(|method| method != "head")
            .collect();
        let described: BTreeSet<String> =
            item.as_object().expect("methods").keys().cloned().collect();
        assert_eq!(allowed, described, "{path}");
    }
}

#[tokio::test]
async fn the_reference_loads_nothing_from_elsewhere() {
    let api = anonymous();
    for place in ["/docs", "/docs/", "/docs/jobs"] {
        let page = api.get(place).await;
        assert_eq!(page.status, 200, "{page}");
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("script-src 'self';"), "{policy}");
        let text = page.text();
        assert!(!text.contains("<script>"), "an inline script: {text}");
        let named = [quoted(&text, "src=\""), quoted(&text, "href=\"")].concat();
        assert!(named.len() > 4, "{text}");
        for asset in named {
            assert!(asset.starts_with("/docs"), "{place} loads {asset}");
            let reply = api.get(asset).await;
            assert_eq!(reply.status, 200, "{asset}");
            assert!(!reply.body.is_empty(), "{asset} is empty");
        }
    }
    let script = api.get("/docs/jobs/swagger-initializer.js").await.text();
    assert!(script.contains("/docs/jobs/openapi.json"), "{script}");
}

#[tokio::test]
async fn every_tag_has_a_page_and_its_twin() {
    let api = anonymous();
    let document = document().await;
    let index = api.get("/llms.txt").await.text();
    let full = api.get("/llms-full.txt").await.text();
    assert!(index.starts_with("# FirstHandAPI\n\n> "), "{index}");
    for tag in document["tags"].as_array().expect("tags") {
        let tag = tag["name"].as_str().expect("a name");
        assert!(index.contains(&format!("/docs/{tag}.md")), "{tag} is not in the index");
        let page = api.get(&format!("/docs/{tag}")).await;
        let twin = format!("/docs/{tag}.md");
        assert!(page.header("link").unwrap_or_default().contains(&twin), "{page}");
        let twin = api.get(&twin).await;
        assert_eq!(twin.header("content-type"), Some("text/markdown; charset=utf-8"));
        assert!(full.contains(&twin.text()), "{tag} is not on the full page");
        let shown = api.get(&format!("/docs/{tag}/openapi.json")).await.ok(200);
        assert!(!shown["paths"].as_object().expect("paths").is_empty(), "{tag} is empty");
    }
    assert_eq!(api.get("/docs/nothing").await.status, 404);
    assert_eq!(api.get("/docs/nothing.md").await.status, 404);
}

#[tokio::test]
async fn an_error_names_its_own_page_on_this_service() {
    let api = anonymous();
    let error = api.get("/v1/me").await.refused(401, "authentication_error");
    let place = error["doc_url"].as_str().expect("a place");
    let page = api.get(place).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("<h1>authentication_error</h1>"), "{page}");
    let twin = api.get(&format!("{place}.md")).await;
    assert_eq!(twin.header("content-type"), Some("text/markdown; charset=utf-8"));
    assert!(twin.text().starts_with("# authentication_error\n"), "{twin}");
}

#[tokio::test]
async fn every_error_code_has_a_page_and_its_twin() {
    let (api, document) = (anonymous(), document().await);
    let error = &document["components"]["schemas"]["Error"]["properties"]["error"];
    let codes = error["properties"]["code"]["enum"].as_array().expect("codes");
    assert!(codes.len() > 45, "{} codes", codes.len());
    let (index, twin) = (api.get("/docs/errors").await, api.get("/docs/errors.md").await);
    for code in codes.iter().map(|code| code.as_str().expect("a code")) {
        let place = format!("/docs/errors/{code}");
        let page = api.get(&place).await;
        assert_eq!(page.status, 200, "{page}");
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(page.header("link").unwrap_or_default().contains(&format!("{place}.md")), "{page}");
        assert_eq!(api.get(&format!("{place}.md")).await.status, 200, "{place}.md");
        assert!(index.text().contains(&format!("href=\"{place}\"")), "{code} is not listed");
        assert!(twin.text().contains(&format!("({place}.md)")), "{code} is not listed");
    }
    for nothing in ["/docs/errors/nothing", "/docs/errors/nothing.md", "/docs/errorsnothing"] {
        assert_eq!(api.get(nothing).await.status, 404, "{nothing}");
    }
}

#[tokio::test]
async fn every_webhook_of_the_document_has_the_fields_of_the_event() {
    let document = document().await;
    let buyer = buyer().await;
    let receiver = Receiver::start();
    let endpoint = json!({"url": receiver.url()});
    let endpoint = buyer.post("/v1/webhook_endpoints", &endpoint).await.ok(201);
    let send = format!("/v1/webhook_endpoints/{}/test", endpoint["id"].as_str().expect("an id"));
    let webhooks = document["webhooks"].as_object().expect("webhooks");
    assert!(webhooks.len() >= 15, "{} webhooks", webhooks.len());
    for (name, webhook) in webhooks {
        let event = buyer.post(&send, &json!({"type": name})).await.ok(202);
        let media = &webhook["post"]["requestBody"]["content"]["application/json"];
        let described = &media["schema"]["properties"];
        assert_eq!(described["type"]["const"], event["type"]);
        let place = described["data"]["$ref"].as_str().expect("the data's schema has a name");
        let data = document.pointer(place.trim_start_matches('#')).expect("the data's schema");
        for (described, found) in [(described, &event), (&data["properties"], &event["data"])] {
            for field in found.as_object().expect("fields").keys() {
                let ours = ["delivery_status", "deliveries"].contains(&field.as_str());
                assert!(ours || described.get(field).is_some(), "{name}: {field} is not described");
            }
        }
        for field in data["required"].as_array().expect("fields") {
            let field = field.as_str().expect("a name");
            assert!(event["data"].get(field).is_some(), "{name}: {field} is not sent");
        }
    }
}
