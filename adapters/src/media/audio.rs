//! Decodes sound to the last packet and measures it.
//!
//! The containers are taken apart here, not by symphonia's demuxers: for MP3 those skip whatever
//! they don't understand and come to a clean end in the middle of a cut file, and for MP4 they
//! search a table anew for every sample. Its decoders get one whole packet at a time.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::{AacDecoder, MpaDecoder, PcmDecoder};

use super::bytes::size;
use super::error::undecodable;
use super::limits::{MAX_AUDIO_FRAMES, MAX_AUDIO_PACKETS, at_most};
use super::meter::Meter;
use super::movie::AacTrack;
use super::source::Source;
use super::{ProbeError, Sound, mp3, wav};

/// One packet in this many may be damaged; more, and the file is.
const PACKETS_PER_ERROR: u64 = 100;

/// An AAC packet has at most 768 bytes per channel; this leaves room for extensions.
const MAX_AAC_PACKET_BYTES: u64 = 64 * 1024;

/// A decoder at work on one stream.
pub(super) struct Decoding {
    decoder: Box<dyn AudioDecoder>,
    meter: Option<Meter>,
    samples: Vec<i16>,
    packets: u64,
    errors: u64,
    last_error: String,
}

impl Decoding {
    fn new(decoder: impl AudioDecoder + 'static) -> Self {
        Self {
            decoder: Box::new(decoder),
            meter: None,
            samples: Vec::new(),
            packets: 0,
            errors: 0,
            last_error: String::new(),
        }
    }

    /// Decodes one packet.
    pub(super) fn push(&mut self, packet: &[u8]) -> Result<(), ProbeError> {
        self.packets += 1;
        at_most("number of audio packets", self.packets, MAX_AUDIO_PACKETS)?;
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, packet);
        let decoded = match self.decoder.decode_ref(&packet) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.errors += 1;
                self.last_error = error.to_string();
                return self.check_errors(self.packets.max(10 * PACKETS_PER_ERROR));
            }
        };
        let spec = decoded.spec();
        let channels = u16::try_from(spec.channels().count()).unwrap_or(u16::MAX);
        let meter = self.meter.get_or_insert_with(|| Meter::new(spec.rate(), channels));
        decoded.copy_to_vec_interleaved(&mut self.samples);
        meter.push(&self.samples);
        at_most("duration in sample frames", meter.frames(), MAX_AUDIO_FRAMES)
    }

    fn check_errors(&self, packets: u64) -> Result<(), ProbeError> {
        if self.errors * PACKETS_PER_ERROR > packets {
            let Self { errors, packets, last_error, .. } = self;
            return Err(undecodable(format!("{errors} of {packets} packets: {last_error}")));
        }
        Ok(())
    }

    /// Finishes the stream: its measurements, if there were samples at all.
    pub(super) fn finish(self) -> Result<Sound, ProbeError> {
        self.check_errors(self.packets)?;
        match self.meter.map(Meter::finish) {
            Some(sound) if sound.frames > 0 => Ok(sound),
            _ => Err(undecodable("there are no samples")),
        }
    }
}

/// Decodes an MP3 file; also returns where its last frame ends.
pub(super) fn decode_mp3(source: &mut Source) -> Result<(Sound, u64), ProbeError> {
    let mut parameters = AudioCodecParameters::new();
    parameters.for_codec(CODEC_ID_MP3);
    let decoder = MpaDecoder::try_new(&parameters, &AudioDecoderOptions::default())?;
    let mut decoding = Decoding::new(decoder);
    let end = mp3::decode(source, &mut decoding)?;
    Ok((decoding.finish()?, end))
}

/// Decodes a WAV file; also returns where its RIFF file ends.
pub(super) fn decode_wav(source: &mut Source) -> Result<(Sound, u64), ProbeError> {
    let (decoding, end) = wav::decode(source, |codec: AudioCodecId, rate, channels| {
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(codec)
            .with_sample_rate(rate)
            .with_channels(Channels::Discrete(channels));
        let decoder = PcmDecoder::try_new(&parameters, &AudioDecoderOptions::default())?;
        Ok(Decoding::new(decoder))
    })?;
    Ok((decoding.finish()?, end))
}

/// Decodes the AAC track of an MP4 file.
pub(super) fn decode_aac(source: &mut Source, track: &AacTrack) -> Result<Sound, ProbeError> {
    let mut parameters = AudioCodecParameters::new();
    parameters.for_codec(CODEC_ID_AAC).with_extra_data(track.config.to_vec().into());
    let decoder = AacDecoder::try_new(&parameters, &AudioDecoderOptions::default())?;
    let mut decoding = Decoding::new(decoder);
    let mut packet = Vec::new();
    for sample in &track.samples {
        at_most("size of an audio packet in bytes", sample.size.into(), MAX_AAC_PACKET_BYTES)?;
        packet.resize(size(sample.size), 0);
        source.read_at(sample.offset, &mut packet)?;
        decoding.push(&packet)?;
    }
    decoding.finish()
}

impl From<symphonia::core::errors::Error> for ProbeError {
    fn from(error: symphonia::core::errors::Error) -> Self {
        undecodable(error.to_string())
    }
}
