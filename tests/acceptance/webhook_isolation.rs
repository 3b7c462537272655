//! Who gets an event and who does not: filters, organizations, environments, endpoints made later.

use crate::common::worker;
use crate::webhook_common::{
    EVENTS, Endpoint, assert_event, cancelled, cancelled_by, delivery, event_id_of, event_once,
    feed_once, patient,
};
use firsthand_tests::shape::{assert_part, text};
use firsthand_tests::{Received, Receiver};
use serde_json::json;
use std::collections::BTreeMap;

#[tokio::test]
async fn only_the_wanted_types_arrive() {
    let buyer = patient().await;
    let (receiver, all) = (Receiver::start(), Receiver::start());
    let fields = json!({"events": ["job.cancelled", "job.completed"]});
    let narrow = Endpoint::with(&buyer.api, &receiver, &fields).await;
    let wide = Endpoint::at(&buyer.api, &all).await;
    let job_id = buyer.photo_job(1, 75).await;
    let worker = worker().await;
    worker.offered(&job_id).await;
    worker.flag(&job_id, &json!({"reason": "a"})).await.ok(200);
    buyer.cancel(&job_id).await.ok(200);
    let events = feed_once(&buyer.api, 2).await;
    event_once(&narrow, text(&events[1], "id"), "delivered").await;
    event_once(&wide, text(&events[0], "id"), "delivered").await;
    let unwanted = buyer.get(&format!("{EVENTS}/{}", text(&events[0], "id"))).await.ok(200);
    assert!(delivery(&unwanted, &narrow).is_none(), "{unwanted}");
    let received: Vec<String> = receiver.requests().iter().map(Received::kind).collect();
    assert_eq!(received, ["job.cancelled"]);
}

#[tokio::test]
async fn a_changed_filter_counts_from_the_next_event_on() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint =
        Endpoint::with(&buyer.api, &receiver, &json!({"events": ["job.completed"]})).await;
    let unwanted = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    endpoint.patch(&json!({"events": ["job.cancelled"]})).await;
    let wanted = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &wanted, "delivered").await;
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(receiver.of_event(&wanted).len(), 1);
    let event = buyer.get(&format!("{EVENTS}/{unwanted}")).await.ok(200);
    assert!(delivery(&event, &endpoint).is_none(), "{event}");
}

#[tokio::test]
async fn an_endpoint_gets_nothing_from_before_it_was_made() {
    let buyer = patient().await;
    let before = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let after = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &after, "delivered").await;
    let event = buyer.get(&format!("{EVENTS}/{before}")).await.ok(200);
    assert_part(&event, &json!({"deliveries": [], "delivery_status": "none"}));
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(receiver.requests()[0].event_id(), after);
}

#[tokio::test]
async fn every_endpoint_gets_its_own_delivery_of_the_same_bytes() {
    let buyer = patient().await;
    let receivers = [Receiver::start(), Receiver::start(), Receiver::start()];
    let mut endpoints = Vec::new();
    for receiver in &receivers {
        endpoints.push(Endpoint::at(&buyer.api, receiver).await);
    }
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    for endpoint in &endpoints {
        let event = event_once(endpoint, &id, "delivered").await;
        assert_eq!(event["deliveries"].as_array().map(Vec::len), Some(3), "{event}");
    }
    let first = receivers[0].requests().remove(0);
    for (receiver, endpoint) in receivers.iter().zip(&endpoints) {
        let requests = receiver.requests();
        assert_eq!((requests.len(), &requests[0].body), (1, &first.body));
        requests[0].assert_signed(&[&endpoint.secret]);
    }
}

#[tokio::test]
async fn two_endpoints_with_one_address_get_a_delivery_each() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let (one, two) =
        (Endpoint::at(&buyer.api, &receiver).await, Endpoint::at(&buyer.api, &receiver).await);
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&one, &id, "delivered").await;
    event_once(&two, &id, "delivered").await;
    assert_eq!(receiver.of_event(&id).len(), 2);
}

#[tokio::test]
async fn another_organization_s_events_go_nowhere_else() {
    let (buyer, other) = (patient().await, patient().await);
    let (own, foreign) = (Receiver::start(), Receiver::start());
    let endpoint = Endpoint::at(&buyer.api, &own).await;
    let elsewhere = Endpoint::at(&other.api, &foreign).await;
    let mut sent = BTreeMap::new();
    for (who, to) in [(&buyer, &endpoint), (&other, &elsewhere), (&buyer, &endpoint)] {
        let id = event_id_of(&who.api, &cancelled(who).await).await;
        let event = event_once(to, &id, "delivered").await;
        assert_eq!(event["deliveries"].as_array().map(Vec::len), Some(1), "{event}");
        sent.insert(id, to.id.clone());
    }
    for (receiver, to, count) in [(&own, &endpoint, 2), (&foreign, &elsewhere, 1)] {
        let requests = receiver.requests();
        assert_eq!(requests.len(), count);
        assert!(requests.iter().all(|request| sent[request.event_id()] == to.id));
    }
}

#[tokio::test]
async fn test_events_go_to_test_endpoints_and_live_events_to_live_ones() {
    let buyer = patient().await;
    buyer.grant_in("test", 1_000).await;
    let test = buyer.test_api().await;
    let (live_receiver, test_receiver) = (Receiver::start(), Receiver::start());
    let live = Endpoint::at(&buyer.api, &live_receiver).await;
    let sandbox = Endpoint::at(&test, &test_receiver).await;
    for (endpoint, receiver, livemode) in
        [(&live, &live_receiver, true), (&sandbox, &test_receiver, false)]
    {
        let job_id = cancelled_by(&endpoint.api).await;
        let id = event_id_of(&endpoint.api, &job_id).await;
        event_once(endpoint, &id, "delivered").await;
        let requests = receiver.requests();
        assert_eq!(requests.len(), 1);
        assert_event(&requests[0].json(), livemode);
        assert_eq!(requests[0].json()["data"]["job_id"], job_id.as_str());
    }
    assert_eq!(live_receiver.requests().len(), 1);
    assert_eq!(feed_once(&test, 1).await[0]["livemode"], false);
}

#[tokio::test]
async fn a_test_event_goes_to_its_endpoint_alone_subscribed_or_not() {
    let buyer = patient().await;
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let fields = json!({"events": ["job.completed"]});
    let endpoint = Endpoint::with(&buyer.api, &receiver, &fields).await;
    let bystander = Endpoint::at(&buyer.api, &other).await;
    let plain = endpoint.test(&json!({})).await;
    let typed = endpoint.test(&json!({"type": "submission.approved"})).await;
    assert_eq!(plain["type"], "webhook_endpoint.test");
    assert_eq!(typed["type"], "submission.approved");
    for event in [&plain, &typed] {
        let id = text(event, "id");
        let sent = |requests: &[Received]| requests.iter().any(|r| r.event_id() == id);
        receiver.await_until("the test event", sent).await;
        let request = receiver.of_event(id).remove(0);
        request.assert_signed(&[&endpoint.secret]);
        assert_event(&request.json(), true);
        assert_eq!(request.json()["data"]["test"], true);
        assert_eq!(request.json()["type"], event["type"]);
    }
    let after = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&bystander, &after, "delivered").await;
    assert_eq!(other.requests().len(), 1);
}

#[tokio::test]
async fn a_test_without_a_body_works_too() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let event = buyer.post_empty(&format!("{}/test", endpoint.path())).await.ok(202);
    assert_eq!(event["type"], "webhook_endpoint.test");
    let request = receiver.await_requests(1).await.remove(0);
    assert_eq!(request.event_id(), text(&event, "id"));
}
