//! Makes real media from a seed: files that every player decodes, the same bytes every time.
//!
//! Pictures show a made-up street scene full of edges. Two seeds give pictures whose perceptual
//! hashes are far apart (more than 10 bits); the same seed at another size, quality or format
//! gives a near-duplicate (at most 4 bits).

mod movie;
mod scene;
mod sound;

pub use self::movie::{mov, mp4};
pub use self::scene::{
    blurred_jpeg, gif, jpeg, jpeg_with_quality, png, scene, truncated_jpeg, webp,
};
pub use self::sound::{m4a, mp3, silent_wav, wav};

/// A small deterministic generator of numbers (`SplitMix64`).
pub(crate) struct Numbers(u64);

impl Numbers {
    /// Starts a sequence; each seed has its own.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// Returns the next number in `low..=high`.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = u64::from(high.abs_diff(low)) + 1;
        low + i32::try_from(self.next() % span).unwrap_or(0)
    }
}
