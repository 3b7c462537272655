//! Test clocks: whatever is asked of one, in whatever order, its time never goes back and never
//! beyond where it was sent.

use crate::shop::Shop;
use crate::stored::replayed;
use firsthand_domain::decision::View;
use firsthand_domain::test_clocks::{
    AdvanceTestClock, CreateTestClock, FinishAdvance, Forward, MoveTestClock, TestClock,
};
use firsthand_domain::time::Span;
use firsthand_domain::{Command, Event, Rejection, State, StreamId, Timestamp, decision};
use proptest::prelude::*;

/// Two years in seconds: how far a clock goes at once.
const FURTHEST: i64 = 731 * 86_400;

/// What is asked of a clock. Instants are seconds from where the world began.
#[derive(Debug, Clone)]
enum Step {
    Create(Option<i64>),
    By(i64),
    To(i64),
    Move(i64),
    Finish(i64),
}

/// What a clock should be: where it stands and where it is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Model {
    now: i64,
    target: Option<i64>,
}

fn step() -> impl Strategy<Value = Step> {
    let instant = || prop_oneof![4 => -10_i64..200, 1 => FURTHEST - 100..FURTHEST + 100];
    prop_oneof![
        1 => proptest::option::of(instant()).prop_map(Step::Create),
        2 => (1_i64..100).prop_map(Step::By),
        2 => instant().prop_map(Step::To),
        4 => instant().prop_map(Step::Move),
        3 => instant().prop_map(Step::Finish),
    ]
}

impl Step {
    /// What should become of the clock; `None` if this should be refused.
    fn expected(&self, clock: Option<Model>) -> Option<Model> {
        let sent = |clock: Model, to: i64| {
            let allowed =
                clock.target.is_none() && (clock.now..=clock.now + FURTHEST).contains(&to);
            let target = (to > clock.now).then_some(to);
            allowed.then_some(Model { target, ..clock })
        };
        match (self, clock) {
            (Self::Create(to), None) => sent(Model { now: 0, target: None }, to.unwrap_or(0)),
            (Self::Create(_), Some(_)) | (_, None) => None,
            (Self::By(seconds), Some(clock)) => sent(clock, clock.now + seconds),
            (Self::To(to), Some(clock)) => sent(clock, *to),
            (Self::Move(to), Some(clock)) => {
                let on_the_way = clock.target.is_some_and(|target| *to <= target);
                let moves = on_the_way && *to > clock.now;
                Some(if moves { Model { now: *to, ..clock } } else { clock })
            }
            (Self::Finish(to), Some(clock)) => {
                let ends = clock.target == Some(*to);
                Some(if ends { Model { now: *to, target: None } } else { clock })
            }
        }
    }
}

/// A shop's clock as it is, in seconds from where the world began.
fn clock(shop: &Shop, beginning: Timestamp) -> Option<Model> {
    let seconds = |at: Timestamp| (at.micros() - beginning.micros()) / 1_000_000;
    match shop.world.streams().get(&StreamId::TestClock(shop.organization)) {
        Some(State::TestClock(clock)) => {
            let TestClock { now, target, .. } = **clock;
            now.map(|now| Model { now: seconds(now), target: target.map(seconds) })
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_clock_goes_where_it_is_sent_and_never_back(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let mut shop = Shop::poor();
        let (organization_id, beginning) = (shop.organization, shop.world.now);
        let at = |seconds: i64| beginning.after(Span::seconds(seconds));
        let mut stands = None;
        for step in steps {
            let command: Box<dyn Command> = match &step {
                Step::Create(to) => {
                    Box::new(CreateTestClock { organization_id, frozen_time: to.map(at) })
                }
                Step::By(seconds) => {
                    let forward = Forward::By(Span::seconds(*seconds));
                    Box::new(AdvanceTestClock { organization_id, forward })
                }
                Step::To(to) => {
                    Box::new(AdvanceTestClock { organization_id, forward: Forward::To(at(*to)) })
                }
                Step::Move(to) => Box::new(MoveTestClock { organization_id, to: at(*to) }),
                Step::Finish(to) => Box::new(FinishAdvance { organization_id, to: at(*to) }),
            };
            let decided = shop.world.run(command.as_ref());
            let found = clock(&shop, beginning);
            match step.expected(stands) {
                None => {
                    prop_assert!(decided.is_err(), "{step:?} of {stands:?} is refused");
                    prop_assert_eq!(found, stands);
                }
                Some(expected) => {
                    prop_assert!(decided.is_ok(), "{:?} of {:?}: {:?}", step, stands, decided);
                    prop_assert_eq!(found, Some(expected), "{:?} of {:?}", step, stands);
                    prop_assert!(found.map(|clock| clock.now) >= stands.map(|clock| clock.now));
                }
            }
            stands = found;
        }
        prop_assert!(replayed(&shop.world).is_ok());
    }
}

#[test]
fn a_book_s_time_is_its_clock_s_and_only_the_sandbox_has_one() {
    use firsthand_domain::{Book, Environment};
    let mut shop = Shop::poor();
    let organization_id = shop.organization;
    let (live, test) = [Environment::Live, Environment::Test]
        .map(|environment| Book::Organization(organization_id, environment))
        .into();
    assert_eq!(decision::time_of(&shop.world, test), None);
    let at = shop.world.now;
    let made = shop.world.run(&CreateTestClock { organization_id, frozen_time: None }).unwrap();
    assert!(matches!(made.as_slice(), [(_, Event::TestClock(_))]), "{made:?}");
    shop.world.now = at.after(Span::days(1));
    assert_eq!(decision::time_of(&shop.world, test), Some(at));
    assert_eq!(decision::time_of(&shop.world, live), None);
    let back = Forward::To(at.before(Span::seconds(1)));
    let refused = shop.world.run(&AdvanceTestClock { organization_id, forward: back });
    assert_eq!(refused, Err(Rejection::ClockBackwards { now: at }));
}

#[test]
fn a_clock_ends_with_the_year_2199() {
    let mut shop = Shop::poor();
    let organization_id = shop.organization;
    let end: Timestamp = "2200-01-01T00:00:00Z".parse().unwrap();
    shop.world.run(&CreateTestClock { organization_id, frozen_time: None }).unwrap();
    let by = |shop: &mut Shop, span| {
        shop.world.run(&AdvanceTestClock { organization_id, forward: Forward::By(span) })
    };
    let now = |shop: &Shop| match shop.world.state(StreamId::TestClock(organization_id)) {
        Some(State::TestClock(clock)) => (clock.now.unwrap(), clock.target),
        other => panic!("{other:?}"),
    };
    while by(&mut shop, Span::seconds(FURTHEST)).is_ok() {
        let to = now(&shop).1.unwrap();
        shop.world.run(&FinishAdvance { organization_id, to }).unwrap();
    }
    let (stands, target) = now(&shop);
    assert_eq!(target, None);
    assert!(stands <= end && stands.after(Span::seconds(FURTHEST)) > end, "{stands}");
    let to = |to| AdvanceTestClock { organization_id, forward: Forward::To(to) };
    let beyond = end.after(Span::seconds(1));
    assert_eq!(shop.world.run(&to(beyond)), Err(Rejection::ClockTooFar));
    shop.world.run(&to(end)).unwrap();
}
