//! Problem documents (RFC 9457) and `Link` on lists (RFC 8288).

use crate::common::{NOBODY, anonymous, buyer, server};
use firsthand_tests::job::photos;
use firsthand_tests::shape::assert_part;
use firsthand_tests::{Api, Reply, unique};
use reqwest::Method;
use serde_json::{Value, json};

const PROBLEM: &str = "application/problem+json";

async fn ask(api: &Api, method: Method, path: &str, accept: &str, body: Option<&Value>) -> Reply {
    let mut call = api.request(method, path).header("Accept", accept);
    if let Some(body) = body {
        call = call.key(&unique::key()).json(body);
    }
    call.send().await
}

#[track_caller]
fn problem(reply: &Reply, status: u16, code: &str) -> Value {
    assert_eq!((reply.status, reply.header("content-type")), (status, Some(PROBLEM)), "{reply}");
    let problem = reply.json();
    assert_part(
        &problem,
        &json!({
            "type": format!("{}/docs/errors/{code}", server().base_url),
            "status": status,
            "code": code,
            "instance": reply.header("x-request-id"),
        }),
    );
    for member in ["title", "detail", "error_type"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{reply}: {member}");
    }
    assert_eq!(problem.get("error"), None, "{reply}");
    problem
}

#[tokio::test]
async fn whoever_asks_for_problem_documents_gets_every_error_as_one() {
    let buyer = buyer().await;
    let get = async |path: &str| ask(&buyer.api, Method::GET, path, PROBLEM, None).await;
    problem(&get(&format!("/v1/jobs/job_{NOBODY}")).await, 404, "not_found");
    problem(&get("/v1/nothing").await, 404, "no_such_route");
    let unknown = ask(&anonymous(), Method::GET, "/v1/me", PROBLEM, None).await;
    problem(&unknown, 401, "authentication_error");
    assert!(unknown.header("www-authenticate").is_some(), "headers stay");
    let invalid =
        ask(&buyer.api, Method::POST, "/v1/jobs", PROBLEM, Some(&json!({"type": 7}))).await;
    let invalid = problem(&invalid, 400, "validation_error");
    assert_eq!(invalid["details"][0]["field"], "type");
    assert_eq!(invalid["title"], "Validation error");
    // A refusal by a rule, whose answer is stored in its usual form.
    let dear = photos(10_000, 50_000);
    let dear = ask(&buyer.api, Method::POST, "/v1/jobs", PROBLEM, Some(&dear)).await;
    let dear = problem(&dear, 402, "insufficient_credits");
    assert_eq!(dear["required_cents"], 500_000_000);
    assert_eq!(dear["details"][0]["required_cents"], 500_000_000);
    assert_eq!(dear["error_type"], "insufficient_credits");
}

#[tokio::test]
async fn a_stored_refusal_comes_back_in_the_form_that_is_asked_for() {
    let buyer = buyer().await;
    let (key, body) = (unique::key(), photos(10_000, 50_000));
    let plain = buyer.post_keyed("/v1/jobs", &key, &body).await;
    let first = plain.refused(402, "insufficient_credits");
    let call = buyer.api.request(Method::POST, "/v1/jobs").key(&key).json(&body);
    let again = call.header("Accept", PROBLEM).send().await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("content-type"), Some(PROBLEM));
    assert_eq!(again.json()["detail"], first["message"]);
    assert_eq!(again.json()["instance"], first["request_id"], "the request that was refused");
}

#[tokio::test]
async fn everybody_else_gets_the_envelope() {
    let path = format!("/v1/jobs/job_{NOBODY}");
    let buyer = buyer().await;
    for accept in ["*/*", "application/json", "application/problem+json;q=0, application/json"] {
        ask(&buyer.api, Method::GET, &path, accept, None).await.refused(404, "not_found");
    }
    let mixed = "application/json, application/problem+json; q=0.9";
    problem(&ask(&buyer.api, Method::GET, &path, mixed, None).await, 404, "not_found");
    // What is no error is not touched.
    ask(&buyer.api, Method::GET, "/v1/me", PROBLEM, None).await.ok(200);
}

/// The target of `Link: <…>; rel="next"`.
fn next(reply: &Reply) -> Option<String> {
    let link = reply.header("link")?;
    let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
    assert_eq!(relation, "; rel=\"next\"", "{link}");
    Some(target.to_owned())
}

#[tokio::test]
async fn following_the_links_gives_every_row_once() {
    let buyer = buyer().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, buyer.photo_job(1, 75).await);
    }
    let (mut seen, mut path) = (Vec::new(), Some("/v1/jobs?limit=2&status=open".to_owned()));
    while let Some(here) = path {
        let reply = buyer.get(&here).await;
        let page = reply.page();
        seen.extend(page.ids());
        path = next(&reply);
        assert_eq!(path.is_some(), page.next_cursor.is_some());
        let kept = path.as_ref().is_none_or(|path| path.contains("limit=2&status=open&cursor="));
        assert!(kept, "{path:?}");
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn every_list_that_goes_on_links_to_its_next_page() {
    let buyer = buyer().await;
    for _ in 0..2 {
        buyer.photo_job(1, 75).await;
        buyer.create_key(&json!({"name": "one more"})).await;
        buyer.post("/v1/webhook_endpoints", &crate::webhook_common::nowhere()).await.ok(201);
    }
    for path in [
        "/v1/jobs",
        "/v1/api_keys",
        "/v1/webhook_endpoints",
        "/v1/billing/transactions",
        "/v1/audit-events",
    ] {
        let first = buyer.get(&format!("{path}?limit=1")).await;
        let here = first.page();
        let link = next(&first).unwrap_or_else(|| panic!("{path} links to nothing"));
        let there = buyer.get(&link).await.page();
        assert_ne!(here.data, there.data, "{path}");
        assert_eq!(there.data.len(), 1, "{path}");
    }
}
