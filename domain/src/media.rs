//! Media types that jobs accept (spec section 17 row 12).

use serde::{Deserialize, Serialize};

macro_rules! media_types {
    ($($(#[$meta:meta])* $variant:ident = $mime:literal, $class:ident, $extension:literal $(, alias $alias:literal)*;)*) => {
        /// A media type that files can have.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum MediaType { $($(#[$meta])* #[serde(rename = $mime)] $variant),* }

        impl MediaType {
            /// Every media type.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the MIME type.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $mime),* }
            }

            /// Returns the class that decides size limits and scoring.
            pub fn class(self) -> MediaClass {
                match self { $(Self::$variant => MediaClass::$class),* }
            }

            /// Returns the usual file name extension, without a dot.
            pub fn extension(self) -> &'static str {
                match self { $(Self::$variant => $extension),* }
            }

            /// Reads a MIME type; common other spellings are normalised.
            pub fn from_mime(mime: &str) -> Option<Self> {
                match mime.trim().to_ascii_lowercase().as_str() {
                    $($mime $(| $alias)* => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Returns the media type that somebody means who wrote a file name extension.
            pub fn from_extension(extension: &str) -> Option<Self> {
                match extension.trim().trim_start_matches('.').to_ascii_lowercase().as_str() {
                    "jpeg" => Some(Self::Jpeg),
                    $($extension => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

/// The class of a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaClass {
    /// A still or animated image.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

impl MediaClass {
    /// Returns the largest file of this class in bytes (spec section 21).
    pub fn max_bytes(self) -> u64 {
        match self {
            Self::Image => 25_000_000,
            Self::Audio => 100_000_000,
            Self::Video => 500_000_000,
        }
    }
}

media_types! {
    /// JPEG.
    Jpeg = "image/jpeg", Image, "jpg", alias "image/jpg";
    /// PNG.
    Png = "image/png", Image, "png";
    /// WebP.
    Webp = "image/webp", Image, "webp";
    /// GIF.
    Gif = "image/gif", Image, "gif";
    /// MP3.
    Mpeg = "audio/mpeg", Audio, "mp3", alias "audio/mp3";
    /// WAV.
    Wav = "audio/wav", Audio, "wav", alias "audio/x-wav", alias "audio/wave";
    /// AAC in MP4.
    Mp4Audio = "audio/mp4", Audio, "m4a";
    /// AAC in MP4, as Apple names it.
    M4a = "audio/x-m4a", Audio, "m4b", alias "audio/m4a";
    /// MP4.
    Mp4 = "video/mp4", Video, "mp4";
    /// The container of Apple's cameras.
    Quicktime = "video/quicktime", Video, "mov";
}
