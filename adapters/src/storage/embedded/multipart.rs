//! Multipart uploads: every part is a durable file of its own until the upload is completed.

use std::io::ErrorKind;

use md5::{Digest as _, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::body::declared;
use super::disk::{Disk, Place, Written};
use super::object::{exclusive, new_meta, open, publish_error};
use super::record::Meta;
use super::{EmbeddedStore, require_bucket};

const MAX_PART: i32 = 10_000;
/// All parts but the last are at least so long.
const MIN_PART: u64 = 5 * 1024 * 1024;
/// The file of an upload that holds the key and the metadata of the object to be.
const START: &str = "start";

impl EmbeddedStore {
    pub(super) async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let meta = new_meta(input.key, input.content_type, input.metadata)?;
        let id = self
            .blocking(move |disk| {
                require_bucket(disk, &input.bucket)?;
                let sink = disk.sink(ChecksumHasher::default()).map_err(S3Error::internal_error)?;
                let id = disk.create_upload(&input.bucket).map_err(S3Error::internal_error)?;
                let place = place(disk, &input.bucket, &id, START)?;
                disk.publish(sink.finish(), &place, meta, true).map_err(publish_error)?;
                Ok(id)
            })
            .await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    pub(super) async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = req.input;
        if !(1..=MAX_PART).contains(&input.part_number) {
            return Err(s3_error!(InvalidArgument, "Part numbers are 1 to {MAX_PART}"));
        }
        let declared = declared!(input);
        let (bucket, key, id) = (input.bucket.clone(), input.key, input.upload_id);
        let part = input.part_number;
        let target = self
            .blocking(move |disk| {
                started(disk, &input.bucket, &key, &id)?;
                place(disk, &input.bucket, &id, &part_name(part))
            })
            .await?;
        let written = self.receive(bucket, input.body, declared, req.trailing_headers).await?;
        let meta = self
            .blocking(move |disk| {
                disk.publish(written, &target, Meta::default(), false).map_err(gone)
            })
            .await?;
        let e_tag = Some(ETag::Strong(meta.etag));
        Ok(S3Response::new(UploadPartOutput { e_tag, ..Default::default() }))
    }

    /// Idempotent: completing again succeeds for as long as its object is the current one.
    pub(super) async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let exclusive = exclusive(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let (bucket, key, id) = (input.bucket, input.key, input.upload_id);
        let (output_bucket, output_key) = (bucket.clone(), key.clone());
        let etag = self
            .blocking(move |disk| {
                let target = disk.object(&bucket, &key);
                let mut meta = match started(disk, &bucket, &key, &id) {
                    Ok(meta) => meta,
                    Err(error) => {
                        return match target.open() {
                            Ok((_, meta)) if meta.upload_id == id => Ok(meta.etag),
                            _ => Err(error),
                        };
                    }
                };
                let (written, etag) = join(disk, &bucket, &id, &parts)?;
                meta.etag = etag;
                meta.upload_id.clone_from(&id);
                let meta =
                    disk.publish(written, &target, meta, exclusive).map_err(publish_error)?;
                if let Err(error) = place(disk, &bucket, &id, START)?.remove_upload() {
                    tracing::warn!(%error, %id, "parts of a completed upload are left");
                }
                Ok(meta.etag)
            })
            .await?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(output_bucket),
            key: Some(output_key),
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        }))
    }

    pub(super) async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = req.input;
        self.blocking(move |disk| {
            started(disk, &bucket, &key, &upload_id)?;
            place(disk, &bucket, &upload_id, START)?.remove_upload().map_err(gone)
        })
        .await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

fn part_name(number: i32) -> String {
    format!("{number:05}")
}

fn place(disk: &Disk, bucket: &str, id: &str, name: &str) -> S3Result<Place> {
    disk.upload(bucket, id, name).ok_or_else(|| s3_error!(NoSuchUpload))
}

/// What was said when the upload was created; refuses uploads that ended or are of another key.
fn started(disk: &Disk, bucket: &str, key: &str, id: &str) -> S3Result<Meta> {
    require_bucket(disk, bucket)?;
    let (_, mut meta) = place(disk, bucket, id, START)?.open().map_err(gone)?;
    if meta.key != key {
        return Err(s3_error!(NoSuchUpload));
    }
    meta.etag.clear();
    Ok(meta)
}

/// An upload that is completed or aborted has no directory any more.
fn gone(error: std::io::Error) -> S3Error {
    match error.kind() {
        ErrorKind::NotFound => s3_error!(NoSuchUpload),
        _ => S3Error::internal_error(error),
    }
}

/// Joins the parts, which must ascend and be the ones that were uploaded.
fn join(
    disk: &Disk,
    bucket: &str,
    id: &str,
    parts: &[CompletedPart],
) -> S3Result<(Written, String)> {
    if parts.is_empty() {
        return Err(s3_error!(InvalidPart, "no parts"));
    }
    if !parts.is_sorted_by(|one, next| one.part_number < next.part_number) {
        return Err(s3_error!(InvalidPartOrder));
    }
    let mut sink = disk.sink(ChecksumHasher::default()).map_err(S3Error::internal_error)?;
    let mut digests = Md5::new();
    for (index, part) in parts.iter().enumerate() {
        let number = part.part_number.ok_or_else(|| s3_error!(InvalidPart))?;
        let (mut file, meta) = open(&place(disk, bucket, id, &part_name(number))?)
            .map_err(|source| s3_error!(source, InvalidPart, "part {number}"))?;
        if part.e_tag.as_ref().is_none_or(|etag| etag.value() != meta.etag) {
            return Err(s3_error!(InvalidPart, "part {number} is another"));
        }
        if meta.size < MIN_PART && index + 1 < parts.len() {
            return Err(s3_error!(EntityTooSmall, "part {number}"));
        }
        sink.copy_from(&mut file, meta.size).map_err(S3Error::internal_error)?;
        digests.update(hex::decode(&meta.etag).map_err(S3Error::internal_error)?);
    }
    Ok((sink.finish(), format!("{}-{}", hex::encode(digests.finalize()), parts.len())))
}
