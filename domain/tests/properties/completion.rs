//! Jobs completed exactly to the cent (specification section 18).

use crate::ledger::Ledger;
use crate::shop::{Shop, asks};
use firsthand_domain::Cents;
use firsthand_domain::credits::{Account, LotOrigin};
use firsthand_domain::jobs::JobStatus;

/// The worker's share of one file as the specification says: 80 %, rounded half up.
fn share(price: i64) -> i64 {
    let tenths = price * 8;
    tenths / 10 + i64::from(tenths % 10 >= 5)
}

/// Completes a job with exactly its price in the book, and checks every account to the cent. The
/// money is in three lots of which two end in the middle of a file.
fn complete(price: i64, files: u32, per: u32) {
    let total = price * i64::from(files);
    let mut shop = Shop::poor();
    let (first, second) = (total / 3, total / 2);
    shop.credit(first, LotOrigin::FreeTier, Some(shop.in_days(10)));
    shop.credit(second, LotOrigin::Purchase, None);
    shop.credit(total - first - second, LotOrigin::Bonus, Some(shop.in_days(20)));
    let job = shop.create(asks(price, files, per));
    assert_eq!(shop.available(), 0);
    let workers = shop.workers.len();
    let mut turn = 0;
    while shop.job(job).status.active() {
        let submission = shop.submit(job, turn % workers);
        shop.score(submission, 1, 3).unwrap();
        turn += 1;
    }
    let mut ledger = Ledger::default();
    ledger.book(shop.world.log()).unwrap();
    let balance = |account| ledger.balance(shop.book, account);
    let earned: i64 =
        shop.workers.iter().map(|worker| balance(Account::WorkerPayable(*worker))).sum();
    let kept = balance(Account::PlatformRevenue);
    assert_eq!(earned, share(price) * i64::from(files), "workers at {price}");
    assert_eq!(earned + kept, total, "everything at {price}");
    assert_eq!(balance(Account::Escrow(job)), 0, "escrow at {price}");
    let done = shop.job(job);
    assert_eq!((done.status, done.files_approved), (JobStatus::Completed, files));
    assert_eq!((done.escrow.spent, done.escrow.refunded), (Cents::new(total), Cents::ZERO));
    let account = shop.account();
    assert_eq!((account.available, account.held), (Cents::ZERO, Cents::ZERO));
    assert_eq!((account.lots.len(), account.open_holds), (0, 0));
}

#[test]
fn shares_are_as_documented() {
    assert_eq!([10, 13, 75, 33_333, 50_000].map(share), [8, 10, 60, 26_666, 40_000]);
}

#[test]
fn a_job_of_ten_thousand_files_is_completed_to_the_cent() {
    for price in [10, 12, 13, 75, 33_333, 49_999, 50_000] {
        complete(price, 10_000, 5);
        complete(price, 10_000, 1);
    }
}

#[test]
fn a_job_of_seven_files_is_completed_to_the_cent_at_every_price() {
    for price in 10..=50_000 {
        complete(price, 7, u32::try_from(1 + price % 5).unwrap());
    }
}

/// Cancels a job of seven files after some were approved: workers, platform and refund are its escrow.
fn cancel_after(approved: i64, price: i64) {
    let mut shop = Shop::poor();
    shop.credit(price * 3, LotOrigin::FreeTier, Some(shop.in_days(10)));
    shop.credit(price * 4, LotOrigin::Purchase, None);
    let job = shop.create(asks(price, 7, 1));
    for turn in 0..approved {
        let worker = usize::try_from(turn).unwrap() % shop.workers.len();
        let submission = shop.submit(job, worker);
        shop.score(submission, 1, 3).unwrap();
    }
    shop.cancel(job).unwrap();
    let mut ledger = Ledger::default();
    ledger.book(shop.world.log()).unwrap();
    let balance = |account| ledger.balance(shop.book, account);
    let earned: i64 =
        shop.workers.iter().map(|worker| balance(Account::WorkerPayable(*worker))).sum();
    let refund = shop.job(job).escrow.refunded.get();
    assert_eq!(earned, share(price) * approved, "workers at {price}");
    assert_eq!(refund, price * (7 - approved), "the refund at {price}");
    assert_eq!(earned + balance(Account::PlatformRevenue) + refund, price * 7, "all at {price}");
    assert_eq!(balance(Account::Escrow(job)), 0, "escrow at {price}");
    assert_eq!((shop.available(), shop.account().held), (refund, Cents::ZERO));
}

#[test]
fn what_a_job_of_seven_files_held_is_shared_out_to_the_cent_at_every_price() {
    for price in 10..=50_000 {
        cancel_after(price % 7, price);
    }
}
