//! The bits of JPEG entropy-coded data, and its Huffman codes.

use crate::media::ProbeError;
use crate::media::error::{truncated, undecodable};

/// Codes up to this many bits are looked up in one step.
const FAST_BITS: u8 = 9;

/// A Huffman table: for every prefix of [`FAST_BITS`] bits its symbol, else canonical search.
pub(super) struct Huffman {
    /// `length << 8 | symbol`, or 0 if the code is longer.
    fast: [u16; 1 << FAST_BITS],
    /// Per length: one past the last code of that length, and where its symbols start.
    long: [(u32, u32, usize); 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// Builds a table from how many codes there are of each length 1 to 16, and their symbols in
    /// order of code.
    pub(super) fn new(counts: &[u8], symbols: &[u8]) -> Result<Self, ProbeError> {
        let mut table =
            Self { fast: [0; 1 << FAST_BITS], long: [(0, 0, 0); 17], symbols: symbols.to_vec() };
        let (mut code, mut index) = (0_u32, 0_usize);
        for (length, count) in (1_u8..=16).zip(counts) {
            let first = code;
            if let Some(entry) = table.long.get_mut(usize::from(length)) {
                *entry = (first, first + u32::from(*count), index);
            }
            for _ in 0..*count {
                let symbol = *symbols.get(index).ok_or_else(bad_table)?;
                if code >= 1 << length {
                    return Err(bad_table());
                }
                table.fill_fast(code, length, symbol);
                code += 1;
                index += 1;
            }
            code <<= 1;
        }
        Ok(table)
    }

    fn fill_fast(&mut self, code: u32, length: u8, symbol: u8) {
        if length > FAST_BITS {
            return;
        }
        let spare = FAST_BITS - length;
        let start = usize::try_from(code << spare).unwrap_or(usize::MAX);
        for entry in self.fast.iter_mut().skip(start).take(1 << spare) {
            *entry = u16::from(length) << 8 | u16::from(symbol);
        }
    }

    /// Returns the length and the symbol of the code that `window` starts with.
    fn find(&self, window: u16) -> Option<(u8, u8)> {
        let [length, symbol] =
            self.fast.get(usize::from(window >> (16 - FAST_BITS)))?.to_be_bytes();
        if length > 0 {
            return Some((length, symbol));
        }
        for length in FAST_BITS + 1..=16 {
            let (first, end, index) = *self.long.get(usize::from(length))?;
            let code = u32::from(window >> (16 - length));
            if (first..end).contains(&code) {
                let offset = usize::try_from(code - first).ok()?;
                return Some((length, *self.symbols.get(index + offset)?));
            }
        }
        None
    }
}

fn bad_table() -> ProbeError {
    undecodable("an impossible Huffman table")
}

/// Reads entropy-coded data bit by bit, undoing byte stuffing, up to the next marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    held: u64,
    count: u8,
}

impl<'a> Bits<'a> {
    /// Reads `data`, the entropy-coded bytes of one scan with its restart markers.
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, held: 0, count: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            // A stuffed FF 00 stands for FF; FF before anything else starts a marker.
            let (byte, length) = match self.data.get(self.at..) {
                Some([0xFF, 0x00, ..]) => (0xFF, 2),
                Some([0xFF, ..] | []) | None => return,
                Some([byte, ..]) => (*byte, 1),
            };
            self.at += length;
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// Reads up to 16 bits as a number.
    pub(super) fn take(&mut self, bits: u8) -> Result<u32, ProbeError> {
        if self.count < bits {
            self.fill();
            if self.count < bits {
                return Err(truncated("a scan has fewer blocks than the picture"));
            }
        }
        self.count -= bits;
        let mask = (1_u64 << bits) - 1;
        Ok(u32::try_from(self.held >> self.count & mask).unwrap_or(0))
    }

    /// Reads one Huffman-coded symbol.
    pub(super) fn symbol(&mut self, table: &Huffman) -> Result<u8, ProbeError> {
        if self.count < 16 {
            self.fill();
        }
        let window = if self.count >= 16 {
            self.held >> (self.count - 16)
        } else {
            self.held << (16 - self.count)
        };
        let window = u16::try_from(window & 0xFFFF).unwrap_or(0);
        let (length, symbol) = table.find(window).ok_or_else(|| {
            if self.count < 16 {
                truncated("a scan has fewer blocks than the picture")
            } else {
                undecodable("a bit pattern that is no Huffman code")
            }
        })?;
        if length > self.count {
            return Err(truncated("a scan has fewer blocks than the picture"));
        }
        self.count -= length;
        Ok(symbol)
    }

    /// Drops the padding before a marker and consumes the marker, which must be the restart
    /// marker with that number.
    pub(super) fn restart(&mut self, number: u8) -> Result<(), ProbeError> {
        self.pad()?;
        while self.data.get(self.at + 1) == Some(&0xFF) {
            self.at += 1;
        }
        match self.data.get(self.at..) {
            Some([0xFF, marker, ..]) if *marker == 0xD0 + (number & 7) => {
                self.at += 2;
                Ok(())
            }
            Some([_, ..]) => Err(undecodable("restart markers are out of order")),
            _ => Err(truncated("a restart interval is missing")),
        }
    }

    /// Checks that nothing but padding is left.
    pub(super) fn finish(mut self) -> Result<(), ProbeError> {
        self.pad()?;
        if self.at < self.data.len() {
            return Err(undecodable("a scan has more restart intervals than the picture"));
        }
        Ok(())
    }

    /// Skips to the next marker. Some encoders pad with a few bytes; more is lost data.
    fn pad(&mut self) -> Result<(), ProbeError> {
        const MAX_PADDING: usize = 64;
        let mut padding = usize::from(self.count / 8);
        loop {
            self.count = 0;
            self.fill();
            if self.count == 0 {
                break;
            }
            padding += usize::from(self.count / 8);
            if padding > MAX_PADDING {
                break;
            }
        }
        self.held = 0;
        self.count = 0;
        if padding > MAX_PADDING {
            return Err(undecodable("a scan has more data than the picture has blocks"));
        }
        Ok(())
    }
}
