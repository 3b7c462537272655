//! Sound: a melody as samples (WAV), and as the simplest valid MP3 and AAC, in which every frame
//! holds one spectral line, the pitch of the note.

use super::Numbers;
use super::movie::{self, Media};

const RATE: u32 = 44_100;
const NOTE_MS: u32 = 250;
/// A pentatonic scale in Hz.
const SCALE: [u32; 8] = [262, 294, 330, 392, 440, 523, 587, 659];

/// The pitches of a melody, one per quarter of a second.
struct Melody {
    notes: Vec<u32>,
}

impl Melody {
    fn new(seed: u64, milliseconds: u32) -> Self {
        let mut numbers = Numbers::new(seed);
        let pitch =
            |number| SCALE.get(usize::try_from(number).unwrap_or(0)).copied().unwrap_or(440);
        let notes = (0..=milliseconds / NOTE_MS).map(|_| pitch(numbers.between(0, 7))).collect();
        Self { notes }
    }

    /// The pitch at a sample.
    fn at(&self, sample: u32) -> u32 {
        let note = sample / (RATE * NOTE_MS / 1_000);
        let last = self.notes.last().copied().unwrap_or(440);
        usize::try_from(note).ok().and_then(|note| self.notes.get(note).copied()).unwrap_or(last)
    }
}

fn samples_in(milliseconds: u32) -> u32 {
    u32::try_from(u64::from(milliseconds) * u64::from(RATE) / 1_000).unwrap_or(u32::MAX / 8)
}

/// Makes a WAV file of that many milliseconds: 16 bits, mono, 44.1 kHz, a melody of sine-like
/// tones at a quarter of full scale.
pub fn wav(seed: u64, milliseconds: u32) -> Vec<u8> {
    let melody = Melody::new(seed, milliseconds);
    let mut phase = 0_u32;
    let samples = (0..samples_in(milliseconds)).map(|sample| {
        let step = (u64::from(melody.at(sample)) << 32) / u64::from(RATE);
        phase = phase.wrapping_add(u32::try_from(step).unwrap_or(0));
        // A parabola over each half period is within 6 % of a sine.
        let half = i64::from(phase.cast_signed());
        let level = (half * ((1 << 31) - half.abs())) >> 29;
        i16::try_from((level * 9_000) >> 31).unwrap_or(0)
    });
    wav_of(samples.collect())
}

/// Makes a WAV file of that many milliseconds of digital silence.
pub fn silent_wav(milliseconds: u32) -> Vec<u8> {
    wav_of(vec![0; usize::try_from(samples_in(milliseconds)).unwrap_or(0)])
}

fn wav_of(samples: Vec<i16>) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX - 36);
    let mut file = b"RIFF".to_vec();
    file.extend((bytes + 36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.into_iter().flat_map(i16::to_le_bytes));
    file
}

/// Bits, first bit first.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    count: usize,
}

impl BitWriter {
    fn put(&mut self, value: u32, bits: u32) {
        for bit in (0..bits).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> bit & 1 == 1) << (7 - self.count % 8);
            }
            self.count += 1;
        }
    }
}

/// Makes an MP3 file of about that many milliseconds: MPEG-1 layer 3, mono, 44.1 kHz, 64 kbit/s.
pub fn mp3(seed: u64, milliseconds: u32) -> Vec<u8> {
    /// Bytes of that many frames at 64 kbit/s, rounded down; a frame is a byte longer at times.
    fn bytes_of(frames: u32) -> u32 {
        u32::try_from(u64::from(frames) * 144 * 64_000 / u64::from(RATE)).unwrap_or(0)
    }
    const GAIN: u32 = 198;
    let melody = Melody::new(seed, milliseconds);
    let mut file = Vec::new();
    for frame in 0..samples_in(milliseconds).div_ceil(1_152) {
        let line = melody.at(frame * 1_152) * 576 / (RATE / 2);
        // Pairs of lines up to and including the note's, in Huffman table 1: "1" for two zeros.
        let pairs = line / 2 + 1;
        let mut data = BitWriter::default();
        for _ in 0..line / 2 {
            data.put(1, 1);
        }
        if line.is_multiple_of(2) {
            data.put(0b01, 2);
        } else {
            data.put(0b001, 3);
        }
        data.put(0, 1);
        let granule_bits = u32::try_from(data.count).unwrap_or(0);

        let mut bits = BitWriter::default();
        let length = bytes_of(frame + 1) - bytes_of(frame);
        bits.put(0xFFFB_50C0 | (length - 208) << 9, 32);
        // No bit reservoir, private bits, no shared scale factors.
        bits.put(0, 9 + 5 + 4);
        for _ in 0..2 {
            bits.put(granule_bits, 12);
            bits.put(pairs, 9);
            bits.put(GAIN, 8);
            bits.put(0, 4 + 1);
            // Table 1 in all three regions.
            for _ in 0..3 {
                bits.put(1, 5);
            }
            bits.put(0, 4 + 3 + 3);
        }
        for _ in 0..2 {
            for bit in 0..data.count {
                let byte = data.bytes.get(bit / 8).copied().unwrap_or(0);
                bits.put(u32::from(byte >> (7 - bit % 8) & 1), 1);
            }
        }
        bits.bytes.resize(usize::try_from(length).unwrap_or(0), 0);
        file.extend(bits.bytes);
    }
    file
}

/// Makes an M4A file of about that many milliseconds: AAC-LC, mono, 44.1 kHz.
pub fn m4a(seed: u64, milliseconds: u32) -> Vec<u8> {
    /// Scale factor bands sent: up to line 132, 2.8 kHz.
    const BANDS: u32 = 20;
    const LINES: u32 = 132;
    const GAIN: u32 = 194;
    /// Codebook 1: a single +1 in each of four places.
    const ONES: [u32; 4] = [0x10, 0x13, 0x16, 0x14];
    let melody = Melody::new(seed, milliseconds);
    let packets = (0..samples_in(milliseconds).div_ceil(1_024)).map(|packet| {
        let line = melody.at(packet * 1_024) * 1_024 / (RATE / 2);
        let mut bits = BitWriter::default();
        // Single channel element, tag 0, gain, long window, no prediction.
        bits.put(0, 3 + 4);
        bits.put(GAIN, 8);
        bits.put(0, 1 + 2 + 1);
        bits.put(BANDS, 6);
        bits.put(0, 1);
        // One section with codebook 1, and no change of scale factor in any band.
        bits.put(1, 4);
        bits.put(BANDS, 5);
        bits.put(0, BANDS);
        // No pulses, no noise shaping, no gain control.
        bits.put(0, 3);
        for quad in 0..LINES / 4 {
            if quad == line / 4 {
                let place = usize::try_from(line % 4).unwrap_or(0);
                bits.put(ONES.get(place).copied().unwrap_or(0), 5);
            } else {
                bits.put(0, 1);
            }
        }
        bits.put(7, 3);
        bits.bytes
    });
    let media = Media::Aac { rate: RATE, config: [0x12, 0x08], samples_per_packet: 1_024 };
    movie::file(b"M4A ", &media, &packets.collect::<Vec<_>>())
}
