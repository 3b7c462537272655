//! The feed: one webhook event for each event of the log that buyers are told of.
//!
//! Everything in a row follows from the log alone: the event's id, its number among those of its
//! job, and the bytes of its body.

use super::render::{self, Subject};
use firsthand_domain::credits::{CreditEvent, LotOrigin};
use firsthand_domain::ids::EventId;
use firsthand_domain::jobs::JobEvent;
use firsthand_domain::submissions::{SubmissionEvent, delivered_key};
use firsthand_domain::webhook_endpoints::{WebhookEndpointEvent, WebhookEventType};
use firsthand_domain::{Event, State, StreamId};
use firsthand_eventstore::StoreError;
use firsthand_eventstore::codec::{Recorded, decode_event};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Returns the type under which buyers are told of an event, if they are.
pub fn event_type(event: &Event) -> Option<WebhookEventType> {
    use WebhookEventType as T;
    match event {
        Event::Submission(event) => match event {
            SubmissionEvent::Scored(_) => Some(T::SubmissionScored),
            SubmissionEvent::Approved(_) => Some(T::SubmissionApproved),
            SubmissionEvent::Rejected(_) => Some(T::SubmissionRejected),
            SubmissionEvent::Accepted(_)
            | SubmissionEvent::Uploaded(_)
            | SubmissionEvent::RetryRequested(_)
            | SubmissionEvent::Withdrawn(_)
            | SubmissionEvent::TimedOut(_)
            | SubmissionEvent::Delivered(_)
            | SubmissionEvent::LinkRefreshed(_) => None,
        },
        Event::Job(event) => match event {
            JobEvent::Completed(_) => Some(T::JobCompleted),
            JobEvent::Cancelled(_) => Some(T::JobCancelled),
            JobEvent::Flagged(_) => Some(T::JobFlagged),
            JobEvent::Created(_)
            | JobEvent::SlotReserved(_)
            | JobEvent::SlotReleased(_)
            | JobEvent::FilesApproved(_)
            | JobEvent::Rated(_) => None,
        },
        Event::Credits(event) => match event {
            CreditEvent::Granted(granted) if granted.origin == LotOrigin::Purchase => {
                // An automatic top-up is told as what it is.
                let by_hand = granted.purchase.as_ref().is_none_or(|of| !of.auto_top_up);
                by_hand.then_some(T::CreditsPurchased)
            }
            CreditEvent::LowBalance(_) => Some(T::CreditsLowBalance),
            CreditEvent::ExpiringSoon(_) => Some(T::CreditsExpiringSoon),
            CreditEvent::AutoToppedUp(_) => Some(T::CreditsAutoToppedUp),
            CreditEvent::Expired(_) => Some(T::CreditsExpired),
            CreditEvent::Granted(_)
            | CreditEvent::Held(_)
            | CreditEvent::Captured(_)
            | CreditEvent::Released(_)
            | CreditEvent::TopUpRequested(_)
            | CreditEvent::TopUpFailed(_)
            | CreditEvent::CardSaved(_)
            | CreditEvent::ChargedBack(_)
            | CreditEvent::DebtSettled(_) => None,
        },
        Event::WebhookEndpoint(event) => match event {
            WebhookEndpointEvent::Failing(_) => Some(T::EndpointFailing),
            WebhookEndpointEvent::Disabled(_) => Some(T::EndpointDisabled),
            WebhookEndpointEvent::Recovered(_) => Some(T::EndpointRecovered),
            WebhookEndpointEvent::Tested(tested) => Some(tested.event_type),
            WebhookEndpointEvent::Created(_)
            | WebhookEndpointEvent::Changed(_)
            | WebhookEndpointEvent::SecretRotated(_)
            | WebhookEndpointEvent::Enabled(_)
            | WebhookEndpointEvent::Deleted(_)
            | WebhookEndpointEvent::EventReplayed(_)
            | WebhookEndpointEvent::ReplayRequested(_)
            | WebhookEndpointEvent::ReplayCancelled(_) => None,
        },
        Event::Organization(_)
        | Event::ApiKey(_)
        | Event::Worker(_)
        | Event::Purchase(_)
        | Event::Earnings(_)
        | Event::Payout(_)
        | Event::Appeal(_)
        | Event::TestClock(_) => None,
    }
}

/// Returns the id of the webhook event that an event of the log causes: its time, and bits that
/// follow from its place in its stream, in the slot of its book.
pub fn event_id(recorded: &Recorded) -> EventId {
    if let Event::WebhookEndpoint(WebhookEndpointEvent::Tested(tested)) = &recorded.event {
        return tested.event_id;
    }
    let place = format!("{}:{}:{}", recorded.stream, recorded.version, recorded.recorded_at);
    let digest: [u8; 32] = Sha256::digest(place).into();
    let random = digest.first_chunk::<16>().copied().unwrap_or_default();
    let millis = u64::try_from(recorded.recorded_at / 1_000).unwrap_or(0);
    EventId::in_slot(
        ulid::Ulid::from_parts(millis, u128::from_be_bytes(random)),
        recorded.book.slot(),
    )
}

/// A webhook event on its way to its table.
struct Entry<'a> {
    recorded: &'a Recorded,
    event_type: WebhookEventType,
    job: Option<String>,
    sequence: Option<i64>,
    body: Vec<u8>,
}

/// Writes the webhook events of a batch.
pub async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let told: Vec<_> = events
        .iter()
        .filter_map(|recorded| event_type(&recorded.event).map(|found| (&**recorded, found)))
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    let histories = Histories::read(connection, part, &told).await?;
    let mut entries = Vec::with_capacity(told.len());
    for (recorded, event_type) in told {
        let state = histories.at(recorded);
        entries.push((
            Entry {
                recorded,
                event_type,
                job: job_of(recorded, &state),
                sequence: None,
                body: Vec::new(),
            },
            state,
        ));
    }
    let mut sequences = sequences(connection, part, &entries).await?;
    for (entry, state) in &mut entries {
        if let Some(job) = &entry.job {
            let sequence = sequences.entry(job.clone()).or_default();
            *sequence += 1;
            entry.sequence = Some(*sequence);
        }
        entry.body = render::body(&Subject {
            recorded: entry.recorded,
            event_type: entry.event_type,
            event_id: event_id(entry.recorded),
            sequence: entry.sequence,
            state,
        })?;
    }
    insert(connection, part, &entries).await
}

/// Returns the job that an event concerns.
fn job_of(recorded: &Recorded, state: &State) -> Option<String> {
    match (recorded.stream, state) {
        (StreamId::Job(id), _) => Some(id.to_string()),
        (StreamId::Submission(_), State::Submission(submission)) => {
            Some(submission.job_id.to_string())
        }
        _ => None,
    }
}

/// Returns the key of the file that an approved submission's body links to.
fn file_key(entry: &Entry<'_>, state: &State) -> Option<String> {
    match (&entry.recorded.event, state) {
        (Event::Submission(SubmissionEvent::Approved(_)), State::Submission(submission)) => {
            submission.files.first().map(|file| delivered_key(submission, file))
        }
        _ => None,
    }
}

/// Returns which endpoints an event is for: one alone, or all but one.
fn audience(recorded: &Recorded) -> (Option<String>, Option<String>) {
    let endpoint = Some(recorded.stream.to_string());
    match &recorded.event {
        Event::WebhookEndpoint(WebhookEndpointEvent::Tested(_)) => (endpoint, None),
        Event::WebhookEndpoint(_) => (None, endpoint),
        _ => (None, None),
    }
}

/// How many webhook events each job of a batch had before it.
async fn sequences(
    connection: &mut PgConnection,
    part: i16,
    entries: &[(Entry<'_>, State)],
) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut jobs: Vec<String> = entries.iter().filter_map(|(entry, _)| entry.job.clone()).collect();
    jobs.sort_unstable();
    jobs.dedup();
    let rows = sqlx::query!(
        r#"select j.job_id as "job_id!",
                  (select max(e.sequence) from webhook_events e
                   where e.part = $1 and e.job_id = j.job_id) as sequence
           from unnest($2::text[]) as j(job_id)"#,
        part,
        &jobs
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.job_id, row.sequence.unwrap_or(0))).collect())
}

async fn insert(
    connection: &mut PgConnection,
    part: i16,
    entries: &[(Entry<'_>, State)],
) -> Result<(), StoreError> {
    let column = |get: fn(&Entry<'_>) -> String| -> Vec<String> {
        entries.iter().map(|(entry, _)| get(entry)).collect()
    };
    let numbers = |get: fn(&Entry<'_>) -> i64| -> Vec<i64> {
        entries.iter().map(|(entry, _)| get(entry)).collect()
    };
    let jobs: Vec<Option<String>> = entries.iter().map(|(entry, _)| entry.job.clone()).collect();
    let sequences: Vec<Option<i64>> = entries.iter().map(|(entry, _)| entry.sequence).collect();
    let (only, except): (Vec<_>, Vec<_>) =
        entries.iter().map(|(entry, _)| audience(entry.recorded)).unzip();
    let keys: Vec<_> = entries.iter().map(|(entry, state)| file_key(entry, state)).collect();
    let bodies: Vec<_> = entries.iter().map(|(entry, _)| entry.body.clone()).collect();
    sqlx::query!(
        "insert into webhook_events (part, position, book, event_id, event_type, job_id, sequence,
                                     recorded_at, only_endpoint, except_endpoint, file_key, body)
         select $1, e.* from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
           $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::bytea[]) as e",
        part,
        &numbers(|entry| entry.recorded.position),
        &column(|entry| entry.recorded.book.to_string()),
        &column(|entry| event_id(entry.recorded).to_string()),
        &column(|entry| entry.event_type.as_str().to_owned()),
        &jobs as &[Option<String>],
        &sequences as &[Option<i64>],
        &numbers(|entry| entry.recorded.recorded_at),
        &only as &[Option<String>],
        &except as &[Option<String>],
        &keys as &[Option<String>],
        &bodies
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A test tells nothing of the endpoint, however often it is asked for.
fn is_test(recorded: &Recorded) -> bool {
    matches!(recorded.event, Event::WebhookEndpoint(WebhookEndpointEvent::Tested(_)))
}

/// The histories of the streams that a batch tells of, for the state at each event. Streams of
/// credits are left out: they are long, and their events say enough.
struct Histories(BTreeMap<StreamId, Vec<(i64, Event)>>);

impl Histories {
    async fn read(
        connection: &mut PgConnection,
        part: i16,
        told: &[(&Recorded, WebhookEventType)],
    ) -> Result<Self, StoreError> {
        let mut streams: Vec<String> = told
            .iter()
            .filter(|(recorded, _)| !is_test(recorded))
            .map(|(recorded, _)| recorded.stream)
            .filter(|stream| !matches!(stream, StreamId::Credits(..)))
            .map(|stream| stream.to_string())
            .collect();
        streams.sort_unstable();
        streams.dedup();
        let rows = sqlx::query!(
            "select stream, version, event_type, schema_version, payload from events
             where part = $1 and stream = any($2)
             order by stream, version",
            part,
            &streams
        )
        .fetch_all(connection)
        .await?;
        let mut histories: BTreeMap<StreamId, Vec<(i64, Event)>> = BTreeMap::new();
        for row in rows {
            let stream = row.stream.parse().map_err(StoreError::corrupt)?;
            let event = decode_event(&row.event_type, row.schema_version, &row.payload)?;
            histories.entry(stream).or_default().push((row.version, event));
        }
        Ok(Self(histories))
    }

    /// Returns the state of an event's stream just after it.
    fn at(&self, recorded: &Recorded) -> State {
        let mut state = State::empty(recorded.stream);
        for (version, event) in self.0.get(&recorded.stream).into_iter().flatten() {
            if *version <= recorded.version {
                state.evolve(event);
            }
        }
        state
    }
}
