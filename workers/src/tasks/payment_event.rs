//! Act on what the payment provider told us. Whatever is told twice, late or in another order is
//! booked once: the commands know what is booked already.

use super::charge::{account, booking, purchase};
use super::payout::payout;
use super::report;
use crate::runner::{Trouble, WorkerContext};
use firsthand_adapters::ids::mint;
use firsthand_adapters::payments::PaymentError;
use firsthand_adapters::payments::inbound::{self, Fact, Inbound};
use firsthand_domain::ids::{LotId, PayoutId, PurchaseId};
use firsthand_domain::payouts::{CompletePayout, PayoutStatus, ReversePayout};
use firsthand_domain::purchases::{EndPurchase, PurchaseStatus, ReversePurchase};
use firsthand_domain::{Book, Cents, Environment, StreamId};
use firsthand_eventstore::payment_events::{self, PaymentEventTask};
use firsthand_eventstore::tasks::LeasedTask;

/// How often a refund waits for the payment that it takes back: three and a half days or a little more, since
/// attempts are five minutes apart or up to half as much again. The provider repeats an event for three.
const PATIENCE: i32 = 1_000;

/// Returns the purchase that an event names.
fn named(event: &Inbound) -> Option<PurchaseId> {
    event.purchase_id.as_deref().and_then(|id| id.parse().ok())
}

/// Finds the purchase that an event is about: it names it, or the payment that it names does.
async fn subject(
    context: &WorkerContext,
    environment: Environment,
    event: &Inbound,
) -> Result<Option<PurchaseId>, Trouble> {
    if let Some(id) = named(event) {
        return Ok(Some(id));
    }
    let (Fact::Refunded { payment, .. } | Fact::Disputed { payment, .. }) = &event.fact else {
        return Ok(None);
    };
    let Some(account) = context.payments.of(environment) else {
        return Err(Trouble::Retry("no payment provider is configured".to_owned()));
    };
    match account.payment(payment).await {
        Ok(payment) => Ok(payment.purchase_id.and_then(|id| id.parse().ok())),
        Err(error) => none_if_unknown(&error),
    }
}

/// Returns nothing if the provider knows no such payment. A refusal of our key says nothing of it: that is for
/// the operator to mend, and the event waits.
fn none_if_unknown<T>(error: &PaymentError) -> Result<Option<T>, Trouble> {
    error.verdict().map(|_code| None).ok_or_else(|| Trouble::Retry(error.to_string()))
}

/// Acts on an event, and records what became of it.
pub(super) async fn perform(context: &WorkerContext, task: &LeasedTask) -> Result<(), Trouble> {
    let known: PaymentEventTask =
        serde_json::from_slice(&task.payload).map_err(|error| Trouble::Dead(error.to_string()))?;
    let store = context.ledger.store();
    let Some(payload) = payment_events::payload(store, task.part, &known.event_id).await? else {
        return Err(Trouble::Dead("the event is not there".to_owned()));
    };
    let event = inbound::read(&payload).map_err(|error| Trouble::Dead(error.to_string()))?;
    let environment = known.environment;
    let (outcome, about) = match &event.fact {
        Fact::Other => ("ignored", None),
        // A key of the test mode must not move real money, nor must a live one be configured for tests.
        _ if event.livemode.is_some_and(|live| live != (environment == Environment::Live)) => {
            tracing::error!(event.id, "an event of the other mode was refused");
            ("refused", named(&event))
        }
        Fact::Transferred { transfer, .. } | Fact::TransferReversed { transfer, .. } => {
            (about_payout(context, task, environment, (transfer, &event)).await?, None)
        }
        _ => match subject(context, environment, &event).await? {
            None => ("unknown", None),
            Some(id) => (act(context, task, (id, environment), &event).await?, Some(id)),
        },
    };
    payment_events::settle(store, task.part, &known.event_id, outcome, about).await?;
    Ok(())
}

/// Acts on an event about a purchase; returns what became of it.
async fn act(
    context: &WorkerContext,
    task: &LeasedTask,
    (id, environment): (PurchaseId, Environment),
    event: &Inbound,
) -> Result<&'static str, Trouble> {
    let Some(purchase) = purchase(context, id).await? else { return Ok("unknown") };
    if !matches!(purchase.book, Book::Organization(_, of) if of == environment) {
        tracing::error!(purchase.id = %id, event.id, "an event of the other books was refused");
        return Ok("refused");
    }
    // A second payment of one purchase bought nothing, and what goes back of it takes nothing back.
    if let Some(payment) = event.fact.payment()
        && purchase.payment.as_deref().is_some_and(|known| known != payment)
    {
        tracing::error!(purchase.id = %id, payment, "another payment of a purchase that is paid");
        return Ok("refused");
    }
    let stream = StreamId::Purchase(id);
    match &event.fact {
        Fact::SessionPaid { payment, amount } | Fact::PaymentSucceeded { payment, amount } => {
            if Cents::new(*amount) != purchase.amount {
                tracing::error!(purchase.id = %id, paid = amount, "another amount was paid");
                return Ok("refused");
            }
            if purchase.status == PurchaseStatus::Paid {
                return Ok("booked");
            }
            let card = match account(context, purchase.book)?.payment(payment).await {
                Ok(payment) => payment.card,
                Err(error) => none_if_unknown(&error)?,
            };
            let command = booking(context, id, payment, *amount, card);
            report(context, task, stream, command).await?;
        }
        Fact::SessionExpired => {
            let command = EndPurchase { purchase_id: id, code: "expired".to_owned() };
            report(context, task, stream, command).await?;
        }
        Fact::Refunded { charge: reference, total, .. }
        | Fact::Disputed { dispute: reference, total, .. } => {
            if purchase.status != PurchaseStatus::Paid && task.attempts >= PATIENCE {
                tracing::error!(purchase.id = %id, reference, "money went back that never came");
                return Ok("refused");
            }
            let command = ReversePurchase {
                purchase_id: id,
                reference: reference.clone(),
                total: Cents::new(*total),
                lot_id: LotId::in_slot(mint((context.clock)()), id.slot()),
                bonus_lot_id: LotId::in_slot(mint((context.clock)()), id.slot()),
            };
            report(context, task, stream, command).await?;
        }
        Fact::Transferred { .. } | Fact::TransferReversed { .. } | Fact::Other => {
            return Ok("ignored");
        }
    }
    Ok("booked")
}

/// Acts on an event about a payout; returns what became of it. Workers are paid real money only.
async fn about_payout(
    context: &WorkerContext,
    task: &LeasedTask,
    environment: Environment,
    (transfer, event): (&String, &Inbound),
) -> Result<&'static str, Trouble> {
    let Some(id) = event.payout_id.as_deref().and_then(|id| id.parse::<PayoutId>().ok()) else {
        return Ok("unknown");
    };
    let Some(payout) = payout(context, id).await? else { return Ok("unknown") };
    let refused = |why: &str| {
        tracing::error!(payout.id = %id, transfer, why, "an event of a payout was refused");
        Ok("refused")
    };
    if environment != Environment::Live {
        return refused("it is of the test mode");
    }
    if payout.status == PayoutStatus::Failed {
        return refused("the payout had failed");
    }
    if payout.transfer.as_deref().is_some_and(|known| known != transfer) {
        return refused("it was paid by another transfer");
    }
    let (stream, transfer) = (StreamId::Payout(id), transfer.clone());
    match event.fact {
        Fact::TransferReversed { total, .. } => {
            if Cents::new(total) > payout.amount {
                return refused("more was taken back than was paid");
            }
            let total = Cents::new(total);
            let command = ReversePayout { payout_id: id, transfer, total };
            report(context, task, stream, command).await?;
        }
        Fact::Transferred { amount, .. } => {
            if Cents::new(amount) != payout.amount {
                return refused("another amount was paid");
            }
            let command = CompletePayout { payout_id: id, transfer };
            report(context, task, stream, command).await?;
        }
        _ => return Ok("ignored"),
    }
    Ok("booked")
}
