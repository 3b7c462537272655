//! The files of the embedded store: layout, format, and the order of writes that survives a crash.
//!
//! Crash atomicity: an object is ONE file, `content | record | footer`, and the record holds all
//! metadata. It is written under `tmp/`, fsynced, renamed over its final name, and then the
//! directory is fsynced, so content and metadata become visible (and durable) in the same rename:
//! a crash leaves the old object or the new one, never a mix and never a half. The record follows
//! the content because size and digests are known only after streaming, which also keeps the
//! content at offset 0, where a range read is one seek. No reader can see `tmp/`, which is emptied
//! when the store is opened.
//!
//! ```text
//! tmp/                                    files being written
//! buckets/<sha256(bucket)>/               a bucket exists when this directory does
//!     ab/cd/<rest of sha256(bucket/key)>  an object
//!     uploads/<id>/{start,00001,…}        a multipart upload, in the same file format
//! ```

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use md5::Md5;
use s3s::checksum::ChecksumHasher;
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempPath};

use super::record::{self, Meta};

const UPLOAD_ID_LENGTH: usize = 32;

/// Content on its way to the disk, hashed as it passes. Dropping it deletes the file.
pub(super) struct Sink {
    file: NamedTempFile,
    sha256: Sha256,
    md5: Md5,
    extra: ChecksumHasher,
    size: u64,
}

impl Sink {
    pub(super) fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.sha256.update(chunk);
        self.md5.update(chunk);
        self.extra.update(chunk);
        self.size += chunk.len() as u64;
        self.file.as_file_mut().write_all(chunk)
    }

    /// Appends the next `size` bytes of `source`; fewer are an error.
    pub(super) fn copy_from(&mut self, source: &mut File, size: u64) -> io::Result<()> {
        let mut buffer = vec![0; 256 * 1024];
        let mut left = size;
        while left > 0 {
            let step = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            source.read_exact(&mut buffer[..step])?;
            self.write(&buffer[..step])?;
            left -= step as u64;
        }
        Ok(())
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Ends the content.
    pub(super) fn finish(self) -> Written {
        Written {
            file: self.file,
            size: self.size,
            sha256: self.sha256.finalize().into(),
            md5: self.md5.finalize().into(),
            extra: self.extra.finalize(),
        }
    }
}

/// Content that is complete but not yet an object. Dropping it deletes the file.
pub(super) struct Written {
    file: NamedTempFile,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    pub(super) md5: [u8; 16],
    /// The checksums that were asked for, in base64.
    pub(super) extra: s3s::dto::Checksum,
}

/// Where an object or a part goes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    dir: PathBuf,
    name: String,
    /// Directories between an existing one and `dir`, made on demand.
    fan_out: bool,
}

impl Place {
    /// Opens what is there, positioned at the start of its content.
    pub(super) fn open(&self) -> io::Result<(File, Meta)> {
        record::read(&self.dir.join(&self.name))
    }

    /// Deletes what is there, durably; nothing there is a success.
    pub(super) fn remove(&self) -> io::Result<()> {
        // The directory is synced even if nothing is there: whoever deleted it may not have yet.
        let removed = fs::remove_file(self.dir.join(&self.name)).or_else(absent_is_ok);
        removed.and_then(|()| sync_dir(&self.dir).or_else(absent_is_ok))
    }

    /// Deletes the upload whose start file is here, with its parts, durably.
    pub(super) fn remove_upload(&self) -> io::Result<()> {
        // The start file goes first: without it the upload is gone, whatever else is left.
        fs::remove_file(self.dir.join(&self.name))?;
        fs::remove_dir_all(&self.dir)?;
        self.dir.parent().map_or(Ok(()), sync_dir)
    }
}

/// The directory of a store.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    /// Fan-out directories whose own entries this process has fsynced. Seeing that a directory
    /// exists is not enough: its maker may not have fsynced it yet. At most 65,536 per bucket.
    synced: Mutex<HashSet<PathBuf>>,
}

impl Disk {
    /// Opens or creates the store and deletes what a crash left half written. The directory must
    /// not be open in another process.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let tmp = root.join("tmp");
        if tmp.try_exists()? {
            fs::remove_dir_all(&tmp)?;
        }
        for dir in [&tmp, &root.join("buckets")] {
            fs::create_dir_all(dir)?;
        }
        sync_dir(&root)?;
        root.parent().map_or(Ok(()), sync_dir)?;
        Ok(Self { root, synced: Mutex::default() })
    }

    fn bucket(&self, bucket: &str) -> PathBuf {
        self.root.join("buckets").join(hex::encode(Sha256::digest(bucket)))
    }

    fn uploads(&self, bucket: &str) -> PathBuf {
        self.bucket(bucket).join("uploads")
    }

    pub(super) fn create_bucket(&self, bucket: &str) -> io::Result<()> {
        fs::create_dir_all(self.uploads(bucket))?;
        sync_dir(&self.bucket(bucket))?;
        sync_dir(&self.root.join("buckets"))
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        self.uploads(bucket).try_exists()
    }

    /// The place of an object. Names come from a hash, so no key can leave the bucket.
    pub(super) fn object(&self, bucket: &str, key: &str) -> Place {
        let hash = hex::encode(Sha256::digest(format!("{bucket}/{key}")));
        let dir = self.bucket(bucket).join(&hash[..2]).join(&hash[2..4]);
        Place { dir, name: hash[4..].to_owned(), fan_out: true }
    }

    /// The place of one file of an upload; `None` when `id` cannot be one of ours.
    pub(super) fn upload(&self, bucket: &str, id: &str, name: &str) -> Option<Place> {
        let valid = id.len() == UPLOAD_ID_LENGTH && id.bytes().all(|b| b.is_ascii_alphanumeric());
        let dir = valid.then(|| self.uploads(bucket).join(id))?;
        Some(Place { dir, name: name.to_owned(), fan_out: false })
    }

    /// Makes the directory of a new upload and returns its id.
    pub(super) fn create_upload(&self, bucket: &str) -> io::Result<String> {
        let uploads = self.uploads(bucket);
        let mut builder = tempfile::Builder::new();
        let dir = builder.prefix("").rand_bytes(UPLOAD_ID_LENGTH).tempdir_in(&uploads)?.keep();
        sync_dir(&uploads)?;
        let id = dir.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        id.ok_or_else(|| io::Error::other("an upload id is not text"))
    }

    pub(super) fn sink(&self, extra: ChecksumHasher) -> io::Result<Sink> {
        let file = NamedTempFile::new_in(self.root.join("tmp"))?;
        Ok(Sink { file, sha256: Sha256::new(), md5: Md5::new(), extra, size: 0 })
    }

    /// Makes the content an object, atomically and durably; the last writer of a place wins whole.
    /// With `exclusive`, an object that is there already stays and the error is `AlreadyExists`.
    pub(super) fn publish(
        &self,
        written: Written,
        place: &Place,
        mut meta: Meta,
        exclusive: bool,
    ) -> io::Result<Meta> {
        meta.size = written.size;
        meta.sha256 = written.sha256;
        if meta.etag.is_empty() {
            meta.etag = hex::encode(written.md5);
        }
        meta.modified_ms = now_ms();
        let (mut file, path) = written.file.into_parts();
        file.write_all(&meta.encode()?)?;
        file.sync_all()?;
        if place.fan_out {
            self.make_fan_out(&place.dir)?;
        }
        rename(path, &place.dir.join(&place.name), exclusive)?;
        sync_dir(&place.dir)?;
        Ok(meta)
    }

    /// Makes `dir` and its parent within an existing bucket, durably.
    fn make_fan_out(&self, dir: &Path) -> io::Result<()> {
        let known = self.synced.lock().unwrap_or_else(PoisonError::into_inner).contains(dir);
        if known {
            return Ok(());
        }
        let missing = || io::Error::other("a fan-out directory has no parent");
        let middle = dir.parent().ok_or_else(missing)?;
        let bucket = middle.parent().ok_or_else(missing)?;
        for (made, parent) in [(middle, bucket), (dir, middle)] {
            match fs::create_dir(made) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => sync_dir(parent)?,
            }
        }
        self.synced.lock().unwrap_or_else(PoisonError::into_inner).insert(dir.to_path_buf());
        Ok(())
    }

    /// The first `limit` objects in byte order of their keys that start with `prefix` and come
    /// after `after`. Reads the record of every object of the bucket: O(objects) per page, and
    /// memory for `limit` records.
    pub(super) fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> io::Result<Vec<Meta>> {
        let mut page = BTreeMap::new();
        let fan_out = |dir: &Path| -> io::Result<Vec<PathBuf>> {
            let entries = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
            entries
                .filter(|path| !path.as_ref().is_ok_and(|path| path.ends_with("uploads")))
                .collect()
        };
        for first in fan_out(&self.bucket(bucket))? {
            for second in fan_out(&first)? {
                for path in fan_out(&second)? {
                    match record::read(&path) {
                        Ok((_, meta)) if meta.key.starts_with(prefix) && *meta.key > *after => {
                            page.insert(meta.key.clone(), meta);
                            if page.len() > limit {
                                page.pop_last();
                            }
                        }
                        // Another key, or deleted since the directory was read.
                        Ok(_) => {}
                        Err(error) if error.kind() == ErrorKind::NotFound => {}
                        Err(error) => {
                            tracing::warn!(path = %path.display(), %error, "unreadable object skipped");
                        }
                    }
                }
            }
        }
        Ok(page.into_values().collect())
    }
}

fn rename(from: TempPath, to: &Path, exclusive: bool) -> io::Result<()> {
    let renamed = if exclusive { from.persist_noclobber(to) } else { from.persist(to) };
    renamed.map_err(|error| error.error)
}

fn absent_is_ok(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Makes the entries of a directory durable.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[expect(clippy::disallowed_methods, reason = "objects carry the time of their storage")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
