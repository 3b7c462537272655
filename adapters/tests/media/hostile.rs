//! Files made to hurt: nothing may panic, hang, or take memory by asking for it.

use std::fs;

use firsthand_adapters::generate as make;
use firsthand_adapters::media::{MediaType, ProbeError, SNIFF_BYTES, sniff};
use firsthand_adapters::strip::strip;

use crate::{one_of_each, probe};

fn refused(bytes: &[u8], declared: MediaType) -> ProbeError {
    probe(bytes, declared).unwrap_err()
}

pub(super) fn boxed(name: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
    [&length[..], name, content].concat()
}

fn ftyp() -> Vec<u8> {
    boxed(b"ftyp", b"isom\0\0\x02\0isommp41")
}

/// Replaces the `nth` occurrence of `find` and what follows it by `put`, of the same length.
pub(super) fn patched(bytes: &[u8], find: &[u8], skip: usize, put: &[u8]) -> Vec<u8> {
    let at = bytes.windows(find.len()).position(|window| window == find).unwrap();
    let at = at + find.len() + skip;
    let mut patched = bytes.to_vec();
    patched[at..at + put.len()].copy_from_slice(put);
    patched
}

#[test]
fn nothing_is_not_a_file() {
    for declared in MediaType::ALL {
        assert!(matches!(refused(b"", declared), ProbeError::Empty));
    }
}

#[test]
fn zeros_and_ones_are_no_media() {
    for length in [1, 3, 7, 8, 11, 12, 100, 5_000] {
        for byte in [0, 0xFF] {
            for declared in MediaType::ALL {
                let bytes = vec![byte; length];
                assert!(matches!(refused(&bytes, declared), ProbeError::Mismatch { .. }));
            }
        }
    }
}

#[test]
fn a_png_that_declares_a_huge_picture_is_too_large() {
    let header = [&60_000_u32.to_be_bytes()[..], &60_000_u32.to_be_bytes()].concat();
    let bomb = patched(&make::png(1, 8, 8).unwrap(), b"IHDR", 0, &header);
    assert!(matches!(
        refused(&bomb, MediaType::Png),
        ProbeError::TooLarge { what: "width in pixels", actual: 60_000, limit: 12_000 }
    ));
    // Within the sides, but beyond 50 megapixels; and 16 bits RGBA beyond the memory.
    let header = [&12_000_u32.to_be_bytes()[..], &4_500_u32.to_be_bytes()].concat();
    let bomb = patched(&make::png(1, 8, 8).unwrap(), b"IHDR", 0, &header);
    assert!(matches!(
        refused(&bomb, MediaType::Png),
        ProbeError::TooLarge { what: "size in pixels", .. }
    ));
    let header = [&8_000_u32.to_be_bytes()[..], &5_000_u32.to_be_bytes(), &[16, 6]].concat();
    let bomb = patched(&make::png(1, 8, 8).unwrap(), b"IHDR", 0, &header);
    assert!(matches!(
        refused(&bomb, MediaType::Png),
        ProbeError::TooLarge { what: "memory to decode in bytes", .. }
    ));
}

#[test]
fn every_format_is_bounded_by_what_its_header_declares() {
    let jpeg = make::jpeg(1, 16, 16).unwrap();
    let huge = patched(&jpeg, b"\xFF\xC0", 3, &[0xFF, 0xFF, 0xFF, 0xFF]);
    assert!(matches!(refused(&huge, MediaType::Jpeg), ProbeError::TooLarge { .. }));
    let none = patched(&jpeg, b"\xFF\xC0", 3, &[0, 0, 0, 0]);
    assert!(matches!(refused(&none, MediaType::Jpeg), ProbeError::Undecodable { .. }));

    let huge = patched(&make::gif(1, 16, 16).unwrap(), b"GIF89a", 0, &[0xFF; 4]);
    assert!(matches!(refused(&huge, MediaType::Gif), ProbeError::TooLarge { .. }));

    // VP8X lying about the size of the picture inside.
    let webp = make::webp(1, 16, 16).unwrap();
    let inside = [&b"VP8X\x0a\0\0\0\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF"[..], &webp[12..]].concat();
    let length = u32::try_from(inside.len() + 4).unwrap().to_le_bytes();
    let huge = [b"RIFF", &length[..], b"WEBP", &inside].concat();
    assert!(matches!(refused(&huge, MediaType::Webp), ProbeError::TooLarge { .. }));
    let other = patched(&huge, b"VP8X", 8, &[99, 0, 0, 99, 0, 0]);
    assert!(matches!(refused(&other, MediaType::Webp), ProbeError::Undecodable { .. }));
}

#[test]
fn a_gif_that_is_a_script_is_no_picture() {
    for script in [
        &b"GIF89a/*\x3f\x3f\x00\x00*/=1;alert(1);//"[..],
        b"GIF89a=1;alert(document.domain)",
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00;alert(1)",
    ] {
        assert_eq!(sniff(script), Some(MediaType::Gif));
        refused(script, MediaType::Gif);
    }
    // One that decodes loses its script when stripped.
    let mut gif = make::gif(1, 16, 16).unwrap();
    gif.extend(b"*/=1;alert(1)");
    let clean = strip(MediaType::Gif, &gif).unwrap();
    assert!(!clean.windows(5).any(|window| window == b"alert"));
}

#[test]
fn wav_sizes_that_lie_are_refused() {
    let wav = make::wav(1, 100);
    let max = u32::MAX.to_le_bytes();
    assert!(matches!(
        refused(&patched(&wav, b"RIFF", 0, &max), MediaType::Wav),
        ProbeError::Truncated { .. }
    ));
    for name in [b"data", b"fmt "] {
        let lie = patched(&wav, name, 0, &max);
        assert!(matches!(refused(&lie, MediaType::Wav), ProbeError::Truncated { .. }));
    }
    let none = patched(&wav, b"data", 0, &[0; 4]);
    assert!(matches!(refused(&none, MediaType::Wav), ProbeError::Undecodable { .. }));
    // No channels, no rate, no bits, an odd frame.
    for (skip, zeros) in [(6, 2), (8, 4), (18, 2), (16, 2)] {
        let lie = patched(&wav, b"fmt ", skip, &[0, 0, 0, 0][..zeros]);
        assert!(matches!(refused(&lie, MediaType::Wav), ProbeError::Undecodable { .. }));
    }
}

#[test]
fn box_sizes_that_lie_are_refused() {
    let huge = [ftyp(), b"\0\0\0\x01moov\x80\0\0\0\0\0\0\0".to_vec()].concat();
    assert!(matches!(refused(&huge, MediaType::VideoMp4), ProbeError::Truncated { .. }));
    let max = [ftyp(), [&b"\0\0\0\x01mdat"[..], &[0xFF; 8]].concat()].concat();
    assert!(matches!(refused(&max, MediaType::VideoMp4), ProbeError::Truncated { .. }));
    for size in 2..8_u8 {
        let small = [ftyp(), vec![0, 0, 0, size], b"moov".to_vec(), vec![0; 32]].concat();
        assert!(matches!(refused(&small, MediaType::VideoMp4), ProbeError::Undecodable { .. }));
    }
    // In every container, a box of size 0, which makes the `mp4` crate loop for ever, and 2^63.
    let movie = make::mp4(1, 200).unwrap();
    for name in [b"mvhd", b"trak", b"tkhd", b"mdia", b"mdhd", b"hdlr", b"minf", b"dinf", b"stbl"] {
        let at = movie.windows(4).position(|window| window == name).unwrap();
        for size in [0_u32, 1, 4, 7, u32::MAX] {
            let mut lie = movie.clone();
            lie[at - 4..at].copy_from_slice(&size.to_be_bytes());
            drop(probe(&lie, MediaType::VideoMp4));
        }
    }
}

#[test]
fn boxes_in_boxes_in_boxes_are_no_recursion() {
    for name in [b"moov", b"trak", b"mdia", b"meta", b"udta", b"moof", b"traf"] {
        let mut nested = Vec::new();
        for _ in 0..20_000 {
            nested = [&[0; 4][..], name, &nested].concat();
            let length = u32::try_from(nested.len()).unwrap().to_be_bytes();
            nested[..4].copy_from_slice(&length);
            if nested.len() > 40_000 {
                break;
            }
        }
        let file = [ftyp(), boxed(b"moov", &nested), nested.clone()].concat();
        refused(&file, MediaType::VideoMp4);
    }
}

#[test]
fn sample_tables_that_lie_are_refused() {
    let movie = make::mp4(1, 200).unwrap();
    let max = u32::MAX.to_be_bytes();
    for (name, skip) in [
        (b"stsz", 8),
        (b"stsz", 12),
        (b"stco", 4),
        (b"stco", 8),
        (b"stsc", 4),
        (b"stsc", 8),
        (b"stts", 4),
        (b"stts", 8),
        (b"mdhd", 12),
    ] {
        let lie = patched(&movie, name, skip, &max);
        let answer = probe(&lie, MediaType::VideoMp4);
        assert!(answer.is_err() || name == b"mdhd" || name == b"stsc", "{name:?} at {skip}");
    }
    assert!(matches!(
        refused(&patched(&movie, b"stsz", 8, &max), MediaType::VideoMp4),
        ProbeError::TooLarge { what: "number of samples", .. }
    ));
    // A fixed size of one byte for four billion samples; no time unit; nothing per chunk.
    let fixed = patched(&movie, b"stsz", 4, &[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert!(matches!(refused(&fixed, MediaType::VideoMp4), ProbeError::TooLarge { .. }));
    refused(&patched(&movie, b"mdhd", 12, &[0; 4]), MediaType::VideoMp4);
    refused(&patched(&movie, b"stsc", 12, &[0; 4]), MediaType::VideoMp4);
}

#[test]
fn tags_that_lie_are_refused() {
    let huge = [b"ID3\x04\0\0\x7F\x7F\x7F\x7F", &make::mp3(1, 200)[..]].concat();
    assert!(matches!(refused(&huge, MediaType::Mpeg), ProbeError::Truncated { .. }));
    let tagged = [b"ID3\x04\0\0\0\0\0\x05hello", &make::mp3(1, 200)[..]].concat();
    probe(&tagged, MediaType::Mpeg).unwrap();
    let tags = b"ID3\x04\0\0\0\0\0\0".repeat(10_000);
    refused(&tags, MediaType::Mpeg);
}

#[test]
fn too_many_segments_and_chunks_are_only_work() {
    let jpeg = make::jpeg(1, 64, 48).unwrap();
    let comments = b"\xFF\xFE\0\x02".repeat(200_000);
    let padded = [&jpeg[..2], &comments, &jpeg[2..]].concat();
    assert_eq!(probe(&padded, MediaType::Jpeg).unwrap().width, Some(64));
    assert_eq!(strip(MediaType::Jpeg, &padded).unwrap(), jpeg);

    let png = make::png(1, 64, 48).unwrap();
    let chunks = b"\0\0\0\0prVt\0\0\0\0".repeat(200_000);
    let padded = [&png[..33], &chunks, &png[33..]].concat();
    assert!(matches!(
        refused(&padded, MediaType::Png),
        ProbeError::TooLarge { what: "number of chunks", .. }
    ));
}

#[test]
fn a_file_beyond_the_limit_is_not_even_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(25_000_001).unwrap();
    let answer = firsthand_adapters::media::probe(file.path(), MediaType::Jpeg);
    assert!(matches!(
        answer,
        Err(ProbeError::TooLarge { what: "file size in bytes", actual: 25_000_001, .. })
    ));
    fs::remove_file(file.path()).unwrap();
    let gone = firsthand_adapters::media::probe(file.path(), MediaType::Jpeg);
    assert!(gone.unwrap_err().retryable());
}

/// Every byte of the head, and bytes throughout, changed in several ways.
#[test]
fn damaged_bytes_never_panic() {
    for (media_type, bytes) in one_of_each() {
        let head = 0..bytes.len().min(600);
        let rest = (600..bytes.len()).step_by((bytes.len() / 30).max(1));
        for at in head.chain(rest) {
            for change in [0xFF, 0x01] {
                // Movies hold large frames, which take long to decode.
                if bytes.len() > 100_000 && change == 0x01 && at % 8 != 0 {
                    continue;
                }
                let mut damaged = bytes.clone();
                damaged[at] ^= change;
                let _: Option<MediaType> = sniff(&damaged[..damaged.len().min(SNIFF_BYTES)]);
                drop(probe(&damaged, media_type));
                drop(strip(media_type, &damaged));
            }
        }
    }
}
