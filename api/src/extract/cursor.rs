//! Cursors: opaque, signed, and bound to the list and the filters that they were given for. A
//! cursor names the last item seen, so pages stay stable while items are added.

use axum::http::uri::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firsthand_adapters::secrets::{self, Secrets};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Bytes of the signature: 128 bits, as nothing is gained by a forgery but a page of one's own list.
const TAG: usize = 16;

/// What a cursor is good for: one list, with one set of filters.
pub(crate) struct CursorScope {
    secrets: Secrets,
    binding: String,
}

impl std::fmt::Debug for CursorScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CursorScope").field("binding", &self.binding).finish_non_exhaustive()
    }
}

impl CursorScope {
    /// Binds to a request's path and to its parameters in whatever order, all but those that say
    /// which page is wanted.
    pub(crate) fn of(secrets: &Secrets, uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let filters: BTreeSet<_> = url::form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| name != "cursor" && name != "limit")
            .collect();
        let mut binding = uri.path().to_owned();
        for (name, value) in filters {
            // Lengths keep one list of parameters from reading like another.
            let _infallible = write!(binding, "\n{}={}:{name}{value}", name.len(), value.len());
        }
        Self { secrets: secrets.clone(), binding }
    }

    fn tag(&self, name: &str) -> [u8; TAG] {
        let text = format!("{name}\n{}", self.binding);
        let digest = self.secrets.digest("cursor", &text);
        std::array::from_fn(|index| digest.get(index).copied().unwrap_or_default())
    }

    /// Returns the cursor that names an item.
    pub(crate) fn seal(&self, name: &str) -> String {
        URL_SAFE_NO_PAD.encode([self.tag(name).as_slice(), name.as_bytes()].concat())
    }

    /// Returns what a cursor names; `None` if it was not given for this list and these filters.
    pub(crate) fn open(&self, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, name) = bytes.split_at_checked(TAG)?;
        let name = std::str::from_utf8(name).ok()?;
        secrets::equal(tag, self.tag(name)).then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(uri: &'static str) -> CursorScope {
        CursorScope::of(&Secrets::new(&[7; 32]), &Uri::from_static(uri))
    }

    #[test]
    fn a_cursor_opens_where_it_was_given_whatever_the_order_and_the_page() {
        let given = scope("/v1/jobs?status=open&type=feedback&limit=2").seal("job_1");
        for uri in [
            "/v1/jobs?type=feedback&status=open",
            "/v1/jobs?limit=9&status=open&type=feedback&cursor=x",
        ] {
            assert_eq!(scope(uri).open(&given).as_deref(), Some("job_1"), "{uri}");
        }
    }

    #[test]
    fn a_cursor_opens_nowhere_else() {
        let given = scope("/v1/jobs?status=open").seal("job_1");
        for uri in [
            "/v1/jobs",
            "/v1/jobs?status=filled",
            "/v1/jobs?status=open&type=feedback",
            "/v1/jobs?statuso=pen",
            "/v1/submissions?status=open",
        ] {
            assert_eq!(scope(uri).open(&given), None, "{uri}");
        }
        let other =
            CursorScope::of(&Secrets::new(&[8; 32]), &Uri::from_static("/v1/jobs?status=open"));
        assert_eq!(other.open(&given), None);
    }

    #[test]
    fn each_changed_character_is_noticed() {
        let scope = scope("/v1/jobs");
        let given = scope.seal("job_1");
        for at in 0..given.len() {
            let mut bytes = given.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(scope.open(&changed), None, "{changed}");
            assert_eq!(scope.open(&given[..at]), None, "cut at {at}");
        }
    }
}
