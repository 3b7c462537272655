//! Measures video: its container completely, its coded data as far as that goes without a
//! decoder for it, and the picture itself where the frames are JPEGs.

use serde::{Deserialize, Serialize};

use super::bytes::wide;
use super::error::undecodable;
use super::limits::{MAX_UNITS, at_most, max_file_bytes};
use super::movie::{Sample, VideoTrack};
use super::source::Source;
use super::{MediaType, Picture, ProbeError, image};

/// What is known of a video besides its size and duration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footage {
    /// The name of the sample entry, such as `avc1` (H.264), `hvc1` (H.265) or `jpeg`.
    pub codec: String,
    /// Number of frames.
    pub frames: u64,
    /// Frames per 1,000 seconds; 0 if the duration is 0.
    pub frame_rate: u64,
    /// Whether there is an audio track, of whatever coding.
    pub has_sound: bool,
}

/// The sample entries, without spaces, that name footage: H.264, H.265 with Dolby Vision, VP8, VP9,
/// AV1, MPEG-4 and what its descriptor names, H.263, Motion JPEG, PNG, DV, APV, `ProRes`. What calls
/// itself anything else is nothing that a camera or telephone of today makes, however complete it is.
const KNOWN_CODECS: &[&str] = &[
    "avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "dva1", "dvav", "vp08", "vp09", "av01", "mp4v",
    "s263", "h263", "dvc", "dvcp", "apv1", "jpeg", "mjpg", "mjpa", "mjpb", "png", "apch", "apcn",
    "apcs", "apco", "ap4h", "ap4x",
];

/// Checks the coded data, and measures the frame in the middle if it is a JPEG.
pub(super) fn measure(
    source: &mut Source,
    track: &VideoTrack,
) -> Result<Option<(Picture, Option<u64>)>, ProbeError> {
    if !KNOWN_CODECS.contains(&track.codec.as_str()) {
        return Err(undecodable(format!("the video is `{}`, an unknown codec", track.codec)));
    }
    if let Some(length_bytes) = track.unit_length_bytes {
        check_units(source, &track.samples, length_bytes)?;
    }
    let middle = track.samples.get(track.samples.len() / 2);
    let Some(middle) = middle.filter(|_| track.motion_jpeg) else { return Ok(None) };
    at_most("size of a frame in bytes", middle.size.into(), max_file_bytes(MediaType::Jpeg))?;
    let frame = source.vec_at(middle.offset, middle.size.into())?;
    let decoded = image::decode(MediaType::Jpeg, &frame)?;
    // The score goes by the declared size.
    if (decoded.layout.width, decoded.layout.height) != track.stored {
        return Err(undecodable("a frame and its track disagree about the size"));
    }
    Ok(Some((decoded.picture, decoded.hash)))
}

/// H.264 and H.265 samples are units, each after its length. That they add up in every sample
/// shows that the data is there and not, say, zeros of a download that broke off.
fn check_units(
    source: &mut Source,
    samples: &[Sample],
    length_bytes: usize,
) -> Result<(), ProbeError> {
    let prefix = wide(length_bytes);
    let mut units = 0;
    for sample in samples {
        let (mut at, end) = (sample.offset, sample.offset + u64::from(sample.size));
        while at < end {
            units += 1;
            at_most("number of coded units", units, MAX_UNITS)?;
            let mut length = [0; 4];
            let field = length.get_mut(4 - length_bytes..).unwrap_or_default();
            source.read_at(at, field)?;
            let length = u64::from(u32::from_be_bytes(length));
            at += prefix + length;
            if length == 0 || at > end {
                return Err(undecodable("a coded unit does not fit its sample"));
            }
        }
    }
    Ok(())
}
