//! GIF: keeps frames, their timing and transparency, and the loop count.

use crate::media::ProbeError;
use crate::media::containers::{GifBlock, gif_blocks};

const GRAPHIC_CONTROL: u8 = 0xF9;
const APPLICATION: u8 = 0xFF;
/// Longer ones carry something of their own.
const GRAPHIC_CONTROL_BYTES: usize = 8;
const LOOP_BYTES: usize = 19;

pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, ProbeError> {
    let (header, blocks, end) = gif_blocks(bytes)?;
    let mut stripped = Vec::with_capacity(end);
    stripped.extend_from_slice(bytes.get(..header).unwrap_or_default());
    for block in blocks {
        match block {
            GifBlock::Frame(whole) => stripped.extend_from_slice(whole),
            GifBlock::Extension(GRAPHIC_CONTROL, _, whole)
                if whole.len() == GRAPHIC_CONTROL_BYTES =>
            {
                stripped.extend_from_slice(whole);
            }
            GifBlock::Extension(APPLICATION, b"NETSCAPE2.0" | b"ANIMEXTS1.0", whole)
                if whole.len() == LOOP_BYTES =>
            {
                stripped.extend_from_slice(whole);
            }
            // Comments, plain text, XMP, and what applications invent.
            GifBlock::Extension(..) => {}
        }
    }
    stripped.push(0x3B);
    Ok(stripped)
}
