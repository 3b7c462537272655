//! The samples of a fragmented movie, as browsers record it: each `moof` lists a run of samples.

use std::collections::BTreeMap;

use super::boxes::{Boxes, child, required};
use super::samples::{Room, Sample};
use super::track::Track;
use crate::media::ProbeError;
use crate::media::bytes::{be32, be64};
use crate::media::error::undecodable;
use crate::media::limits::{MAX_TRACKS, at_most};

/// What a run of samples doesn't say itself, per track.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    duration: u32,
    size: u32,
}

/// Reads the defaults from the `mvex` box of a movie header, by the track's id; empty if it isn't
/// fragmented. Of several for one track the first counts.
pub(super) fn defaults(moov: &[u8]) -> Result<BTreeMap<u32, Defaults>, ProbeError> {
    let mut all = BTreeMap::new();
    let mut count = 0;
    for found in Boxes::new(child(moov, b"mvex")?.unwrap_or_default()) {
        if let (name, body) = found?
            && &name == b"trex"
        {
            let field = |at| be32(body, at).ok_or_else(|| undecodable("a short `trex` box"));
            count += 1;
            at_most("number of tracks", count, MAX_TRACKS)?;
            let known = Defaults { duration: field(12)?, size: field(16)? };
            all.entry(field(4)?).or_insert(known);
        }
    }
    Ok(all)
}

/// Adds the samples of one `moof` box, which lies at `position`, to their tracks.
pub(super) fn read(
    moof: &[u8],
    position: u64,
    defaults: &BTreeMap<u32, Defaults>,
    tracks: &mut [Track<'_>],
    room: &mut Room,
) -> Result<(), ProbeError> {
    for found in Boxes::new(moof) {
        let (name, traf) = found?;
        if &name != b"traf" {
            continue;
        }
        let short = || undecodable("a short `tfhd` box");
        let header = required(traf, b"tfhd")?;
        let flags = be32(header, 0).ok_or_else(short)?;
        let id = be32(header, 4).ok_or_else(short)?;
        let Some(known) = defaults.get(&id) else { continue };
        let Some(track) = tracks.iter_mut().find(|track| track.id == id) else { continue };
        let mut at = 8;
        let mut base = position;
        if flags & 0x01 != 0 {
            base = be64(header, at).ok_or_else(short)?;
            at += 8;
        }
        at += if flags & 0x02 != 0 { 4 } else { 0 };
        let mut known = *known;
        for (flag, field) in [(0x08, &mut known.duration), (0x10, &mut known.size)] {
            if flags & flag != 0 {
                *field = be32(header, at).ok_or_else(short)?;
                at += 4;
            }
        }
        let mut next = base;
        for found in Boxes::new(traf) {
            if let (name, run) = found?
                && &name == b"trun"
            {
                next = read_run(run, (base, next), known, track, room)?;
            }
        }
    }
    Ok(())
}

/// Adds one run of samples; returns where its last one ends.
fn read_run(
    run: &[u8],
    (base, next): (u64, u64),
    known: Defaults,
    track: &mut Track<'_>,
    room: &mut Room,
) -> Result<u64, ProbeError> {
    let short = || undecodable("a short `trun` box");
    let flags = be32(run, 0).ok_or_else(short)?;
    let count = be32(run, 4).ok_or_else(short)?;
    let mut at = 8;
    let mut offset = next;
    if flags & 0x01 != 0 {
        let relative = be32(run, at).ok_or_else(short)?.cast_signed();
        offset = base.checked_add_signed(relative.into()).ok_or_else(short)?;
        at += 4;
    }
    at += if flags & 0x04 != 0 { 4 } else { 0 };
    for _ in 0..count {
        let mut field = |flag: u32, default: u32| {
            if flags & flag == 0 {
                return Ok(default);
            }
            at += 4;
            be32(run, at - 4).ok_or_else(short)
        };
        let duration = field(0x100, known.duration)?;
        let size = field(0x200, known.size)?;
        field(0x400, 0)?;
        field(0x800, 0)?;
        track.samples.push(Sample { offset, size }, room)?;
        track.samples.lengthen(duration.into())?;
        offset += u64::from(size);
    }
    Ok(offset)
}
