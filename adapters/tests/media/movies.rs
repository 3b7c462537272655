//! Movies that promise more than they hold: too much of everything, or nothing to be seen.

use firsthand_adapters::generate as make;
use firsthand_adapters::media::{MediaType, Probe, ProbeError, rate};

use crate::hostile::{boxed, patched};

fn number(value: u32) -> [u8; 4] {
    value.to_be_bytes()
}

fn measured(movie: &[u8]) -> Result<Probe, ProbeError> {
    crate::probe(movie, MediaType::VideoMp4)
}

/// Returns where the box of that name is, from its size to its end.
fn place(bytes: &[u8], name: &[u8]) -> std::ops::Range<usize> {
    let at = bytes.windows(4).position(|window| window == name).unwrap() - 4;
    let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    at..at + usize::try_from(length).unwrap()
}

/// Returns a movie of two frames whose header has those tracks, made from its one, and those boxes.
fn movie(tracks: u32, change: impl Fn(u32, &[u8]) -> Vec<u8>, boxes: &[Vec<u8>]) -> Vec<u8> {
    let plain = make::mp4(1, 200).unwrap();
    let (moov, track) = (place(&plain, b"moov"), &plain[place(&plain, b"trak")]);
    let build = |offset: u32| {
        let track = patched(track, b"stco", 8, &number(offset));
        let tracks: Vec<u8> = (1..=tracks).flat_map(|id| change(id, &track)).collect();
        let header = boxed(b"moov", &[tracks, boxes.concat()].concat());
        [&plain[..moov.start], &header, &plain[moov.end..]].concat()
    };
    let data = place(&build(0), b"mdat").start + 8;
    build(u32::try_from(data).unwrap())
}

fn as_it_is(_: u32, track: &[u8]) -> Vec<u8> {
    track.to_vec()
}

/// What a fragmented movie says of that many tracks: samples last 0 units and have 0 bytes.
fn extends(tracks: u32) -> Vec<u8> {
    let trex = |id| boxed(b"trex", &[number(0), number(id), [0; 4], [0; 4], [0; 4]].concat());
    boxed(b"mvex", &(1..=tracks).flat_map(trex).collect::<Vec<u8>>())
}

/// A fragment with so many samples of each of that many tracks.
fn fragment(tracks: u32, samples: u32) -> Vec<u8> {
    let run = boxed(b"trun", &[number(0), number(samples)].concat());
    let header = |id| boxed(b"tfhd", &[number(0), number(id)].concat());
    let traf = |id| boxed(b"traf", &[header(id), run.clone()].concat());
    boxed(b"moof", &(1..=tracks).flat_map(traf).collect::<Vec<u8>>())
}

#[test]
fn tracks_and_their_defaults_are_counted() {
    for (tracks, defaults) in [(32, 0), (1, 32)] {
        measured(&movie(tracks, as_it_is, &[extends(defaults)])).unwrap();
    }
    for (tracks, defaults) in [(33, 0), (1, 33), (1, 500_000)] {
        assert!(matches!(
            measured(&movie(tracks, as_it_is, &[extends(defaults)])),
            Err(ProbeError::TooLarge { what: "number of tracks", actual: 33, limit: 32 })
        ));
    }
}

#[test]
fn the_samples_of_all_tracks_are_counted_together() {
    // Samples of one byte from the start of the file on, in a file long enough for one track's.
    let many = 400_000;
    let listed = |_: u32, track: &[u8]| {
        let track = patched(track, b"stsz", 4, &[number(1), number(many)].concat());
        let track = patched(&track, b"stsc", 12, &number(many));
        let track = patched(&track, b"stts", 8, &number(many));
        patched(&track, b"stco", 8, &number(0))
    };
    let room = boxed(b"free", &vec![0; 400_000]);
    let numbered = |id: u32, track: &[u8]| patched(track, b"tkhd", 12, &number(id));
    for (tracks, too_many) in [(2, false), (3, true)] {
        let tables = [movie(tracks, listed, &[]), room.clone()].concat();
        let header = movie(tracks, numbered, &[extends(tracks)]);
        let fragments = [header, fragment(tracks, many)].concat();
        for file in [tables, fragments] {
            let answer = measured(&file);
            let refused = matches!(
                answer,
                Err(ProbeError::TooLarge { what: "number of samples", limit: 1_000_000, .. })
            );
            assert_eq!(refused, too_many, "{answer:?}");
        }
    }
}

#[test]
fn a_codec_that_nobody_knows_is_refused() {
    let plain = make::mp4(1, 1_000).unwrap();
    for (codec, known) in
        [(b"vp09", true), (b"apch", true), (b"png ", true), (b"zzzz", false), (b"encv", false)]
    {
        let stsd = place(&plain, b"stsd").start;
        let mut named = plain.clone();
        named[stsd + 20..stsd + 24].copy_from_slice(codec);
        match measured(&named) {
            Ok(probe) => assert!(known && rate(&probe).stars == 4),
            Err(ProbeError::Undecodable { reason }) => {
                assert!(!known && reason.ends_with("an unknown codec"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn frames_without_data_are_no_frames() {
    // Ten frames, of which only the last ones keep their data.
    let plain = make::mp4(1, 1_000).unwrap();
    assert_eq!(rate(&measured(&plain).unwrap()).stars, 4);
    let sizes = place(&plain, b"stsz").start + 20;
    let mut one = plain.clone();
    let mut none = plain.clone();
    one[sizes + 4..sizes + 40].fill(0);
    none[sizes..sizes + 40].fill(0);
    let one = measured(&one).unwrap();
    assert_eq!(one.footage.as_ref().map(|footage| footage.frames), Some(1));
    assert_eq!(rate(&one).stars, 2);
    assert!(matches!(measured(&none), Err(ProbeError::Undecodable { .. })));
}

#[test]
fn a_frame_must_have_the_size_that_its_track_declares() {
    let plain = make::mp4(1, 200).unwrap();
    let entry = place(&plain, b"stsd").start + 16;
    for (width, height) in [(1_920_u16, 1_080_u16), (480, 640), (640, 481)] {
        let mut lie = plain.clone();
        let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
        lie[entry + 32..entry + 36].copy_from_slice(&size);
        let refused = measured(&lie).unwrap_err().to_string();
        assert!(refused.ends_with("disagree about the size"), "{refused}");
    }
    // A quarter turn changes how it is shown, not how it is stored.
    let matrix = [0, 0x1_0000, 0, 0xFFFF_0000, 0, 0, 0, 0, 0x4000_0000].map(number).concat();
    let turned = measured(&patched(&plain, b"tkhd", 40, &matrix)).unwrap();
    assert_eq!((turned.width, turned.height), (Some(480), Some(640)));
}
