//! The blocks of one scan, entropy-decoded for nothing but their number and validity.

use super::Tables;
use super::frame::{Component, Frame};
use super::huffman::{Bits, Huffman};
use crate::media::ProbeError;
use crate::media::bytes::part;
use crate::media::error::undecodable;

/// One component's part in a scan: its index in the frame and the numbers of its tables.
#[derive(Clone, Copy)]
struct Part {
    component: usize,
    dc: usize,
    ac: usize,
}

/// The header of a scan.
pub(super) struct Scan {
    parts: Vec<Part>,
    start: u8,
    end: u8,
    refining: bool,
}

impl Scan {
    /// Parses a scan header and notes in the frame which components it brings.
    pub(super) fn parse(header: &[u8], frame: &mut Frame) -> Result<Self, ProbeError> {
        let wrong = || undecodable("a scan header that does not fit the frame");
        let count = usize::from(*header.first().ok_or_else(wrong)?);
        let listed = part(header, 1, 2 * count).ok_or_else(wrong)?.as_chunks::<2>().0;
        let &[start, end, approximation] = part(header, 1 + 2 * count, 3).ok_or_else(wrong)? else {
            return Err(wrong());
        };
        let mut parts: Vec<Part> = Vec::with_capacity(count);
        for [id, tables] in listed {
            let found = frame.components.iter_mut().enumerate().find(|(_, c)| c.id == *id);
            let (component, known) = found.ok_or_else(wrong)?;
            if parts.iter().any(|other| other.component == component) {
                return Err(wrong());
            }
            known.seen |= start == 0;
            parts.push(Part { component, dc: (tables >> 4).into(), ac: (tables & 15).into() });
        }
        let band_fits = if !frame.progressive {
            start == 0 && end == 63
        } else if start == 0 {
            end == 0
        } else {
            start <= end && end < 64 && count == 1
        };
        if !band_fits || parts.is_empty() {
            return Err(wrong());
        }
        if parts.len() < frame.components.len() {
            frame.check_memory(true)?;
            // zune-jpeg 0.5.15 garbles these without an error. Nobody makes them.
            if !frame.progressive && frame.components.iter().any(|c| c.sampling.1 > 1) {
                return Err(undecodable("a sequential picture in several scans, subsampled"));
            }
        }
        Ok(Self { parts, start, end, refining: approximation >> 4 != 0 })
    }
}

/// The walk over the blocks of one scan.
pub(super) struct Walk<'a> {
    bits: Bits<'a>,
    dc: &'a Tables,
    ac: &'a Tables,
    restart_interval: u16,
    /// Progressive only: how many more blocks are known to end here.
    run: u32,
}

impl<'a> Walk<'a> {
    /// Starts at the first block of `coded`.
    pub(super) fn new(coded: &'a [u8], dc: &'a Tables, ac: &'a Tables, interval: u16) -> Self {
        Self { bits: Bits::new(coded), dc, ac, restart_interval: interval, run: 0 }
    }

    /// Walks over every unit that the scan must have.
    pub(super) fn all_units(&mut self, scan: &Scan, frame: &mut Frame) -> Result<(), ProbeError> {
        let alone = match scan.parts.as_slice() {
            [part] => frame.components.get(part.component).map(|component| component.own),
            _ => None,
        };
        let (across, down) = alone.unwrap_or(frame.units);
        let (mut until_restart, mut restarts) = (self.restart_interval, 0_u8);
        for row in 0..down {
            for column in 0..across {
                if self.restart_interval > 0 {
                    if until_restart == 0 {
                        self.bits.restart(restarts)?;
                        self.run = 0;
                        restarts = restarts.wrapping_add(1);
                        until_restart = self.restart_interval;
                    }
                    until_restart -= 1;
                }
                for part in &scan.parts {
                    let Some(component) = frame.components.get_mut(part.component) else {
                        continue;
                    };
                    let size = if alone.is_some() { (1, 1) } else { component.sampling };
                    if frame.progressive {
                        self.progressive_unit(scan, *part, component, (column, row, size))?;
                    } else {
                        for _ in 0..size.0 * size.1 {
                            self.sequential_block(*part)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks that the scan ends after its last unit.
    pub(super) fn finish(self) -> Result<(), ProbeError> {
        self.bits.finish()
    }

    fn sequential_block(&mut self, part: Part) -> Result<(), ProbeError> {
        self.difference(part)?;
        let table = table(self.ac, part.ac)?;
        let mut index = 1;
        while index < 64 {
            let symbol = self.bits.symbol(table)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            if size == 0 && run < 15 {
                break;
            }
            index += run + 1;
            if size > 0 {
                check_index(index - 1, 63)?;
                self.bits.take(size)?;
            }
        }
        Ok(())
    }

    /// Reads the difference of a DC coefficient to the one before.
    fn difference(&mut self, part: Part) -> Result<(), ProbeError> {
        let size = self.bits.symbol(table(self.dc, part.dc)?)?;
        if size > 15 {
            return Err(undecodable("a DC coefficient out of range"));
        }
        self.bits.take(size)?;
        Ok(())
    }

    fn progressive_unit(
        &mut self,
        scan: &Scan,
        part: Part,
        component: &mut Component,
        (column, row, (across, down)): (usize, usize, (usize, usize)),
    ) -> Result<(), ProbeError> {
        for block in 0..across * down {
            let (x, y) = (column * across + block % across, row * down + block / across);
            let nonzero = component.nonzero.get_mut(y * component.stride + x);
            let nonzero = nonzero.ok_or_else(|| undecodable("a block outside the picture"))?;
            match (scan.start, scan.refining) {
                (0, false) => self.difference(part)?,
                (0, true) => {
                    self.bits.take(1)?;
                }
                (_, false) => self.first_pass(scan, part, nonzero)?,
                (_, true) => self.refining_pass(scan, part, nonzero)?,
            }
        }
        Ok(())
    }

    /// The first bits of a band of AC coefficients.
    fn first_pass(&mut self, scan: &Scan, part: Part, nonzero: &mut u64) -> Result<(), ProbeError> {
        if self.run > 0 {
            self.run -= 1;
            return Ok(());
        }
        let table = table(self.ac, part.ac)?;
        let mut index = scan.start;
        while index <= scan.end {
            let symbol = self.bits.symbol(table)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            if size == 0 && run < 15 {
                self.run = (1 << run) - 1 + self.bits.take(run)?;
                break;
            }
            index += run + 1;
            if size > 0 {
                check_index(index - 1, scan.end)?;
                self.bits.take(size)?;
                *nonzero |= 1 << (index - 1);
            }
        }
        Ok(())
    }

    /// One more bit of a band of AC coefficients: every coefficient that is not zero so far has a
    /// correction bit, and new ones come in between.
    fn refining_pass(
        &mut self,
        scan: &Scan,
        part: Part,
        nonzero: &mut u64,
    ) -> Result<(), ProbeError> {
        let mut index = scan.start;
        if self.run == 0 {
            let table = table(self.ac, part.ac)?;
            while index <= scan.end {
                let symbol = self.bits.symbol(table)?;
                let (mut zeros, size) = (symbol >> 4, symbol & 15);
                if size == 0 && zeros < 15 {
                    self.run = (1 << zeros) + self.bits.take(zeros)?;
                    break;
                }
                if size > 0 {
                    self.bits.take(1)?;
                }
                while index <= scan.end {
                    if *nonzero >> index & 1 == 1 {
                        self.bits.take(1)?;
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    index += 1;
                }
                if size > 0 {
                    check_index(index, scan.end)?;
                    *nonzero |= 1 << index;
                }
                index += 1;
            }
        }
        if self.run > 0 {
            self.run -= 1;
            while index <= scan.end {
                if *nonzero >> index & 1 == 1 {
                    self.bits.take(1)?;
                }
                index += 1;
            }
        }
        Ok(())
    }
}

fn table(tables: &Tables, number: usize) -> Result<&Huffman, ProbeError> {
    let table = tables.get(number).and_then(Option::as_ref);
    table.ok_or_else(|| undecodable("a Huffman table is missing"))
}

fn check_index(index: u8, end: u8) -> Result<(), ProbeError> {
    if index > end { Err(undecodable("a coefficient beyond the end of its block")) } else { Ok(()) }
}
