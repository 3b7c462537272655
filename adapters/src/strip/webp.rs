//! WebP: keeps the picture, its animation, transparency and colour profile.

use super::exif;
use crate::media::ProbeError;
use crate::media::containers::{riff_chunks, riff_end};

/// Flags of the extended header that announce metadata.
const EXIF_FLAG: u8 = 0x08;
const XMP_FLAG: u8 = 0x04;
/// Place, size and timing of a frame, before its chunks.
const FRAME_HEADER_BYTES: usize = 16;

pub(super) fn strip(bytes: &[u8], orientation: u8) -> Result<Vec<u8>, ProbeError> {
    let end = riff_end(bytes)?;
    let mut stripped = Vec::with_capacity(end);
    stripped.extend_from_slice(bytes.get(..12).unwrap_or_default());
    let mut to_say = None;
    for chunk in riff_chunks(bytes.get(..end).unwrap_or_default(), 12)? {
        let start = stripped.len();
        match &chunk.name {
            b"VP8X" => {
                stripped.extend_from_slice(chunk.whole);
                to_say = exif::only_orientation(orientation);
                // Decoders refuse a file that announces what isn't there.
                if let Some(flags) = stripped.get_mut(start + 8) {
                    *flags &= !(EXIF_FLAG | XMP_FLAG);
                    *flags |= if to_say.is_some() { EXIF_FLAG } else { 0 };
                }
            }
            b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ICCP" => {
                stripped.extend_from_slice(chunk.whole);
            }
            b"ANMF" => strip_frame(chunk.body, &mut stripped)?,
            _ => {}
        }
        if stripped.len() % 2 == 1 {
            stripped.push(0);
        }
    }
    if let Some(tiff) = to_say {
        stripped.extend_from_slice(b"EXIF\x1a\0\0\0");
        stripped.extend_from_slice(&tiff);
    }
    set_length(&mut stripped, 0);
    Ok(stripped)
}

/// Appends a frame of an animation without unknown chunks inside it.
fn strip_frame(frame: &[u8], stripped: &mut Vec<u8>) -> Result<(), ProbeError> {
    let start = stripped.len();
    stripped.extend_from_slice(b"ANMF\0\0\0\0");
    stripped.extend_from_slice(frame.get(..FRAME_HEADER_BYTES).unwrap_or(frame));
    for chunk in riff_chunks(frame, FRAME_HEADER_BYTES)? {
        if matches!(&chunk.name, b"VP8 " | b"VP8L" | b"ALPH") {
            stripped.extend_from_slice(chunk.whole);
            if stripped.len() % 2 == 1 {
                stripped.push(0);
            }
        }
    }
    set_length(stripped, start);
    Ok(())
}

/// Writes the length of the chunk that starts at `start` and reaches to the end.
fn set_length(stripped: &mut [u8], start: usize) {
    let length = u32::try_from(stripped.len() - start - 8).unwrap_or(u32::MAX);
    if let Some(field) = stripped.get_mut(start + 4..start + 8) {
        field.copy_from_slice(&length.to_le_bytes());
    }
}

/// Returns the EXIF block.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let end = riff_end(bytes).ok()?;
    let chunks = riff_chunks(bytes.get(..end)?, 12).ok()?;
    chunks.into_iter().find(|chunk| &chunk.name == b"EXIF").map(|chunk| chunk.body)
}
