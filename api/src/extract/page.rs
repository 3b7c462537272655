//! Query parameters and paging.

use crate::app::AppState;
use crate::error::ApiError;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use firsthand_projections::PageRequest;
use serde::de::DeserializeOwned;

/// Items on a page that names no limit, and at most (spec section 2).
const DEFAULT_LIMIT: i64 = 20;
const MOST: i64 = 100;

/// Query parameters, with errors in the envelope.
#[derive(Debug)]
pub(crate) struct ListQuery<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for ListQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &AppState) -> Result<Self, ApiError> {
        let query = Query::<T>::try_from_uri(&parts.uri).map_err(|error| {
            let text = crate::error::chain(&error);
            ApiError::field("query", text)
        })?;
        Ok(Self(query.0))
    }
}

/// The paging parameters of a list, still as text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paging {
    /// `limit`.
    pub limit: Option<String>,
    /// `cursor`.
    pub cursor: Option<String>,
}

/// Says that a cursor is none of ours.
pub(crate) fn bad_cursor() -> ApiError {
    ApiError::field("cursor", "is not a cursor of this list")
}

impl Paging {
    /// Returns how many items are wanted, 1 to 100.
    pub(crate) fn limit(&self) -> Result<i64, ApiError> {
        let Some(text) = &self.limit else { return Ok(DEFAULT_LIMIT) };
        text.parse()
            .ok()
            .filter(|limit| (1..=MOST).contains(limit))
            .ok_or_else(|| ApiError::field("limit", "must be 1 to 100"))
    }

    /// Reads a cursor that is the id of the last item seen.
    pub(crate) fn by_id<T: std::str::FromStr + ToString>(&self) -> Result<PageRequest, ApiError> {
        let after = match &self.cursor {
            None => None,
            Some(text) => Some(text.parse::<T>().map_err(|_invalid| bad_cursor())?.to_string()),
        };
        Ok(PageRequest { limit: self.limit()?, after })
    }
}
