//! Export of a book's journal: `GET /v1/billing/export`. docs/finance.md describes the formats.
//!
//! The answer is read and sent page by page, so that it takes the same memory however long the journal
//! is, and no transaction stays open while a client is slow. Its end is fixed when it begins.

mod beancount;
mod csv;
mod entry;
mod hledger;
mod ndjson;

pub(crate) use entry::ledger_account;

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{BillingRead, Can, ListQuery, instant_or_day};
use crate::openapi::schema;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use entry::{JournalEntry, Posting};
use firsthand_domain::{Book, Cents, Environment, Timestamp};
use firsthand_projections::finance::{Span, accounts, entries};
use futures_util::Stream;
use serde::Deserialize;

/// Entries and accounts that are read at a time.
const ENTRIES: i64 = 500;
const ACCOUNTS: i64 = 2_000;

/// Takes up what opening entries can't balance among themselves.
const OPENING: &str = "Equity:Opening-Balances";

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
    Hledger,
    Beancount,
}

impl Format {
    fn parse(name: Option<&str>) -> Result<Self, ApiError> {
        match name {
            None | Some("csv") => Ok(Self::Csv),
            Some("ndjson") => Ok(Self::Ndjson),
            Some("hledger") => Ok(Self::Hledger),
            Some("beancount") => Ok(Self::Beancount),
            Some(_) => Err(ApiError::field("format", "must be csv, ndjson, hledger or beancount")),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
            Self::Hledger | Self::Beancount => "text/plain; charset=utf-8",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Hledger => "journal",
            Self::Beancount => "beancount",
        }
    }

    /// Says whether accounts are declared before they are used.
    fn declares(self) -> bool {
        matches!(self, Self::Hledger | Self::Beancount)
    }

    fn head(self) -> Result<String, ApiError> {
        match self {
            Self::Csv => csv::head(),
            Self::Ndjson => Ok(String::new()),
            Self::Hledger => Ok(hledger::HEAD.to_owned()),
            Self::Beancount => Ok(beancount::HEAD.to_owned()),
        }
    }

    fn declare(self, account: &str) -> String {
        match self {
            Self::Csv | Self::Ndjson => String::new(),
            Self::Hledger => hledger::declare(account),
            Self::Beancount => beancount::declare(account),
        }
    }

    fn write(self, entry: &JournalEntry) -> Result<String, ApiError> {
        match self {
            Self::Csv => csv::write(entry),
            Self::Ndjson => ndjson::write(entry),
            Self::Hledger => Ok(hledger::write(entry)),
            Self::Beancount => Ok(beancount::write(entry)),
        }
    }
}

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    #[param(value_type = schema::ExportFormat, required = false)]
    format: Option<String>,
    #[param(value_type = schema::DayOrInstant, required = false)]
    from: Option<String>,
    #[param(value_type = schema::DayOrInstant, required = false)]
    to: Option<String>,
}

/// `GET /v1/billing/export`: every entry recorded from `from` and before `to`.
#[utoipa::path(
    get,
    path = "/v1/billing/export",
    operation_id = "export_journal",
    tag = "billing",
    summary = "Export the journal",
    description = "Every entry recorded from `from` and before `to`, balanced, as CSV, NDJSON, or a journal of hledger or beancount.",
    params(ExportQuery),
    responses((status = 200, description = "The journal", content((String = "text/csv"), (String = "application/x-ndjson"), (String = "text/plain")))),
    security(("buyer_key" = ["usage:read"])),
)]
pub(crate) async fn export(
    State(app): State<AppState>,
    buyer: Can<BillingRead>,
    ListQuery(query): ListQuery<ExportQuery>,
) -> Result<Response, ApiError> {
    let format = Format::parse(query.format.as_deref())?;
    let instant =
        |field: &str, text: Option<&str>| text.map(|text| instant_or_day(field, text)).transpose();
    let from = instant("from", query.from.as_deref())?;
    let to = instant("to", query.to.as_deref())?;
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(ApiError::field("to", "is before from"));
    }
    let book = buyer.book();
    let (since, until) = (from.map(Timestamp::micros), to.map(Timestamp::micros));
    let span = entries::span(app.store(), book, since, until).await?;
    // What is within it must not appear while pages are read: an account would be posted to that was not declared.
    app.must_reach(book, span.until).await?;
    let name = format!("firsthand-{book}.{}", format.extension()).replace(':', "-");
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    let environment = buyer.environment;
    let export = Export { app, book, environment, format, span, from, stage: Stage::Head };
    Ok((headers, Body::from_stream(export.pages())).into_response())
}

/// How far an export is.
#[derive(Debug)]
enum Stage {
    Head,
    /// Accounts are declared; the last one was this.
    Accounts(String),
    /// Opening balances are written; the last account was this.
    Opening(String),
    /// Entries are written.
    Entries,
    Done,
}

struct Export {
    app: AppState,
    book: Book,
    environment: Environment,
    format: Format,
    span: Span,
    from: Option<Timestamp>,
    stage: Stage,
}

impl Export {
    /// The answer, page by page.
    fn pages(self) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
        futures_util::stream::unfold(self, async |mut export| {
            loop {
                if matches!(export.stage, Stage::Done) {
                    return None;
                }
                match export.page().await {
                    // Nothing to send: on to the next page.
                    Ok(text) if text.is_empty() => (),
                    Ok(text) => return Some((Ok(Bytes::from(text)), export)),
                    Err(error) => {
                        export.stage = Stage::Done;
                        return Some((Err(cut(&error)), export));
                    }
                }
            }
        })
    }

    async fn page(&mut self) -> Result<String, ApiError> {
        if self.app.stopping.is_cancelled() {
            return Err(ApiError::Unavailable);
        }
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Head => {
                self.stage = if self.format.declares() {
                    Stage::Accounts(String::new())
                } else {
                    self.opening_or_entries()
                };
                self.format.head()
            }
            Stage::Accounts(after) => self.declare(&after).await,
            Stage::Opening(after) => self.opening(&after).await,
            Stage::Entries => self.entries().await,
            Stage::Done => Ok(String::new()),
        }
    }

    fn opening_or_entries(&self) -> Stage {
        if self.from.is_some() { Stage::Opening(String::new()) } else { Stage::Entries }
    }

    /// Declares a page of accounts.
    async fn declare(&mut self, after: &str) -> Result<String, ApiError> {
        let store = self.app.store();
        let rows = accounts::page(store, self.book, self.span, after, ACCOUNTS).await?;
        let mut text = String::new();
        if after.is_empty() && self.from.is_some() {
            text.push_str(&self.format.declare(OPENING));
        }
        for row in &rows {
            let name = ledger_account(&self.app.secrets, self.book, &row.account);
            text.push_str(&self.format.declare(&name));
        }
        self.stage = match rows.last() {
            Some(last) => Stage::Accounts(last.account.clone()),
            None => self.opening_or_entries(),
        };
        if matches!(self.stage, Stage::Accounts(_)) {
            return Ok(text);
        }
        text.push('\n');
        Ok(text)
    }

    /// Writes a page of opening balances as one entry.
    async fn opening(&mut self, after: &str) -> Result<String, ApiError> {
        let before = Span { after: self.span.after, until: self.span.after };
        let rows = accounts::page(self.app.store(), self.book, before, after, ACCOUNTS).await?;
        let (Some(last), Some(from)) = (rows.last(), self.from) else {
            self.stage = Stage::Entries;
            return Ok(String::new());
        };
        self.stage = Stage::Opening(last.account.clone());
        let name = |account: &str| ledger_account(&self.app.secrets, self.book, account);
        let mut postings: Vec<Posting> = rows
            .iter()
            .map(|row| Posting::new(name(&row.account), Cents::new(row.opening_cents)))
            .collect();
        // One page balances by itself; of several, only all together do.
        let rest: Cents = postings.iter().map(|posting| posting.amount).sum();
        if rest != Cents::ZERO {
            postings.push(Posting { account: OPENING.to_owned(), amount: rest.negated() });
        }
        let entry = JournalEntry::opening(from, self.span.after, self.environment, postings);
        self.format.write(&entry)
    }

    /// Writes a page of entries.
    async fn entries(&mut self) -> Result<String, ApiError> {
        let rows = entries::page(self.app.store(), self.book, self.span, ENTRIES).await?;
        let Some(last) = rows.last() else { return Ok(String::new()) };
        self.span.after = last.position;
        // A page that is not full is the last.
        if i64::try_from(rows.len()).is_ok_and(|read| read == ENTRIES) {
            self.stage = Stage::Entries;
        }
        let mut text = String::new();
        for row in rows {
            let entry = JournalEntry::of(&self.app.secrets, self.book, self.environment, row);
            text.push_str(&self.format.write(&entry)?);
        }
        Ok(text)
    }
}

/// The status is sent already, so all that is left of an error is to cut the answer short: its last
/// chunk is missing, and the client notices.
fn cut(error: &ApiError) -> std::io::Error {
    tracing::error!(code = error.code(), detail = error.cause(), "an export was cut short");
    std::io::Error::other(error.code())
}
