//! Finds the samples of a WAV file.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known as codec;

use super::ProbeError;
use super::audio::Decoding;
use super::bytes::{le16, le32};
use super::error::{truncated, undecodable};
use super::limits::{MAX_CHUNKS, at_most};
use super::source::Source;

/// Samples are decoded this many frames at a time.
const BATCH_FRAMES: u64 = 4_096;

/// The `fmt ` chunk.
struct Format {
    codec: AudioCodecId,
    channels: u16,
    rate: u32,
    frame_bytes: u16,
}

/// Decodes every sample; returns where the RIFF file ends.
pub(super) fn decode(
    source: &mut Source,
    start: impl FnOnce(AudioCodecId, u32, u16) -> Result<Decoding, ProbeError>,
) -> Result<(Decoding, u64), ProbeError> {
    let wrong = || undecodable("a malformed WAV header");
    let header: [u8; 12] = source.array_at(0)?.ok_or_else(wrong)?;
    let end = 8 + u64::from(le32(&header, 4).ok_or_else(wrong)?);
    if end > source.length {
        return Err(truncated("the RIFF size goes beyond the end of the file"));
    }
    let mut format: Option<Format> = None;
    let mut at = 12;
    for chunk in 0.. {
        at_most("number of chunks", chunk, MAX_CHUNKS)?;
        let Some([a, b, c, d, size @ ..]) = source.array_at::<8>(at)? else { break };
        let length = u64::from(u32::from_le_bytes(size));
        at += 8;
        if at + length > end {
            return Err(truncated("a chunk declares more than the file holds"));
        }
        match &[a, b, c, d] {
            b"fmt " => format = Some(parse_format(&source.vec_at(at, length.min(40))?)?),
            b"data" => {
                let format = format.ok_or_else(wrong)?;
                let mut decoding = start(format.codec, format.rate, format.channels)?;
                decode_samples(source, at, length, &format, &mut decoding)?;
                return Ok((decoding, end));
            }
            _ => {}
        }
        at += length.next_multiple_of(2);
    }
    Err(truncated("there is no sample data"))
}

fn decode_samples(
    source: &mut Source,
    start: u64,
    length: u64,
    format: &Format,
    decoding: &mut Decoding,
) -> Result<(), ProbeError> {
    let frame_bytes = u64::from(format.frame_bytes);
    let end = start + length / frame_bytes * frame_bytes;
    let mut at = start;
    let mut batch = Vec::new();
    while at < end {
        let step = (end - at).min(BATCH_FRAMES * frame_bytes);
        batch.resize(usize::try_from(step).unwrap_or(0), 0);
        source.read_at(at, &mut batch)?;
        decoding.push(&batch)?;
        at += step;
    }
    Ok(())
}

fn parse_format(body: &[u8]) -> Result<Format, ProbeError> {
    let wrong = || undecodable("a malformed WAV format");
    let number = |at: usize| le16(body, at).ok_or_else(wrong);
    let (channels, bits) = (number(2)?, number(14)?);
    let rate = le32(body, 4).ok_or_else(wrong)?;
    let tag = match number(0)? {
        // WAVE_FORMAT_EXTENSIBLE: the tag is the start of the sub-format.
        0xFFFE => number(24)?,
        tag => tag,
    };
    let codec = match (tag, bits) {
        (1, 8) => codec::CODEC_ID_PCM_U8,
        (1, 16) => codec::CODEC_ID_PCM_S16LE,
        (1, 24) => codec::CODEC_ID_PCM_S24LE,
        (1, 32) => codec::CODEC_ID_PCM_S32LE,
        (3, 32) => codec::CODEC_ID_PCM_F32LE,
        (3, 64) => codec::CODEC_ID_PCM_F64LE,
        (6, 8) => codec::CODEC_ID_PCM_ALAW,
        (7, 8) => codec::CODEC_ID_PCM_MULAW,
        _ => return Err(undecodable(format!("WAV format {tag} with {bits} bits per sample"))),
    };
    if !(1..=8).contains(&channels) || !(1_000..=384_000).contains(&rate) {
        return Err(undecodable(format!("{channels} channels at {rate} Hz")));
    }
    let frame_bytes = channels * (bits / 8);
    if number(12)? != frame_bytes {
        return Err(wrong());
    }
    Ok(Format { codec, channels, rate, frame_bytes })
}
