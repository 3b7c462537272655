//! Two processes on one database: either serves everybody, and each hears of what the other did.

use crate::serve_common::MASTER_KEY;
use firsthand_tests::wait::{Wait, if_so};
use firsthand_tests::{Buyer, Options, Server, eventually, job, together};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A process with a database, and another on the same database.
async fn pair() -> (Server, Server) {
    let (name, key) = MASTER_KEY;
    let options = Options::ephemeral().env(name, key);
    let first = Server::start(options.clone()).await;
    let second = Server::start(options.env("DATABASE_URL", &first.database_url)).await;
    (first, second)
}

#[tokio::test]
async fn what_one_process_does_the_other_knows() {
    let (first, second) = pair().await;
    let here = Buyer::new(&first).await;
    let there = here.with_base_url(&second.base_url);

    // A job of one is a job of the other, and money is spent once.
    let job = here.photo_job(1, 75).await;
    assert_eq!(there.job(&job).await, here.job(&job).await);
    there.cancel(&job).await.ok(200);
    let cancelled = eventually("the first process knows of the cancellation", async || {
        if_so(here.job(&job).await, |job| job["status"] == "cancelled")
    });
    assert_eq!(cancelled.await, there.job(&job).await);
    assert_eq!(here.balance().await, there.balance().await);

    // A page that one began, the other goes on with.
    for _ in 0..3 {
        here.photo_job(1, 75).await;
    }
    let page = here.get("/v1/jobs?limit=2").await.page();
    let cursor = page.next_cursor.expect("a second page");
    let next = format!("/v1/jobs?limit=2&cursor={cursor}");
    assert_eq!(there.get(&next).await.page().ids(), here.get(&next).await.page().ids());

    second.stop().await;
    first.verify().await;
    first.stop().await;
}

#[tokio::test]
async fn a_change_at_one_process_wakes_who_waits_at_the_other() {
    let (first, second) = pair().await;
    let here = Buyer::new(&first).await;
    let there = here.with_base_url(&second.base_url);
    let job = here.photo_job(1, 75).await;
    // The other process knows the job before anybody waits there, so only the change can end the wait.
    there.job(&job).await;
    let (api, path) = (there.api.clone(), format!("/v1/jobs/{job}"));
    let mut waiting = tokio::spawn(async move {
        api.request(Method::GET, &path).header("Prefer", "wait=30").send().await
    });
    let early = tokio::time::timeout(Duration::from_millis(500), &mut waiting).await;
    assert!(early.is_err(), "the poll was answered before anything changed: {early:?}");
    let changed = Instant::now();
    here.cancel(&job).await.ok(200);
    let reply = waiting.await.expect("the poll ends");
    assert_eq!(reply.ok(200)["status"], "cancelled");
    assert!(changed.elapsed() < Duration::from_secs(10), "{:?}", changed.elapsed());
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn a_key_that_one_process_revokes_is_dead_at_the_other() {
    let (first, second) = pair().await;
    let here = Buyer::new(&first).await;
    let key = here.create_key(&json!({"name": "short-lived"})).await;
    let secret = key["secret"].as_str().expect("a secret");
    let there = here.with_base_url(&second.base_url).api.with_token(secret);
    there.get("/v1/me").await.ok(200);
    let id = key["id"].as_str().expect("an id");
    let revoked = here.post_empty(&format!("/v1/api_keys/{id}/revoke")).await;
    assert_eq!(revoked.status, 204, "{revoked}");
    // A second is promised; the rest is for a machine that is busy with other tests.
    let mut wait = Wait::until("the other process refuses the key").within(Duration::from_secs(5));
    loop {
        let reply = there.get("/v1/me").await;
        if reply.status == 401 {
            reply.refused(401, "authentication_error");
            break;
        }
        wait.not_yet(&Value::from(reply.status)).await;
    }
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn what_one_process_takes_for_done_is_done() {
    const SETTINGS: &str = "/v1/organization/settings";
    let (first, second) = pair().await;
    let here = Buyer::unverified(&first).await;
    let there = here.with_base_url(&second.base_url);
    let price = |cents: i64| json!({"default_price_per_file_cents": cents});
    there.patch(SETTINGS, &price(80)).await.ok(200);
    here.patch(SETTINGS, &price(90)).await.ok(200);
    // To the other process nothing seems to change: nothing would be written that the log could contradict.
    there.patch(SETTINGS, &price(80)).await.ok(200);
    for buyer in [&here, &there] {
        let settings = buyer.get(SETTINGS).await.ok(200);
        assert_eq!(settings["default_price_per_file_cents"], 80, "{settings}");
    }
    second.stop().await;
    first.verify().await;
    first.stop().await;
}

/// Clients of each process, and how many jobs each of them creates.
const CLIENTS: usize = 8;
const JOBS: usize = 40;

#[tokio::test]
async fn processes_that_write_at_once_all_get_on() {
    let (first, second) = pair().await;
    let here = Buyer::new(&first).await;
    let there = here.with_base_url(&second.base_url);
    let clients = (0..2 * CLIENTS).map(|n| if n % 2 == 0 { here.clone() } else { there.clone() });
    let created = together(clients.map(|buyer| async move {
        for _ in 0..JOBS {
            buyer.try_create(&job::photos(1, 75)).await.ok(201);
        }
    }));
    created.await;
    let spent = i64::try_from(2 * CLIENTS * JOBS).expect("a count") * 75;
    assert_eq!(here.balance().await.held, spent);
    second.stop().await;
    first.verify().await;
    first.stop().await;
}
