//! API keys: the overlap after a rotation, and who may be locked out (specification section 9).

use crate::shop::{Answer, Shop};
use firsthand_domain::api_keys::{
    ApiKey, REFUSAL_PAUSE, RefuseCall, RevokeApiKey, RotateApiKey, Scope, Scopes,
};
use firsthand_domain::decision::View;
use firsthand_domain::ids::ApiKeyId;
use firsthand_domain::time::Span;
use firsthand_domain::{Environment, Rejection, State, StreamId, Timestamp};

fn create(shop: &mut Shop, scopes: &[Scope]) -> ApiKeyId {
    let mut key = shop.key(Environment::Live);
    key.scopes = scopes.iter().copied().collect();
    shop.world.run(&key).unwrap();
    key.key_id
}

fn key(shop: &Shop, id: ApiKeyId) -> &ApiKey {
    match shop.world.state(StreamId::ApiKey(id)) {
        Some(State::ApiKey(key)) => key,
        other => panic!("{id} is {other:?}"),
    }
}

fn rotate(shop: &mut Shop, key_id: ApiKeyId) -> Answer {
    let organization_id = shop.organization;
    let secret_hash = "second secret".into();
    shop.world.run(&RotateApiKey {
        organization_id,
        key_id,
        granted_by: Scopes::all(),
        secret_hash,
        last4: "efgh".into(),
    })
}

fn revoke(shop: &mut Shop, key_id: ApiKeyId, others: &[ApiKeyId], force: bool) -> Answer {
    let organization_id = shop.organization;
    shop.world.run(&RevokeApiKey { organization_id, key_id, others: others.to_vec(), force })
}

/// A shop whose first key came with the sign-up.
fn shop() -> (Shop, ApiKeyId) {
    let shop = Shop::poor();
    let first = shop.world.log().iter().find_map(|(stream, _)| match stream {
        StreamId::ApiKey(id) => Some(*id),
        _ => None,
    });
    (shop, first.unwrap())
}

#[test]
fn the_old_secret_works_for_24_hours_after_a_rotation_and_no_microsecond_longer() {
    let (mut shop, id) = shop();
    let rotated = shop.world.now;
    rotate(&mut shop, id).unwrap();
    let day = Span::hours(24);
    let (end, at) = (rotated.after(day).micros(), Timestamp::from_micros);
    assert!(key(&shop, id).opens("first secret", rotated));
    assert!(key(&shop, id).opens("first secret", at(end - 1)));
    assert!(!key(&shop, id).opens("first secret", at(end)));
    assert!(!key(&shop, id).opens("first secret", at(end + 1)));
    for time in [rotated, at(end - 1), at(end), at(end + 1)] {
        assert!(key(&shop, id).opens("second secret", time));
        assert!(!key(&shop, id).opens("a guess", time));
    }
}

#[test]
fn a_revoked_key_opens_nothing_at_once_and_for_good() {
    let (mut shop, id) = shop();
    rotate(&mut shop, id).unwrap();
    let other = create(&mut shop, &[Scope::KeysManage]);
    revoke(&mut shop, id, &[other], false).unwrap();
    let now = shop.world.now;
    assert!(!key(&shop, id).opens("second secret", now));
    assert!(!key(&shop, id).opens("first secret", now), "nor does its old secret");
    assert_eq!(revoke(&mut shop, id, &[other], false), Ok(vec![]), "twice");
    assert_eq!(rotate(&mut shop, id), Err(Rejection::KeyRevoked));
}

#[test]
fn the_last_key_that_manages_keys_is_protected() {
    let (mut shop, id) = shop();
    let reader = create(&mut shop, &[Scope::JobsRead]);
    let refused = Err(Rejection::LastManagingKey);
    assert_eq!(revoke(&mut shop, id, &[], false), refused);
    assert_eq!(revoke(&mut shop, id, &[reader], false), refused, "a reader is no manager");
    assert!(revoke(&mut shop, reader, &[id], false).is_ok(), "a reader is not protected");
    let second = create(&mut shop, &[Scope::KeysManage]);
    assert!(revoke(&mut shop, id, &[reader, second], false).is_ok());
    assert_eq!(
        revoke(&mut shop, second, &[id, reader], false),
        refused,
        "revoked ones don't count"
    );
    assert!(revoke(&mut shop, second, &[id, reader], true).is_ok(), "but force does");
}

#[test]
fn a_key_that_has_ended_by_itself_does_not_manage_keys_any_more() {
    let (mut shop, id) = shop();
    let mut brief = shop.key(Environment::Live);
    brief.expires_at = Some(shop.in_days(1));
    shop.world.run(&brief).unwrap();
    shop.world.now = shop.in_days(1);
    assert_eq!(revoke(&mut shop, id, &[brief.key_id], false), Err(Rejection::LastManagingKey));
}

#[test]
fn a_key_grants_no_scope_that_it_lacks() {
    let (mut shop, _) = shop();
    let mut wide = shop.key(Environment::Live);
    wide.granted_by = [Scope::KeysManage, Scope::JobsRead].into_iter().collect();
    assert_eq!(wide.scopes, Scopes::all());
    assert_eq!(shop.world.run(&wide), Err(Rejection::ScopeNotHeld));
    wide.scopes = [Scope::JobsRead].into_iter().collect();
    assert!(shop.world.run(&wide).is_ok());
}

#[test]
fn another_organization_s_key_does_not_exist() {
    let (mut shop, id) = shop();
    shop.organization = shop.world.organization();
    let refused = Err(Rejection::NotFound { kind: "api key" });
    assert_eq!(rotate(&mut shop, id), refused);
    assert_eq!(revoke(&mut shop, id, &[], true), refused);
}

#[test]
fn the_same_refusal_is_on_record_once_an_hour_and_any_of_a_key_that_has_ended() {
    let (mut shop, id) = shop();
    let other = create(&mut shop, &[Scope::KeysManage]);
    let began = shop.world.now;
    let told = |shop: &mut Shop, operation: &str, code, after: i64| {
        shop.world.now = Timestamp::from_micros(began.micros() + after);
        let command = RefuseCall { key_id: id, operation: operation.into(), code };
        let before = shop.world.log().len();
        shop.world.run(&command).unwrap();
        shop.world.log().len() - before
    };
    let hour = began.after(REFUSAL_PAUSE).micros() - began.micros();
    assert_eq!(told(&mut shop, "GET /v1/jobs", "scope_missing", 0), 1);
    assert_eq!(told(&mut shop, "GET /v1/jobs", "scope_missing", hour - 1), 0);
    assert_eq!(told(&mut shop, "GET /v1/me", "scope_missing", hour - 1), 1);
    assert_eq!(told(&mut shop, "GET /v1/jobs", "authentication_error", hour - 1), 1);
    assert_eq!(told(&mut shop, "GET /v1/jobs", "scope_missing", hour), 1);
    assert_eq!(key(&shop, id).refused.len(), 3, "what is an hour old is forgotten");
    revoke(&mut shop, id, &[other], false).unwrap();
    assert_eq!(told(&mut shop, "GET /v1/jobs", "authentication_error", hour), 1, "the first since");
    assert_eq!(told(&mut shop, "GET /v1/files", "authentication_error", hour), 0);
    assert_eq!(told(&mut shop, "GET /v1/jobs", "authentication_error", 3 * hour), 1);
    assert_eq!(told(&mut shop, "GET /v1/me", "authentication_error", 4 * hour - 1), 0);
    assert_eq!(told(&mut shop, "GET /v1/me", "authentication_error", 4 * hour), 1);
    assert_eq!(key(&shop, id).refused.len(), 1);
}

#[test]
fn a_key_knows_its_secret_and_those_rotated_out_until_the_rotation_after_their_end() {
    let (mut shop, id) = shop();
    let other = create(&mut shop, &[Scope::KeysManage]);
    rotate(&mut shop, id).unwrap();
    let later = shop.in_days(2);
    revoke(&mut shop, id, &[other], false).unwrap();
    for secret in ["first secret", "second secret"] {
        assert!(key(&shop, id).knows(secret) && !key(&shop, id).opens(secret, later));
    }
    assert!(!key(&shop, id).knows("third secret"));
    assert!(!ApiKey::default().knows(""), "a key that was never created knows nothing");
    rotate(&mut shop, other).unwrap();
    shop.world.now = later;
    rotate(&mut shop, other).unwrap();
    assert_eq!(key(&shop, other).previous.len(), 1, "what has ended before is forgotten");
}
