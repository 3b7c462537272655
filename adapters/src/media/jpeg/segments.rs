//! Walks the segments of a JPEG without interpreting them.

use std::ops::Range;

use crate::media::ProbeError;
use crate::media::bytes::be16;
use crate::media::error::{truncated, undecodable};

/// Start of image.
pub(crate) const SOI: u8 = 0xD8;
/// End of image.
pub(crate) const EOI: u8 = 0xD9;
/// Start of scan: the only segment followed by entropy-coded data.
pub(crate) const SOS: u8 = 0xDA;

/// One segment of a JPEG.
pub(crate) struct Segment {
    /// The second byte of its marker.
    pub(crate) marker: u8,
    /// The whole segment: marker, length, body and, for a scan, its entropy-coded data.
    pub(crate) whole: Range<usize>,
    /// What follows the length field; empty for markers without one.
    pub(crate) body: Range<usize>,
    /// The entropy-coded data of a scan, restart markers included; else empty.
    pub(crate) coded: Range<usize>,
}

/// An iterator over the segments from the start-of-image marker to the end-of-image marker.
pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// Starts at the first byte, which must be the start-of-image marker.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, ProbeError> {
        if bytes.starts_with(&[0xFF, SOI]) {
            Ok(Self { bytes, at: 2 })
        } else {
            Err(undecodable("no start-of-image marker"))
        }
    }

    /// Returns the next segment. The end-of-image marker is the last; asking on, or a file that
    /// has none, is an error.
    pub(crate) fn next(&mut self) -> Result<Segment, ProbeError> {
        let missing = || truncated("the end-of-image marker is missing");
        // Stray bytes before a marker are skipped, as every decoder does.
        let start = find_marker(self.bytes, self.at, |marker| marker != 0).ok_or_else(missing)?;
        let mut code = start + 1;
        while self.bytes.get(code) == Some(&0xFF) {
            code += 1;
        }
        let marker = *self.bytes.get(code).ok_or_else(missing)?;
        let mut body = code + 1..code + 1;
        if !matches!(marker, 0x01 | 0xD0..=EOI) {
            let length = usize::from(be16(self.bytes, body.start).ok_or_else(missing)?);
            if length < 2 {
                return Err(undecodable("a segment shorter than its length field"));
            }
            body = body.start + 2..body.start + length;
            if body.end > self.bytes.len() {
                return Err(truncated("a segment goes beyond the end of the file"));
            }
        }
        let mut coded = body.end..body.end;
        if marker == SOS {
            coded.end =
                find_marker(self.bytes, coded.start, |marker| !matches!(marker, 0 | 0xD0..=0xD7))
                    .ok_or_else(missing)?;
        }
        self.at = coded.end;
        Ok(Segment { marker, whole: start..coded.end, body, coded })
    }
}

/// Returns where the next `FF xx` is whose `xx` is wanted; fill bytes (`FF FF`) belong to it.
fn find_marker(bytes: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
        let fill = bytes.get(at..)?.iter().take_while(|byte| **byte == 0xFF).count();
        let marker = *bytes.get(at + fill)?;
        if wanted(marker) {
            return Some(at);
        }
        at += fill + 1;
    }
}
