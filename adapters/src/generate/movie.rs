//! Movies: Motion JPEG and AAC in the smallest complete MP4 and `QuickTime` files.

use image::{ImageResult, imageops};

use super::scene::{encode_jpeg, scene};

const WIDTH: u16 = 640;
const HEIGHT: u16 = 480;
const FRAMES_PER_SECOND: u32 = 10;
const FRAME_MS: u32 = 1_000 / FRAMES_PER_SECOND;
/// The camera moves this many pixels per frame.
const PAN: u32 = 4;
const QUALITY: u8 = 70;

/// What a movie's one track is coded with.
pub(super) enum Media {
    /// Motion JPEG, in `QuickTime`'s way or in MPEG-4's.
    Jpeg { quicktime: bool },
    /// AAC-LC in mono.
    Aac { rate: u32, config: [u8; 2], samples_per_packet: u32 },
}

/// Makes an MP4 file of about that many milliseconds: Motion JPEG, 640 by 480, 10 frames per
/// second, the camera moving along the scene.
pub fn mp4(seed: u64, milliseconds: u32) -> ImageResult<Vec<u8>> {
    Ok(file(b"isom", &Media::Jpeg { quicktime: false }, &frames(seed, milliseconds)?))
}

/// Makes the same as [`mp4`] as a `QuickTime` file.
pub fn mov(seed: u64, milliseconds: u32) -> ImageResult<Vec<u8>> {
    Ok(file(b"qt  ", &Media::Jpeg { quicktime: true }, &frames(seed, milliseconds)?))
}

fn frames(seed: u64, milliseconds: u32) -> ImageResult<Vec<Vec<u8>>> {
    let count = milliseconds.div_ceil(FRAME_MS).max(1);
    let (width, height) = (u32::from(WIDTH), u32::from(HEIGHT));
    let wide = scene(seed, width + count * PAN, height);
    (0..count)
        .map(|frame| {
            let view = imageops::crop_imm(&wide, frame * PAN, 0, width, height).to_image();
            encode_jpeg(&view, QUALITY)
        })
        .collect()
}

/// Makes a movie of one track: all samples in one chunk, each of the same duration.
pub(super) fn file(brand: &[u8], media: &Media, samples: &[Vec<u8>]) -> Vec<u8> {
    let ftyp = boxed(b"ftyp", &[brand, &number(0x200), brand, b"mp41"]);
    let data = samples.concat();
    // The header's size does not depend on the offset in it.
    let header = movie_header(media, samples, 0).len() + ftyp.len() + 8;
    let moov = movie_header(media, samples, u32::try_from(header).unwrap_or(0));
    [ftyp, moov, boxed(b"mdat", &[&data])].concat()
}

fn number(value: u32) -> [u8; 4] {
    value.to_be_bytes()
}

fn count(samples: &[Vec<u8>]) -> u32 {
    u32::try_from(samples.len()).unwrap_or(0)
}

fn boxed(name: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let length = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = number(u32::try_from(length).unwrap_or(0)).to_vec();
    bytes.extend_from_slice(name);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// A box with a version and flags.
fn full(name: &[u8], flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    boxed(name, &[&number(flags), &parts.concat()])
}

const MATRIX: [u8; 36] = {
    let mut matrix = [0; 36];
    matrix[1] = 1;
    matrix[17] = 1;
    matrix[32] = 0x40;
    matrix
};

fn movie_header(media: &Media, samples: &[Vec<u8>], offset: u32) -> Vec<u8> {
    let (timescale, step) = match media {
        Media::Jpeg { .. } => (1_000, FRAME_MS),
        Media::Aac { rate, samples_per_packet, .. } => (*rate, *samples_per_packet),
    };
    let duration = number(step * count(samples));
    let (handler, size, volume): (&[u8; 4], [u16; 2], [u8; 2]) = match media {
        Media::Jpeg { .. } => (b"vide", [WIDTH, HEIGHT], [0, 0]),
        Media::Aac { .. } => (b"soun", [0, 0], [1, 0]),
    };
    let size = size.map(|side| number(u32::from(side) << 16)).concat();
    let mvhd = full(
        b"mvhd",
        0,
        &[
            &[0; 8],
            &number(timescale),
            &duration,
            b"\0\x01\0\0\x01\0",
            &[0; 10],
            &MATRIX,
            &[0; 24],
            &number(2),
        ],
    );
    let tkhd = full(
        b"tkhd",
        3,
        &[&[0; 8], &number(1), &[0; 4], &duration, &[0; 12], &volume, &[0; 2], &MATRIX, &size],
    );
    let media_header = full(b"mdhd", 0, &[&[0; 8], &number(timescale), &duration, b"\x55\xC4\0\0"]);
    let hdlr = full(b"hdlr", 0, &[&[0; 4], handler, &[0; 12], b"generated\0"]);
    let medium = match media {
        Media::Jpeg { .. } => full(b"vmhd", 1, &[&[0; 8]]),
        Media::Aac { .. } => full(b"smhd", 0, &[&[0; 4]]),
    };
    let dref = full(b"dref", 0, &[&number(1), &full(b"url ", 1, &[])]);
    let stbl = sample_table(media, samples, step, offset);
    let minf = boxed(b"minf", &[&medium, &boxed(b"dinf", &[&dref]), &stbl]);
    let trak = boxed(b"trak", &[&tkhd, &boxed(b"mdia", &[&media_header, &hdlr, &minf])]);
    boxed(b"moov", &[&mvhd, &trak])
}

fn sample_table(media: &Media, samples: &[Vec<u8>], step: u32, offset: u32) -> Vec<u8> {
    let all = number(count(samples));
    let sizes: Vec<u8> = samples
        .iter()
        .flat_map(|sample| number(u32::try_from(sample.len()).unwrap_or(0)))
        .collect();
    let one = number(1);
    boxed(
        b"stbl",
        &[
            &full(b"stsd", 0, &[&one, &sample_entry(media)]),
            &full(b"stts", 0, &[&one, &all, &number(step)]),
            &full(b"stsc", 0, &[&one, &one, &all, &one]),
            &full(b"stsz", 0, &[&[0; 4], &all, &sizes]),
            &full(b"stco", 0, &[&one, &number(offset)]),
        ],
    )
}

fn sample_entry(media: &Media) -> Vec<u8> {
    let reference = b"\0\0\0\0\0\0\0\x01";
    match media {
        Media::Jpeg { quicktime } => {
            let (name, esds) = if *quicktime {
                (b"jpeg", Vec::new())
            } else {
                (b"mp4v", descriptor(0x6C, 0x11, &[]))
            };
            let size = [WIDTH.to_be_bytes(), HEIGHT.to_be_bytes()].concat();
            let resolution = b"\0\x48\0\0\0\x48\0\0\0\0\0\0\0\x01";
            boxed(
                name,
                &[reference, &[0; 16], &size, resolution, &[0; 32], b"\0\x18\xFF\xFF", &esds],
            )
        }
        Media::Aac { rate, config, .. } => {
            let specific = [&[0x05, 2][..], config].concat();
            let esds = descriptor(0x40, 0x15, &specific);
            let format = [&b"\0\x01\0\x10\0\0\0\0"[..], &number(rate << 16)].concat();
            boxed(b"mp4a", &[reference, &[0; 8], &format, &esds])
        }
    }
}

/// An elementary stream descriptor: what decodes the stream, and with what configuration.
fn descriptor(object: u8, stream: u8, specific: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(0);
    let config = [&[object, stream][..], &[0; 11], specific].concat();
    let config = [&[0x04, length(&config)][..], &config].concat();
    let sync = [0x06, 1, 2];
    let stream = [&[0, 1, 0][..], &config, &sync].concat();
    full(b"esds", 0, &[&[0x03, length(&stream)], &stream])
}
