//! The body of a webhook event (spec section 8). The same event always gives the same bytes.

use super::API_VERSION;
use firsthand_domain::credits::CreditEvent;
use firsthand_domain::ids::EventId;
use firsthand_domain::jobs::{Job, JobEvent};
use firsthand_domain::submissions::{Submission, SubmissionEvent};
use firsthand_domain::webhook_endpoints::{
    WebhookEndpoint, WebhookEndpointEvent, WebhookEventType,
};
use firsthand_domain::{Book, Environment, Event, State, StreamId, Timestamp};
use firsthand_eventstore::StoreError;
use firsthand_eventstore::codec::Recorded;
use serde::Serialize;
use serde_json::{Value, json};

/// What a body is made of.
pub(super) struct Subject<'a> {
    pub(super) recorded: &'a Recorded,
    pub(super) event_type: WebhookEventType,
    pub(super) event_id: EventId,
    pub(super) sequence: Option<i64>,
    /// The state of the event's stream just after it.
    pub(super) state: &'a State,
}

#[derive(Serialize)]
struct Body<'a> {
    id: EventId,
    object: &'static str,
    #[serde(rename = "type")]
    event_type: WebhookEventType,
    api_version: &'static str,
    created_at: Timestamp,
    livemode: bool,
    sequence: Option<i64>,
    data: &'a Value,
}

/// Renders the body.
pub(super) fn body(subject: &Subject<'_>) -> Result<Vec<u8>, StoreError> {
    let live = matches!(subject.recorded.book, Book::Organization(_, Environment::Live));
    let body = Body {
        id: subject.event_id,
        object: "event",
        event_type: subject.event_type,
        api_version: API_VERSION,
        created_at: Timestamp::from_micros(subject.recorded.happened_at()),
        livemode: live,
        sequence: subject.sequence,
        data: &data(subject),
    };
    serde_json::to_vec(&body).map_err(StoreError::corrupt)
}

fn data(subject: &Subject<'_>) -> Value {
    let stream = subject.recorded.stream;
    match (&subject.recorded.event, subject.state) {
        (Event::WebhookEndpoint(WebhookEndpointEvent::Tested(tested)), _) => {
            sample(tested.event_type, subject.recorded)
        }
        (Event::Submission(event), State::Submission(state)) => submission(stream, event, state),
        (Event::Job(event), State::Job(state)) => job(stream, event, state),
        (Event::Credits(event), _) => credits(event),
        (Event::WebhookEndpoint(event), State::WebhookEndpoint(state)) => {
            endpoint(stream, event, state)
        }
        _ => Value::Null,
    }
}

fn submission(stream: StreamId, event: &SubmissionEvent, state: &Submission) -> Value {
    let score = state.score.as_ref();
    let mut data = json!({
        "object": "submission",
        "id": stream,
        "submission_id": stream,
        "job_id": state.job_id,
        "status": state.status.as_str(),
        "ai_star_rating": score.map(|score| score.stars),
        "ai_reasoning": score.map(|score| &score.reasoning),
        "dimensions": score.map(|score| score.dimensions),
        "file_url": null,
        "content_type": state.files.first().map(|file| file.content_type),
        "submitted_at": state.submitted_at,
    });
    if matches!(event, SubmissionEvent::Scored(_)) {
        data["annotations"] = Value::Null;
    }
    if let Some(code) = state.rejection_code {
        data["rejection_code"] = json!(code);
    }
    data
}

fn job(stream: StreamId, event: &JobEvent, state: &Job) -> Value {
    let mut data = json!({
        "object": "job",
        "id": stream,
        "job_id": stream,
        "status": state.status.as_str(),
        "files_needed": state.input.files_needed,
        "files_approved": state.files_approved,
        "total_cost_cents": state.escrow.total(),
        "refunded_cents": state.escrow.refunded,
    });
    match event {
        JobEvent::Flagged(flagged) => data["reason"] = json!(flagged.reason),
        JobEvent::Cancelled(cancelled) => data["cancel_reason"] = json!(cancelled.reason),
        JobEvent::Created(_)
        | JobEvent::SlotReserved(_)
        | JobEvent::SlotReleased(_)
        | JobEvent::FilesApproved(_)
        | JobEvent::Completed(_)
        | JobEvent::Rated(_) => (),
    }
    data
}

fn credits(event: &CreditEvent) -> Value {
    let (mut data, balance) = match event {
        CreditEvent::Granted(granted) => (
            json!({
                "lot_id": granted.lot_id,
                "amount_cents": granted.amount_cents,
                "purchase_id": granted.purchase.as_ref().map(|of| of.purchase_id),
            }),
            granted.available_cents,
        ),
        CreditEvent::Expired(expired) => (
            json!({"lot_id": expired.lot_id, "amount_cents": expired.amount_cents}),
            expired.available_cents,
        ),
        CreditEvent::ExpiringSoon(soon) => (
            json!({
                "lot_id": soon.lot_id,
                "amount_cents": soon.amount_cents,
                "expires_at": soon.expires_at,
            }),
            Some(soon.available_cents),
        ),
        CreditEvent::LowBalance(low) => {
            (json!({"threshold_cents": low.threshold_cents}), Some(low.available_cents))
        }
        CreditEvent::AutoToppedUp(topped_up) => (
            json!({
                "purchase_id": topped_up.purchase_id,
                "amount_cents": topped_up.amount_cents,
            }),
            Some(topped_up.available_cents),
        ),
        CreditEvent::Held(_)
        | CreditEvent::Captured(_)
        | CreditEvent::Released(_)
        | CreditEvent::TopUpRequested(_)
        | CreditEvent::TopUpFailed(_)
        | CreditEvent::CardSaved(_)
        | CreditEvent::ChargedBack(_)
        | CreditEvent::DebtSettled(_) => return Value::Null,
    };
    data["object"] = json!("credits");
    data["balance_cents"] = json!(balance);
    data
}

fn endpoint(stream: StreamId, event: &WebhookEndpointEvent, state: &WebhookEndpoint) -> Value {
    let (since, failures) = match event {
        WebhookEndpointEvent::Failing(failing) => {
            (Some(failing.failing_since), failing.consecutive_failures)
        }
        WebhookEndpointEvent::Disabled(disabled) => {
            (disabled.failing_since, disabled.consecutive_failures)
        }
        WebhookEndpointEvent::Recovered(recovered) => (Some(recovered.failing_since), 0),
        _ => (None, 0),
    };
    json!({
        "object": "webhook_endpoint",
        "id": stream,
        "url": state.settings.url,
        "status": if state.enabled() { "enabled" } else { "disabled" },
        "disabled_reason": state.disabled,
        "failing_since": since,
        "consecutive_failures": failures,
    })
}

/// The data of a test: the shape of the real thing, with ids that name nothing.
fn sample(event_type: WebhookEventType, recorded: &Recorded) -> Value {
    let nothing = "00000000000000000000000000";
    let at = Timestamp::from_micros(recorded.happened_at());
    let name = event_type.as_str();
    let (kind, what) = name.split_once('.').unwrap_or((name, ""));
    match kind {
        "submission" => json!({
            "object": "submission", "test": true, "id": format!("sub_{nothing}"),
            "submission_id": format!("sub_{nothing}"), "job_id": format!("job_{nothing}"),
            "status": what, "ai_star_rating": 4, "ai_reasoning": "a test event",
            "dimensions": {"relevance": 4, "quality": 4, "completeness": 4}, "file_url": null,
            "content_type": "image/jpeg", "submitted_at": at, "annotations": null,
        }),
        "job" => json!({
            "object": "job", "test": true, "id": format!("job_{nothing}"),
            "job_id": format!("job_{nothing}"), "status": what, "files_needed": 1,
            "files_approved": 1, "total_cost_cents": 50, "refunded_cents": 0,
        }),
        "credits" => json!({
            "object": "credits", "test": true, "lot_id": format!("lot_{nothing}"),
            "amount_cents": 1_000, "balance_cents": 1_000,
        }),
        _ => json!({
            "object": "webhook_endpoint", "test": true, "id": recorded.stream,
            "status": "enabled", "failing_since": null, "consecutive_failures": 0,
        }),
    }
}
