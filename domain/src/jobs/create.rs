//! Create a job: its whole price is held from the book's credits in the same transaction.

use super::events::{JobCreated, JobEvent};
use super::sandbox::SandboxCourse;
use crate::credits::{self, CreditAccount, CreditEvent};
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{Book, Environment, JobId, LotId, StreamId};
use crate::media::MediaType;
use crate::money::Cents;
use crate::purchases::{Fall, watch};
use crate::rejection::Rejection;
use crate::state::Aggregate;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What workers do (spec section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobType {
    /// Capture original files.
    #[default]
    DataCollection,
    /// Review supplied content.
    Feedback,
}

impl JobType {
    /// Returns the public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataCollection => "data_collection",
            Self::Feedback => "feedback",
        }
    }
}

/// Where files must be captured, in whole millionths of a degree and metres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Latitude in millionths of a degree.
    pub lat_e6: i32,
    /// Longitude in millionths of a degree.
    pub lng_e6: i32,
    /// Radius in metres.
    pub radius_m: u32,
}

/// What a buyer asks for. Bounds are checked where the request is parsed (spec section 4).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobInput {
    /// What workers do.
    #[serde(rename = "type")]
    pub job_type: JobType,
    /// A short label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Instructions.
    pub description: String,
    /// Number of files wanted.
    pub files_needed: u32,
    /// Media types that are accepted.
    pub accepted_formats: Vec<MediaType>,
    /// Price of one approved file.
    pub price_per_file_cents: Cents,
    /// Files in one submission.
    pub files_per_submission: u32,
    /// Stars from which a file is approved.
    pub min_star_rating: u8,
    /// The buyer's own rubric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring_criteria: Option<String>,
    /// Least width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_width: Option<u32>,
    /// Least height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_height: Option<u32>,
    /// Hints for workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_guidelines: Option<String>,
    /// What workers look at before they begin; of a feedback job, what they review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context_urls: Vec<String>,
    /// Where files must be captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// When the job ends unfinished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Workers at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_workers: Option<u32>,
    /// The buyer's own data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// Creates a job and holds its price.
#[derive(Debug, Clone)]
pub struct CreateJob {
    /// The book that pays.
    pub book: Book,
    /// The new job.
    pub job_id: JobId,
    /// What is asked for.
    pub input: JobInput,
}

impl Command for CreateJob {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, self.book.stream(), &mut missing);
        if let Book::Organization(id, _) = self.book {
            need(view, StreamId::Organization(id), &mut missing);
        }
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let account = decision::credits(view, self.book)?;
        let free_tier = matches!(self.book, Book::Organization(_, Environment::Live))
            && !account.beyond_free_tier;
        if free_tier && account.open_holds > 0 {
            return Err(Rejection::FreeTierJobLimit);
        }
        let price = self
            .input
            .price_per_file_cents
            .times(self.input.files_needed)
            .ok_or(Rejection::AmountOverflow)?;
        let before = account;
        let mut account = Cow::Borrowed(before);
        let refill = self.refill(before, context);
        if let Some(event) = &refill {
            account.to_mut().evolve(event);
        }
        let draw = |account| credits::hold(account, self.job_id, price, context.now);
        // A refusal changes nothing, so it names what there is without the play money of today.
        let held = draw(&account).or_else(|_refused| draw(before))?;
        let created = JobCreated {
            job_id: self.job_id,
            book: self.book,
            input: self.input.clone(),
            total_cost_cents: price,
            escrow: held.draws.clone(),
            at: context.now,
        };
        let stream = self.book.stream();
        let mut changes = Changes::none();
        if let Some(event) = refill {
            changes.push(stream, event);
        }
        changes.push(StreamId::Job(self.job_id), JobEvent::Created(created));
        changes.push(stream, CreditEvent::Held(held));
        let after = account.available_at(context.now).minus(price).unwrap_or_default();
        let cause = Some(self.job_id.ulid());
        let told =
            self.book.is_sandbox() && self.input.sandbox_course() == SandboxCourse::LowBalance;
        let fall = Fall { after, cause, told };
        watch(&mut changes, view, (self.book, &account), fall, context);
        Ok(changes)
    }
}

impl CreateJob {
    fn refill(&self, account: &CreditAccount, context: &Context) -> Option<CreditEvent> {
        let lot_id = LotId::in_slot(self.job_id.ulid(), self.job_id.slot());
        self.book.is_sandbox().then(|| credits::refill(account, lot_id, context.now)).flatten()
    }
}
