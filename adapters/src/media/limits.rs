//! What a file may cost. Every limit bounds memory or work, never a clock, so the answer for a
//! file does not depend on how busy the machine is.

use super::{MediaKind, MediaType, ProbeError};

/// The most pixels along one side.
pub const MAX_SIDE: u32 = 12_000;
/// The most pixels in one picture or canvas: 50 megapixels.
pub const MAX_PIXELS: u64 = 50_000_000;
/// The most memory that decoding one picture may take, in bytes, without the file itself.
pub const MAX_DECODE_BYTES: u64 = 256 * 1024 * 1024;
/// The most frames of an animation.
pub const MAX_ANIMATION_FRAMES: u64 = 2_000;
/// The most pixels all frames of an animation may cost together; each frame costs its canvas.
pub const MAX_ANIMATION_PIXELS: u64 = 400_000_000;
/// The most scans of a progressive JPEG.
pub const MAX_JPEG_SCANS: u64 = 64;
/// The most chunks of a PNG or RIFF file, and blocks of a GIF.
pub const MAX_CHUNKS: u64 = 100_000;
/// The longest audio, in sample frames (one sample of every channel): an hour at 48 kHz.
pub const MAX_AUDIO_FRAMES: u64 = 3_600 * 48_000;
/// The most compressed audio packets: an hour of AAC or MP3 has fewer.
pub const MAX_AUDIO_PACKETS: u64 = 180_000;
/// The largest movie header (`moov`, or one `moof`), in bytes.
pub const MAX_MOVIE_HEADER_BYTES: u64 = 16 * 1024 * 1024;
/// The most boxes on the top level of an MP4 file.
pub const MAX_TOP_LEVEL_BOXES: u64 = 65_536;
/// The most video and audio tracks of a movie, and the most tracks that its fragments may have.
pub const MAX_TRACKS: u64 = 32;
/// The most samples of all checked tracks of a movie together, at 16 bytes of memory each: an hour
/// of 120 frames per second with three tracks of sound has fewer.
pub const MAX_SAMPLES: u64 = 1_000_000;
/// The most coded units (H.264 and H.265) looked at in one movie.
pub const MAX_UNITS: u64 = 4_000_000;

/// Returns the largest accepted file in bytes: images 25 MB, audio 100 MB, video 500 MB.
pub const fn max_file_bytes(media_type: MediaType) -> u64 {
    match media_type.kind() {
        MediaKind::Image => 25_000_000,
        MediaKind::Audio => 100_000_000,
        MediaKind::Video => 500_000_000,
    }
}

/// Refuses `actual` above `limit`, naming the quantity.
pub(crate) const fn at_most(what: &'static str, actual: u64, limit: u64) -> Result<(), ProbeError> {
    if actual > limit { Err(ProbeError::TooLarge { what, actual, limit }) } else { Ok(()) }
}

/// Refuses a picture that is too wide, too high or has too many pixels.
pub(crate) fn check_dimensions(width: u32, height: u32) -> Result<(), ProbeError> {
    if width == 0 || height == 0 {
        return Err(super::error::undecodable("the picture has no pixels"));
    }
    at_most("width in pixels", width.into(), MAX_SIDE.into())?;
    at_most("height in pixels", height.into(), MAX_SIDE.into())?;
    at_most("size in pixels", u64::from(width) * u64::from(height), MAX_PIXELS)
}

/// Refuses an animation whose frames would take too long to decode.
pub(crate) fn check_animation(frames: u64, width: u32, height: u32) -> Result<(), ProbeError> {
    at_most("number of frames", frames, MAX_ANIMATION_FRAMES)?;
    let pixels = frames * u64::from(width) * u64::from(height);
    if frames > 1 {
        at_most("size of all frames in pixels", pixels, MAX_ANIMATION_PIXELS)
    } else {
        Ok(())
    }
}

/// Refuses a picture whose decoding would take too much memory. `eighths` is the cost per pixel
/// in eighths of a byte.
pub(crate) fn check_memory(width: u32, height: u32, eighths: u64) -> Result<(), ProbeError> {
    let bytes = u64::from(width) * u64::from(height) * eighths / 8;
    at_most("memory to decode in bytes", bytes, MAX_DECODE_BYTES)
}
