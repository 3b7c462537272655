//! What is measured of sound, in integers only, on samples converted to 16 bits.

use serde::{Deserialize, Serialize};

use super::bytes::wide;

/// A window is silent if its level is below -50 dBFS: 0.00316 of full scale, squared.
const SILENT_SQUARE: u64 = 104 * 104;
/// A window lasts a fiftieth of a second.
const WINDOWS_PER_SECOND: u64 = 50;
/// Samples at least this loud count as clipped.
const CLIPPED: u16 = 32_700;
const FULL_SCALE: u64 = 32_768;

/// Measurements of decoded sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u16,
    /// Decoded sample frames (one sample of every channel).
    pub frames: u64,
    /// Root mean square over everything, per mille of full scale.
    pub rms: u32,
    /// Loudest sample, per mille of full scale.
    pub peak: u32,
    /// Share of the time below -50 dBFS, per mille, in windows of 20 ms.
    pub silent: u32,
    /// Share of the samples at full scale, per mille.
    pub clipped: u32,
}

/// Adds up decoded samples.
pub(super) struct Meter {
    rate: u32,
    channels: u16,
    window: u64,
    in_window: u64,
    window_squares: u64,
    windows: u64,
    silent_windows: u64,
    samples: u64,
    squares: u64,
    clipped: u64,
    peak: u16,
}

impl Meter {
    /// Starts measuring. `channels` must be positive.
    pub(super) fn new(rate: u32, channels: u16) -> Self {
        let window = (u64::from(rate) / WINDOWS_PER_SECOND).max(1) * u64::from(channels);
        Self {
            rate,
            channels,
            window,
            in_window: 0,
            window_squares: 0,
            windows: 0,
            silent_windows: 0,
            samples: 0,
            squares: 0,
            clipped: 0,
            peak: 0,
        }
    }

    /// Adds interleaved samples.
    pub(super) fn push(&mut self, samples: &[i16]) {
        for sample in samples {
            let level = sample.unsigned_abs();
            self.peak = self.peak.max(level);
            self.clipped += u64::from(level >= CLIPPED);
            self.window_squares += u64::from(level) * u64::from(level);
            self.in_window += 1;
            if self.in_window == self.window {
                self.close_window();
            }
        }
        self.samples += wide(samples.len());
    }

    fn close_window(&mut self) {
        self.windows += 1;
        self.silent_windows += u64::from(self.window_squares / self.in_window < SILENT_SQUARE);
        self.squares += self.window_squares;
        self.window_squares = 0;
        self.in_window = 0;
    }

    /// Returns how many sample frames were added so far.
    pub(super) fn frames(&self) -> u64 {
        self.samples / u64::from(self.channels).max(1)
    }

    /// Finishes, counting a last incomplete window as one.
    pub(super) fn finish(mut self) -> Sound {
        if self.in_window > 0 {
            self.close_window();
        }
        let mille =
            |part: u64, of: u64| u32::try_from(part * 1_000 / of.max(1)).unwrap_or(u32::MAX);
        Sound {
            sample_rate: self.rate,
            channels: self.channels,
            frames: self.frames(),
            rms: mille((self.squares / self.samples.max(1)).isqrt(), FULL_SCALE),
            peak: mille(self.peak.into(), FULL_SCALE),
            silent: mille(self.silent_windows, self.windows),
            clipped: mille(self.clipped, self.samples),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_all_silent_and_a_square_wave_is_all_clipped() {
        let mut silence = Meter::new(8_000, 1);
        silence.push(&[0; 8_000]);
        assert_eq!(silence.finish().silent, 1_000);

        let mut square = Meter::new(8_000, 2);
        square.push(&[i16::MIN, i16::MAX].repeat(4_000));
        let sound = square.finish();
        assert_eq!(
            (sound.frames, sound.peak, sound.clipped, sound.silent),
            (4_000, 1_000, 1_000, 0)
        );
        assert_eq!(sound.rms, 999);
    }

    #[test]
    fn half_silence_is_half_silent() {
        let mut meter = Meter::new(8_000, 1);
        meter.push(&[0; 4_000]);
        meter.push(&[10_000; 4_000]);
        assert_eq!(meter.finish().silent, 500);
    }
}
