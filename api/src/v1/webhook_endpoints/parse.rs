//! What a request says of an endpoint, with every field checked.

use crate::app::AppState;
use crate::error::{ApiError, FieldError};
use crate::extract::present;
use crate::openapi::schema;
use axum::http::{HeaderName, HeaderValue};
use firsthand_domain::webhook_endpoints::{
    EndpointChange, Ordering, SignatureScheme, WebhookEventType,
};
use firsthand_projections::webhooks::API_VERSION;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The longest description in characters.
const LONGEST_DESCRIPTION: usize = 500;
/// Extra headers, and the longest value in bytes.
const MOST_HEADERS: usize = 10;
const LONGEST_VALUE: usize = 1_024;

/// Headers that belong to HTTP or to us.
const RESERVED: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];
const RESERVED_PREFIXES: &[&str] =
    &["content-", "proxy-", "sec-", "svix-", "webhook-", "x-firsthand", "x-forwarded-"];

/// An endpoint as a request describes it; absent fields stay as they are.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[expect(clippy::option_option, reason = "absent, null and a value mean three things in a merge")]
#[schema(as = UpdateWebhookEndpoint)]
pub(crate) struct EndpointRequest {
    /// https on port 443 or 8443, a public host. `dev` and `demo` also take http, any port and loopback.
    #[schema(value_type = Option<schema::EndpointUrl>)]
    url: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    /// Types that are wanted; null or `*` for all.
    #[schema(value_type = Option<Vec<schema::EventTypePattern>>, min_items = 1)]
    events: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    description: Option<Option<String>>,
    #[schema(value_type = Option<schema::ApiVersion>)]
    api_version: Option<String>,
    /// Default `t_v1`.
    #[schema(value_type = Option<schema::SignatureScheme>)]
    signature_scheme: Option<String>,
    /// Default `none`.
    #[schema(value_type = Option<schema::DeliveryOrder>)]
    ordering: Option<String>,
    /// Requests at a time. Default 8.
    #[schema(minimum = 1, maximum = 64)]
    max_in_flight: Option<i64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    /// Requests a second; null for no limit.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    max_per_second: Option<Option<i64>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    /// Extra headers; null for none.
    #[schema(value_type = Option<schema::ExtraHeaders>)]
    headers: Option<Option<BTreeMap<String, String>>>,
    #[schema(value_type = Option<schema::EndpointStatus>)]
    status: Option<String>,
}

/// A request whose every field was checked.
pub(super) struct Checked {
    /// What changes, the headers left out.
    pub(super) change: EndpointChange,
    /// The extra headers, by lower-case name.
    pub(super) headers: Option<BTreeMap<String, String>>,
}

#[derive(Default)]
struct Check(Vec<FieldError>);

impl Check {
    fn wrong(&mut self, field: impl Into<String>, message: &str) {
        self.0.push(FieldError { field: field.into(), message: message.to_owned() });
    }

    fn events(&mut self, names: &[String]) -> Option<BTreeSet<WebhookEventType>> {
        if names.is_empty() {
            self.wrong("events", "must name at least one type; leave it out for all");
        }
        let mut types = BTreeSet::new();
        for (index, name) in names.iter().enumerate().filter(|(_, name)| *name != "*") {
            match WebhookEventType::from_name(name) {
                Some(found) => drop(types.insert(found)),
                None => self.wrong(format!("events[{index}]"), "is not a type of event"),
            }
        }
        (!names.iter().any(|name| name == "*")).then_some(types)
    }

    fn number(&mut self, field: &str, number: i64, most: u16) -> u16 {
        match u16::try_from(number) {
            Ok(number) if (1..=most).contains(&number) => number,
            _ => {
                self.wrong(field, &format!("must be 1 to {most}"));
                1
            }
        }
    }

    fn headers(&mut self, headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        if headers.len() > MOST_HEADERS {
            self.wrong("headers", "may have 10 entries");
        }
        let mut checked = BTreeMap::new();
        for (name, value) in headers {
            let field = format!("headers.{name}");
            let lower = name.to_ascii_lowercase();
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                self.wrong(&*field, "is not the name of a header");
            } else if RESERVED.contains(&&*lower)
                || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
            {
                self.wrong(&*field, "belongs to HTTP or to us");
            }
            let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if value.is_empty()
                || value.len() > LONGEST_VALUE
                || !plain
                || HeaderValue::from_str(value).is_err()
            {
                self.wrong(&*field, "must have 1 to 1024 printable ASCII characters");
            }
            if checked.insert(lower, value.clone()).is_some() {
                self.wrong(&*field, "is given twice");
            }
        }
        checked
    }

    fn one_of<T: Copy>(&mut self, field: &str, text: &str, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            self.wrong(field, &format!("must be one of {}", names.join(", ")));
        }
        found
    }
}

impl EndpointRequest {
    /// Checks every field; the URL last, since it has an error of its own.
    pub(super) fn check(&self, app: &AppState, new: bool) -> Result<Checked, ApiError> {
        let mut check = Check::default();
        if new && self.url.is_none() {
            check.wrong("url", "is required");
        }
        let description = self.description.clone().map(|text| text.filter(|text| !text.is_empty()));
        if description.iter().flatten().any(|text| text.chars().count() > LONGEST_DESCRIPTION) {
            check.wrong("description", "may have 500 characters");
        }
        if self.api_version.as_deref().is_some_and(|version| version != API_VERSION) {
            check.wrong("api_version", &format!("must be {API_VERSION}"));
        }
        let schemes = [("t_v1", SignatureScheme::TV1), ("raw", SignatureScheme::Raw)];
        let orderings = [("none", Ordering::None), ("per_job", Ordering::PerJob)];
        let statuses = [("enabled", true), ("disabled", false)];
        let headers = self.headers.as_ref().map(|headers| match headers {
            Some(headers) => check.headers(headers),
            None => BTreeMap::new(),
        });
        let scheme = self.signature_scheme.as_ref();
        let change = EndpointChange {
            url: None,
            events: self
                .events
                .as_ref()
                .map(|names| names.as_ref().and_then(|names| check.events(names))),
            description,
            signature_scheme: scheme
                .and_then(|text| check.one_of("signature_scheme", text, &schemes)),
            ordering: self
                .ordering
                .as_ref()
                .and_then(|text| check.one_of("ordering", text, &orderings)),
            max_in_flight: self
                .max_in_flight
                .map(|number| check.number("max_in_flight", number, 64)),
            max_per_second: self
                .max_per_second
                .map(|number| number.map(|number| check.number("max_per_second", number, 1_000))),
            headers: None,
            enabled: self.status.as_ref().and_then(|text| check.one_of("status", text, &statuses)),
        };
        if !check.0.is_empty() {
            return Err(ApiError::Invalid(check.0));
        }
        let url = self.url.as_deref().map(|url| parse_url(app, url)).transpose()?;
        Ok(Checked { change: EndpointChange { url, ..change }, headers })
    }
}

fn parse_url(app: &AppState, url: &str) -> Result<String, ApiError> {
    match app.connector.parse(url) {
        Ok(_target) => Ok(url.to_owned()),
        Err(refused) => Err(ApiError::WebhookUrlRefused(refused.to_string())),
    }
}
