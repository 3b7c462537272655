//! `GET /v1/events/stream`: the feed as server-sent events.

use crate::common::{NOBODY, worker};
use crate::webhook_common::{
    Endpoint, FEED, cancelled, cancelled_by, cancelled_often, feed_once, flagged_and_cancelled,
    ids, patient,
};
use firsthand_tests::shape::text;
use firsthand_tests::sse::Frame;
use firsthand_tests::wait::eventually;
use firsthand_tests::{Api, EventStream, Receiver, together};
use reqwest::Method;
use serde_json::{Value, json};

const STREAM: &str = "/v1/events/stream";

/// From what comes next on.
async fn live(api: &Api) -> EventStream {
    EventStream::open(api, STREAM, None).await
}

#[track_caller]
fn assert_frame(frame: &Frame, event: &Value) {
    assert_eq!((frame.id.as_str(), frame.event.as_str()), (text(event, "id"), text(event, "type")));
    assert_eq!(&frame.json(), event);
}

fn frame_ids(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.id.as_str()).collect()
}

#[tokio::test]
async fn an_event_is_streamed_as_it_happens() {
    let buyer = patient().await;
    let mut stream = live(&buyer.api).await;
    for count in 1..=3 {
        cancelled(&buyer).await;
        let frame = stream.next().await;
        assert_frame(&frame, &feed_once(&buyer.api, count).await[count - 1]);
    }
}

#[tokio::test]
async fn what_is_streamed_is_what_is_pushed_byte_for_byte() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    Endpoint::at(&buyer.api, &receiver).await;
    let mut stream = live(&buyer.api).await;
    flagged_and_cancelled(&buyer, &worker().await).await;
    let pushed = receiver.await_requests(2).await;
    for frame in stream.take(2).await {
        let request = pushed.iter().find(|request| request.event_id() == frame.id);
        assert_eq!(request.expect("it was pushed too").text(), frame.data);
    }
}

#[tokio::test]
async fn without_a_place_it_begins_with_what_comes_next() {
    let buyer = patient().await;
    cancelled_often(&buyer, 2).await;
    feed_once(&buyer.api, 2).await;
    let mut stream = live(&buyer.api).await;
    let job_id = cancelled(&buyer).await;
    assert_eq!(stream.next().await.json()["data"]["job_id"], job_id.as_str());
}

#[tokio::test]
async fn it_resumes_after_the_event_that_is_named_either_way() {
    let buyer = patient().await;
    cancelled_often(&buyer, 4).await;
    let all = ids(&feed_once(&buyer.api, 4).await);
    let path = format!("{STREAM}?after={}", all[1]);
    let mut by_query = EventStream::open(&buyer.api, &path, None).await;
    let mut by_header = EventStream::open(&buyer.api, STREAM, Some(&all[1])).await;
    for stream in [&mut by_query, &mut by_header] {
        assert_eq!(frame_ids(&stream.take(2).await), all[2..]);
    }
    cancelled(&buyer).await;
    let last = text(&feed_once(&buyer.api, 5).await[4], "id").to_owned();
    for stream in [&mut by_query, &mut by_header] {
        assert_eq!(stream.next().await.id, last);
    }
}

#[tokio::test]
async fn whoever_reconnects_again_and_again_gets_every_event_once() {
    let buyer = patient().await;
    cancelled(&buyer).await;
    let first = text(&feed_once(&buyer.api, 1).await[0], "id").to_owned();
    let api = buyer.api.clone();
    let happening = tokio::spawn(together((0..30).map(move |_| {
        let api = api.clone();
        async move { cancelled_by(&api).await }
    })));
    let mut seen = vec![first];
    while seen.len() < 31 {
        let mut stream = EventStream::open(&buyer.api, STREAM, seen.last().map(|id| &**id)).await;
        let count = (31 - seen.len()).min(4);
        seen.extend(stream.take(count).await.into_iter().map(|frame| frame.id));
    }
    happening.await.expect("all jobs are cancelled");
    assert_eq!(seen, ids(&feed_once(&buyer.api, 31).await));
}

#[tokio::test]
async fn every_stream_gets_every_event() {
    let buyer = patient().await;
    let mut streams = [live(&buyer.api).await, live(&buyer.api).await, live(&buyer.api).await];
    cancelled_often(&buyer, 3).await;
    let all = ids(&feed_once(&buyer.api, 3).await);
    for stream in &mut streams {
        assert_eq!(frame_ids(&stream.take(3).await), all);
    }
}

#[tokio::test]
async fn a_book_holds_a_hundred_streams_open_and_a_closed_one_makes_room() {
    let buyer = patient().await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(live(&buyer.api).await);
    }
    let refused = buyer.get(STREAM).await.refused(429, "rate_limit_exceeded");
    assert_eq!(refused["code"], "too_many_streams");
    let other = patient().await;
    drop(live(&other.api).await);
    drop(streams.pop());
    eventually("there is room again", async || {
        let call = buyer.api.request(Method::GET, STREAM).head().await;
        if call.status() == 200 { Ok(()) } else { Err(json!(call.status().as_u16())) }
    })
    .await;
}

#[tokio::test]
async fn a_filter_streams_the_wanted_types() {
    let buyer = patient().await;
    let path = format!("{STREAM}?types=job.cancelled,job.completed");
    let mut stream = EventStream::open(&buyer.api, &path, None).await;
    let worker = worker().await;
    for _ in 0..2 {
        let [_, cancelled] = flagged_and_cancelled(&buyer, &worker).await;
        let frame = stream.next().await;
        assert_eq!((frame.id, frame.event), (cancelled, "job.cancelled".to_owned()));
    }
}

#[tokio::test]
async fn nobody_streams_another_s_events() {
    let (buyer, other) = (patient().await, patient().await);
    buyer.grant_in("test", 1_000).await;
    let test = buyer.test_api().await;
    let mut own = live(&buyer.api).await;
    let mut sandbox = live(&test).await;
    cancelled(&other).await;
    feed_once(&other.api, 1).await;
    let in_test = cancelled_by(&test).await;
    feed_once(&test, 1).await;
    let in_live = cancelled(&buyer).await;
    assert_eq!(own.next().await.json()["data"]["job_id"], in_live.as_str());
    let frame = sandbox.next().await.json();
    assert_eq!(frame["data"]["job_id"], in_test.as_str());
    assert_eq!(frame["livemode"], false);
}

#[tokio::test]
async fn a_place_that_the_book_does_not_have_is_refused() {
    let (buyer, other) = (patient().await, patient().await);
    cancelled(&other).await;
    let foreign = text(&feed_once(&other.api, 1).await[0], "id").to_owned();
    for after in [format!("evt_{NOBODY}"), foreign, "nonsense".to_owned()] {
        buyer.get(&format!("{STREAM}?after={after}")).await.invalid("after");
        let call = buyer.api.request(Method::GET, STREAM).header("Last-Event-ID", &after);
        call.send().await.refused(400, "validation_error");
    }
}

#[tokio::test]
async fn a_stream_that_was_left_does_no_harm() {
    let buyer = patient().await;
    for _ in 0..20 {
        drop(live(&buyer.api).await);
    }
    let mut stream = live(&buyer.api).await;
    let job_id = cancelled(&buyer).await;
    assert_eq!(stream.next().await.json()["data"]["job_id"], job_id.as_str());
    assert_eq!(buyer.get(FEED).await.ok(200)["object"], "list");
}
