//! Objects as files: written beside and renamed, so that each is whole, and synced, so that it stays.

use serde_json::Value;
use std::fs::{self, File};
use std::io::{ErrorKind, Result, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A directory of objects, by kind and name.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    changing: Mutex<()>,
}

/// The kinds of objects, a folder each.
const KINDS: [&str; 3] = ["objects", "events", "keys"];

/// Names are ids of ours or hashes; anything else names nothing.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Shelf {
    /// Opens a directory, which is made if there is none.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        for kind in KINDS {
            fs::create_dir_all(dir.join(kind))?;
        }
        Ok(Self { dir: dir.to_path_buf(), changing: Mutex::new(()) })
    }

    /// Keeps others from changing anything while an object is read, changed and written.
    pub(super) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, kind: &str, name: &str) -> PathBuf {
        self.dir.join(kind).join(format!("{name}.json"))
    }

    /// Writes an object.
    pub(super) fn put(&self, kind: &str, name: &str, object: &Value) -> Result<()> {
        if !is_name(name) {
            return Err(ErrorKind::InvalidInput.into());
        }
        let path = self.path(kind, name);
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(object.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(self.dir.join(kind))?.sync_all()
    }

    /// Reads an object, if there is one.
    pub(super) fn get(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        if !is_name(name) {
            return Ok(None);
        }
        match fs::read(self.path(kind, name)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes an object.
    pub(super) fn remove(&self, kind: &str, name: &str) -> Result<()> {
        fs::remove_file(self.path(kind, name))
    }

    /// Returns the names of a kind, in order.
    pub(super) fn names(&self, kind: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.dir.join(kind))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(".json").map(ToOwned::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }
}
