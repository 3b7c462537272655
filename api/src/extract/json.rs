//! JSON bodies, with errors that name the field.

use crate::app::AppState;
use crate::error::ApiError;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is read of a body that is too large.
const MOST_DRAINED: usize = 32 * 1_024 * 1_024;

/// A JSON body. An empty one reads as `{}`, since the published client sends none where nothing is
/// to be said (spec section 1, rule 2).
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub T);

fn is_json(request: &Request) -> bool {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence.to_ascii_lowercase().ends_with("+json")
}

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, ApiError> {
        let json = is_json(&request);
        let body = receive(request, app).await?;
        if body.is_empty() {
            return parse(b"{}").map(Self);
        }
        if !json {
            return Err(ApiError::UnsupportedContentType);
        }
        parse(&body).map(Self)
    }
}

/// Reads a body. One that is too large is read on and thrown away, up to a bound: most clients look
/// for an answer only after they have sent everything.
async fn receive(request: Request, app: &AppState) -> Result<Bytes, ApiError> {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length <= crate::JSON_LIMIT) {
        let received = Bytes::from_request(request, app).await;
        return received.map_err(|_cut_short| ApiError::MalformedJson);
    }
    let mut chunks = request.into_body().into_data_stream();
    let mut kept = Vec::new();
    let mut read = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_cut_short| ApiError::MalformedJson)?;
        read += chunk.len();
        if read <= crate::JSON_LIMIT {
            kept.extend_from_slice(&chunk);
        } else if read > MOST_DRAINED {
            break;
        }
    }
    if read > crate::JSON_LIMIT { Err(ApiError::BodyTooLarge) } else { Ok(Bytes::from(kept)) }
}

/// Says whether a string in a body holds U+0000, which Postgres' text and jsonb can't.
fn holds_nul(body: &[u8]) -> bool {
    fn found(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(found),
            Value::Object(fields) => {
                fields.iter().any(|(name, value)| name.contains('\0') || found(value))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    serde_json::from_slice(body).is_ok_and(|value| found(&value))
}

/// Makes integers of numbers like `5.0`, which JSON Schema counts as such and some clients write.
/// Says whether there were any.
fn make_whole(value: &mut Value) -> bool {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").and_then(|digits| digits.parse::<i64>().ok());
            if let Some(whole) = whole {
                *number = whole.into();
            }
            whole.is_some()
        }
        // Every one is to be reached, so nothing may stop at the first.
        Value::Array(items) => items.iter_mut().map(make_whole).fold(false, |a, b| a | b),
        Value::Object(fields) => fields.values_mut().map(make_whole).fold(false, |a, b| a | b),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Reads a body. Only when that fails is it read again to find out which field is wrong.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.windows(6).any(|window| window == br"\u0000") && holds_nul(body) {
        return Err(ApiError::field("body", "must not contain the character U+0000"));
    }
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|first| *first != b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
    {
        return Err(ApiError::field("body", "must be a JSON object"));
    }
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    if let Ok(mut value) = serde_json::from_slice::<Value>(body)
        && make_whole(&mut value)
        && let Ok(value) = serde_json::from_value(value)
    {
        return Ok(value);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let error = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => error,
        // The value is well-formed, so something follows it.
        Ok(_value) => return Err(ApiError::MalformedJson),
    };
    // A value of the wrong kind may be reported as bad syntax: what counts is whether it is JSON.
    if !error.inner().is_data() && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err() {
        return Err(ApiError::MalformedJson);
    }
    let message = error.inner().to_string();
    // serde_json appends the place in the text, which says less than the field.
    let message = message.split(" at line ").next().unwrap_or_default();
    let named = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let path = error.path().to_string();
    let field = match (path.as_str(), named) {
        ("." | "?", Some(named)) => named.to_owned(),
        (path, Some(named)) => format!("{path}.{named}"),
        ("." | "?", None) => "body".to_owned(),
        (path, None) => path.to_owned(),
    };
    Err(ApiError::field(field, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        let read = parse::<std::collections::BTreeMap<String, i64>>;
        assert_eq!(read(br#"{"a":5.0,"b":-2}"#).unwrap()["a"], 5);
        assert_eq!(read(br#"{"a":1e3}"#).unwrap()["a"], 1_000);
        assert!(read(br#"{"a":5.5}"#).is_err());
        assert!(read(br#"{"a":1e300}"#).is_err());
    }
}
