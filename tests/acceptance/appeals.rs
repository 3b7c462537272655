//! Strikes, and appeals against them. The local scorer gives no strike, so a rejected submission is told
//! to its worker as one.

use crate::common::{NOBODY, server};
use crate::finance_common::{operator, sql};
use firsthand_tests::shape::{assert_id, assert_part, text};
use firsthand_tests::{Buyer, Options, Server, Wait, Worker, media, unique};
use serde_json::{Value, json};

const STRIKES: &str = "/internal/worker/strikes";
const APPEALS: &str = "/internal/worker/appeals";
const ALL: &str = "/internal/operator/appeals";

/// Gives a worker so many strikes more; returns the submissions that they are for.
pub async fn strike(server: &Server, worker: &Worker, count: usize) -> Vec<String> {
    let buyer = Buyer::with_balance(server, 10_000).await;
    let mut given = Vec::new();
    for _ in 0..count {
        let job = buyer.photo_job(1, 50).await;
        let submission = worker.deliver(&job, &media::truncated(media::seed())).await;
        assert_eq!(submission["status"], "rejected", "{submission}");
        let id = text(&submission, "id").to_owned();
        let task = json!({"submission_id": id, "strike": true});
        let insert = format!(
            "insert into tasks (part, task_id, kind, book, payload, due_at)
             values (0, 'record:strike{}', 'record', 'strike', convert_to('{task}', 'UTF8'), 0)",
            unique::number()
        );
        sql(server, &insert).await;
        let mut wait = Wait::until("the strike is given");
        loop {
            let strikes = worker.api.list(STRIKES).await;
            if strikes.first().is_some_and(|strike| strike["submission_id"] == id.as_str()) {
                break;
            }
            wait.not_yet(&json!(strikes)).await;
        }
        given.push(id);
    }
    given
}

async fn me(worker: &Worker) -> Value {
    worker.api.get("/internal/worker/me").await.ok(200)
}

async fn appeal(worker: &Worker, submission: &str) -> Value {
    let body = json!({"submission_id": submission, "reason": "  It is all there.  "});
    worker.api.post(APPEALS, &body).await.ok(201)
}

async fn decide(server: &Server, appeal: &Value, body: &Value) -> firsthand_tests::Reply {
    let path = format!("{ALL}/{}/decide", text(appeal, "id"));
    operator(server).post(&path, body).await
}

#[tokio::test]
async fn a_lifted_strike_ends_the_suspension_that_rests_on_it() {
    let server = Server::start(Options::ephemeral()).await;
    let worker = Worker::new(&server).await;
    let given = strike(&server, &worker, 3).await;
    let strikes = worker.api.list(STRIKES).await;
    assert_part(
        &strikes[0],
        &json!({
            "object": "strike", "submission_id": given[2], "reason": "undecodable",
            "status": "active", "appeal_id": null,
        }),
    );
    assert_eq!(me(&worker).await["standing"], "suspended");
    let buyer = Buyer::with_balance(&server, 1_000).await;
    let job = buyer.photo_job(1, 50).await;
    worker.offered(&job).await;
    let refused = worker.try_accept(&job).await.refused(409, "conflict");
    assert_eq!(refused["code"], "worker_suspended");
    let made = appeal(&worker, &given[1]).await;
    assert_id(&made["id"], "apl");
    assert_part(
        &made,
        &json!({
            "object": "appeal", "worker_id": worker.id, "submission_id": given[1],
            "reason": "It is all there.", "status": "open", "note": null, "decided_at": null,
        }),
    );
    assert_eq!(me(&worker).await["standing"], "suspended", "it counts until it is decided");
    let waiting = operator(&server).list(&format!("{ALL}?status=open")).await;
    assert_eq!(waiting, std::slice::from_ref(&made));
    let lift = json!({"decision": "lift", "note": "Indeed."});
    let decided = decide(&server, &made, &lift).await.ok(200);
    assert_part(&decided, &json!({"status": "lifted", "note": "Indeed."}));
    let now = me(&worker).await;
    assert_part(&now, &json!({"standing": "good", "suspended_until": null}));
    assert_eq!(now["strikes"].as_array().map(Vec::len), Some(2), "{now}");
    worker.try_accept(&job).await.ok(201);
    let lifted = worker.api.list(&format!("{STRIKES}?status=lifted")).await;
    assert_eq!((&lifted[0]["submission_id"], lifted.len()), (&json!(given[1]), 1));
    assert_eq!(lifted[0]["appeal_id"], made["id"]);
    let path = format!("{APPEALS}/{}", text(&made, "id"));
    assert_eq!(worker.api.get(&path).await.ok(200), decided);
    assert_eq!(worker.api.list(&format!("{APPEALS}?status=lifted")).await, [decided]);
    assert!(operator(&server).list(&format!("{ALL}?status=open")).await.is_empty());
    server.verify().await;
}

#[tokio::test]
async fn an_upheld_strike_counts_and_nothing_is_said_twice() {
    let server = Server::start(Options::ephemeral()).await;
    let worker = Worker::new(&server).await;
    let given = strike(&server, &worker, 1).await;
    let (key, body) = (unique::key(), json!({"submission_id": given[0], "reason": "No."}));
    let made = worker.api.post_keyed(APPEALS, &key, &body).await;
    let again = worker.api.post_keyed(APPEALS, &key, &body).await;
    assert_eq!(made.ok(201), again.ok(201));
    let refused = worker.api.post(APPEALS, &body).await.refused(409, "conflict");
    assert_eq!(refused["code"], "already_appealed");
    let decided = decide(&server, &made.json(), &json!({"decision": "uphold"})).await.ok(200);
    assert_eq!(decided["status"], "upheld");
    for decision in ["lift", "uphold"] {
        let refused = decide(&server, &made.json(), &json!({"decision": decision})).await;
        assert_eq!(refused.refused(409, "conflict")["code"], "already_decided");
    }
    let refused = worker.api.post(APPEALS, &body).await.refused(409, "conflict");
    assert_eq!(refused["code"], "already_appealed");
    assert_eq!(worker.api.list(&format!("{STRIKES}?status=upheld")).await.len(), 1);
    let other = Worker::new(&server).await;
    other.api.get(&format!("{APPEALS}/{}", text(&decided, "id"))).await.refused(404, "not_found");
    other.api.post(APPEALS, &body).await.refused(404, "not_found");
    assert!(other.api.list(APPEALS).await.is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let worker = Worker::new(server()).await;
    let appeal = |id: &str, reason: &str| json!({"submission_id": id, "reason": reason});
    let long = "x".repeat(2_001);
    for reason in ["", "   ", long.as_str()] {
        let body = appeal(&format!("sub_{NOBODY}"), reason);
        worker.api.post(APPEALS, &body).await.invalid("reason");
    }
    for id in [format!("sub_{NOBODY}"), "sub_1".to_owned(), format!("job_{NOBODY}")] {
        worker.api.post(APPEALS, &appeal(&id, "No.")).await.refused(404, "not_found");
    }
    worker.api.post(APPEALS, &json!({"reason": "No."})).await.refused(400, "validation_error");
    for (path, field) in [
        (format!("{STRIKES}?status=gone"), "status"),
        (format!("{STRIKES}?cursor=x"), "cursor"),
        (format!("{APPEALS}?status=active"), "status"),
        (format!("{APPEALS}?limit=101"), "limit"),
    ] {
        worker.api.get(&path).await.invalid(field);
    }
    let operator = operator(server());
    let path = format!("{ALL}/apl_{NOBODY}/decide");
    operator.post(&path, &json!({"decision": "lift"})).await.refused(404, "not_found");
    operator.post(&path, &json!({"decision": "forget"})).await.refused(400, "validation_error");
    operator.post(&path, &json!({})).await.refused(400, "validation_error");
    let long = json!({"decision": "lift", "note": long});
    operator.post(&path, &long).await.invalid("note");
    operator.get(&format!("{ALL}?status=gone")).await.invalid("status");
}
