//! Lots: which is spent first, when one ends, and where a refund goes (specification section 7).

use crate::model_lots::twelve_months;
use crate::shop::{Answer, Shop, asks};
use firsthand_domain::credits::LotOrigin::{Bonus, FreeTier, Promotional, Purchase, Sandbox};
use firsthand_domain::credits::{AnnounceExpiry, GrantCredits, LotExtension};
use firsthand_domain::organizations::VerifyPhone;
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Cents, Environment, Rejection, Timestamp};

fn just_before(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.micros() - 1)
}

#[test]
fn a_hold_draws_from_a_lot_until_its_last_microsecond() {
    let mut shop = Shop::with(500);
    let end = shop.in_days(10);
    let lot = shop.credit(300, Bonus, Some(end));
    shop.world.now = just_before(end);
    assert_eq!(shop.available(), 800);
    shop.create(asks(800, 1, 1));
    assert_eq!(shop.remaining(lot), 0);
}

#[test]
fn a_hold_after_a_lot_s_end_does_not_draw_from_it_although_no_expiry_is_booked() {
    let mut shop = Shop::with(500);
    let end = shop.in_days(10);
    let lot = shop.credit(300, Bonus, Some(end));
    shop.world.now = end;
    let (required, available) = (Cents::new(501), Cents::new(500));
    let refused = Err(Rejection::InsufficientCredits { required, available });
    assert_eq!(shop.try_create(asks(501, 1, 1)).1, refused);
    shop.create(asks(500, 1, 1));
    assert_eq!(shop.remaining(lot), 300);
    shop.expire(lot).unwrap();
    assert_eq!((shop.account().expired, shop.account().available), (Cents::new(300), Cents::ZERO));
}

#[test]
fn an_expiry_booked_after_a_hold_takes_only_the_rest() {
    let mut shop = Shop::poor();
    let end = shop.in_days(10);
    let lot = shop.credit(300, Bonus, Some(end));
    let job = shop.create(asks(100, 2, 1));
    shop.world.now = just_before(end);
    assert_eq!(shop.expire(lot), Err(Rejection::TooEarly));
    shop.world.now = end;
    shop.expire(lot).unwrap();
    assert_eq!(shop.account().expired, Cents::new(100));
    assert_eq!(shop.account().held, Cents::new(200), "held money never expires while held");
    assert_eq!(shop.expire(lot), Ok(vec![]), "twice");
    let submission = shop.submit(job, 0);
    shop.score(submission, 1, 5).unwrap();
    assert_eq!(shop.paid(), (100, 1), "it still pays");
}

#[test]
fn a_refund_to_a_lot_that_expired_meanwhile_lives_for_thirty_days_more() {
    let mut shop = Shop::poor();
    let end = shop.in_days(10);
    let lot = shop.credit(300, Bonus, Some(end));
    let job = shop.create(asks(100, 2, 1));
    shop.world.now = end;
    shop.expire(lot).unwrap();
    shop.wait(Span::days(50));
    let new_end = shop.in_days(30);
    shop.cancel(job).unwrap();
    assert_eq!(shop.account().lot(lot).unwrap().expires_at, Some(new_end));
    shop.world.now = just_before(new_end);
    assert_eq!(shop.available(), 200);
    assert_eq!(shop.expire(lot), Err(Rejection::TooEarly));
    shop.world.now = new_end;
    assert_eq!(shop.available(), 0);
    shop.expire(lot).unwrap();
    assert_eq!(shop.account().expired, Cents::new(300));
}

#[test]
fn a_refund_before_a_lot_s_end_leaves_the_end_alone() {
    let mut shop = Shop::poor();
    let end = shop.in_days(10);
    let lot = shop.credit(300, Bonus, Some(end));
    let job = shop.create(asks(100, 2, 1));
    shop.world.now = just_before(end);
    shop.cancel(job).unwrap();
    assert_eq!(shop.account().lot(lot).unwrap().expires_at, Some(end));
    shop.world.now = end;
    assert_eq!(shop.available(), 0);
}

#[test]
fn a_refund_is_worth_the_same_whether_or_not_the_expiry_timer_has_run() {
    let after_refund = |timer_ran: bool| {
        let mut shop = Shop::poor();
        let end = shop.in_days(10);
        let lot = shop.credit(300, Bonus, Some(end));
        let job = shop.create(asks(100, 1, 1));
        shop.world.now = end;
        if timer_ran {
            shop.expire(lot).unwrap();
        }
        shop.cancel(job).unwrap();
        shop.available()
    };
    assert_eq!(after_refund(true), 100);
    // Design D9: decisions compare times themselves and never trust that a sweeper has run. The
    // 200 cents that nobody held ended with their lot; a refund can't bring them back.
    assert_eq!(after_refund(false), 100);
}

#[test]
fn a_refund_returns_to_the_lots_that_it_was_drawn_from() {
    let mut shop = Shop::poor();
    let (soon, late) = (shop.in_days(10), shop.in_days(20));
    let first = shop.credit(150, Bonus, Some(soon));
    let second = shop.credit(150, Bonus, Some(late));
    let job = shop.create(asks(100, 2, 1));
    let newer = shop.credit(70, Bonus, Some(soon));
    shop.cancel(job).unwrap();
    let remaining = [first, second, newer].map(|lot| shop.remaining(lot));
    assert_eq!(remaining, [150, 150, 70]);
}

#[test]
fn only_the_lot_that_has_expired_is_extended_by_a_refund() {
    let mut shop = Shop::poor();
    let (soon, late) = (shop.in_days(10), shop.in_days(20));
    let first = shop.credit(150, Bonus, Some(soon));
    let second = shop.credit(150, Bonus, Some(late));
    let job = shop.create(asks(300, 1, 1));
    shop.world.now = soon;
    let extended = LotExtension { lot_id: first, expires_at: shop.in_days(30) };
    let events = shop.cancel(job).unwrap();
    let extensions: Vec<_> = events
        .iter()
        .filter_map(|(_, event)| match event {
            firsthand_domain::Event::Credits(firsthand_domain::credits::CreditEvent::Released(
                released,
            )) => Some(released.extended.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(extensions, [extended]);
    assert_eq!(shop.account().lot(second).unwrap().expires_at, Some(late));
}

#[test]
fn what_comes_back_after_its_notice_is_announced_at_once_and_once() {
    let mut shop = Shop::poor();
    let end = shop.in_days(40);
    let lot_id = shop.credit(100, Bonus, Some(end));
    let job = shop.create(asks(100, 1, 1));
    shop.wait(Span::days(20));
    let announce = AnnounceExpiry { book: shop.book, lot_id };
    assert_eq!(shop.world.run(&announce), Ok(vec![]), "a job holds all of it");
    let told = |answer: &Answer| {
        let events = answer.as_ref().unwrap().iter().map(|(_, event)| event.name());
        events.filter(|name| *name == "credits.expiring_soon").count()
    };
    assert_eq!(told(&shop.cancel(job)), 1);
    let job = shop.create(asks(60, 1, 1));
    assert_eq!(told(&shop.cancel(job)), 0, "it was told");
    assert_eq!(shop.world.run(&announce), Ok(vec![]));
}

#[test]
fn lots_are_spent_soonest_expiry_first_then_promotional_then_oldest() {
    let mut shop = Shop::poor();
    let (soon, late) = (Some(shop.in_days(10)), Some(shop.in_days(20)));
    // Issued in an order that no single rule explains; the number is the place in the spending.
    let issued = [
        (7, Purchase, None),
        (3, Purchase, soon),
        (5, Promotional, late),
        (1, Bonus, soon),
        (8, Purchase, None),
        (6, Sandbox, None),
        (2, FreeTier, soon),
        (4, Purchase, soon),
    ];
    let mut lots: Vec<_> = issued
        .iter()
        .map(|(place, origin, end)| (*place, shop.credit(10, *origin, *end)))
        .collect();
    lots.sort();
    for spent in 0..lots.len() {
        let remaining: Vec<_> = lots.iter().map(|(_, lot)| shop.remaining(*lot)).collect();
        let wanted: Vec<_> = (0..lots.len()).map(|at| if at < spent { 0 } else { 10 }).collect();
        assert_eq!(remaining, wanted, "after {spent} lots");
        shop.create(asks(10, 1, 1));
    }
}

#[test]
fn a_lot_that_is_spent_up_leaves_the_account_balanced() {
    let mut shop = Shop::with(100);
    let job = shop.create(asks(100, 1, 1));
    let submission = shop.submit(job, 0);
    shop.score(submission, 1, 5).unwrap();
    let account = shop.account();
    assert_eq!(
        (account.lots.len(), account.available, account.held),
        (0, Cents::ZERO, Cents::ZERO)
    );
    assert_eq!((account.issued, account.spent), (Cents::new(100), Cents::new(100)));
}

#[test]
fn a_purchase_never_expires() {
    let mut shop = Shop::with(100);
    let lot = shop.account().lots[0].lot_id;
    shop.wait(Span::days(36_500));
    assert_eq!(shop.expire(lot), Err(Rejection::TooEarly));
    assert_eq!(shop.available(), 100);
}

#[test]
fn a_verified_phone_brings_250_cents_for_twelve_months_once() {
    let mut shop = Shop::poor();
    let lot = shop.world.lot(shop.organization.slot());
    shop.world.run(&VerifyPhone::new(shop.organization, lot)).unwrap();
    let issued = shop.account().lot(lot).unwrap();
    assert_eq!((issued.remaining, issued.origin), (Cents::new(250), FreeTier));
    assert!(twelve_months(shop.world.now, issued.expires_at));
    let again = shop.world.lot(shop.organization.slot());
    let refused = shop.world.run(&VerifyPhone::new(shop.organization, again));
    assert_eq!(refused, Err(Rejection::PhoneAlreadyVerified));
    assert_eq!(shop.available(), 250);
}

#[test]
fn the_first_test_key_opens_a_sandbox_with_1000_dollars_of_its_own() {
    let mut shop = Shop::with(10);
    for _ in 0..2 {
        let key = shop.key(Environment::Test);
        shop.world.run(&key).unwrap();
    }
    assert_eq!(shop.available(), 10, "the live book is another one");
    shop.book = Book::Organization(shop.organization, Environment::Test);
    assert_eq!(shop.available(), 100_000);
}

#[test]
fn a_grant_needs_an_organization_that_exists() {
    let mut shop = Shop::poor();
    let stranger = shop.world.organization();
    let book = Book::Organization(stranger, Environment::Live);
    let lot_id = shop.world.lot(stranger.slot());
    let grant = GrantCredits { book, lot_id, amount: Cents::new(5), reason: "gift".into() };
    let refused = Err(Rejection::NotFound { kind: "organization" });
    assert_eq!(shop.world.run(&grant), refused);
}

#[test]
fn a_job_is_paid_from_ten_thousand_lots_and_no_more() {
    let mut shop = Shop::poor();
    for _ in 0..=10_000 {
        shop.credit(1, Purchase, None);
    }
    assert_eq!(shop.try_create(asks(10_001, 1, 1)).1, Err(Rejection::AmountOverflow));
    assert_eq!(shop.available(), 10_001, "nothing is held");
    let job = shop.create(asks(10_000, 1, 1));
    assert_eq!(shop.available(), 1);
    shop.cancel(job).unwrap();
    assert_eq!(shop.available(), 10_001);
}
