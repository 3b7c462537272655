//! The sample tables of a track: where in the file each sample lies.

use super::boxes::{child, required};
use crate::media::ProbeError;
use crate::media::bytes::{be16, be32, be64, part, size};
use crate::media::error::{truncated, undecodable};
use crate::media::limits::{MAX_SAMPLES, at_most};

/// Where one sample lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Position in the file.
    pub(crate) offset: u64,
    /// Size in bytes.
    pub(crate) size: u32,
}

/// What the samples of all tracks share: the file that each must lie in, and how many there may be.
/// A limit for each track would be multiplied by the number of tracks.
pub(super) struct Room {
    file_length: u64,
    count: u64,
}

impl Room {
    /// Starts without a sample, for a file of that length in bytes.
    pub(super) const fn new(file_length: u64) -> Self {
        Self { file_length, count: 0 }
    }

    /// Refuses `more` samples if that is more than there may be, without taking them.
    fn check(&self, more: u64) -> Result<(), ProbeError> {
        at_most("number of samples", self.count.saturating_add(more), MAX_SAMPLES)
    }
}

/// Collects samples, each of which must lie inside the file; together they can't be longer than
/// the file either, which bounds all work over them.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) list: Vec<Sample>,
    /// Sum of the durations, in the track's time units.
    pub(super) duration: u64,
    bytes: u64,
}

impl Samples {
    /// Adds one sample.
    pub(super) fn push(&mut self, sample: Sample, room: &mut Room) -> Result<(), ProbeError> {
        room.check(1)?;
        let end = sample.offset.checked_add(sample.size.into());
        self.bytes += u64::from(sample.size);
        if end.is_none_or(|end| end > room.file_length) {
            return Err(truncated("a sample lies beyond the end of the file"));
        }
        if self.bytes > room.file_length {
            return Err(undecodable("the samples overlap"));
        }
        room.count += 1;
        self.list.push(sample);
        Ok(())
    }

    /// Adds to the duration.
    pub(super) fn lengthen(&mut self, units: u64) -> Result<(), ProbeError> {
        let sum = self.duration.checked_add(units);
        self.duration = sum.ok_or_else(|| undecodable("the duration is out of range"))?;
        Ok(())
    }
}

/// The sizes of samples: one for all, or a table of 4-, 8- or 16-bit numbers.
struct Sizes<'a> {
    count: u32,
    fixed: u32,
    table: &'a [u8],
    bits: usize,
}

impl<'a> Sizes<'a> {
    fn parse(stbl: &'a [u8], room: &Room) -> Result<Self, ProbeError> {
        let short = || undecodable("a short table of sample sizes");
        let (body, compact) = match child(stbl, b"stsz")? {
            Some(body) => (body, false),
            None => (required(stbl, b"stz2")?, true),
        };
        let field = be32(body, 4).ok_or_else(short)?;
        let count = be32(body, 8).ok_or_else(short)?;
        room.check(count.into())?;
        let (fixed, bits) = if compact { (0, size(field & 0xFF)) } else { (field, 32) };
        if !matches!(bits, 4 | 8 | 16 | 32) {
            return Err(undecodable("a table of sample sizes of an unknown kind"));
        }
        let length = if fixed > 0 { 0 } else { (size(count) * bits).div_ceil(8) };
        Ok(Self { count, fixed, table: part(body, 12, length).ok_or_else(short)?, bits })
    }

    fn get(&self, index: u32) -> Option<u32> {
        let index = size(index);
        if self.fixed > 0 {
            return Some(self.fixed);
        }
        match self.bits {
            4 => {
                let pair = u32::from(*self.table.get(index / 2)?);
                Some(if index.is_multiple_of(2) { pair >> 4 } else { pair & 15 })
            }
            8 => self.table.get(index).copied().map(u32::from),
            16 => be16(self.table, index * 2).map(u32::from),
            _ => be32(self.table, index * 4),
        }
    }
}

/// Reads the sample tables in the `stbl` box of a track.
pub(super) fn read(stbl: &[u8], room: &mut Room) -> Result<Samples, ProbeError> {
    let mut samples = Samples::default();
    let sizes = Sizes::parse(stbl, room)?;
    let disagree = || undecodable("the sample tables disagree");
    let (offsets, wide) = match child(stbl, b"stco")? {
        Some(body) => (body, false),
        None => (required(stbl, b"co64")?, true),
    };
    let runs = required(stbl, b"stsc")?;
    let chunks = be32(offsets, 4).ok_or_else(disagree)?;
    let (mut index, mut run, mut per_chunk) = (0, 0_usize, 0);
    for chunk in 0..chunks {
        // A run of chunks with the same number of samples starts at its 1-based first chunk.
        if run < size(be32(runs, 4).ok_or_else(disagree)?)
            && be32(runs, 8 + 12 * run) == Some(chunk + 1)
        {
            per_chunk = be32(runs, 12 + 12 * run).ok_or_else(disagree)?;
            run += 1;
        }
        let at = size(chunk);
        let offset =
            if wide { be64(offsets, 8 + 8 * at) } else { be32(offsets, 8 + 4 * at).map(u64::from) };
        let mut offset = offset.ok_or_else(disagree)?;
        for _ in 0..per_chunk {
            if index == sizes.count {
                break;
            }
            let size = sizes.get(index).ok_or_else(disagree)?;
            samples.push(Sample { offset, size }, room)?;
            offset += u64::from(size);
            index += 1;
        }
    }
    if index != sizes.count {
        return Err(disagree());
    }
    if sum_times(required(stbl, b"stts")?, &mut samples)? != u64::from(sizes.count) {
        return Err(disagree());
    }
    Ok(samples)
}

/// Adds up the time-to-sample table; returns how many samples it is for.
fn sum_times(body: &[u8], samples: &mut Samples) -> Result<u64, ProbeError> {
    let short = || undecodable("a short table of sample times");
    let entries = size(be32(body, 4).ok_or_else(short)?);
    let table = part(body, 8, entries.saturating_mul(8)).ok_or_else(short)?;
    let mut total = 0;
    for [a, b, c, d, delta @ ..] in table.as_chunks::<8>().0 {
        let count = u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
        samples.lengthen(count * u64::from(u32::from_be_bytes(*delta)))?;
        total += count;
    }
    Ok(total)
}
