//! Receiving uploads: streamed to disk, hashed on the way, checked against what they claim to be,
//! and put into object storage before anything is recorded.

use super::form::{Form, MOST_FILES, Part};
use crate::app::AppState;
use crate::error::{ApiError, chain};
use firsthand_adapters::scorer;
use firsthand_adapters::storage::StorageError;
use firsthand_domain::ids::{FileId, SubmissionId};
use firsthand_domain::jobs::Location;
use firsthand_domain::media::MediaType;
use firsthand_domain::submissions::UploadedFile;
use firsthand_domain::{Rejection, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

/// The longest field that is no file, in bytes.
const LONGEST_FIELD: usize = 4_096;

/// A file that was received.
#[derive(Debug)]
struct Received {
    path: TempPath,
    hash: [u8; 32],
    file: UploadedFile,
}

/// What an upload brought.
#[derive(Debug, Default)]
pub(super) struct Upload {
    received: Vec<Received>,
    /// Latitude and longitude in millionths of a degree.
    pub place: Option<(i32, i32)>,
    /// When it was captured, as the device says.
    pub captured_at: Option<Timestamp>,
}

/// What the job wants of a file.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The submission.
    pub submission_id: SubmissionId,
    /// Media types that are accepted.
    pub accepted: Vec<MediaType>,
    /// Where files must be captured.
    pub(crate) area: Option<Location>,
    /// Files that are reserved; `None` where another refusal is certain, so that their number does not matter.
    pub reserved: Option<u32>,
    /// The submission's uploads so far.
    pub attempt: u8,
}

impl Wanted {
    /// Refuses one file more than so many.
    fn takes_another(&self, count: usize) -> Result<(), ApiError> {
        if count >= MOST_FILES {
            return Err(ApiError::field("file", "may be given 5 times"));
        }
        match self.reserved {
            Some(reserved) if u32::try_from(count).unwrap_or(u32::MAX) >= reserved => {
                Err(Rejection::WrongFileCount { reserved }.into())
            }
            _ => Ok(()),
        }
    }
}

impl Upload {
    /// Reads a multipart form: `file` (1 to 5 of them), `latitude`, `longitude`, `captured_at`.
    pub(super) async fn receive(
        app: &AppState,
        wanted: &Wanted,
        form: &mut Form,
    ) -> Result<Self, ApiError> {
        let mut upload = Self::default();
        let (mut latitude, mut longitude) = (None, None);
        while let Some(part) = form.next_part().await? {
            match part.name() {
                "file" => {
                    wanted.takes_another(upload.received.len())?;
                    upload.received.push(receive_file(app, wanted, part).await?);
                }
                "latitude" => latitude = Some(degrees("latitude", &text(part).await?, 90)?),
                "longitude" => longitude = Some(degrees("longitude", &text(part).await?, 180)?),
                "captured_at" => {
                    let at = text(part).await?.parse().map_err(|_invalid| {
                        ApiError::field("captured_at", "must be an ISO 8601 time with an offset")
                    })?;
                    upload.captured_at = Some(at);
                }
                // Unknown fields are read and dropped, as unknown members of JSON bodies are.
                _ => drop(text(part).await?),
            }
        }
        if upload.received.is_empty() {
            return Err(ApiError::field("file", "is required"));
        }
        upload.place = latitude.zip(longitude);
        Ok(upload)
    }

    /// Returns what an idempotency key is bound to: the form as it was understood, with what the files
    /// hold instead of the ids that they were given here.
    pub(super) fn understood(&self) -> impl Serialize {
        let files = self.received.iter().map(|received| {
            let file = &received.file;
            let name = file.original_filename.clone();
            (file.content_hash.clone(), file.content_type.as_str(), name)
        });
        (files.collect::<Vec<_>>(), self.place, self.captured_at)
    }

    /// Puts the files into object storage and returns what to record of them. If one can't be stored, none
    /// is kept.
    pub(super) async fn store(self, app: &AppState) -> Result<Vec<UploadedFile>, ApiError> {
        let mut files = Vec::with_capacity(self.received.len());
        for Received { path, hash, file } in self.received {
            let (key, mime) = (file.storage_key.clone(), file.content_type.as_str());
            files.push(file);
            if let Err(error) = app.objects.put_file(&key, &path, mime, &hash).await {
                discard(app, files);
                return Err(not_stored(&error));
            }
        }
        Ok(files)
    }
}

fn not_stored(error: &StorageError) -> ApiError {
    match error {
        StorageError::Unavailable(_) => ApiError::Unavailable,
        // Wrong credentials and a full disk last: whoever sends it all again at once helps nobody.
        _ => ApiError::Internal(chain(error)),
    }
}

/// Removes from object storage what is not recorded and never will be; no answer waits for it. The ids were
/// minted here, so that nobody else names them; what can't be removed stays as an object that nobody uses.
pub(super) fn discard(app: &AppState, files: Vec<UploadedFile>) {
    let removing = app.clone();
    drop(app.tracker.spawn(async move {
        for file in files {
            if let Err(error) = removing.objects.delete(&file.storage_key).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(object.key = file.storage_key, error, "an unused object stays");
            }
        }
    }));
}

async fn text(mut part: Part<'_>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_FIELD {
            return Err(ApiError::field("body", "has a field that is too long"));
        }
    }
    String::from_utf8(bytes).map_err(|_invalid| ApiError::field("body", "is not UTF-8"))
}

fn degrees(field: &str, text: &str, most: i32) -> Result<i32, ApiError> {
    serde_json::from_str(text)
        .ok()
        .and_then(|number| crate::geo::degrees_e6(&number, most))
        .ok_or_else(|| ApiError::field(field, format!("must be -{most} to {most}")))
}

/// Keeps the last component of a file name, without control characters.
fn plain_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    (!plain.is_empty()).then_some(plain)
}

async fn receive_file(
    app: &AppState,
    wanted: &Wanted,
    mut part: Part<'_>,
) -> Result<Received, ApiError> {
    let name = part.file_name().and_then(plain_name);
    let declared = part.content_type().to_owned();
    let content_type = MediaType::from_mime(declared.split(';').next().unwrap_or_default())
        .filter(|media_type| wanted.accepted.contains(media_type))
        .ok_or_else(|| {
            let accepted: Vec<_> = wanted.accepted.iter().map(|known| known.as_str()).collect();
            ApiError::MediaMismatch(format!("this job accepts {}", accepted.join(", ")))
        })?;
    let limit = content_type.class().max_bytes();
    let (file, path) = tempfile::NamedTempFile::new_in(&app.upload_dir)
        .map_err(|error| ApiError::Internal(chain(&error)))?
        .into_parts();
    let mut out = tokio::io::BufWriter::new(tokio::fs::File::from_std(file));
    let mut hasher = Sha256::new();
    let mut size = 0_u64;
    while let Some(chunk) = part.chunk().await? {
        size += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if size > limit {
            return Err(ApiError::FileTooLarge(limit));
        }
        hasher.update(&chunk);
        out.write_all(&chunk).await.map_err(|error| ApiError::Internal(chain(&error)))?;
    }
    out.flush().await.map_err(|error| ApiError::Internal(chain(&error)))?;
    if size == 0 {
        return Err(ApiError::field("file", "is empty"));
    }
    check_content(&path, content_type).await?;
    let file_id = FileId::in_slot(app.mint(), wanted.submission_id.slot());
    let storage_key =
        format!("uploads/{}/{file_id}.{}", wanted.submission_id, content_type.extension());
    let hash: [u8; 32] = hasher.finalize().into();
    let file = UploadedFile {
        file_id,
        content_type,
        size_bytes: size,
        content_hash: hex::encode(hash),
        storage_key,
        original_filename: name,
    };
    Ok(Received { path, hash, file })
}

/// Refuses a file whose first bytes are not of the declared type. Whether it decodes to its end is
/// the scorer's question.
async fn check_content(path: &TempPath, declared: MediaType) -> Result<(), ApiError> {
    let path = path.to_path_buf();
    let sniffed = tokio::task::spawn_blocking(move || scorer::sniff_file(&path))
        .await
        .map_err(|error| ApiError::Internal(chain(&error)))?
        .map_err(|error| ApiError::Internal(chain(&error)))?;
    if sniffed.is_some_and(|found| scorer::same_format(found, declared)) {
        return Ok(());
    }
    let found = sniffed.map_or("no type that we know", MediaType::as_str);
    Err(ApiError::MediaMismatch(format!(
        "the file is declared as {} and its content is {found}",
        declared.as_str()
    )))
}
