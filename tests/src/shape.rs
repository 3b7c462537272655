//! What answers must look like: the error envelope, ids, instants.

use crate::clock;
use crate::http::Reply;
use serde_json::Value;

const ULID: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Reply {
    /// Checks an error envelope, key by key, and returns `error`.
    ///
    /// `{"error":{type, code, message, request_id, doc_url, details?}}`, the request id again in `X-Request-Id`,
    /// `details` a list of objects.
    #[track_caller]
    pub fn refused(&self, status: u16, kind: &str) -> Value {
        let error = self.envelope();
        assert_eq!((self.status, error["type"].as_str()), (status, Some(kind)), "{self}");
        error
    }

    /// Checks that the answer is some 4xx in the envelope, where the specification names no status.
    #[track_caller]
    pub fn refused_somehow(&self) -> Value {
        assert!((400..500).contains(&self.status), "{self}: a refusal was expected");
        self.envelope()
    }

    /// Checks a 400 `validation_error` one of whose details names this field (or a part of it).
    #[track_caller]
    pub fn invalid(&self, field: &str) -> Value {
        let error = self.refused(400, "validation_error");
        let details = error["details"].as_array().unwrap_or_else(|| panic!("{self}: no details"));
        let named = details.iter().any(|detail| {
            let name = detail["field"]
                .as_str()
                .unwrap_or_else(|| panic!("{self}: a detail without a field"));
            let message = detail["message"].as_str().unwrap_or_default();
            assert!(!message.is_empty(), "{self}: a detail without a message");
            name == field
                || name.strip_prefix(field).is_some_and(|rest| rest.starts_with(['.', '[']))
        });
        assert!(named, "{self}: no detail names {field}");
        error
    }

    /// The envelope of any error.
    #[track_caller]
    pub fn envelope(&self) -> Value {
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{self}: its content type is {kind:?}");
        let body = self.json();
        let top = body.as_object().unwrap_or_else(|| panic!("{self}: not an object"));
        assert_eq!(top.keys().collect::<Vec<_>>(), ["error"], "{self}: keys beside error");
        let error = &body["error"];
        for name in ["type", "code", "message", "request_id", "doc_url"] {
            let value =
                error[name].as_str().unwrap_or_else(|| panic!("{self}: error.{name} is missing"));
            assert!(!value.trim().is_empty(), "{self}: error.{name} is empty");
        }
        for name in ["type", "code"] {
            let value = error[name].as_str().unwrap_or_default();
            let plain =
                value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            assert!(plain, "{self}: error.{name} is not snake_case");
        }
        assert_id(&error["request_id"], "req");
        assert_eq!(
            self.header("x-request-id"),
            error["request_id"].as_str(),
            "{self}: X-Request-Id"
        );
        if let Some(details) = error.get("details").filter(|d| !d.is_null()) {
            let list =
                details.as_array().unwrap_or_else(|| panic!("{self}: details is not a list"));
            assert!(
                list.iter().all(Value::is_object),
                "{self}: details holds something else than objects"
            );
        }
        error.clone()
    }
}

/// Checks an id: `<prefix>_` and a ULID.
#[track_caller]
pub fn assert_id(value: &Value, prefix: &str) {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is not a {prefix}_ id"));
    let ulid = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    let good = ulid
        .is_some_and(|u| u.len() == 26 && u.chars().all(|c| ULID.contains(c.to_ascii_uppercase())));
    assert!(good, "{text} is not {prefix}_ and a ULID");
}

/// Checks an instant, ISO 8601 in UTC, and returns it in seconds since 1970.
#[track_caller]
pub fn assert_instant(value: &Value) -> f64 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is not an instant"));
    clock::parse(text).unwrap_or_else(|| panic!("{text} is not an ISO 8601 instant in UTC"))
}

/// Checks an instant that must be within these many seconds of now.
#[track_caller]
pub fn assert_recent(value: &Value, seconds: f64) {
    let away = (assert_instant(value) - clock::now()).abs();
    assert!(away <= seconds, "{value} is {away:.1} s away from now");
}

/// Checks that an object has all these keys, null or not.
#[track_caller]
pub fn assert_keys(value: &Value, keys: &[&str]) {
    let missing: Vec<&&str> = keys.iter().filter(|key| value.get(**key).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?} missing from {value}");
}

/// Checks fields against an object's expected part: every key of `expected` must be there with its value.
#[track_caller]
pub fn assert_part(value: &Value, expected: &Value) {
    let expected = expected.as_object().expect("an object is expected");
    for (key, want) in expected {
        assert_eq!(value.get(key), Some(want), "{key} of {value}");
    }
}

/// An integer field.
#[track_caller]
pub fn int(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_else(|| panic!("{field} is not an integer in {value}"))
}

/// A text field.
#[track_caller]
pub fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is not a text in {value}"))
}
