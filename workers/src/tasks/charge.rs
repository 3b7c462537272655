//! Charge: pay an automatic top-up with the card that was left with the payment provider.

use super::report;
use crate::runner::{Trouble, WorkerContext};
use firsthand_adapters::ids::mint;
use firsthand_adapters::payments::{Account, Charge, Payment, PaymentError};
use firsthand_domain::ids::{LotId, PurchaseId};
use firsthand_domain::purchases::{CompletePurchase, EndPurchase, Paid, Purchase, PurchaseStatus};
use firsthand_domain::{Book, Cents, State, StreamId};
use firsthand_eventstore::read;
use firsthand_eventstore::tasks::LeasedTask;

/// Returns a purchase that was opened.
pub(super) async fn purchase(
    context: &WorkerContext,
    id: PurchaseId,
) -> Result<Option<Purchase>, Trouble> {
    let store = context.ledger.store();
    let stream = StreamId::Purchase(id);
    let rows = read::states(store, store.part_of(stream), &[stream]).await?;
    Ok(match rows.into_iter().next().map(|row| row.state) {
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

async fn card(context: &WorkerContext, book: Book) -> Result<Option<(String, String)>, Trouble> {
    let store = context.ledger.store();
    let stream = book.stream();
    let rows = read::states(store, store.part_of(stream), &[stream]).await?;
    Ok(match rows.into_iter().next().map(|row| row.state) {
        Some(State::Credits(account)) => {
            account.card.map(|card| (card.customer, card.payment_method))
        }
        _ => None,
    })
}

/// Charges, and waits no longer than the provider takes to say whether it worked. From the second
/// attempt on it looks first whether an earlier one came through: the provider forgets its idempotency
/// keys after a day, and an outage may be longer.
async fn charge(
    account: &Account,
    charge: &Charge,
    attempts: i32,
) -> Result<Payment, PaymentError> {
    let earlier = match attempts {
        ..=1 => None,
        _ => account.find_charge(&charge.customer, &charge.purchase_id).await?,
    };
    let payment = match earlier {
        Some(payment) => payment,
        None => account.charge(charge).await?,
    };
    // The answer under a key never changes, so what came of it is asked for by its own name.
    let payment = if payment.succeeded { payment } else { account.payment(&payment.id).await? };
    match payment.failed {
        Some(code) => Err(PaymentError::Declined(code)),
        None => Ok(payment),
    }
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
    let Some((customer, payment_method)) = card(context, purchase.book).await? else {
        return report(context, task, stream, end("no_card".to_owned())).await;
    };
    let request = Charge {
        purchase_id: id.to_string(),
        amount: purchase.amount.get(),
        customer,
        payment_method,
    };
    match charge(account(context, purchase.book)?, &request, task.attempts).await {
        Ok(payment) if payment.succeeded => {
            let booking = booking(context, id, &payment.id, payment.amount, None);
            report(context, task, stream, booking).await
        }
        Ok(payment) => Err(Trouble::Retry(format!("{} is not settled yet", payment.id))),
        Err(error) => {
            let Some(code) = error.verdict() else {
                return Err(Trouble::Retry(error.to_string()));
            };
            tracing::warn!(purchase.id = %id, error = %error, "a top-up was not paid");
            report(context, task, stream, end(code.to_owned())).await
        }
    }
}
