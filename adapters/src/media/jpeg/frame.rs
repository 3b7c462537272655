//! The frame header of a JPEG: its size, and how its components are sampled.

use crate::media::ProbeError;
use crate::media::bytes::be16;
use crate::media::error::undecodable;
use crate::media::limits::{check_dimensions, check_memory};

/// What the decoder holds per pixel, in eighths of a byte: RGB out.
const RGB_EIGHTHS: u64 = 24;
/// A 16-bit coefficient for every sample, held when a picture takes several scans.
const COEFFICIENT_EIGHTHS: u64 = 16;

/// One colour component.
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks across and down in one unit of a scan of several components.
    pub(super) sampling: (usize, usize),
    /// Blocks across and down in a scan of this component alone.
    pub(super) own: (usize, usize),
    /// Blocks across with padding to whole units.
    pub(super) stride: usize,
    /// Progressive only: for each block, which of its 64 coefficients are known not to be zero.
    pub(super) nonzero: Vec<u64>,
    /// Whether a scan with its DC coefficients has come.
    pub(super) seen: bool,
}

/// The one frame of a picture.
pub(super) struct Frame {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) progressive: bool,
    /// Units (minimum coded units) across and down.
    pub(super) units: (usize, usize),
    pub(super) components: Vec<Component>,
    coefficient_eighths: u64,
}

impl Frame {
    /// Parses a frame header, within the limits of size and memory.
    pub(super) fn parse(body: &[u8], progressive: bool) -> Result<Self, ProbeError> {
        let wrong = || undecodable("a malformed frame header");
        let height = be16(body, 1).ok_or_else(wrong)?;
        let width = be16(body, 3).ok_or_else(wrong)?;
        let count = usize::from(*body.get(5).ok_or_else(wrong)?);
        check_dimensions(width.into(), height.into())?;
        let listed = body.get(6..).unwrap_or_default().as_chunks::<3>().0;
        let sampling: Vec<(u8, u8)> = listed.iter().map(|[_, s, _]| (s >> 4, s & 15)).collect();
        let in_range = sampling.iter().all(|(h, v)| (1..=4).contains(h) && (1..=4).contains(v));
        if body.first() != Some(&8)
            || !matches!(count, 1 | 3 | 4)
            || listed.len() != count
            || !in_range
        {
            return Err(wrong());
        }
        let across = sampling.iter().map(|(h, _)| *h).max().unwrap_or(1);
        let down = sampling.iter().map(|(_, v)| *v).max().unwrap_or(1);
        let samples: u64 = sampling.iter().map(|(h, v)| u64::from(*h) * u64::from(*v)).sum();
        let per_unit = u64::from(across) * u64::from(down);
        let units = (
            usize::from(width).div_ceil(8 * usize::from(across)),
            usize::from(height).div_ceil(8 * usize::from(down)),
        );
        let mut frame = Self {
            width,
            height,
            progressive,
            units,
            components: Vec::new(),
            coefficient_eighths: (COEFFICIENT_EIGHTHS * samples).div_ceil(per_unit),
        };
        frame.check_memory(progressive)?;
        frame.components = listed
            .iter()
            .zip(sampling)
            .map(|([id, ..], sampling)| frame.component(*id, sampling, (across, down)))
            .collect();
        Ok(frame)
    }

    /// Refuses a picture that takes too much memory to decode, in one scan or in several.
    pub(super) fn check_memory(&self, several_scans: bool) -> Result<(), ProbeError> {
        let held = if several_scans { self.coefficient_eighths } else { 0 };
        check_memory(self.width.into(), self.height.into(), RGB_EIGHTHS + held)
    }

    fn component(&self, id: u8, (h, v): (u8, u8), (across, down): (u8, u8)) -> Component {
        let blocks = |length: u16, part: u8, most: u8| {
            (usize::from(length) * usize::from(part)).div_ceil(usize::from(most)).div_ceil(8)
        };
        let sampling = (usize::from(h), usize::from(v));
        let stride = self.units.0 * sampling.0;
        let held = if self.progressive { stride * self.units.1 * sampling.1 } else { 0 };
        Component {
            id,
            sampling,
            own: (blocks(self.width, h, across), blocks(self.height, v, down)),
            stride,
            nonzero: vec![0; held],
            seen: false,
        }
    }
}
