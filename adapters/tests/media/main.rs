//! Probing, rating, stripping and generating, on whole files.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod fixtures;
mod generated;
mod hostile;
mod movies;
mod stripping;
mod whole;

use std::io::Write;

use firsthand_adapters::media::{self, MediaType, Probe, ProbeError};

/// Probes bytes as a file. A panic caught inside a decoder is a failure: the checks before the
/// decoders are meant to keep them from it.
fn probe(bytes: &[u8], declared: MediaType) -> Result<Probe, ProbeError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let answer = media::probe(file.path(), declared);
    if let Err(error) = &answer {
        assert!(!error.to_string().contains("the decoder gave up"), "a decoder panicked");
        assert!(!error.retryable(), "{error}");
    }
    answer
}

/// One file of every type, as small as it can be and still be complete.
fn one_of_each() -> Vec<(MediaType, Vec<u8>)> {
    use firsthand_adapters::generate as make;
    vec![
        (MediaType::Jpeg, make::jpeg(1, 96, 80).unwrap()),
        (MediaType::Png, make::png(1, 96, 80).unwrap()),
        (MediaType::Webp, make::webp(1, 96, 80).unwrap()),
        (MediaType::Gif, make::gif(1, 96, 80).unwrap()),
        (MediaType::Mpeg, make::mp3(1, 500)),
        (MediaType::Wav, make::wav(1, 100)),
        (MediaType::AudioMp4, make::m4a(1, 500)),
        (MediaType::VideoMp4, make::mp4(1, 200).unwrap()),
        (MediaType::Quicktime, make::mov(1, 200).unwrap()),
    ]
}
