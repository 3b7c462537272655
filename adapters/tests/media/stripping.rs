//! Stripping: nothing about the maker is left, nothing of the picture is lost.

use firsthand_adapters::generate as make;
use firsthand_adapters::media::MediaType;
use firsthand_adapters::strip::{StripError, orientation, strip};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder};

use crate::{one_of_each, probe};

const SECRETS: [&[u8]; 4] = [b"GPSLatitude", b"SerialNo-42", b"Jane Owner", b"<x:xmpmeta"];

/// A TIFF structure with an orientation, and secrets behind it.
fn tiff(value: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    tiff[18] = value;
    tiff.extend(SECRETS.concat());
    tiff
}

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], &length[..], body].concat()
}

fn dirty_jpeg(value: u8) -> Vec<u8> {
    let clean = make::jpeg(2, 97, 61).unwrap();
    let secrets = SECRETS.concat();
    let tagged = |tag: &[u8]| [tag, &secrets].concat();
    let thumbnail = make::jpeg(3, 16, 16).unwrap();
    [
        &clean[..2],
        &segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        &segment(0xE0, &[b"JFXX\0\x10", &thumbnail[..]].concat()),
        &segment(0xE1, &[b"Exif\0\0", &tiff(value)[..]].concat()),
        &segment(0xE1, &tagged(b"http://ns.adobe.com/xap/1.0/\0")),
        &segment(0xE2, &tagged(b"MPF\0")),
        &segment(0xED, &tagged(b"Photoshop 3.0\0")),
        &segment(0xEC, &tagged(b"Ducky")),
        &segment(0xFE, &secrets),
        &clean[2..],
        b"PK\x03\x04",
        &secrets,
        &thumbnail,
    ]
    .concat()
}

fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
    let content = [name, body].concat();
    let mut crc = u32::MAX;
    for byte in &content {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[..], &content, &(!crc).to_be_bytes()].concat()
}

fn dirty_png(value: u8) -> Vec<u8> {
    let clean = make::png(2, 97, 61).unwrap();
    let secrets = SECRETS.concat();
    let text = [b"Author\0", &secrets[..]].concat();
    [
        &clean[..33],
        &chunk(b"eXIf", &tiff(value)),
        &chunk(b"tEXt", &text),
        &chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", &secrets[..]].concat()),
        &chunk(b"zTXt", &text),
        &chunk(b"prVt", &secrets),
        &clean[33..],
        &secrets,
    ]
    .concat()
}

fn riff(name: &[u8], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let padding = if body.len() % 2 == 1 { &[0][..] } else { &[] };
    [name, &length, body, padding].concat()
}

fn dirty_webp(value: u8) -> Vec<u8> {
    let clean = make::webp(2, 97, 61).unwrap();
    let chunks = [
        riff(b"VP8X", &[0x0C, 0, 0, 0, 96, 0, 0, 60, 0, 0]),
        clean[12..].to_vec(),
        riff(b"EXIF", &tiff(value)),
        riff(b"XMP ", &SECRETS.concat()),
        riff(b"priv", &SECRETS.concat()),
    ]
    .concat();
    [riff(b"RIFF", &[b"WEBP", &chunks[..]].concat()), SECRETS.concat()].concat()
}

fn dirty_gif() -> Vec<u8> {
    let clean = make::gif(2, 97, 61).unwrap();
    let body = clean.iter().position(|byte| *byte == 0x21 || *byte == 0x2C).unwrap();
    let header = 13 + if clean[10] & 0x80 == 0 { 0 } else { 6 << (clean[10] & 7) };
    assert!(body >= 10 && header <= clean.len());
    let secrets = SECRETS.concat();
    let sub_block = [&[u8::try_from(secrets.len()).unwrap()], &secrets[..], &[0]].concat();
    [
        &clean[..header],
        &[0x21, 0xFE],
        &sub_block,
        &[0x21, 0xFF, 11],
        b"XMP DataXMP",
        &sub_block,
        &clean[header..],
        &secrets,
    ]
    .concat()
}

fn decode(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).unwrap()
}

#[test]
fn secrets_go_and_pixels_stay() {
    for (media_type, dirty) in [
        (MediaType::Jpeg, dirty_jpeg(1)),
        (MediaType::Jpeg, dirty_jpeg(6)),
        (MediaType::Png, dirty_png(1)),
        (MediaType::Png, dirty_png(8)),
        (MediaType::Webp, dirty_webp(1)),
        (MediaType::Webp, dirty_webp(3)),
        (MediaType::Gif, dirty_gif()),
    ] {
        let before = probe(&dirty, media_type).unwrap();
        assert!(before.trailing_bytes > 0);
        let clean = strip(media_type, &dirty).unwrap();
        for secret in SECRETS {
            let found = clean.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{media_type}: {}", String::from_utf8_lossy(secret));
        }
        let after = probe(&clean, media_type).unwrap();
        assert_eq!(after.trailing_bytes, 0);
        assert_eq!((after.width, after.height), (before.width, before.height));
        assert_eq!(decode(&clean).as_bytes(), decode(&dirty).as_bytes(), "{media_type}");
        assert_eq!(orientation(media_type, &clean), orientation(media_type, &dirty));
        assert_eq!(strip(media_type, &clean).unwrap(), clean, "stripping twice");
    }
}

#[test]
fn every_orientation_is_read_kept_and_turns_the_size() {
    for value in 1..=8 {
        for (media_type, dirty) in [
            (MediaType::Jpeg, dirty_jpeg(value)),
            (MediaType::Png, dirty_png(value)),
            (MediaType::Webp, dirty_webp(value)),
        ] {
            assert_eq!(orientation(media_type, &dirty), value);
            let clean = strip(media_type, &dirty).unwrap();
            assert_eq!(orientation(media_type, &clean), value);
            let size = if value >= 5 { (Some(61), Some(97)) } else { (Some(97), Some(61)) };
            let probe = probe(&clean, media_type).unwrap();
            assert_eq!((probe.width, probe.height), size);
        }
    }
    // The decoder of the `image` crate reads it the same way.
    let clean = strip(MediaType::Jpeg, &dirty_jpeg(6)).unwrap();
    let mut decoder = image::codecs::jpeg::JpegDecoder::new(std::io::Cursor::new(clean)).unwrap();
    assert_eq!(decoder.orientation().unwrap(), Orientation::Rotate90);
}

#[test]
fn an_orientation_out_of_range_is_upright() {
    for value in [0, 9, 255] {
        assert_eq!(orientation(MediaType::Jpeg, &dirty_jpeg(value)), 1);
    }
}

#[test]
fn only_images_are_stripped_and_only_whole_ones() {
    for (media_type, bytes) in one_of_each() {
        let stripped = strip(media_type, &bytes);
        match media_type {
            MediaType::Jpeg | MediaType::Png | MediaType::Webp | MediaType::Gif => {
                assert_eq!(stripped.unwrap(), bytes, "{media_type} is clean already");
                let cut = strip(media_type, &bytes[..bytes.len() - 1]);
                assert!(matches!(cut, Err(StripError::Malformed(_))), "{media_type}");
            }
            _ => assert!(matches!(stripped, Err(StripError::Unsupported { .. }))),
        }
    }
}
