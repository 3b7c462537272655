//! Query parameters and paging.

use super::cursor::CursorScope;
use crate::app::AppState;
use crate::error::ApiError;
use crate::views::ListView;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::uri::Uri;
use firsthand_projections::{Page, PageRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Items on a page that names no limit, and at most (spec section 2).
const DEFAULT_LIMIT: i64 = 20;
const MOST: i64 = 100;

/// Returns the first parameter whose value holds U+0000, which Postgres' text can't. Nobody reads one whose name
/// does.
fn holds_nul(uri: &Uri) -> Option<String> {
    let query = uri.query().filter(|query| query.contains("%00"))?;
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    let (name, _value) = parameters.find(|(_name, value)| value.contains('\0'))?;
    Some(name.into_owned())
}

fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    if let Some(name) = holds_nul(uri) {
        return Err(ApiError::field(name, "must not contain the character U+0000"));
    }
    let query = Query::<T>::try_from_uri(uri).map_err(|error| {
        let text = crate::error::chain(&error);
        ApiError::field("query", text)
    })?;
    Ok(query.0)
}

/// Query parameters, with errors in the envelope.
#[derive(Debug)]
pub(crate) struct ListQuery<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for ListQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &AppState) -> Result<Self, ApiError> {
        parse(&parts.uri).map(Self)
    }
}

/// The parameters by which every list is paged.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    limit: Option<String>,
    cursor: Option<String>,
}

/// The query parameters of a list that has none but those by which it is paged.
#[derive(Debug, Deserialize)]
pub(crate) struct NoFilters {}

/// Query parameters of a list that goes on: with a cursor that we gave out for this very list.
#[derive(Debug)]
pub(crate) struct PageQuery<T = NoFilters>(pub T, pub Paging);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for PageQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let query = parse(&parts.uri)?;
        let PageParams { limit, cursor } = parse(&parts.uri)?;
        let scope = CursorScope::of(&app.secrets, &parts.uri);
        let after = cursor.as_deref().and_then(|cursor| scope.open(cursor));
        let foreign = cursor.filter(|_| after.is_none());
        Ok(Self(query, Paging { limit, after, foreign, scope }))
    }
}

/// Which page of a list is wanted.
#[derive(Debug)]
pub(crate) struct Paging {
    limit: Option<String>,
    /// The item after which the page begins, as it was named when the page before was given.
    pub after: Option<String>,
    /// A cursor that we did not give: an item's id, as the documented examples have it, or nothing.
    foreign: Option<String>,
    scope: CursorScope,
}

/// Says that a cursor is none of this list's.
pub(crate) fn bad_cursor() -> ApiError {
    ApiError::field("cursor", "is not a cursor of this list with these filters")
}

/// Returns how many items are wanted, 1 to 100.
pub(crate) fn limit(text: Option<&str>) -> Result<i64, ApiError> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    text.parse()
        .ok()
        .filter(|limit| (1..=MOST).contains(limit))
        .ok_or_else(|| ApiError::field("limit", "must be 1 to 100"))
}

impl Paging {
    /// Returns how many items are wanted, 1 to 100, of a list that takes only the cursors that it gave.
    pub(crate) fn limit(&self) -> Result<i64, ApiError> {
        if self.foreign.is_some() {
            return Err(bad_cursor());
        }
        limit(self.limit.as_deref())
    }

    /// Returns after which item the page begins that is wanted of a list whose items are named by their
    /// ids, and how many. An id of the list's own kind does as well as a signed cursor: whatever it
    /// names, only what the caller may read and the filters let through is listed.
    pub(crate) fn by_name<T>(
        &self,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<(Option<T>, i64), ApiError> {
        let name = self.after.as_deref().or(self.foreign.as_deref());
        let after = name.map(|name| read(name).ok_or_else(bad_cursor)).transpose()?;
        Ok((after, limit(self.limit.as_deref())?))
    }

    /// Returns the page that is wanted of a list whose items are named by ids of this type.
    pub(crate) fn by_id<T: std::str::FromStr + ToString>(&self) -> Result<PageRequest, ApiError> {
        let (after, limit) =
            self.by_name(|name| name.parse::<T>().ok().map(|id| id.to_string()))?;
        Ok(PageRequest { limit, after })
    }

    /// Returns the cursor of the page behind the item of that name.
    pub(crate) fn cursor(&self, name: &str) -> String {
        self.scope.seal(name)
    }

    /// Answers with a page; `name` names the item behind which the next one begins.
    pub(crate) fn list<T>(&self, page: Page<T>, name: impl FnOnce(&T) -> String) -> ListView<T> {
        ListView::new(page, |last| self.scope.seal(&name(last)))
    }

    /// Answers with what is left of a page; `last` names its last row before some were left out.
    pub(crate) fn list_rest<T>(&self, page: Page<T>, last: Option<&str>) -> ListView<T> {
        ListView::rest(page, last.map(|name| self.scope.seal(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_holds_nul_is_named() {
        for (uri, expected) in [
            ("/v1/jobs", None),
            ("/v1/jobs?status=%2500&a%00=b", None),
            ("/v1/jobs?status=open&cursor=%00", Some("cursor")),
            ("/v1/jobs?a%5Bb%5D=x%00y", Some("a[b]")),
        ] {
            assert_eq!(holds_nul(&Uri::from_static(uri)).as_deref(), expected, "{uri}");
        }
    }
}
