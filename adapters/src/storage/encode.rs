//! Text encodings that S3 puts on the wire.

use std::fmt::Write as _;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes bytes as padded standard base64, the form of every `x-amz-checksum-*` header.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0, |word, i| word << 8 | usize::from(*chunk.get(i).unwrap_or(&0)));
        for i in 0..4 {
            let digit = BASE64[word >> (18 - 6 * i) & 63];
            text.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Percent-encodes everything but RFC 3986's unreserved characters and the ASCII bytes in `keep`.
pub(crate) fn percent(text: &str, keep: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || keep.as_bytes().contains(&byte)
        {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A `Content-Disposition` that saves an answer under `file_name` (RFC 6266), with a plain ASCII
/// name for those who cannot read the other.
pub(crate) fn attachment(file_name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' };
    let ascii: String = file_name.chars().map(plain).collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", percent(file_name, ""))
}

#[cfg(test)]
mod tests {
    use super::{attachment, base64, percent};

    #[test]
    fn a_file_name_cannot_break_out_of_the_header() {
        let expected = "attachment; filename=\"a_ _.jpg\"; filename*=UTF-8''a%22%20%C3%A9.jpg";
        assert_eq!(attachment("a\" é.jpg"), expected);
    }

    #[test]
    fn base64_matches_rfc_4648() {
        let cases = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, expected) in cases.into_iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), expected);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn percent_keeps_only_what_it_is_told_to() {
        assert_eq!(percent("a b/é+~", "/"), "a%20b/%C3%A9%2B~");
        assert_eq!(percent("a/b", ""), "a%2Fb");
    }
}
