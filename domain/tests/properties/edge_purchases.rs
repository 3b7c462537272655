//! Purchases: what is bought is booked once, what goes back is taken back (specification section 7).

use crate::shop::{Answer, Shop, asks};
use firsthand_domain::credits::{AnnounceExpiry, CreditEvent, LotOrigin, postings};
use firsthand_domain::decision::View;
use firsthand_domain::ids::{LotId, PurchaseId};
use firsthand_domain::organizations::{ChangeSettings, SettingsChange};
use firsthand_domain::purchases::{
    CompletePurchase, EndPurchase, OpenPurchase, Paid, Purchase, PurchaseStatus, ReversePurchase,
    pack,
};
use firsthand_domain::time::Span;
use firsthand_domain::{Cents, Event, Rejection, State, StreamId};
use proptest::prelude::*;

impl Shop {
    pub(crate) fn open(&mut self, amount: i64) -> PurchaseId {
        let slot = self.organization.slot();
        let purchase_id = PurchaseId::in_slot(self.world.lot(slot).ulid(), slot);
        let pack = pack(Cents::new(amount)).unwrap();
        self.world.run(&OpenPurchase { book: self.book, purchase_id, pack }).unwrap();
        purchase_id
    }

    pub(crate) fn lot(&mut self) -> LotId {
        self.world.lot(self.organization.slot())
    }

    pub(crate) fn pay(&mut self, purchase_id: PurchaseId, amount: i64) -> Answer {
        let card = Some(("cus_1".to_owned(), "pm_1".to_owned()));
        let paid = Paid { payment: "pi_1".to_owned(), amount: Cents::new(amount), card };
        let (lot_id, bonus_lot_id) = (self.lot(), self.lot());
        self.world.run(&CompletePurchase { purchase_id, paid, lot_id, bonus_lot_id })
    }

    pub(crate) fn buy(&mut self, amount: i64) -> PurchaseId {
        let id = self.open(amount);
        self.pay(id, amount).unwrap();
        id
    }

    fn reverse(&mut self, purchase_id: PurchaseId, reference: &str, total: i64) -> Answer {
        let (lot_id, bonus_lot_id) = (self.lot(), self.lot());
        let (reference, total) = (reference.to_owned(), Cents::new(total));
        self.world.run(&ReversePurchase { purchase_id, reference, total, lot_id, bonus_lot_id })
    }

    pub(crate) fn fail(&mut self, purchase_id: PurchaseId) -> Answer {
        self.world.run(&EndPurchase { purchase_id, code: "card_declined".to_owned() })
    }

    pub(crate) fn purchase(&self, id: PurchaseId) -> &Purchase {
        match self.world.state(StreamId::Purchase(id)) {
            Some(State::Purchase(purchase)) => purchase,
            other => panic!("{id} is {other:?}"),
        }
    }

    pub(crate) fn top_up(&mut self, threshold: i64, amount: i64) {
        let change = SettingsChange {
            auto_top_up_enabled: Some(true),
            auto_top_up_threshold_cents: Some(Cents::new(threshold)),
            auto_top_up_amount_cents: Some(Cents::new(amount)),
            ..SettingsChange::default()
        };
        let organization_id = self.organization;
        self.world.run(&ChangeSettings { organization_id, change }).unwrap();
    }

    fn announce(&mut self, lot_id: LotId) -> Answer {
        self.world.run(&AnnounceExpiry { book: self.book, lot_id })
    }

    /// Every rule that must hold whatever was bought, spent and taken back.
    pub(crate) fn check(&self) {
        let account = self.account();
        let sum: i64 = account.lots.iter().map(|lot| lot.remaining.get()).sum();
        assert_eq!(account.available.get(), sum - account.debt.get());
        assert!(account.debt >= Cents::ZERO);
        for lot in &account.lots {
            let parts = [lot.remaining, lot.held, lot.spent, lot.expired, lot.charged_back];
            assert!(parts.iter().all(|part| *part >= Cents::ZERO), "{lot:?}");
            assert_eq!(parts.into_iter().sum::<Cents>(), lot.issued, "{lot:?}");
        }
        for (_, event) in self.world.log() {
            if let Event::Credits(event) = event {
                let sum: Cents = postings(event).iter().map(|posting| posting.amount).sum();
                assert_eq!(sum, Cents::ZERO, "{event:?}");
            }
        }
    }
}

/// The names of what a command appended.
pub(crate) fn names(answer: &Answer) -> Vec<&'static str> {
    answer.as_ref().unwrap().iter().map(|(_, event)| event.name()).collect()
}

#[test]
fn a_payment_is_booked_once_however_often_it_is_told() {
    let mut shop = Shop::poor();
    let id = shop.open(10_000);
    let booked = shop.pay(id, 10_000);
    let expected = ["purchase.paid", "credits.granted", "credits.granted", "credits.card_saved"];
    assert_eq!(names(&booked), expected);
    assert_eq!(shop.pay(id, 10_000), Ok(vec![]));
    assert_eq!(shop.available(), 11_500);
    shop.check();
}

#[test]
fn another_amount_than_the_pack_s_is_not_booked() {
    let mut shop = Shop::poor();
    let id = shop.open(1_000);
    let (expected, found) = (Cents::new(1_000), Cents::new(999));
    assert_eq!(shop.pay(id, 999), Err(Rejection::AmountMismatch { expected, found }));
    assert_eq!(shop.purchase(id).status, PurchaseStatus::Open);
}

#[test]
fn a_payment_that_comes_after_the_end_is_booked_all_the_same() {
    let mut shop = Shop::poor();
    let id = shop.open(1_000);
    shop.fail(id).unwrap();
    shop.pay(id, 1_000).unwrap();
    assert_eq!(shop.available(), 1_000);
    assert_eq!(shop.fail(id), Ok(vec![]));
}

#[test]
fn money_goes_back_only_for_what_was_paid_and_never_more_than_was_paid() {
    let mut shop = Shop::poor();
    let id = shop.open(1_000);
    assert_eq!(shop.reverse(id, "ch_1", 1_000), Err(Rejection::NotPaid));
    shop.pay(id, 1_000).unwrap();
    shop.reverse(id, "ch_1", 400).unwrap();
    assert_eq!(shop.reverse(id, "ch_1", 400), Ok(vec![]), "told twice");
    shop.reverse(id, "du_1", 1_000).unwrap();
    assert_eq!(shop.purchase(id).reversed_total(), Cents::new(1_000));
    assert_eq!(shop.available(), 0);
    shop.check();
}

#[test]
fn the_bonus_goes_back_in_proportion_as_far_as_it_is_left() {
    let mut shop = Shop::poor();
    let id = shop.buy(10_000);
    shop.reverse(id, "ch_1", 5_000).unwrap();
    assert_eq!(shop.available(), 5_000 + 750);
    shop.reverse(id, "ch_1", 10_000).unwrap();
    assert_eq!(shop.available(), 0);
    shop.check();
}

#[test]
fn many_small_refunds_take_as_much_of_the_bonus_as_one() {
    let mut shop = Shop::poor();
    let id = shop.buy(2_500);
    for gone in (10..=2_500).step_by(10) {
        shop.reverse(id, "ch_1", gone).unwrap();
        assert_eq!(shop.available(), 2_625 - gone - 125 * gone / 2_500);
    }
    assert_eq!(shop.available(), 0);
    shop.check();
}

#[test]
fn what_was_spent_is_owed_and_paid_out_of_what_is_bought_next() {
    let mut shop = Shop::poor();
    let id = shop.buy(1_000);
    shop.create(asks(800, 1, 1));
    shop.reverse(id, "ch_1", 1_000).unwrap();
    assert_eq!((shop.available(), shop.account().debt), (-800, Cents::new(800)));
    assert!(shop.try_create(asks(10, 1, 1)).1.is_err());
    shop.buy(2_500);
    assert_eq!((shop.available(), shop.account().debt), (2_625 - 800, Cents::ZERO));
    shop.check();
}

#[test]
fn a_dispute_that_is_won_gives_back_what_it_took() {
    let mut shop = Shop::poor();
    let id = shop.buy(1_000);
    shop.create(asks(600, 1, 1));
    shop.reverse(id, "du_1", 1_000).unwrap();
    assert_eq!(shop.available(), -600);
    shop.reverse(id, "du_1", 0).unwrap();
    assert_eq!((shop.available(), shop.account().debt), (400, Cents::ZERO));
    shop.check();
}

#[test]
fn what_is_told_in_another_order_comes_to_the_same() {
    let told = |totals: &[(&str, i64)]| {
        let mut shop = Shop::poor();
        let id = shop.buy(2_500);
        for (reference, total) in totals {
            shop.reverse(id, reference, *total).unwrap();
            shop.check();
        }
        (shop.available(), shop.purchase(id).reversed_total().get())
    };
    // A refund that grew, its last total first; a dispute that was won, first heard of when it was.
    assert_eq!(told(&[("ch_1", 300), ("ch_1", 800)]), (2_625 - 800 - 40, 800));
    assert_eq!(told(&[("ch_1", 800), ("ch_1", 300)]), (2_625 - 800 - 40, 800));
    assert_eq!(told(&[("du_1", 2_500), ("du_1", 0)]), (2_625, 0));
    assert_eq!(told(&[("du_1", 0), ("du_1", 2_500)]), (2_625, 0));
    // A refund that is heard of while a dispute holds everything counts once the dispute is won.
    assert_eq!(told(&[("ch_1", 500), ("du_1", 2_500), ("du_1", 0)]), (2_625 - 525, 500));
    assert_eq!(told(&[("du_1", 2_500), ("ch_1", 500), ("du_1", 0)]), (2_625 - 525, 500));
}

#[test]
fn a_bonus_that_a_job_holds_is_owed_and_not_given_away_when_it_comes_back() {
    let mut shop = Shop::poor();
    let id = shop.buy(25_000);
    let job = shop.create(asks(30_000, 1, 1));
    shop.reverse(id, "ch_1", 10_000).unwrap();
    assert_eq!((shop.available(), shop.account().bonus_debt), (-12_000, Cents::new(2_000)));
    shop.reverse(id, "ch_1", 25_000).unwrap();
    assert_eq!((shop.available(), shop.account().bonus_debt), (-30_000, Cents::new(5_000)));
    shop.cancel(job).unwrap();
    assert_eq!((shop.available(), shop.account().debt), (0, Cents::ZERO));
    assert_eq!(shop.account().bonus_debt, Cents::ZERO);
    shop.check();
}

#[test]
fn a_gift_pays_no_debt_and_a_bonus_only_that_of_bonuses() {
    let mut shop = Shop::poor();
    shop.credit(100, LotOrigin::Promotional, None);
    let job = shop.create(asks(100, 1, 1));
    let id = shop.buy(1_000);
    shop.create(asks(1_000, 1, 1));
    shop.reverse(id, "ch_1", 1_000).unwrap();
    shop.cancel(job).unwrap();
    assert_eq!((shop.available(), shop.account().debt), (-900, Cents::new(1_000)));
    shop.check();
}

#[test]
fn a_refund_warns_of_the_low_balance_and_charges_no_card() {
    let mut shop = Shop::poor();
    let id = shop.buy(1_000);
    shop.top_up(900, 1_000);
    let answer = shop.reverse(id, "ch_1", 1_000);
    let expected = ["purchase.reversed", "credits.charged_back", "credits.low_balance"];
    assert_eq!(names(&answer), expected);
}

#[test]
fn a_bonus_that_has_ended_is_not_taken_back_whether_or_not_its_end_is_booked() {
    for booked in [false, true] {
        let mut shop = Shop::poor();
        let id = shop.buy(10_000);
        let bonus = shop.purchase(id).bonus_lot_id.unwrap();
        shop.world.now = shop.account().lot(bonus).and_then(|lot| lot.expires_at).unwrap();
        if booked {
            shop.expire(bonus).unwrap();
        }
        shop.reverse(id, "du_1", 10_000).unwrap();
        assert_eq!(shop.available(), 0);
        shop.reverse(id, "du_1", 0).unwrap();
        assert_eq!(shop.available(), 10_000, "a dispute that was won brings no bonus to life");
        shop.check();
    }
}

#[test]
fn a_lot_is_announced_once_thirty_days_before_it_ends() {
    let mut shop = Shop::with(400);
    let end = shop.in_days(100);
    let lot = shop.credit(300, LotOrigin::Bonus, Some(end));
    shop.wait(Span::days(69));
    assert_eq!(shop.announce(lot), Err(Rejection::TooEarly));
    shop.wait(Span::days(1));
    let announced = shop.announce(lot).unwrap();
    let [(_, Event::Credits(CreditEvent::ExpiringSoon(soon)))] = announced.as_slice() else {
        panic!("{announced:?}");
    };
    assert_eq!((soon.amount_cents, soon.expires_at), (Cents::new(300), end));
    assert_eq!(soon.available_cents, Cents::new(700));
    assert_eq!(shop.announce(lot), Ok(vec![]), "twice");
}

#[test]
fn nothing_left_and_nothing_that_ends_is_announced() {
    let mut shop = Shop::with(400);
    let end = shop.in_days(20);
    let lot = shop.credit(300, LotOrigin::Bonus, Some(end));
    let never = shop.credit(300, LotOrigin::Purchase, None);
    shop.create(asks(300, 1, 1));
    assert_eq!(shop.announce(lot), Ok(vec![]), "all of it is held");
    assert_eq!(shop.announce(never), Ok(vec![]));
    shop.world.now = end;
    assert_eq!(shop.announce(lot), Ok(vec![]), "its time is over");
}

/// What may happen to a shop; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Buy(i64),
    Pay(usize),
    Fail(usize),
    Reverse(usize, u8, i64),
    Hold(i64),
    Cancel(usize),
    Wait(i64),
    Expire(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let pack = prop::sample::select(vec![1_000, 2_500, 5_000, 10_000]);
    prop_oneof![
        pack.prop_map(Step::Buy),
        any::<usize>().prop_map(Step::Pay),
        any::<usize>().prop_map(Step::Fail),
        (any::<usize>(), 0..3_u8, 0..12_000_i64)
            .prop_map(|(at, by, total)| Step::Reverse(at, by, total)),
        (10..4_000_i64).prop_map(Step::Hold),
        any::<usize>().prop_map(Step::Cancel),
        (1..200_i64).prop_map(Step::Wait),
        any::<usize>().prop_map(Step::Expire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_bought_spent_and_taken_back_the_books_balance(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut shop = Shop::poor();
        shop.top_up(600, 1_000);
        let (mut purchases, mut jobs) = (Vec::new(), Vec::new());
        let one = |all: &[PurchaseId], at: usize| all.get(at % all.len().max(1)).copied();
        for step in steps {
            // A refusal changes nothing, which the check shows.
            match step {
                Step::Buy(amount) => purchases.push(shop.open(amount)),
                Step::Pay(at) => if let Some(id) = one(&purchases, at) {
                    let amount = shop.purchase(id).amount.get();
                    let _decided = shop.pay(id, amount);
                },
                Step::Fail(at) => if let Some(id) = one(&purchases, at) {
                    let _decided = shop.fail(id);
                },
                Step::Reverse(at, by, total) => if let Some(id) = one(&purchases, at) {
                    let _decided = shop.reverse(id, &format!("re_{by}"), total);
                },
                Step::Hold(price) => {
                    let (job, answer) = shop.try_create(asks(price, 1, 1));
                    if answer.is_ok() { jobs.push(job); }
                }
                Step::Cancel(at) => if let Some(job) = jobs.get(at % jobs.len().max(1)) {
                    let _decided = shop.cancel(*job);
                },
                Step::Wait(days) => shop.wait(Span::days(days)),
                Step::Expire(at) => {
                    let lots = shop.world.state(shop.book.stream()).is_some();
                    let lots = if lots { shop.account().lots.clone() } else { Vec::new() };
                    if let Some(lot) = lots.get(at % lots.len().max(1)) {
                        let _decided = shop.expire(lot.lot_id);
                    }
                }
            }
            if shop.world.state(shop.book.stream()).is_some() {
                shop.check();
                let id = shop.account().top_ups.under_way;
                if let Some(id) = id && !purchases.contains(&id) { purchases.push(id); }
            }
        }
    }
}
