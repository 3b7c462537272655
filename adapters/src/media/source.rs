//! A file of known length, read at positions, never held whole.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use super::ProbeError;
use super::bytes::wide;
use super::error::truncated;

/// An open file. Positions are relative to its start.
pub(super) struct Source {
    file: BufReader<File>,
    position: u64,
    /// Length in bytes when it was opened.
    pub(super) length: u64,
}

impl Source {
    /// Starts at the beginning of an open file.
    pub(super) fn new(file: File) -> Result<Self, ProbeError> {
        let length = file.metadata()?.len();
        Ok(Self { file: BufReader::new(file), position: 0, length })
    }

    /// Fills `buffer` from `at`. It is [`ProbeError::Truncated`] if the file is too short.
    pub(super) fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), ProbeError> {
        if at.checked_add(wide(buffer.len())).is_none_or(|end| end > self.length) {
            return Err(truncated("data goes beyond the end of the file"));
        }
        if at != self.position {
            // A short step stays inside the buffer.
            match i64::try_from(i128::from(at) - i128::from(self.position)) {
                Ok(step) => self.file.seek_relative(step)?,
                Err(_) => drop(self.file.seek(SeekFrom::Start(at))?),
            }
            self.position = at;
        }
        match self.file.read_exact(buffer) {
            Ok(()) => {
                self.position += wide(buffer.len());
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(truncated("the file became shorter while it was read"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads exactly `N` bytes from `at`, or `None` if the file ends before.
    pub(super) fn array_at<const N: usize>(
        &mut self,
        at: u64,
    ) -> Result<Option<[u8; N]>, ProbeError> {
        let mut buffer = [0; N];
        match self.read_at(at, &mut buffer) {
            Ok(()) => Ok(Some(buffer)),
            Err(ProbeError::Truncated { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the `length` bytes from `at`; the caller has checked `length` against a limit.
    pub(super) fn vec_at(&mut self, at: u64, length: u64) -> Result<Vec<u8>, ProbeError> {
        if length > self.length {
            return Err(truncated("data goes beyond the end of the file"));
        }
        let mut buffer = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.read_at(at, &mut buffer)?;
        Ok(buffer)
    }

    /// Returns the SHA-256 of the whole file in lower-case hexadecimal.
    pub(super) fn sha256(&mut self) -> Result<String, ProbeError> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut at = 0;
        while at < self.length {
            let step = (self.length - at).min(wide(buffer.len()));
            let part = buffer.get_mut(..usize::try_from(step).unwrap_or(0)).unwrap_or_default();
            self.read_at(at, part)?;
            hasher.update(&*part);
            at += step;
        }
        Ok(hex::encode(hasher.finalize()))
    }
}
