//! `POST /v1/jobs?dry_run=true`: what creating the job would do, decided by the same rule, without
//! writing anything.

use crate::app::AppState;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::openapi::schema;
use axum::Json;
use axum::response::{IntoResponse, Response};
use firsthand_domain::jobs::CreateJob;
use firsthand_domain::{
    Book, Cents, Command, Context, Environment, Rejection, State, StreamId, Timestamp, View,
};
use firsthand_projections::states;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// What the job would cost and whether it would be created.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobQuote)]
pub(super) struct QuoteView {
    #[schema(example = "job_quote")]
    object: &'static str,
    #[schema(value_type = schema::Cents)]
    total_cost_cents: Cents,
    #[schema(value_type = schema::Cents)]
    worker_cents: Cents,
    #[schema(value_type = schema::Cents)]
    platform_fee_cents: Cents,
    #[schema(value_type = schema::Cents)]
    current_balance_cents: Cents,
    #[schema(value_type = schema::Cents)]
    balance_after_cents: Cents,
    would_succeed: bool,
    /// The error that the request would be answered with.
    #[schema(value_type = Option<schema::AnyObject>)]
    refusal: Option<Value>,
    livemode: bool,
}

/// States as they are now.
#[derive(Default)]
struct Snapshot(BTreeMap<StreamId, Arc<State>>);

impl View for Snapshot {
    fn state(&self, stream: StreamId) -> Option<&State> {
        self.0.get(&stream).map(|state| &**state)
    }
}

/// Reads the committed state of a stream.
async fn state(app: &AppState, book: Book, stream: StreamId) -> Result<Arc<State>, ApiError> {
    match stream {
        // These are kept in memory, and renewed there by every commit.
        StreamId::Credits(..)
        | StreamId::Organization(_)
        | StreamId::ApiKey(_)
        | StreamId::Worker(_)
        | StreamId::TestClock(_) => {
            return Ok(app.ledger.current(stream).await?);
        }
        StreamId::Job(_)
        | StreamId::Submission(_)
        | StreamId::WebhookEndpoint(_)
        | StreamId::Purchase(_)
        | StreamId::Earnings(_)
        | StreamId::Payout(_)
        | StreamId::Appeal(_) => (),
    }
    let found = states::get(app.store(), book, stream).await?;
    Ok(Arc::new(found.map_or_else(|| State::empty(stream), |found| found.state)))
}

/// Returns everything that a command needs, as the writer would look it up.
async fn snapshot(
    app: &AppState,
    book: Book,
    command: &impl Command,
) -> Result<Snapshot, ApiError> {
    let mut snapshot = Snapshot::default();
    loop {
        let mut missing = command.needs(&snapshot);
        if !snapshot.0.contains_key(&book.stream()) {
            missing.push(book.stream());
        }
        if missing.is_empty() {
            return Ok(snapshot);
        }
        for stream in missing {
            let state = state(app, book, stream).await?;
            snapshot.0.insert(stream, state);
        }
    }
}

fn available(account: &State, now: Timestamp) -> Cents {
    match account {
        State::Credits(account) => account.available_at(now),
        _ => Cents::ZERO,
    }
}

/// Answers with a quote. What can't be understood is refused like the real request.
pub(super) async fn quote(
    app: &AppState,
    context: &RequestContext,
    command: &CreateJob,
) -> Result<Response, ApiError> {
    let price = command.input.price_per_file_cents;
    let all = |cents: Cents| {
        cents.times(command.input.files_needed).ok_or(ApiError::Rejected(Rejection::AmountOverflow))
    };
    let (total, split) = (all(price)?, price.split());
    let now = app.time_of(command.book).await?;
    let snapshot = snapshot(app, command.book, command).await?;
    let account = snapshot.state(command.book.stream());
    let mut account = account.cloned().unwrap_or_else(|| State::empty(command.book.stream()));
    let before = available(&account, now);
    let refusal = match command.decide(&snapshot, &Context { now }) {
        Ok(changes) => {
            for (stream, event) in changes.events() {
                if *stream == command.book.stream() {
                    account.evolve(event);
                }
            }
            None
        }
        Err(rejection) => {
            let refusal = ApiError::Rejected(rejection);
            Some(refusal.to_value(&context.id.to_string(), &app.public_url))
        }
    };
    let view = QuoteView {
        object: "job_quote",
        total_cost_cents: total,
        worker_cents: all(split.worker)?,
        platform_fee_cents: all(split.platform)?,
        current_balance_cents: before,
        balance_after_cents: available(&account, now),
        would_succeed: refusal.is_none(),
        refusal,
        livemode: matches!(command.book, Book::Organization(_, Environment::Live)),
    };
    Ok(Json(view).into_response())
}
