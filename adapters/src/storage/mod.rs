//! Object storage that speaks S3 in every mode: a client, and an embedded durable server.

mod client;
pub mod embedded;
mod encode;

pub use client::ObjectStore;

use std::error::Error;
use std::path::PathBuf;
use std::time::SystemTime;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::DateTime;

/// Where the SHA-256 of the content stands, in lower-case hex, among the user metadata.
pub(crate) const SHA256: &str = "sha256";

/// Where the objects are and who we are there.
pub struct StoreConfig {
    /// `None`: AWS in `region`. Else the base URL, without the bucket, `http` or `https`.
    /// Pre-signed links point there, so it must be reachable for those who get them.
    pub endpoint_url: Option<String>,
    /// Part of every signature.
    pub region: String,
    /// Id of the key pair.
    pub access_key: String,
    /// Secret of the key pair.
    pub secret_key: String,
    /// The one bucket that is used.
    pub bucket: String,
}

/// What the store knows about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Length of the content in bytes.
    pub size: u64,
    /// MIME type.
    pub content_type: Option<String>,
    /// Opaque version of the content.
    pub etag: Option<String>,
    /// SHA-256 of the content in lower-case hex, if [`put_file`](crate::storage::ObjectStore::put_file) wrote it.
    pub sha256: Option<String>,
    /// When it was written, to the second.
    pub modified: Option<SystemTime>,
}

/// What can go wrong between us and the object store.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such object.
    #[error("object {0:?} does not exist")]
    NotFound(String),
    /// The credentials are wrong or may not do this.
    #[error("object store refuses access: {0}")]
    Denied(String),
    /// Content and checksum disagree.
    #[error("object content is damaged: {0}")]
    Damaged(String),
    /// The request cannot be right, however often it is sent.
    #[error("object store rejects the request: {0}")]
    Invalid(String),
    /// The store could not be reached, was overloaded, failed, or cut the answer short.
    #[error("object store unavailable: {0}")]
    Unavailable(String),
    /// The local file could not be read or written.
    #[error("local file {0:?}")]
    Io(PathBuf, #[source] std::io::Error),
}

impl StorageError {
    /// Whether the same call may succeed later. The SDK has retried for about a second by then.
    ///
    /// A full disk, too many open files and wrong credentials pass when somebody mends them, and
    /// content may have been damaged on its way only: giving up would lose what waits for it.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Io(..) | Self::Denied(_) | Self::Damaged(_) => true,
            Self::NotFound(_) | Self::Invalid(_) => false,
        }
    }
}

/// Facts of an object from an answer of the SDK.
#[expect(clippy::disallowed_types, reason = "the SDK's own type")]
pub(crate) fn info(
    size: Option<i64>,
    content_type: Option<String>,
    etag: Option<String>,
    metadata: Option<std::collections::HashMap<String, String>>,
    modified: Option<DateTime>,
) -> ObjectInfo {
    ObjectInfo {
        size: size.unwrap_or(0).unsigned_abs(),
        content_type,
        etag,
        sha256: metadata.and_then(|mut metadata| metadata.remove(SHA256)),
        modified: modified.and_then(|time| SystemTime::try_from(time).ok()),
    }
}

/// Sorts an error of the SDK by what can be done about it.
pub(crate) fn failure<E>(name: &str, error: &SdkError<E, HttpResponse>) -> StorageError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let text = chain(error);
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            match (service.raw().status().as_u16(), code) {
                (404, "NoSuchBucket") => StorageError::Invalid(text),
                (404, _) => StorageError::NotFound(name.to_owned()),
                (401 | 403, _) => StorageError::Denied(text),
                (400, "BadDigest" | "XAmzContentSHA256Mismatch") => StorageError::Damaged(text),
                (408 | 429 | 500.., _)
                | (_, "RequestTimeout" | "IncompleteBody" | "SlowDown" | "OperationAborted") => {
                    StorageError::Unavailable(text)
                }
                _ => StorageError::Invalid(text),
            }
        }
        SdkError::ConstructionFailure(_) => StorageError::Invalid(text),
        SdkError::DispatchFailure(dispatch) if dispatch.is_user() => StorageError::Invalid(text),
        _ => StorageError::Unavailable(text),
    }
}

/// An error with its causes; the SDK's own text is only the outermost.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
