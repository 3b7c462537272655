//! Takes an MP4 or `QuickTime` file apart: bounded, without recursion, and never trusting a size.
//!
//! The `mp4` crate (0.14.0) is not used: an unknown box of size 0 inside another makes it loop
//! for ever, a time unit of 0 makes it panic, and it refuses ordinary `QuickTime` files with AAC.
//! Symphonia's demuxer is not used either: see [`super::audio`].

pub(crate) mod boxes;
mod fragments;
mod samples;
mod track;

use self::samples::Room;
pub(crate) use self::samples::Sample;
use self::track::Track;
use super::ProbeError;
use super::bytes::wide;
use super::error::{truncated, undecodable};
use super::limits::{
    MAX_MOVIE_HEADER_BYTES, MAX_TOP_LEVEL_BOXES, MAX_TRACKS, at_most, check_dimensions,
};
use super::source::Source;

/// What a movie file has to measure.
pub(super) struct Movie {
    pub(super) video: Option<VideoTrack>,
    pub(super) audio: Option<AudioTrack>,
    /// Where the last box ends.
    pub(super) end: u64,
}

/// The first video track.
pub(super) struct VideoTrack {
    pub(super) codec: String,
    /// Width in pixels as shown.
    pub(super) width: u32,
    /// Height in pixels as shown.
    pub(super) height: u32,
    /// Width and height in pixels as stored: before a quarter turn.
    pub(super) stored: (u32, u32),
    pub(super) duration_ms: u64,
    /// Those that hold data, at least one: an empty one only repeats the frame before.
    pub(super) samples: Vec<Sample>,
    /// H.264 and H.265: bytes of the length before each coded unit.
    pub(super) unit_length_bytes: Option<usize>,
    pub(super) motion_jpeg: bool,
}

/// The first audio track.
pub(super) enum AudioTrack {
    /// Decodable.
    Aac(AacTrack),
    /// Coded in another way, named by its sample entry.
    Other(String),
}

/// An AAC-LC track.
pub(super) struct AacTrack {
    /// The audio-specific configuration.
    pub(super) config: [u8; 2],
    pub(super) samples: Vec<Sample>,
}

/// A box on the top level that matters: where it starts, and its content.
struct Content {
    position: u64,
    bytes: Vec<u8>,
}

/// Reads the headers of a movie and checks that every sample lies inside the file.
pub(super) fn read(source: &mut Source) -> Result<Movie, ProbeError> {
    let (moov, fragments, end) = top_level(source)?;
    let mut tracks = Vec::new();
    let mut room = Room::new(source.length);
    for found in boxes::Boxes::new(&moov.bytes) {
        let (name, trak) = found?;
        if &name == b"trak" {
            tracks.extend(Track::parse(trak, &mut room)?);
            at_most("number of tracks", wide(tracks.len()), MAX_TRACKS)?;
        }
    }
    let defaults = fragments::defaults(&moov.bytes)?;
    for moof in &fragments {
        fragments::read(&moof.bytes, moof.position, &defaults, &mut tracks, &mut room)?;
    }
    let has_data = |track: &Track<'_>| track.samples.list.iter().any(|sample| sample.size > 0);
    tracks.retain(|track| has_data(track) || !track.is_listed());
    let position = tracks.iter().position(|track| track.video);
    let video = position.map(|index| VideoTrack::new(tracks.remove(index))).transpose()?;
    let position = tracks.iter().position(|track| !track.video);
    let audio = position.map(|index| AudioTrack::new(tracks.remove(index))).transpose()?;
    Ok(Movie { video, audio, end })
}

/// Walks the boxes on the top level: the movie header, the fragments, and where the last ends.
fn top_level(source: &mut Source) -> Result<(Content, Vec<Content>, u64), ProbeError> {
    let (mut moov, mut fragments, mut total) = (None, Vec::new(), 0);
    let mut at = 0;
    for count in 0.. {
        at_most("number of boxes", count, MAX_TOP_LEVEL_BOXES)?;
        let left = source.length - at;
        if left < 8 {
            break;
        }
        let head = source.vec_at(at, left.min(16))?;
        let (size, header) = boxes::box_size(&head, left)?;
        if let Some(name @ (b"moov" | b"moof")) = head.get(4..8).and_then(<[u8]>::first_chunk) {
            total += size - header;
            at_most("size of the movie header in bytes", total, MAX_MOVIE_HEADER_BYTES)?;
            let bytes = source.vec_at(at + header, size - header)?;
            let content = Content { position: at, bytes };
            if name == b"moof" {
                fragments.push(content);
            } else if moov.replace(content).is_some() {
                return Err(undecodable("more than one movie header"));
            }
        }
        at += size;
    }
    let moov = moov.ok_or_else(|| truncated("the movie header is missing"))?;
    Ok((moov, fragments, at))
}

impl VideoTrack {
    fn new(mut track: Track<'_>) -> Result<Self, ProbeError> {
        let stored = track.dimensions();
        let stored @ (across, down) =
            stored.ok_or_else(|| undecodable("a video without a size"))?;
        let (width, height) = if track.rotated { (down, across) } else { stored };
        check_dimensions(width, height)?;
        track.samples.list.retain(|sample| sample.size > 0);
        Ok(Self {
            codec: name(track.codec),
            width,
            height,
            stored,
            duration_ms: track.duration_ms(),
            unit_length_bytes: track.unit_length_bytes()?,
            motion_jpeg: track.is_motion_jpeg()?,
            samples: track.samples.list,
        })
    }
}

impl AudioTrack {
    fn new(track: Track<'_>) -> Result<Self, ProbeError> {
        Ok(match track.aac_config()? {
            Some(config) => Self::Aac(AacTrack { config, samples: track.samples.list }),
            None => Self::Other(name(track.codec)),
        })
    }
}

fn name(code: boxes::FourCc) -> String {
    code.iter().filter(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte)).collect()
}
