//! A balance that falls is told of and topped up (specification section 7).

use crate::edge_purchases::names;
use crate::shop::{Answer, Shop, asks};
use firsthand_domain::credits::{Card, CreditEvent, LotOrigin};
use firsthand_domain::decision::View;
use firsthand_domain::ids::PurchaseId;
use firsthand_domain::jobs::{ExpireJob, JobInput};
use firsthand_domain::purchases::{
    CompletePurchase, EndPurchase, Paid, PurchaseStatus, SWITCHED_OFF,
};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Cents, Environment, Event, Rejection, State, StreamId};

/// A shop of which 800 are left, and the top-up of 2,500 that this began.
fn topping_up() -> (Shop, PurchaseId) {
    let mut shop = Shop::poor();
    shop.buy(1_000);
    shop.top_up(900, 2_500);
    shop.create(asks(200, 1, 1));
    let begun = shop.account().top_ups.under_way.unwrap();
    (shop, begun)
}

#[test]
fn a_hold_below_the_threshold_begins_one_top_up_until_that_has_ended() {
    let (mut shop, first) = topping_up();
    shop.create(asks(200, 1, 1));
    assert_eq!(shop.account().top_ups.under_way, Some(first));
    let paid = shop.pay(first, 2_500);
    assert!(names(&paid).contains(&"credits.auto_topped_up"));
    assert_eq!((shop.available(), shop.account().top_ups.under_way), (600 + 2_625, None));
}

#[test]
fn a_top_up_that_is_switched_off_before_its_charge_is_no_failure_of_the_card() {
    let (mut shop, purchase_id) = topping_up();
    let ended = shop.world.run(&EndPurchase { purchase_id, code: SWITCHED_OFF.to_owned() });
    assert_eq!(names(&ended), ["purchase.ended", "credits.top_up_failed"]);
    let top_ups = shop.account().top_ups;
    assert_eq!((top_ups.under_way, top_ups.failures), (None, 0));
}

#[test]
fn a_top_up_keeps_the_card_that_it_was_opened_with() {
    let (mut shop, top_up) = topping_up();
    let (purchase_id, lot_id, bonus_lot_id) = (shop.open(1_000), shop.lot(), shop.lot());
    let card = Some(("cus_2".to_owned(), "pm_2".to_owned()));
    let paid = Paid { payment: "pi_2".to_owned(), amount: Cents::new(1_000), card };
    shop.world.run(&CompletePurchase { purchase_id, paid, lot_id, bonus_lot_id }).unwrap();
    let card = |customer: &str, method: &str| {
        Some(Card { customer: customer.to_owned(), payment_method: method.to_owned() })
    };
    assert_eq!(shop.account().card, card("cus_2", "pm_2"));
    assert_eq!(shop.purchase(top_up).card, card("cus_1", "pm_1"));
    assert_eq!(shop.purchase(purchase_id).card, None);
}

#[test]
fn three_failures_in_a_row_switch_the_top_up_off_and_a_success_forgets_them() {
    let mut shop = Shop::poor();
    shop.buy(5_000);
    shop.top_up(1_000_000, 1_000);
    let enabled = |shop: &Shop| match shop.world.state(StreamId::Organization(shop.organization)) {
        Some(State::Organization(organization)) => organization.settings.auto_top_up.enabled,
        other => panic!("{other:?}"),
    };
    for success in [false, false, true, false, false, false] {
        assert!(enabled(&shop));
        shop.wait(Span::days(1));
        shop.create(asks(10, 1, 1));
        let id = shop.account().top_ups.under_way.unwrap();
        if success { shop.pay(id, 1_000) } else { shop.fail(id) }.unwrap();
    }
    assert!(!enabled(&shop));
    shop.create(asks(10, 1, 1));
    assert_eq!(shop.account().top_ups.under_way, None);
    // Who switches it on again has three more.
    shop.top_up(1_000_000, 1_000);
    for _ in 0..3 {
        assert!(enabled(&shop));
        shop.wait(Span::days(1));
        shop.create(asks(10, 1, 1));
        let id = shop.account().top_ups.under_way.unwrap();
        shop.fail(id).unwrap();
    }
    assert!(!enabled(&shop));
}

#[test]
fn failures_in_the_sandbox_leave_the_settings_alone() {
    let mut shop = Shop::poor();
    shop.top_up(1_000_000, 1_000);
    shop.book = Book::Organization(shop.organization, Environment::Test);
    shop.credit(1_000, LotOrigin::Sandbox, None);
    for _ in 0..4 {
        shop.wait(Span::days(1));
        shop.create(asks(10, 1, 1));
        let id = shop.account().top_ups.under_way.unwrap();
        assert_eq!(names(&shop.fail(id)), ["purchase.ended", "credits.top_up_failed"]);
    }
}

#[test]
fn a_warning_that_the_sandbox_was_asked_for_leaves_the_next_crossing_to_be_told() {
    let mut shop = Shop::poor();
    shop.book = Book::Organization(shop.organization, Environment::Test);
    shop.credit(100_000, LotOrigin::Sandbox, None);
    let mut asked = asks(10, 1, 1);
    asked.metadata.insert("sandbox".into(), "low_balance".into());
    let low = |answer: Answer| names(&answer).contains(&"credits.low_balance");
    assert!(low(shop.try_create(asked).1));
    assert!(shop.available() > 99_000);
    assert!(low(shop.try_create(asks(49_850, 2, 1)).1));
    assert!(!low(shop.try_create(asks(10, 1, 1)).1), "told");
}

#[test]
fn a_lot_that_ends_twice_begins_two_top_ups() {
    let mut shop = Shop::poor();
    shop.buy(1_000);
    let end = shop.in_days(10);
    let lot = shop.credit(300, LotOrigin::Bonus, Some(end));
    let job = shop.create(asks(10, 1, 1));
    shop.top_up(1_000_000, 1_000);
    shop.world.now = end;
    shop.expire(lot).unwrap();
    let first = shop.account().top_ups.under_way.unwrap();
    shop.pay(first, 1_000).unwrap();
    // What comes back to a lot that has ended lives on for a while.
    shop.cancel(job).unwrap();
    shop.world.now = shop.account().lot(lot).and_then(|lot| lot.expires_at).unwrap();
    let expected = ["credits.expired", "purchase.opened", "credits.top_up_requested"];
    assert_eq!(names(&shop.expire(lot)), expected);
    let second = shop.account().top_ups.under_way.unwrap();
    assert_ne!(first, second);
    assert_eq!(shop.purchase(second).status, PurchaseStatus::Open);
    shop.check();
}

#[test]
fn an_expiry_warns_of_the_low_balance_once() {
    let mut shop = Shop::with(400);
    let end = shop.in_days(10);
    let lot = shop.credit(300, LotOrigin::Bonus, Some(end));
    shop.world.now = end;
    assert_eq!(names(&shop.expire(lot)), ["credits.expired", "credits.low_balance"]);
    assert_eq!(names(&shop.try_create(asks(10, 1, 1)).1), ["job.created", "credits.held"]);
}

/// Two lots of a bonus end, with 60 and 190 left; then a job ends that 50 come back from, so that 450 can
/// be spent. Returns what is told, and whether a top-up begins.
fn ends_with_its_lots(cancelled: bool, threshold: i64) -> (Vec<Cents>, bool) {
    let mut shop = Shop::with(400);
    let end = shop.in_days(10);
    let lots = [100, 200].map(|cents| shop.credit(cents, LotOrigin::Bonus, Some(end)));
    let first = shop.create(asks(60, 1, 1));
    let job = shop.create(JobInput { deadline: Some(end), ..asks(50, 1, 1) });
    shop.cancel(first).unwrap();
    shop.top_up(threshold, 1_000);
    shop.world.now = end;
    let ended =
        if cancelled { shop.cancel(job) } else { shop.world.run(&ExpireJob { job_id: job }) };
    let told = ended.unwrap().into_iter().filter_map(|(_, event)| match event {
        Event::Credits(CreditEvent::LowBalance(low)) => Some(low.available_cents),
        _ => None,
    });
    assert_eq!((lots.map(|lot| shop.remaining(lot)), shop.available()), ([40, 10], 450));
    let begun = shop.account().top_ups.under_way;
    // Not named by the job, which may have begun one when it was created.
    assert!(begun.is_none_or(|id| id.ulid() != job.ulid() && shop.purchase(id).exists()));
    assert!(lots.iter().all(|lot| shop.expire(*lot) == Err(Rejection::TooEarly)));
    shop.check();
    (told.collect(), begun.is_some())
}

#[test]
fn a_job_that_ends_with_its_lots_tells_of_what_is_left_then() {
    for cancelled in [true, false] {
        let left = vec![Cents::new(450)];
        assert_eq!(ends_with_its_lots(cancelled, 450), (left.clone(), false));
        assert_eq!(ends_with_its_lots(cancelled, 451), (left, true));
    }
}
