//! Views: what the wire shows of states and rows (spec sections 2 to 12).

mod api_key;
mod audit_event;
mod credits;
mod file;
mod job;
mod payout;
mod purchase;
mod settings;
mod statement;
mod submission;
mod test_clock;
mod webhook;

pub(crate) use api_key::ApiKeyView;
pub(crate) use audit_event::AuditEventView;
pub(crate) use credits::{
    AmountsView, BalanceView, TransactionView, audit_position, transaction_id, transaction_position,
};
pub(crate) use file::FileView;
pub(crate) use job::{JobView, LocationView, job_view};
pub(crate) use payout::{AppealView, EarningTotalsView, EarningView, PayoutView, StrikeView};
pub(crate) use purchase::{CheckoutView, PurchaseView};
pub(crate) use settings::SettingsView;
pub(crate) use statement::StatementView;
pub(crate) use submission::{SubmissionView, WorkerSubmissionView, buyer_sees, worker_pseudonym};
pub(crate) use test_clock::TestClockView;
pub(crate) use webhook::{AttemptView, DeliveryView, EndpointView, ReplayView, webhook_event};

use firsthand_projections::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListView<T> {
    #[schema(example = "list")]
    object: &'static str,
    /// The items.
    data: Vec<T>,
    /// Whether there are more behind these.
    #[schema(example = false)]
    has_more: bool,
    /// Asks for what is behind these; null if there is no more.
    next_cursor: Option<String>,
}

impl<T> ListView<T> {
    /// Makes the view of a page; `cursor` names an item.
    pub(crate) fn new(page: Page<T>, cursor: impl FnOnce(&T) -> String) -> Self {
        let next_cursor = if page.has_more { page.items.last().map(cursor) } else { None };
        Self { object: "list", data: page.items, has_more: page.has_more, next_cursor }
    }

    /// Makes the view of a page that some rows were left out of; `cursor` names its last row before that.
    pub(crate) fn rest(page: Page<T>, cursor: Option<String>) -> Self {
        let next_cursor = if page.has_more { cursor } else { None };
        Self { object: "list", data: page.items, has_more: page.has_more, next_cursor }
    }

    /// Whether nothing is on the page.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_everything_was_left_out_of_leads_on() {
        let page = |has_more| Page::<u8> { items: Vec::new(), has_more };
        let view = ListView::rest(page(true), Some("last".to_owned()));
        assert_eq!((view.has_more, view.next_cursor.as_deref()), (true, Some("last")));
        let view = ListView::rest(page(false), Some("last".to_owned()));
        assert_eq!((view.has_more, view.next_cursor), (false, None));
    }
}
