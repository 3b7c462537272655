//! The files that the sandbox's worker uploads: real media, made once and stored once.

use super::storage;
use crate::runner::{Trouble, WorkerContext};
use firsthand_adapters::generate;
use firsthand_domain::media::{MediaClass, MediaType};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use tokio::sync::Mutex;

/// Different pictures, and different sounds or films, of each type; more files repeat them.
const PICTURES: usize = 100;
const RECORDINGS: usize = 10;
/// Size of the pictures in pixels, and length of the recordings in milliseconds.
const WIDTH: u32 = 1_280;
const HEIGHT: u32 = 960;
const LENGTH: u32 = 2_000;

/// A canned file.
#[derive(Debug, Clone)]
pub(super) struct Canned {
    /// Where it is stored.
    pub(super) storage_key: String,
    /// Its size in bytes.
    pub(super) size_bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub(super) content_hash: String,
}

/// The canned files that are known to be stored.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<BTreeMap<(MediaType, usize), Canned>>);

fn make(content_type: MediaType, seed: u64) -> Result<Vec<u8>, Trouble> {
    let made = match content_type {
        MediaType::Jpeg => generate::jpeg(seed, WIDTH, HEIGHT),
        MediaType::Png => generate::png(seed, WIDTH, HEIGHT),
        MediaType::Webp => generate::webp(seed, WIDTH, HEIGHT),
        MediaType::Gif => generate::gif(seed, WIDTH, HEIGHT),
        MediaType::Mpeg => Ok(generate::mp3(seed, LENGTH)),
        MediaType::Wav => Ok(generate::wav(seed, LENGTH)),
        MediaType::Mp4Audio | MediaType::M4a => Ok(generate::m4a(seed, LENGTH)),
        MediaType::Mp4 => generate::mp4(seed, LENGTH),
        MediaType::Quicktime => generate::mov(seed, LENGTH),
    };
    made.map_err(|error| Trouble::Dead(error.to_string()))
}

impl Shelf {
    /// Returns a canned file of a type, for the file of that number in its job; makes and stores it
    /// unless it is there.
    pub(super) async fn get(
        &self,
        context: &WorkerContext,
        content_type: MediaType,
        number: usize,
    ) -> Result<Canned, Trouble> {
        let kinds = match content_type.class() {
            MediaClass::Image => PICTURES,
            MediaClass::Audio | MediaClass::Video => RECORDINGS,
        };
        let variant = number % kinds;
        let mut known = self.0.lock().await;
        if let Some(canned) = known.get(&(content_type, variant)) {
            return Ok(canned.clone());
        }
        let canned = store(context, content_type, variant).await?;
        known.insert((content_type, variant), canned.clone());
        Ok(canned)
    }
}

/// Makes a file and stores it unless the same one is there: a seed gives the same bytes every time.
async fn store(
    context: &WorkerContext,
    content_type: MediaType,
    variant: usize,
) -> Result<Canned, Trouble> {
    let retry = |error: std::io::Error| Trouble::Retry(error.to_string());
    let seed = u64::try_from(variant).unwrap_or(0) + 1;
    let bytes = tokio::task::spawn_blocking(move || make(content_type, seed))
        .await
        .map_err(|error| Trouble::Dead(error.to_string()))??;
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    let content_hash = hex::encode(hash);
    let size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let storage_key = format!("sandbox/{content_hash}.{}", content_type.extension());
    let there = context.objects.head(&storage_key).await.map_err(|error| storage(&error))?;
    if there.is_none_or(|object| object.size != size_bytes) {
        let mut file = tempfile::NamedTempFile::new_in(&context.scratch_dir).map_err(retry)?;
        file.write_all(&bytes).and_then(|()| file.flush()).map_err(retry)?;
        let put =
            context.objects.put_file(&storage_key, file.path(), content_type.as_str(), &hash).await;
        put.map_err(|error| storage(&error))?;
    }
    Ok(Canned { storage_key, size_bytes, content_hash })
}
