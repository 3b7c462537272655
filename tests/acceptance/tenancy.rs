//! What belongs to others does not exist.

use crate::common::{NOBODY, anonymous, buyer, delivered};
use firsthand_tests::shape::text;
use firsthand_tests::{Api, Balance, Buyer, Reply, unique};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// One organization's things.
struct Things {
    owner: Buyer,
    job_id: String,
    open_job_id: String,
    submission_id: String,
    file_id: String,
    key_id: String,
}

async fn things() -> Things {
    let owner = buyer().await;
    let done = delivered(&owner, 75).await;
    let file = owner.files_once(&done.job_id, 1).await.remove(0);
    let key = owner.create_key(&json!({"name": "deploy"})).await;
    Things {
        open_job_id: owner.photo_job(1, 75).await,
        submission_id: done.submission_id().to_owned(),
        file_id: text(&file, "id").to_owned(),
        key_id: text(&key, "id").to_owned(),
        job_id: done.job_id,
        owner,
    }
}

/// A route with an id in it.
struct Route {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Route {
    async fn call(&self, api: &Api) -> Reply {
        let call = api.request(self.method.clone(), &self.path).key(&unique::key());
        match &self.body {
            Some(body) => call.json(body),
            None => call,
        }
        .send()
        .await
    }
}

/// Every route of issue 2 that takes an id, with these ids.
fn routes(job: &str, submission: &str, file: &str, key: &str) -> Vec<Route> {
    let get = |path: String| Route { method: Method::GET, path, body: None };
    let post = |path: String| Route { method: Method::POST, path, body: None };
    vec![
        get(format!("/v1/jobs/{job}")),
        post(format!("/v1/jobs/{job}/cancel")),
        Route { body: Some(json!({"rating": 5})), ..post(format!("/v1/jobs/{job}/rate")) },
        get(format!("/v1/jobs/{job}/files")),
        get(format!("/v1/jobs/{job}/submissions")),
        get(format!("/v1/jobs/{job}/audit")),
        get(format!("/v1/submissions/{submission}")),
        post(format!("/v1/files/{file}/refresh_url")),
        post(format!("/v1/api_keys/{key}/rotate")),
        post(format!("/v1/api_keys/{key}/revoke")),
        Route { method: Method::DELETE, path: format!("/v1/api_keys/{key}"), body: None },
    ]
}

impl Things {
    fn routes(&self) -> Vec<Route> {
        routes(&self.job_id, &self.submission_id, &self.file_id, &self.key_id)
    }

    /// Nothing of the owner's has changed.
    async fn are_untouched(&self) {
        assert_eq!(self.owner.job(&self.open_job_id).await["status"], "open");
        assert_eq!(self.owner.job(&self.job_id).await["buyer_rating"], Value::Null);
        assert_eq!(self.owner.balance().await, Balance { available: 99_850, held: 75 });
        let keys = self.owner.api.list("/v1/api_keys").await;
        let key = keys
            .iter()
            .find(|key| key["id"] == self.key_id.as_str())
            .expect("the key is still listed");
        assert_eq!(
            (&key["revoked_at"], &key["previous_secret_expires_at"]),
            (&Value::Null, &Value::Null)
        );
    }
}

/// What an answer says beside the ids in it.
fn without_ids(reply: &Reply, own: &[&str]) -> String {
    let request = reply.header("x-request-id").unwrap_or_default();
    own.iter().fold(reply.text().replace(request, "R"), |text, id| text.replace(id, "ID"))
}

#[tokio::test]
async fn another_organization_s_ids_are_not_found_on_any_route() {
    let things = things().await;
    let other = buyer().await;
    for route in things.routes() {
        route.call(&other.api).await.refused(404, "not_found");
    }
    other.cancel(&things.open_job_id).await.refused(404, "not_found");
    things.are_untouched().await;
}

#[tokio::test]
async fn a_test_key_does_not_find_live_ids_on_any_route() {
    let things = things().await;
    let test = things.owner.test_api().await;
    for route in things.routes() {
        route.call(&test).await.refused(404, "not_found");
    }
    test.post_empty(&format!("/v1/jobs/{}/cancel", things.open_job_id))
        .await
        .refused(404, "not_found");
    things.are_untouched().await;
}

#[tokio::test]
async fn a_live_key_does_not_find_a_test_job() {
    let buyer = buyer().await;
    buyer.grant_in("test", 1_000).await;
    let test = buyer.test_api().await;
    let job = test
        .post_keyed("/v1/jobs", &unique::key(), &firsthand_tests::job::photos(1, 75))
        .await
        .ok(201);
    let id = text(&job, "id");
    buyer.get(&format!("/v1/jobs/{id}")).await.refused(404, "not_found");
    buyer.cancel(id).await.refused(404, "not_found");
    assert!(buyer.api.list("/v1/jobs").await.is_empty());
}

#[tokio::test]
async fn what_belongs_to_others_answers_exactly_like_what_nobody_has() {
    let things = things().await;
    let other = buyer().await;
    let ids = [&things.job_id, &things.submission_id, &things.file_id, &things.key_id]
        .map(String::as_str);
    let nobody = ["job", "sub", "file", "key"].map(|prefix| format!("{prefix}_{NOBODY}"));
    let missing = routes(&nobody[0], &nobody[1], &nobody[2], &nobody[3]);
    for (foreign, missing) in things.routes().iter().zip(&missing) {
        let (foreign, missing) = (foreign.call(&other.api).await, missing.call(&other.api).await);
        assert_eq!(foreign.status, missing.status, "{foreign}\n{missing}");
        let nobody: Vec<&str> = nobody.iter().map(String::as_str).collect();
        assert_eq!(without_ids(&foreign, &ids), without_ids(&missing, &nobody));
    }
}

#[tokio::test]
async fn without_a_key_every_id_is_unauthorized() {
    let things = things().await;
    for route in things.routes() {
        route.call(&anonymous()).await.refused(401, "authentication_error");
    }
    things.are_untouched().await;
}

#[tokio::test]
async fn a_foreign_job_in_a_filter_shows_nothing() {
    let things = things().await;
    let other = buyer().await;
    let job = &things.job_id;
    for path in ["/v1/submissions", "/v1/audit-events"] {
        let reply = other.get(&format!("{path}?job_id={job}")).await;
        assert!(reply.status == 404 || reply.page().data.is_empty(), "{reply}");
    }
    let summary = other.get(&format!("/v1/submissions/summary?job_id={job}")).await;
    let unknown = other.get(&format!("/v1/submissions/summary?job_id=job_{NOBODY}")).await;
    assert_eq!(summary.status, unknown.status);
    assert_eq!(without_ids(&summary, &[job]), without_ids(&unknown, &[&format!("job_{NOBODY}")]));
}

#[tokio::test]
async fn no_list_shows_what_belongs_to_others() {
    let things = things().await;
    let other = buyer().await;
    let own =
        [things.job_id, things.open_job_id, things.submission_id, things.file_id, things.key_id];
    let paths = [
        "/v1/jobs",
        "/v1/submissions",
        "/v1/api_keys",
        "/v1/billing/transactions",
        "/v1/audit-events",
    ];
    for path in paths {
        let shown = Value::Array(other.api.list(path).await).to_string();
        assert!(own.iter().all(|id| !shown.contains(id.as_str())), "{path} shows {shown}");
    }
}

#[tokio::test]
async fn nobody_waits_on_a_job_of_others() {
    let things = things().await;
    let other = buyer().await;
    let path = format!("/v1/jobs/{}", things.open_job_id);
    let call = other.api.request(Method::GET, &path).header("Prefer", "wait=20");
    let reply = tokio::time::timeout(Duration::from_secs(5), call.send())
        .await
        .expect("it is answered at once");
    reply.refused(404, "not_found");
}

#[tokio::test]
async fn an_idempotency_key_of_others_replays_nothing_of_theirs() {
    let (owner, other) = (buyer().await, buyer().await);
    let key = unique::key();
    let body = firsthand_tests::job::photos(1, 75);
    let job = owner.post_keyed("/v1/jobs", &key, &body).await.ok(201);
    let cancel = format!("/v1/jobs/{}/cancel", text(&job, "id"));
    owner.post_keyed(&cancel, &key, &json!({})).await.ok(200);
    other.post_keyed(&cancel, &key, &json!({})).await.refused(404, "not_found");
}
