//! Identifiers in paths. One that can't exist is answered like one that doesn't.

use crate::app::AppState;
use crate::error::ApiError;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use std::str::FromStr;

/// The `{id}` of a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id<T>(pub T);

impl<T: FromStr + Send> FromRequestParts<AppState> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_invalid| ApiError::NotFound("resource"))?;
        text.parse().map(Self).map_err(|_invalid| ApiError::NotFound("resource"))
    }
}

/// Two identifiers of a path, in its order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids<A, B>(pub A, pub B);

impl<A: FromStr + Send, B: FromStr + Send> FromRequestParts<AppState> for Ids<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let Path((first, second)) = Path::<(String, String)>::from_request_parts(parts, app)
            .await
            .map_err(|_invalid| ApiError::NotFound("resource"))?;
        let first = first.parse().map_err(|_invalid| ApiError::NotFound("resource"))?;
        let second = second.parse().map_err(|_invalid| ApiError::NotFound("resource"))?;
        Ok(Self(first, second))
    }
}
