//! `Prefer: wait=N` (RFC 7240).

use crate::app::AppState;
use crate::error::ApiError;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::time::Duration;

/// The longest wait in seconds (spec section 2).
const LONGEST: u64 = 60;

/// How long the client is willing to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait(pub Option<Duration>);

impl FromRequestParts<AppState> for Wait {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &AppState) -> Result<Self, ApiError> {
        // A preference that can't be read is ignored, as RFC 7240 section 2 demands.
        let seconds = parts
            .headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split([',', ';']))
            .filter_map(|preference| preference.trim().split_once('='))
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
            .find_map(|(_, value)| value.trim().trim_matches('"').parse::<u64>().ok());
        Ok(Self(seconds.map(|seconds| Duration::from_secs(seconds.min(LONGEST)))))
    }
}
