//! The job and the credit account as a user of cqrs-es writes them after its guide: one aggregate
//! each, with its own commands and events. Nothing of the product is used here.

use std::fmt;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent, EventEnvelope, View};
use serde::{Deserialize, Serialize};

/// What a buyer asks for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct JobDetails {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) files_needed: u32,
    pub(crate) accepted_formats: Vec<String>,
    pub(crate) price_per_file_cents: u64,
}

impl JobDetails {
    /// Returns what the job costs when all its files are approved.
    pub(crate) fn total_cents(&self) -> u64 {
        u64::from(self.files_needed).saturating_mul(self.price_per_file_cents)
    }
}

/// Why a command was refused.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    AlreadyExists,
    InvalidJob,
    InsufficientCredits,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyExists => "the job exists already",
            Self::InvalidJob => "the job's description or price is out of range",
            Self::InsufficientCredits => "the balance does not pay for the job",
        })
    }
}

impl std::error::Error for Refusal {}

/// A job; also its own view.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) account_id: String,
    pub(crate) status: String,
    pub(crate) details: JobDetails,
}

pub(crate) enum JobCommand {
    Create { id: String, account_id: String, details: JobDetails },
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum JobEvent {
    Created { id: String, account_id: String, details: JobDetails },
}

impl DomainEvent for JobEvent {
    fn event_type(&self) -> String {
        "JobCreated".to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Aggregate for Job {
    const TYPE: &'static str = "job";
    type Command = JobCommand;
    type Event = JobEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: JobCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        let JobCommand::Create { id, account_id, details } = command;
        if !self.status.is_empty() {
            return Err(Refusal::AlreadyExists);
        }
        let described = (10..=5_000).contains(&details.description.chars().count());
        let priced = (10..=50_000).contains(&details.price_per_file_cents);
        if !described || !priced || !(1..=10_000).contains(&details.files_needed) {
            return Err(Refusal::InvalidJob);
        }
        sink.write(JobEvent::Created { id, account_id, details }, self).await;
        Ok(())
    }

    fn apply(&mut self, event: JobEvent) {
        let JobEvent::Created { id, account_id, details } = event;
        *self = Self { id, account_id, status: "open".to_owned(), details };
    }
}

impl View<Job> for Job {
    fn update(&mut self, event: &EventEnvelope<Job>) {
        self.apply(event.payload.clone());
    }
}

/// A credit account; also its own view.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Credits {
    pub(crate) available_cents: u64,
    pub(crate) held_cents: u64,
}

pub(crate) enum CreditsCommand {
    Grant { amount_cents: u64 },
    Hold { job_id: String, amount_cents: u64 },
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum CreditsEvent {
    Granted { amount_cents: u64 },
    Held { job_id: String, amount_cents: u64 },
}

impl DomainEvent for CreditsEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Granted { .. } => "CreditsGranted",
            Self::Held { .. } => "CreditsHeld",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Aggregate for Credits {
    const TYPE: &'static str = "credits";
    type Command = CreditsCommand;
    type Event = CreditsEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: CreditsCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        let event = match command {
            CreditsCommand::Grant { amount_cents } => CreditsEvent::Granted { amount_cents },
            CreditsCommand::Hold { amount_cents, .. } if amount_cents > self.available_cents => {
                return Err(Refusal::InsufficientCredits);
            }
            CreditsCommand::Hold { job_id, amount_cents } => {
                CreditsEvent::Held { job_id, amount_cents }
            }
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: CreditsEvent) {
        match event {
            CreditsEvent::Granted { amount_cents } => self.available_cents += amount_cents,
            CreditsEvent::Held { amount_cents, .. } => {
                self.available_cents -= amount_cents;
                self.held_cents += amount_cents;
            }
        }
    }
}

impl View<Credits> for Credits {
    fn update(&mut self, event: &EventEnvelope<Credits>) {
        self.apply(event.payload.clone());
    }
}
