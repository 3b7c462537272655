//! Operations on whole objects.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Seek as _, SeekFrom};

use s3s::checksum::ChecksumHasher;
use s3s::dto::{
    ChecksumMode, ChecksumType, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource,
    DeleteObjectInput, DeleteObjectOutput, ETag, ETagCondition, EncodingType, GetObjectInput,
    GetObjectOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output,
    Metadata, MetadataDirective, Object, PutObjectInput, PutObjectOutput, StreamingBlob, Timestamp,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::body::{content, declared};
use super::disk::{Disk, Place};
use super::record::Meta;
use super::{EmbeddedStore, require_bucket};
use crate::storage::encode::{base64, percent};

const MAX_KEY: usize = 1024;
const MAX_USER_METADATA: usize = 2048;
const MAX_PAGE: usize = 1000;

impl EmbeddedStore {
    pub(super) async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = req.input;
        let exclusive = exclusive(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let meta = new_meta(input.key, input.content_type, input.metadata)?;
        let declared = declared!(input);
        let bucket = input.bucket;
        let body = input.body;
        let written = self.receive(bucket.clone(), body, declared, req.trailing_headers).await?;
        let meta = self
            .blocking(move |disk| {
                let place = disk.object(&bucket, &meta.key);
                disk.publish(written, &place, meta, exclusive).map_err(publish_error)
            })
            .await?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(meta.etag)),
            checksum_sha256: Some(base64(&meta.sha256)),
            checksum_type: Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
            ..Default::default()
        }))
    }

    /// `response-*` overrides need nothing here: s3s puts them over the headers of the answer.
    pub(super) async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        if input.version_id.is_some() || input.part_number.is_some() {
            return Err(s3_error!(NotImplemented, "no versions and no access by part"));
        }
        let (file, meta, span) = self
            .blocking(move |disk| {
                let place = existing(disk, &input.bucket, &input.key)?;
                let (mut file, meta) = open(&place)?;
                check_conditions(&meta, input.if_match.as_ref(), input.if_none_match.as_ref())?;
                let span = input.range.map(|range| range.check(meta.size)).transpose()?;
                let start = span.as_ref().map_or(0, |span| span.start);
                file.seek(SeekFrom::Start(start)).map_err(S3Error::internal_error)?;
                Ok((file, meta, span))
            })
            .await?;
        let length = span.as_ref().map_or(meta.size, |span| span.end - span.start);
        let range = span.map(|span| {
            format!("bytes {}-{}/{}", span.start, span.end.saturating_sub(1), meta.size)
        });
        // The client verifies the digest as it reads; a part of the content has none.
        let verify = enabled(input.checksum_mode.as_ref()) && range.is_none();
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(StreamingBlob::wrap(content(file, length))),
            content_length: Some(signed(length)?),
            content_range: range,
            checksum_sha256: verify.then(|| base64(&meta.sha256)),
            checksum_type: verify.then(|| ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
            content_type: Some(meta.content_type.clone()).filter(|it| !it.is_empty()),
            e_tag: Some(ETag::Strong(meta.etag.clone())),
            last_modified: Some(Timestamp::from(meta.modified())),
            metadata: Some(meta.user.into_iter().collect()),
            ..Default::default()
        }))
    }

    pub(super) async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let meta = self
            .blocking(move |disk| {
                let (_, meta) = open(&existing(disk, &input.bucket, &input.key)?)?;
                check_conditions(&meta, input.if_match.as_ref(), input.if_none_match.as_ref())?;
                Ok(meta)
            })
            .await?;
        let verify = enabled(input.checksum_mode.as_ref());
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(signed(meta.size)?),
            checksum_sha256: verify.then(|| base64(&meta.sha256)),
            checksum_type: verify.then(|| ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
            content_type: Some(meta.content_type.clone()).filter(|it| !it.is_empty()),
            e_tag: Some(ETag::Strong(meta.etag.clone())),
            last_modified: Some(Timestamp::from(meta.modified())),
            metadata: Some(meta.user.into_iter().collect()),
            ..Default::default()
        }))
    }

    pub(super) async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        self.blocking(move |disk| {
            let place = existing(disk, &input.bucket, &input.key)?;
            place.remove().map_err(S3Error::internal_error)
        })
        .await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    /// Copies by reading and hashing, so that a damaged source is refused and not spread.
    pub(super) async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        let CopySource::Bucket { bucket, key, version_id: None } = input.copy_source else {
            return Err(s3_error!(NotImplemented, "only copies of a current object by name"));
        };
        if input.copy_source_if_match.is_some()
            || input.copy_source_if_none_match.is_some()
            || input.copy_source_if_modified_since.is_some()
            || input.copy_source_if_unmodified_since.is_some()
        {
            return Err(s3_error!(NotImplemented, "no conditional copies"));
        }
        let mut fresh = new_meta(input.key, input.content_type, input.metadata)?;
        let replace = input
            .metadata_directive
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let meta = self
            .blocking(move |disk| {
                require_bucket(disk, &input.bucket)?;
                let (mut file, source) = open(&existing(disk, &bucket, &key)?)?;
                let mut sink =
                    disk.sink(ChecksumHasher::default()).map_err(S3Error::internal_error)?;
                sink.copy_from(&mut file, source.size).map_err(S3Error::internal_error)?;
                let written = sink.finish();
                if written.sha256 != source.sha256 {
                    return Err(s3_error!(InternalError, "The source is damaged"));
                }
                if !replace {
                    fresh.content_type = source.content_type;
                    fresh.user = source.user;
                }
                let place = disk.object(&input.bucket, &fresh.key);
                disk.publish(written, &place, fresh, false).map_err(publish_error)
            })
            .await?;
        let result = CopyObjectResult {
            e_tag: Some(ETag::Strong(meta.etag.clone())),
            last_modified: Some(Timestamp::from(meta.modified())),
            ..Default::default()
        };
        let copy_object_result = Some(result);
        Ok(S3Response::new(CopyObjectOutput { copy_object_result, ..Default::default() }))
    }

    pub(super) async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        if input.delimiter.is_some() {
            return Err(s3_error!(NotImplemented, "no delimiters"));
        }
        // The token is the last key of the page before, in hex.
        let token = |token: &String| String::from_utf8(hex::decode(token).ok()?).ok();
        let after = match (&input.continuation_token, &input.start_after) {
            (Some(it), _) => token(it).ok_or_else(|| s3_error!(InvalidArgument, "bad token"))?,
            (None, after) => after.clone().unwrap_or_default(),
        };
        let limit = usize::try_from(input.max_keys.unwrap_or(1000)).unwrap_or(0).min(MAX_PAGE);
        let (bucket, prefix) = (input.bucket.clone(), input.prefix.clone().unwrap_or_default());
        let mut page = self
            .blocking(move |disk| {
                require_bucket(disk, &bucket)?;
                disk.list(&bucket, &prefix, &after, limit + 1).map_err(S3Error::internal_error)
            })
            .await?;
        let truncated = page.len() > limit && limit > 0;
        page.truncate(limit);
        let next = page.last().filter(|_| truncated).map(|meta| hex::encode(&meta.key));
        let url = input.encoding_type.as_ref().is_some_and(|it| it.as_str() == EncodingType::URL);
        let encode = |key: String| if url { percent(&key, "/") } else { key };
        let contents = page.into_iter().map(|meta| {
            Ok(Object {
                last_modified: Some(Timestamp::from(meta.modified())),
                size: Some(signed(meta.size)?),
                e_tag: Some(ETag::Strong(meta.etag)),
                key: Some(encode(meta.key)),
                ..Default::default()
            })
        });
        let contents = contents.collect::<S3Result<Vec<_>>>()?;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(encode(input.prefix.unwrap_or_default())),
            max_keys: i32::try_from(limit).ok(),
            key_count: i32::try_from(contents.len()).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(truncated),
            next_continuation_token: next,
            contents: Some(contents),
            encoding_type: input.encoding_type,
            start_after: input.start_after.map(encode),
            ..Default::default()
        }))
    }
}

/// The record of an object to be written; refuses what S3 refuses.
pub(super) fn new_meta(
    key: String,
    content_type: Option<String>,
    user: Option<Metadata>,
) -> S3Result<Meta> {
    check_key(&key)?;
    let user: BTreeMap<_, _> = user.unwrap_or_default().into_iter().collect();
    if user.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_USER_METADATA
    {
        return Err(s3_error!(MetadataTooLarge));
    }
    let content_type = content_type.unwrap_or_default();
    Ok(Meta { key, content_type, user, ..Default::default() })
}

fn check_key(key: &str) -> S3Result<()> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(s3_error!(KeyTooLongError, "A key has 1 to {MAX_KEY} bytes"));
    }
    Ok(())
}

/// Whether an existing object must stay. A condition that is not honoured must not be ignored.
pub(super) fn exclusive(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<bool> {
    match (if_match, if_none_match) {
        (None, None) => Ok(false),
        (None, Some(ETagCondition::Any)) => Ok(true),
        _ => Err(s3_error!(NotImplemented, "of conditional writes only If-None-Match: *")),
    }
}

fn check_conditions(
    meta: &Meta,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| {
        condition.as_etag().is_none_or(|etag| etag.value() == meta.etag)
    };
    if if_match.is_some_and(|condition| !is(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(is) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

fn existing(disk: &Disk, bucket: &str, key: &str) -> S3Result<Place> {
    check_key(key)?;
    require_bucket(disk, bucket)?;
    Ok(disk.object(bucket, key))
}

pub(super) fn open(place: &Place) -> S3Result<(File, Meta)> {
    place.open().map_err(|error| match error.kind() {
        ErrorKind::NotFound => s3_error!(NoSuchKey),
        _ => S3Error::internal_error(error),
    })
}

pub(super) fn publish_error(error: std::io::Error) -> S3Error {
    match error.kind() {
        ErrorKind::AlreadyExists => s3_error!(PreconditionFailed, "The object exists"),
        _ => S3Error::internal_error(error),
    }
}

fn enabled(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

fn signed(size: u64) -> S3Result<i64> {
    i64::try_from(size).map_err(S3Error::internal_error)
}
