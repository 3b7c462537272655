//! `GET /v1/webhook_events`: what happened, and what became of it.

use crate::common::{NOBODY, worker};
use crate::webhook_common::{
    EVENTS, Endpoint, cancelled, cancelled_often, delivery, event_id_of, event_once,
    failed_for_good, feed_once, flagged_and_cancelled, ids, impatient, named, patient, rows_once,
};
use firsthand_tests::http::escape;
use firsthand_tests::job::without;
use firsthand_tests::shape::{assert_keys, text};
use firsthand_tests::{Answer, Receiver};
use serde_json::{Value, json};

#[tokio::test]
async fn the_list_has_every_event_newest_first_with_the_fields_of_its_body() {
    let buyer = patient().await;
    cancelled_often(&buyer, 4).await;
    let mut feed = feed_once(&buyer.api, 4).await;
    feed.reverse();
    let rows = rows_once(&buyer.api, EVENTS, "four events", |rows| rows.len() == 4).await;
    let bodies: Vec<Value> = rows.iter().map(|row| without(row, "delivery_status")).collect();
    assert_eq!(bodies, feed);
    assert!(rows.iter().all(|row| row["delivery_status"] == "none"), "{rows:?}");
}

#[tokio::test]
async fn pages_give_every_event_once() {
    let buyer = patient().await;
    cancelled_often(&buyer, 5).await;
    let all = rows_once(&buyer.api, EVENTS, "five events", |rows| rows.len() == 5).await;
    let (mut seen, mut sizes, mut next) = (Vec::new(), Vec::new(), format!("{EVENTS}?limit=2"));
    loop {
        let page = buyer.get(&next).await.page();
        sizes.push(page.data.len());
        seen.extend(page.ids());
        cancelled(&buyer).await;
        match page.next_cursor {
            Some(cursor) => next = format!("{EVENTS}?limit=2&cursor={}", escape(&cursor)),
            None => break,
        }
    }
    assert_eq!((seen, sizes), (ids(&all), vec![2, 2, 1]));
}

#[tokio::test]
async fn the_filters_by_type_and_by_job_give_their_events() {
    let buyer = patient().await;
    let [flagged, gone] = flagged_and_cancelled(&buyer, &worker().await).await;
    let other = cancelled(&buyer).await;
    let other = event_id_of(&buyer.api, &other).await;
    let job_id = buyer.get(&format!("{EVENTS}/{flagged}")).await.ok(200)["data"]["job_id"].clone();
    let job_id = job_id.as_str().expect("a job's id");
    for (query, expected) in [
        ("type=job.flagged".to_owned(), vec![&flagged]),
        ("type=job.cancelled".to_owned(), vec![&other, &gone]),
        ("type=job.completed".to_owned(), vec![]),
        (format!("job_id={job_id}"), vec![&gone, &flagged]),
        (format!("job_id={job_id}&type=job.cancelled"), vec![&gone]),
        (format!("job_id=job_{NOBODY}"), vec![]),
    ] {
        let rows = buyer.api.list(&format!("{EVENTS}?{query}")).await;
        assert_eq!(ids(&rows).iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn the_filters_by_endpoint_and_by_status_give_their_events() {
    let buyer = patient().await;
    let before = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let receiver = Receiver::scripted([Answer::ok(), Answer::status(500)]);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let delivered = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &delivered, "delivered").await;
    let pending = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &pending, "pending").await;
    let of_endpoint = format!("endpoint_id={}", endpoint.id);
    for (query, expected) in [
        (of_endpoint.clone(), vec![&pending, &delivered]),
        (format!("{of_endpoint}&delivery_status=delivered"), vec![&delivered]),
        (format!("{of_endpoint}&delivery_status=pending"), vec![&pending]),
        ("delivery_status=delivered".to_owned(), vec![&delivered]),
        ("delivery_status=pending".to_owned(), vec![&pending]),
        ("delivery_status=failed".to_owned(), vec![]),
        ("delivery_status=skipped".to_owned(), vec![]),
        (String::new(), vec![&pending, &delivered, &before]),
    ] {
        let rows = buyer.api.list(&format!("{EVENTS}?{query}")).await;
        assert_eq!(ids(&rows).iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_refused() {
    let buyer = patient().await;
    for status in ["sent", "DELIVERED", "7"] {
        let path = format!("{EVENTS}?delivery_status={status}");
        buyer.get(&path).await.invalid("delivery_status");
    }
}

#[tokio::test]
async fn a_foreign_endpoint_or_job_in_a_filter_shows_nothing() {
    let (owner, other) = (patient().await, patient().await);
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&owner.api, &receiver).await;
    let job_id = cancelled(&owner).await;
    event_id_of(&owner.api, &job_id).await;
    for query in [format!("endpoint_id={}", endpoint.id), format!("job_id={job_id}")] {
        let reply = other.get(&format!("{EVENTS}?{query}")).await;
        assert!(reply.status == 404 || reply.page().data.is_empty(), "{reply}");
    }
}

#[tokio::test]
async fn one_event_shows_its_deliveries() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let event = event_once(&endpoint, &id, "delivered").await;
    let pushed = receiver.requests()[0].json();
    for (key, value) in pushed.as_object().expect("an event is an object") {
        assert_eq!(&event[key], value, "{key}");
    }
    assert_eq!(event["delivery_status"], "delivered");
    let sent = delivery(&event, &endpoint).expect("it was waited for");
    assert_keys(
        sent,
        &[
            named::ENDPOINT,
            named::STATUS,
            named::ATTEMPTS,
            named::NEXT_ATTEMPT,
            named::LAST_RESPONSE,
        ],
    );
}

#[tokio::test]
async fn a_list_shows_the_worst_of_an_event_s_deliveries() {
    let buyer = impatient().await;
    let (good, bad) = (Receiver::start(), Receiver::start());
    let healthy = Endpoint::at(&buyer.api, &good).await;
    let sick = Endpoint::at(&buyer.api, &bad).await;
    let [failed, delivered] = failed_for_good(&buyer, &bad, &sick).await;
    event_once(&healthy, &failed, "delivered").await;
    event_once(&healthy, &delivered, "delivered").await;
    let rows = buyer.api.list(EVENTS).await;
    let status = |id: &str| {
        let row = rows.iter().find(|row| row["id"] == id).expect("every event is listed");
        text(row, "delivery_status").to_owned()
    };
    assert_eq!((status(&failed), status(&delivered)), ("failed".into(), "delivered".into()));
}

#[tokio::test]
async fn a_delivery_that_is_under_way_is_pending() {
    let buyer = patient().await;
    let (good, slow) = (Receiver::start(), Receiver::ruled(|_| Answer::ok().held()));
    let healthy = Endpoint::at(&buyer.api, &good).await;
    let waiting = Endpoint::at(&buyer.api, &slow).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    slow.await_in_flight(1).await;
    let event = event_once(&healthy, &id, "delivered").await;
    assert_eq!(event["delivery_status"], "pending");
    assert_eq!(delivery(&event, &waiting).expect("a delivery")[named::STATUS], json!("pending"));
    slow.release_all();
    let event = event_once(&waiting, &id, "delivered").await;
    assert_eq!(event["delivery_status"], "delivered");
}
