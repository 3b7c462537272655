//! `Link: <…>; rel="next"` on lists that go on.

use axum::http::{HeaderValue, Uri};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What a list says of its next page; the rest is skipped.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    object: &'a str,
    #[serde(rename = "data")]
    _data: Vec<IgnoredAny>,
    has_more: bool,
    #[serde(borrow)]
    next_cursor: Option<&'a str>,
}

/// The parameter that a cursor goes back in: the feed of events is read onwards from an id.
fn parameter(path: &str) -> &'static str {
    if path == "/v1/events" { "after" } else { "cursor" }
}

/// Percent-encodes what may not stand in a query, or would end the link.
fn escape(text: &str, into: &mut String) {
    use std::fmt::Write;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            into.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _infallible = write!(into, "%{byte:02X}");
        }
    }
}

/// Returns the link to the page after this one, relative to the request's own URL: the request as
/// it was, with the cursor. The scheme and host are the client's to know, since a proxy may stand
/// between.
pub(super) fn link(uri: &Uri, body: &[u8]) -> Option<HeaderValue> {
    // Nothing else of ours begins like this, and all lists do.
    if !body.starts_with(b"{\"object\":\"list\"") {
        return None;
    }
    let list: List<'_> = serde_json::from_slice(body).ok()?;
    let cursor = list.next_cursor.filter(|_| list.has_more && list.object == "list")?;
    let name = parameter(uri.path());
    let mut link = format!("<{}?", uri.path());
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        if pair.split('=').next() != Some(name) {
            link.push_str(pair);
            link.push('&');
        }
    }
    link.push_str(name);
    link.push('=');
    escape(cursor, &mut link);
    link.push_str(">; rel=\"next\"");
    HeaderValue::try_from(link).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MORE: &[u8] =
        br#"{"object":"list","data":[{"id":"job_1"}],"has_more":true,"next_cursor":"job_1"}"#;

    fn linked(uri: &'static str, body: &[u8]) -> Option<String> {
        link(&Uri::from_static(uri), body).map(|link| link.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_link_is_the_request_with_the_next_cursor() {
        let expected = "</v1/jobs?limit=2&status=open&cursor=job_1>; rel=\"next\"";
        for uri in ["/v1/jobs?limit=2&status=open", "/v1/jobs?cursor=job_9&limit=2&&status=open"] {
            assert_eq!(linked(uri, MORE).as_deref(), Some(expected));
        }
        assert_eq!(
            linked("/v1/jobs", MORE).as_deref(),
            Some("</v1/jobs?cursor=job_1>; rel=\"next\"")
        );
        assert_eq!(
            linked("/v1/events?after=evt_0", MORE).as_deref(),
            Some("</v1/events?after=job_1>; rel=\"next\"")
        );
    }

    #[test]
    fn what_may_not_stand_in_a_link_is_escaped() {
        let body = br#"{"object":"list","data":[],"has_more":true,"next_cursor":"a>b &c"}"#;
        assert_eq!(
            linked("/v1/jobs", body).as_deref(),
            Some("</v1/jobs?cursor=a%3Eb%20%26c>; rel=\"next\"")
        );
    }

    #[test]
    fn the_last_page_and_what_is_no_list_have_none() {
        let last = br#"{"object":"list","data":[],"has_more":false,"next_cursor":null}"#;
        assert_eq!(linked("/v1/jobs", last), None);
        // The feed names where to go on also when there is no more.
        let feed = br#"{"object":"list","data":[],"has_more":false,"next_cursor":"evt_1"}"#;
        assert_eq!(linked("/v1/events", feed), None);
        assert_eq!(linked("/v1/me", br#"{"object":"identity"}"#), None);
        assert_eq!(linked("/v1/jobs", br#"{"object":"list""#), None);
    }
}
