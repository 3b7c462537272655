//! `GET /internal/operator/payment_events`: what the payment provider told us, and what became of it.

use crate::common::server;
use crate::finance_common::operator;
use crate::payout_common::{sign, signed, tell};
use firsthand_tests::purchase::{PURCHASES, bought, once, opened, raw_post, refunded};
use firsthand_tests::shape::{assert_instant, assert_part, text};
use firsthand_tests::{Balance, Buyer, Wait, unique};
use serde_json::{Value, json};

const EVENTS: &str = "/internal/operator/payment_events";

/// The events of a purchase, newest first, once they have all been looked at.
async fn of(purchase: &str, count: usize) -> Vec<Value> {
    let mut wait = Wait::until(&format!("{count} events of {purchase} were looked at"));
    loop {
        let rows = operator(server()).list(&format!("{EVENTS}?purchase_id={purchase}")).await;
        if rows.len() == count && rows.iter().all(|row| row["outcome"] != "waiting") {
            return rows;
        }
        wait.not_yet(&json!(rows)).await;
    }
}

/// The one event of a type of our own making, once it has been looked at.
async fn outcome(kind: &str) -> Value {
    let mut wait = Wait::until(&format!("the {kind} was looked at"));
    loop {
        let rows = operator(server()).list(&format!("{EVENTS}?type={kind}")).await;
        if let [row] = &rows[..]
            && row["outcome"] != "waiting"
        {
            return row.clone();
        }
        wait.not_yet(&json!(rows)).await;
    }
}

#[tokio::test]
async fn every_event_of_a_purchase_is_listed_with_what_became_of_it() {
    let buyer = Buyer::unverified(server()).await;
    let id = bought(&buyer.api, 2_500).await;
    refunded(&buyer.api, server(), &id, Some(500), 500).await;
    let seen = buyer.get(&format!("{PURCHASES}/{id}")).await.ok(200);
    let payment = text(&seen, "external_ref");
    // It names a payment, and no purchase.
    let form = format!("payment_intent={payment}");
    let dispute =
        server().gateway(true).post_form("/v1/test_helpers/disputes", &form).await.ok(200);
    once(&buyer.api, &id, "all is gone", |seen| seen["charged_back_cents"] == 2_500).await;
    let rows = of(&id, 3).await;
    let [disputed, refund, paid] = &rows[..] else { panic!("three events") };
    for row in &rows {
        let common = json!({
            "object": "payment_event", "outcome": "booked", "livemode": true, "purchase_id": id,
            "payout_id": null,
        });
        assert_part(row, &common);
        assert!(text(row, "id").starts_with("evt_"), "{row}");
        assert_instant(&row["received_at"]);
    }
    let expected = json!({
        "type": "checkout.session.completed", "external_ref": payment, "amount_cents": 2_500,
    });
    assert_part(paid, &expected);
    assert_part(refund, &json!({"type": "charge.refunded", "amount_cents": 500}));
    assert!(text(refund, "external_ref").starts_with("ch_"), "{refund}");
    let expected = json!({
        "type": "charge.dispute.funds_withdrawn", "external_ref": dispute["id"],
        "amount_cents": 2_500,
    });
    assert_part(disputed, &expected);
    let of_type = format!("{EVENTS}?purchase_id={id}&type=charge.refunded&outcome=booked");
    assert_eq!(&operator(server()).list(&of_type).await, std::slice::from_ref(refund));
    let none = format!("{EVENTS}?purchase_id={id}&outcome=refused");
    assert!(operator(server()).list(&none).await.is_empty());
}

#[tokio::test]
async fn what_was_not_booked_says_why() {
    let buyer = Buyer::unverified(server()).await;
    let kind = format!("customer.{}", unique::number());
    let ours = json!({"id": "cus_1", "currency": "usd"});
    tell(server(), "live", &kind, &ours).await.ok(200);
    let ignored = outcome(&kind).await;
    let expected = json!({
        "outcome": "ignored", "purchase_id": null, "external_ref": null, "amount_cents": null,
    });
    assert_part(&ignored, &expected);
    // Real money is not moved by an event of the test mode, nor by another amount.
    let id = text(&opened(&buyer.api, 1_000).await, "id").to_owned();
    for (environment, cents) in [("test", 1_000), ("live", 999)] {
        let session = json!({
            "id": "cs_1", "client_reference_id": id, "payment_status": "paid", "currency": "usd",
            "payment_intent": "pi_1", "amount_total": cents,
        });
        tell(server(), environment, "checkout.session.completed", &session).await.ok(200);
    }
    // Nor by one that says that it is of the other mode, whoever has signed it.
    let session = json!({
        "id": "cs_1", "client_reference_id": id, "payment_status": "paid", "currency": "usd",
        "payment_intent": "pi_1", "amount_total": 1_000,
    });
    let event = json!({
        "id": format!("evt_{}", unique::number()), "object": "event", "livemode": false,
        "type": "checkout.session.completed", "data": {"object": session},
    });
    let (signature, body) = sign(server(), "live", &event);
    raw_post(server(), "/hooks/stripe", &signature, &body).await.ok(200);
    let rows = of(&id, 3).await;
    assert!(rows.iter().all(|row| row["outcome"] == "refused"), "{rows:?}");
    let nobody = json!({
        "id": "cs_2", "client_reference_id": "pur_01KAPW3T4QMB2V8ZD5YX7N9F00", "currency": "usd",
        "payment_status": "paid", "payment_intent": "pi_2", "amount_total": 1_000,
    });
    tell(server(), "live", "checkout.session.completed", &nobody).await.ok(200);
    let rows = of("pur_01KAPW3T4QMB2V8ZD5YX7N9F00", 1).await;
    assert_eq!(rows[0]["outcome"], "unknown");
}

#[tokio::test]
async fn a_refund_that_overtakes_its_payment_is_booked_after_it_and_each_of_them_once() {
    let buyer = Buyer::unverified(server()).await;
    let id = text(&opened(&buyer.api, 1_000).await, "id").to_owned();
    let payment = format!("pi_{}", unique::number());
    let refund = json!({
        "id": format!("ch_{}", unique::number()), "payment_intent": payment, "amount_refunded": 400,
        "metadata": {"purchase_id": id},
    });
    let session = json!({
        "id": "cs_3", "client_reference_id": id, "payment_status": "paid", "currency": "usd",
        "payment_intent": payment, "amount_total": 1_000,
    });
    for (kind, object) in [("charge.refunded", refund), ("checkout.session.completed", session)] {
        let (signature, body) = signed(server(), "live", kind, &object);
        for duplicate in [false, true] {
            let kept = raw_post(server(), "/hooks/stripe", &signature, &body).await.ok(200);
            assert_eq!(kept, json!({"received": true, "duplicate": duplicate}));
        }
    }
    let rows = of(&id, 2).await;
    assert!(rows.iter().all(|row| row["outcome"] == "booked"), "{rows:?}");
    assert_eq!(buyer.balance().await, Balance { available: 600, held: 0 });
    let seen = buyer.get(&format!("{PURCHASES}/{id}")).await.ok(200);
    assert_part(&seen, &json!({"status": "paid", "charged_back_cents": 400}));
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let buyer = Buyer::unverified(server()).await;
    let id = bought(&buyer.api, 5_000).await;
    for gone in [100, 200, 300, 400] {
        refunded(&buyer.api, server(), &id, Some(100), gone).await;
    }
    let all = of(&id, 5).await;
    let times: Vec<_> = all.iter().map(|row| assert_instant(&row["received_at"])).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{EVENTS}?purchase_id={id}&limit=2{cursor}");
        let page = operator(server()).get(&path).await.ok(200);
        seen.extend(page["data"].as_array().expect("a list").clone());
        if page["has_more"] == false {
            assert_eq!(page["next_cursor"], Value::Null);
            break;
        }
        cursor = format!("&cursor={}", text(&page, "next_cursor"));
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn what_can_not_be_listed_is_refused() {
    let buyer = Buyer::unverified(server()).await;
    buyer.get(EVENTS).await.refused(401, "unauthorized");
    buyer.api.without_token().get(EVENTS).await.refused(401, "unauthorized");
    let long = "x".repeat(129);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=evt_1", "cursor"),
        ("outcome=lost", "outcome"),
        ("purchase_id=pi_1", "purchase_id"),
        ("type=", "type"),
        (&format!("type={long}"), "type"),
        // PostgreSQL has no text that holds it.
        ("type=%00", "type"),
        ("type=charge.refunded&purchase_id=a%00b", "purchase_id"),
    ] {
        operator(server()).get(&format!("{EVENTS}?{query}")).await.invalid(field);
    }
    // A cursor is one list's, with its filters.
    bought(&buyer.api, 1_000).await;
    bought(&buyer.api, 1_000).await;
    let page = operator(server()).get(&format!("{EVENTS}?limit=1")).await.ok(200);
    let path = format!("{EVENTS}?outcome=booked&cursor={}", text(&page, "next_cursor"));
    operator(server()).get(&path).await.invalid("cursor");
}
