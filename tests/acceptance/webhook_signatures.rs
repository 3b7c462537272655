//! Signatures, checked by nothing but the contract's words: [`firsthand_tests::signature`].

use crate::webhook_common::{Endpoint, cancelled, event_id_of, event_once, impatient, patient};
use firsthand_tests::shape::{assert_instant, text};
use firsthand_tests::signature::{Signed, mac};
use firsthand_tests::{Answer, Buyer, Received, Receiver, Wait, clock};
use serde_json::json;

/// Makes an event and returns the first request with it.
async fn pushed(buyer: &Buyer, receiver: &Receiver) -> Received {
    let id = event_id_of(&buyer.api, &cancelled(buyer).await).await;
    attempts_of(receiver, &id, 1).await.remove(0)
}

/// The first attempts with an event, in their order.
async fn attempts_of(receiver: &Receiver, id: &str, count: usize) -> Vec<Received> {
    let what = format!("{count} attempts of {id}");
    let of_event = |request: &&Received| request.event_id() == id;
    receiver.await_until(&what, |all| all.iter().filter(of_event).count() >= count).await;
    receiver.of_event(id)
}

#[tokio::test]
async fn every_header_verifies_under_the_secret() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let request = pushed(&buyer, &receiver).await;
    request.assert_signed(&[&endpoint.secret]);
    let (new, old) =
        (request.must("X-FirstHandAPI-Signature"), request.must("X-FirstHand-Signature"));
    assert_eq!(new, old);
    assert_eq!(Signed::parse(new).v1.len(), 1);
}

#[tokio::test]
async fn the_scheme_raw_changes_one_header_only() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let fields = json!({"signature_scheme": "raw"});
    let endpoint = Endpoint::with(&buyer.api, &receiver, &fields).await;
    pushed(&buyer, &receiver).await.assert_signed_raw(&[&endpoint.secret]);
    endpoint.patch(&json!({"signature_scheme": "t_v1"})).await;
    pushed(&buyer, &receiver).await.assert_signed(&[&endpoint.secret]);
}

#[tokio::test]
async fn no_other_secret_verifies() {
    let buyer = patient().await;
    let (one, two) = (Receiver::start(), Receiver::start());
    let first = Endpoint::at(&buyer.api, &one).await;
    let second = Endpoint::at(&buyer.api, &two).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let request = attempts_of(&one, &id, 1).await.remove(0);
    let other = attempts_of(&two, &id, 1).await.remove(0);
    request.assert_signed(&[&first.secret]);
    other.assert_signed(&[&second.secret]);
    let wrong = hex::encode(mac(second.secret.as_bytes(), &request.body));
    assert_ne!(request.must("X-FirstHandAPI-Body-Signature"), wrong);
}

#[tokio::test]
async fn a_changed_byte_changes_the_signature() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let mut request = pushed(&buyer, &receiver).await;
    let given = request.must("X-FirstHandAPI-Body-Signature").to_owned();
    let last = request.body.len() - 1;
    request.body[last] ^= 1;
    assert_ne!(hex::encode(mac(endpoint.secret.as_bytes(), &request.body)), given);
}

#[tokio::test]
async fn during_the_overlap_of_a_rotation_both_secrets_sign() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    pushed(&buyer, &receiver).await.assert_signed(&[&endpoint.secret]);
    let new = endpoint.rotate(3_600).await;
    pushed(&buyer, &receiver).await.assert_signed(&[&new, &endpoint.secret]);
}

#[tokio::test]
async fn a_rotation_without_a_body_has_an_overlap_too() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let rotate = format!("{}/rotate_secret", endpoint.path());
    let new = buyer.post_empty(&rotate).await.ok(200);
    pushed(&buyer, &receiver).await.assert_signed(&[text(&new, "secret"), &endpoint.secret]);
}

#[tokio::test]
async fn without_an_overlap_only_the_new_secret_signs() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let new = endpoint.rotate(0).await;
    pushed(&buyer, &receiver).await.assert_signed(&[&new]);
}

#[tokio::test]
async fn when_the_overlap_is_over_only_the_new_secret_signs() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let new = endpoint.rotate(2).await;
    let until = assert_instant(&endpoint.get().await["previous_secret_expires_at"]);
    let mut wait = Wait::until("the overlap is over");
    while clock::now() <= until {
        wait.not_yet(&json!(until)).await;
    }
    pushed(&buyer, &receiver).await.assert_signed(&[&new]);
}

#[tokio::test]
async fn a_refused_rotation_leaves_the_old_secret_signing_alone() {
    let buyer = patient().await;
    let receiver = Receiver::start();
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let rotate = format!("{}/rotate_secret", endpoint.path());
    let body = json!({"overlap_seconds": 604_801});
    buyer.post(&rotate, &body).await.invalid("overlap_seconds");
    pushed(&buyer, &receiver).await.assert_signed(&[&endpoint.secret]);
}

#[tokio::test]
async fn the_first_attempt_puts_the_new_secret_first_and_the_second_the_old_one() {
    let buyer = impatient().await;
    let receiver = Receiver::scripted([Answer::status(500), Answer::status(500)]);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let new = endpoint.rotate(3_600).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    let attempts = attempts_of(&receiver, &id, 3).await;
    for (request, number) in attempts.iter().zip(1..) {
        assert_eq!(request.attempt(), number);
        // Which one comes first is checked by the attempt's number.
        request.assert_signed(&[&new, &endpoint.secret]);
    }
    event_once(&endpoint, &id, "delivered").await;
}

#[tokio::test]
async fn every_attempt_is_signed_anew_and_a_rotation_between_two_counts() {
    let buyer = impatient().await;
    let receiver = Receiver::scripted([Answer::status(500).held()]);
    let endpoint = Endpoint::at(&buyer.api, &receiver).await;
    let id = event_id_of(&buyer.api, &cancelled(&buyer).await).await;
    receiver.await_in_flight(1).await;
    let new = endpoint.rotate(0).await;
    receiver.release_all();
    let attempts = attempts_of(&receiver, &id, 2).await;
    attempts[0].assert_signed(&[&endpoint.secret]);
    attempts[1].assert_signed(&[&new]);
    assert_eq!(attempts[0].body, attempts[1].body);
}
