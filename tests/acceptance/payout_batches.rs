//! Runs of payouts, and the report that compares buyers' books with workers'.

use crate::common::NOBODY;
use crate::finance_common::{operator, sql};
use crate::payout_common::{
    CLOSED, GOOD, LOST, NO_FUNDS, after, earn, earner, payout, sums, transfers,
};
use firsthand_tests::shape::{assert_id, assert_part, int, text};
use firsthand_tests::{Server, Wait, Worker, clock, together};
use serde_json::{Value, json};

const BATCHES: &str = "/internal/operator/payout_batches";
const PAYABLES: &str = "/internal/operator/worker_payables";

async fn settled(server: &Server, id: &str) -> Value {
    let mut wait = Wait::until("the run is settled");
    loop {
        let seen = operator(server).get(&format!("{BATCHES}/{id}")).await.ok(200);
        if seen["status"] == "settled" {
            return seen;
        }
        wait.not_yet(&seen).await;
    }
}

/// Count and amount of a run's payouts with a status.
fn total(batch: &Value, status: &str) -> (i64, i64) {
    let rows = batch["payouts"].as_array().expect("totals");
    let row = rows.iter().find(|row| row["status"] == status);
    row.map_or((0, 0), |row| (int(row, "count"), int(row, "amount_cents")))
}

#[tokio::test]
async fn in_a_run_each_payout_has_its_own_outcome() {
    let server = Server::start(after(0)).await;
    let good = earner(&server, &[1_000], GOOD).await;
    let lost = earner(&server, &[1_100], LOST).await;
    let closed = earner(&server, &[1_200], CLOSED).await;
    let short = earner(&server, &[1_300], NO_FUNDS).await;
    let poor = earner(&server, &[600], GOOD).await;
    let nowhere = Worker::new(&server).await;
    earn(&server, &nowhere, 1_000).await;
    let body = json!({"name": "2026-w47"});
    // However often it is asked for, and by however many at once.
    let asked = together((0..5).map(|_| {
        let (operator, body) = (operator(&server), body.clone());
        async move { operator.post(BATCHES, &body).await }
    }))
    .await;
    assert_eq!(asked.iter().filter(|reply| reply.status == 202).count(), 1, "{asked:?}");
    let id = text(&asked[0].json(), "id").to_owned();
    assert_id(&json!(id), "pob");
    assert!(asked.iter().all(|reply| reply.json()["id"] == id), "{asked:?}");
    let batch = settled(&server, &id).await;
    assert_part(&batch, &json!({"object": "payout_batch", "name": "2026-w47"}));
    assert_eq!(total(&batch, "paid"), (2, 1_680));
    assert_eq!(total(&batch, "failed"), (2, 2_000));
    assert_eq!(total(&batch, "in_transit"), (0, 0));
    assert_eq!(batch["skipped"], json!({"no_payout_account": 1}));
    let payouts = operator(&server).list(&format!("{BATCHES}/{id}/payouts")).await;
    assert_eq!(payouts.len(), 4, "{payouts:?}");
    for payout in &payouts {
        assert_eq!(payout["batch_id"], id);
        let made = transfers(&server, text(payout, "id")).await.len();
        assert_eq!(made, usize::from(payout["status"] == "paid"), "{payout}");
    }
    for (worker, expected) in [
        (&good, [0, 0, 0, 800]),
        (&lost, [0, 0, 0, 880]),
        (&closed, [0, 960, 0, 0]),
        (&short, [0, 1_040, 0, 0]),
        (&poor, [0, 480, 0, 0]),
        (&nowhere, [0, 800, 0, 0]),
    ] {
        assert_eq!(sums(worker).await, expected, "{}", worker.id);
    }
    // The next run takes up what is left; the first one stays as it is.
    let next = operator(&server).post(BATCHES, &json!({"name": "2026-w48"})).await.ok(202);
    let next = settled(&server, text(&next, "id")).await;
    assert_eq!((total(&next, "failed"), total(&next, "paid")), ((2, 2_000), (0, 0)));
    assert_eq!(settled(&server, &id).await, batch);
    assert_eq!(operator(&server).post(BATCHES, &body).await.ok(200), batch);
    let all = operator(&server).list(BATCHES).await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!((&all[0]["name"], &all[1]["id"]), (&json!("2026-w48"), &json!(id)));
    server.verify().await;
}

#[tokio::test]
async fn a_run_that_is_told_to_begin_anew_opens_nothing_twice() {
    let server = Server::start(after(0)).await;
    let worker = earner(&server, &[1_000], CLOSED).await;
    let asked = operator(&server).post(BATCHES, &json!({"name": "again"})).await.ok(202);
    let id = text(&asked, "id").to_owned();
    let batch = settled(&server, &id).await;
    assert_eq!(total(&batch, "failed"), (1, 800));
    // As if it had been killed before its end was written: what failed could be paid out again now.
    let task = json!({"batch_id": id});
    let again = format!(
        "update payout_batches set opened_at = null;
         insert into tasks (part, task_id, kind, book, payload, due_at)
         values (0, 'payout_batch:again', 'payout_batch', 'payouts', convert_to('{task}', 'UTF8'), 0)"
    );
    sql(&server, &again).await;
    let batch = settled(&server, &id).await;
    assert_eq!(total(&batch, "failed"), (1, 800));
    assert_eq!(worker.api.list("/internal/worker/payouts").await.len(), 1);
    assert_eq!(sums(&worker).await, [0, 800, 0, 0]);
}

#[tokio::test]
async fn what_is_no_run_is_refused() {
    let server = crate::common::server();
    let operator = operator(server);
    let long = "x".repeat(65);
    for name in ["", "two words", "a/b", long.as_str()] {
        operator.post(BATCHES, &json!({"name": name})).await.invalid("name");
    }
    operator.post(BATCHES, &json!({})).await.refused(400, "validation_error");
    for path in [format!("{BATCHES}/pob_{NOBODY}"), format!("{BATCHES}/pob_{NOBODY}/payouts")] {
        operator.get(&path).await.refused(404, "not_found");
    }
    for (query, field) in [
        ("as_of=soon".to_owned(), "as_of"),
        (format!("as_of={}", clock::in_seconds(3_600.0)), "as_of"),
        ("differing=perhaps".to_owned(), "differing"),
        ("cursor=acme".to_owned(), "cursor"),
        ("limit=0".to_owned(), "limit"),
    ] {
        operator.get(&format!("{PAYABLES}?{query}")).await.invalid(field);
    }
}

#[tokio::test]
async fn buyers_and_workers_books_agree_and_every_residue_is_named() {
    let server = Server::start(after(0)).await;
    let one = earner(&server, &[1_000, 1_000], GOOD).await;
    payout(&one, Some(900), "paid").await;
    let other = earner(&server, &[75], GOOD).await;
    let then = clock::in_seconds(0.0);
    let report = operator(&server).get(PAYABLES).await.ok(200);
    assert_part(
        &report["totals"],
        &json!({
            "captured_cents": 1_660, "earned_cents": 1_660, "not_told_cents": 0,
            "balance_cents": 760, "in_transit_cents": 0, "paid_cents": 900,
        }),
    );
    assert_eq!(report["worker_count"], 2);
    let of = |report: &Value, worker: &Worker| {
        let rows = report["workers"].as_array().expect("workers");
        rows.iter().find(|row| row["worker_id"] == worker.id.as_str()).expect("a row").clone()
    };
    assert_part(&of(&report, &other)["amounts"], &json!({"captured_cents": 60, "paid_cents": 0}));
    let none = operator(&server).get(&format!("{PAYABLES}?differing=true")).await.ok(200);
    assert_eq!(none["workers"], json!([]));
    // An approval that is not told: its task is kept from being done.
    sql(
        &server,
        "create function later() returns trigger language plpgsql as
           $$ begin new.due_at = 9000000000000000; return new; end $$;
         create trigger later before insert on tasks for each row
           when (new.kind = 'record') execute function later()",
    )
    .await;
    let buyer = firsthand_tests::Buyer::with_balance(&server, 1_000).await;
    let job = buyer.photo_job(2, 500).await;
    let media = firsthand_tests::media::sharp(firsthand_tests::media::seed());
    let submission = other.deliver_approved(&job, &media).await;
    let report = operator(&server).get(&format!("{PAYABLES}?differing=true")).await.ok(200);
    assert_eq!(report["totals"]["not_told_cents"], 400, "{report}");
    let row = of(&report, &other);
    assert_eq!(row["unexplained_cents"], 0, "{row}");
    assert_eq!(row["residues"].as_array().map(Vec::len), Some(1), "{row}");
    assert_part(
        &row["residues"][0],
        &json!({"submission_id": submission["id"], "amount_cents": 400}),
    );
    let past = operator(&server).get(&format!("{PAYABLES}?as_of={then}")).await.ok(200);
    assert_eq!(past["totals"]["not_told_cents"], 0, "{past}");
    assert_eq!(past["totals"]["captured_cents"], 1_660);
    // At the moment at which another was decided, its money had not moved yet: both books tell of the first.
    let media = firsthand_tests::media::sharp(firsthand_tests::media::seed());
    let second = other.deliver_approved(&job, &media).await;
    let report = operator(&server).get(&format!("{PAYABLES}?differing=true")).await.ok(200);
    let row = of(&report, &other);
    assert_part(&row["residues"][1], &json!({"submission_id": second["id"], "amount_cents": 400}));
    let decided = row["residues"][1]["approved_at"].as_str().expect("an instant");
    let report = operator(&server).get(&format!("{PAYABLES}?as_of={decided}")).await.ok(200);
    let row = of(&report, &other);
    assert_eq!(row["amounts"]["not_told_cents"], 400, "{row}");
    assert_eq!(row["residues"].as_array().map(Vec::len), Some(1), "{row}");
    assert_eq!(row["unexplained_cents"], 0, "{row}");
    // Told after all, it is gone.
    sql(&server, "drop trigger later on tasks; update tasks set due_at = 0 where kind = 'record'")
        .await;
    let mut wait = Wait::until("the residue is gone");
    loop {
        let report = operator(&server).get(PAYABLES).await.ok(200);
        if report["totals"]["not_told_cents"] == 0 {
            assert_eq!(report["totals"]["captured_cents"], 2_460);
            break;
        }
        wait.not_yet(&report).await;
    }
    let trial = operator(&server).get("/internal/operator/trial_balance").await.ok(200);
    assert_eq!(trial["sum_cents"], 0, "{trial}");
    // What the live books and the workers' own owe together is what the report says.
    let totals = &operator(&server).get(PAYABLES).await.ok(200)["totals"];
    let path = "/internal/operator/trial_balance?environment=live";
    let live = operator(&server).get(path).await.ok(200);
    assert_eq!(live["sum_cents"], 0, "{live}");
    let of = |name: &str| {
        let rows = live["accounts"].as_array().expect("accounts");
        let row = rows.iter().find(|row| row["account"] == name);
        row.map_or(0, |row| int(row, "balance_cents"))
    };
    assert_eq!(of("worker_payable"), 2_460);
    assert_eq!(of("worker_settlement"), -2_460);
    assert_eq!(of("earnings"), int(totals, "balance_cents"));
    assert_eq!(of("payout_clearing"), int(totals, "paid_cents"));
    assert!(of("payout_clearing") > 0, "somebody was paid");
    server.verify().await;
}
