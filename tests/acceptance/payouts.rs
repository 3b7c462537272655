//! What workers earn, and how it is paid out.

use crate::common::{NOBODY, server};
use crate::finance_common::sql;
use crate::payout_common::{
    ACCOUNT, CLOSED, EARNINGS, GOOD, LOST, NO_FUNDS, PAYOUTS, after, ask, earn, earner, once,
    paying, payout, set_account, sign, sums, totals, transfers,
};
use firsthand_tests::shape::{assert_id, assert_part, int, text};
use firsthand_tests::{
    Api, DataDir, Options, Server, Worker, binary, clock, eventually, together, unique,
};
use serde_json::{Value, json};

#[tokio::test]
async fn an_approval_is_pending_for_48_hours() {
    let worker = Worker::new(server()).await;
    let submission = earn(server(), &worker, 1_000).await;
    let list = worker.api.get(EARNINGS).await.ok(200);
    let earning = &list["data"][0];
    assert_part(
        earning,
        &json!({
            "object": "earning", "submission_id": submission["id"], "job_id": submission["job_id"],
            "amount_cents": 800, "paid_out_cents": 0, "status": "pending",
        }),
    );
    let at = |field| clock::parse(text(earning, field)).expect("an instant");
    assert!((at("available_at") - at("earned_at") - 172_800.0).abs() < 0.001, "{earning}");
    assert_eq!(sums(&worker).await, [800, 0, 0, 0]);
    let me = worker.api.get("/internal/worker/me").await.ok(200);
    assert_part(&me, &json!({"earned_cents": 800, "payout_account": null}));
    assert_eq!(me["earnings"], list["totals"]);
    set_account(&worker, GOOD).await;
    let refused = ask(&worker, None).await.refused(409, "conflict");
    assert_eq!(refused["code"], "payout_below_minimum");
    assert_eq!(refused["details"], json!([{"minimum_cents": 500, "available_cents": 0}]));
}

#[tokio::test]
async fn time_alone_makes_an_earning_available() {
    let server = Server::start(after(3)).await;
    let worker = earner(&server, &[1_000], GOOD).await;
    eventually("it is available", async || {
        let sums = sums(&worker).await;
        if sums == [0, 800, 0, 0] { Ok(()) } else { Err(json!(sums)) }
    })
    .await;
    payout(&worker, None, "paid").await;
    assert_eq!(sums(&worker).await, [0, 0, 0, 800]);
}

#[tokio::test]
async fn a_payout_of_everything_is_set_aside_and_transferred_once() {
    let worker = earner(paying(), &[1_000, 75], GOOD).await;
    assert_eq!(sums(&worker).await, [0, 860, 0, 0]);
    let paid = payout(&worker, None, "paid").await;
    assert_id(&paid["id"], "pay");
    assert_part(
        &paid,
        &json!({
            "object": "payout", "worker_id": worker.id, "amount_cents": 860, "currency": "usd",
            "destination": GOOD, "failure_code": null, "reversed_cents": 0, "batch_id": null,
        }),
    );
    assert_eq!(sums(&worker).await, [0, 0, 0, 860]);
    let made = transfers(paying(), text(&paid, "id")).await;
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(made[0]["id"], paid["external_ref"]);
    assert_part(
        &made[0],
        &json!({
            "amount": 860, "currency": "usd", "destination": GOOD, "livemode": true,
            "metadata": {"payout_id": paid["id"]},
        }),
    );
    let rows = worker.api.list(&format!("{EARNINGS}?status=paid_out")).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    let refused = ask(&worker, None).await.refused(409, "conflict");
    assert_eq!(refused["code"], "payout_below_minimum");
}

#[tokio::test]
async fn a_part_takes_the_oldest_earnings_first() {
    let worker = earner(paying(), &[500, 500, 1_000], GOOD).await;
    payout(&worker, Some(600), "paid").await;
    assert_eq!(sums(&worker).await, [0, 1_000, 0, 600]);
    let shown = |rows: &[Value]| -> Vec<(i64, i64, String)> {
        let one = |row: &Value| {
            let status = text(row, "status").to_owned();
            (int(row, "amount_cents"), int(row, "paid_out_cents"), status)
        };
        rows.iter().map(one).collect()
    };
    let row = |cents, paid, status: &str| (cents, paid, status.to_owned());
    let all = worker.api.list(EARNINGS).await;
    let (first, second, third) =
        (row(400, 400, "paid_out"), row(400, 200, "available"), row(800, 0, "available"));
    assert_eq!(shown(&all), [third.clone(), second.clone(), first.clone()]);
    let of =
        async |status: &str| shown(&worker.api.list(&format!("{EARNINGS}?status={status}")).await);
    assert_eq!(of("paid_out").await, [first]);
    assert_eq!(of("available").await, [third, second]);
    assert_eq!(of("pending").await, []);
    assert_eq!(of("in_transit").await, []);
    // The list goes on behind a cursor.
    let page = worker.api.get(&format!("{EARNINGS}?limit=2")).await;
    let next = page.page().next_cursor.expect("a third one");
    assert!(page.header("link").is_some_and(|link| link.contains("rel=\"next\"")), "{page}");
    let rest = worker.api.get(&format!("{EARNINGS}?limit=2&cursor={next}")).await.ok(200);
    assert_eq!(
        (rest["data"][0]["amount_cents"].clone(), &rest["has_more"]),
        (json!(400), &json!(false))
    );
    let paid = worker.api.list(&format!("{PAYOUTS}?status=paid")).await;
    assert_eq!(paid.len(), 1, "{paid:?}");
    assert!(worker.api.list(&format!("{PAYOUTS}?status=failed")).await.is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_moves_nothing() {
    let worker = earner(paying(), &[1_000], GOOD).await;
    for cents in [json!(499), json!(0), json!(-500), json!(1_000_000_001)] {
        worker.api.post(PAYOUTS, &json!({"amount_cents": cents})).await.invalid("amount_cents");
    }
    for cents in [json!("500"), json!(500.5), json!([])] {
        let body = json!({"amount_cents": cents});
        worker.api.post(PAYOUTS, &body).await.refused(400, "validation_error");
    }
    let more = ask(&worker, Some(801)).await.refused(409, "conflict");
    assert_eq!(more["code"], "insufficient_earnings");
    assert_eq!(more["details"], json!([{"requested_cents": 801, "available_cents": 800}]));
    for account in
        ["", "acct_", "acct_short", "cus_1NvGoodAccount", "acct_1Nv Good Account", "acct_1/../../x"]
    {
        worker.api.post(ACCOUNT, &json!({"account_id": account})).await.invalid("account_id");
    }
    worker.api.post(ACCOUNT, &json!({})).await.refused(400, "validation_error");
    for (path, field) in [
        (format!("{EARNINGS}?status=gone"), "status"),
        (format!("{EARNINGS}?cursor=acme"), "cursor"),
        (format!("{EARNINGS}?limit=0"), "limit"),
        (format!("{PAYOUTS}?status=gone"), "status"),
        (format!("{PAYOUTS}?cursor=sub_{NOBODY}"), "cursor"),
    ] {
        worker.api.get(&path).await.invalid(field);
    }
    assert_eq!(sums(&worker).await, [0, 800, 0, 0]);
    assert!(worker.api.list(PAYOUTS).await.is_empty());
}

#[tokio::test]
async fn without_an_account_there_is_no_payout() {
    let worker = Worker::new(paying()).await;
    earn(paying(), &worker, 1_000).await;
    let refused = ask(&worker, None).await.refused(409, "conflict");
    assert_eq!(refused["code"], "no_payout_account");
    set_account(&worker, GOOD).await;
    assert_eq!(worker.api.get("/internal/worker/me").await.ok(200)["payout_account"], GOOD);
    payout(&worker, None, "paid").await;
}

#[tokio::test]
async fn a_key_names_one_payout_and_a_storm_opens_one() {
    let worker = earner(paying(), &[1_000], GOOD).await;
    let (key, body) = (unique::key(), json!({"amount_cents": 600}));
    let first = worker.api.post_keyed(PAYOUTS, &key, &body).await;
    let again = worker.api.post_keyed(PAYOUTS, &key, &body).await;
    assert_eq!(first.ok(201), again.ok(201));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = worker.api.post_keyed(PAYOUTS, &key, &json!({"amount_cents": 500})).await;
    other.refused(409, "idempotency_error");
    once(&worker, text(&first.json(), "id"), "paid").await;
    earn(paying(), &worker, 1_000).await;
    let asked = together((0..12).map(|_| {
        let worker = worker.clone();
        async move { ask(&worker, None).await }
    }))
    .await;
    let opened: Vec<_> = asked.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(opened.len(), 1, "{asked:?}");
    for reply in asked.iter().filter(|reply| reply.status != 201) {
        let code = reply.refused(409, "conflict")["code"].clone();
        assert!(code == "payout_in_flight" || code == "payout_below_minimum", "{code}");
    }
    once(&worker, text(&opened[0].json(), "id"), "paid").await;
    assert_eq!(sums(&worker).await, [0, 0, 0, 1_600]);
}

#[tokio::test]
async fn a_refused_transfer_gives_the_money_back() {
    let worker = earner(paying(), &[1_000], CLOSED).await;
    let failed = payout(&worker, None, "failed").await;
    assert_eq!(failed["failure_code"], "account_invalid");
    assert_eq!(failed["external_ref"], Value::Null);
    assert_eq!(sums(&worker).await, [0, 800, 0, 0]);
    set_account(&worker, NO_FUNDS).await;
    assert_eq!(payout(&worker, None, "failed").await["failure_code"], "balance_insufficient");
    set_account(&worker, GOOD).await;
    payout(&worker, None, "paid").await;
    assert_eq!(sums(&worker).await, [0, 0, 0, 800]);
    assert!(transfers(paying(), text(&failed, "id")).await.is_empty());
    let seen = once(&worker, text(&failed, "id"), "failed").await;
    assert_eq!(seen, failed, "it keeps its outcome");
}

#[tokio::test]
async fn a_transfer_whose_answer_is_lost_is_found_and_not_made_twice() {
    let worker = earner(paying(), &[1_000], LOST).await;
    let paid = payout(&worker, None, "paid").await;
    let made = transfers(paying(), text(&paid, "id")).await;
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(made[0]["id"], paid["external_ref"]);
    assert_eq!(sums(&worker).await, [0, 0, 0, 800]);
}

#[tokio::test]
async fn what_is_taken_back_can_be_paid_out_again() {
    let worker = earner(paying(), &[1_500], GOOD).await;
    let paid = payout(&worker, None, "paid").await;
    let (id, transfer) = (text(&paid, "id"), text(&paid, "external_ref"));
    let path = format!("/v1/transfers/{transfer}/reversals");
    paying().gateway(true).post_form(&path, "amount=500").await.ok(200);
    eventually("a part is back", async || {
        let sums = sums(&worker).await;
        if sums == [0, 500, 0, 700] { Ok(()) } else { Err(json!(sums)) }
    })
    .await;
    let seen = once(&worker, id, "paid").await;
    assert_eq!(seen["reversed_cents"], 500);
    paying().gateway(true).post_form(&path, "").await.ok(200);
    assert_eq!(once(&worker, id, "reversed").await["reversed_cents"], 1_200);
    assert_eq!(sums(&worker).await, [0, 1_200, 0, 0]);
    payout(&worker, None, "paid").await;
    assert_eq!(sums(&worker).await, [0, 0, 0, 1_200]);
}

/// Tells an event, signed with the secret of one environment, and returns what became of it.
async fn outcome_of((environment, livemode, kind): (&str, bool, &str), object: &Value) -> String {
    let id = format!("evt_{}", unique::number());
    let event = json!({
        "id": id, "object": "event", "livemode": livemode, "type": kind, "data": {"object": object},
    });
    let (signature, body) = sign(paying(), environment, &event);
    let anyone = Api::anonymous(&paying().base_url);
    anyone.post_signed("/hooks/stripe", &signature, &body).await.ok(200);
    let url = &paying().database_url;
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a database");
    tokio::spawn(connection);
    let settled = "select outcome from payment_events where event_id = $1";
    eventually("the event is settled", async || {
        let row = client.query_one(settled, &[&id]).await.expect("a row");
        row.get::<_, Option<String>>(0).ok_or(json!(null))
    })
    .await
}

#[tokio::test]
async fn events_that_come_twice_late_or_wrong_change_nothing() {
    let worker = earner(paying(), &[1_000, 1_000], CLOSED).await;
    let failed = payout(&worker, Some(600), "failed").await;
    set_account(&worker, GOOD).await;
    let paid = payout(&worker, Some(700), "paid").await;
    let before = totals(&worker).await;
    let made = transfers(paying(), text(&paid, "id")).await;
    let transfer = |payout: &Value, amount: i64, reversed: i64| {
        json!({
            "id": made[0]["id"], "object": "transfer", "amount": amount, "currency": "usd",
            "amount_reversed": reversed, "metadata": {"payout_id": payout["id"]},
        })
    };
    // Money went out a second time, under the same payout's name, and came back.
    let mut second = transfer(&paid, 700, 700);
    second["id"] = json!("tr_second");
    let mut unknown = transfer(&paid, 700, 0);
    unknown["metadata"] = json!({"payout_id": format!("pay_{NOBODY}")});
    let bare = json!({"id": "tr_bare", "amount": 1, "currency": "usd"});
    for (environment, livemode, kind, object, outcome) in [
        ("live", true, "transfer.created", transfer(&paid, 700, 0), "booked"),
        ("live", true, "transfer.created", transfer(&paid, 701, 0), "refused"),
        ("live", true, "transfer.reversed", transfer(&paid, 700, 0), "booked"),
        ("live", true, "transfer.reversed", transfer(&paid, 700, 701), "refused"),
        ("live", true, "transfer.created", second.clone(), "refused"),
        ("live", true, "transfer.reversed", second, "refused"),
        ("test", false, "transfer.reversed", transfer(&paid, 700, 700), "refused"),
        ("live", false, "transfer.reversed", transfer(&paid, 700, 700), "refused"),
        ("test", true, "transfer.reversed", transfer(&paid, 700, 700), "refused"),
        ("live", true, "transfer.created", transfer(&failed, 600, 0), "refused"),
        ("live", true, "transfer.reversed", transfer(&failed, 600, 600), "refused"),
        ("live", true, "transfer.created", unknown, "unknown"),
        ("live", true, "transfer.created", bare, "unknown"),
    ] {
        let told = (environment, livemode, kind);
        // Each was looked at before the next one is told.
        assert_eq!(outcome_of(told, &object).await, outcome, "{told:?} {object}");
        assert_eq!(totals(&worker).await, before, "{told:?} {object}");
    }
    assert_eq!(once(&worker, text(&failed, "id"), "failed").await, failed);
    assert_eq!(once(&worker, text(&paid, "id"), "paid").await, paid);
}

#[tokio::test]
async fn another_worker_s_payout_is_not_found() {
    let worker = earner(paying(), &[1_000], GOOD).await;
    let paid = payout(&worker, None, "paid").await;
    let path = format!("{PAYOUTS}/{}", text(&paid, "id"));
    let other = Worker::new(paying()).await;
    other.api.get(&path).await.refused(404, "not_found");
    other.api.get(&format!("{PAYOUTS}/pay_{NOBODY}")).await.refused(404, "not_found");
    assert!(other.api.list(PAYOUTS).await.is_empty());
    assert_eq!(sums(&other).await, [0, 0, 0, 0]);
    worker.api.without_token().get(&path).await.refused(401, "authentication_error");
}

#[tokio::test]
async fn a_payout_that_a_restart_cuts_off_is_paid_once_and_the_books_verify() {
    let data = DataDir::new();
    let options = || Options::at(&data.path()).env("FIRSTHAND_EARNINGS_HOLD_SECONDS", "0");
    let server = Server::start(options()).await;
    let worker = earner(&server, &[1_000], LOST).await;
    let asked = ask(&worker, None).await.ok(201);
    server.stop().await;
    let server = Server::start(options()).await;
    let worker = worker.with_base_url(&server.base_url);
    once(&worker, text(&asked, "id"), "paid").await;
    assert_eq!(transfers(&server, text(&asked, "id")).await.len(), 1);
    assert_eq!(sums(&worker).await, [0, 0, 0, 800]);
    server.verify().await;
    server.stop().await;
    let path = data.path();
    tokio::task::spawn_blocking(move || binary::verify_data(&path)).await.expect("no difference");
}

#[tokio::test]
async fn an_approval_that_is_told_again_earns_nothing_more() {
    let server = Server::start(after(172_800)).await;
    let worker = Worker::new(&server).await;
    let submission = earn(&server, &worker, 1_000).await;
    let task = json!({"submission_id": submission["id"]});
    let insert = format!(
        "insert into tasks (part, task_id, kind, book, payload, due_at)
         values (0, 'record:again', 'record', 'again', convert_to('{task}', 'UTF8'), 0)"
    );
    sql(&server, &insert).await;
    let (client, connection) = tokio_postgres::connect(&server.database_url, tokio_postgres::NoTls)
        .await
        .expect("a database");
    tokio::spawn(connection);
    eventually("the task is done", async || {
        let row = client.query_one("select count(*) from tasks", &[]).await.expect("a count");
        if row.get::<_, i64>(0) == 0 { Ok(()) } else { Err(json!("waiting")) }
    })
    .await;
    assert_eq!(sums(&worker).await, [800, 0, 0, 0]);
    server.verify().await;
}
