//! JPEG: keeps tables, frame, scans, the JFIF and Adobe headers and the colour profile.

use super::exif;
use crate::media::ProbeError;
use crate::media::jpeg::segments::{EOI, SOI, SOS, Segment, Segments};

const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;

pub(super) fn strip(bytes: &[u8], orientation: u8) -> Result<Vec<u8>, ProbeError> {
    let mut stripped = Vec::with_capacity(bytes.len());
    stripped.extend_from_slice(&[0xFF, SOI]);
    let mut to_say = exif::only_orientation(orientation);
    let mut segments = Segments::new(bytes)?;
    loop {
        let segment = segments.next()?;
        // The orientation goes behind a JFIF header, which wants to be first.
        if segment.marker != APP0
            && let Some(tiff) = to_say.take()
        {
            stripped.extend_from_slice(b"\xFF\xE1\0\x22Exif\0\0");
            stripped.extend_from_slice(&tiff);
        }
        if is_picture(&segment, bytes) {
            stripped.extend_from_slice(bytes.get(segment.whole).unwrap_or_default());
        }
        if segment.marker == EOI {
            return Ok(stripped);
        }
    }
}

fn is_picture(segment: &Segment, bytes: &[u8]) -> bool {
    let body = bytes.get(segment.body.clone()).unwrap_or_default();
    match segment.marker {
        // A JFIF header with its own thumbnail may show what was cropped away.
        APP0 => body.starts_with(b"JFIF\0") && body.len() == 14,
        APP2 => body.starts_with(b"ICC_PROFILE\0"),
        APP14 => body.starts_with(b"Adobe"),
        // Tables (DHT, DQT, DRI), frames, scans, restarts, the end.
        0xC0..=0xCF | 0xD0..=0xD7 | EOI | SOS | 0xDB | 0xDD => true,
        _ => false,
    }
}

/// Returns the EXIF block.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut segments = Segments::new(bytes).ok()?;
    loop {
        let segment = segments.next().ok()?;
        let body = bytes.get(segment.body)?;
        match segment.marker {
            APP1 if body.starts_with(b"Exif\0\0") => return Some(body),
            SOS | EOI => return None,
            _ => {}
        }
    }
}
