//! Why a file was refused.

use std::any::Any;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use thiserror::Error;

use super::MediaType;

/// Why a file could not be measured. Everything but [`ProbeError::Io`] is the file's fault and
/// final: probing the same bytes again gives the same answer.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The content is not what was declared.
    #[error("declared as {declared}, found {}", found.map_or("an unknown type", MediaType::as_str))]
    Mismatch {
        /// The declared type.
        declared: MediaType,
        /// The type the content has, or `None` if it is none of the accepted ones.
        found: Option<MediaType>,
    },
    /// The file ends before its content does.
    #[error("the file ends early: {reason}")]
    Truncated {
        /// What is missing.
        reason: &'static str,
    },
    /// The content is damaged, or uses a feature that no decoder here reads, or makes one panic.
    #[error("the content does not decode: {reason}")]
    Undecodable {
        /// What the container check or the decoder objected to.
        reason: String,
    },
    /// A limit of [`super::limits`] would be exceeded.
    #[error("{what} is {actual}, more than the limit of {limit}")]
    TooLarge {
        /// The limited quantity with its unit, such as `width in pixels`.
        what: &'static str,
        /// What the file asks for.
        actual: u64,
        /// The limit.
        limit: u64,
    },
    /// The file could not be read.
    #[error("the file could not be read")]
    Io(#[from] io::Error),
}

impl ProbeError {
    /// Returns whether probing again could succeed: only a failed read is worth it.
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

/// Shorthand for [`ProbeError::Undecodable`].
pub(crate) fn undecodable(reason: impl Into<String>) -> ProbeError {
    ProbeError::Undecodable { reason: reason.into() }
}

/// Shorthand for [`ProbeError::Truncated`].
pub(crate) const fn truncated(reason: &'static str) -> ProbeError {
    ProbeError::Truncated { reason }
}

/// Runs what reads a file so that a bug in it, or in a decoder, refuses this one file: a panic that
/// went further would leave its submission without an answer. The checks before the decoders are
/// meant to make this unnecessary; the fuzz tests assert that it is.
pub(crate) fn shield<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, ProbeError>,
) -> Result<T, ProbeError> {
    // What the closure borrows is not looked at again after a panic.
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|payload| {
        let panic = message(&*payload);
        tracing::error!(path = %path.display(), panic, "a decoder panicked; its file is refused");
        Err(undecodable(DECODER_PANICKED))
    })
}

/// Returns what a panic said.
fn message(payload: &(dyn Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&str>().copied();
    literal.or_else(|| payload.downcast_ref().map(String::as_str)).unwrap_or("nothing")
}

/// The reason given when [`shield`] caught a panic.
pub(crate) const DECODER_PANICKED: &str = "the decoder gave up";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_refuses_the_file_and_is_final() {
        let file = Path::new("file_1");
        let literal = shield::<()>(file, || panic!("a literal"));
        let formatted = shield::<()>(file, || panic!("number {}", 7));
        for error in [literal, formatted].map(Result::unwrap_err) {
            assert!(matches!(&error, ProbeError::Undecodable { .. }) && !error.retryable());
        }
        let (literal, formatted): (&str, String) = ("a literal", "number 7".to_owned());
        assert_eq!(
            [message(&literal), message(&formatted), message(&7)],
            [literal, &formatted, "nothing"]
        );
    }
}
