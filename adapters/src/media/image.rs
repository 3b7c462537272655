//! Decodes pictures, all of them to the last pixel, and measures what comes out.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, ColorType, Frames, ImageDecoder, ImageError, Limits};

use super::bytes::size;
use super::error::{truncated, undecodable};
use super::limits::{MAX_DECODE_BYTES, MAX_SIDE};
use super::measure::Measurement;
use super::{MediaType, Picture, ProbeError, containers, jpeg};

/// What a container says about its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Width in stored pixels.
    pub(crate) width: u32,
    /// Height in stored pixels.
    pub(crate) height: u32,
    /// Frames of an animation, else 1.
    pub(crate) frames: u64,
    /// Where the picture ends; anything from here on is no part of it.
    pub(crate) end: usize,
}

/// A picture that was decoded completely.
pub(super) struct Decoded {
    pub(super) layout: Layout,
    pub(super) picture: Picture,
    pub(super) hash: Option<u64>,
}

/// Checks the container, decodes every pixel of every frame, and measures the first frame.
pub(super) fn decode(media_type: MediaType, bytes: &[u8]) -> Result<Decoded, ProbeError> {
    match media_type {
        MediaType::Jpeg => {
            let layout = jpeg::verify(bytes)?;
            let picture = bytes.get(..layout.end).unwrap_or_default();
            still(layout, JpegDecoder::new(Cursor::new(picture))?)
        }
        MediaType::Png => {
            let (layout, essential) = containers::png(bytes)?;
            still(layout, PngDecoder::with_limits(Cursor::new(essential), limits())?)
        }
        MediaType::Webp => {
            let (layout, animated) = containers::webp(bytes)?;
            let picture = bytes.get(..layout.end).unwrap_or_default();
            let decoder = WebPDecoder::new(Cursor::new(picture))?;
            if animated { animation(layout, decoder.into_frames()) } else { still(layout, decoder) }
        }
        MediaType::Gif => {
            let layout = containers::gif(bytes)?;
            let picture = bytes.get(..layout.end).unwrap_or_default();
            let mut decoder = GifDecoder::new(Cursor::new(picture))?;
            decoder.set_limits(limits())?;
            animation(layout, decoder.into_frames())
        }
        other => Err(undecodable(format!("{other} is no image"))),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODE_BYTES);
    limits
}

fn still(layout: Layout, mut decoder: impl ImageDecoder) -> Result<Decoded, ProbeError> {
    decoder.set_limits(limits())?;
    let (width, height) = decoder.dimensions();
    if (width, height) != (layout.width, layout.height) {
        return Err(undecodable("the picture and its container disagree about the size"));
    }
    let color = decoder.color_type();
    let mut allowance = limits();
    allowance.reserve(decoder.total_bytes())?;
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
    decoder.read_image(&mut pixels)?;
    let (picture, hash) = measure(width, height, color, &pixels);
    Ok(Decoded { layout, picture, hash })
}

fn animation(layout: Layout, frames: Frames<'_>) -> Result<Decoded, ProbeError> {
    let mut measured = None;
    let mut count = 0;
    for frame in frames {
        let frame = frame?;
        count += 1;
        if measured.is_none() {
            let pixels = frame.buffer();
            let (width, height) = pixels.dimensions();
            if (width, height) != (layout.width, layout.height) {
                return Err(undecodable("a frame and its container disagree about the size"));
            }
            measured = Some(measure(width, height, ColorType::Rgba8, pixels.as_raw()));
        }
    }
    if count != layout.frames {
        return Err(truncated("frames of the animation are missing"));
    }
    let (picture, hash) = measured.ok_or_else(|| undecodable("an animation without a frame"))?;
    Ok(Decoded { layout, picture, hash })
}

fn measure(width: u32, height: u32, color: ColorType, pixels: &[u8]) -> (Picture, Option<u64>) {
    let mut measurement = Measurement::new(size(width), size(height));
    let stride = size(width) * usize::from(color.bytes_per_pixel());
    let mut row = Vec::with_capacity(size(width));
    for stored in pixels.chunks_exact(stride.max(1)) {
        row.clear();
        luma_row(color, stored, &mut row);
        measurement.push_row(&row);
    }
    measurement.finish()
}

/// Appends the luma of a row of stored pixels. Transparent pixels are seen over white; of 16-bit
/// samples, which are in native order, the upper 8 bits count.
fn luma_row(color: ColorType, stored: &[u8], row: &mut Vec<u8>) {
    match color {
        ColorType::L8 => row.extend_from_slice(stored),
        ColorType::La8 => {
            row.extend(stored.as_chunks().0.iter().map(|[l, a]| over_white(*l, *a)));
        }
        ColorType::Rgb8 => {
            row.extend(stored.as_chunks().0.iter().map(|[r, g, b]| luma(*r, *g, *b)));
        }
        ColorType::Rgba8 => {
            let pixels = stored.as_chunks().0.iter();
            row.extend(pixels.map(|[r, g, b, a]| over_white(luma(*r, *g, *b), *a)));
        }
        _ => {
            let upper = |sample: &[u8; 2]| u16::from_ne_bytes(*sample).to_be_bytes()[0];
            let samples: Vec<u8> = stored.as_chunks().0.iter().map(upper).collect();
            let narrow = match color {
                ColorType::La16 => ColorType::La8,
                ColorType::Rgb16 => ColorType::Rgb8,
                ColorType::Rgba16 => ColorType::Rgba8,
                _ => ColorType::L8,
            };
            luma_row(narrow, &samples, row);
        }
    }
}

/// BT.601 luma in 8-bit fixed point.
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue);
    u8::try_from((sum + 128) >> 8).unwrap_or(u8::MAX)
}

fn over_white(level: u8, alpha: u8) -> u8 {
    let (level, alpha) = (u32::from(level), u32::from(alpha));
    u8::try_from((level * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
}

impl From<ImageError> for ProbeError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooLarge {
                what: "memory to decode in bytes",
                actual: MAX_DECODE_BYTES + 1,
                limit: MAX_DECODE_BYTES,
            },
            // The bytes are in memory: reading them fails only by coming to their end.
            ImageError::IoError(_) => truncated("the picture has less data than it declares"),
            other => undecodable(other.to_string()),
        }
    }
}
