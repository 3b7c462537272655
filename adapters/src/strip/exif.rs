//! The one thing in an EXIF block that is part of the picture: which way is up.

use image::metadata::Orientation;

/// The orientation that needs no saying.
pub(super) const UPRIGHT: u8 = 1;

/// Reads the orientation from a TIFF structure, with or without the `Exif` signature before it.
pub(super) fn orientation(block: &[u8]) -> Option<u8> {
    let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    Orientation::from_exif_chunk(tiff).map(Orientation::to_exif)
}

/// Returns a TIFF structure that says the orientation and nothing else, or `None` if it is the
/// usual one.
pub(super) fn only_orientation(orientation: u8) -> Option<[u8; 26]> {
    (orientation != UPRIGHT).then(|| {
        let mut tiff = *b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0\0\0\0\0";
        tiff[19] = orientation;
        tiff
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_orientation_reads_back() {
        assert_eq!(only_orientation(UPRIGHT), None);
        for value in 2..=8 {
            assert_eq!(only_orientation(value).and_then(|tiff| orientation(&tiff)), Some(value));
        }
    }
}
