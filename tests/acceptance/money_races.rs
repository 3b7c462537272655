//! Credits when everything happens at once, and the books afterwards.

use crate::common::{buyer, server, worker};
use firsthand_tests::job::photos;
use firsthand_tests::shape::{assert_part, int, text};
use firsthand_tests::{
    Balance, Buyer, DataDir, Options, Reply, Server, Worker, binary, media, together,
};
use serde_json::json;

/// So many creations of the same job at once.
async fn create_together(
    buyer: &Buyer,
    count: usize,
    files: u32,
    price: i64,
) -> (Vec<Reply>, Vec<Reply>) {
    let replies = together((0..count).map(|_| {
        let buyer = buyer.clone();
        async move { buyer.try_create(&photos(files, price)).await }
    }));
    replies.await.into_iter().partition(|reply| reply.status == 201)
}

#[tokio::test]
async fn of_64_creations_at_once_against_a_balance_for_10_exactly_10_succeed_and_the_books_verify()
{
    let data = DataDir::new();
    let server = Server::start(Options::at(&data.path())).await;
    let buyer = Buyer::with_balance(&server, 10 * 75 + 74).await;
    let (created, refused) = create_together(&buyer, 64, 1, 75).await;
    assert_eq!((created.len(), refused.len()), (10, 54));
    for reply in &refused {
        let error = reply.refused(402, "insufficient_credits");
        assert_eq!(int(&error, "required_cents"), 75);
        assert!((74..75 * 10).contains(&int(&error, "current_balance_cents")), "{error}");
    }
    assert_eq!(buyer.balance().await, Balance { available: 74, held: 750 });
    assert_eq!(buyer.api.list("/v1/jobs").await.len(), 10);
    server.verify().await;
    server.stop().await;
    let path = data.path();
    tokio::task::spawn_blocking(move || binary::verify_data(&path))
        .await
        .expect("verify finds nothing");
}

#[tokio::test]
async fn of_two_creations_at_once_that_want_the_last_cents_one_is_refused() {
    for _ in 0..8 {
        let buyer = Buyer::with_balance(server(), 300).await;
        let (created, refused) = create_together(&buyer, 2, 2, 100).await;
        assert_eq!((created.len(), refused.len()), (1, 1));
        refused[0].refused(402, "insufficient_credits");
        assert_eq!(buyer.balance().await, Balance { available: 100, held: 200 });
    }
}

#[tokio::test]
async fn creations_and_cancels_at_once_never_lose_or_mint_a_cent() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    together((0..32).map(|_| {
        let buyer = buyer.clone();
        async move {
            let reply = buyer.try_create(&photos(1, 100)).await;
            if reply.status == 201 {
                buyer.cancel(text(&reply.json(), "id")).await.ok(200);
            } else {
                reply.refused(402, "insufficient_credits");
            }
        }
    }))
    .await;
    assert_eq!(buyer.balance().await, Balance { available: 1_000, held: 0 });
}

/// One job of two files, one of them uploaded at the moment of the cancel or just before it, while it is scored.
async fn race_an_approval_with_a_cancel(upload_first: bool) {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    let id = buyer.photo_job(2, 75).await;
    let worker = worker().await;
    let submission = worker.accept(&id).await;
    let media = media::sharp_sized(media::seed(), 800, 600);
    let (uploaded, cancelled) = if upload_first {
        (worker.upload(&submission, &media).await, buyer.cancel(&id).await)
    } else {
        tokio::join!(worker.upload(&submission, &media), buyer.cancel(&id))
    };
    let job = cancelled.ok(200);
    if uploaded.status != 200 {
        uploaded.refused(409, "conflict");
    }
    let decided = worker.submission(&submission).await;
    let paid = if decided["status"] == "approved" { 75 } else { 0 };
    assert_eq!(job["escrow"]["spent_cents"], paid, "{job} {decided}");
    assert_part(&job["escrow"], &json!({"held_cents": 0, "refunded_cents": 150 - paid}));
    assert_eq!(buyer.balance().await, Balance { available: 1_000 - paid, held: 0 });
    assert_eq!(buyer.files_once(&id, usize::from(paid > 0)).await.len(), usize::from(paid > 0));
}

#[tokio::test]
async fn an_approval_that_races_a_cancel_is_paid_or_refunded_and_never_both() {
    for round in 0..8 {
        race_an_approval_with_a_cancel(round % 2 == 0).await;
    }
}

#[tokio::test]
async fn the_last_slot_is_taken_once_however_many_want_it() {
    let buyer = buyer().await;
    let id = buyer.photo_job(1, 75).await;
    let mut workers = Vec::new();
    for _ in 0..16 {
        workers.push(Worker::new(server()).await);
    }
    workers[0].offered(&id).await;
    let replies = together(workers.into_iter().map(|worker| {
        let id = id.clone();
        async move { worker.try_accept(&id).await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    for lost in replies.iter().filter(|reply| reply.status != 201) {
        lost.refused(409, "conflict");
    }
}

#[tokio::test]
async fn uploads_at_once_complete_a_job_exactly() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    let id = buyer.photo_job(6, 13).await;
    together((0..6).map(|_| {
        let id = id.clone();
        async move {
            let media = media::sharp_sized(media::seed(), 800, 600);
            worker().await.deliver_approved(&id, &media).await;
        }
    }))
    .await;
    let job = buyer.job_once(&id, "completed").await;
    assert_part(&job["escrow"], &json!({"held_cents": 0, "spent_cents": 78, "refunded_cents": 0}));
    assert_eq!(buyer.balance().await, Balance { available: 922, held: 0 });
}

#[tokio::test]
async fn a_second_upload_at_the_same_moment_is_not_paid_twice() {
    let buyer = Buyer::with_balance(server(), 1_000).await;
    let id = buyer.photo_job(2, 75).await;
    let worker = worker().await;
    let submission = worker.accept(&id).await;
    let media = media::sharp(media::seed());
    let (one, two) =
        tokio::join!(worker.upload(&submission, &media), worker.upload(&submission, &media));
    let (taken, refused) = if one.status == 200 { (one, two) } else { (two, one) };
    taken.ok(200);
    refused.refused(409, "conflict");
    assert_eq!(worker.scored(&submission).await["status"], "approved");
    assert_eq!(buyer.balance().await, Balance { available: 850, held: 75 });
}
