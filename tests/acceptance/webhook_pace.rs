//! How fast and in which order: requests at a time, requests a second, the order within a job, and that nobody
//! waits for somebody else's endpoint.

use crate::common::worker;
use crate::webhook_common::{
    Endpoint, cancelled, cancelled_often, event_id_of, event_once, flagged_and_cancelled, hasty,
    impatient, patient,
};
use firsthand_tests::{Answer, Buyer, Received, Receiver, Worker};
use serde_json::json;
use std::time::Duration;

/// The places, in the order of arrival, of the requests with this event.
fn places(requests: &[Received], id: &str) -> Vec<usize> {
    (0..requests.len()).filter(|place| requests[*place].event_id() == id).collect()
}

#[tokio::test]
async fn an_endpoint_that_hangs_does_not_delay_another_s_deliveries() {
    let buyer = patient().await;
    let hanging = Receiver::ruled(|_| Answer::ok().held());
    let quick = Receiver::start();
    Endpoint::at(&buyer.api, &hanging).await;
    Endpoint::at(&buyer.api, &quick).await;
    cancelled_often(&buyer, 12).await;
    quick.await_within(Duration::from_secs(9), "all twelve", |all| all.len() == 12).await;
    hanging.await_in_flight(1).await;
    assert!(hanging.most_in_flight() <= 8, "{} at a time", hanging.most_in_flight());
    hanging.release_all();
    hanging.await_requests(12).await;
}

#[tokio::test]
async fn another_organization_is_not_delayed_either() {
    let (buyer, other) = (patient().await, patient().await);
    let hanging = Receiver::ruled(|_| Answer::ok().held());
    let quick = Receiver::start();
    let fields = json!({"max_in_flight": 64});
    Endpoint::with(&buyer.api, &hanging, &fields).await;
    Endpoint::at(&other.api, &quick).await;
    cancelled_often(&buyer, 40).await;
    hanging.await_in_flight(8).await;
    cancelled(&other).await;
    quick.await_within(Duration::from_secs(5), "the other's event", |all| !all.is_empty()).await;
    hanging.release_all();
    hanging.await_requests(40).await;
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_endpoint_allows() {
    let buyer = patient().await;
    let narrow = Receiver::ruled(|_| Answer::ok().held());
    let wide = Receiver::start();
    Endpoint::with(&buyer.api, &narrow, &json!({"max_in_flight": 2})).await;
    Endpoint::at(&buyer.api, &wide).await;
    cancelled_often(&buyer, 8).await;
    wide.await_requests(8).await;
    narrow.await_in_flight(2).await;
    assert_eq!(narrow.requests().len(), 2);
    narrow.release();
    narrow.await_requests(3).await;
    narrow.release_all();
    narrow.await_requests(8).await;
    assert_eq!(narrow.most_in_flight(), 2);
}

#[tokio::test]
async fn one_at_a_time_is_possible() {
    let buyer = patient().await;
    let receiver = Receiver::ruled(|_| Answer::ok().after(Duration::from_millis(30)));
    Endpoint::with(&buyer.api, &receiver, &json!({"max_in_flight": 1})).await;
    cancelled_often(&buyer, 10).await;
    let requests = receiver.await_requests(10).await;
    assert_eq!(receiver.most_in_flight(), 1);
    assert!(requests.iter().all(|request| request.attempt() == 1));
}

#[tokio::test]
async fn no_more_requests_come_in_a_second_than_the_endpoint_allows() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let witness = Receiver::start();
    Endpoint::with(&buyer.api, &receiver, &json!({"max_per_second": 2})).await;
    Endpoint::at(&buyer.api, &witness).await;
    cancelled_often(&buyer, 10).await;
    witness.await_requests(10).await;
    let requests = receiver.await_requests(10).await;
    // However the seconds are counted: the ten need five of them, and the first and the last may be short.
    let took = requests[9].arrived - requests[0].arrived;
    assert!(took >= Duration::from_millis(2_800), "ten requests in {took:?}");
    for seven in requests.windows(7) {
        let took = seven[6].arrived - seven[0].arrived;
        assert!(took >= Duration::from_millis(1_500), "seven requests in {took:?}");
    }
}

/// An endpoint that is sent the events of a job in order.
async fn in_order(buyer: &Buyer, receiver: &Receiver) -> Endpoint {
    Endpoint::with(&buyer.api, receiver, &json!({"ordering": "per_job"})).await
}

#[tokio::test]
async fn in_order_a_job_s_second_event_waits_for_the_first_and_other_jobs_go_on() {
    let buyer = impatient().await;
    let receiver = Receiver::ruled(|request| match request.kind().as_str() {
        "job.flagged" => Answer::ok().held(),
        _ => Answer::ok(),
    });
    let endpoint = in_order(&buyer, &receiver).await;
    let [first, second] = flagged_and_cancelled(&buyer, &Worker::new(hasty()).await).await;
    receiver.await_in_flight(1).await;
    let other = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &other, "delivered").await;
    assert!(receiver.of_event(&second).is_empty(), "the second event overtook the first");
    receiver.release_all();
    event_once(&endpoint, &second, "delivered").await;
    event_once(&endpoint, &first, "delivered").await;
    let requests = receiver.requests();
    assert!(places(&requests, &second)[0] > places(&requests, &first)[0]);
}

#[tokio::test]
async fn without_order_a_job_s_second_event_does_not_wait() {
    let buyer = patient().await;
    let mut held = false;
    let receiver = Receiver::ruled(move |_| {
        if std::mem::replace(&mut held, true) { Answer::ok() } else { Answer::ok().held() }
    });
    Endpoint::at(&buyer.api, &receiver).await;
    flagged_and_cancelled(&buyer, &worker().await).await;
    let overtaken = |all: &[Received]| all.len() == 2 && receiver.in_flight() == 1;
    receiver.await_until("the second event, the first unanswered", overtaken).await;
    receiver.release_all();
}

#[tokio::test]
async fn in_order_a_job_s_second_event_waits_for_the_retries_of_the_first() {
    let buyer = impatient().await;
    let receiver = Receiver::scripted((0..3).map(|_| Answer::status(500)));
    let endpoint = in_order(&buyer, &receiver).await;
    let [first, second] = flagged_and_cancelled(&buyer, &Worker::new(hasty()).await).await;
    event_once(&endpoint, &second, "delivered").await;
    let requests = receiver.requests();
    assert_eq!(places(&requests, &first), [0, 1, 2, 3]);
    assert_eq!(places(&requests, &second), [4]);
}

#[tokio::test]
async fn in_order_a_job_s_second_event_goes_when_the_first_has_failed_for_good() {
    let buyer = impatient().await;
    let receiver = Receiver::ruled(|request| {
        // The fourth attempt is held until another job's event was delivered: no five failures in a row.
        let flagged = request.kind() == "job.flagged";
        match (flagged, request.attempt()) {
            (true, 4) => Answer::status(500).held(),
            (true, _) => Answer::status(500),
            (false, _) => Answer::ok(),
        }
    });
    let endpoint = in_order(&buyer, &receiver).await;
    let [first, second] = flagged_and_cancelled(&buyer, &Worker::new(hasty()).await).await;
    let fourth = |all: &[Received]| places(all, &first).len() == 4;
    receiver.await_until("the fourth attempt", fourth).await;
    let other = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    event_once(&endpoint, &other, "delivered").await;
    receiver.release_all();
    event_once(&endpoint, &second, "delivered").await;
    event_once(&endpoint, &first, "failed").await;
    let requests = receiver.requests();
    let sixth = places(&requests, &first)[5];
    assert!(places(&requests, &second)[0] > sixth, "the second event overtook the first");
}

#[tokio::test]
async fn in_order_every_job_s_events_arrive_by_their_sequence() {
    let buyer = patient().await;
    let receiver = Receiver::ruled(|_| Answer::ok().after(Duration::from_millis(100)));
    in_order(&buyer, &receiver).await;
    let worker = worker().await;
    for _ in 0..5 {
        flagged_and_cancelled(&buyer, &worker).await;
    }
    let requests = receiver.await_requests(10).await;
    for request in &requests {
        let event = request.json();
        let earlier = requests.iter().take_while(|other| other.event_id() != request.event_id());
        let of_job =
            earlier.filter(|other| other.json()["data"]["job_id"] == event["data"]["job_id"]);
        assert_eq!(event["sequence"].as_u64(), Some(of_job.count() as u64 + 1), "{event}");
    }
}
