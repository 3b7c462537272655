//! Every operation of the service's own document, asked by everybody who may not: a route that is added is
//! asked too, and one that takes an id of a kind that no fixture makes fails the test.

use crate::common::{NOBODY, anonymous, buyer, delivered, worker};
use crate::operations::{Operation, operations, strings};
use crate::webhook_common::{EVENTS, Endpoint};
use firsthand_tests::shape::text;
use firsthand_tests::{Api, Buyer, Receiver, Reply, Wait, Worker, job, unique};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What differs from answer to answer without a change: links are signed anew, uses are noted by the minute.
const VOLATILE: [&str; 4] = ["last_used_at", "download_url", "download_url_expires_at", "file_url"];

/// What a refused call leaves in the trail.
const REFUSED: &str = "api_key.call_refused";

/// Asks an operation with these ids.
async fn ask(operation: &Operation, api: &Api, ids: &BTreeMap<&str, String>) -> Reply {
    let path = operation.place(ids);
    let call = api.request(operation.method.clone(), &path).key(&unique::key());
    match &operation.body {
        None => call,
        Some((kind, body)) if kind == "application/json" => call.json(body),
        Some((kind, _)) => {
            assert_eq!(kind, "multipart/form-data", "{}", operation.id);
            let part = Part::bytes(vec![1, 2, 3]).file_name("a.jpg");
            let part = part.mime_str("image/jpeg").expect("a media type");
            call.multipart(Form::new().part("file", part))
        }
    }
    .send()
    .await
}

async fn document() -> Value {
    anonymous().get("/openapi.json").await.ok(200)
}

/// One of each resource that has an id, and whose they are.
struct Fixture {
    owner: Buyer,
    worker: Worker,
    ids: BTreeMap<&'static str, String>,
    /// Callers that may not: made before anything is compared, since keys are resources too.
    stranger: Buyer,
    test: Api,
    _receiver: Receiver,
}

impl Fixture {
    async fn new() -> Fixture {
        let owner = buyer().await;
        let done = delivered(&owner, 75).await;
        let file = owner.files_once(&done.job_id, 1).await.remove(0);
        let posted = owner.try_create(&job::photos(1, 75)).await;
        let open = text(&posted.ok(201), "id").to_owned();
        let worker = worker().await;
        let submission = worker.accept(&open).await;
        let key = owner.create_key(&json!({"name": "deploy", "scopes": ["jobs:read"]})).await;
        let purchase = json!({"amount_cents": 2_500});
        let purchase = owner.post("/v1/billing/credits/purchase", &purchase).await.ok(200);
        let test = owner.test_api().await;
        let receiver = Receiver::start();
        let endpoint = Endpoint::at(&owner.api, &receiver).await;
        let event = endpoint.test(&json!({"type": "job.completed"})).await;
        settled(
            &owner,
            &format!("{EVENTS}/{}", text(&event, "id")),
            "delivery_status",
            "delivered",
        )
        .await;
        let range = json!({"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"});
        let replays = format!("{}/replays", endpoint.path());
        let replay = owner.post(&replays, &range).await.ok(202);
        settled(&owner, &format!("{replays}/{}", text(&replay, "id")), "status", "done").await;
        let of = |value: &Value| text(value, "id").to_owned();
        let ids = BTreeMap::from([
            ("JobId", open),
            ("SubmissionId", done.submission_id().to_owned()),
            ("AcceptedSubmissionId", submission),
            ("FileId", of(&file)),
            ("ApiKeyId", of(&key)),
            ("WebhookEndpointId", endpoint.id),
            ("EventId", of(&event)),
            ("ReplayId", of(&replay)),
            ("PurchaseId", of(&purchase)),
            ("RequestId", posted.header("x-request-id").expect("a request's id").to_owned()),
            ("Month", "2026-01".to_owned()),
            // Asked only without leave here; whose they are is tested where they are made.
            ("PayoutId", format!("pay_{NOBODY}")),
            ("PayoutBatchId", format!("pob_{NOBODY}")),
            ("AppealId", format!("apl_{NOBODY}")),
            ("BankPayoutId", format!("po_{NOBODY}")),
        ]);
        Fixture { owner, worker, ids, stranger: buyer().await, test, _receiver: receiver }
    }

    /// What the owner sees of everything: each answer of an operation that only reads. That a call was refused
    /// is told in the trail, and is all that a refused call may change.
    async fn seen(&self, operations: &[Operation]) -> BTreeMap<String, Value> {
        let mut seen = BTreeMap::new();
        let reads = |operation: &&Operation| {
            operation.method == Method::GET
                && operation.is_for("buyer_key")
                // One does not end; the other is the sandbox's alone, and these are live keys.
                && !matches!(operation.id.as_str(), "stream_events" | "get_test_clock")
        };
        for operation in operations.iter().filter(reads) {
            if operation.id == "list_audit_events" {
                let mut rows = self.owner.api.list(&operation.path).await;
                rows.retain(|row| row["event_type"] != REFUSED);
                seen.insert(operation.id.clone(), json!(rows));
                continue;
            }
            let reply = ask(operation, &self.owner.api, &self.ids).await;
            assert_eq!(reply.status, 200, "{reply}");
            let json = reply.header("content-type").is_some_and(|kind| kind.contains("json"));
            let mut body = if json { reply.json() } else { json!(reply.text()) };
            forget_volatile(&mut body);
            seen.insert(operation.id.clone(), body);
        }
        assert!(seen.len() > 25, "only {} reads", seen.len());
        seen
    }
}

async fn settled(owner: &Buyer, path: &str, field: &str, status: &str) {
    let mut wait = Wait::until(&format!("{path} is {status}"));
    loop {
        let seen = owner.get(path).await.ok(200);
        if seen[field] == status {
            return;
        }
        wait.not_yet(&seen).await;
    }
}

fn forget_volatile(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let linked = fields.get("object").is_some_and(|object| object == "file");
            fields
                .retain(|name, _| !(VOLATILE.contains(&name.as_str()) || linked && name == "url"));
            fields.values_mut().for_each(forget_volatile);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_volatile),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

#[tokio::test]
async fn nobody_else_s_key_finds_an_id_on_any_operation_and_nothing_changes() {
    let operations = operations(&document().await);
    let fixture = Fixture::new().await;
    let before = fixture.seen(&operations).await;
    let with_ids: Vec<_> = operations
        .iter()
        .filter(|operation| operation.takes_an_id() && operation.is_for("buyer_key"))
        .collect();
    assert!(with_ids.len() > 25, "only {} operations with an id", with_ids.len());
    for operation in with_ids {
        for api in [&fixture.stranger.api, &fixture.test] {
            ask(operation, api, &fixture.ids).await.refused(404, "not_found");
        }
    }
    assert_eq!(fixture.seen(&operations).await, before);
}

#[tokio::test]
async fn a_key_with_every_scope_but_those_named_opens_no_operation() {
    let document = document().await;
    let scopes = strings(&document["components"]["schemas"]["ScopeName"]["enum"]);
    let operations = operations(&document);
    let fixture = Fixture::new().await;
    let mut keys: BTreeMap<&[String], Api> = BTreeMap::new();
    for operation in &operations {
        assert!(
            !operation.takes_an_id()
                || !operation.is_for("buyer_key")
                || !operation.scopes.is_empty(),
            "{} takes an id and names no scope",
            operation.id
        );
        if operation.scopes.is_empty() || keys.contains_key(operation.scopes.as_slice()) {
            continue;
        }
        let named = |scope: &&String| operation.scopes.contains(scope);
        assert!(
            scopes.iter().any(|scope| named(&scope)),
            "{}: {:?}",
            operation.id,
            operation.scopes
        );
        let others: Vec<&str> =
            scopes.iter().filter(|scope| !named(scope)).map(String::as_str).collect();
        keys.insert(&operation.scopes, fixture.owner.scoped(&others).await);
    }
    let before = fixture.seen(&operations).await;
    for operation in operations.iter().filter(|operation| !operation.scopes.is_empty()) {
        let api = &keys[operation.scopes.as_slice()];
        let error = ask(operation, api, &fixture.ids).await.refused(403, "authorization_error");
        assert_eq!(error["code"], "scope_missing", "{}", operation.id);
    }
    assert_eq!(fixture.seen(&operations).await, before);
    let refused = operations.iter().filter(|operation| !operation.scopes.is_empty());
    let refused: BTreeSet<_> =
        refused.map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    let path = format!("/v1/audit-events?event_type={REFUSED}");
    let all = |rows: &[Value]| rows.len() >= refused.len();
    let rows = fixture.owner.rows_once(&path, "the refusals are in the trail", all).await;
    let told: BTreeSet<_> = rows.iter().map(|row| text(&row["data"], "operation").into()).collect();
    assert_eq!((told, rows.len()), (refused.clone(), refused.len()));
}

#[tokio::test]
async fn without_its_key_no_operation_answers() {
    let operations = operations(&document().await);
    let fixture = Fixture::new().await;
    let before = fixture.seen(&operations).await;
    let closed: Vec<_> =
        operations.iter().filter(|operation| !operation.opened_by.is_empty()).collect();
    assert!(closed.len() > 50, "only {} closed operations", closed.len());
    let nonsense = anonymous().with_token("fh_live_nonsense");
    for operation in closed {
        for api in [&anonymous(), &nonsense] {
            let reply = ask(operation, api, &fixture.ids).await;
            let kind = if operation.is_for("operator_token") {
                "unauthorized"
            } else {
                "authentication_error"
            };
            reply.refused(401, kind);
        }
    }
    assert_eq!(fixture.seen(&operations).await, before);
}

#[tokio::test]
async fn tokens_open_nothing_of_another_kind() {
    let operations = operations(&document().await);
    let fixture = Fixture::new().await;
    let before = fixture.seen(&operations).await;
    for (scheme, api) in [("buyer_key", &fixture.owner.api), ("worker_token", &fixture.worker.api)]
    {
        let others = operations
            .iter()
            .filter(|operation| !operation.opened_by.is_empty() && !operation.is_for(scheme));
        for operation in others {
            let reply = ask(operation, api, &fixture.ids).await;
            assert_eq!(reply.status, 401, "{}: {reply}", operation.id);
        }
    }
    assert_eq!(fixture.seen(&operations).await, before);
}

#[tokio::test]
async fn another_worker_does_not_find_a_submission() {
    let operations = operations(&document().await);
    let fixture = Fixture::new().await;
    let other = worker().await;
    let accepted = fixture.ids["AcceptedSubmissionId"].clone();
    let before = fixture.worker.submission(&accepted).await;
    let mut ids = fixture.ids.clone();
    ids.insert("SubmissionId", accepted.clone());
    let of_submissions: Vec<_> = operations
        .iter()
        .filter(|operation| operation.is_for("worker_token"))
        .filter(|operation| operation.parameters.iter().any(|(_, schema)| schema == "SubmissionId"))
        .collect();
    assert!(of_submissions.len() >= 3, "{} operations", of_submissions.len());
    for operation in of_submissions {
        ask(operation, &other.api, &ids).await.refused(404, "not_found");
    }
    assert_eq!(fixture.worker.submission(&accepted).await, before);
}
