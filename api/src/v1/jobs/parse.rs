//! The body of `POST /v1/jobs`: every bound of spec section 4, checked once.

use crate::error::{ApiError, FieldError};
use crate::geo;
use crate::openapi::schema;
use crate::views::LocationView;
use firsthand_domain::jobs::{JobInput, JobType, Location};
use firsthand_domain::media::MediaType;
use firsthand_domain::time::Span;
use firsthand_domain::{Cents, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;
use utoipa::ToSchema;

/// Prices in cents (spec section 4).
const PRICES: std::ops::RangeInclusive<i64> = 10..=50_000;
/// Bounds of counts.
const FILES: std::ops::RangeInclusive<i64> = 1..=10_000;
const PER_SUBMISSION: std::ops::RangeInclusive<i64> = 1..=5;
const STARS: std::ops::RangeInclusive<i64> = 1..=5;
const PIXELS: std::ops::RangeInclusive<i64> = 1..=12_000;
const WORKERS: std::ops::RangeInclusive<i64> = 1..=10_000;
/// Metadata: keys, and lengths in characters.
const METADATA_KEYS: usize = 20;
const METADATA_KEY: usize = 40;
const METADATA_VALUE: usize = 500;
/// What workers look at: how many URLs, and of how many characters.
const CONTEXT_URLS: usize = 10;
const CONTEXT_URL: usize = 2_048;
/// The furthest deadline.
const LONGEST: Span = Span::days(366);

/// The body of `POST /v1/jobs`. Unknown fields are ignored.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = CreateJob)]
pub(crate) struct CreateJobRequest {
    #[serde(rename = "type")]
    /// Falls back to the organization's `default_type`; required if there is none.
    #[schema(value_type = schema::JobType, required = false)]
    job_type: Option<JobType>,
    /// A short label for people.
    #[schema(value_type = Option<String>, max_length = 100, example = "Street signs in Tokyo")]
    title: Option<String>,
    /// What workers are asked for.
    #[schema(min_length = 10, max_length = 5000, example = "Photos of street signs in daylight")]
    description: String,
    /// Approved files that are wanted.
    #[schema(minimum = 1, maximum = 10000, example = 10)]
    files_needed: i64,
    /// MIME types.
    #[schema(value_type = Vec<schema::AcceptedFormat>, min_items = 1)]
    accepted_formats: Vec<String>,
    /// Falls back to the organization's `default_price_per_file_cents`; required if there is none.
    #[schema(value_type = Option<schema::Price>)]
    price_per_file_cents: Option<i64>,
    /// Files that one submission may hold. Default 1.
    #[schema(minimum = 1, maximum = 5, example = 1)]
    files_per_submission: Option<i64>,
    /// The least number of stars that is approved. Default 3.
    #[schema(value_type = Option<schema::Stars>)]
    min_star_rating: Option<i64>,
    /// What the scorer should look for.
    #[schema(max_length = 1000, example = "The sign must be readable.")]
    scoring_criteria: Option<String>,
    /// The least width in pixels.
    #[schema(minimum = 1, maximum = 12000, example = 1280)]
    min_width: Option<i64>,
    /// The least height in pixels.
    #[schema(minimum = 1, maximum = 12000, example = 720)]
    min_height: Option<i64>,
    /// Rules for workers.
    #[schema(max_length = 2000, example = "Daylight only.")]
    worker_guidelines: Option<String>,
    /// What workers look at before they begin; of a feedback job, what they review. They are shown as
    /// they are, and never read by the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::ContextUrl>>, max_items = 10)]
    context_urls: Option<Vec<String>>,
    /// Where files must be captured.
    #[schema(value_type = Option<LocationView>)]
    location: Option<Value>,
    /// The job is cancelled then; within a year.
    #[schema(value_type = Option<schema::Deadline>)]
    deadline: Option<String>,
    /// Workers that may be at it at a time. Unlimited by default.
    #[schema(minimum = 1, maximum = 10000, example = 3)]
    max_workers: Option<i64>,
    /// For your own use.
    #[schema(value_type = Option<schema::Metadata>)]
    metadata: Option<BTreeMap<String, Value>>,
}

/// What an organization falls back to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Defaults {
    /// Type of a job that names none.
    pub job_type: Option<JobType>,
    /// Price of a job that names none.
    pub price: Option<Cents>,
}

/// Collects what is wrong.
#[derive(Debug, Default)]
struct Check {
    wrong: Vec<FieldError>,
}

impl Check {
    fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.wrong.push(FieldError { field: field.to_owned(), message: message.into() });
    }

    fn count(&mut self, field: &str, value: i64, bounds: &std::ops::RangeInclusive<i64>) -> u32 {
        if !bounds.contains(&value) {
            self.wrong(field, format!("must be {} to {}", bounds.start(), bounds.end()));
        }
        u32::try_from(value).unwrap_or(0)
    }

    fn text(&mut self, field: &str, value: Option<String>, most: usize) -> Option<String> {
        if value.as_ref().is_some_and(|text| text.chars().count() > most) {
            self.wrong(field, format!("must have at most {most} characters"));
        }
        value
    }

    fn formats(&mut self, formats: &[String]) -> Vec<MediaType> {
        if formats.is_empty() {
            self.wrong("accepted_formats", "must name at least one MIME type");
        }
        let mut known = Vec::with_capacity(formats.len());
        for (index, format) in formats.iter().enumerate() {
            match MediaType::from_mime(format) {
                Some(media_type) if known.contains(&media_type) => (),
                Some(media_type) => known.push(media_type),
                None => {
                    let hint = MediaType::from_extension(format).map_or_else(
                        || {
                            let all: Vec<_> =
                                MediaType::ALL.iter().map(|known| known.as_str()).collect();
                            format!("must be one of {}", all.join(", "))
                        },
                        |meant| format!("is an extension; use the MIME type {}", meant.as_str()),
                    );
                    self.wrong(&format!("accepted_formats[{index}]"), hint);
                }
            }
        }
        known
    }

    fn context_urls(&mut self, urls: Option<Vec<String>>) -> Vec<String> {
        let urls = urls.unwrap_or_default();
        if urls.len() > CONTEXT_URLS {
            self.wrong("context_urls", format!("must have at most {CONTEXT_URLS} URLs"));
        }
        for (index, text) in urls.iter().enumerate() {
            // Parsing passes over blanks and control characters; what is shown must not hold any.
            let good = text.chars().count() <= CONTEXT_URL
                && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control())
                && Url::parse(text).is_ok_and(|url| url.scheme() == "https");
            if !good {
                let message = format!("must be an https URL of at most {CONTEXT_URL} characters");
                self.wrong(&format!("context_urls[{index}]"), message);
            }
        }
        urls
    }

    fn location(&mut self, location: Option<&Value>) -> Option<Location> {
        let location = location.filter(|location| !location.is_null())?;
        if !location.is_object() {
            self.wrong("location", "must be an object with lat, lng and radius_km");
            return None;
        }
        let lat_e6 = location["lat"].as_number().and_then(|lat| geo::degrees_e6(lat, 90));
        let lng_e6 = location["lng"].as_number().and_then(|lng| geo::degrees_e6(lng, 180));
        let radius_m = location["radius_km"].as_number().and_then(geo::kilometres_m);
        if lat_e6.is_none() {
            self.wrong("location.lat", "must be -90 to 90");
        }
        if lng_e6.is_none() {
            self.wrong("location.lng", "must be -180 to 180");
        }
        if radius_m.is_none() {
            self.wrong("location.radius_km", "must be 0.1 to 20000");
        }
        Some(Location { lat_e6: lat_e6?, lng_e6: lng_e6?, radius_m: radius_m? })
    }

    fn deadline(&mut self, deadline: Option<&str>, now: Timestamp) -> Option<Timestamp> {
        let text = deadline?;
        match text.parse::<Timestamp>() {
            Err(_invalid) => self.wrong("deadline", "must be an ISO 8601 time with an offset"),
            Ok(at) if at <= now => self.wrong("deadline", "must be in the future"),
            Ok(at) if at > now.after(LONGEST) => self.wrong("deadline", "must be within a year"),
            Ok(at) => return Some(at),
        }
        None
    }

    fn metadata(&mut self, metadata: Option<BTreeMap<String, Value>>) -> BTreeMap<String, Value> {
        let metadata = metadata.unwrap_or_default();
        if metadata.len() > METADATA_KEYS {
            self.wrong("metadata", format!("must have at most {METADATA_KEYS} keys"));
        }
        for (key, value) in &metadata {
            if key.is_empty() || key.chars().count() > METADATA_KEY {
                self.wrong("metadata", format!("keys must have 1 to {METADATA_KEY} characters"));
            }
            let length = match value {
                Value::String(text) => text.chars().count(),
                other => other.to_string().chars().count(),
            };
            if length > METADATA_VALUE {
                let message = format!("must have at most {METADATA_VALUE} characters");
                self.wrong(&format!("metadata.{key}"), message);
            }
        }
        metadata
    }
}

impl CreateJobRequest {
    /// Says whether the organization's defaults are needed.
    pub(crate) fn needs_defaults(&self) -> bool {
        self.job_type.is_none() || self.price_per_file_cents.is_none()
    }

    /// Checks every bound and returns what is asked for.
    pub(crate) fn parse(self, defaults: Defaults, now: Timestamp) -> Result<JobInput, ApiError> {
        let mut check = Check::default();
        let job_type = self.job_type.or(defaults.job_type);
        if job_type.is_none() {
            check.wrong("type", "is required");
        }
        let price = self.price_per_file_cents.or(defaults.price.map(Cents::get));
        if price.is_none() {
            check.wrong("price_per_file_cents", "is required");
        }
        let length = self.description.chars().count();
        if !(10..=5_000).contains(&length) {
            check.wrong("description", "must have 10 to 5000 characters");
        }
        let count = |check: &mut Check, field, value: Option<i64>, bounds| {
            value.map(|value| check.count(field, value, bounds))
        };
        let stars = count(&mut check, "min_star_rating", self.min_star_rating, &STARS);
        let per =
            count(&mut check, "files_per_submission", self.files_per_submission, &PER_SUBMISSION);
        let input = JobInput {
            job_type: job_type.unwrap_or_default(),
            title: check.text("title", self.title, 100),
            description: self.description,
            files_needed: check.count("files_needed", self.files_needed, &FILES),
            accepted_formats: check.formats(&self.accepted_formats),
            price_per_file_cents: Cents::new(price.unwrap_or_default()),
            files_per_submission: per.unwrap_or(1),
            min_star_rating: stars.and_then(|stars| u8::try_from(stars).ok()).unwrap_or(3),
            scoring_criteria: check.text("scoring_criteria", self.scoring_criteria, 1_000),
            min_width: count(&mut check, "min_width", self.min_width, &PIXELS),
            min_height: count(&mut check, "min_height", self.min_height, &PIXELS),
            worker_guidelines: check.text("worker_guidelines", self.worker_guidelines, 2_000),
            context_urls: check.context_urls(self.context_urls),
            location: check.location(self.location.as_ref()),
            deadline: check.deadline(self.deadline.as_deref(), now),
            max_workers: count(&mut check, "max_workers", self.max_workers, &WORKERS),
            metadata: check.metadata(self.metadata),
        };
        if !check.wrong.is_empty() {
            return Err(ApiError::Invalid(check.wrong));
        }
        if !PRICES.contains(&input.price_per_file_cents.get()) {
            return Err(ApiError::PricingViolation(format!(
                "price_per_file_cents must be {} to {}",
                PRICES.start(),
                PRICES.end()
            )));
        }
        Ok(input)
    }
}
