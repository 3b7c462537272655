//! `If-Match` (RFC 9110 section 13.1.1): a change that is meant for what the client saw.

use crate::app::AppState;
use crate::error::ApiError;
use crate::shaping::guard_of;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use bytes::Bytes;
use firsthand_domain::{Book, Changes, Command, Context, Rejection, StreamId, Timestamp, View};

/// How the resource reads at the time of the decision.
type Current = Box<dyn Fn(&dyn View) -> Result<Bytes, Rejection> + Send + Sync>;

/// The tags of which one must be the resource's; `None` if the request names none.
#[derive(Debug)]
pub(crate) struct IfMatch(Option<Vec<String>>);

impl FromRequestParts<AppState> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &AppState) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Ok(Self(None));
        }
        // A value that can't be read names no tag, so nothing matches it.
        let tags: Vec<String> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim().to_owned())
            .collect();
        // What exists matches a star; what does not exist is not found anyway.
        Ok(Self(if tags.iter().any(|tag| tag == "*") { None } else { Some(tags) }))
    }
}

/// Returns the part of a tag that a change is judged by. A weak tag never matches.
fn guard_named(tag: &str) -> Option<&str> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    tag.split('.').next()
}

impl IfMatch {
    /// Makes a command refuse unless the resource still reads as the client saw it. That is looked
    /// at where the command is decided, so of two writers who saw the same, one is refused.
    pub(crate) fn guard<C: Command>(
        self,
        command: C,
        volatile: &'static [&'static str],
        current: impl Fn(&dyn View) -> Result<Bytes, Rejection> + Send + Sync + 'static,
    ) -> Guarded<C> {
        let expected = self.0.map(|tags| {
            let guards = tags.iter().filter_map(|tag| guard_named(tag));
            guards.map(ToOwned::to_owned).collect()
        });
        Guarded { command, expected, volatile, current: Box::new(current) }
    }
}

/// A command with a precondition.
pub(crate) struct Guarded<C> {
    command: C,
    expected: Option<Vec<String>>,
    volatile: &'static [&'static str],
    current: Current,
}

impl<C: Command> Command for Guarded<C> {
    fn book(&self, view: &dyn View) -> Option<Book> {
        self.command.book(view)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        self.command.needs(view)
    }

    fn needs_at(&self, view: &dyn View, now: Timestamp) -> Vec<StreamId> {
        self.command.needs_at(view, now)
    }

    fn by_real_time(&self) -> bool {
        self.command.by_real_time()
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        if let Some(expected) = &self.expected {
            let guard = guard_of(&(self.current)(view)?, self.volatile);
            if !expected.contains(&guard) {
                return Err(Rejection::PreconditionFailed);
            }
        }
        self.command.decide(view, context)
    }
}

#[cfg(test)]
mod tests {
    use super::guard_named;

    #[test]
    fn only_strong_tags_are_compared_and_by_their_first_part() {
        assert_eq!(guard_named("\"abc\""), Some("abc"));
        assert_eq!(guard_named("\"abc.def\""), Some("abc"));
        assert_eq!(guard_named("W/\"abc\""), None);
        assert_eq!(guard_named("abc"), None);
    }
}
