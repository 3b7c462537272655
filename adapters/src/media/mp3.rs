//! Splits MPEG audio layer 3 into frames, so that every byte of the file is accounted for.
//!
//! A decoder that looks for sync words skips whatever it does not understand and can't tell a
//! whole file from half of one. Here the frames must follow one another without a gap.

use super::ProbeError;
use super::audio::Decoding;
use super::bytes::{be32, part};
use super::error::{truncated, undecodable};
use super::source::Source;

/// How much padding is accepted between the tags and the first frame.
const MAX_LEADING_ZEROS: u64 = 64 * 1024;
/// How much that is no frame is accepted at the end, where players put tags of all kinds.
const MAX_TRAILING_BYTES: u64 = 1024 * 1024;

/// The header of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Length in bytes, header included.
    pub(super) length: usize,
    /// Samples per second and channel.
    pub(super) rate: u32,
    /// 1 or 2.
    pub(super) channels: u16,
    /// The bits that stay the same throughout a stream: version, layer, sample rate.
    stream: u32,
    /// Where a table of contents would be: after header and side information.
    info_at: usize,
}

impl FrameHeader {
    /// Parses a layer 3 frame header with a stated bit rate.
    pub(super) fn parse(header: [u8; 4]) -> Option<Self> {
        const RATES: [u32; 3] = [44_100, 48_000, 32_000];
        const V1: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const V2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        let word = u32::from_be_bytes(header);
        let field = |shift: u32, bits: u32| usize::try_from(word >> shift & ((1 << bits) - 1)).ok();
        if word >> 21 != 0x7FF || field(17, 2)? != 1 {
            return None;
        }
        let (version_1, halvings) = match field(19, 2)? {
            3 => (true, 0),
            2 => (false, 1),
            0 => (false, 2),
            _ => return None,
        };
        let kilobits = *(if version_1 { V1 } else { V2 }).get(field(12, 4)?)?;
        let rate = *RATES.get(field(10, 2)?)? >> halvings;
        if kilobits == 0 {
            return None;
        }
        let mono = field(6, 2)? == 3;
        let slots = (if version_1 { 144_000 } else { 72_000 }) * kilobits / rate;
        let side_information = match (version_1, mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        Some(Self {
            length: usize::try_from(slots).ok()? + field(9, 1)?,
            rate,
            channels: if mono { 1 } else { 2 },
            stream: word & 0xFFFE_0C00,
            info_at: 4 + side_information,
        })
    }

    /// Returns whether both can be frames of one stream.
    pub(super) const fn same_stream(self, other: Self) -> bool {
        self.stream == other.stream
    }
}

/// Decodes every frame; returns where the last one ends.
pub(super) fn decode(source: &mut Source, decoding: &mut Decoding) -> Result<u64, ProbeError> {
    let start = skip_tags(source)?;
    let mut at = start;
    let mut stream = None;
    let mut declared = None;
    let mut frames = 0_u64;
    let mut packet = Vec::new();
    while let Some(header) = source.array_at(at)? {
        let parsed = FrameHeader::parse(header);
        let Some(frame) =
            parsed.filter(|frame| stream.is_none_or(|first| frame.same_stream(first)))
        else {
            break;
        };
        packet.resize(frame.length, 0);
        source.read_at(at, &mut packet).map_err(|error| match error {
            ProbeError::Truncated { .. } => truncated("the last frame is cut off"),
            other => other,
        })?;
        at += u64::try_from(frame.length).unwrap_or(u64::MAX);
        if stream.is_none() {
            stream = Some(frame);
            declared = frame_count(&packet, frame);
            if declared.is_some() {
                continue;
            }
        }
        frames += 1;
        decoding.push(&packet)?;
    }
    if frames == 0 {
        return Err(undecodable("there is no MPEG audio frame where the first should be"));
    }
    if declared.is_some_and(|declared| frames < u64::from(declared)) {
        return Err(truncated("there are fewer frames than the header counts"));
    }
    check_tail(source, at)?;
    Ok(at)
}

/// Returns the frame count of a Xing, Info or VBRI header, which is a frame of silence; 0 if it
/// does not say.
fn frame_count(packet: &[u8], frame: FrameHeader) -> Option<u32> {
    match part(packet, frame.info_at, 4) {
        Some(b"Xing" | b"Info") => {
            let flags = be32(packet, frame.info_at + 4)?;
            Some(if flags & 1 == 1 { be32(packet, frame.info_at + 8)? } else { 0 })
        }
        _ if part(packet, 36, 4) == Some(b"VBRI") => be32(packet, 50),
        _ => None,
    }
}

/// Skips any number of `ID3v2` tags and the zeros after them.
fn skip_tags(source: &mut Source) -> Result<u64, ProbeError> {
    let mut at = 0;
    while let Some([b'I', b'D', b'3', _, _, flags, a, b, c, d]) = source.array_at(at)? {
        let length = [a, b, c, d].iter().fold(0_u64, |sum, byte| sum << 7 | u64::from(byte & 0x7F));
        at += 10 + length + if flags & 0x10 == 0 { 0 } else { 10 };
        if at >= source.length {
            return Err(truncated("the ID3 tag goes beyond the end of the file"));
        }
    }
    let limit = at + MAX_LEADING_ZEROS;
    while at < limit && source.array_at(at)? == Some([0]) {
        at += 1;
    }
    Ok(at)
}

/// Whatever follows the last frame must be a tag, or short: a long rest is a damaged file.
fn check_tail(source: &mut Source, at: u64) -> Result<(), ProbeError> {
    let rest = source.length - at;
    let tagged = matches!(
        source.array_at(at)?,
        Some([b'T', b'A', b'G', _] | [b'A', b'P', b'E', b'T'] | [b'L', b'Y', b'R', b'I'])
    );
    let accepted = if tagged { MAX_TRAILING_BYTES } else { 4_096 };
    if rest > accepted {
        return Err(undecodable(format!("{rest} bytes from {at} on are no MPEG audio frame")));
    }
    Ok(())
}
