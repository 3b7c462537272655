//! Recognises a media type by the first bytes of a file. Only offset 0 counts: a file that
//! starts with anything else (markup, a script, a comment) is none of the accepted types.

use super::MediaType;
use super::bytes::{be32, four, part};
use super::mp3::FrameHeader;

/// How many leading bytes [`sniff`] makes use of. Fewer are fine.
pub const SNIFF_BYTES: usize = 4_096;

/// An `ftyp` box beyond this size is no real one: it lists 4 bytes per compatible brand.
const MAX_FTYP_BYTES: u32 = 1_024;

/// Returns the media type that the leading bytes of a file announce, or `None` if it is none of
/// the accepted ones.
///
/// MP4 brands rarely tell audio from video: a file that says neither `M4A ` nor `qt  ` is
/// reported as `video/mp4`, and [`super::probe`] looks at its tracks.
///
/// `head` should hold the first [`SNIFF_BYTES`] bytes, or the whole file if it is shorter.
pub fn sniff(head: &[u8]) -> Option<MediaType> {
    if head.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Some(MediaType::Jpeg);
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR") {
        return Some(MediaType::Png);
    }
    if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        return Some(MediaType::Gif);
    }
    if head.starts_with(b"RIFF") {
        return match part(head, 8, 4)? {
            b"WEBP" => Some(MediaType::Webp),
            b"WAVE" => Some(MediaType::Wav),
            _ => None,
        };
    }
    if part(head, 4, 4) == Some(b"ftyp") {
        return sniff_brand(head);
    }
    sniff_mpeg_audio(head).then_some(MediaType::Mpeg)
}

fn sniff_brand(head: &[u8]) -> Option<MediaType> {
    let size = be32(head, 0)?;
    if !(16..=MAX_FTYP_BYTES).contains(&size) || !size.is_multiple_of(4) {
        return None;
    }
    match &four(head, 8)? {
        b"qt  " => Some(MediaType::Quicktime),
        b"M4A " | b"M4B " => Some(MediaType::AudioMp4),
        b"isom"
        | b"mp41"
        | b"mp42"
        | b"avc1"
        | b"M4V "
        | b"M4VH"
        | b"M4VP"
        | b"MSNV"
        | b"dash"
        | b"mmp4"
        | b"XAVC"
        | b"f4v "
        | [b'i', b's', b'o', b'2'..=b'9']
        | [b'3', b'g', b'p', _] => Some(MediaType::VideoMp4),
        // HEIC, AVIF and everything unheard of.
        _ => None,
    }
}

/// Either a well-formed `ID3v2` tag, or two MPEG layer 3 frames in a row that agree with each
/// other: a single sync word is only 11 bits and turns up in anything.
fn sniff_mpeg_audio(head: &[u8]) -> bool {
    if head.starts_with(b"ID3") {
        return part(head, 3, 7).is_some_and(|tag| {
            matches!(tag.first(), Some(2..=4)) && tag.iter().skip(3).all(|byte| *byte < 0x80)
        });
    }
    let Some(first) = four(head, 0).and_then(FrameHeader::parse) else { return false };
    match four(head, first.length).and_then(FrameHeader::parse) {
        Some(second) => first.same_stream(second),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_first_byte_counts() {
        for lie in [
            &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
            b"<!DOCTYPE html><html>",
            b"\n\xFF\xD8\xFF\xE0",
            b"%PDF-1.7",
            b"PK\x03\x04",
            b"<!--ftypisom",
            b"\x89PNG\r\n\x1a\n<html>",
            b"RIFF\0\0\0\0AVI ",
            b"\xFF\xFB\x90\x00 and then text that is no second frame",
            b"GIF90a",
            b"",
            b"\xFF",
        ] {
            assert_eq!(sniff(lie), None, "{:?}", String::from_utf8_lossy(lie));
        }
    }

    #[test]
    fn brands_tell_the_mp4_family_apart() {
        let file = |brand: &[u8; 4]| [b"\0\0\0\x14ftyp", &brand[..], b"\0\0\0\0mp42"].concat();
        assert_eq!(sniff(&file(b"qt  ")), Some(MediaType::Quicktime));
        assert_eq!(sniff(&file(b"M4A ")), Some(MediaType::AudioMp4));
        assert_eq!(sniff(&file(b"isom")), Some(MediaType::VideoMp4));
        assert_eq!(sniff(&file(b"iso6")), Some(MediaType::VideoMp4));
        assert_eq!(sniff(&file(b"heic")), None);
        assert_eq!(sniff(&file(b"avif")), None);
    }
}
