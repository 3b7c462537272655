//! One track of a movie: what it is coded with, its size, its time.

use super::boxes::{Boxes, FourCc, child, required};
use super::samples::{self, Room, Samples};
use crate::media::ProbeError;
use crate::media::bytes::{be16, be32, four, part};
use crate::media::error::undecodable;

/// Where the extension boxes of a video sample entry start.
const VIDEO_ENTRY_BYTES: usize = 78;

/// A video or audio track. Others are ignored.
pub(super) struct Track<'a> {
    pub(super) id: u32,
    pub(super) video: bool,
    /// Time units per second; never 0.
    pub(super) timescale: u32,
    pub(super) samples: Samples,
    /// The name of the sample entry, such as `avc1`.
    pub(super) codec: FourCc,
    entry: &'a [u8],
    /// Whether it is shown after a quarter turn.
    pub(super) rotated: bool,
}

impl<'a> Track<'a> {
    /// Parses a `trak` box; `None` if it is neither video nor audio.
    pub(super) fn parse(content: &'a [u8], room: &mut Room) -> Result<Option<Self>, ProbeError> {
        let short = || undecodable("a short box in a track");
        let media = required(content, b"mdia")?;
        let video = match &four(required(media, b"hdlr")?, 8).ok_or_else(short)? {
            b"vide" => true,
            b"soun" => false,
            _ => return Ok(None),
        };
        let times = required(media, b"mdhd")?;
        let long = times.first() == Some(&1);
        let timescale = be32(times, if long { 20 } else { 12 }).ok_or_else(short)?;
        if timescale == 0 {
            return Err(undecodable("a track without a time unit"));
        }
        let header = required(content, b"tkhd")?;
        let shift = if header.first() == Some(&1) { 12 } else { 0 };
        let id = be32(header, 12 + if shift > 0 { 8 } else { 0 }).ok_or_else(short)?;
        // A quarter turn has zeros on the diagonal of the matrix.
        let rotated = be32(header, 40 + shift) == Some(0) && be32(header, 56 + shift) == Some(0);
        let table = required(required(media, b"minf")?, b"stbl")?;
        let entries = required(table, b"stsd")?.get(8..).unwrap_or_default();
        let entry = Boxes::new(entries).next();
        let (codec, entry) = entry.ok_or_else(|| undecodable("a track without a codec"))??;
        // Uncompressed sound has a sample per 20 microseconds: only what gets decoded is listed.
        let samples = Samples::default();
        let mut track = Self { id, video, timescale, samples, codec, entry, rotated };
        if track.is_listed() {
            track.samples = samples::read(table, room)?;
        }
        Ok(Some(track))
    }

    /// Returns whether the samples are listed at all.
    pub(super) fn is_listed(&self) -> bool {
        self.video || &self.codec == b"mp4a"
    }

    /// Returns width and height in pixels as stored.
    pub(super) fn dimensions(&self) -> Option<(u32, u32)> {
        Some((be16(self.entry, 24)?.into(), be16(self.entry, 26)?.into()))
    }

    /// Returns the duration in milliseconds.
    pub(super) fn duration_ms(&self) -> u64 {
        let exact = u128::from(self.samples.duration) * 1_000 / u128::from(self.timescale);
        u64::try_from(exact).unwrap_or(u64::MAX)
    }

    /// For H.264 and H.265: how many bytes the length before each unit has.
    pub(super) fn unit_length_bytes(&self) -> Result<Option<usize>, ProbeError> {
        let (name, at) = match &self.codec {
            b"avc1" | b"avc3" => (b"avcC", 4),
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => (b"hvcC", 21),
            _ => return Ok(None),
        };
        let configuration = required(self.extensions(), name)?;
        let packed = configuration.get(at).ok_or_else(|| undecodable("a short configuration"))?;
        Ok(Some(usize::from(packed & 3) + 1))
    }

    /// Returns whether every sample is a JPEG.
    pub(super) fn is_motion_jpeg(&self) -> Result<bool, ProbeError> {
        Ok(match &self.codec {
            b"jpeg" | b"mjpg" => true,
            b"mp4v" => {
                let decoder = child(self.extensions(), b"esds")?.and_then(decoder_config);
                decoder.is_some_and(|config| config.first() == Some(&0x6C))
            }
            _ => false,
        })
    }

    fn extensions(&self) -> &'a [u8] {
        self.entry.get(VIDEO_ENTRY_BYTES..).unwrap_or_default()
    }

    /// Returns the two-byte configuration of the AAC-LC core of an audio track, or `None` if it
    /// is coded otherwise. High-efficiency extensions are left out: the core decodes without.
    pub(super) fn aac_config(&self) -> Result<Option<[u8; 2]>, ProbeError> {
        if &self.codec != b"mp4a" {
            return Ok(None);
        }
        // QuickTime's second and third version of the entry are longer.
        let boxes = match be16(self.entry, 8) {
            Some(1) => 44,
            Some(2) => 64,
            _ => 28,
        };
        let boxes = self.entry.get(boxes..).unwrap_or_default();
        let esds = match child(boxes, b"wave")? {
            Some(wave) => child(wave, b"esds")?,
            None => child(boxes, b"esds")?,
        };
        Ok(esds.and_then(decoder_config).and_then(low_complexity))
    }
}

/// Reads a descriptor's tag and content; the length has 7 bits per byte.
fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let mut length = 0;
    for (index, byte) in rest.iter().take(4).enumerate() {
        length = length << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Some((*tag, part(rest, index + 1, length)?));
        }
    }
    None
}

/// Returns the decoder configuration descriptor in an `esds` box.
fn decoder_config(esds: &[u8]) -> Option<&[u8]> {
    let (0x03, stream) = descriptor(esds.get(4..)?)? else { return None };
    let flags = stream.get(2)?;
    let depends = if flags & 0x80 != 0 { 2 } else { 0 };
    let url = if flags & 0x40 != 0 { 1 + usize::from(*stream.get(3 + depends)?) } else { 0 };
    let clock = if flags & 0x20 != 0 { 2 } else { 0 };
    match descriptor(stream.get(3 + depends + url + clock..)?)? {
        (0x04, config) => Some(config),
        _ => None,
    }
}

/// Returns the configuration of the AAC-LC core: object type 2, sample rate, 1 or 2 channels.
fn low_complexity(config: &[u8]) -> Option<[u8; 2]> {
    // Object type 0x40 is MPEG-4 audio, 0x66 to 0x68 are MPEG-2 AAC.
    if !matches!(config.first()?, 0x40 | 0x66..=0x68) {
        return None;
    }
    let (0x05, specific) = descriptor(config.get(13..)?)? else { return None };
    let bits = u32::from_be_bytes(specific.get(..4).map_or_else(
        || specific.first_chunk().map(|[a, b]| [*a, *b, 0, 0]),
        |four| four.try_into().ok(),
    )?);
    let field = |from: u32, count: u32| bits << from >> (32 - count);
    let rate = field(5, 4);
    let channels = field(9, 4);
    // Types 5 and 29 put a second rate and the core's type behind.
    let (object, flags_at) = match field(0, 5) {
        5 | 29 if field(13, 4) != 15 => (field(17, 5), 22),
        object => (object, 13),
    };
    let short_frames = field(flags_at, 1) == 1;
    if object != 2 || rate > 12 || !(1..=2).contains(&channels) || short_frames {
        return None;
    }
    u16::try_from(2 << 11 | rate << 7 | channels << 3).ok().map(u16::to_be_bytes)
}
