//! Cursors, on every list.

use crate::common::{buyer, delivered};
use firsthand_tests::http::escape;
use firsthand_tests::{Buyer, together};
use serde_json::json;

const LISTS: [&str; 5] =
    ["/v1/jobs", "/v1/submissions", "/v1/api_keys", "/v1/billing/transactions", "/v1/audit-events"];

async fn jobs(buyer: &Buyer, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(buyer.photo_job(1, 75).await);
    }
    ids
}

#[tokio::test]
async fn pages_give_every_row_once_newest_first() {
    let buyer = buyer().await;
    let mut ids = jobs(&buyer, 7).await;
    ids.reverse();
    let (mut seen, mut sizes, mut path) = (Vec::new(), Vec::new(), "/v1/jobs?limit=3".to_owned());
    loop {
        let page = buyer.get(&path).await.page();
        seen.extend(page.ids());
        sizes.push(page.data.len());
        match page.next_cursor {
            Some(cursor) => path = format!("/v1/jobs?limit=3&cursor={}", escape(&cursor)),
            None => break,
        }
    }
    assert_eq!((seen, sizes), (ids, vec![3, 3, 1]));
}

#[tokio::test]
async fn a_page_that_just_fits_has_no_successor() {
    let buyer = buyer().await;
    jobs(&buyer, 2).await;
    let page = buyer.get("/v1/jobs?limit=2").await.page();
    assert_eq!((page.data.len(), page.next_cursor), (2, None));
}

#[tokio::test]
async fn rows_that_arrive_between_pages_neither_repeat_nor_hide_others() {
    let buyer = buyer().await;
    let ids = jobs(&buyer, 6).await;
    let first = buyer.get("/v1/jobs?limit=2").await.page();
    jobs(&buyer, 3).await;
    let cursor = escape(&first.next_cursor.clone().expect("a second page"));
    let rest = buyer.get(&format!("/v1/jobs?limit=100&cursor={cursor}")).await.page();
    let seen: Vec<String> = first.ids().into_iter().chain(rest.ids()).collect();
    assert_eq!(seen, ids.into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn rows_that_change_between_pages_do_not_move() {
    let buyer = buyer().await;
    let ids = jobs(&buyer, 4).await;
    let first = buyer.get("/v1/jobs?limit=2").await.page();
    for id in &ids {
        buyer.cancel(id).await.ok(200);
    }
    let cursor = escape(&first.next_cursor.clone().expect("a second page"));
    let rest = buyer.get(&format!("/v1/jobs?limit=2&cursor={cursor}")).await.page();
    assert_eq!(rest.ids(), [ids[1].clone(), ids[0].clone()]);
}

#[tokio::test]
async fn twenty_rows_are_the_default_and_a_hundred_the_most() {
    let buyer = buyer().await;
    together((0..105).map(|_| {
        let buyer = buyer.clone();
        async move { buyer.photo_job(1, 10).await }
    }))
    .await;
    assert_eq!(buyer.get("/v1/jobs").await.page().data.len(), 20);
    assert_eq!(buyer.get("/v1/jobs?limit=1").await.page().data.len(), 1);
    assert_eq!(buyer.get("/v1/jobs?limit=100").await.page().data.len(), 100);
    assert_eq!(buyer.api.list("/v1/jobs").await.len(), 105);
}

#[tokio::test]
async fn every_buyer_list_refuses_limits_outside_1_to_100() {
    let buyer = buyer().await;
    let job = buyer.photo_job(1, 75).await;
    let nested = [format!("/v1/jobs/{job}/files"), format!("/v1/jobs/{job}/submissions")];
    let lists = LISTS.iter().map(|path| (*path).to_owned()).chain(nested);
    for path in lists {
        for limit in ["0", "101", "-1", "ten", "1.5"] {
            buyer.get(&format!("{path}?limit={limit}")).await.invalid("limit");
        }
    }
}

#[tokio::test]
async fn every_buyer_list_refuses_a_cursor_that_it_never_gave() {
    let buyer = buyer().await;
    let job = buyer.photo_job(1, 75).await;
    let nested = [format!("/v1/jobs/{job}/files"), format!("/v1/jobs/{job}/submissions")];
    let lists = LISTS.iter().map(|path| (*path).to_owned()).chain(nested);
    for path in lists {
        for cursor in ["nonsense", "%00", "0", "%27%20OR%201%3D1"] {
            buyer.get(&format!("{path}?cursor={cursor}")).await.invalid("cursor");
        }
    }
}

#[tokio::test]
async fn a_tampered_cursor_is_refused() {
    let buyer = buyer().await;
    jobs(&buyer, 3).await;
    let cursor = buyer.get("/v1/jobs?limit=1").await.page().next_cursor.expect("a second page");
    for tampered in [
        format!("{cursor}x"),
        cursor[1..].to_owned(),
        cursor[..cursor.len() - 1].to_owned(),
        cursor.repeat(2),
    ] {
        buyer.get(&format!("/v1/jobs?cursor={}", escape(&tampered))).await.invalid("cursor");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_list_and_filters_alone() {
    let buyer = buyer().await;
    jobs(&buyer, 3).await;
    let path = "/v1/jobs?status=open&type=data_collection";
    let first = buyer.get(&format!("{path}&limit=1")).await.page();
    let cursor = first.next_cursor.expect("a second page");
    assert!(!cursor.contains(&first.data[0]["id"].as_str().expect("an id")[4..]), "{cursor}");
    // The order of the parameters and the size of the page are the caller's.
    let turned = format!("/v1/jobs?cursor={cursor}&type=data_collection&limit=2&status=open");
    assert_eq!(buyer.get(&turned).await.page().data.len(), 2);
    for other in [
        "/v1/jobs?status=open&type=feedback",
        "/v1/jobs?status=filled&type=data_collection",
        "/v1/jobs?status=open",
        "/v1/jobs?",
        "/v1/submissions?status=approved&type=data_collection",
        "/v1/billing/purchases?status=open&type=data_collection",
    ] {
        buyer.get(&format!("{other}&cursor={cursor}")).await.invalid("cursor");
    }
}

#[tokio::test]
async fn an_item_s_id_is_taken_for_a_cursor() {
    let (buyer, other) = (buyer().await, buyer().await);
    let mut ids = jobs(&buyer, 3).await;
    ids.reverse();
    let page = buyer.get(&format!("/v1/jobs?limit=1&cursor={}", ids[0])).await.page();
    assert_eq!(page.ids(), [ids[1].clone()]);
    // Filters come from the query, and what an id names need not be the caller's.
    let none = format!("/v1/jobs?status=cancelled&cursor={}", ids[0]);
    assert_eq!(buyer.get(&none).await.page().ids(), Vec::<String>::new());
    let theirs = other.get(&format!("/v1/jobs?cursor={}", ids[0])).await.page();
    assert_eq!(theirs.ids(), Vec::<String>::new());
    for path in ["/v1/billing/transactions", "/v1/audit-events"] {
        let rows = buyer.api.list(path).await;
        let first = rows[0]["id"].as_str().expect("an id");
        let page = buyer.get(&format!("{path}?limit=1&cursor={first}")).await.page();
        assert_eq!(page.data, rows[1..2], "{path}");
        buyer.get(&format!("{path}?cursor={}", ids[0])).await.invalid("cursor");
    }
}

#[tokio::test]
async fn another_organization_s_cursor_shows_nothing_of_it() {
    let (one, two) = (buyer().await, buyer().await);
    jobs(&one, 3).await;
    let own = jobs(&two, 2).await;
    let cursor = one.get("/v1/jobs?limit=1").await.page().next_cursor.expect("a second page");
    let reply = two.get(&format!("/v1/jobs?cursor={}", escape(&cursor))).await;
    if reply.status == 200 {
        assert!(reply.page().ids().iter().all(|id| own.contains(id)), "{reply}");
    } else {
        reply.refused_somehow();
    }
}

#[tokio::test]
async fn a_page_of_every_list_continues_where_it_ended() {
    let buyer = buyer().await;
    delivered(&buyer, 75).await;
    delivered(&buyer, 75).await;
    buyer.create_key(&json!({"name": "second"})).await;
    for path in LISTS {
        let all =
            buyer.rows_once(path, &format!("{path} has two rows"), |rows| rows.len() >= 2).await;
        let first = buyer.get(&format!("{path}?limit=1")).await.page();
        let cursor = escape(first.next_cursor.as_deref().expect("a second page"));
        let second = buyer.get(&format!("{path}?limit=1&cursor={cursor}")).await.page();
        assert_ne!(first.ids(), second.ids(), "{path}");
        assert!(all.iter().any(|row| row["id"] == second.ids()[0].as_str()), "{path}");
    }
}
