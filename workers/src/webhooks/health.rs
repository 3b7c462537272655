//! What the ledger is told of an endpoint's health: warnings, recovery, the end.

use super::Shared;
use super::endpoint::Endpoint;
use firsthand_domain::time::Span;
use firsthand_domain::webhook_endpoints::{
    DisableEndpoint, DisabledReason, ReportFailing, ReportRecovered,
};
use firsthand_domain::{Command, StreamId, Timestamp};
use firsthand_eventstore::{Answer, Meta, Request};
use firsthand_projections::webhooks::lanes::Health;
use std::time::Duration;

/// After so many failures in a row an endpoint is tried with one request at a time.
pub(super) const FAILURES_TO_BREAK: i64 = 5;
/// For so long an endpoint that fails again and again is left alone.
pub(super) const REST: Duration = Duration::from_secs(30);
/// After so long an endpoint that does nothing but fail is disabled.
const GIVE_UP: Span = Span::days(5);
/// After so many hours the other endpoints are told, in this order.
const WARNINGS: [u16; 2] = [24, 72];

/// Tells the ledger what follows from how attempts went, if anything does. `gone` is the URL that
/// said that it is gone.
pub(super) async fn report(
    shared: &Shared,
    endpoint: &Endpoint,
    health: &Health,
    gone: Option<String>,
) {
    let now = (shared.context.clock)();
    let (endpoint_id, book) = (endpoint.id, endpoint.state.book);
    let failing_since = health.failing_since.map(Timestamp::from_micros);
    let consecutive_failures = health.consecutive_failures;
    let disable = |reason, url| {
        let (failing_since, consecutive_failures) = (failing_since, consecutive_failures);
        DisableEndpoint { endpoint_id, book, reason, url, failing_since, consecutive_failures }
    };
    if let Some(url) = gone {
        return tell(shared, endpoint, Box::new(disable(DisabledReason::Gone, url))).await;
    }
    let Some(failing_since) = failing_since else {
        if endpoint.state.reported_failing_since.is_some() {
            tell(shared, endpoint, Box::new(ReportRecovered { endpoint_id, book })).await;
        }
        return;
    };
    // Nobody is disabled who was not warned, each time with a failure of its own.
    let reported = endpoint.state.reported_failing_hours;
    let due = |hours: u16| failing_since.after(Span::hours(i64::from(hours))) <= now;
    match WARNINGS.into_iter().find(|hours| reported < *hours) {
        Some(hours) if due(hours) => {
            let failing =
                ReportFailing { endpoint_id, book, failing_since, hours, consecutive_failures };
            tell(shared, endpoint, Box::new(failing)).await;
        }
        None if failing_since.after(GIVE_UP) <= now => {
            let url = endpoint.state.settings.url.clone();
            tell(shared, endpoint, Box::new(disable(DisabledReason::Failing, url))).await;
        }
        Some(_) | None => (),
    }
}

/// Each of these commands decides by the endpoint's state whether there is anything to record, so
/// repeating one is harmless; one that can't be recorded now is told again after the next attempt.
async fn tell(shared: &Shared, endpoint: &Endpoint, command: Box<dyn Command>) {
    let request = Request {
        command,
        render: Box::new(|_view, _outcome| Answer::done()),
        meta: Meta {
            actor: "system:webhooks".to_owned(),
            request_id: format!("webhooks:{}", endpoint.id),
            key: None,
        },
    };
    let stream = StreamId::WebhookEndpoint(endpoint.id);
    if let Err(error) = shared.context.ledger.execute(stream, request).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "an endpoint's health waits");
    }
}
