//! The closed list of media types the service accepts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A media type the service accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MediaType {
    /// `image/jpeg`
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// `image/png`
    #[serde(rename = "image/png")]
    Png,
    /// `image/webp`
    #[serde(rename = "image/webp")]
    Webp,
    /// `image/gif`
    #[serde(rename = "image/gif")]
    Gif,
    /// `audio/mpeg`: MPEG audio layer 3.
    #[serde(rename = "audio/mpeg")]
    Mpeg,
    /// `audio/wav`
    #[serde(rename = "audio/wav")]
    Wav,
    /// `audio/mp4`, also declared as `audio/x-m4a`.
    #[serde(rename = "audio/mp4")]
    AudioMp4,
    /// `video/mp4`
    #[serde(rename = "video/mp4")]
    VideoMp4,
    /// `video/quicktime`
    #[serde(rename = "video/quicktime")]
    Quicktime,
}

/// What kind of measurement a media type gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Decoded to pixels.
    Image,
    /// Decoded to samples.
    Audio,
    /// Its container and sample tables are checked.
    Video,
}

/// The name is none of the accepted media types.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is not an accepted media type")]
pub struct UnknownMediaType {
    /// The refused name, as given.
    pub name: String,
}

impl MediaType {
    /// Every accepted media type, in a fixed order.
    pub const ALL: [Self; 9] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Gif,
        Self::Mpeg,
        Self::Wav,
        Self::AudioMp4,
        Self::VideoMp4,
        Self::Quicktime,
    ];

    /// Returns the canonical name, such as `image/jpeg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Mpeg => "audio/mpeg",
            Self::Wav => "audio/wav",
            Self::AudioMp4 => "audio/mp4",
            Self::VideoMp4 => "video/mp4",
            Self::Quicktime => "video/quicktime",
        }
    }

    /// Returns whether the type is an image, audio or video.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Jpeg | Self::Png | Self::Webp | Self::Gif => MediaKind::Image,
            Self::Mpeg | Self::Wav | Self::AudioMp4 => MediaKind::Audio,
            Self::VideoMp4 | Self::Quicktime => MediaKind::Video,
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for MediaType {
    type Err = UnknownMediaType;

    /// Parses a MIME name, ignoring case and parameters, and normalising the usual aliases
    /// (`image/jpg`, `audio/mp3`, `audio/x-wav`, `audio/x-m4a`, ...).
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let essence = name.split(';').next().unwrap_or(name).trim().to_ascii_lowercase();
        match essence.as_str() {
            "image/jpeg" | "image/jpg" => Ok(Self::Jpeg),
            "image/png" => Ok(Self::Png),
            "image/webp" => Ok(Self::Webp),
            "image/gif" => Ok(Self::Gif),
            "audio/mpeg" | "audio/mp3" => Ok(Self::Mpeg),
            "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Ok(Self::Wav),
            "audio/mp4" | "audio/m4a" | "audio/x-m4a" => Ok(Self::AudioMp4),
            "video/mp4" => Ok(Self::VideoMp4),
            "video/quicktime" => Ok(Self::Quicktime),
            _ => Err(UnknownMediaType { name: name.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_and_serialises_as_itself() {
        for media_type in MediaType::ALL {
            assert_eq!(media_type.as_str().parse(), Ok(media_type));
        }
    }

    #[test]
    fn aliases_and_parameters_are_normalised_and_markup_is_refused() {
        assert_eq!("image/JPG".parse(), Ok(MediaType::Jpeg));
        assert_eq!("audio/x-m4a; codecs=mp4a.40.2".parse(), Ok(MediaType::AudioMp4));
        assert!("image/svg+xml".parse::<MediaType>().is_err());
        assert!("text/html".parse::<MediaType>().is_err());
    }
}
