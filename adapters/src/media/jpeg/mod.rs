//! Proves that a JPEG is all there.
//!
//! The decoder behind the `image` crate is lenient on purpose: a file cut in half decodes to half
//! a picture over grey, without an error, and that leniency can't be switched off through
//! `image`. So every scan is entropy-decoded here first, without computing a pixel: the number of
//! coded blocks must be exactly the picture's, every bit pattern a code, every restart marker in
//! its place, and the end-of-image marker present.

mod frame;
mod huffman;
mod scan;
pub(crate) mod segments;

use self::frame::Frame;
use self::huffman::Huffman;
use self::scan::{Scan, Walk};
use self::segments::{EOI, SOS, Segments};
use super::ProbeError;
use super::bytes::{be16, part};
use super::error::{truncated, undecodable};
use super::image::Layout;
use super::limits::{MAX_JPEG_SCANS, at_most};

/// Huffman tables by number, as far as the file has defined them.
type Tables = [Option<Huffman>; 4];

#[derive(Default)]
struct Verifier {
    dc: Tables,
    ac: Tables,
    restart_interval: u16,
    frame: Option<Frame>,
    scans: u64,
}

/// Checks every segment and every coded block, and returns the layout.
pub(super) fn verify(bytes: &[u8]) -> Result<Layout, ProbeError> {
    let mut verifier = Verifier::default();
    let mut segments = Segments::new(bytes)?;
    loop {
        let segment = segments.next()?;
        let body = bytes.get(segment.body).unwrap_or_default();
        match segment.marker {
            0xC4 => verifier.read_tables(body)?,
            0xC0..=0xC2 if verifier.frame.is_none() => {
                verifier.frame = Some(Frame::parse(body, segment.marker == 0xC2)?);
            }
            0xC0..=0xCF => return Err(undecodable("a JPEG process that is not supported")),
            0xDC => return Err(undecodable("a JPEG whose height comes after its data")),
            0xDD => verifier.restart_interval = be16(body, 0).unwrap_or(0),
            SOS => {
                let coded = bytes.get(segment.coded).unwrap_or_default();
                verifier.read_scan(body, coded)?;
            }
            EOI => return verifier.finish(segment.whole.end),
            _ => {}
        }
    }
}

impl Verifier {
    fn read_tables(&mut self, body: &[u8]) -> Result<(), ProbeError> {
        let wrong = || undecodable("a malformed Huffman table");
        let mut at = 0;
        while let Some(selector) = body.get(at) {
            let counts = part(body, at + 1, 16).ok_or_else(wrong)?;
            let symbols = counts.iter().map(|count| usize::from(*count)).sum();
            let table = Huffman::new(counts, part(body, at + 17, symbols).ok_or_else(wrong)?)?;
            let tables = if selector >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(selector & 15)).ok_or_else(wrong)? = Some(table);
            at += 17 + symbols;
        }
        Ok(())
    }

    fn read_scan(&mut self, header: &[u8], coded: &[u8]) -> Result<(), ProbeError> {
        self.scans += 1;
        at_most("number of scans", self.scans, MAX_JPEG_SCANS)?;
        let frame = self.frame.as_mut().ok_or_else(|| undecodable("a scan before the frame"))?;
        let scan = Scan::parse(header, frame)?;
        let mut walk = Walk::new(coded, &self.dc, &self.ac, self.restart_interval);
        walk.all_units(&scan, frame)?;
        walk.finish()
    }

    fn finish(self, end: usize) -> Result<Layout, ProbeError> {
        let frame = self.frame.ok_or_else(|| truncated("there is no frame"))?;
        if !frame.components.iter().all(|component| component.seen) {
            return Err(truncated("not every component has been scanned"));
        }
        Ok(Layout { width: frame.width.into(), height: frame.height.into(), frames: 1, end })
    }
}
