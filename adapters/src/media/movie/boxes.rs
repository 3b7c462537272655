//! The boxes of the ISO base media file format, from a slice: no recursion, no allocation, every
//! size checked against what is left.

use crate::media::ProbeError;
use crate::media::bytes::{be32, be64, four};
use crate::media::error::{truncated, undecodable};

/// A four-character code.
pub(crate) type FourCc = [u8; 4];

/// Returns the length of a box and of its header, from the first 16 bytes of the box (or fewer,
/// at the end) and how many bytes are left for it.
pub(crate) fn box_size(head: &[u8], left: u64) -> Result<(u64, u64), ProbeError> {
    let cut = || truncated("a box header is cut off");
    let (size, header) = match be32(head, 0).ok_or_else(cut)? {
        0 => (left, 8),
        1 => (be64(head, 8).ok_or_else(cut)?, 16),
        size => (u64::from(size), 8),
    };
    if size < header {
        return Err(undecodable("a box smaller than its header"));
    }
    if size > left {
        return Err(truncated("a box goes beyond the end"));
    }
    Ok((size, header))
}

/// An iterator over the boxes in a slice: their names and contents.
pub(crate) struct Boxes<'a> {
    rest: &'a [u8],
}

impl<'a> Boxes<'a> {
    /// Starts at the first box of a container's content.
    pub(crate) const fn new(content: &'a [u8]) -> Self {
        Self { rest: content }
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<(FourCc, &'a [u8]), ProbeError>;

    fn next(&mut self) -> Option<Self::Item> {
        // QuickTime ends some containers with four zero bytes.
        let name = four(self.rest, 4)?;
        let left = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let parsed = box_size(self.rest, left).and_then(|(size, header)| {
            let [size, header] = [size, header].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            let (whole, rest) =
                self.rest.split_at_checked(size).ok_or_else(|| truncated("a box is cut off"))?;
            self.rest = rest;
            Ok((name, whole.get(header..).unwrap_or_default()))
        });
        if parsed.is_err() {
            self.rest = &[];
        }
        Some(parsed)
    }
}

/// Returns the content of the first box of that name, if there is one.
pub(crate) fn child<'a>(content: &'a [u8], name: &[u8]) -> Result<Option<&'a [u8]>, ProbeError> {
    for found in Boxes::new(content) {
        let (found_name, content) = found?;
        if found_name == name {
            return Ok(Some(content));
        }
    }
    Ok(None)
}

/// Returns the content of the first box of that name, which must be there.
pub(crate) fn required<'a>(content: &'a [u8], name: &[u8]) -> Result<&'a [u8], ProbeError> {
    child(content, name)?.ok_or_else(|| {
        undecodable(format!("the `{}` box is missing", String::from_utf8_lossy(name)))
    })
}
