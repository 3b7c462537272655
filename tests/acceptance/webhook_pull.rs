//! `GET /v1/events`: everything that happened, oldest first, from any event on.

use crate::common::{NOBODY, worker};
use crate::webhook_common::{
    Endpoint, FEED, assert_event, cancelled, cancelled_by, cancelled_often, feed, feed_once,
    flagged_and_cancelled, ids, patient,
};
use firsthand_tests::shape::text;
use firsthand_tests::{Api, Receiver, Wait, together};
use serde_json::{Value, json};

/// A page: its events, whether there is more, and what to ask again with.
async fn page(api: &Api, query: &str) -> (Vec<Value>, bool, Option<String>) {
    let page = api.get(&format!("{FEED}?{query}")).await.ok(200);
    assert_eq!(page["object"], "list", "{page}");
    let events = page["data"].as_array().unwrap_or_else(|| panic!("no data in {page}")).clone();
    let more = page["has_more"].as_bool().unwrap_or_else(|| panic!("no has_more in {page}"));
    (events, more, page["next_cursor"].as_str().map(str::to_owned))
}

fn jobs(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(&event["data"], "job_id")).collect()
}

#[tokio::test]
async fn without_after_it_begins_at_the_beginning_oldest_first() {
    let buyer = patient().await;
    let made = cancelled_often(&buyer, 5).await;
    let events = feed_once(&buyer.api, 5).await;
    assert_eq!(jobs(&events), made);
    for event in &events {
        assert_event(event, true);
        assert_eq!((&event["type"], &event["sequence"]), (&json!("job.cancelled"), &json!(1)));
    }
    let times: Vec<&str> = events.iter().map(|event| text(event, "created_at")).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn what_is_pulled_is_what_is_pushed() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    Endpoint::at(&buyer.api, &receiver).await;
    flagged_and_cancelled(&buyer, &worker().await).await;
    let pushed = receiver.await_requests(2).await;
    let pulled = feed_once(&buyer.api, 2).await;
    let reply = buyer.get(FEED).await;
    for request in &pushed {
        let event = pulled.iter().find(|event| event["id"] == request.event_id());
        assert_eq!(event, Some(&request.json()));
        assert!(reply.text().contains(request.text()), "other bytes were pulled: {reply}");
    }
}

#[tokio::test]
async fn after_an_event_come_those_above_it() {
    let buyer = patient().await;
    cancelled_often(&buyer, 4).await;
    let all = feed_once(&buyer.api, 4).await;
    for (place, event) in all.iter().enumerate() {
        let rest = feed(&buyer.api, &format!("after={}", text(event, "id"))).await;
        assert_eq!(rest, all[place + 1..], "after event {place}");
    }
}

#[tokio::test]
async fn the_cursor_is_the_last_event_also_when_there_is_no_more() {
    let buyer = patient().await;
    cancelled_often(&buyer, 5).await;
    let all = ids(&feed_once(&buyer.api, 5).await);
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    let mut more = true;
    while more {
        let (events, has_more, cursor) = page(&buyer.api, &query).await;
        seen.extend(ids(&events));
        assert_eq!(cursor.as_ref(), seen.last());
        assert_eq!(has_more, seen.len() < all.len(), "after {seen:?}");
        query = format!("limit=2&after={}", cursor.expect("a page with events has a cursor"));
        more = has_more;
    }
    assert_eq!(seen, all);
    let (events, has_more, cursor) = page(&buyer.api, &query).await;
    assert_eq!((events, has_more, cursor.as_ref()), (vec![], false, all.last()));
    let job_id = cancelled(&buyer).await;
    let mut wait = Wait::until("the next event comes after the cursor");
    loop {
        let events = feed(&buyer.api, &query).await;
        if !events.is_empty() {
            assert_eq!(jobs(&events), [job_id.as_str()]);
            break;
        }
        wait.not_yet(&json!(query)).await;
    }
}

#[tokio::test]
async fn a_page_holds_as_many_events_as_are_asked_for() {
    let buyer = patient().await;
    cancelled_often(&buyer, 3).await;
    feed_once(&buyer.api, 3).await;
    for (limit, count) in [(1, 1), (2, 2), (3, 3), (100, 3)] {
        assert_eq!(feed(&buyer.api, &format!("limit={limit}")).await.len(), count);
    }
    for limit in ["0", "-1", "ten", "1.5"] {
        buyer.get(&format!("{FEED}?limit={limit}")).await.invalid("limit");
    }
}

#[tokio::test]
async fn a_filter_gives_the_wanted_types_in_their_order() {
    let buyer = patient().await;
    let worker = worker().await;
    let [first_flag, first_end] = flagged_and_cancelled(&buyer, &worker).await;
    let [second_flag, second_end] = flagged_and_cancelled(&buyer, &worker).await;
    for (query, expected) in [
        ("types=job.flagged".to_owned(), vec![&first_flag, &second_flag]),
        (
            "types=job.cancelled,job.flagged".to_owned(),
            vec![&first_flag, &first_end, &second_flag, &second_end],
        ),
        ("types=job.completed".to_owned(), vec![]),
        (format!("types=job.flagged&after={first_end}"), vec![&second_flag]),
        (format!("types=job.cancelled&after={first_flag}&limit=1"), vec![&first_end]),
    ] {
        let events = feed(&buyer.api, &query).await;
        assert_eq!(ids(&events).iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn an_event_that_the_book_does_not_have_is_no_place_to_begin_after() {
    let (buyer, other) = (patient().await, patient().await);
    cancelled(&other).await;
    let foreign = text(&feed_once(&other.api, 1).await[0], "id").to_owned();
    buyer.grant_in("test", 1_000).await;
    let test = buyer.test_api().await;
    cancelled_by(&test).await;
    let sandbox = text(&feed_once(&test, 1).await[0], "id").to_owned();
    cancelled(&buyer).await;
    let own = text(&feed_once(&buyer.api, 1).await[0], "id").to_owned();
    for after in [format!("evt_{NOBODY}"), foreign, sandbox, "nonsense".to_owned()] {
        buyer.get(&format!("{FEED}?after={after}")).await.invalid("after");
    }
    test.get(&format!("{FEED}?after={own}")).await.invalid("after");
}

#[tokio::test]
async fn a_book_without_events_has_an_empty_page() {
    let buyer = patient().await;
    assert_eq!(page(&buyer.api, "limit=10").await, (vec![], false, None));
}

#[tokio::test]
async fn nobody_pulls_another_s_events() {
    let (buyer, other) = (patient().await, patient().await);
    let test = buyer.test_api().await;
    cancelled(&buyer).await;
    feed_once(&buyer.api, 1).await;
    let theirs = cancelled(&other).await;
    assert_eq!(jobs(&feed_once(&other.api, 1).await), [theirs.as_str()]);
    assert!(feed(&test, "limit=100").await.is_empty());
}

#[tokio::test]
async fn whoever_follows_the_cursor_while_much_happens_misses_nothing() {
    let buyer = patient().await;
    let api = buyer.api.clone();
    let happening = tokio::spawn(together((0..40).map(move |_| {
        let api = api.clone();
        async move { cancelled_by(&api).await }
    })));
    let mut seen: Vec<Value> = Vec::new();
    let mut wait = Wait::until("all events were pulled");
    while seen.len() < 40 {
        let query = match seen.last() {
            Some(last) => format!("limit=3&after={}", text(last, "id")),
            None => "limit=3".to_owned(),
        };
        let events = feed(&buyer.api, &query).await;
        if events.is_empty() {
            wait.not_yet(&json!(seen.len())).await;
        }
        seen.extend(events);
    }
    let mut made = happening.await.expect("all jobs are cancelled");
    assert_eq!(seen, feed_once(&buyer.api, 40).await);
    let mut told = jobs(&seen);
    told.sort_unstable();
    made.sort_unstable();
    assert_eq!(told, made);
}
