//! Double entry: every money event as balanced postings between accounts of its book.
//!
//! No account is shared between books (design D10); the platform's totals are projections.

use super::events::{CreditEvent, CreditsChargedBack, Draw, LotOrigin};
use crate::ids::{JobId, LotId, WorkerId};
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
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available(lot) => write!(f, "available:{lot}"),
            Self::Escrow(job) => write!(f, "escrow:{job}"),
            Self::WorkerPayable(worker) => write!(f, "worker_payable:{worker}"),
            Self::PlatformRevenue
            | Self::Promotions
            | Self::Breakage
            | Self::PaymentClearing
            | Self::Receivable => f.write_str(self.kind()),
        }
    }
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
    if back.debt_cents != Cents::ZERO {
        let amount = back.debt_cents.negated();
        entry.push(Posting { account: Account::Receivable, amount });
    }
    entry.push(Posting { account: Account::PaymentClearing, amount: back.amount_cents });
    if let Some(bonus) = &back.bonus {
        entry.extend(legs(std::slice::from_ref(bonus), Cents::negated));
        entry.push(Posting { account: Account::Promotions, amount: bonus.amount_cents });
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
