//! Removes from an image whatever is not its picture: location, device, owner, comments,
//! thumbnails, anything appended. The compressed picture data is copied byte for byte, so no
//! pixel changes.
//!
//! What is kept is a list of what a decoder needs; everything else, known or not, goes. Colour
//! profiles stay, because without them the picture looks different. The orientation stays too,
//! where it isn't the usual one: as an EXIF block that holds nothing else.

mod exif;
mod gif;
mod jpeg;
mod png;
mod webp;

use thiserror::Error;

use crate::media::{MediaType, ProbeError};

/// Why an image was not stripped.
#[derive(Debug, Error)]
pub enum StripError {
    /// Only images are stripped here.
    #[error("{media_type} is not stripped")]
    Unsupported {
        /// The type that was given.
        media_type: MediaType,
    },
    /// The container could not be followed to its end.
    #[error("the container is damaged")]
    Malformed(#[from] ProbeError),
}

/// Returns a copy of an image without metadata: what it shows, and nothing about who made it,
/// where, and with what.
///
/// Stripping is idempotent. Decoded pixels, colour profile and orientation stay the same.
///
/// # Errors
///
/// [`StripError::Unsupported`] for audio and video, [`StripError::Malformed`] for an image that
/// [`crate::media::probe`] would refuse as well.
pub fn strip(media_type: MediaType, bytes: &[u8]) -> Result<Vec<u8>, StripError> {
    let orientation = orientation(media_type, bytes);
    Ok(match media_type {
        MediaType::Jpeg => jpeg::strip(bytes, orientation)?,
        MediaType::Png => png::strip(bytes, orientation)?,
        MediaType::Webp => webp::strip(bytes, orientation)?,
        MediaType::Gif => gif::strip(bytes)?,
        _ => return Err(StripError::Unsupported { media_type }),
    })
}

/// Returns the EXIF orientation of an image, 1 to 8: 1 is upright, 5 to 8 include a quarter
/// turn. It is 1 where there is none, or none that can be read.
pub fn orientation(media_type: MediaType, bytes: &[u8]) -> u8 {
    let block = match media_type {
        MediaType::Jpeg => jpeg::exif(bytes),
        MediaType::Png => png::exif(bytes),
        MediaType::Webp => webp::exif(bytes),
        _ => None,
    };
    block.and_then(exif::orientation).unwrap_or(exif::UPRIGHT)
}
