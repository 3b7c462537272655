//! Rate limits: per key, per organization, per worker, per address; what headers and refusals say.
//!
//! The figures of these servers are small and their windows long against a test, so that nothing is given back
//! while one runs, unless that is the point.

use firsthand_tests::server::Options;
use firsthand_tests::{Api, Buyer, Reply, Server, Wait, Worker, binary, job, together, unique};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::OnceCell;

fn limited() -> Options {
    Options::ephemeral()
        .env("FIRSTHAND_RATE_LIMITS", "on")
        .env("FIRSTHAND_RATE_LIMIT_ADDRESS_PER_MINUTE", "1000")
}

/// The documented figures for keys, but few reads of jobs and few requests of a worker.
async fn few_reads() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    let options = limited()
        .env("FIRSTHAND_RATE_LIMIT_JOB_READS_PER_MINUTE", "7")
        .env("FIRSTHAND_RATE_LIMIT_WORKER_PER_MINUTE", "4");
    SERVER.get_or_init(|| Server::start(options)).await
}

/// Few requests for every key.
async fn few_requests() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    let options = limited()
        .env("FIRSTHAND_RATE_LIMIT_REQUESTS_PER_MINUTE", "12")
        .env("FIRSTHAND_RATE_LIMIT_FREE_REQUESTS_PER_MINUTE", "5");
    SERVER.get_or_init(|| Server::start(options)).await
}

fn number(reply: &Reply, header: &str) -> i64 {
    let value = reply.header(header).unwrap_or_else(|| panic!("{reply}: no {header}"));
    value.parse().unwrap_or_else(|_| panic!("{reply}: {header} is {value:?}"))
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_secs()).expect("a time")
}

/// Asks until it is refused, at most so often.
async fn exhaust(api: &Api, path: &str, most: usize) -> (usize, Reply) {
    for answered in 0..=most {
        let reply = api.get(path).await;
        if reply.status == 429 {
            return (answered, reply);
        }
        reply.ok(200);
    }
    panic!("{most} requests were let through");
}

/// Asks until it is let through, and returns that answer. A refusal takes nothing from the limit, and
/// none may come for what is asked once the promised time is over.
async fn let_through<F: Future<Output = Reply>>(promised: Duration, ask: impl Fn() -> F) -> Reply {
    let mut wait =
        Wait::until("the request is let through").within(promised + Duration::from_secs(30));
    let refused_at = Instant::now();
    loop {
        let asked_after = refused_at.elapsed();
        let reply = ask().await;
        if reply.status != 429 {
            return reply;
        }
        assert!(asked_after < promised, "refused after {asked_after:?}: {reply}");
        wait.not_yet(&reply.json()).await;
    }
}

#[tokio::test]
async fn a_key_has_its_requests_and_then_a_429_that_says_everything() {
    let buyer = Buyer::unverified(few_reads().await).await;
    let first = buyer.get("/v1/me").await;
    first.ok(200);
    assert_eq!(number(&first, "x-ratelimit-limit"), 60, "an organization on the free tier");
    assert_eq!(number(&first, "x-ratelimit-remaining"), 59);
    let reset = number(&first, "x-ratelimit-reset") - now();
    assert!((0..=3).contains(&reset), "the first of 60 a minute is back in a second: {reset}");
    assert_eq!(first.header("ratelimit"), Some("\"key_requests\";r=59;t=1"));
    assert_eq!(
        first.header("ratelimit-policy"),
        Some("\"key_requests\";q=60;w=60, \"organization\";q=500;w=1")
    );
    let began = Instant::now();
    let (answered, refused) = exhaust(&buyer.api, "/v1/me", 90).await;
    let given_back = usize::try_from(began.elapsed().as_secs()).expect("a number") + 1;
    assert!((59..=59 + given_back).contains(&answered), "{answered} after {:?}", began.elapsed());
    refused.refused(429, "rate_limit_exceeded");
    assert_eq!(number(&refused, "retry-after"), 1);
    assert_eq!(number(&refused, "x-ratelimit-remaining"), 0);
    assert_eq!(number(&refused, "x-ratelimit-limit"), 60);
    let reset = number(&refused, "x-ratelimit-reset") - now();
    assert!((57..=62).contains(&reset), "{reset}");
    let details = &refused.json()["error"]["details"][0];
    assert_eq!(details["bucket"], "key_requests");
    assert_eq!(details["limit"], 60);
    assert_eq!(details["window_seconds"], 60);
    assert_eq!(details["retry_after_seconds"], 1);
    assert!(details["resets_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{details}");
    assert!(refused.header("x-request-id").is_some());
    let promised = Duration::from_secs(1);
    let_through(promised, || buyer.get("/v1/me")).await.ok(200);
}

#[tokio::test]
async fn reads_of_jobs_are_counted_apart_and_a_long_poll_counts_once() {
    let buyer = Buyer::with_balance(few_reads().await, 1_000).await;
    let job = buyer.photo_job(1, 75).await;
    let poll = buyer.api.request(Method::GET, &format!("/v1/jobs/{job}"));
    let poll = poll.header("Prefer", "wait=4").send().await;
    poll.ok(200);
    assert_eq!(number(&poll, "x-ratelimit-remaining"), 6, "held for seconds, counted once");
    for path in ["/v1/jobs".to_owned(), format!("/v1/jobs/{job}/files")] {
        let reply = buyer.get(&path).await;
        reply.ok(200);
        assert_eq!(number(&reply, "x-ratelimit-limit"), 7);
        assert!(
            reply.header("ratelimit").is_some_and(|field| field.starts_with("\"key_job_reads\""))
        );
    }
    let (_, refused) = exhaust(&buyer.api, "/v1/jobs", 8).await;
    assert_eq!(refused.json()["error"]["details"][0]["bucket"], "key_job_reads");
    let (wait, reset) = (number(&refused, "retry-after"), number(&refused, "x-ratelimit-reset"));
    assert!((1..=9).contains(&wait), "{wait}");
    assert!(reset > now() + wait, "all of it takes longer than one");
    let me = buyer.get("/v1/me").await;
    me.ok(200);
    assert_eq!(number(&me, "x-ratelimit-limit"), 100, "promotional credits end the free tier");
}

#[tokio::test]
async fn every_key_has_a_bucket_of_its_own_and_the_organization_one_for_all() {
    let options = limited().env("FIRSTHAND_RATE_LIMIT_ORGANIZATION_PER_SECOND", "2");
    let server = Server::start(options).await;
    let buyer = Buyer::unverified(&server).await;
    let mut limited_by_all = None;
    for _ in 0..200 {
        let four = (0..4).map(|_| {
            let api = buyer.api.clone();
            async move { api.get("/v1/jobs").await }
        });
        let replies = together(four).await;
        for reply in &replies {
            let binding = reply.header("ratelimit").unwrap_or_default();
            assert!(binding.starts_with("\"organization\""), "the organization binds: {binding}");
        }
        limited_by_all = replies.into_iter().find(|reply| reply.status == 429);
        if limited_by_all.is_some() {
            break;
        }
    }
    let refused = limited_by_all.expect("two a second are exceeded by four at a time");
    let details = &refused.json()["error"]["details"][0];
    assert_eq!(details["bucket"], "organization");
    assert_eq!(details["window_seconds"], 1);
    assert_eq!(number(&refused, "retry-after"), 1);
}

#[tokio::test]
async fn one_key_does_not_use_up_another_and_other_organizations_are_untouched() {
    let server = few_requests().await;
    let buyer = Buyer::unverified(server).await;
    let body = json!({"name": "second", "scopes": ["jobs:read"]});
    let second = buyer.post("/v1/api_keys", &body).await.ok(200);
    let second = buyer.api.with_token(second["secret"].as_str().expect("a secret"));
    exhaust(&buyer.api, "/v1/me", 6).await;
    second.get("/v1/me").await.ok(200);
    Buyer::unverified(server).await.get("/v1/me").await.ok(200);
    // Being refused for its scopes counts too.
    for _ in 0..6 {
        second.get("/v1/api_keys").await;
    }
    assert_eq!(second.get("/v1/api_keys").await.status, 429);
}

#[tokio::test]
async fn an_hourly_cap_counts_beside_the_minute() {
    let server = Server::start(limited().env("FIRSTHAND_RATE_LIMIT_REQUESTS_PER_HOUR", "9")).await;
    let buyer = Buyer::unverified(&server).await;
    let first = buyer.get("/v1/me").await;
    assert_eq!(
        first.header("ratelimit"),
        Some("\"key_hourly\";r=8;t=400"),
        "the least is left of it"
    );
    assert_eq!(
        first.header("ratelimit-policy"),
        Some("\"key_requests\";q=60;w=60, \"key_hourly\";q=9;w=3600, \"organization\";q=500;w=1")
    );
    // Reads of jobs have a minute of their own, but not an hour.
    buyer.get("/v1/jobs").await.ok(200);
    let (answered, refused) = exhaust(&buyer.api, "/v1/me", 10).await;
    assert_eq!(answered, 7);
    assert_eq!(refused.json()["error"]["details"][0]["bucket"], "key_hourly");
    assert!((300..=400).contains(&number(&refused, "retry-after")));
}

#[tokio::test]
async fn sign_up_is_limited_by_address() {
    let options = Options::ephemeral()
        .env("FIRSTHAND_RATE_LIMITS", "on")
        .env("FIRSTHAND_RATE_LIMIT_ADDRESS_PER_MINUTE", "3")
        .env("FIRSTHAND_CLIENT_ADDRESS_HEADER", "X-Forwarded-For");
    let server = Server::start(options).await;
    let anonymous = Api::anonymous(&server.base_url);
    let sign_up = async |forwarded: Option<&str>| {
        let body = json!({"name": "Shop Windows Ltd", "email": unique::email("limits")});
        let call = anonymous.request(Method::POST, "/v1/auth/signup").json(&body);
        match forwarded {
            Some(address) => call.header("X-Forwarded-For", address).send().await,
            None => call.send().await,
        }
    };
    for left in [2, 1, 0] {
        let reply = sign_up(None).await;
        reply.ok(200);
        assert_eq!(number(&reply, "x-ratelimit-remaining"), left);
    }
    let refused = sign_up(None).await;
    refused.refused(429, "rate_limit_exceeded");
    assert_eq!(refused.json()["error"]["details"][0]["bucket"], "client_address");
    assert!((1..=20).contains(&number(&refused, "retry-after")));
    // The nearest proxy's word counts, not what the client put before it.
    for forged in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
        sign_up(Some(&format!("{forged}, 198.51.100.7"))).await.ok(200);
    }
    assert_eq!(sign_up(Some("203.0.113.4, 198.51.100.7")).await.status, 429);
    // One customer's IPv6 network is one caller.
    for host in ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1::3"] {
        sign_up(Some(host)).await.ok(200);
    }
    assert_eq!(sign_up(Some("2001:db8:0:1::4")).await.status, 429);
    sign_up(Some("2001:db8:0:2::1")).await.ok(200);
    // Whoever has a key is not kept out by its address.
    anonymous.get("/livez").await;
    anonymous.get("/v1/me").await.refused(401, "authentication_error");
}

#[tokio::test]
async fn a_worker_is_limited_by_its_token() {
    let server = few_reads().await;
    let (worker, other) = (Worker::new(server).await, Worker::new(server).await);
    let (answered, refused) = exhaust(&worker.api, "/internal/worker/me", 5).await;
    assert_eq!(answered, 4);
    assert_eq!(refused.json()["error"]["details"][0]["bucket"], "worker");
    other.api.get("/internal/worker/me").await.ok(200);
}

#[tokio::test]
async fn without_limits_nothing_is_counted_and_no_header_says_so() {
    let buyer = crate::common::buyer().await;
    let reply = buyer.get("/v1/me").await;
    reply.ok(200);
    for header in ["x-ratelimit-limit", "ratelimit", "ratelimit-policy", "retry-after"] {
        assert_eq!(reply.header(header), None, "{header}");
    }
}

#[tokio::test]
async fn a_refused_command_leaves_its_idempotency_key_unused() {
    let buyer = Buyer::with_balance(few_requests().await, 1_000).await;
    let (key, body) = (unique::key(), job::photos(1, 75));
    exhaust(&buyer.api, "/v1/me", 30).await;
    let refused = buyer.post_keyed("/v1/jobs", &key, &body).await;
    refused.refused(429, "rate_limit_exceeded");
    let wait = u64::try_from(number(&refused, "retry-after")).expect("a wait");
    let promised = Duration::from_secs(wait);
    let created = let_through(promised, || buyer.post_keyed("/v1/jobs", &key, &body)).await;
    created.ok(201);
    assert_eq!(created.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn to_serve_without_limits_must_be_meant() {
    let refused = |args: &'static [&'static str], limits: &'static str| {
        let finished =
            binary::run(args, &[("FIRSTHAND_RATE_LIMITS", limits)], Duration::from_secs(30));
        assert_eq!(finished.code, Some(1), "{finished:?}");
        finished.stderr.contains("rate limits are off")
    };
    let refused = tokio::task::spawn_blocking(move || {
        [
            refused(&["serve"], "off"),
            refused(&["serve"], "on"),
            refused(&["serve", "--allow-unlimited"], "off"),
        ]
    });
    assert_eq!(refused.await.expect("the commands end"), [true, false, false]);
}

#[tokio::test]
async fn a_figure_that_makes_no_sense_keeps_the_service_from_starting() {
    for (name, value) in [
        ("rate_limit_requests_per_minute", "none"),
        ("submissions_per_day_silver", "49"),
        ("priority_windows", "yes"),
    ] {
        let finished = tokio::task::spawn_blocking(move || {
            let variable = format!("FIRSTHAND_{}", name.to_uppercase());
            let figure = [(variable.as_str(), value)];
            binary::run(&["dev", "--ephemeral"], &figure, Duration::from_secs(90))
        });
        let finished = finished.await.expect("the command ends");
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains(name), "{finished:?}");
    }
}
