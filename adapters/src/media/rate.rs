//! Turns measurements into a technical score by fixed thresholds.
//!
//! Two dimensions of the rubric can be measured: quality (sharpness, exposure, level) and
//! completeness (size, duration). The third, relevance, can't, and is not guessed. The overall
//! score is the lower of the two.
//!
//! | | 2 | 3 | 4 | 5 |
//! |---|---|---|---|---|
//! | picture: quality | sharpness < 60, or contrast < 40 ‰, or clipped > 700 ‰ | sharpness < 150, or clipped > 350 ‰, or brightness outside 80–920 ‰ | else | sharpness ≥ 500 |
//! | picture: completeness | a side < 64 px | smaller than 640 × 480 | else | at least 1920 × 1080 |
//! | sound: quality | silent ≥ 950 ‰ | clipped > 20 ‰ | else | – |
//! | sound: completeness | shorter than 1 s | – | else | – |
//! | video: quality | as its picture, where decoded; fewer than 5 frames per second | as its picture | else | – |
//! | video: completeness | shorter than 1 s, or a side < 64 px | smaller than 320 × 240 | else | – |
//!
//! Sides are compared as longer and shorter, so upright pictures count the same. 1 is never
//! given: one star is a strike against a person, and a measurement must not be that. A file that
//! does not decode never gets here.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::{Footage, Picture, Probe, Sound};

const BLURRED: u32 = 60;
const SOFT: u32 = 150;
const VERY_SHARP: u32 = 500;
const UNIFORM_CONTRAST: u32 = 40;
const RUINED_CLIPPED: u32 = 700;
const MUCH_CLIPPED: u32 = 350;
const DARK: u32 = 80;
const BRIGHT: u32 = 920;
const TINY_SIDE: u32 = 64;
const SILENT: u32 = 950;
const SOUND_CLIPPED: u32 = 20;
const SHORT_MS: u64 = 1_000;
const MIN_FRAME_RATE: u64 = 5_000;

/// A score from measurements alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TechnicalScore {
    /// Overall, 2 to 5: the lower of the two dimensions.
    pub stars: u8,
    /// Sharpness and exposure, or level, 2 to 5.
    pub quality: u8,
    /// Size and duration, 2 to 5.
    pub completeness: u8,
    /// What was measured and what decided, in one or two sentences.
    pub reasoning: String,
}

/// A dimension of the score, and why it is not higher.
type Finding = (u8, &'static str);

/// Scores a probed file by the table in the module's description.
pub fn rate(probe: &Probe) -> TechnicalScore {
    let (quality, completeness) = match (&probe.footage, &probe.picture, &probe.sound) {
        (Some(footage), picture, _) => {
            (footage_quality(footage, picture.as_ref()), footage_completeness(probe))
        }
        (None, Some(picture), _) => (picture_quality(picture), picture_completeness(probe)),
        (None, None, Some(sound)) => (sound_quality(sound), sound_completeness(probe)),
        (None, None, None) => ((2, "nothing could be measured"), (2, "")),
    };
    let stars = quality.0.min(completeness.0);
    TechnicalScore {
        stars,
        quality: quality.0,
        completeness: completeness.0,
        reasoning: reasoning(probe, quality, completeness),
    }
}

fn picture_quality(picture: &Picture) -> Finding {
    if picture.contrast < UNIFORM_CONTRAST {
        (2, "nearly uniform")
    } else if picture.sharpness < BLURRED {
        (2, "blurred")
    } else if picture.clipped > RUINED_CLIPPED {
        (2, "almost all black or white")
    } else if picture.sharpness < SOFT {
        (3, "a little soft")
    } else if picture.clipped > MUCH_CLIPPED {
        (3, "much of it black or white")
    } else if picture.brightness < DARK {
        (3, "very dark")
    } else if picture.brightness > BRIGHT {
        (3, "very bright")
    } else if picture.sharpness < VERY_SHARP {
        (4, "sharp and well exposed")
    } else {
        (5, "very sharp and well exposed")
    }
}

/// Returns the shorter and the longer side in pixels.
fn sides(probe: &Probe) -> (u32, u32) {
    let (width, height) = (probe.width.unwrap_or(0), probe.height.unwrap_or(0));
    (width.min(height), width.max(height))
}

fn picture_completeness(probe: &Probe) -> Finding {
    match sides(probe) {
        (short, _) if short < TINY_SIDE => (2, "tiny"),
        (short, long) if short < 480 || long < 640 => (3, "small"),
        (short, long) if short < 1_080 || long < 1_920 => (4, "large enough"),
        _ => (5, "large"),
    }
}

fn sound_quality(sound: &Sound) -> Finding {
    if sound.silent >= SILENT {
        (2, "silent")
    } else if sound.clipped > SOUND_CLIPPED {
        (3, "overdriven")
    } else {
        (4, "audible")
    }
}

fn sound_completeness(probe: &Probe) -> Finding {
    if probe.duration_ms.unwrap_or(0) < SHORT_MS {
        (2, "shorter than a second")
    } else {
        (4, "long enough")
    }
}

fn footage_quality(footage: &Footage, picture: Option<&Picture>) -> Finding {
    if footage.frame_rate < MIN_FRAME_RATE {
        return (2, "too few frames per second");
    }
    match picture.map(picture_quality) {
        Some(finding) if finding.0 < 4 => finding,
        Some(_) => (4, "middle frame sharp and well exposed"),
        None => (4, "data complete, frames not decoded"),
    }
}

fn footage_completeness(probe: &Probe) -> Finding {
    match sides(probe) {
        _ if probe.duration_ms.unwrap_or(0) < SHORT_MS => (2, "shorter than a second"),
        (short, _) if short < TINY_SIDE => (2, "tiny"),
        (short, long) if short < 240 || long < 320 => (3, "small"),
        _ => (4, "large and long enough"),
    }
}

fn reasoning(probe: &Probe, quality: Finding, completeness: Finding) -> String {
    let mut text = format!("Technical measurement only, relevance not judged: {}", quality.1);
    if !completeness.1.is_empty() {
        text.push_str("; ");
        text.push_str(completeness.1);
    }
    let mut facts = Vec::new();
    if let (Some(width), Some(height)) = (probe.width, probe.height) {
        facts.push(format!("{width}x{height} px"));
    }
    if let Some(duration) = probe.duration_ms {
        facts.push(format!("{duration} ms"));
    }
    if let Some(picture) = &probe.picture {
        let Picture { sharpness, brightness, contrast, clipped } = picture;
        facts.push(format!("sharpness {sharpness}, brightness {brightness} per mille"));
        facts.push(format!("contrast {contrast} per mille, clipped {clipped} per mille"));
    }
    if let Some(Sound { rms, peak, silent, clipped, .. }) = &probe.sound {
        facts.push(format!("level {rms} per mille, peak {peak} per mille"));
        facts.push(format!("silent {silent} per mille, clipped {clipped} per mille"));
    }
    if let Some(Footage { codec, frames, .. }) = &probe.footage {
        facts.push(format!("{frames} frames of {codec}"));
    }
    // Writing to a string can't fail.
    write!(text, " ({}).", facts.join(", ")).unwrap_or_default();
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaType;

    fn image(width: u32, height: u32, picture: Picture) -> Probe {
        Probe {
            media_type: MediaType::Jpeg,
            size_bytes: 1,
            sha256: String::new(),
            trailing_bytes: 0,
            width: Some(width),
            height: Some(height),
            duration_ms: None,
            animation_frames: Some(1),
            perceptual_hash: None,
            picture: Some(picture),
            sound: None,
            footage: None,
        }
    }

    const SHARP: Picture = Picture { sharpness: 400, brightness: 500, contrast: 400, clipped: 10 };

    #[test]
    fn sharp_and_well_exposed_is_four_and_large_and_very_sharp_is_five() {
        assert_eq!(rate(&image(640, 480, SHARP)).stars, 4);
        assert_eq!(rate(&image(480, 640, SHARP)).stars, 4);
        assert_eq!(rate(&image(639, 480, SHARP)).stars, 3);
        assert_eq!(rate(&image(1_920, 1_080, SHARP)).stars, 4);
        assert_eq!(rate(&image(1_920, 1_080, Picture { sharpness: 500, ..SHARP })).stars, 5);
    }

    #[test]
    fn blurred_uniform_black_and_tiny_pictures_are_two() {
        assert_eq!(rate(&image(1_920, 1_080, Picture { sharpness: 59, ..SHARP })).stars, 2);
        assert_eq!(rate(&image(1_920, 1_080, Picture { contrast: 39, ..SHARP })).stars, 2);
        assert_eq!(rate(&image(1_920, 1_080, Picture { clipped: 701, ..SHARP })).stars, 2);
        assert_eq!(rate(&image(63, 4_000, SHARP)).stars, 2);
    }

    #[test]
    fn the_reasoning_names_the_measurements_and_disclaims_relevance() {
        let reasoning = rate(&image(640, 480, SHARP)).reasoning;
        assert_eq!(
            reasoning,
            "Technical measurement only, relevance not judged: sharp and well exposed; large \
             enough (640x480 px, sharpness 400, brightness 500 per mille, contrast 400 per mille, \
             clipped 10 per mille)."
        );
    }
}
