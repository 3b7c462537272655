//! What a key may do.

use crate::common::{buyer, delivered};
use firsthand_tests::shape::text;
use firsthand_tests::{Api, Buyer, Reply, job, unique};
use reqwest::Method;
use serde_json::{Value, json};

const ALL: [&str; 9] = [
    "jobs:read",
    "jobs:write",
    "webhooks:read",
    "webhooks:write",
    "keys:manage",
    "audit:read",
    "usage:read",
    "billing:read",
    "billing:write",
];

/// A route and the scopes of which any one opens it.
struct Gate {
    method: Method,
    path: String,
    body: Option<Value>,
    any_of: &'static [&'static str],
}

impl Gate {
    async fn knock(&self, api: &Api) -> Reply {
        let call = api.request(self.method.clone(), &self.path).key(&unique::key());
        match &self.body {
            Some(body) => call.json(body),
            None => call,
        }
        .send()
        .await
    }
}

async fn gates(buyer: &Buyer) -> Vec<Gate> {
    let done = delivered(buyer, 75).await;
    let open = buyer.photo_job(1, 75).await;
    let file = text(&buyer.files_once(&done.job_id, 1).await[0], "id").to_owned();
    let key = buyer.create_key(&json!({"name": "victim", "scopes": ["keys:manage"]})).await;
    let (job, submission, key) = (&done.job_id, done.submission_id(), text(&key, "id"));
    let gate = |method, path: String, body, any_of| Gate { method, path, body, any_of };
    let get = |path: String, any_of| gate(Method::GET, path, None, any_of);
    let post = |path: String, body, any_of| gate(Method::POST, path, body, any_of);
    vec![
        post("/v1/jobs".into(), Some(job::photos(1, 75)), &["jobs:write"]),
        get("/v1/jobs".into(), &["jobs:read"]),
        get(format!("/v1/jobs/{job}"), &["jobs:read"]),
        post(format!("/v1/jobs/{open}/cancel"), None, &["jobs:write"]),
        post(format!("/v1/jobs/{job}/rate"), Some(json!({"rating": 5})), &["jobs:write"]),
        get(format!("/v1/jobs/{job}/files"), &["jobs:read"]),
        get(format!("/v1/jobs/{job}/submissions"), &["jobs:read"]),
        get(format!("/v1/jobs/{job}/audit"), &["audit:read", "jobs:read"]),
        get("/v1/submissions".into(), &["jobs:read"]),
        get(format!("/v1/submissions/{submission}"), &["jobs:read"]),
        get("/v1/submissions/summary".into(), &["jobs:read"]),
        post(format!("/v1/files/{file}/refresh_url"), None, &["jobs:read"]),
        get("/v1/api_keys".into(), &["keys:manage"]),
        post(
            "/v1/api_keys".into(),
            Some(json!({"name": "a", "scopes": ["keys:manage"]})),
            &["keys:manage"],
        ),
        post(format!("/v1/api_keys/{key}/rotate"), None, &["keys:manage"]),
        post(format!("/v1/api_keys/{key}/revoke"), None, &["keys:manage"]),
        gate(Method::DELETE, format!("/v1/api_keys/{key}"), None, &["keys:manage"]),
        get("/v1/billing/credits".into(), &["usage:read", "billing:read"]),
        get("/v1/billing/balance".into(), &["usage:read", "billing:read"]),
        get("/v1/billing/transactions".into(), &["usage:read", "billing:read"]),
        get("/v1/billing/statements/2020-01".into(), &["usage:read", "billing:read"]),
        get("/v1/billing/export".into(), &["usage:read", "billing:read"]),
        get("/v1/audit-events".into(), &["audit:read"]),
    ]
}

#[tokio::test]
async fn every_route_is_closed_to_a_key_with_all_scopes_but_its_own() {
    let buyer = buyer().await;
    let gates = gates(&buyer).await;
    for gate in &gates {
        let others: Vec<&str> =
            ALL.into_iter().filter(|scope| !gate.any_of.contains(scope)).collect();
        let reply = gate.knock(&buyer.scoped(&others).await).await;
        reply.refused(403, "authorization_error");
    }
    let open = &gates[3].path;
    let open = open.trim_start_matches("/v1/jobs/").trim_end_matches("/cancel");
    assert_eq!(buyer.job(open).await["status"], "open");
    assert_eq!(buyer.balance().await.held, 75);
}

#[tokio::test]
async fn every_route_opens_to_a_key_with_nothing_but_its_scope() {
    let buyer = buyer().await;
    for gate in gates(&buyer).await {
        for scope in gate.any_of {
            let reply = gate.knock(&buyer.scoped(&[scope]).await).await;
            assert!((200..300).contains(&reply.status), "{scope}: {reply}");
        }
    }
}

#[tokio::test]
async fn a_key_without_the_scope_learns_nothing_about_ids() {
    let buyer = buyer().await;
    let job_id = buyer.photo_job(1, 75).await;
    let blind = buyer.scoped(&["usage:read"]).await;
    for id in [job_id.as_str(), "job_01GXYZ5J8K9M2N3P4Q5R6S7T8V"] {
        blind.get(&format!("/v1/jobs/{id}")).await.refused(403, "authorization_error");
    }
}
