//! Holds, captures and releases: the table of postings in section 7 of the specification.

use super::lots::{EXTENSION, NOTICE};
use super::{Amount, At, Book, Outcome};

/// A part of an amount, and the lot that it comes from or goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// The lot.
    pub lot: String,
    /// How much.
    pub amount: Amount,
}

/// One credit transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Its type.
    pub kind: &'static str,
    /// What it adds to the available balance.
    pub available: Amount,
    /// What it adds to the held balance.
    pub held: Amount,
    /// The available balance afterwards.
    pub balance: Amount,
    /// The held balance afterwards.
    pub held_balance: Amount,
    /// The lot that it is about, if it is about one only.
    pub lot: Option<String>,
    /// The job that it is about.
    pub job: Option<String>,
    /// The submission that it is about.
    pub submission: Option<String>,
}

impl Movement {
    /// What it is about, as the buyer sees it.
    pub fn amount(&self) -> Amount {
        if self.available == 0 { self.held } else { self.available }
    }

    /// A movement about nothing yet.
    pub(crate) fn of(kind: &'static str, available: Amount, held: Amount) -> Self {
        Self {
            kind,
            available,
            held,
            balance: 0,
            held_balance: 0,
            lot: None,
            job: None,
            submission: None,
        }
    }

    /// The same about a lot.
    pub(crate) fn lot(mut self, id: &str) -> Self {
        self.lot = Some(id.to_owned());
        self
    }

    /// The same about these lots; named is one that is alone.
    pub(crate) fn lots(mut self, lots: Vec<String>) -> Self {
        self.lot = <[String; 1]>::try_from(lots).ok().map(|[lot]| lot);
        self
    }

    /// The same about a job.
    pub(crate) fn job(mut self, id: &str) -> Self {
        self.job = Some(id.to_owned());
        self
    }

    /// The same about a submission.
    pub(crate) fn submission(mut self, id: &str) -> Self {
        self.submission = Some(id.to_owned());
        self
    }
}

/// The worker's share of one file and the platform's: 80 %, half up to the worker, so that both are the price.
pub fn shares(price: Amount) -> (Amount, Amount) {
    let worker = (price * 8 + 5) / 10;
    (worker, price - worker)
}

impl Book {
    /// Adds to an account.
    pub(crate) fn post(&mut self, account: &str, amount: Amount) {
        for sums in [&mut self.posted, &mut self.accounts] {
            *sums.entry(account.to_owned()).or_default() += amount;
        }
    }

    /// Records a movement with the balances that it leaves.
    pub(crate) fn moved(&mut self, mut movement: Movement) {
        self.running.0 += movement.available;
        self.running.1 += movement.held;
        (movement.balance, movement.held_balance) = self.running;
        self.movements.push(movement);
    }

    /// Sets a job's price aside, and fixes the lots that pay.
    pub(crate) fn hold(&mut self, job: &str, amount: Amount, now: At) -> Outcome {
        let spendable = self.spendable(now);
        let short = || format!("insufficient_credits: {spendable} of {amount}");
        let draws = self.draw(amount, now).ok_or_else(short)?;
        for draw in &draws {
            self.lots.get_mut(&draw.lot).unwrap().held += draw.amount;
            self.post(&format!("available:{}", draw.lot), -draw.amount);
        }
        self.post(&format!("escrow:{job}"), amount);
        let lots = draws.iter().map(|draw| draw.lot.clone()).collect();
        self.holds.insert(job.to_owned(), draws);
        self.moved(Movement::of("hold", -amount, amount).lots(lots).job(job));
        Ok(true)
    }

    /// Pays approved files out of what their job holds. The split is made for each file, so that what a file earns
    /// does not depend on the submission that it comes in.
    pub(crate) fn capture(
        &mut self,
        job: &str,
        submission: &str,
        worker: &str,
        files: i64,
        price: Amount,
    ) {
        let total = price * files;
        let mut missing = total;
        let mut lots = Vec::new();
        for draw in self.holds.get_mut(job).unwrap() {
            let taken = draw.amount.min(missing);
            lots.extend((taken > 0).then(|| draw.lot.clone()));
            draw.amount -= taken;
            missing -= taken;
            let lot = self.lots.get_mut(&draw.lot).unwrap();
            lot.held -= taken;
            lot.spent += taken;
        }
        assert_eq!(missing, 0, "a job held less than its files cost");
        self.holds.get_mut(job).unwrap().retain(|draw| draw.amount > 0);
        let (to_worker, to_platform) = shares(price);
        self.post(&format!("escrow:{job}"), -total);
        self.post(&format!("worker_payable:{worker}"), to_worker * files);
        self.post("platform_revenue", to_platform * files);
        let movement = Movement::of("deduction", 0, -total).lots(lots);
        self.moved(movement.job(job).submission(submission));
    }

    /// Gives what a job still holds back to its lots. What expired meanwhile is not confiscated: such a lot gets 30
    /// days more. That is for what comes back; what was left of the lot when its time was over has expired, whether
    /// or not that had been booked.
    pub(crate) fn release(&mut self, job: &str, now: At) {
        let draws = self.holds.remove(job).unwrap_or_default();
        let total: Amount = draws.iter().map(|draw| draw.amount).sum();
        if total == 0 {
            return;
        }
        let mut extended = Vec::new();
        for draw in &draws {
            if self.lots[&draw.lot].lapsed(now) {
                self.write_off(&draw.lot);
                self.extensions += 1;
                extended.push(draw.lot.clone());
                let lot = self.lots.get_mut(&draw.lot).unwrap();
                lot.expires_at = Some(now + EXTENSION);
                lot.announced = false;
            }
            let lot = self.lots.get_mut(&draw.lot).unwrap();
            lot.held -= draw.amount;
            lot.remaining += draw.amount;
            self.post(&format!("available:{}", draw.lot), draw.amount);
        }
        self.post(&format!("escrow:{job}"), -total);
        let lots = draws.iter().map(|draw| draw.lot.clone()).collect();
        self.moved(Movement::of("refund", total, -total).lots(lots).job(job));
        for draw in &draws {
            self.pay_debt(&draw.lot, draw.amount);
        }
        // While all of a lot was held there was nothing to announce; if its notice is over, it is told now.
        for draw in draws.iter().filter(|draw| !extended.contains(&draw.lot)) {
            let lot = self.lots.get_mut(&draw.lot).unwrap();
            let noticed = lot.expires_at.is_some_and(|end| end - NOTICE <= now);
            lot.announced |= noticed && lot.remaining > 0;
        }
    }
}

#[test]
fn every_cent_of_a_file_goes_somewhere() {
    assert_eq!([shares(75), shares(13), shares(10)], [(60, 15), (10, 3), (8, 2)]);
    assert!((10..=50_000).all(|price| shares(price).0 + shares(price).1 == price));
}
