//! The generators: real files, the same every time, told apart and recognised by their hash.

use std::io::Cursor;

use firsthand_adapters::generate as make;
use firsthand_adapters::media::{MediaType, Probe, hamming_distance, rate};

use crate::{one_of_each, probe};

fn jpeg_hash(bytes: &[u8]) -> u64 {
    probe(bytes, MediaType::Jpeg).unwrap().perceptual_hash.unwrap()
}

#[test]
fn every_kind_is_what_it_says_and_the_same_every_time() {
    for ((media_type, bytes), (_, again)) in one_of_each().into_iter().zip(one_of_each()) {
        let probe = probe(&bytes, media_type).unwrap();
        assert_eq!(probe.media_type, media_type);
        assert_eq!(probe.trailing_bytes, 0);
        assert_eq!(bytes, again, "{media_type}");
    }
}

#[test]
fn different_seeds_are_far_apart_and_the_same_scene_is_near() {
    let hashes: Vec<u64> =
        (0..48).map(|seed| jpeg_hash(&make::jpeg(seed, 640, 480).unwrap())).collect();
    for (index, left) in hashes.iter().enumerate() {
        for right in &hashes[index + 1..] {
            assert!(hamming_distance(*left, *right) > 10);
        }
    }
    for (seed, hash) in (0..).zip(&hashes) {
        let mut variants: Vec<Vec<u8>> = [15, 40, 97]
            .map(|quality| make::jpeg_with_quality(seed, 640, 480, quality).unwrap())
            .to_vec();
        variants.push(make::jpeg(seed, 1_920, 1_080).unwrap());
        variants.push(make::jpeg(seed, 321, 243).unwrap());
        for variant in variants {
            let distance = hamming_distance(*hash, jpeg_hash(&variant));
            assert!(distance <= 4, "seed {seed}: {distance}");
        }
        let png = probe(&make::png(seed, 640, 480).unwrap(), MediaType::Png).unwrap();
        assert!(hamming_distance(*hash, png.perceptual_hash.unwrap()) <= 4);
    }
}

fn stars(probe: &Probe) -> (u8, u8, u8) {
    let score = rate(probe);
    (score.stars, score.quality, score.completeness)
}

#[test]
fn good_poor_and_cut_files_score_as_documented() {
    let image = |bytes: Vec<u8>| probe(&bytes, MediaType::Jpeg);
    for seed in 0..8 {
        assert_eq!(stars(&image(make::jpeg(seed, 1_920, 1_080).unwrap()).unwrap()), (5, 5, 5));
        assert_eq!(stars(&image(make::jpeg(seed, 640, 480).unwrap()).unwrap()).0, 4);
        assert_eq!(stars(&image(make::blurred_jpeg(seed).unwrap()).unwrap()).0, 2);
        assert_eq!(stars(&image(make::jpeg(seed, 63, 63).unwrap()).unwrap()).0, 2);
        let cut = image(make::truncated_jpeg(seed).unwrap()).unwrap_err();
        assert!(cut.to_string().starts_with("the file ends early"), "{cut}");
    }
    let wav = |bytes: Vec<u8>| stars(&probe(&bytes, MediaType::Wav).unwrap());
    assert_eq!(wav(make::wav(1, 1_000)), (4, 4, 4));
    assert_eq!(wav(make::wav(1, 900)), (2, 4, 2));
    assert_eq!(wav(make::silent_wav(3_000)), (2, 2, 4));
    let mp3 = probe(&make::mp3(1, 1_000), MediaType::Mpeg).unwrap();
    assert_eq!(stars(&mp3), (4, 4, 4));
    let m4a = probe(&make::m4a(1, 1_000), MediaType::AudioMp4).unwrap();
    assert_eq!(stars(&m4a), (4, 4, 4));
    let mp4 = probe(&make::mp4(1, 1_000).unwrap(), MediaType::VideoMp4).unwrap();
    assert_eq!(stars(&mp4), (4, 4, 4));
    let short = probe(&make::mov(1, 900).unwrap(), MediaType::Quicktime).unwrap();
    assert_eq!(stars(&short), (2, 4, 2));
}

#[test]
fn a_uniform_picture_is_two_stars_and_has_no_hash() {
    let grey = image::RgbImage::from_pixel(800, 600, image::Rgb([90, 90, 90]));
    let mut bytes = Cursor::new(Vec::new());
    grey.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    let probe = probe(bytes.get_ref(), MediaType::Jpeg).unwrap();
    assert_eq!((rate(&probe).stars, probe.perceptual_hash), (2, None));
}

#[test]
fn measurements_are_exact() {
    let wav = probe(&make::wav(5, 1_500), MediaType::Wav).unwrap();
    let sound = wav.sound.unwrap();
    assert_eq!((wav.duration_ms, sound.frames, sound.channels), (Some(1_500), 66_150, 1));
    assert!((180..=220).contains(&sound.rms), "{sound:?}");

    let mp4 = probe(&make::mp4(5, 1_500).unwrap(), MediaType::VideoMp4).unwrap();
    assert_eq!((mp4.width, mp4.height, mp4.duration_ms), (Some(640), Some(480), Some(1_500)));
    let footage = mp4.footage.unwrap();
    assert_eq!((footage.frames, footage.frame_rate, footage.has_sound), (15, 10_000, false));
    assert!(mp4.perceptual_hash.is_some());

    let empty_digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_ne!(wav.sha256, empty_digest);
    assert_eq!(wav.sha256.len(), 64);
}

/// The `mp4` crate reads the generated movies and agrees; an independent witness.
#[test]
fn the_mp4_crate_reads_the_movies() {
    for bytes in [make::mp4(3, 600).unwrap(), make::mov(3, 600).unwrap()] {
        let length = u64::try_from(bytes.len()).unwrap();
        let mut reader = mp4::Mp4Reader::read_header(Cursor::new(bytes), length).unwrap();
        let track = reader.tracks().get(&1).unwrap();
        assert_eq!(track.track_type().unwrap(), mp4::TrackType::Video);
        assert_eq!((track.width(), track.height(), track.sample_count()), (640, 480, 6));
        assert_eq!(track.duration().as_millis(), 600);
        for sample in 1..=6 {
            let frame = reader.read_sample(1, sample).unwrap().unwrap().bytes;
            assert_eq!(image::load_from_memory(&frame).unwrap().width(), 640);
        }
    }
    let bytes = make::m4a(3, 600);
    let length = u64::try_from(bytes.len()).unwrap();
    let reader = mp4::Mp4Reader::read_header(Cursor::new(bytes), length).unwrap();
    let track = reader.tracks().get(&1).unwrap();
    assert_eq!(track.media_type().unwrap(), mp4::MediaType::AAC);
    assert_eq!(track.sample_freq_index().unwrap(), mp4::SampleFreqIndex::Freq44100);
}
