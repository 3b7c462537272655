//! Sniffs, decodes and measures uploaded media, and rates what was measured.
//!
//! [`probe`] answers only for files that are what they were declared to be and that are complete:
//! every pixel of an image and every sample of an audio file has been decoded. Of a video the
//! container, the codec's name, the place of every sample and the outline of its coded data are
//! checked; frames are decoded where they are JPEGs, sound where it is AAC.
//!
//! Everything is computed in integers and bounded by [`limits`], so the same bytes give the same
//! answer on every machine. Nothing here judges what the media shows.

mod audio;
pub(crate) mod bytes;
pub(crate) mod containers;
pub(crate) mod error;
mod image;
pub(crate) mod jpeg;
pub mod limits;
mod measure;
mod media_type;
mod meter;
mod movie;
mod mp3;
mod rate;
mod sniff;
mod source;
mod video;
mod wav;

use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};

use self::bytes::wide;
pub use self::error::ProbeError;
use self::error::{shield, undecodable};
pub use self::measure::{Picture, hamming_distance};
pub use self::media_type::{MediaKind, MediaType, UnknownMediaType};
pub use self::meter::Sound;
use self::movie::{AudioTrack, Movie};
pub use self::rate::{TechnicalScore, rate};
pub use self::sniff::{SNIFF_BYTES, sniff};
use self::source::Source;
pub use self::video::Footage;

/// The measurements of a complete file of the declared type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The type, which is the declared one.
    pub media_type: MediaType,
    /// File size in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the file as 64 lower-case hexadecimal digits: equal means the same bytes.
    pub sha256: String,
    /// Bytes after the end of the media, such as a second file appended to it. They are not
    /// looked at; [`crate::strip::strip`] removes them from images.
    pub trailing_bytes: u64,
    /// Images and videos: width in pixels as shown, that is after the stored orientation.
    pub width: Option<u32>,
    /// Images and videos: height in pixels as shown.
    pub height: Option<u32>,
    /// Audio and videos: duration in milliseconds, rounded down.
    pub duration_ms: Option<u64>,
    /// Images: number of frames; 1 unless animated.
    pub animation_frames: Option<u64>,
    /// Difference hash of the stored pixels; see [`hamming_distance`]. `None` for audio, for
    /// videos whose frames are not decoded, and for pictures too uniform to compare.
    pub perceptual_hash: Option<u64>,
    /// Images, and videos whose frames are JPEGs: measurements of the (first, middle) picture.
    pub picture: Option<Picture>,
    /// Audio, and videos with AAC sound: measurements of the sound.
    pub sound: Option<Sound>,
    /// Videos: codec and frames.
    pub footage: Option<Footage>,
}

/// Measures the file at `path`, which was declared to be of type `declared`.
///
/// Takes memory for an image, or a frame that is a JPEG, of up to 25 MB (the file) plus
/// [`limits::MAX_DECODE_BYTES`]; for audio of a few MB; and for a movie, beside its frame, of
/// [`limits::MAX_MOVIE_HEADER_BYTES`] and some 16 MB for [`limits::MAX_SAMPLES`]. Work is bounded by
/// [`limits`]. It blocks: call it on a thread that may.
///
/// # Errors
///
/// Any [`ProbeError`]; all but [`ProbeError::Io`] are final. A panic on the way is the file's fault
/// too: [`ProbeError::Undecodable`].
pub fn probe(path: &Path, declared: MediaType) -> Result<Probe, ProbeError> {
    shield(path, || measured(path, declared))
}

fn measured(path: &Path, declared: MediaType) -> Result<Probe, ProbeError> {
    let mut source = Source::new(File::open(path)?)?;
    if source.length == 0 {
        return Err(ProbeError::Empty);
    }
    limits::at_most("file size in bytes", source.length, limits::max_file_bytes(declared))?;
    let head = source.vec_at(0, source.length.min(wide(SNIFF_BYTES)))?;
    let found = sniff(&head);
    // Brands don't tell the audio and the video of the MP4 family apart; tracks will.
    let mp4 = [Some(MediaType::AudioMp4), Some(MediaType::VideoMp4)];
    let comparable =
        found == Some(declared) || (mp4.contains(&found) && mp4.contains(&Some(declared)));
    if !comparable {
        return Err(ProbeError::Mismatch { declared, found });
    }
    let mut probe = Probe {
        media_type: declared,
        size_bytes: source.length,
        sha256: source.sha256()?,
        trailing_bytes: 0,
        width: None,
        height: None,
        duration_ms: None,
        animation_frames: None,
        perceptual_hash: None,
        picture: None,
        sound: None,
        footage: None,
    };
    match declared {
        MediaType::Jpeg | MediaType::Png | MediaType::Webp | MediaType::Gif => {
            probe.measure_image(&mut source)?;
        }
        MediaType::Mpeg => probe.set_sound(audio::decode_mp3(&mut source)?),
        MediaType::Wav => probe.set_sound(audio::decode_wav(&mut source)?),
        MediaType::AudioMp4 | MediaType::VideoMp4 | MediaType::Quicktime => {
            let audio_only = found == Some(MediaType::AudioMp4);
            probe.measure_movie(&mut source, audio_only)?;
        }
    }
    Ok(probe)
}

impl Probe {
    fn measure_image(&mut self, source: &mut Source) -> Result<(), ProbeError> {
        let bytes = source.vec_at(0, source.length)?;
        let decoded = image::decode(self.media_type, &bytes)?;
        let layout = decoded.layout;
        // Orientations 5 to 8 include a quarter turn.
        let turned = crate::strip::orientation(self.media_type, &bytes) >= 5;
        let (width, height) = (layout.width, layout.height);
        self.width = Some(if turned { height } else { width });
        self.height = Some(if turned { width } else { height });
        self.trailing_bytes = self.size_bytes - wide(layout.end);
        self.animation_frames = Some(layout.frames);
        self.picture = Some(decoded.picture);
        self.perceptual_hash = decoded.hash;
        Ok(())
    }

    fn set_sound(&mut self, (sound, end): (Sound, u64)) {
        self.duration_ms = Some(sound.frames * 1_000 / u64::from(sound.sample_rate).max(1));
        self.trailing_bytes = self.size_bytes - end;
        self.sound = Some(sound);
    }

    fn measure_movie(&mut self, source: &mut Source, audio_brand: bool) -> Result<(), ProbeError> {
        let Movie { video, audio, end } = movie::read(source)?;
        // Audio files may carry a cover as a video track; then their brand decides.
        let has_picture = video.is_some() && !audio_brand;
        let found = match (self.media_type, has_picture) {
            (MediaType::Quicktime, true) => MediaType::Quicktime,
            (_, true) => MediaType::VideoMp4,
            (_, false) if audio.is_some() => MediaType::AudioMp4,
            (_, false) => return Err(undecodable("there is neither video nor audio")),
        };
        if found != self.media_type {
            return Err(ProbeError::Mismatch { declared: self.media_type, found: Some(found) });
        }
        let sound = match &audio {
            Some(AudioTrack::Aac(track)) => Some(audio::decode_aac(source, track)?),
            Some(AudioTrack::Other(codec)) if !has_picture => {
                let reason = format!("sound is `{codec}`, not AAC-LC in mono or stereo");
                return Err(undecodable(reason));
            }
            Some(AudioTrack::Other(_)) | None => None,
        };
        if let Some(sound) = sound {
            self.set_sound((sound, end));
        }
        self.trailing_bytes = self.size_bytes - end;
        let Some(track) = video.filter(|_| has_picture) else { return Ok(()) };
        if let Some((picture, hash)) = video::measure(source, &track)? {
            self.picture = Some(picture);
            self.perceptual_hash = hash;
        }
        let frames = wide(track.samples.len());
        self.width = Some(track.width);
        self.height = Some(track.height);
        self.duration_ms = Some(track.duration_ms);
        self.footage = Some(Footage {
            frame_rate: (frames * 1_000_000).checked_div(track.duration_ms).unwrap_or(0),
            codec: track.codec,
            frames,
            has_sound: audio.is_some(),
        });
        Ok(())
    }
}
