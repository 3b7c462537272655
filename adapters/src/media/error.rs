//! Why a file was refused.

use std::io;
use std::panic::{self, AssertUnwindSafe};

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
    /// The content is damaged, or uses a feature that no decoder here reads.
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

/// Runs a third-party decoder so that a bug in it refuses one file instead of ending the worker.
/// The checks before it are meant to make this unnecessary; the fuzz tests assert that it is.
pub(crate) fn shield<T>(decode: impl FnOnce() -> Result<T, ProbeError>) -> Result<T, ProbeError> {
    // What the closure borrows is not looked at again after a panic.
    panic::catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(undecodable(DECODER_PANICKED)))
}

/// The reason given when [`shield`] caught a panic.
pub(crate) const DECODER_PANICKED: &str = "the decoder gave up";
