//! Who may see and change an endpoint, how many there may be, and how often a creation happens.

use crate::common::NOBODY;
use crate::webhook_common::{ENDPOINTS, EVENTS, FEED, cancelled, event_id_of, nowhere, patient};
use firsthand_tests::job::with;
use firsthand_tests::shape::text;
use firsthand_tests::{Api, Buyer, Reply, clock, together, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// A route of webhooks, and whether it changes something.
struct Route {
    method: Method,
    path: String,
    body: Option<Value>,
    writes: bool,
}

impl Route {
    async fn call(&self, api: &Api) -> Reply {
        let call = api.request(self.method.clone(), &self.path);
        match &self.body {
            Some(body) => call.json(body),
            None => call,
        }
        .send()
        .await
    }
}

fn get(path: String) -> Route {
    Route { method: Method::GET, path, body: None, writes: false }
}

fn post(path: String, body: Value) -> Route {
    Route { method: Method::POST, path, body: Some(body), writes: true }
}

/// Every route that takes the id of an endpoint; the deletion comes last.
fn of_endpoint(id: &str) -> Vec<Route> {
    let path = format!("{ENDPOINTS}/{id}");
    let range = json!({"since": clock::in_seconds(-60.0), "until": clock::in_seconds(-30.0), "only": "missing"});
    let change = json!({"description": "changed"});
    vec![
        get(path.clone()),
        get(format!("{path}/attempts")),
        Route { method: Method::PATCH, ..post(path.clone(), change) },
        post(format!("{path}/rotate_secret"), json!({})),
        post(format!("{path}/test"), json!({})),
        post(format!("{path}/replays"), range),
        Route { method: Method::DELETE, path, body: None, writes: true },
    ]
}

/// Every route that takes the id of an event.
fn of_event(id: &str) -> Vec<Route> {
    let path = format!("{EVENTS}/{id}");
    vec![
        get(path.clone()),
        get(format!("{path}/attempts")),
        post(format!("{path}/replay"), json!({})),
    ]
}

fn lists() -> Vec<Route> {
    [ENDPOINTS, EVENTS, FEED].map(|path| get(path.to_owned())).into()
}

async fn endpoint(buyer: &Buyer) -> Value {
    let made = buyer.post(ENDPOINTS, &nowhere()).await.ok(201);
    buyer.get(&format!("{ENDPOINTS}/{}", text(&made, "id"))).await.ok(200)
}

async fn is_untouched(buyer: &Buyer, endpoint: &Value) {
    assert_eq!(buyer.api.list(ENDPOINTS).await, std::slice::from_ref(endpoint));
}

#[tokio::test]
async fn what_nobody_has_is_not_found() {
    let buyer = patient().await;
    let routes =
        of_endpoint(&format!("we_{NOBODY}")).into_iter().chain(of_event(&format!("evt_{NOBODY}")));
    for route in routes.chain(of_endpoint("nonsense")).chain(of_event("nonsense")) {
        route.call(&buyer.api).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn what_belongs_to_another_organization_is_not_found() {
    let (owner, other) = (patient().await, patient().await);
    let event = event_id_of(&owner.api, &cancelled(&owner).await).await;
    let endpoint = endpoint(&owner).await;
    for route in of_endpoint(text(&endpoint, "id")).into_iter().chain(of_event(&event)) {
        route.call(&other.api).await.refused(404, "not_found");
    }
    for list in [ENDPOINTS, EVENTS] {
        assert!(other.api.list(list).await.is_empty());
    }
    is_untouched(&owner, &endpoint).await;
}

#[tokio::test]
async fn a_test_key_does_not_find_what_is_live_nor_a_live_key_what_is_a_test() {
    let buyer = patient().await;
    let test = buyer.test_api().await;
    let event = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let live = endpoint(&buyer).await;
    for route in of_endpoint(text(&live, "id")).into_iter().chain(of_event(&event)) {
        route.call(&test).await.refused(404, "not_found");
    }
    is_untouched(&buyer, &live).await;
    let sandbox = test.post(ENDPOINTS, &nowhere()).await.ok(201);
    for route in of_endpoint(text(&sandbox, "id")) {
        route.call(&buyer.api).await.refused(404, "not_found");
    }
    assert_eq!(test.list(ENDPOINTS).await.len(), 1);
}

#[tokio::test]
async fn reading_needs_the_scope_for_reading_and_writing_that_for_writing() {
    let buyer = patient().await;
    let event = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let endpoint = endpoint(&buyer).await;
    let reader = buyer.scoped(&["webhooks:read"]).await;
    let writer = buyer.scoped(&["webhooks:write"]).await;
    let mut routes = lists();
    routes.extend(of_event(&event));
    routes.extend(of_endpoint(text(&endpoint, "id")));
    routes.push(post(ENDPOINTS.to_owned(), nowhere()));
    for route in &routes {
        let closed = if route.writes { &reader } else { &writer };
        route.call(closed).await.refused(403, "authorization_error");
    }
    is_untouched(&buyer, &endpoint).await;
    for route in &routes {
        let open = if route.writes { &writer } else { &reader };
        let reply = route.call(open).await;
        assert!((200..300).contains(&reply.status), "{reply}");
    }
}

#[tokio::test]
async fn no_other_scope_opens_anything_and_nor_does_no_key() {
    let buyer = patient().await;
    let endpoint = endpoint(&buyer).await;
    let scopes = ["jobs:read", "jobs:write", "keys:manage", "audit:read", "usage:read"];
    let other = buyer.scoped(&scopes).await;
    let mut routes = lists();
    routes.extend(of_endpoint(text(&endpoint, "id")));
    routes.push(get(format!("{FEED}/stream")));
    for route in &routes {
        route.call(&other).await.refused(403, "authorization_error");
        route.call(&buyer.api.without_token()).await.refused(401, "authentication_error");
    }
    is_untouched(&buyer, &endpoint).await;
}

#[tokio::test]
async fn a_book_has_fifty_endpoints_however_fast_they_are_asked_for() {
    let buyer = patient().await;
    let replies = together((0..60).map(|_| {
        let api = buyer.api.clone();
        async move { api.post(ENDPOINTS, &nowhere()).await }
    }))
    .await;
    let (made, refused): (Vec<&Reply>, Vec<&Reply>) =
        replies.iter().partition(|reply| reply.status == 201);
    assert_eq!(made.len(), 50);
    for reply in refused {
        assert_eq!(reply.refused(409, "conflict")["code"], "too_many_endpoints");
    }
    assert_eq!(buyer.api.list(ENDPOINTS).await.len(), 50);
    buyer.test_api().await.post(ENDPOINTS, &nowhere()).await.ok(201);
    let gone = made[0].json();
    buyer.api.delete(&format!("{ENDPOINTS}/{}", text(&gone, "id"))).await;
    buyer.post(ENDPOINTS, &nowhere()).await.ok(201);
    buyer.post(ENDPOINTS, &nowhere()).await.refused(409, "conflict");
}

#[tokio::test]
async fn a_repeated_creation_gives_the_same_endpoint_and_the_same_secret() {
    let buyer = patient().await;
    let key = unique::key();
    let first = buyer.post_keyed(ENDPOINTS, &key, &nowhere()).await;
    let secret = text(&first.ok(201), "secret").to_owned();
    let again = buyer.post_keyed(ENDPOINTS, &key, &nowhere()).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json()["secret"], secret.as_str());
    assert_eq!(buyer.api.list(ENDPOINTS).await.len(), 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_a_conflict() {
    let buyer = patient().await;
    let key = unique::key();
    buyer.post_keyed(ENDPOINTS, &key, &nowhere()).await.ok(201);
    let other = with(&nowhere(), &json!({"description": "another"}));
    let error = buyer.post_keyed(ENDPOINTS, &key, &other).await.refused(409, "idempotency_error");
    assert_eq!(error["code"], "idempotency_conflict");
    assert_eq!(buyer.api.list(ENDPOINTS).await.len(), 1);
}

#[tokio::test]
async fn twins_at_once_make_one_endpoint() {
    let buyer = patient().await;
    let key = unique::key();
    let replies = together((0..16).map(|_| {
        let (api, key) = (buyer.api.clone(), key.clone());
        async move { api.post_keyed(ENDPOINTS, &key, &nowhere()).await }
    }))
    .await;
    for reply in &replies {
        assert_eq!((reply.status, &reply.body), (201, &replies[0].body));
    }
    assert_eq!(buyer.api.list(ENDPOINTS).await.len(), 1);
}
