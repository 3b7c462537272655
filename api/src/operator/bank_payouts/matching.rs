//! The provider's balance transactions against what is booked here, name by name. Every transaction is matched,
//! a fee, or part of a residue, so that the three add up to what was paid.

use firsthand_adapters::payments::{BalanceTransaction, Source};
use firsthand_domain::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Types of transactions that are fees and nothing else.
const FEES: [&str; 4] = ["stripe_fee", "stripe_fx_fee", "tax_fee", "network_cost"];

/// What a transaction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BankPayoutKind)]
pub(super) enum Kind {
    /// A purchase was paid.
    Purchase,
    /// Money of a purchase went back.
    Refund,
    /// A dispute took money, or gave it back.
    Dispute,
    /// A worker was paid, or what a worker was paid came back.
    WorkerPayout,
    /// Nothing that is booked here.
    Other,
}

/// Why something is not matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BankPayoutResidueReason)]
pub(super) enum Reason {
    /// The provider has it, nothing is booked here.
    UnknownHere,
    /// It is booked here, and the provider knows nothing of it.
    MissingThere,
    /// Both have it, but not the same amount.
    OtherAmount,
}

/// Something that is not matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Residue {
    pub reason: Reason,
    pub kind: Kind,
    pub reference: String,
    /// The provider's names of its transactions.
    pub transactions: Vec<String>,
    /// What they make of the payout.
    pub amount: i64,
    /// What is booked here under that name, all in all.
    pub booked: i64,
    /// When the first of it was made there, or booked here.
    pub since: Timestamp,
}

/// What is booked here under one name: each amount, as the provider counts it, and when the first was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Booked {
    pub amounts: Vec<i64>,
    pub since: Timestamp,
}

impl Booked {
    pub(super) fn total(&self) -> i64 {
        self.amounts.iter().sum()
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Matching {
    /// What is matched: how many transactions, and their sum.
    pub matched: BTreeMap<Kind, (usize, i64)>,
    /// What the provider kept; negative.
    pub fees: i64,
    pub residues: Vec<Residue>,
}

/// The provider's transactions under one name.
struct Group<'a> {
    kind: Kind,
    /// All that went back of the charge or the transfer, if the provider told it.
    gone: Option<i64>,
    transactions: Vec<&'a BalanceTransaction>,
}

impl Group<'_> {
    fn amount(&self) -> i64 {
        self.transactions.iter().map(|transaction| transaction.amount).sum()
    }

    /// Says whether the provider's amounts are those that are booked. A charge's refunds, a dispute's two directions,
    /// a transfer and what was taken back of it may come in several payouts, so part of what is booked will do for
    /// them. What goes back by and by agrees if all of it does: one booking may be of several transactions.
    fn agrees(&self, booked: &Booked) -> bool {
        match (self.kind, self.gone) {
            (Kind::Refund, Some(gone)) => gone == -booked.total(),
            (Kind::WorkerPayout, Some(gone)) => {
                let back = booked.amounts.iter().filter(|amount| **amount > 0);
                let all_back = gone == back.sum::<i64>();
                self.each_booked(booked, |amount| amount > 0 && all_back)
            }
            _ if self.amount() == booked.total() => true,
            (Kind::Purchase, _) => false,
            _ => self.each_booked(booked, |_amount| false),
        }
    }

    /// Says whether each amount is booked, or need not be.
    fn each_booked(&self, booked: &Booked, agreed: impl Fn(i64) -> bool) -> bool {
        let mut left = booked.amounts.clone();
        self.transactions.iter().filter(|one| !agreed(one.amount)).all(|transaction| {
            let found = left.iter().position(|amount| *amount == transaction.amount);
            found.map(|place| left.swap_remove(place)).is_some()
        })
    }
}

fn kind(source: &Source) -> Kind {
    match source {
        Source::Payment(_) => Kind::Purchase,
        Source::Refund(..) => Kind::Refund,
        Source::Dispute(_) => Kind::Dispute,
        Source::Transfer { .. } => Kind::WorkerPayout,
        Source::Other(_) => Kind::Other,
    }
}

fn groups(transactions: &[BalanceTransaction]) -> BTreeMap<&str, Group<'_>> {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for transaction in transactions.iter().filter(|one| !FEES.contains(&one.kind.as_str())) {
        let gone = match transaction.source {
            Source::Refund(_, gone) | Source::Transfer { reversed: gone, .. } => gone,
            _ => None,
        };
        let empty = || Group { kind: kind(&transaction.source), gone, transactions: Vec::new() };
        let group = groups.entry(transaction.source.reference()).or_insert_with(empty);
        group.transactions.push(transaction);
    }
    groups
}

/// Matches transactions with what is booked under their names.
pub(super) fn matching(
    transactions: &[BalanceTransaction],
    booked: &BTreeMap<String, Booked>,
) -> Matching {
    let mut result = Matching::default();
    for transaction in transactions {
        let all = FEES.contains(&transaction.kind.as_str());
        let own = if all { transaction.amount } else { 0 };
        result.fees += own - transaction.fee;
    }
    for (reference, group) in groups(transactions) {
        let here = booked.get(reference);
        if here.is_some_and(|here| group.agrees(here)) {
            let (count, sum) = result.matched.entry(group.kind).or_default();
            *count += group.transactions.len();
            *sum += group.amount();
            continue;
        }
        let since = group.transactions.iter().map(|one| one.created).min();
        result.residues.push(Residue {
            reason: if here.is_some() { Reason::OtherAmount } else { Reason::UnknownHere },
            kind: group.kind,
            reference: reference.to_owned(),
            transactions: group.transactions.iter().map(|one| one.id.clone()).collect(),
            amount: group.amount(),
            booked: here.map_or(0, Booked::total),
            since: since.unwrap_or_default(),
        });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: &str, amount: i64, fee: i64, source: Source) -> BalanceTransaction {
        let id = format!("txn_{kind}_{amount}");
        BalanceTransaction {
            id,
            kind: kind.to_owned(),
            amount,
            fee,
            created: Timestamp::default(),
            source,
        }
    }

    fn refund(amount: i64, gone: Option<i64>) -> BalanceTransaction {
        one("refund", amount, 0, Source::Refund("ch_1".to_owned(), gone))
    }

    fn here(reference: &str, amounts: &[i64]) -> BTreeMap<String, Booked> {
        let booked = Booked { amounts: amounts.to_vec(), since: Timestamp::default() };
        BTreeMap::from([(reference.to_owned(), booked)])
    }

    /// Matches, and adds up: whatever comes in, nothing gets lost.
    fn run(
        transactions: &[BalanceTransaction],
        booked: &BTreeMap<String, Booked>,
    ) -> (i64, Vec<(Reason, i64, i64)>) {
        let result = matching(transactions, booked);
        let matched: i64 = result.matched.values().map(|(_count, sum)| sum).sum();
        let residues: i64 = result.residues.iter().map(|residue| residue.amount).sum();
        let paid: i64 = transactions.iter().map(|one| one.amount - one.fee).sum();
        assert_eq!(matched + result.fees + residues, paid);
        let residues = result.residues.iter();
        (matched, residues.map(|one| (one.reason, one.amount, one.booked)).collect())
    }

    #[test]
    fn a_payment_is_matched_by_name_and_amount() {
        let payment = one("charge", 1_000, 59, Source::Payment("pi_1".to_owned()));
        let run = |booked| run(std::slice::from_ref(&payment), &booked);
        assert_eq!(run(here("pi_1", &[1_000])), (1_000, vec![]));
        assert_eq!(run(here("pi_2", &[1_000])), (0, vec![(Reason::UnknownHere, 1_000, 0)]));
        // Booked for two purchases: part of it is no match.
        let twice = run(here("pi_1", &[1_000, 2_500]));
        assert_eq!(twice, (0, vec![(Reason::OtherAmount, 1_000, 3_500)]));
    }

    #[test]
    fn refunds_of_a_charge_agree_if_all_that_went_back_does() {
        // One booking for two refunds, of which one is in this payout.
        let part = run(&[refund(-300, Some(800))], &here("ch_1", &[-800]));
        assert_eq!(part, (-300, vec![]));
        let less = run(&[refund(-300, Some(800))], &here("ch_1", &[-300]));
        assert_eq!(less, (0, vec![(Reason::OtherAmount, -300, -300)]));
        let untold = run(&[refund(-300, None)], &here("ch_1", &[-500, -300]));
        assert_eq!(untold, (-300, vec![]));
        let twice = run(&[refund(-300, None), refund(-300, None)], &here("ch_1", &[-500, -300]));
        assert_eq!(twice, (0, vec![(Reason::OtherAmount, -600, -800)]));
    }

    #[test]
    fn a_dispute_that_is_won_later_is_matched_in_both_payouts() {
        let dispute =
            |amount, fee| one("adjustment", amount, fee, Source::Dispute("du".to_owned()));
        let booked = here("du", &[-1_000, 1_000]);
        assert_eq!(run(&[dispute(-1_000, 1_500)], &booked), (-1_000, vec![]));
        assert_eq!(run(&[dispute(1_000, 0)], &booked), (1_000, vec![]));
        assert_eq!(run(&[dispute(-1_000, 0), dispute(1_000, 0)], &booked), (0, vec![]));
        let other = run(&[dispute(-999, 0)], &booked);
        assert_eq!(other, (0, vec![(Reason::OtherAmount, -999, 0)]));
    }

    #[test]
    fn what_is_taken_back_of_a_transfer_piece_by_piece_agrees_if_all_of_it_does() {
        let one = |amount, reversed| {
            let transfer = "tr_1".to_owned();
            let source = Source::Transfer { transfer, payout_id: None, reversed };
            one("transfer", amount, 0, source)
        };
        // Two reversals are booked as one total, and each comes in a payout of its own.
        let booked = here("tr_1", &[-800, 500]);
        for amount in [-800, 300, 200] {
            assert_eq!(run(&[one(amount, Some(500))], &booked), (amount, vec![]));
        }
        let both = [one(300, Some(500)), one(200, Some(500))];
        assert_eq!(run(&both, &booked), (500, vec![]));
        let all = [one(-800, Some(500)), both[0].clone(), both[1].clone()];
        assert_eq!(run(&all, &booked), (-300, vec![]));
        // More went back there, or another amount was transferred.
        let more = run(&[one(300, Some(800))], &booked);
        assert_eq!(more, (0, vec![(Reason::OtherAmount, 300, -300)]));
        let other = run(&[one(-900, Some(500))], &booked);
        assert_eq!(other, (0, vec![(Reason::OtherAmount, -900, -300)]));
        // Nothing is told of the whole: only the amount itself will do.
        assert_eq!(run(&[one(500, None)], &booked), (500, vec![]));
        let untold = run(&[one(300, None)], &booked);
        assert_eq!(untold, (0, vec![(Reason::OtherAmount, 300, -300)]));
    }

    #[test]
    fn fees_are_fees_and_what_nobody_knows_has_a_name() {
        let all = [
            one("stripe_fee", -250, 0, Source::Other("txn_1".to_owned())),
            one("topup", 5_000, 0, Source::Other("tu_1".to_owned())),
        ];
        assert_eq!(matching(&all, &BTreeMap::new()).fees, -250);
        assert_eq!(run(&all, &BTreeMap::new()), (0, vec![(Reason::UnknownHere, 5_000, 0)]));
    }
}
