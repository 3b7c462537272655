//! Files made by other encoders (libjpeg-turbo, libwebp, x264, x265, LAME, ffmpeg), for what the
//! generators don't make: progressive scans, restarts, lossy WebP, animation, H.264, fragments.

use firsthand_adapters::media::{MediaType, ProbeError};
use firsthand_adapters::strip::strip;

use crate::probe;

macro_rules! fixtures {
    ($($media_type:ident $name:literal),* $(,)?) => {
        &[$((MediaType::$media_type, $name, include_bytes!(concat!("fixtures/", $name)))),*]
    };
}

const FIXTURES: &[(MediaType, &str, &[u8])] = fixtures![
    Jpeg "progressive.jpg",
    Jpeg "restart.jpg",
    Jpeg "grey.jpg",
    Webp "lossy.webp",
    Webp "animated.webp",
    Gif "animated.gif",
    Png "animated.png",
    VideoMp4 "h264.mp4",
    VideoMp4 "fragmented.mp4",
    Quicktime "h265.mov",
    Mpeg "vbr.mp3",
    AudioMp4 "isom.m4a",
    Wav "float.wav",
];

fn named(wanted: &str) -> (MediaType, &'static [u8]) {
    let (media_type, _, bytes) = FIXTURES.iter().find(|(_, name, _)| *name == wanted).unwrap();
    (*media_type, bytes)
}

#[test]
fn all_are_measured() {
    for (media_type, name, bytes) in FIXTURES {
        let probe = probe(bytes, *media_type).unwrap();
        assert_eq!(probe.trailing_bytes, 0, "{name}");
    }
}

/// One scene, four encoders: the same picture, and no decoder silently garbles it.
#[test]
fn the_same_scene_has_the_same_hash_however_it_is_coded() {
    let hashes = ["progressive.jpg", "restart.jpg", "grey.jpg", "lossy.webp"].map(|name| {
        let (media_type, bytes) = named(name);
        probe(bytes, media_type).unwrap().perceptual_hash
    });
    assert!(hashes.iter().all(|hash| hash.is_some() && *hash == hashes[0]), "{hashes:?}");
}

#[test]
fn durations_frames_and_codecs_are_those_of_ffprobe() {
    for (name, codec) in [("h264.mp4", "avc1"), ("fragmented.mp4", "avc1"), ("h265.mov", "hvc1")] {
        let (media_type, bytes) = named(name);
        let probe = probe(bytes, media_type).unwrap();
        let footage = probe.footage.unwrap();
        assert_eq!((footage.codec.as_str(), footage.frames, footage.has_sound), (codec, 10, true));
        assert_eq!(
            (probe.width, probe.height, probe.duration_ms),
            (Some(64), Some(48), Some(1_000))
        );
        assert_eq!(probe.sound.unwrap().frames, 45 * 1_024);
    }
    for (name, frames, rate, channels) in [
        ("vbr.mp3", 40 * 1_152, 44_100, 2),
        ("isom.m4a", 23 * 1_024, 22_050, 1),
        ("float.wav", 2_205, 44_100, 2),
    ] {
        let (media_type, bytes) = named(name);
        let sound = probe(bytes, media_type).unwrap().sound.unwrap();
        assert_eq!((sound.frames, sound.sample_rate, sound.channels), (frames, rate, channels));
    }
    for (name, frames) in [("animated.gif", 5), ("animated.webp", 5), ("animated.png", 3)] {
        let (media_type, bytes) = named(name);
        assert_eq!(probe(bytes, media_type).unwrap().animation_frames, Some(frames));
    }
}

/// Only a fragmented movie can be cut, between two fragments, and still be one.
#[test]
fn every_cut_is_refused() {
    for (media_type, name, bytes) in FIXTURES {
        for length in 0..bytes.len() {
            match probe(&bytes[..length], *media_type) {
                Err(
                    ProbeError::Empty
                    | ProbeError::Truncated { .. }
                    | ProbeError::Undecodable { .. }
                    | ProbeError::Mismatch { .. },
                ) => {}
                Ok(probe) if *name == "fragmented.mp4" => assert!(length > 5_000, "{probe:?}"),
                other => panic!("{name} cut to {length} bytes: {other:?}"),
            }
        }
    }
}

#[test]
fn no_changed_byte_makes_a_decoder_panic() {
    for (media_type, _, bytes) in FIXTURES {
        // Headers completely, data in part: this is the slowest test.
        for at in (0..bytes.len()).filter(|at| *at < 400 || at % 9 == 0) {
            for change in [0x01, 0xFF] {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= change;
                drop(probe(&damaged, *media_type));
                drop(strip(*media_type, &damaged));
            }
        }
    }
}

#[test]
fn stripping_changes_no_pixel() {
    for (media_type, name, bytes) in FIXTURES {
        let Ok(clean) = strip(*media_type, bytes) else { continue };
        let (before, after) = (probe(bytes, *media_type), probe(&clean, *media_type));
        let (before, after) = (before.unwrap(), after.unwrap());
        assert_eq!(
            (before.picture, before.animation_frames),
            (after.picture, after.animation_frames)
        );
        let pixels = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().into_bytes();
        assert!(pixels(bytes) == pixels(&clean), "{name}");
    }
}

/// The decoder would allocate 400 MB by the inner size and only then compare.
#[test]
fn webp_data_larger_than_its_container_says_is_refused() {
    let (_, animated) = named("animated.webp");
    let coded: Vec<usize> =
        (0..animated.len() - 4).filter(|at| &animated[*at..*at + 4] == b"VP8 ").collect();
    assert_eq!(coded.len(), 5);
    for at in coded {
        let mut lie = animated.to_vec();
        lie[at + 14..at + 18].copy_from_slice(&[0xFF; 4]);
        let refused = probe(&lie, MediaType::Webp).unwrap_err().to_string();
        assert!(refused.ends_with("disagree about the size"), "{refused}");
    }
}
