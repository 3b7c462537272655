//! Charge: pay an automatic top-up with the card that was left with the payment provider.

use super::{report, state};
use crate::runner::{Trouble, WorkerContext};
use firsthand_adapters::ids::mint;
use firsthand_adapters::payments::{Account, Charge, Payment, PaymentError, Standing};
use firsthand_domain::ids::{LotId, PurchaseId};
use firsthand_domain::purchases::{
    CompletePurchase, EndPurchase, Paid, Purchase, PurchaseStatus, SWITCHED_OFF,
};
use firsthand_domain::{Book, Cents, State, StreamId};
use firsthand_eventstore::tasks::LeasedTask;

/// How far the provider's clock may be behind ours.
const CLOCK_SKEW_SECONDS: u64 = 3_600;

/// Returns a purchase that was opened.
pub(super) async fn purchase(
    context: &WorkerContext,
    id: PurchaseId,
) -> Result<Option<Purchase>, Trouble> {
    Ok(match state(context, StreamId::Purchase(id)).await? {
        Some(State::Purchase(purchase)) if purchase.exists() => Some(*purchase),
        _ => None,
    })
}

/// Returns the account at the provider that a book pays through.
pub(super) fn account(context: &WorkerContext, book: Book) -> Result<&Account, Trouble> {
    match book {
        Book::Organization(_, environment) => context.payments.of(environment),
        Book::Worker(_) => None,
    }
    .ok_or_else(|| Trouble::Retry("no payment provider is configured".to_owned()))
}

/// Returns the command that books a payment.
pub(super) fn booking(
    context: &WorkerContext,
    purchase_id: PurchaseId,
    payment: &str,
    amount: i64,
    card: Option<(String, String)>,
) -> CompletePurchase {
    let lot = || LotId::in_slot(mint((context.clock)()), purchase_id.slot());
    CompletePurchase {
        purchase_id,
        paid: Paid { payment: payment.to_owned(), amount: Cents::new(amount), card },
        lot_id: lot(),
        bonus_lot_id: lot(),
    }
}

/// Returns the payment that an earlier attempt made, if one did: the provider forgets its idempotency
/// keys after a day, and an outage may be longer. A refusal to tell says nothing of the money.
async fn earlier(
    account: &Account,
    charge: &Charge,
    id: PurchaseId,
) -> Result<Option<Payment>, Trouble> {
    let since = (id.ulid().timestamp_ms() / 1_000).saturating_sub(CLOCK_SKEW_SECONDS);
    let found = account.find_charge(charge, since).await;
    found.map_err(|error| Trouble::Retry(error.to_string()))
}

/// Says whether the buyer still wants to be topped up.
async fn wanted(context: &WorkerContext, book: Book) -> Result<bool, Trouble> {
    let Book::Organization(id, _) = book else { return Ok(false) };
    Ok(match state(context, StreamId::Organization(id)).await? {
        Some(State::Organization(organization)) => organization.settings.auto_top_up.enabled,
        _ => false,
    })
}

/// Charges the card, and asks by its own name for a payment that is not settled: the answer under a key never
/// changes.
async fn charge(account: &Account, charge: &Charge) -> Result<Payment, PaymentError> {
    let made = account.charge(charge).await?;
    if made.standing == Standing::Succeeded {
        return Ok(made);
    }
    let unread = |error: PaymentError| PaymentError::Unreachable(error.to_string());
    account.payment(&made.id).await.map_err(unread)
}

/// Pays an open top-up, or reports why it was not paid.
pub(super) async fn perform(
    context: &WorkerContext,
    task: &LeasedTask,
    id: PurchaseId,
) -> Result<(), Trouble> {
    let Some(purchase) = purchase(context, id).await? else {
        return Err(Trouble::Dead(format!("{id} does not exist")));
    };
    if purchase.status != PurchaseStatus::Open {
        return Ok(());
    }
    let stream = StreamId::Purchase(id);
    let end = |code: String| EndPurchase { purchase_id: id, code };
    // Never another card than the first attempt's: under its key the provider takes one form only.
    let Some(card) = purchase.card.clone() else {
        return report(context, task, stream, end("no_card".to_owned())).await;
    };
    let request = Charge {
        purchase_id: id.to_string(),
        amount: purchase.amount.get(),
        customer: card.customer,
        payment_method: card.payment_method,
    };
    let account = account(context, purchase.book)?;
    let outcome = match earlier(account, &request, id).await? {
        Some(payment) => Ok(payment),
        None if !wanted(context, purchase.book).await? => {
            return report(context, task, stream, end(SWITCHED_OFF.to_owned())).await;
        }
        None => charge(account, &request).await,
    };
    match outcome {
        Ok(payment) => match payment.standing {
            Standing::Succeeded => {
                let booking = booking(context, id, &payment.id, payment.amount, None);
                report(context, task, stream, booking).await
            }
            Standing::Failed(code) => report(context, task, stream, end(code)).await,
            Standing::Processing | Standing::Unfinished => {
                Err(Trouble::Retry(format!("{} is not settled yet", payment.id)))
            }
        },
        Err(error) => {
            let Some(code) = error.verdict() else {
                return Err(Trouble::Retry(error.to_string()));
            };
            tracing::warn!(purchase.id = %id, error = %error, "a top-up was not paid");
            report(context, task, stream, end(code.to_owned())).await
        }
    }
}
