//! Pictures: a street front of windowed houses with a sign, and ways to spoil it.

use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageEncoder, ImageResult, Rgb, RgbImage};

use super::Numbers;

/// Positions in a scene run from 0 to this, whatever the size in pixels.
const UNITS: i32 = 4_096;
const COLUMNS: usize = 9;
const ROWS: usize = 8;
const DEFAULT_QUALITY: u8 = 88;
const SIGN_COLOURS: [[i32; 3]; 4] = [[200, 30, 40], [20, 70, 170], [235, 190, 20], [20, 130, 70]];

/// Everything about a scene that depends on the seed.
struct Plan {
    /// Grey level of each house front; neighbours differ visibly.
    fronts: [[i32; COLUMNS]; ROWS],
    tints: [[i32; 3]; ROWS],
    sign_centre: (i32, i32),
    sign_radius: i32,
    sign_shape: i32,
    sign_colour: [i32; 3],
    /// Rows of glyphs, each 5 by 7 dots.
    text: [[u64; 5]; 3],
}

impl Plan {
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let fronts = std::array::from_fn(|_| {
            let mut level = numbers.between(60, 190);
            std::array::from_fn(|_| {
                let before = level;
                while before.abs_diff(level) < 28 {
                    level = numbers.between(60, 190);
                }
                level
            })
        });
        let tints = std::array::from_fn(|_| std::array::from_fn(|_| numbers.between(-18, 18)));
        let colour = usize::try_from(numbers.between(0, 3)).unwrap_or(0);
        Self {
            fronts,
            tints,
            sign_centre: (
                numbers.between(UNITS / 4, UNITS * 3 / 4),
                numbers.between(UNITS / 4, UNITS * 3 / 4),
            ),
            sign_radius: numbers.between(UNITS / 9, UNITS / 7),
            sign_shape: numbers.between(0, 2),
            sign_colour: SIGN_COLOURS.get(colour).copied().unwrap_or_default(),
            text: std::array::from_fn(|_| std::array::from_fn(|_| numbers.next())),
        }
    }

    fn colour(&self, x: i32, y: i32) -> Rgb<u8> {
        let levels = self.sign(x, y).unwrap_or_else(|| self.front(x, y));
        Rgb(levels.map(|level| u8::try_from(level.clamp(4, 250)).unwrap_or(0)))
    }

    /// A house front with rows of windows, alternately dark and lit, and courses of bricks.
    fn front(&self, x: i32, y: i32) -> [i32; 3] {
        let index = |position: i32, cells: usize| {
            usize::try_from(position * i32::try_from(cells).unwrap_or(1) / UNITS).unwrap_or(0)
        };
        let row = index(y, ROWS).min(ROWS - 1);
        let fronts = self.fronts.get(row).copied().unwrap_or_default();
        let mut level = fronts.get(index(x, COLUMNS)).copied().unwrap_or(128);
        let (window_x, window_y) = (index(x, COLUMNS * 4), index(y, ROWS * 4));
        let (inside_x, inside_y) = (x * 36 % UNITS, y * 32 % UNITS);
        let inner = UNITS / 4..UNITS * 3 / 4;
        if inner.contains(&inside_x) && inner.contains(&inside_y) {
            level += if (window_x + window_y) % 2 == 0 { 42 } else { -42 };
        } else if y * 160 % UNITS < UNITS / 4 || (x * 72 + y * 80 / 2) % UNITS < UNITS / 10 {
            level -= 26;
        }
        let tint = self.tints.get(row).copied().unwrap_or_default();
        tint.map(|shift| level + shift + (y - UNITS / 2) / 400)
    }

    /// A sign with a border and three rows of text-like dots.
    fn sign(&self, x: i32, y: i32) -> Option<[i32; 3]> {
        let (dx, dy) = (x - self.sign_centre.0, y - self.sign_centre.1);
        let (across, down) = (dx.abs(), dy.abs());
        let distance = match self.sign_shape {
            0 => (dx * dx + dy * dy).isqrt(),
            1 => across.max(down).max((across + down) * 2 / 3),
            _ => across.max(down * 3 / 2),
        };
        if distance > self.sign_radius {
            return None;
        }
        if distance > self.sign_radius * 7 / 8 {
            return Some([245; 3]);
        }
        let dot = self.sign_radius / 18;
        let (column, line) = ((dx + dot * 15).div_euclid(dot), (dy + dot * 12).div_euclid(dot));
        let bits = usize::try_from(line / 8).ok().and_then(|line| self.text.get(line));
        let glyph = usize::try_from(column / 6).ok().and_then(|glyph| bits?.get(glyph));
        let in_cell = column >= 0 && line >= 0 && column % 6 < 5 && line % 8 < 7;
        let lit = glyph
            .filter(|_| in_cell)
            .is_some_and(|dots| dots >> (line % 8 * 5 + column % 6) & 1 == 1);
        Some(if lit { [250; 3] } else { self.sign_colour })
    }
}

/// Draws the scene of that seed at a size in pixels.
pub fn scene(seed: u64, width: u32, height: u32) -> RgbImage {
    let plan = Plan::new(seed);
    let scale = |pixel: u32, length: u32| {
        let position =
            u64::from(pixel) * u64::from(UNITS.unsigned_abs()) / u64::from(length.max(1));
        i32::try_from(position).unwrap_or(0)
    };
    RgbImage::from_fn(width, height, |x, y| plan.colour(scale(x, width), scale(y, height)))
}

/// Encodes the scene as JPEG of a given quality, 1 to 100.
pub fn jpeg_with_quality(seed: u64, width: u32, height: u32, quality: u8) -> ImageResult<Vec<u8>> {
    encode_jpeg(&scene(seed, width, height), quality)
}

/// Encodes the scene as JPEG.
pub fn jpeg(seed: u64, width: u32, height: u32) -> ImageResult<Vec<u8>> {
    jpeg_with_quality(seed, width, height, DEFAULT_QUALITY)
}

/// Encodes a picture as JPEG.
pub(super) fn encode_jpeg(picture: &RgbImage, quality: u8) -> ImageResult<Vec<u8>> {
    let mut encoded = Vec::new();
    JpegEncoder::new_with_quality(&mut encoded, quality).encode_image(picture)?;
    Ok(encoded)
}

/// Encodes the scene as PNG.
pub fn png(seed: u64, width: u32, height: u32) -> ImageResult<Vec<u8>> {
    let mut encoded = Vec::new();
    PngEncoder::new(&mut encoded).write_image(
        &scene(seed, width, height),
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(encoded)
}

/// Encodes the scene as lossless WebP.
pub fn webp(seed: u64, width: u32, height: u32) -> ImageResult<Vec<u8>> {
    let mut encoded = Vec::new();
    WebPEncoder::new_lossless(&mut encoded).encode(
        &scene(seed, width, height),
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(encoded)
}

/// Encodes the scene as GIF of one frame, with its own 256 colours.
pub fn gif(seed: u64, width: u32, height: u32) -> ImageResult<Vec<u8>> {
    let mut encoded = Cursor::new(Vec::new());
    GifEncoder::new(&mut encoded).encode(
        &scene(seed, width, height),
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(encoded.into_inner())
}

/// Encodes the scene as JPEG, 1280 by 960, hopelessly out of focus.
pub fn blurred_jpeg(seed: u64) -> ImageResult<Vec<u8>> {
    let small = imageops::resize(&scene(seed, 1_280, 960), 40, 30, FilterType::Triangle);
    let blurred = imageops::resize(&small, 1_280, 960, FilterType::Triangle);
    encode_jpeg(&blurred, DEFAULT_QUALITY)
}

/// Encodes the scene as JPEG, 1280 by 960, and cuts the file after three fifths.
pub fn truncated_jpeg(seed: u64) -> ImageResult<Vec<u8>> {
    let mut encoded = jpeg(seed, 1_280, 960)?;
    encoded.truncate(encoded.len() * 3 / 5);
    Ok(encoded)
}
