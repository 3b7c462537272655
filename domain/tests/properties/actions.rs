//! What a history is made of: steps with small numbers that are resolved against what exists when
//! they are played, so that a shortened history is still a history.

use proptest::prelude::*;

/// One step. `pick`s choose among what exists; `book` is organization (bit 1) and environment
/// (bit 0).
#[derive(Debug, Clone)]
pub(crate) enum Action {
    SignUpAgain {
        organization: u8,
    },
    VerifyPhone {
        organization: u8,
    },
    CreateKey {
        book: u8,
        narrow: bool,
    },
    Grant {
        book: u8,
        cents: i64,
    },
    /// A lot as a purchase or a bonus brings it, with an end chosen from a few so that some agree.
    Credit {
        book: u8,
        cents: i64,
        paid: bool,
        ends_in_days: Option<u8>,
    },
    Create {
        book: u8,
        price: i64,
        files: u32,
        per: u32,
        stars: u8,
        deadline: u16,
        workers: u32,
    },
    Accept {
        pick: u16,
        worker: u8,
    },
    Upload {
        pick: u16,
        files: u8,
        stranger: bool,
    },
    Score {
        pick: u16,
        stars: u8,
        technical: bool,
    },
    /// The same score once more.
    ScoreAgain,
    Deliver {
        pick: u16,
    },
    Withdraw {
        pick: u16,
    },
    TimeOut {
        pick: u16,
    },
    Cancel {
        pick: u16,
        foreign: bool,
    },
    ExpireJob {
        pick: u16,
    },
    ExpireLot {
        pick: u16,
    },
    Rate {
        pick: u16,
        foreign: bool,
    },
    Flag {
        pick: u16,
    },
    Wait {
        micros: i64,
    },
    /// Wait for the next deadline, window or expiry: just before, at, or just after it.
    WaitFor {
        pick: u16,
        offset: i64,
    },
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

fn price() -> impl Strategy<Value = i64> {
    prop_oneof![
        10 => 10_i64..200,
        3 => Just(75_i64),
        3 => Just(13_i64),
        3 => 10_i64..50_001,
        1 => Just(50_000_i64),
    ]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop_oneof![15 => Just(false), 1 => Just(true)]
}

fn credit() -> impl Strategy<Value = Action> {
    let ends = prop_oneof![Just(None), prop_oneof![Just(1_u8), Just(30), Just(40)].prop_map(Some)];
    (0_u8..4, 1_i64..3_000, any::<bool>(), ends).prop_map(|(book, cents, paid, ends_in_days)| {
        Action::Credit { book, cents, paid, ends_in_days }
    })
}

fn create() -> impl Strategy<Value = Action> {
    let deadline = prop_oneof![2 => Just(0_u16), 1 => 1_u16..4_000];
    (0_u8..4, price(), 1_u32..9, 1_u32..6, 1_u8..6, deadline, 0_u32..5).prop_map(
        |(book, price, files, per, stars, deadline, workers)| Action::Create {
            book,
            price,
            files,
            per,
            stars,
            deadline,
            workers,
        },
    )
}

fn buyer() -> impl Strategy<Value = Action> {
    prop_oneof![
        1 => (0_u8..2).prop_map(|organization| Action::SignUpAgain { organization }),
        3 => (0_u8..2).prop_map(|organization| Action::VerifyPhone { organization }),
        3 => (0_u8..4, rarely()).prop_map(|(book, narrow)| Action::CreateKey { book, narrow }),
        3 => (0_u8..4, 1_i64..200_000).prop_map(|(book, cents)| Action::Grant { book, cents }),
        8 => credit(),
        14 => create(),
        4 => (any::<u16>(), rarely()).prop_map(|(pick, foreign)| Action::Cancel { pick, foreign }),
        3 => (any::<u16>(), rarely()).prop_map(|(pick, foreign)| Action::Rate { pick, foreign }),
    ]
}

fn worker() -> impl Strategy<Value = Action> {
    prop_oneof![
        24 => (any::<u16>(), 0_u8..6).prop_map(|(pick, worker)| Action::Accept { pick, worker }),
        24 => (any::<u16>(), 0_u8..7, rarely())
            .prop_map(|(pick, files, stranger)| Action::Upload { pick, files, stranger }),
        30 => (any::<u16>(), 1_u8..6, rarely())
            .prop_map(|(pick, stars, technical)| Action::Score { pick, stars, technical }),
        3 => Just(Action::ScoreAgain),
        2 => any::<u16>().prop_map(|pick| Action::Deliver { pick }),
        3 => any::<u16>().prop_map(|pick| Action::Withdraw { pick }),
        1 => any::<u16>().prop_map(|pick| Action::Flag { pick }),
    ]
}

fn time() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => any::<u16>().prop_map(|pick| Action::TimeOut { pick }),
        3 => any::<u16>().prop_map(|pick| Action::ExpireJob { pick }),
        5 => any::<u16>().prop_map(|pick| Action::ExpireLot { pick }),
        4 => (0..10 * 60 * SECOND).prop_map(|micros| Action::Wait { micros }),
        1 => (0..50 * DAY).prop_map(|micros| Action::Wait { micros }),
        4 => (any::<u16>(), -1_i64..2).prop_map(|(pick, offset)| Action::WaitFor { pick, offset }),
    ]
}

/// Histories of this many organizations: most have one, so that much happens in one book.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) organizations: usize,
    pub(crate) actions: Vec<Action>,
}

/// A random history, opened by some money.
pub(crate) fn history() -> impl Strategy<Value = History> {
    let organizations = prop_oneof![3 => Just(1_usize), 1 => Just(2)];
    // One in four must live on the free grant.
    let free = (0_u8..2).prop_map(|organization| vec![Action::VerifyPhone { organization }]);
    let money = prop_oneof![1 => free, 3 => prop::collection::vec(credit(), 1..8)];
    let step = prop_oneof![6 => buyer(), 20 => worker(), 3 => time()];
    let steps = prop::collection::vec(step, 1..120);
    (organizations, money, steps).prop_map(|(organizations, mut actions, steps)| {
        actions.extend(steps);
        History { organizations, actions }
    })
}
