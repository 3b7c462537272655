//! Files as workers send them: synthetic, deterministic by seed, and no two seeds alike to the eye.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ImageFormat, Rgb, RgbImage};
use sha2::{Digest, Sha256};
use std::io::Cursor;

/// A file and what its sender says it is.
#[derive(Debug, Clone)]
pub struct Media {
    /// What is sent.
    pub bytes: Vec<u8>,
    /// The declared type.
    pub content_type: String,
    /// The declared name.
    pub file_name: String,
}

impl Media {
    /// Bytes under a declared type.
    pub fn new(bytes: Vec<u8>, content_type: &str, file_name: &str) -> Media {
        Media { bytes, content_type: content_type.to_owned(), file_name: file_name.to_owned() }
    }

    /// The SHA-256 of the bytes, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }

    /// The same bytes under another declared type.
    pub fn declared(mut self, content_type: &str) -> Media {
        content_type.clone_into(&mut self.content_type);
        self
    }
}

/// A seed that no other test uses.
pub fn seed() -> u64 {
    crate::unique::number()
}

/// A sharp, well exposed, detailed JPEG of 1280 by 960.
pub fn sharp(seed: u64) -> Media {
    sharp_sized(seed, 1280, 960)
}

/// [`sharp`] in another size.
pub fn sharp_sized(seed: u64, width: u32, height: u32) -> Media {
    jpeg(&scene(seed, width, height))
}

/// The same scene out of focus: `level` is the factor by which its resolution was halved away (1: hardly, 6: fog).
pub fn blurred(seed: u64, level: u32) -> Media {
    let sharp = scene(seed, 1280, 960);
    let small = resize(&sharp, (1280 >> level).max(1), (960 >> level).max(1), FilterType::Triangle);
    jpeg(&resize(&small, 1280, 960, FilterType::CatmullRom))
}

/// [`sharp`] as a PNG.
pub fn png(seed: u64) -> Media {
    let mut bytes = Cursor::new(Vec::new());
    scene(seed, 640, 480).write_to(&mut bytes, ImageFormat::Png).expect("a PNG in memory");
    Media::new(bytes.into_inner(), "image/png", "photo.png")
}

/// The first half of a JPEG.
pub fn truncated(seed: u64) -> Media {
    let mut media = sharp(seed);
    media.bytes.truncate(media.bytes.len() / 2);
    media
}

/// A PNG that claims to be a JPEG.
pub fn mislabelled(seed: u64) -> Media {
    png(seed).declared("image/jpeg")
}

/// Text that claims to be a JPEG.
pub fn text_as_jpeg() -> Media {
    Media::new(b"This is not a photograph.\n".repeat(400), "image/jpeg", "photo.jpg")
}

/// A JPEG of no bytes.
pub fn empty() -> Media {
    Media::new(Vec::new(), "image/jpeg", "photo.jpg")
}

/// A good JPEG with so much behind its end that it has `size` bytes.
pub fn padded(seed: u64, size: usize) -> Media {
    let mut media = sharp(seed);
    assert!(media.bytes.len() <= size, "the photograph is larger than that");
    media.bytes.resize(size, 0);
    media
}

fn jpeg(image: &RgbImage) -> Media {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 88).encode_image(image).expect("a JPEG in memory");
    Media::new(bytes, "image/jpeg", "photo.jpg")
}

const COLUMNS: u32 = 16;
const ROWS: u32 = 12;

/// Tiles of random brightness decide what the eye and every perceptual hash see; hard-edged discs and a fine
/// grain give detail at all scales.
fn scene(seed: u64, width: u32, height: u32) -> RgbImage {
    let mut random = Random(seed);
    let tiles: Vec<[f32; 3]> = (0..COLUMNS * ROWS)
        .map(|_| {
            let light = random.within(48.0, 200.0);
            [light, light + random.within(-24.0, 24.0), light + random.within(-24.0, 24.0)]
        })
        .collect();
    let grain = random.next();
    let mut image = RgbImage::from_fn(width, height, |x, y| {
        let tile = tiles[((y * ROWS / height) * COLUMNS + x * COLUMNS / width) as usize];
        let light = noise(grain, x, y) + noise(grain ^ 1, x / 3, y / 3);
        Rgb(tile.map(|channel| lit(channel, light)))
    });
    for _ in 0..24 {
        let radius = random.within(0.01, 0.03) * width as f32;
        let (x, y) = (random.within(0.0, width as f32), random.within(0.0, height as f32));
        disc(&mut image, x, y, radius, random.within(-40.0, 40.0));
    }
    image
}

/// Lights or darkens a disc.
fn disc(image: &mut RgbImage, cx: f32, cy: f32, radius: f32, step: f32) {
    let (width, height) = image.dimensions();
    let span = |centre: f32, end: u32| {
        let low = (centre - radius).max(0.0) as u32;
        low..((centre + radius) as u32 + 1).min(end)
    };
    for y in span(cy, height) {
        for x in span(cx, width) {
            let (dx, dy) = (x as f32 - cx, y as f32 - cy);
            if dx * dx + dy * dy < radius * radius {
                let pixel = image.get_pixel_mut(x, y);
                pixel.0 = pixel.0.map(|channel| lit(f32::from(channel), step));
            }
        }
    }
}

fn lit(channel: f32, light: f32) -> u8 {
    (channel + light).clamp(4.0, 250.0) as u8
}

fn noise(seed: u64, x: u32, y: u32) -> f32 {
    let mixed = mix(seed ^ (u64::from(x) << 32 | u64::from(y)));
    (mixed >> 40) as f32 / 16_777_216.0 * 28.0 - 14.0
}

/// `SplitMix64`: the same numbers for a seed in every version of everything.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    fn within(&mut self, low: f32, high: f32) -> f32 {
        low + (self.next() >> 40) as f32 / 16_777_216.0 * (high - low)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::imageops::grayscale;

    fn difference_hash(image: &RgbImage) -> u64 {
        let small = resize(&grayscale(image), 9, 8, FilterType::Triangle);
        let bits = (0..8).flat_map(|y| (0..8).map(move |x| (x, y)));
        bits.fold(0, |hash, (x, y)| {
            hash << 1 | u64::from(small.get_pixel(x, y).0 < small.get_pixel(x + 1, y).0)
        })
    }

    fn average_hash(image: &RgbImage) -> u64 {
        let small = resize(&grayscale(image), 8, 8, FilterType::Triangle);
        let mean = small.pixels().map(|p| u32::from(p.0[0])).sum::<u32>() / 64;
        small.pixels().fold(0, |hash, p| hash << 1 | u64::from(u32::from(p.0[0]) > mean))
    }

    #[test]
    fn a_seed_always_gives_the_same_bytes() {
        assert_eq!(sharp_sized(7, 320, 240).sha256(), sharp_sized(7, 320, 240).sha256());
        assert_ne!(sharp_sized(7, 320, 240).sha256(), sharp_sized(8, 320, 240).sha256());
    }

    #[test]
    fn neighbouring_seeds_are_no_near_duplicates() {
        for hash in [difference_hash, average_hash] {
            let hashes: Vec<u64> =
                (1_000..1_150).map(|seed| hash(&scene(seed, 160, 120))).collect();
            for (i, a) in hashes.iter().enumerate() {
                for b in &hashes[i + 1..] {
                    assert!((a ^ b).count_ones() > 10, "two scenes look alike");
                }
            }
        }
    }

    #[test]
    fn blurring_takes_the_detail_away_step_by_step() {
        let detail = |media: &Media| {
            let image = image::load_from_memory(&media.bytes).expect("our own JPEG").into_luma8();
            let rows = image.rows().map(|row| {
                let row: Vec<i64> = row.map(|p| i64::from(p.0[0])).collect();
                row.windows(3).map(|w| (w[0] - 2 * w[1] + w[2]).pow(2)).sum::<i64>()
            });
            rows.sum::<i64>()
        };
        let steps: Vec<i64> = (0..5).map(|level| detail(&blurred(5, level))).collect();
        assert!(steps.windows(2).all(|pair| pair[1] < pair[0]), "{steps:?}");
    }

    #[test]
    fn a_truncated_file_does_not_decode_to_its_end_and_a_mislabelled_one_is_a_png() {
        let whole = sharp(3);
        assert!(truncated(3).bytes.len() < whole.bytes.len());
        assert_eq!(
            image::guess_format(&mislabelled(3).bytes).expect("a known format"),
            ImageFormat::Png
        );
        assert!(image::load_from_memory(&text_as_jpeg().bytes).is_err());
    }
}
