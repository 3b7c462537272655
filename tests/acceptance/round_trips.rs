//! How often a request waits for the database on its own account: counted on the wire, between the process and
//! PostgreSQL. What the writer appends for all requests of a moment together is not any request's own, nor is
//! what followers do later.

use crate::common::delivered_by;
use crate::finance_common::operator;
use crate::wire_tap::{PING, Tap};
use firsthand_tests::job::photos;
use firsthand_tests::{Api, Buyer, Options, Server, Worker, unique};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So many requests of a kind are counted: what comes by the clock stays far below one for each.
const TIMES: u64 = 60;

/// Who asks for a request; the writer's append and look-up, and followers' transactions, are others.
const POOLS: [&str; 2] = ["firsthand-tenants", "firsthand-single"];

/// Two processes know the same keys only if they have the same master key.
const MASTER_KEY: &str = "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f";

/// A request, how it is sent, and how many round trips it may make.
struct Case {
    method: Method,
    path: String,
    body: Option<Value>,
    most: u64,
}

fn get(path: impl Into<String>) -> Case {
    Case { method: Method::GET, path: path.into(), body: None, most: 1 }
}

fn post(path: &str, body: &Value) -> Case {
    Case { method: Method::POST, body: Some(body.clone()), ..get(path) }
}

fn patch(path: &str, body: &Value) -> Case {
    Case { method: Method::PATCH, body: Some(body.clone()), ..get(path) }
}

impl Case {
    /// Allows more, for a reason that docs/http.md names.
    fn at_most(self, most: u64) -> Case {
        Case { most, ..self }
    }

    async fn send(&self, api: &Api) {
        let mut call = api.request(self.method.clone(), &self.path);
        if let Some(body) = &self.body {
            call = call.json(body).key(&unique::key());
        }
        let reply = call.send().await;
        assert!(reply.status < 300, "{reply}");
    }

    /// Returns the statements that each request waits for, with how often. For each of them the pool asks
    /// once whether the connection still lives, after the request: more than that would be waited for.
    async fn count(&self, tap: &Tap, api: &Api) -> BTreeMap<String, u64> {
        // Statements are prepared first, and states come to memory.
        for _ in 0..3 {
            self.send(api).await;
        }
        tap.reset();
        for _ in 0..TIMES {
            self.send(api).await;
        }
        let mut counts = tap.counts();
        for pool in POOLS {
            let ping = (pool.to_owned(), PING.to_owned());
            let of_pool = counts.iter().filter(|((of, what), _)| of == pool && what != PING);
            let statements: u64 = of_pool.map(|(_, times)| times).sum();
            counts.entry(ping).and_modify(|pings| *pings = pings.saturating_sub(statements));
        }
        let own = counts.into_iter().filter(|((pool, statement), _)| {
            // The dispatcher of webhooks takes lanes when a part has moved, for no request.
            POOLS.contains(&pool.as_str()) && !statement.contains("holder")
        });
        own.map(|((pool, statement), times)| {
            (format!("{pool}: {statement}"), (times + TIMES / 2) / TIMES)
        })
        .filter(|(_, times)| *times > 0)
        .collect()
    }
}

#[tokio::test]
async fn a_request_waits_for_the_database_at_most_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options::ephemeral().env("FIRSTHAND_MASTER_KEY", MASTER_KEY);
    let first = Server::start(options.clone()).await;
    let (tap, url) = Tap::open(folder.path(), &first.database_url);
    let second = Server::start(options.env("DATABASE_URL", &url)).await;
    let buyer = Buyer::new(&second).await;
    let worker = Worker::new(&second).await;
    let done = delivered_by(&worker, &buyer, 75).await;
    let (job, submission) = (done.job_id.clone(), done.submission_id().to_owned());
    let file = buyer.files_once(&job, 1).await.remove(0)["id"].as_str().expect("an id").to_owned();
    let wanted = json!({"url": "https://hooks.example.com/firsthand"});
    let endpoint = buyer.post("/v1/webhook_endpoints", &wanted).await.ok(201);
    let endpoint = endpoint["id"].as_str().expect("an id").to_owned();
    let events = buyer.rows_once("/v1/webhook_events", "an event", |rows| !rows.is_empty()).await;
    let event = events[0]["id"].as_str().expect("an id").to_owned();
    let photo = photos(1, 10);
    let created = buyer.try_create(&photo).await;
    created.ok(201);
    let request = created.header("X-Request-Id").expect("an id").to_owned();

    let of_operator = [get("/internal/operator/payment_events")];
    let of_worker = [
        get("/internal/worker/me"),
        get("/internal/worker/jobs/available"),
        get("/internal/worker/submissions").at_most(2),
        get(format!("/internal/worker/submissions/{submission}")),
    ];
    let of_buyer = [
        get("/v1/me"),
        get("/v1/jobs"),
        get(format!("/v1/jobs/{job}")),
        get(format!("/v1/jobs/{job}/files")),
        get(format!("/v1/jobs/{job}/submissions")),
        get(format!("/v1/jobs/{job}/audit")),
        get("/v1/submissions"),
        get(format!("/v1/submissions/{submission}")),
        get("/v1/submissions/summary"),
        post(&format!("/v1/files/{file}/refresh_url"), &json!({})),
        get("/v1/api_keys"),
        get("/v1/billing/credits"),
        get("/v1/billing/transactions"),
        get("/v1/billing/purchases"),
        get("/v1/organization/settings"),
        get("/v1/audit-events"),
        get("/v1/events"),
        get("/v1/webhook_events"),
        get(format!("/v1/events?after={event}")).at_most(2),
        get("/v1/webhook_endpoints").at_most(2),
        get(format!("/v1/webhook_endpoints/{endpoint}")).at_most(2),
        get(format!("/v1/webhook_endpoints/{endpoint}/attempts")).at_most(2),
        get(format!("/v1/webhook_events/{event}")),
        get(format!("/v1/webhook_events/{event}/attempts")).at_most(2),
        get(format!("/v1/requests/{request}")),
        post("/v1/jobs", &photo),
        post("/v1/jobs?dry_run=true", &photo),
        post("/v1/api_keys", &json!({"name": "another"})),
        patch("/v1/organization/settings", &json!({"default_price_per_file_cents": 60})),
        patch(&format!("/v1/webhook_endpoints/{endpoint}"), &json!({"description": "mine"}))
            .at_most(2),
    ];
    let mut too_many = Vec::new();
    let buyer_s = of_buyer.iter().map(|case| (case, &buyer.api));
    let worker_s = of_worker.iter().map(|case| (case, &worker.api));
    let operator = operator(&second);
    let operator_s = of_operator.iter().map(|case| (case, &operator));
    for (case, api) in buyer_s.chain(worker_s).chain(operator_s) {
        let found = case.count(&tap, api).await;
        let trips: u64 = found.values().sum();
        println!("{:>2} {} {}", trips, case.method, case.path);
        if trips > case.most {
            too_many.push(format!("{} {}: {found:#?}", case.method, case.path));
        }
    }
    second.stop().await;
    first.stop().await;
    assert!(too_many.is_empty(), "{}", too_many.join("\n"));
}
