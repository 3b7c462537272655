//! PNG: keeps the picture, its animation, and what says how its colours look.

use super::exif;
use crate::media::ProbeError;
use crate::media::containers::png_chunks;

pub(super) fn strip(bytes: &[u8], orientation: u8) -> Result<Vec<u8>, ProbeError> {
    let (chunks, end) = png_chunks(bytes)?;
    let mut stripped = Vec::with_capacity(end);
    stripped.extend_from_slice(bytes.get(..8).unwrap_or_default());
    let mut to_say = exif::only_orientation(orientation);
    for chunk in chunks.iter().filter(|chunk| is_picture(chunk.name)) {
        stripped.extend_from_slice(chunk.whole);
        if &chunk.name == b"IHDR"
            && let Some(tiff) = to_say.take()
        {
            let mut content = b"eXIf".to_vec();
            content.extend_from_slice(&tiff);
            stripped.extend_from_slice(&[0, 0, 0, 26]);
            stripped.extend_from_slice(&content);
            stripped.extend_from_slice(&crc32(&content).to_be_bytes());
        }
    }
    Ok(stripped)
}

const fn is_picture(name: [u8; 4]) -> bool {
    matches!(
        &name,
        b"IHDR"
            | b"PLTE"
            | b"IDAT"
            | b"IEND"
            | b"tRNS"
            | b"gAMA"
            | b"cHRM"
            | b"sRGB"
            | b"iCCP"
            | b"cICP"
            | b"mDCV"
            | b"cLLI"
            | b"sBIT"
            | b"bKGD"
            | b"pHYs"
            | b"acTL"
            | b"fcTL"
            | b"fdAT"
    )
}

/// Returns the EXIF block.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let (chunks, _) = png_chunks(bytes).ok()?;
    chunks.into_iter().find(|chunk| &chunk.name == b"eXIf").map(|chunk| chunk.body)
}

/// The checksum of a PNG chunk, over its name and body.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_that_of_the_specification() {
        assert_eq!(super::crc32(b"IEND"), 0xAE42_6082);
    }
}
