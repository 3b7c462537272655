//! The local scorer: technical measurement of the real bytes, deterministic and documented (spec
//! section 21). It never pretends to judge relevance.

use crate::media::{self, Probe, ProbeError, SNIFF_BYTES, hamming_distance};
use firsthand_domain::ids::FileId;
use firsthand_domain::media::MediaType;
use firsthand_domain::scoring::{Dimensions, Score};
use firsthand_domain::submissions::{FileMeasurement, RejectionCode};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What the scorer calls itself in every score.
pub const MODEL: &str = "firsthand-local-1";

/// Two images whose difference hashes differ in at most this many of 64 bits are near duplicates.
const NEAR_DUPLICATE_BITS: u32 = 4;

fn probed_type(media_type: MediaType) -> media::MediaType {
    match media_type {
        MediaType::Jpeg => media::MediaType::Jpeg,
        MediaType::Png => media::MediaType::Png,
        MediaType::Webp => media::MediaType::Webp,
        MediaType::Gif => media::MediaType::Gif,
        MediaType::Mpeg => media::MediaType::Mpeg,
        MediaType::Wav => media::MediaType::Wav,
        MediaType::Mp4Audio | MediaType::M4a => media::MediaType::AudioMp4,
        MediaType::Mp4 => media::MediaType::VideoMp4,
        MediaType::Quicktime => media::MediaType::Quicktime,
    }
}

fn domain_type(media_type: media::MediaType) -> MediaType {
    match media_type {
        media::MediaType::Jpeg => MediaType::Jpeg,
        media::MediaType::Png => MediaType::Png,
        media::MediaType::Webp => MediaType::Webp,
        media::MediaType::Gif => MediaType::Gif,
        media::MediaType::Mpeg => MediaType::Mpeg,
        media::MediaType::Wav => MediaType::Wav,
        media::MediaType::AudioMp4 => MediaType::Mp4Audio,
        media::MediaType::VideoMp4 => MediaType::Mp4,
        media::MediaType::Quicktime => MediaType::Quicktime,
    }
}

/// Tells a file's type by its first bytes. Blocks.
///
/// # Errors
/// When the file can't be read.
pub fn sniff_file(path: &Path) -> std::io::Result<Option<MediaType>> {
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    let limit = u64::try_from(SNIFF_BYTES).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut head)?;
    Ok(media::sniff(&head).map(domain_type))
}

/// Says whether content of a sniffed type may be declared as another: first bytes can't tell the
/// sound and the video of the MP4 family apart.
pub fn same_format(found: MediaType, declared: MediaType) -> bool {
    let mp4 =
        |media_type| matches!(media_type, MediaType::Mp4 | MediaType::Mp4Audio | MediaType::M4a);
    found == declared || (mp4(found) && mp4(declared))
}

/// A file to score.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The file.
    pub file_id: FileId,
    /// Its declared type.
    pub content_type: MediaType,
    /// Its bytes.
    pub path: PathBuf,
    /// SHA-256 of earlier files that it must not repeat, in hexadecimal.
    pub content_hash: String,
}

/// What the job demands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Demands {
    /// Least width in pixels.
    pub min_width: Option<u32>,
    /// Least height in pixels.
    pub min_height: Option<u32>,
}

/// An earlier file that a new one must not repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// SHA-256 of its bytes, in hexadecimal.
    pub content_hash: String,
    /// Its perceptual hash: 16 hexadecimal digits.
    pub perceptual_hash: Option<String>,
}

/// A submission's score with everything that it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// The score: that of its worst file.
    pub score: Score,
    /// A technical ground for rejection.
    pub technical: Option<RejectionCode>,
    /// What was measured.
    pub measurements: Vec<FileMeasurement>,
}

/// Says that a file could not be read, which says nothing about the file: try again.
#[derive(Debug, thiserror::Error)]
#[error("a file can't be read")]
pub struct Unreadable(#[from] std::io::Error);

fn score(stars: u8, dimensions: Dimensions, reasoning: String) -> Score {
    Score { stars, dimensions, reasoning, model: MODEL.to_owned() }
}

fn repeats(probe: &Probe, content_hash: &str, earlier: &[Earlier]) -> Option<&'static str> {
    if earlier.iter().any(|other| other.content_hash == content_hash) {
        return Some("The same file was submitted before.");
    }
    let hash = probe.perceptual_hash?;
    let near = earlier
        .iter()
        .filter_map(|other| u64::from_str_radix(other.perceptual_hash.as_deref()?, 16).ok())
        .any(|other| hamming_distance(hash, other) <= NEAR_DUPLICATE_BITS);
    near.then_some("Nearly the same picture was submitted to this job before.")
}

fn too_small(probe: &Probe, demands: Demands) -> bool {
    let below = |least: Option<u32>, found: Option<u32>| {
        least.is_some_and(|least| found.is_some_and(|found| found < least))
    };
    below(demands.min_width, probe.width) || below(demands.min_height, probe.height)
}

/// A file that was measured.
#[derive(Debug)]
pub struct Measured {
    file_id: FileId,
    content_hash: String,
    /// What it is, or why it can't be used.
    probe: Result<Probe, String>,
}

/// Decodes and measures files. Blocks.
///
/// # Errors
/// When a file can't be read from disk.
pub fn measure_files(files: Vec<Candidate>) -> Result<Vec<Measured>, Unreadable> {
    files.into_iter().map(measure_file).collect()
}

fn measure_file(file: Candidate) -> Result<Measured, Unreadable> {
    let probe = match media::probe(&file.path, probed_type(file.content_type)) {
        Ok(probe) => Ok(probe),
        Err(ProbeError::Io(error)) => return Err(Unreadable(error)),
        Err(error) => Err(format!("The file can't be used: {error}.")),
    };
    Ok(Measured { file_id: file.file_id, content_hash: file.content_hash, probe })
}

/// Scores a submission by what was measured: the worst of its files decides.
pub fn score_files(files: &[Measured], demands: Demands, earlier: &[Earlier]) -> Scored {
    let mut seen = earlier.to_vec();
    let mut measurements = Vec::with_capacity(files.len());
    let mut worst: Option<Score> = None;
    let mut technical = None;
    for file in files {
        let (scored, ground) = score_file(file, demands, &seen);
        let measured = measurement(file);
        seen.push(Earlier {
            content_hash: file.content_hash.clone(),
            perceptual_hash: measured.perceptual_hash.clone(),
        });
        measurements.push(measured);
        if worst.as_ref().is_none_or(|worst| scored.stars < worst.stars) {
            worst = Some(scored);
        }
        technical = technical.or(ground);
    }
    Scored { score: worst.unwrap_or_default(), technical, measurements }
}

fn measurement(file: &Measured) -> FileMeasurement {
    let probe = file.probe.as_ref().ok();
    let hash = probe.and_then(|probe| probe.perceptual_hash);
    FileMeasurement {
        file_id: file.file_id,
        width: probe.and_then(|probe| probe.width),
        height: probe.and_then(|probe| probe.height),
        duration_ms: probe.and_then(|probe| probe.duration_ms),
        perceptual_hash: hash.map(|hash| format!("{hash:016x}")),
    }
}

fn score_file(
    file: &Measured,
    demands: Demands,
    earlier: &[Earlier],
) -> (Score, Option<RejectionCode>) {
    let rejected =
        |reasoning: String, code| (score(1, Dimensions::default(), reasoning), Some(code));
    let probe = match &file.probe {
        Ok(probe) => probe,
        Err(why) => return rejected(why.clone(), RejectionCode::Undecodable),
    };
    if too_small(probe, demands) {
        let reasoning = "The picture is smaller than the job asks for.".to_owned();
        return rejected(reasoning, RejectionCode::TooSmall);
    }
    if let Some(reasoning) = repeats(probe, &file.content_hash, earlier) {
        return rejected(reasoning.to_owned(), RejectionCode::Duplicate);
    }
    let rated = media::rate(probe);
    let dimensions = Dimensions {
        relevance: None,
        quality: Some(rated.quality),
        completeness: Some(rated.completeness),
    };
    (score(rated.stars, dimensions, rated.reasoning), None)
}
