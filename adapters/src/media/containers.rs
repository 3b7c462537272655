//! Walks the containers of PNG, WebP and GIF before any decoder sees them: every length inside
//! the file, sizes and frames within the limits, nothing missing at the end.

use super::ProbeError;
use super::bytes::{be32, four, le16, le24, le32, part, size, wide};
use super::error::{truncated, undecodable};
use super::image::Layout;
use super::limits::{MAX_CHUNKS, at_most, check_animation, check_dimensions, check_memory};

/// One chunk of a PNG, or of a RIFF file.
pub(crate) struct Chunk<'a> {
    /// Its four-character name.
    pub(crate) name: [u8; 4],
    /// Its content.
    pub(crate) body: &'a [u8],
    /// All of its bytes, with header, checksum and padding.
    pub(crate) whole: &'a [u8],
}

/// Returns the chunks of a PNG up to and including `IEND`, and where they end.
pub(crate) fn png_chunks(bytes: &[u8]) -> Result<(Vec<Chunk<'_>>, usize), ProbeError> {
    let missing = || truncated("the last PNG chunk is missing");
    let mut chunks = Vec::new();
    let mut at = 8;
    loop {
        let length = size(be32(bytes, at).ok_or_else(missing)?);
        let name = four(bytes, at + 4).ok_or_else(missing)?;
        let body = part(bytes, at + 8, length).ok_or_else(missing)?;
        let whole = part(bytes, at, length + 12).ok_or_else(missing)?;
        at += whole.len();
        at_most("number of chunks", wide(chunks.len()), MAX_CHUNKS)?;
        chunks.push(Chunk { name, body, whole });
        if &name == b"IEND" {
            return Ok((chunks, at));
        }
    }
}

/// Checks a PNG, and returns its layout and a copy without any ancillary chunk but transparency:
/// what the pixels need, and nothing that could be a decompression bomb on the side.
pub(super) fn png(bytes: &[u8]) -> Result<(Layout, Vec<u8>), ProbeError> {
    let wrong = || undecodable("a malformed PNG header");
    let (chunks, end) = png_chunks(bytes)?;
    let header = chunks.first().filter(|chunk| &chunk.name == b"IHDR").ok_or_else(wrong)?;
    let width = be32(header.body, 0).ok_or_else(wrong)?;
    let height = be32(header.body, 4).ok_or_else(wrong)?;
    let (depth, colour) = match header.body.get(8..10) {
        Some([depth, colour]) => (u64::from(*depth), *colour),
        _ => return Err(wrong()),
    };
    check_dimensions(width, height)?;
    let transparent = chunks.iter().any(|chunk| &chunk.name == b"tRNS");
    // Samples come out as 8 or 16 bits, palettes as RGB or RGBA.
    let channels = match (colour, transparent) {
        (0, false) => 1,
        (0, true) | (4, _) => 2,
        (2 | 3, false) => 3,
        _ => 4,
    };
    check_memory(width, height, channels * depth.max(8))?;
    let mut frames = 1;
    if let Some(control) = chunks.iter().find(|chunk| &chunk.name == b"acTL") {
        frames = u64::from(be32(control.body, 0).ok_or_else(wrong)?).max(1);
        check_animation(frames, width, height)?;
    }
    let mut essential = bytes.get(..8).unwrap_or_default().to_vec();
    let kept = |name: &[u8; 4]| matches!(name, b"IHDR" | b"PLTE" | b"tRNS" | b"IDAT" | b"IEND");
    for chunk in chunks.iter().filter(|chunk| kept(&chunk.name)) {
        essential.extend_from_slice(chunk.whole);
    }
    Ok((Layout { width, height, frames, end }, essential))
}

/// Returns the chunks of a RIFF file from `from` on, each padded to an even length.
pub(crate) fn riff_chunks(bytes: &[u8], from: usize) -> Result<Vec<Chunk<'_>>, ProbeError> {
    let missing = || truncated("a RIFF chunk goes beyond the end");
    let mut chunks = Vec::new();
    let mut at = from;
    while at < bytes.len() {
        let name = four(bytes, at).ok_or_else(missing)?;
        let length = size(le32(bytes, at + 4).ok_or_else(missing)?);
        let body = part(bytes, at + 8, length).ok_or_else(missing)?;
        // The padding of the very last chunk is often left out.
        let end = (at + 8 + length.next_multiple_of(2)).min(bytes.len());
        at_most("number of chunks", wide(chunks.len()), MAX_CHUNKS)?;
        chunks.push(Chunk { name, body, whole: bytes.get(at..end).unwrap_or_default() });
        at = end;
    }
    Ok(chunks)
}

/// Returns how long the RIFF file at the start of `bytes` says it is.
pub(crate) fn riff_end(bytes: &[u8]) -> Result<usize, ProbeError> {
    let end = le32(bytes, 4).map(size).and_then(|length| length.checked_add(8));
    match end {
        Some(end) if (12..=bytes.len()).contains(&end) => Ok(end),
        _ => Err(truncated("the RIFF size goes beyond the end of the file")),
    }
}

/// Returns the size in pixels that the coded data in a `VP8 ` or `VP8L` chunk declares.
fn coded_size(chunk: &Chunk<'_>) -> Option<(u32, u32)> {
    match &chunk.name {
        b"VP8 " => {
            let (width, height) = (le16(chunk.body, 6)?, le16(chunk.body, 8)?);
            Some(((width & 0x3FFF).into(), (height & 0x3FFF).into()))
        }
        b"VP8L" => {
            let packed = le32(chunk.body, 1)?;
            Some(((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1))
        }
        _ => None,
    }
}

/// Checks that all coded data has the size its container says. The decoder allocates by the inner
/// size before it compares, up to 400 MB.
fn check_coded_sizes(chunks: &[Chunk<'_>], expected: (u32, u32)) -> Result<(), ProbeError> {
    for chunk in chunks.iter().filter(|chunk| matches!(&chunk.name, b"VP8 " | b"VP8L")) {
        if coded_size(chunk) != Some(expected) {
            return Err(undecodable("the picture and its container disagree about the size"));
        }
    }
    Ok(())
}

/// Checks the frames of an animation, and returns how many there are.
fn webp_frames(chunks: &[Chunk<'_>], (width, height): (u32, u32)) -> Result<u64, ProbeError> {
    let mut count = 0;
    for frame in chunks.iter().filter(|chunk| &chunk.name == b"ANMF") {
        let wrong = || undecodable("a malformed WebP frame");
        let frame_width = le24(frame.body, 6).ok_or_else(wrong)? + 1;
        let frame_height = le24(frame.body, 9).ok_or_else(wrong)? + 1;
        if frame_width > width || frame_height > height {
            return Err(undecodable("a frame larger than its picture"));
        }
        check_coded_sizes(&riff_chunks(frame.body, 16)?, (frame_width, frame_height))?;
        count += 1;
    }
    Ok(count)
}

/// Checks a WebP and returns its layout, and whether it is animated.
pub(super) fn webp(bytes: &[u8]) -> Result<(Layout, bool), ProbeError> {
    let wrong = || undecodable("a malformed WebP header");
    let end = riff_end(bytes)?;
    let chunks = riff_chunks(bytes.get(..end).unwrap_or_default(), 12)?;
    let first = chunks.first().ok_or_else(wrong)?;
    let mut animated = false;
    let alpha;
    let (width, height) = if &first.name == b"VP8X" {
        let flags = first.body.first().copied().ok_or_else(wrong)?;
        animated = flags & 0x02 != 0;
        alpha = flags & 0x10 != 0;
        let width = le24(first.body, 4).ok_or_else(wrong)?;
        (width + 1, le24(first.body, 7).ok_or_else(wrong)? + 1)
    } else {
        let packed = le32(first.body, 1).filter(|_| &first.name == b"VP8L");
        alpha = packed.is_some_and(|packed| packed >> 28 & 1 == 1);
        coded_size(first).ok_or_else(wrong)?
    };
    check_dimensions(width, height)?;
    check_coded_sizes(&chunks, (width, height))?;
    let frames = webp_frames(&chunks, (width, height))?;
    if animated == (frames == 0) {
        return Err(undecodable("a WebP whose header and frames disagree"));
    }
    let frames = frames.max(1);
    check_animation(frames, width, height)?;
    let lossless = chunks.iter().any(|chunk| &chunk.name == b"VP8L");
    // The decoder ignores limits, so what it holds per pixel was counted in its source: frame
    // buffer, YUV planes, alpha plane, canvas and conversions.
    let bytes_per_pixel = match (animated, lossless, alpha) {
        (true, ..) => 24,
        (false, true, false) => 8,
        (false, true, true) | (false, false, false) => 5,
        (false, false, true) => 11,
    };
    check_memory(width, height, bytes_per_pixel * 8)?;
    Ok((Layout { width, height, frames, end }, animated))
}

/// One block of a GIF.
pub(crate) enum GifBlock<'a> {
    /// An extension: its label, its first data block, and all of its bytes.
    Extension(u8, &'a [u8], &'a [u8]),
    /// A frame, colour table included.
    Frame(&'a [u8]),
}

/// Returns the size in bytes of the header with its global colour table, the blocks, and where
/// the trailer ends.
pub(crate) fn gif_blocks(bytes: &[u8]) -> Result<(usize, Vec<GifBlock<'_>>, usize), ProbeError> {
    let missing = || truncated("the GIF trailer is missing");
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 6_usize << (flags & 7) };
    let header = 13 + table(*bytes.get(10).ok_or_else(missing)?);
    let mut blocks = Vec::new();
    let mut at = header;
    loop {
        let start = at;
        at_most("number of blocks", wide(blocks.len()), MAX_CHUNKS)?;
        match *bytes.get(at).ok_or_else(missing)? {
            0x3B => return Ok((header, blocks, at + 1)),
            0x21 => {
                let label = *bytes.get(at + 1).ok_or_else(missing)?;
                let first = usize::from(*bytes.get(at + 2).ok_or_else(missing)?);
                let data = part(bytes, at + 3, first).ok_or_else(missing)?;
                at = skip_sub_blocks(bytes, at + 2).ok_or_else(missing)?;
                blocks.push(GifBlock::Extension(label, data, bytes.get(start..at).unwrap_or(&[])));
            }
            0x2C => {
                let local = table(*bytes.get(at + 9).ok_or_else(missing)?);
                at = skip_sub_blocks(bytes, at + 11 + local).ok_or_else(missing)?;
                blocks.push(GifBlock::Frame(bytes.get(start..at).unwrap_or_default()));
            }
            _ => return Err(undecodable("a GIF block of an unknown kind")),
        }
    }
}

/// Returns where the chain of sub-blocks that starts at `at` ends.
fn skip_sub_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// Checks a GIF and returns its layout.
pub(super) fn gif(bytes: &[u8]) -> Result<Layout, ProbeError> {
    let wrong = || undecodable("a malformed GIF header");
    let width = le16(bytes, 6).ok_or_else(wrong)?.into();
    let height = le16(bytes, 8).ok_or_else(wrong)?.into();
    check_dimensions(width, height)?;
    let (_, blocks, end) = gif_blocks(bytes)?;
    let mut frames = 0;
    for block in &blocks {
        if let GifBlock::Frame(frame) = block {
            let [w, h] = [5, 7].map(|at| le16(frame, at).map_or(0, u32::from));
            check_dimensions(w, h)?;
            // Canvas, frame and composition, each RGBA; a frame may exceed its canvas.
            check_memory(width.max(w), height.max(h), 12 * 8)?;
            frames += 1;
        }
    }
    if frames == 0 {
        return Err(undecodable("a GIF without a frame"));
    }
    check_animation(frames, width, height)?;
    Ok(Layout { width, height, frames, end })
}
