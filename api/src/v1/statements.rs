//! Monthly statements: `GET /v1/billing/statements/{month}`.

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{BillingRead, Can, Id};
use crate::openapi::schema;
use crate::views::StatementView;
use axum::Json;
use axum::extract::State;
use firsthand_domain::Timestamp;
use firsthand_domain::time::{InvalidTime, Span};
use firsthand_projections::finance::statement;
use std::fmt;
use std::str::FromStr;

/// A month stays open for so long after its end: what was recorded within it may still be on its way
/// into the log, and processes' clocks differ.
const SETTLES_AFTER: Span = Span::minutes(1);

/// A calendar month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Month {
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant of the next one.
    pub end: Timestamp,
}

impl FromStr for Month {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let start: Timestamp = format!("{text}-01T00:00:00Z").parse()?;
        let month = Self { start, end: start.after_months(1) };
        // One way to write a month: other texts would be other names of the same statement.
        if month.to_string() == text && month.end > start { Ok(month) } else { Err(InvalidTime) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start.to_string();
        f.write_str(start.split_once("-01T").map_or(start.as_str(), |(month, _)| month))
    }
}

/// `GET /v1/billing/statements/{month}`: what the book had, what moved, what it had then.
#[utoipa::path(
    get,
    path = "/v1/billing/statements/{month}",
    operation_id = "get_statement",
    tag = "billing",
    summary = "Show the statement of a month",
    description = "What the book had, what moved, and what it had then. `closed` once the month is over and nothing can be added.",
    params(("month" = schema::Month, Path, description = "A calendar month in UTC")),
    responses((status = 200, description = "The statement", body = StatementView)),
    security(("buyer_key" = ["usage:read"])),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<BillingRead>,
    Id(month): Id<Month>,
) -> Result<Json<StatementView>, ApiError> {
    let book = buyer.book();
    let now = app.time_of(book).await?;
    if month.start > now {
        return Err(ApiError::NotFound("statement"));
    }
    app.must_catch_up(book).await?;
    let (start, end) = (month.start.micros(), month.end.micros());
    let statement = statement::read(app.store(), book, start, end).await?;
    let closed = now >= month.end.after(SETTLES_AFTER);
    Ok(Json(StatementView::new(month, closed, statement, buyer.environment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_runs_to_the_first_instant_of_the_next() {
        let month: Month = "2028-02".parse().unwrap();
        assert_eq!(month.start.to_string(), "2028-02-01T00:00:00Z");
        assert_eq!(month.end.to_string(), "2028-03-01T00:00:00Z");
        assert_eq!(month.to_string(), "2028-02");
        let december: Month = "2026-12".parse().unwrap();
        assert_eq!(december.end.to_string(), "2027-01-01T00:00:00Z");
    }

    #[test]
    fn a_month_has_one_name() {
        for text in
            ["2026-13", "2026-00", "2026-1", "202601", "2026", "2026-01-01", "", "+002026-01"]
        {
            assert_eq!(text.parse::<Month>(), Err(InvalidTime), "{text}");
        }
    }
}
