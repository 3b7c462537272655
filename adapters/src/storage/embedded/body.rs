//! Content in transit: bodies of requests to the disk, and files to bodies of answers.

use std::fs::File;
use std::io::{self, Read as _};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use s3s::checksum::ChecksumHasher;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders, s3_error};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::disk::{Disk, Sink, Written};
use super::{EmbeddedStore, require_bucket};
use crate::storage::encode::base64;

/// What one request may carry, as on AWS.
const MAX_BODY: u64 = 5 * 1024 * 1024 * 1024;
/// Content is hashed, written and read in steps of about this many bytes.
const STEP: usize = 256 * 1024;
/// A body that sends nothing for so long is given up.
const STALL: Duration = Duration::from_mins(1);

/// What the client says about a body that it sends.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// Base64 by the last part of `x-amz-checksum-<name>`.
    pub(super) sums: Vec<(&'static str, Option<String>)>,
    /// The one whose value follows the body.
    pub(super) algorithm: Option<String>,
    pub(super) md5: Option<String>,
    pub(super) length: Option<i64>,
}

/// Takes the declarations out of the input of an upload; the inputs share the field names only.
macro_rules! declared {
    ($input:expr) => {
        $crate::storage::embedded::body::Declared {
            sums: vec![
                ("crc32", $input.checksum_crc32.take()),
                ("crc32c", $input.checksum_crc32c.take()),
                ("crc64nvme", $input.checksum_crc64nvme.take()),
                ("sha1", $input.checksum_sha1.take()),
                ("sha256", $input.checksum_sha256.take()),
            ],
            algorithm: $input.checksum_algorithm.take().map(|name| name.as_str().to_owned()),
            md5: $input.content_md5.take(),
            length: $input.content_length,
        }
    };
}
pub(super) use declared;

impl Declared {
    fn hasher(&self) -> ChecksumHasher {
        let wanted = |name: &str| {
            self.sums.iter().any(|(sum, value)| *sum == name && value.is_some())
                || self.algorithm.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(name))
        };
        ChecksumHasher {
            crc32: wanted("crc32").then(Default::default),
            crc32c: wanted("crc32c").then(Default::default),
            crc64nvme: wanted("crc64nvme").then(Default::default),
            sha1: wanted("sha1").then(Default::default),
            // Always computed by the sink itself.
            sha256: None,
        }
    }

    fn verify(mut self, written: &Written, trailers: Option<&TrailingHeaders>) -> S3Result<()> {
        // s3s passes an aws-chunked body that ends at a chunk boundary, without its last chunk, as
        // complete; only the length tells.
        if self.length.is_some_and(|length| u64::try_from(length) != Ok(written.size)) {
            return Err(s3_error!(IncompleteBody));
        }
        for (name, value) in &mut self.sums {
            let trailer = trailers.and_then(|trailers| {
                trailers.read(|headers| {
                    let value = headers.get(format!("x-amz-checksum-{name}"))?;
                    value.to_str().ok().map(str::to_owned)
                })
            });
            *value = trailer.flatten().or_else(|| value.take());
        }
        let extra = &written.extra;
        for (name, expected) in self.sums {
            let actual = match name {
                "crc32" => extra.checksum_crc32.clone(),
                "crc32c" => extra.checksum_crc32c.clone(),
                "crc64nvme" => extra.checksum_crc64nvme.clone(),
                "sha1" => extra.checksum_sha1.clone(),
                _ => Some(base64(&written.sha256)),
            };
            if expected.is_some() && expected != actual {
                return Err(s3_error!(BadDigest, "The {name} of the body is another"));
            }
        }
        if self.md5.is_some_and(|md5| md5 != base64(&written.md5)) {
            return Err(s3_error!(BadDigest, "The MD5 of the body is another"));
        }
        Ok(())
    }
}

impl EmbeddedStore {
    /// Streams a body to a file under `tmp/` and checks it; at most two steps are in memory.
    pub(super) async fn receive(
        &self,
        bucket: String,
        body: Option<StreamingBlob>,
        declared: Declared,
        trailers: Option<TrailingHeaders>,
    ) -> S3Result<Written> {
        if declared.length.is_some_and(|length| u64::try_from(length).is_ok_and(|n| n > MAX_BODY)) {
            return Err(s3_error!(EntityTooLarge));
        }
        let mut body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let hasher = declared.hasher();
        let open = move |disk: &Disk| {
            require_bucket(disk, &bucket)?;
            disk.sink(hasher).map_err(S3Error::internal_error)
        };
        let mut sink = self.blocking(open).await?;
        let mut last = false;
        while !last {
            let mut chunks = Vec::new();
            let mut held = 0;
            while held < STEP && !last {
                match timeout(STALL, body.next()).await {
                    Ok(Some(Ok(chunk))) => {
                        held += chunk.len();
                        chunks.push(chunk);
                    }
                    Ok(Some(Err(source))) => {
                        return Err(S3Error::with_source(S3ErrorCode::IncompleteBody, source));
                    }
                    Ok(None) => last = true,
                    Err(source) => return Err(s3_error!(source, RequestTimeout)),
                }
            }
            sink = self.blocking(move |_| append(sink, &chunks)).await?;
        }
        let written = sink.finish();
        declared.verify(&written, trailers.as_ref())?;
        Ok(written)
    }
}

fn append(mut sink: Sink, chunks: &[Bytes]) -> S3Result<Sink> {
    for chunk in chunks {
        if sink.size() + chunk.len() as u64 > MAX_BODY {
            return Err(s3_error!(EntityTooLarge));
        }
        sink.write(chunk).map_err(S3Error::internal_error)?;
    }
    Ok(sink)
}

/// The next `length` bytes of `file`, in steps of at most [`STEP`].
pub(super) fn content(
    file: File,
    length: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
    stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let step = usize::try_from(left).map_or(STEP, |left| left.min(STEP));
        let read = move || {
            let mut buffer = vec![0; step];
            file.read_exact(&mut buffer).map(|()| (file, Bytes::from(buffer)))
        };
        let (file, chunk) = spawn_blocking(read).await.map_err(io::Error::other)??;
        Ok(Some((chunk, (file, left - step as u64))))
    })
}
