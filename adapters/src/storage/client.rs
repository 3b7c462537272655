//! The client of the object store, the same for AWS, any other S3 and the embedded store.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Config, Region, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::operation::{get_object::GetObjectOutput, head_object::HeadObjectOutput};
use aws_sdk_s3::presigning::{PresigningConfig, PresigningConfigBuilder};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

use super::encode::{attachment, base64, percent};
pub(super) use super::{ObjectInfo, StorageError, StoreConfig};
use super::{SHA256, chain, failure, info};

/// The largest file that one request may carry, in bytes: 5 GiB.
pub(super) const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// One bucket. Cheap to clone; the clones share their connections.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    /// For requests without content: 10 s an attempt, 30 s in all.
    quick: aws_sdk_s3::Client,
    /// For requests with content: 15 min an attempt, and 20 s without progress.
    bulk: aws_sdk_s3::Client,
    bucket: Arc<str>,
    region: Arc<str>,
}

impl ObjectStore {
    /// Makes the client; connects only when it is used.
    pub fn new(config: StoreConfig) -> Self {
        let StoreConfig { endpoint_url, region, access_key, secret_key, bucket } = config;
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        // No read timeout: the SDK counts the sending of the body into it.
        let limits = |attempt, total| {
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_secs(attempt))
                .operation_timeout(Duration::from_secs(total))
                .build()
        };
        let stalls = StalledStreamProtectionConfig::enabled().grace_period(Duration::from_secs(20));
        // `set_*` of the builder borrows where its siblings consume.
        let mut base = Config::builder().behavior_version(BehaviorVersion::v2026_01_12());
        base.set_endpoint_url(endpoint_url);
        let base = base
            .region(Region::new(region.clone()))
            .credentials_provider(Credentials::new(access_key, secret_key, None, None, "config"))
            .force_path_style(true)
            .http_client(http)
            .retry_config(RetryConfig::standard().with_max_attempts(4))
            .stalled_stream_protection(stalls.build())
            .timeout_config(limits(10, 30))
            .build();
        let bulk = base.to_builder().timeout_config(limits(15 * 60, 60 * 60)).build();
        Self {
            quick: aws_sdk_s3::Client::from_conf(base),
            bulk: aws_sdk_s3::Client::from_conf(bulk),
            bucket: bucket.into(),
            region: region.into(),
        }
    }

    /// Creates the bucket unless it exists; safe to call at the same time from many places.
    pub async fn ensure_bucket(&self) -> Result<(), StorageError> {
        let head = self.quick.head_bucket().bucket(&*self.bucket).send().await;
        match head.map_err(|error| failure(&self.bucket, &error)) {
            Err(StorageError::NotFound(_)) => {}
            known => return known.map(drop),
        }
        // us-east-1 refuses to be named, every other region insists on it.
        let elsewhere = (*self.region != *"us-east-1").then(|| {
            let region = BucketLocationConstraint::from(&*self.region);
            CreateBucketConfiguration::builder().location_constraint(region).build()
        });
        let create = self.quick.create_bucket().bucket(&*self.bucket);
        match create.set_create_bucket_configuration(elsewhere).send().await {
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            made => made.map(drop).map_err(|error| failure(&self.bucket, &error)),
        }
    }

    /// Streams a file of at most [`MAX_PUT_BYTES`] from the disk. The store refuses content that
    /// is not of the given SHA-256. Repeating it is harmless; an object that is there is replaced.
    pub async fn put_file(
        &self,
        key: &str,
        path: &Path,
        content_type: &str,
        sha256: &[u8; 32],
    ) -> Result<(), StorageError> {
        let metadata = tokio::fs::metadata(path).await;
        if metadata.map_err(|e| StorageError::Io(path.into(), e))?.len() > MAX_PUT_BYTES {
            return Err(StorageError::Invalid("a file over 5 GiB".to_owned()));
        }
        // By path, not by open file: only so can the SDK read it again for a retry.
        let body = ByteStream::read_from().path(path).buffer_size(256 * 1024).build().await;
        let body = body.map_err(|e| StorageError::Io(path.into(), std::io::Error::other(e)))?;
        let put = self.bulk.put_object().bucket(&*self.bucket).key(key).body(body);
        put.content_type(content_type)
            // A checksum of ours spares the aws-chunked encoding that a default CRC32 needs.
            .checksum_sha256(base64(sha256))
            .metadata(SHA256, hex::encode(sha256))
            .send()
            .await
            .map(drop)
            .map_err(|error| unread(path, &error).unwrap_or_else(|| failure(key, &error)))
    }

    /// Streams an object to `path`, which appears (or is replaced) only when it is complete and
    /// its checksum, if the store sent one, is right. Not fsynced.
    pub async fn get_to_file(&self, key: &str, path: &Path) -> Result<ObjectInfo, StorageError> {
        let get = self.bulk.get_object().bucket(&*self.bucket).key(key).send().await;
        let mut output = get.map_err(|error| failure(key, &error))?;
        let io = |error| StorageError::Io(path.to_path_buf(), error);
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let partial = NamedTempFile::new_in(dir.unwrap_or(Path::new("."))).map_err(io)?;
        let (file, partial) = partial.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        while let Some(chunk) = output.body.next().await {
            let chunk = chunk.map_err(|error| {
                // The error type is private to a crate of the SDK.
                let text = chain(&error);
                let damaged = text.contains("checksum mismatch");
                if damaged { StorageError::Damaged(text) } else { StorageError::Unavailable(text) }
            })?;
            file.write_all(&chunk).await.map_err(io)?;
        }
        file.flush().await.map_err(io)?;
        partial.persist(path).map_err(|error| io(error.error))?;
        let GetObjectOutput {
            content_length, content_type, e_tag, metadata, last_modified, ..
        } = output;
        Ok(info(content_length, content_type, e_tag, metadata, last_modified))
    }

    /// Copies an object of at most 5 GiB with its metadata, within the bucket.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), StorageError> {
        // The SDK sends the source as it is given.
        let source = format!("{}/{}", self.bucket, percent(from, "/"));
        let copy = self.bulk.copy_object().bucket(&*self.bucket).key(to).copy_source(source);
        copy.send().await.map(drop).map_err(|error| failure(from, &error))
    }

    /// Deletes an object; one that does not exist is a success.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        let delete = self.quick.delete_object().bucket(&*self.bucket).key(key).send().await;
        delete.map(drop).map_err(|error| failure(key, &error))
    }

    /// What the store knows about an object; `None` when it does not exist.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StorageError> {
        let head = self.quick.head_object().bucket(&*self.bucket).key(key).send().await;
        match head.map_err(|error| failure(key, &error)) {
            Ok(HeadObjectOutput {
                content_length,
                content_type,
                e_tag,
                metadata,
                last_modified,
                ..
            }) => Ok(Some(info(content_length, content_type, e_tag, metadata, last_modified))),
            Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A link with which anybody can download the object as `file_name`, for `expires` (1 s to
    /// 7 days) from now. Does not ask the store, not even whether the object exists.
    pub async fn presign_get(
        &self,
        key: &str,
        expires: Duration,
        file_name: &str,
    ) -> Result<String, StorageError> {
        let expires = PresigningConfig::builder().expires_in(expires);
        self.presign(key, expires, file_name).await
    }

    /// The same link, counted from a time in seconds since the epoch: the same link for the same
    /// time.
    pub async fn presign_get_since(
        &self,
        key: &str,
        since: Duration,
        expires: Duration,
        file_name: &str,
    ) -> Result<String, StorageError> {
        let since = std::time::UNIX_EPOCH + since;
        let expires = PresigningConfig::builder().start_time(since).expires_in(expires);
        self.presign(key, expires, file_name).await
    }

    async fn presign(
        &self,
        key: &str,
        expires: PresigningConfigBuilder,
        file_name: &str,
    ) -> Result<String, StorageError> {
        let invalid = |reason: String| StorageError::Invalid(reason);
        let expires = expires.build().map_err(|e| invalid(chain(&e)))?;
        if expires.expires().as_secs() == 0 {
            return Err(invalid("a link that lives for less than a second".to_owned()));
        }
        let get = self.quick.get_object().bucket(&*self.bucket).key(key);
        let get = get.response_content_disposition(attachment(file_name)).presigned(expires).await;
        get.map(|request| request.uri().to_owned()).map_err(|error| failure(key, &error))
    }
}

/// The error of a local file that could not be read while it was sent. To the SDK it looks like a
/// request that cannot be right.
fn unread<E>(path: &Path, error: &SdkError<E, HttpResponse>) -> Option<StorageError> {
    let SdkError::DispatchFailure(dispatch) = error else { return None };
    let mut cause: Option<&(dyn Error + 'static)> = dispatch.as_connector_error()?.source();
    while let Some(error) = cause.filter(|_| dispatch.is_user()) {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            let copy = std::io::Error::new(io.kind(), chain(io));
            return Some(StorageError::Io(path.into(), copy));
        }
        cause = error.source();
    }
    None
}
