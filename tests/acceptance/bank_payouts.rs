//! `GET /internal/operator/bank_payouts/{id}`: what the payment provider paid out, matched with the books.

use crate::finance_common::operator;
use crate::payout_common::{GOOD, after, earner, payout, sums, tell};
use firsthand_tests::purchase::{PURCHASES, bought, disputed, once, opened, paid, refunded};
use firsthand_tests::shape::{assert_part, int, text};
use firsthand_tests::{Buyer, Server, Wait, Worker, clock, eventually};
use serde_json::{Value, json};

const PAYOUTS: &str = "/internal/operator/bank_payouts";

/// Has the gateway pay out all of the balance; returns the payout.
async fn paid_out(server: &Server) -> Value {
    server.gateway(true).post_form("/v1/test_helpers/payouts", "").await.ok(200)
}

/// The match of a payout. Whatever it says, it adds up to the cent.
async fn matched(server: &Server, payout: &Value) -> Value {
    let path = format!("{PAYOUTS}/{}", text(payout, "id"));
    let seen = operator(server).get(&path).await.ok(200);
    let rows = |name: &str| -> i64 {
        let rows = seen[name].as_array().expect("a list");
        rows.iter().map(|row| int(row, "amount_cents")).sum()
    };
    assert_eq!(rows("matched"), int(&seen, "matched_cents"), "{seen}");
    assert_eq!(rows("residues"), int(&seen, "residues_cents"), "{seen}");
    let parts = ["matched_cents", "fees_cents", "residues_cents", "unexplained_cents"];
    let sum: i64 = parts.iter().map(|part| int(&seen, part)).sum();
    assert_eq!(sum, int(payout, "amount"), "{seen}");
    assert_part(&seen, &json!({"object": "bank_payout", "unexplained_cents": 0, "status": "paid"}));
    assert_eq!(seen["amount_cents"], payout["amount"]);
    seen
}

/// What a purchase was paid by, as the gateway has it.
async fn payment(server: &Server, buyer: &Buyer, id: &str) -> Value {
    let seen = buyer.get(&format!("{PURCHASES}/{id}")).await.ok(200);
    let path = format!("/v1/payment_intents/{}", text(&seen, "external_ref"));
    server.gateway(true).get(&path).await.ok(200)
}

/// Takes part of a worker's payout back; waits until the worker's money is where it is then.
async fn taken_back(
    (server, worker): (&Server, &Worker),
    payout: &Value,
    cents: i64,
    expected: [i64; 4],
) {
    let path = format!("/v1/transfers/{}/reversals", text(payout, "external_ref"));
    server.gateway(true).post_form(&path, &format!("amount={cents}")).await.ok(200);
    let mut wait = Wait::until("the reversal is booked");
    loop {
        let seen = sums(worker).await;
        if seen == expected {
            return;
        }
        wait.not_yet(&json!(seen)).await;
    }
}

#[tokio::test]
async fn what_was_paid_out_is_matched_to_the_cent() {
    let server = &Server::start(after(0)).await;
    let buyer = Buyer::unverified(server).await;
    let first = bought(&buyer.api, 2_500).await;
    let second = bought(&buyer.api, 1_000).await;
    let third = bought(&buyer.api, 5_000).await;
    refunded(&buyer.api, server, &first, Some(300), 300).await;
    let dispute = disputed((&buyer.api, server), &second, None, 1_000).await;
    let lost = disputed((&buyer.api, server), &third, None, 5_000).await;
    disputed((&buyer.api, server), &third, Some(&lost), 0).await;
    let worker = earner(server, &[1_000], GOOD).await;
    let transfer = payout(&worker, None, "paid").await;
    let seen = matched(server, &paid_out(server).await).await;
    assert_eq!(seen["residues"], json!([]), "{seen}");
    let expected = json!([
        {"kind": "purchase", "transaction_count": 3, "amount_cents": 8_500},
        {"kind": "refund", "transaction_count": 1, "amount_cents": -300},
        {"kind": "dispute", "transaction_count": 3, "amount_cents": -1_000},
        {"kind": "worker_payout", "transaction_count": 1, "amount_cents": -800},
    ]);
    assert_eq!(seen["matched"], expected);
    assert_eq!(seen["transaction_count"], 8);
    // 2.9 % and 30 cents of each charge, and twice $15.
    assert_eq!(int(&seen, "fees_cents"), -(103 + 59 + 175 + 2 * 1_500));

    // What comes later is in the next payout, and agrees with what was booked in all.
    refunded(&buyer.api, server, &first, Some(200), 500).await;
    disputed((&buyer.api, server), &second, Some(dispute.as_str()), 0).await;
    taken_back((server, &worker), &transfer, 300, [0, 300, 0, 500]).await;
    let seen = matched(server, &paid_out(server).await).await;
    assert_eq!(seen["residues"], json!([]), "{seen}");
    let expected = json!([
        {"kind": "refund", "transaction_count": 1, "amount_cents": -200},
        {"kind": "dispute", "transaction_count": 1, "amount_cents": 1_000},
        {"kind": "worker_payout", "transaction_count": 1, "amount_cents": 300},
    ]);
    assert_eq!(seen["matched"], expected);

    // What is taken back of a transfer comes piece by piece, and is booked as a total.
    taken_back((server, &worker), &transfer, 200, [0, 500, 0, 300]).await;
    let seen = matched(server, &paid_out(server).await).await;
    assert_eq!(seen["residues"], json!([]), "{seen}");
    let expected = json!([{"kind": "worker_payout", "transaction_count": 1, "amount_cents": 200}]);
    assert_eq!(seen["matched"], expected);
    let nothing = matched(server, &paid_out(server).await).await;
    assert_part(&nothing, &json!({"amount_cents": 0, "transaction_count": 0, "matched": []}));
}

/// Tells of a payment of an open purchase that the gateway knows nothing of.
async fn forged(server: &Server, buyer: &Buyer, payment: &str, amount: i64) {
    let session = opened(&buyer.api, amount).await;
    let told = json!({
        "id": "cs_forged", "client_reference_id": session["id"], "payment_status": "paid",
        "currency": "usd", "payment_intent": payment, "amount_total": amount,
    });
    tell(server, "live", "checkout.session.completed", &told).await.ok(200);
    paid(&buyer.api, text(&session, "id")).await;
}

#[tokio::test]
async fn every_residue_is_named() {
    let server = &Server::start(after(0)).await;
    let buyer = Buyer::unverified(server).await;
    let good = bought(&buyer.api, 1_000).await;
    let good = payment(server, &buyer, &good).await;
    // Booked here, and the provider knows nothing of it.
    forged(server, &buyer, "pi_forged", 2_500).await;
    // Paid once there, booked twice here.
    let twice = bought(&buyer.api, 5_000).await;
    let twice = payment(server, &buyer, &twice).await;
    forged(server, &buyer, text(&twice, "id"), 1_000).await;
    // More went back here than there.
    let less = bought(&buyer.api, 2_500).await;
    refunded(&buyer.api, server, &less, Some(500), 500).await;
    let charge = payment(server, &buyer, &less).await["latest_charge"].clone();
    let told = json!({
        "id": charge, "payment_intent": payment(server, &buyer, &less).await["id"],
        "amount_refunded": 700, "currency": "usd", "metadata": {"purchase_id": less},
    });
    tell(server, "live", "charge.refunded", &told).await.ok(200);
    once(&buyer.api, &less, "more is gone", |seen| seen["charged_back_cents"] == 700).await;
    // Known there, and booked by nobody: it was paid without us. It ends the time of the payout, too.
    let form = format!(
        "amount=777&customer={}&payment_method={}",
        text(&good, "customer"),
        text(&good, "payment_method")
    );
    let foreign = server.gateway(true).post_form("/v1/payment_intents", &form).await.ok(200);
    let seen = matched(server, &paid_out(server).await).await;
    let named = |reference: &Value| -> Value {
        let mut rows = seen["residues"].as_array().expect("a list").iter();
        let found = rows.find(|row| row["reference"] == *reference);
        found.unwrap_or_else(|| panic!("no residue of {reference}: {seen}")).clone()
    };
    for (reference, reason, kind, amount, booked) in [
        (&foreign["id"], "unknown_here", "purchase", 777, 0),
        (&json!("pi_forged"), "missing_there", "purchase", 0, 2_500),
        (&twice["id"], "other_amount", "purchase", 5_000, 6_000),
        (&charge, "other_amount", "refund", -500, -700),
    ] {
        let row = named(reference);
        let expected = json!({
            "reason": reason, "kind": kind, "amount_cents": amount, "booked_cents": booked,
        });
        assert_part(&row, &expected);
        let count = usize::from(reason != "missing_there");
        let of = row["balance_transactions"].as_array().expect("a list");
        assert!(of.len() == count && of.iter().all(|id| id.as_str().is_some()), "{row}");
    }
    assert_eq!(seen["residues"].as_array().map(Vec::len), Some(4), "{seen}");
    let expected = json!({
        "matched": [{"kind": "purchase", "transaction_count": 2, "amount_cents": 3_500}],
        "residues_cents": 5_277, "elsewhere_count": 0, "not_asked_count": 0,
    });
    assert_part(&seen, &expected);

    // What is booked after one payout's last transaction and before the next one's first is missing there, too.
    forged(server, &buyer, "pi_between", 1_000).await;
    // The provider counts whole seconds: its next transaction is of a later one.
    let booked = clock::now().floor();
    eventually("the next second", async || {
        let now = clock::now().floor();
        if now > booked { Ok(()) } else { Err(json!(now)) }
    })
    .await;
    server.gateway(true).post_form("/v1/payment_intents", &form).await.ok(200);
    let seen = matched(server, &paid_out(server).await).await;
    let missing = |row: &&Value| row["reason"] == "missing_there";
    let residues = seen["residues"].as_array().expect("a list").iter();
    let missing: Vec<_> = residues.filter(missing).map(|row| &row["reference"]).collect();
    assert!(missing.contains(&&json!("pi_between")), "{seen}");
}

#[tokio::test]
async fn a_payout_of_several_pages_is_whole() {
    let server = &Server::start(after(0)).await;
    let buyer = Buyer::unverified(server).await;
    let good = bought(&buyer.api, 1_000).await;
    let good = payment(server, &buyer, &good).await;
    let form = format!(
        "amount=100&customer={}&payment_method={}",
        text(&good, "customer"),
        text(&good, "payment_method")
    );
    for _ in 0..120 {
        server.gateway(true).post_form("/v1/payment_intents", &form).await.ok(200);
    }
    let seen = matched(server, &paid_out(server).await).await;
    assert_eq!(seen["transaction_count"], 121);
    assert_eq!(seen["matched_cents"], 1_000);
    assert_eq!(seen["residues"].as_array().map(Vec::len), Some(120), "{seen}");
}

#[tokio::test]
async fn what_is_no_payout_is_refused() {
    let server = &Server::start(after(0)).await;
    let buyer = Buyer::unverified(server).await;
    let payout = paid_out(server).await;
    let path = format!("{PAYOUTS}/{}", text(&payout, "id"));
    buyer.get(&path).await.refused(401, "unauthorized");
    buyer.api.without_token().get(&path).await.refused(401, "unauthorized");
    let operator = operator(server);
    operator.get(&path).await.ok(200);
    operator.get(&format!("{path}?environment=moon")).await.invalid("query");
    // It is the live account's.
    operator.get(&format!("{path}?environment=test")).await.refused(404, "not_found");
    let long = format!("po_{}", "x".repeat(62));
    for id in ["po_nobody", "po_", "pi_1", "po_..%2Fcharges", "po_a%3Fx=1", "po_\u{fc}", &long] {
        operator.get(&format!("{PAYOUTS}/{id}")).await.refused(404, "not_found");
    }
}
