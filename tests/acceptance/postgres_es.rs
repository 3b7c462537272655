//! The log, read by a program that knows nothing of ours but what every postgres-es program knows: the names
//! of an aggregate and its events, and a table (design D4).

use crate::common::{buyer, delivered, server};
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::PersistedEventStore;
use cqrs_es::{Aggregate, AggregateContext, DomainEvent, EventStore};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// Their view of a job: what was promised, and how it went.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Job {
    price_cents: i64,
    approved: u32,
    complete: bool,
}

/// The events that they care for, with the fields that they care for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum JobEvent {
    #[serde(rename = "job.created")]
    Created { price_per_file_cents: i64 },
    #[serde(rename = "job.slot_reserved")]
    SlotReserved {},
    #[serde(rename = "job.slot_released")]
    SlotReleased {},
    #[serde(rename = "job.files_approved")]
    FilesApproved { files: u32 },
    #[serde(rename = "job.completed")]
    Completed {},
}

impl DomainEvent for JobEvent {
    fn event_type(&self) -> String {
        "of no account for reading".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Job {
    const TYPE: &'static str = "job";
    type Command = ();
    type Event = JobEvent;
    type Error = Infallible;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _sink: &EventSink<Self>) -> Result<(), Infallible> {
        Ok(())
    }

    fn apply(&mut self, event: JobEvent) {
        match event {
            JobEvent::Created { price_per_file_cents } => self.price_cents = price_per_file_cents,
            JobEvent::FilesApproved { files } => self.approved += files,
            JobEvent::Completed {} => self.complete = true,
            JobEvent::SlotReserved {} | JobEvent::SlotReleased {} => (),
        }
    }
}

#[tokio::test]
async fn a_postgres_es_program_reads_and_folds_our_log() {
    let buyer = buyer().await;
    let done = delivered(&buyer, 75).await;
    let pool = sqlx::PgPool::connect(&server().database_url).await.expect("the database answers");
    let repository = PostgresEventRepository::new(pool)
        .with_tables("postgres_es_events", "no_table: snapshots are not read");
    let theirs = PersistedEventStore::<_, Job>::new_event_store(repository);

    let events = theirs.load_events(&done.job_id).await.expect("the events can be read");
    let sequences: Vec<usize> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=events.len()).collect::<Vec<_>>());
    let first = &events[0];
    assert_eq!(first.payload, JobEvent::Created { price_per_file_cents: 75 });
    assert_eq!(first.metadata["book"], format!("{}:live", buyer.organization_id));
    assert!(first.metadata["request_id"].starts_with("req_"), "{:?}", first.metadata);

    let mut context = theirs.load_aggregate(&done.job_id).await.expect("the job can be folded");
    let job = context.aggregate();
    assert_eq!((job.price_cents, job.approved, job.complete), (75, 1, true));
}
