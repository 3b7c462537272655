//! What the ledger is told of an endpoint's health: warnings, recovery, the end.

use super::Shared;
use super::endpoint::Endpoint;
use firsthand_domain::time::Span;
use firsthand_domain::webhook_endpoints::{
    DisableEndpoint, DisabledReason, ReportFailing, ReportRecovered, WebhookEndpoint,
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

/// What follows from how an endpoint fares.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It is given up.
    Disable(DisabledReason),
    /// The others are told that it has failed for so many hours.
    Warn(u16),
    /// The others are told that it answers again.
    Recover,
}

/// Returns what follows from how an endpoint fares. Nobody is disabled for failures who was not warned
/// twice, each time with a failure of its own.
fn next(endpoint: &WebhookEndpoint, health: &Health, gone: bool, now: Timestamp) -> Option<Step> {
    if gone {
        return Some(Step::Disable(DisabledReason::Gone));
    }
    let Some(failing_since) = health.failing_since.map(Timestamp::from_micros) else {
        return endpoint.reported_failing_since.map(|_since| Step::Recover);
    };
    let told = endpoint.reported_failing_hours;
    let due = |span: Span| failing_since.after(span) <= now;
    if let Some(hours) = WARNINGS.into_iter().find(|hours| told < *hours) {
        due(Span::hours(i64::from(hours))).then_some(Step::Warn(hours))
    } else {
        due(GIVE_UP).then_some(Step::Disable(DisabledReason::Failing))
    }
}

/// Tells the ledger what follows from how attempts went, if anything does. `gone` is the URL that
/// said that it is gone.
pub(super) async fn report(
    shared: &Shared,
    endpoint: &Endpoint,
    health: &Health,
    gone: Option<String>,
) {
    let now = (shared.context.clock)();
    let Some(step) = next(&endpoint.state, health, gone.is_some(), now) else { return };
    let (endpoint_id, book) = (endpoint.id, endpoint.state.book);
    let failing_since = health.failing_since.map(Timestamp::from_micros);
    let consecutive_failures = health.consecutive_failures;
    let command: Box<dyn Command> = match step {
        Step::Recover => Box::new(ReportRecovered { endpoint_id, book }),
        Step::Warn(hours) => {
            let failing_since = failing_since.unwrap_or(now);
            Box::new(ReportFailing {
                endpoint_id,
                book,
                failing_since,
                hours,
                consecutive_failures,
            })
        }
        Step::Disable(reason) => {
            let url = gone.unwrap_or_else(|| endpoint.state.settings.url.clone());
            Box::new(DisableEndpoint {
                endpoint_id,
                book,
                reason,
                url,
                failing_since,
                consecutive_failures,
            })
        }
    };
    tell(shared, endpoint, command).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn told(hours: u16) -> WebhookEndpoint {
        let since = (hours > 0).then_some(Timestamp::from_micros(0));
        WebhookEndpoint {
            reported_failing_since: since,
            reported_failing_hours: hours,
            ..WebhookEndpoint::default()
        }
    }

    fn after(told: &WebhookEndpoint, hours: i64) -> Option<Step> {
        let health = Health { failing_since: Some(0), ..Health::default() };
        next(told, &health, false, Timestamp::from_micros(hours * HOUR))
    }

    #[test]
    fn warnings_come_after_a_day_and_after_three_and_then_the_end() {
        assert_eq!(after(&told(0), 23), None);
        assert_eq!(after(&told(0), 24), Some(Step::Warn(24)));
        assert_eq!(after(&told(24), 71), None);
        assert_eq!(after(&told(24), 72), Some(Step::Warn(72)));
        assert_eq!(after(&told(72), 119), None);
        assert_eq!(after(&told(72), 120), Some(Step::Disable(DisabledReason::Failing)));
    }

    #[test]
    fn nobody_is_disabled_unwarned_however_long_nothing_was_tried() {
        assert_eq!(after(&told(0), 1_000), Some(Step::Warn(24)));
        assert_eq!(after(&told(24), 1_000), Some(Step::Warn(72)));
    }

    #[test]
    fn a_success_is_told_only_after_a_warning() {
        let now = Timestamp::from_micros(HOUR);
        assert_eq!(next(&told(24), &Health::default(), false, now), Some(Step::Recover));
        assert_eq!(next(&told(0), &Health::default(), false, now), None);
    }

    #[test]
    fn who_is_gone_is_disabled_at_once() {
        let gone = next(&told(0), &Health::default(), true, Timestamp::from_micros(0));
        assert_eq!(gone, Some(Step::Disable(DisabledReason::Gone)));
    }
}
