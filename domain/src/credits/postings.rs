//! Double entry: every money event as balanced postings between accounts of its book.
//!
//! No account is shared between books (design D10); the platform's totals are projections.

use super::events::{CreditEvent, CreditsChargedBack, Draw, LotOrigin};
use crate::ids::{JobId, LotId, PayoutId, WorkerId};
use crate::money::Cents;
use std::fmt;

/// An account of one book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// A lot's available rest.
    Available(LotId),
    /// What a job holds.
    Escrow(JobId),
    /// What is owed to a worker.
    WorkerPayable(WorkerId),
    /// What the platform earned.
    PlatformRevenue,
    /// What promotions cost.
    Promotions,
    /// What expired unspent.
    Breakage,
    /// What the payment provider owes us.
    PaymentClearing,
    /// What customers owe us whose spent money went back to them.
    Receivable,
    /// In a worker's own book: the other side of what buyers' books owe the worker.
    WorkerSettlement,
    /// In a worker's own book: what the worker has earned and was not paid yet.
    Earnings,
    /// In a worker's own book: what is on its way to the worker.
    PayoutTransit(PayoutId),
    /// In a worker's own book: what the payment provider paid the worker for us.
    PayoutClearing,
}

impl Account {
    /// Returns the name of the account's kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Available(_) => "available",
            Self::Escrow(_) => "escrow",
            Self::WorkerPayable(_) => "worker_payable",
            Self::PlatformRevenue => "platform_revenue",
            Self::Promotions => "promotions",
            Self::Breakage => "breakage",
            Self::PaymentClearing => "payment_clearing",
            Self::Receivable => "receivable",
            Self::WorkerSettlement => "worker_settlement",
            Self::Earnings => "earnings",
            Self::PayoutTransit(_) => "payout_transit",
            Self::PayoutClearing => "payout_clearing",
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available(lot) => write!(f, "available:{lot}"),
            Self::Escrow(job) => write!(f, "escrow:{job}"),
            Self::WorkerPayable(worker) => write!(f, "worker_payable:{worker}"),
            Self::PayoutTransit(payout) => write!(f, "payout_transit:{payout}"),
            Self::PlatformRevenue
            | Self::Promotions
            | Self::Breakage
            | Self::PaymentClearing
            | Self::Receivable
            | Self::WorkerSettlement
            | Self::Earnings
            | Self::PayoutClearing => f.write_str(self.kind()),
        }
    }
}

/// Returns the name of the branch under which accounts of a kind stand in the platform's books, as
/// plain-text accounting writes it; the kind is the stored one. A kind without a name of its own is
/// shown apart, so that the books still balance.
pub fn ledger_branch(kind: &str) -> String {
    match kind {
        "available" => "Liabilities:Credits:Available".to_owned(),
        "escrow" => "Liabilities:Credits:Escrow".to_owned(),
        "worker_payable" => "Liabilities:Workers".to_owned(),
        "platform_revenue" => "Income:Platform-Revenue".to_owned(),
        "promotions" => "Expenses:Promotions".to_owned(),
        "breakage" => "Income:Breakage".to_owned(),
        "payment_clearing" => "Assets:Payment-Clearing".to_owned(),
        "receivable" => "Assets:Receivable".to_owned(),
        "worker_settlement" => "Liabilities:Workers-Settled".to_owned(),
        "earnings" => "Liabilities:Earnings".to_owned(),
        "payout_transit" => "Liabilities:Payouts-In-Transit".to_owned(),
        "payout_clearing" => "Assets:Payout-Clearing".to_owned(),
        other => format!("Equity:Unclassified:{}", title(other)),
    }
}

/// Returns the amount of a posting as the platform's books write it: a debit is positive. Our
/// postings count what is owed as positive, which is a credit.
#[must_use]
pub fn debit(posting: Cents) -> Cents {
    posting.negated()
}

/// Writes `some_kind` as `Some-Kind`.
fn title(kind: &str) -> String {
    let words = kind.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect::<Vec<_>>().join("-")
}

/// One leg of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// What is added to it; negative where it is taken.
    pub amount: Cents,
}

fn legs(draws: &[Draw], sign: fn(Cents) -> Cents) -> impl Iterator<Item = Posting> {
    draws.iter().map(move |draw| Posting {
        account: Account::Available(draw.lot_id),
        amount: sign(draw.amount_cents),
    })
}

fn charged_back(back: &CreditsChargedBack) -> Vec<Posting> {
    let mut entry: Vec<_> = legs(&back.draws, Cents::negated).collect();
    let owed: Cents = [back.debt_cents, back.bonus_debt_cents].into_iter().sum();
    if owed != Cents::ZERO {
        entry.push(Posting { account: Account::Receivable, amount: owed.negated() });
    }
    entry.push(Posting { account: Account::PaymentClearing, amount: back.amount_cents });
    entry.extend(legs(back.bonus.as_slice(), Cents::negated));
    if back.bonus_total() != Cents::ZERO {
        entry.push(Posting { account: Account::Promotions, amount: back.bonus_total() });
    }
    entry
}

/// Returns the postings of an event, which sum to zero; none for one that moves no money.
pub fn postings(event: &CreditEvent) -> Vec<Posting> {
    match event {
        CreditEvent::Granted(granted) => {
            let source = match granted.origin {
                LotOrigin::Purchase | LotOrigin::Reinstatement => Account::PaymentClearing,
                LotOrigin::FreeTier
                | LotOrigin::Bonus
                | LotOrigin::Promotional
                | LotOrigin::Sandbox => Account::Promotions,
            };
            vec![
                Posting {
                    account: Account::Available(granted.lot_id),
                    amount: granted.amount_cents,
                },
                Posting { account: source, amount: granted.amount_cents.negated() },
            ]
        }
        CreditEvent::Held(held) => {
            let mut entry: Vec<_> = legs(&held.draws, Cents::negated).collect();
            entry
                .push(Posting { account: Account::Escrow(held.job_id), amount: held.amount_cents });
            entry
        }
        CreditEvent::Captured(captured) => vec![
            Posting {
                account: Account::Escrow(captured.job_id),
                amount: captured.amount_cents.negated(),
            },
            Posting {
                account: Account::WorkerPayable(captured.worker_id),
                amount: captured.worker_cents,
            },
            Posting { account: Account::PlatformRevenue, amount: captured.platform_cents },
        ],
        CreditEvent::Released(released) => {
            let mut entry: Vec<_> = legs(&released.draws, |amount| amount).collect();
            entry.push(Posting {
                account: Account::Escrow(released.job_id),
                amount: released.amount_cents.negated(),
            });
            entry
        }
        CreditEvent::Expired(expired) => vec![
            Posting {
                account: Account::Available(expired.lot_id),
                amount: expired.amount_cents.negated(),
            },
            Posting { account: Account::Breakage, amount: expired.amount_cents },
        ],
        CreditEvent::ChargedBack(back) => charged_back(back),
        CreditEvent::DebtSettled(settled) => {
            let mut entry: Vec<_> = legs(&settled.draws, Cents::negated).collect();
            entry.push(Posting { account: Account::Receivable, amount: settled.amount_cents });
            entry
        }
        CreditEvent::LowBalance(_)
        | CreditEvent::ExpiringSoon(_)
        | CreditEvent::TopUpRequested(_)
        | CreditEvent::AutoToppedUp(_)
        | CreditEvent::TopUpFailed(_)
        | CreditEvent::CardSaved(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an account of each kind. A new kind does not compile until it is listed.
    fn each() -> Vec<Account> {
        let all = vec![
            Account::Available(LotId::default()),
            Account::Escrow(JobId::default()),
            Account::WorkerPayable(WorkerId::default()),
            Account::PlatformRevenue,
            Account::Promotions,
            Account::Breakage,
            Account::PaymentClearing,
            Account::Receivable,
            Account::WorkerSettlement,
            Account::Earnings,
            Account::PayoutTransit(PayoutId::default()),
            Account::PayoutClearing,
        ];
        for account in &all {
            match account {
                Account::Available(_)
                | Account::Escrow(_)
                | Account::WorkerPayable(_)
                | Account::PlatformRevenue
                | Account::Promotions
                | Account::Breakage
                | Account::PaymentClearing
                | Account::Receivable
                | Account::WorkerSettlement
                | Account::Earnings
                | Account::PayoutTransit(_)
                | Account::PayoutClearing => (),
            }
        }
        all
    }

    #[test]
    fn every_kind_has_a_branch_of_its_own() {
        let branches: std::collections::BTreeSet<String> =
            each().into_iter().map(|account| ledger_branch(account.kind())).collect();
        assert_eq!(branches.len(), each().len());
        assert!(branches.iter().all(|branch| !branch.contains("Unclassified")), "{branches:?}");
    }

    #[test]
    fn a_kind_of_tomorrow_stands_apart() {
        assert_eq!(ledger_branch("bad_debt"), "Equity:Unclassified:Bad-Debt");
    }
}
