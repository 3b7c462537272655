//! Files that are whole, files that aren't, and files that are something else.

use std::io::Cursor;

use firsthand_adapters::generate as make;
use firsthand_adapters::media::{MediaType, ProbeError, SNIFF_BYTES, hamming_distance, sniff};
use image::codecs::gif::GifEncoder;
use image::{Delay, Frame, ImageEncoder};

use crate::{one_of_each, probe};

/// Cuts that a format can't know of: MPEG audio has no length anywhere, so a cut between two
/// frames is a shorter file.
fn is_legal_cut(media_type: MediaType, bytes: &[u8]) -> bool {
    media_type == MediaType::Mpeg && probe(bytes, media_type).unwrap().trailing_bytes == 0
}

#[test]
fn every_sixteenth_of_every_type_is_refused() {
    for (media_type, bytes) in one_of_each() {
        for sixteenth in 0..16 {
            let cut = &bytes[..bytes.len() * sixteenth / 16];
            match probe(cut, media_type) {
                Err(ProbeError::Empty) => assert!(cut.is_empty()),
                Err(ProbeError::Truncated { .. } | ProbeError::Undecodable { .. }) => {}
                Err(ProbeError::Mismatch { found: None, .. }) => assert!(cut.len() < SNIFF_BYTES),
                Ok(_) if is_legal_cut(media_type, cut) => {}
                other => panic!("{media_type} at {sixteenth}/16: {other:?}"),
            }
        }
    }
}

#[test]
fn the_last_byte_matters() {
    for (media_type, bytes) in one_of_each() {
        let cut = probe(&bytes[..bytes.len() - 1], media_type);
        assert!(cut.is_err(), "{media_type}: {cut:?}");
    }
}

/// The trap: `image` decodes half a JPEG without a word, even more so with an end marker.
#[test]
fn a_jpeg_cut_and_closed_again_is_refused_although_the_decoder_is_content() {
    let whole = make::jpeg(4, 640, 480).unwrap();
    for percent in [60, 80, 95, 99] {
        let mut cut = whole[..whole.len() * percent / 100].to_vec();
        assert!(image::load_from_memory(&cut).is_ok());
        if cut.ends_with(&[0xFF]) {
            cut.pop();
        }
        cut.extend([0xFF, 0xD9]);
        assert!(image::load_from_memory(&cut).is_ok());
        let refused = probe(&cut, MediaType::Jpeg).unwrap_err();
        assert!(matches!(refused, ProbeError::Truncated { .. }), "{refused}");
    }
}

#[test]
fn a_jpeg_with_a_hole_is_refused() {
    let mut holed = make::jpeg(4, 640, 480).unwrap();
    let middle = holed.len() / 2;
    holed.drain(middle..middle + 2_000);
    assert!(probe(&holed, MediaType::Jpeg).is_err());
    let mut doubled = make::jpeg(4, 640, 480).unwrap();
    let piece = doubled[middle..middle + 2_000].to_vec();
    doubled.splice(middle..middle, piece);
    assert!(probe(&doubled, MediaType::Jpeg).is_err());
}

#[test]
fn mislabelled_files_are_named() {
    for (media_type, bytes) in one_of_each() {
        for declared in MediaType::ALL.into_iter().filter(|declared| *declared != media_type) {
            match probe(&bytes, declared) {
                Err(ProbeError::Mismatch { declared: said, found }) => {
                    assert_eq!((said, found), (declared, Some(media_type)));
                }
                other => panic!("{media_type} declared as {declared}: {other:?}"),
            }
        }
    }
}

#[test]
fn markup_scripts_and_text_are_no_media_whatever_they_are_called() {
    for lie in ["<svg/>", "<html>", "GIF88a", "%PDF-", "#!/bin/sh", "\u{feff}", "x"] {
        assert_eq!(sniff(lie.as_bytes()), None);
        for declared in MediaType::ALL {
            let refused = probe(lie.as_bytes(), declared);
            assert!(matches!(refused, Err(ProbeError::Mismatch { found: None, .. })));
        }
    }
}

#[test]
fn what_is_appended_is_counted_and_changes_nothing() {
    for (media_type, mut bytes) in one_of_each().into_iter().take(4) {
        let before = probe(&bytes, media_type).unwrap();
        bytes.extend(b"<script>alert(1)</script>");
        let after = probe(&bytes, media_type).unwrap();
        assert_eq!((after.trailing_bytes, after.picture), (25, before.picture), "{media_type}");
    }
    let mut movie = make::mp4(1, 200).unwrap();
    movie.extend(b"<html><script>alert(1)</script>");
    assert!(probe(&movie, MediaType::VideoMp4).is_err());
}

fn animation(frames: u32, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    let frame = image::RgbaImage::from_pixel(width, height, image::Rgba([90, 120, 30, 255]));
    for _ in 0..frames {
        let delay = Delay::from_numer_denom_ms(50, 1);
        encoder.encode_frame(Frame::from_parts(frame.clone(), 0, 0, delay)).unwrap();
    }
    drop(encoder);
    bytes.into_inner()
}

#[test]
fn animations_are_decoded_to_the_last_frame_and_bounded() {
    let whole = animation(12, 40, 30);
    assert_eq!(probe(&whole, MediaType::Gif).unwrap().animation_frames, Some(12));
    let long = animation(2_001, 2, 2);
    assert!(matches!(
        probe(&long, MediaType::Gif),
        Err(ProbeError::TooLarge { what: "number of frames", actual: 2_001, limit: 2_000 })
    ));
    let wide = animation(18, 5_000, 4_500);
    assert!(matches!(probe(&wide, MediaType::Gif), Err(ProbeError::TooLarge { .. })));
}

#[test]
fn sixteen_bits_transparency_and_grey_are_measured_alike() {
    let scene = image::DynamicImage::ImageRgb8(make::scene(9, 200, 160));
    let png = |picture: image::DynamicImage| {
        let mut bytes = Vec::new();
        let color = picture.color().into();
        image::codecs::png::PngEncoder::new(&mut bytes)
            .write_image(picture.as_bytes(), 200, 160, color)
            .unwrap();
        probe(&bytes, MediaType::Png).unwrap()
    };
    let plain = png(scene.clone());
    for variant in [
        scene.to_rgba8().into(),
        scene.to_rgb16().into(),
        scene.to_rgba16().into(),
        scene.to_luma8().into(),
        scene.to_luma16().into(),
        scene.to_luma_alpha8().into(),
        scene.to_luma_alpha16().into(),
    ] {
        let probe = png(variant);
        let hashes = (probe.perceptual_hash.unwrap(), plain.perceptual_hash.unwrap());
        assert!(hamming_distance(hashes.0, hashes.1) <= 4);
        let (left, right) = (probe.picture.unwrap(), plain.picture.unwrap());
        // `image` weighs colours by BT.709 when it makes them grey.
        assert!(left.brightness.abs_diff(right.brightness) <= 10);
    }
}
