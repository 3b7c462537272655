//! A durable S3 server on a directory, for machines without object storage.
//!
//! It speaks enough of S3 for our own client and for pre-signed links, verifies `SigV4` signatures,
//! and answers a write only when content and metadata are on the disk (see `disk.rs` for how).
//! There is no TLS and no versioning, tagging, ACL or bucket deletion: bind it to loopback.

mod body;
mod disk;
mod multipart;
mod object;
mod record;

use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, dto, s3_error};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};

/// The longest life of a pre-signed link, in seconds: 7 days, as on AWS.
pub const MAX_PRESIGNED_SECS: u32 = 604_800;

const MAX_CONNECTIONS: usize = 1024;
/// hyper counts the idle time of a kept-alive connection as reading the next header. Longer than
/// the 90 s for which the client's pool keeps a connection, so that only the client closes them.
const IDLE: Duration = Duration::from_mins(2);
const DRAIN: Duration = Duration::from_secs(10);
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

type Answer<'a, T> = Pin<Box<dyn Future<Output = S3Result<T>> + Send + 'a>>;

/// An S3 backend that keeps its objects in a directory. Cheap to clone.
///
/// Objects hold at most 5 GiB a request (more through multipart uploads), keys at most 1,024
/// bytes, user metadata at most 2 KiB. Any number of tasks may read and write one key: readers
/// keep the version that they opened, and of concurrent writers the last one wins whole.
#[derive(Debug, Clone)]
pub struct EmbeddedStore {
    disk: Arc<disk::Disk>,
}

impl EmbeddedStore {
    /// Opens the store in `dir`, creating it if need be; blocks on the disk. The caller makes
    /// sure that no other process has it open.
    ///
    /// # Errors
    /// When the directory cannot be created, read or fsynced.
    pub fn open(dir: &Path) -> io::Result<Self> {
        Ok(Self { disk: Arc::new(disk::Disk::open(dir)?) })
    }

    /// Runs disk work on the blocking pool; it runs to its end even if the caller is cancelled.
    async fn blocking<T, F>(&self, work: F) -> S3Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&disk::Disk) -> S3Result<T> + Send + 'static,
    {
        let disk = Arc::clone(&self.disk);
        spawn_blocking(move || work(&disk)).await.map_err(S3Error::internal_error)?
    }

    /// Idempotent: creating a bucket that exists succeeds, as in us-east-1.
    async fn create_bucket(
        &self,
        req: S3Request<dto::CreateBucketInput>,
    ) -> S3Result<S3Response<dto::CreateBucketOutput>> {
        let bucket = req.input.bucket;
        let location = format!("/{bucket}");
        self.blocking(move |disk| disk.create_bucket(&bucket).map_err(S3Error::internal_error))
            .await?;
        let location = Some(location);
        Ok(S3Response::new(dto::CreateBucketOutput { location }))
    }

    async fn head_bucket(
        &self,
        req: S3Request<dto::HeadBucketInput>,
    ) -> S3Result<S3Response<dto::HeadBucketOutput>> {
        self.blocking(move |disk| require_bucket(disk, &req.input.bucket)).await?;
        Ok(S3Response::new(dto::HeadBucketOutput::default()))
    }
}

fn require_bucket(disk: &disk::Disk, bucket: &str) -> S3Result<()> {
    match disk.has_bucket(bucket) {
        Ok(true) => Ok(()),
        Ok(false) => Err(s3_error!(NoSuchBucket)),
        Err(error) => Err(S3Error::internal_error(error)),
    }
}

/// Implements `S3` by the inherent methods of the same names. `S3` is an `async_trait`; this is
/// what that macro would write.
macro_rules! operations {
    ($($name:ident($input:ident) -> $output:ident;)*) => {
        impl S3 for EmbeddedStore {$(
            fn $name<'life0, 'async_trait>(
                &'life0 self,
                req: S3Request<dto::$input>,
            ) -> Answer<'async_trait, S3Response<dto::$output>>
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(Self::$name(self, req))
            }
        )*}
    };
}

operations! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    put_object(PutObjectInput) -> PutObjectOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
}

/// What a valid signature does not settle. s3s calls it for every request once an auth is set,
/// after the signature was checked and before the operation sees the input.
struct Gate;

impl Gate {
    fn admit(cx: &S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        }
        // s3s also takes SigV2, whose links may live for ever.
        if cx.headers().get("authorization").is_some_and(|v| v.as_bytes().starts_with(b"AWS ")) {
            return Err(s3_error!(AccessDenied, "SigV4 is required"));
        }
        for pair in cx.uri().query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // s3s compares decoded names; no name of S3 needs an escape, so none may hide here.
            if name.contains('%') || name == "Signature" {
                return Err(s3_error!(
                    AccessDenied,
                    "SigV4 with plain parameter names is required"
                ));
            }
            // s3s bounds the expiry by u32 only and accepts 136 years.
            if name == "X-Amz-Expires"
                && !value.parse().is_ok_and(|secs| (1..=MAX_PRESIGNED_SECS).contains(&secs))
            {
                let code = s3s::S3ErrorCode::AuthorizationQueryParametersError;
                return Err(S3Error::with_message(code, "X-Amz-Expires must be 1 to 604800"));
            }
        }
        Ok(())
    }
}

impl S3Access for Gate {
    fn check<'life0, 'life1, 'life2, 'async_trait>(
        &'life0 self,
        cx: &'life1 mut S3AccessContext<'life2>,
    ) -> Answer<'async_trait, ()>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        'life2: 'async_trait,
        Self: 'async_trait,
    {
        let admitted = Self::admit(cx);
        Box::pin(std::future::ready(admitted))
    }
}

fn service(store: EmbeddedStore, access_key: &str, secret_key: &str) -> S3Service {
    let mut config = S3Config::default();
    // s3s reads a POST form into memory, 5 GB by default, before it asks for a signature.
    config.post_object_max_file_size = 64 * 1024;
    config.form_max_fields_size = 64 * 1024;
    config.xml_max_body_size = 4 * 1024 * 1024;
    let mut builder = S3ServiceBuilder::new(store);
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
    builder.set_access(Gate);
    builder.build()
}

/// Serves the store in `dir` over HTTP/1.1 on `listener` until `shutdown` resolves.
///
/// Requests must carry a `SigV4` signature of the key pair, in a header (at most 15 minutes old) or
/// a pre-signed URL (at most [`MAX_PRESIGNED_SECS`] long). At most 1,024 connections are open at a
/// time, more wait in the listener's queue. On shutdown, requests in flight have 10 s to end.
///
/// # Errors
/// When a key is empty or the store cannot be opened. Errors of connections are logged.
pub async fn serve(
    dir: &Path,
    listener: TcpListener,
    access_key: &str,
    secret_key: &str,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    if access_key.is_empty() || secret_key.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the S3 key pair is empty"));
    }
    let dir = dir.to_path_buf();
    let opened = spawn_blocking(move || EmbeddedStore::open(&dir)).await;
    let service = service(opened.map_err(io::Error::other)??, access_key, secret_key);
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);

    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "object store connection panicked");
                }
            }
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let connection = connection(http.clone(), stream, service.clone(), stopped.clone());
                    connections.spawn(connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "object store cannot accept");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            },
        }
    }
    drop((listener, stop));
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!(open = connections.len(), "object store connections cut at shutdown");
    }
    connections.shutdown().await;
    Ok(())
}

/// Serves one connection; when the sender of `stopped` is dropped, only its current request.
async fn connection(
    http: auto::Builder<TokioExecutor>,
    stream: TcpStream,
    service: S3Service,
    mut stopped: watch::Receiver<()>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "object store connection ended");
    }
}
