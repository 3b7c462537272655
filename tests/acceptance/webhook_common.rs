//! What the tests of webhooks begin with: endpoints, cheap events, and waiting for what became of them.

use crate::common::server;
use firsthand_tests::job::with;
use firsthand_tests::shape::{assert_id, assert_part, assert_recent, text};
use firsthand_tests::{
    Answer, Api, Buyer, Options, Received, Receiver, Reply, Server, Wait, Worker, unique,
};
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::Duration;

pub const ENDPOINTS: &str = "/v1/webhook_endpoints";
pub const EVENTS: &str = "/v1/webhook_events";
pub const FEED: &str = "/v1/events";

/// What the contract describes without spelling it. A name that the product spells otherwise changes here.
pub mod named {
    /// In an entry of an event's `deliveries`.
    pub const ENDPOINT: &str = "endpoint_id";
    pub const STATUS: &str = "status";
    pub const ATTEMPTS: &str = "attempts";
    pub const NEXT_ATTEMPT: &str = "next_attempt_at";
    pub const LAST_RESPONSE: &str = "last_response_status";
    /// In an attempt.
    pub const EVENT: &str = "event_id";
    pub const NUMBER: &str = "attempt";
    pub const TIME: &str = "created_at";
    pub const REQUEST_HEADERS: &str = "request_headers";
    pub const BODY_HASH: &str = "request_body_sha256";
    pub const RESPONSE_STATUS: &str = "response_status";
    pub const RESPONSE_HEADERS: &str = "response_headers";
    pub const RESPONSE_BODY: &str = "response_body";
    pub const ADDRESS: &str = "remote_address";
    pub const ERROR: &str = "error_code";
    pub const TIMINGS: &str = "timings";
}

/// What the six attempts wait for on [`hasty`].
const HASTY_PAUSES_MS: &str = "0,100,100,100,100,100";
static HASTY: OnceLock<Server> = OnceLock::new();

/// A second server for the whole test binary, whose retries follow each other after a tenth of a second.
pub fn hasty() -> &'static Server {
    HASTY.get_or_init(|| {
        let options = Options::ephemeral().env("FIRSTHAND_WEBHOOK_RETRY_MS", HASTY_PAUSES_MS);
        Server::start_blocking(&options)
    })
}

/// A buyer of the shared server, who will never hear of a retry: the second attempt comes after a minute.
pub async fn patient() -> Buyer {
    Buyer::new(server()).await
}

/// A buyer of the server with quick retries.
pub async fn impatient() -> Buyer {
    Buyer::new(hasty()).await
}

/// An endpoint and who made it.
pub struct Endpoint {
    pub api: Api,
    pub id: String,
    pub secret: String,
}

impl Endpoint {
    /// One that wants everything.
    pub async fn at(api: &Api, receiver: &Receiver) -> Endpoint {
        Self::with(api, receiver, &json!({})).await
    }

    /// One with these fields.
    pub async fn with(api: &Api, receiver: &Receiver, fields: &Value) -> Endpoint {
        let body = with(&json!({"url": receiver.url()}), fields);
        let made = api.post(ENDPOINTS, &body).await.ok(201);
        let (id, secret) = (text(&made, "id").to_owned(), text(&made, "secret").to_owned());
        Endpoint { api: api.clone(), id, secret }
    }

    pub fn path(&self) -> String {
        format!("{ENDPOINTS}/{}", self.id)
    }

    pub async fn get(&self) -> Value {
        self.api.get(&self.path()).await.ok(200)
    }

    pub async fn patch(&self, fields: &Value) -> Value {
        self.api.patch(&self.path(), fields).await.ok(200)
    }

    /// The endpoint once it is as wanted.
    pub async fn once(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut wait = Wait::until(what);
        loop {
            let seen = self.get().await;
            if wanted(&seen) {
                return seen;
            }
            wait.not_yet(&seen).await;
        }
    }

    /// Rotates its secret and returns the new one.
    pub async fn rotate(&self, overlap_seconds: u32) -> String {
        let body = json!({"overlap_seconds": overlap_seconds});
        let path = format!("{}/rotate_secret", self.path());
        text(&self.api.post(&path, &body).await.ok(200), "secret").to_owned()
    }

    /// Asks for a test event and returns it.
    pub async fn test(&self, body: &Value) -> Value {
        self.api.post(&format!("{}/test", self.path()), body).await.ok(202)
    }

    /// Its attempts once they are as wanted, newest first.
    pub async fn attempts_once(&self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        rows_once(&self.api, &format!("{}/attempts", self.path()), what, wanted).await
    }
}

/// A path for an endpoint that no event will ever be sent to.
pub fn nowhere() -> Value {
    json!({"url": "http://127.0.0.1:9/hooks"})
}

/// Makes one event, `job.cancelled`, with the sequence 1, and returns its job.
pub async fn cancelled(buyer: &Buyer) -> String {
    cancelled_by(&buyer.api).await
}

/// [`cancelled`] by a key of any environment.
pub async fn cancelled_by(api: &Api) -> String {
    let body = firsthand_tests::job::photos(1, 75);
    let job = api.post_keyed("/v1/jobs", &unique::key(), &body).await.ok(201);
    let id = text(&job, "id").to_owned();
    api.post_empty(&format!("/v1/jobs/{id}/cancel")).await.ok(200);
    id
}

/// Several jobs cancelled one after the other.
pub async fn cancelled_often(buyer: &Buyer, count: usize) -> Vec<String> {
    let mut jobs = Vec::with_capacity(count);
    for _ in 0..count {
        jobs.push(cancelled(buyer).await);
    }
    jobs
}

/// A list's rows once they are as wanted.
pub async fn rows_once(
    api: &Api,
    path: &str,
    what: &str,
    wanted: impl Fn(&[Value]) -> bool,
) -> Vec<Value> {
    let mut wait = Wait::until(what);
    loop {
        let rows = api.list(path).await;
        if wanted(&rows) {
            return rows;
        }
        wait.not_yet(&Value::Array(rows)).await;
    }
}

/// The only event of a job, in the list of events, once it is there.
pub async fn event_of(api: &Api, job_id: &str) -> Value {
    let path = format!("{EVENTS}?job_id={job_id}");
    let what = format!("the event of {job_id} is listed");
    let mut rows = rows_once(api, &path, &what, |rows| !rows.is_empty()).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// The id of [`event_of`].
pub async fn event_id_of(api: &Api, job_id: &str) -> String {
    text(&event_of(api, job_id).await, "id").to_owned()
}

/// What an event says of one endpoint, if it says anything.
pub fn delivery<'v>(event: &'v Value, endpoint: &Endpoint) -> Option<&'v Value> {
    let all = event["deliveries"].as_array().unwrap_or_else(|| panic!("no deliveries in {event}"));
    all.iter().find(|delivery| delivery[named::ENDPOINT] == endpoint.id.as_str())
}

/// An event once its delivery to this endpoint has this status.
pub async fn event_once(endpoint: &Endpoint, event_id: &str, status: &str) -> Value {
    event_within(Duration::from_secs(30), endpoint, event_id, status).await
}

/// [`event_once`] with another limit.
pub async fn event_within(
    limit: Duration,
    endpoint: &Endpoint,
    event_id: &str,
    status: &str,
) -> Value {
    let what = format!("{event_id} is {status} for {}", endpoint.id);
    let wait = Wait::until(&what).within(limit);
    event_until(wait, endpoint, event_id, |delivery| delivery[named::STATUS] == status).await
}

/// An event once its delivery to this endpoint is as wanted.
pub async fn event_until(
    mut wait: Wait,
    endpoint: &Endpoint,
    event_id: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    loop {
        let event = endpoint.api.get(&format!("{EVENTS}/{event_id}")).await.ok(200);
        if delivery(&event, endpoint).is_some_and(&wanted) {
            return event;
        }
        wait.not_yet(&event).await;
    }
}

/// On [`hasty`]: an event whose six attempts all fail. Another is delivered in between, so that the endpoint does
/// not fail five times in a row and is not spared. Returns the ids of both.
pub async fn failed_for_good(
    buyer: &Buyer,
    receiver: &Receiver,
    endpoint: &Endpoint,
) -> [String; 2] {
    let mut doomed = None::<String>;
    receiver.rule(move |request| {
        let id = request.event_id().to_owned();
        if *doomed.get_or_insert_with(|| id.clone()) != id {
            return Answer::ok();
        }
        let answer = Answer::status(500);
        if request.attempt() == 4 { answer.held() } else { answer }
    });
    let failed = event_id_of(&buyer.api, &cancelled(buyer).await).await;
    let fourth = |request: &Received| request.event_id() == failed && request.attempt() == 4;
    receiver.await_until("the fourth attempt", |requests| requests.iter().any(fourth)).await;
    let delivered = event_id_of(&buyer.api, &cancelled(buyer).await).await;
    event_once(endpoint, &delivered, "delivered").await;
    receiver.release();
    event_once(endpoint, &failed, "failed").await;
    [failed, delivered]
}

/// A page of the feed, oldest first.
pub async fn feed(api: &Api, query: &str) -> Vec<Value> {
    let page = api.get(&format!("{FEED}?{query}")).await.ok(200);
    assert_eq!(page["object"], "list", "{page}");
    page["data"].as_array().unwrap_or_else(|| panic!("no data in {page}")).clone()
}

/// The feed from its beginning once it has so many events.
pub async fn feed_once(api: &Api, count: usize) -> Vec<Value> {
    let mut wait = Wait::until(&format!("the feed has {count} events"));
    loop {
        let events = feed(api, "limit=100").await;
        if events.len() >= count {
            assert_eq!(events.len(), count, "{events:?}");
            return events;
        }
        wait.not_yet(&json!(events.len())).await;
    }
}

/// Checks the envelope of an event, as it is pushed and as the feed shows it.
#[track_caller]
pub fn assert_event(event: &Value, livemode: bool) {
    assert_id(&event["id"], "evt");
    assert_part(
        event,
        &json!({"object": "event", "api_version": "2026-03-18", "livemode": livemode}),
    );
    let time = text(event, "created_at");
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let (seconds, fraction) = shape.split_once('.').unwrap_or((&shape, "Z"));
    assert!(seconds.starts_with("0000-00-00T00:00:00"), "created_at is {time}");
    assert!("000000".starts_with(fraction.trim_end_matches('Z')), "created_at is {time}");
    assert!(time.ends_with('Z'), "created_at is {time}");
    assert_recent(&event["created_at"], 120.0);
    assert!(event["data"].is_object(), "{event}");
    let mut keys: Vec<&str> = event.as_object().expect("an object").keys().map(|k| &**k).collect();
    keys.sort_unstable();
    let documented =
        ["api_version", "created_at", "data", "id", "livemode", "object", "sequence", "type"];
    assert_eq!(keys, documented, "{event}");
}

/// The ids of rows.
pub fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(row, "id").to_owned()).collect()
}

/// A job with two events, `job.flagged` and `job.cancelled`; returns their ids in this order.
pub async fn flagged_and_cancelled(buyer: &Buyer, worker: &Worker) -> [String; 2] {
    let job_id = buyer.photo_job(1, 75).await;
    worker.offered(&job_id).await;
    worker.flag(&job_id, &json!({"reason": "It asks for faces."})).await.ok(200);
    buyer.cancel(&job_id).await.ok(200);
    let path = format!("{EVENTS}?job_id={job_id}");
    let rows = rows_once(&buyer.api, &path, "both events are listed", |rows| rows.len() == 2).await;
    let id = |kind: &str| {
        let row = rows.iter().find(|row| row["type"] == kind);
        text(row.unwrap_or_else(|| panic!("no {kind} in {rows:?}")), "id").to_owned()
    };
    [id("job.flagged"), id("job.cancelled")]
}

/// The body of an answer that promises something: the contract says 202, the older documents 200.
#[track_caller]
pub fn promised(reply: &Reply) -> Value {
    assert!(matches!(reply.status, 200 | 202), "{reply}");
    reply.json()
}
