//! Payout: have the payment provider transfer what is on its way to a worker.

use super::{report, state};
use crate::runner::{Trouble, WorkerContext};
use firsthand_adapters::payments::{Account, NewTransfer, PaymentError, Transfer};
use firsthand_domain::ids::PayoutId;
use firsthand_domain::payouts::{CompletePayout, FailPayout, Payout, PayoutStatus};
use firsthand_domain::{State, StreamId};
use firsthand_eventstore::tasks::LeasedTask;

/// Returns a payout that was opened.
pub(super) async fn payout(
    context: &WorkerContext,
    id: PayoutId,
) -> Result<Option<Payout>, Trouble> {
    Ok(match state(context, StreamId::Payout(id)).await? {
        Some(State::Payout(payout)) if payout.exists() => Some(*payout),
        _ => None,
    })
}

/// Transfers, unless an earlier attempt did: the provider forgets its idempotency keys after a day, and
/// an outage may be longer. A refusal to tell says nothing of the money.
async fn transfer(account: &Account, new: &NewTransfer) -> Result<Transfer, PaymentError> {
    let unread = |error: PaymentError| PaymentError::Unreachable(error.to_string());
    match account.find_transfer(&new.payout_id).await.map_err(unread)? {
        Some(found) => Ok(found),
        None => account.create_transfer(new).await,
    }
}

/// Pays a payout that is on its way, or reports why it was not paid.
pub(super) async fn perform(
    context: &WorkerContext,
    task: &LeasedTask,
    id: PayoutId,
) -> Result<(), Trouble> {
    let Some(payout) = payout(context, id).await? else {
        return Err(Trouble::Dead(format!("{id} does not exist")));
    };
    if payout.status != PayoutStatus::InTransit {
        return Ok(());
    }
    let Some(account) = &context.payments.live else {
        return Err(Trouble::Retry("no payment provider is configured".to_owned()));
    };
    let new = NewTransfer {
        payout_id: id.to_string(),
        amount: payout.amount.get(),
        destination: payout.destination,
    };
    let stream = StreamId::Payout(id);
    let fail = |code: String| FailPayout { payout_id: id, code };
    match transfer(account, &new).await {
        Ok(made) => {
            let complete = CompletePayout { payout_id: id, transfer: made.id };
            report(context, task, stream, complete).await
        }
        Err(error) => {
            let Some(code) = error.verdict() else {
                return Err(Trouble::Retry(error.to_string()));
            };
            tracing::warn!(payout.id = %id, error = %error, "a payout was refused");
            report(context, task, stream, fail(code.to_owned())).await
        }
    }
}
