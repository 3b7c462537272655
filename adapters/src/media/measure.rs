//! What is measured of a picture, in integers only: exposure over every pixel, sharpness and the
//! perceptual hash over a working copy small enough to be cheap and large enough to be fair.

use serde::{Deserialize, Serialize};

/// The working copy has at most this many pixels on its longer side, so that the sharpness of a
/// 48-megapixel picture and of its half-size copy compare.
const WORKING_SIDE: usize = 1_024;
/// Sharpness is measured per tile of a grid this many tiles wide and high.
const TILES: usize = 8;
/// Grey levels at or below this, or at or above `255 -` this, count as clipped.
const CLIPPED_LEVELS: usize = 2;
/// Below this contrast (per mille) every near-duplicate comparison would be noise.
const MIN_HASHABLE_CONTRAST: u32 = 10;

/// Measurements of one decoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Upper quartile, over an 8 by 8 grid, of the variance of the Laplacian in squared grey
    /// levels (0 to about 1,000,000), on a copy at most 1,024 pixels wide or high. A quarter of
    /// the picture is at least this sharp, so a blurred background does not count against it.
    pub sharpness: u32,
    /// Mean luma, 0 (black) to 1,000 (white).
    pub brightness: u32,
    /// Standard deviation of luma, 0 (uniform) to 1,000 (half black, half white).
    pub contrast: u32,
    /// Share of the pixels that are practically black or white, per mille.
    pub clipped: u32,
}

/// Collects the rows of a picture into its measurements.
pub(crate) struct Measurement {
    factor: usize,
    width: usize,
    grey: Vec<u8>,
    sums: Vec<u32>,
    rows: usize,
    source_width: usize,
    histogram: [u64; 256],
}

impl Measurement {
    /// Starts measuring a picture of that size in pixels; both must be positive.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let factor = width.max(height).div_ceil(WORKING_SIDE).max(1);
        let working = width.div_ceil(factor);
        Self {
            factor,
            width: working,
            grey: Vec::with_capacity(working * height.div_ceil(factor)),
            sums: vec![0; working],
            rows: 0,
            source_width: width,
            histogram: [0; 256],
        }
    }

    /// Adds the next row of luma from the top.
    pub(crate) fn push_row(&mut self, row: &[u8]) {
        for level in row {
            if let Some(count) = self.histogram.get_mut(usize::from(*level)) {
                *count += 1;
            }
        }
        for (sum, cell) in self.sums.iter_mut().zip(row.chunks(self.factor)) {
            *sum += cell.iter().map(|level| u32::from(*level)).sum::<u32>();
        }
        self.rows += 1;
        if self.rows == self.factor {
            self.close_band();
        }
    }

    fn close_band(&mut self) {
        for (column, sum) in self.sums.iter_mut().enumerate() {
            let columns = self.factor.min(self.source_width - column * self.factor);
            let pixels = u32::try_from(columns * self.rows).unwrap_or(u32::MAX).max(1);
            self.grey.push(u8::try_from(*sum / pixels).unwrap_or(u8::MAX));
            *sum = 0;
        }
        self.rows = 0;
    }

    /// Finishes the picture: its measurements, and its perceptual hash unless it is too uniform
    /// to have one.
    pub(crate) fn finish(mut self) -> (Picture, Option<u64>) {
        if self.rows > 0 {
            self.close_band();
        }
        let (brightness, contrast, clipped) = exposure(&self.histogram);
        let height = self.grey.len() / self.width.max(1);
        let sharpness = sharpness(&self.grey, self.width, height);
        let picture = Picture { sharpness, brightness, contrast, clipped };
        let hash = (contrast >= MIN_HASHABLE_CONTRAST)
            .then(|| difference_hash(&self.grey, self.width, height));
        (picture, hash)
    }
}

/// Brightness, contrast and clipped share, per mille, of a histogram of luma.
fn exposure(histogram: &[u64; 256]) -> (u32, u32, u32) {
    let levels = || histogram.iter().zip(0_u128..);
    let count: u128 = levels().map(|(pixels, _)| u128::from(*pixels)).sum::<u128>().max(1);
    let sum: u128 = levels().map(|(pixels, level)| u128::from(*pixels) * level).sum();
    let squares: u128 = levels().map(|(pixels, level)| u128::from(*pixels) * level * level).sum();
    let clipped: u64 = histogram.iter().take(CLIPPED_LEVELS + 1).sum::<u64>()
        + histogram.iter().rev().take(CLIPPED_LEVELS + 1).sum::<u64>();
    let variance = count * squares - sum * sum;
    // Half the range, 127.5, is the largest standard deviation: (1000 / 127.5)^2 = 4e6 / 255^2.
    let contrast = (variance * 4_000_000 / (count * count * 255 * 255)).isqrt();
    let mille = |number: u128| u32::try_from(number).unwrap_or(u32::MAX);
    (
        mille(sum * 1_000 / (count * 255)),
        mille(contrast),
        mille(u128::from(clipped) * 1_000 / count),
    )
}

#[derive(Clone, Copy, Default)]
struct Tile {
    count: u64,
    sum: i64,
    squares: u64,
}

impl Tile {
    fn variance(self) -> u64 {
        let count = self.count.max(1);
        let mean = self.sum.unsigned_abs() / count;
        (self.squares / count).saturating_sub(mean * mean)
    }
}

/// The upper quartile of the tiles' variance of the 4-neighbour Laplacian.
fn sharpness(grey: &[u8], width: usize, height: usize) -> u32 {
    if width < 3 || height < 3 {
        return 0;
    }
    let mut tiles = [[Tile::default(); TILES]; TILES];
    let rows: Vec<&[u8]> = grey.chunks_exact(width).collect();
    for (y, window) in rows.windows(3).enumerate() {
        let &[above, here, below] = window else { continue };
        let Some(band) = tiles.get_mut((y + 1) * TILES / height) else { continue };
        let columns = here.windows(3).zip(above.iter().skip(1)).zip(below.iter().skip(1));
        for (x, ((row, up), down)) in columns.enumerate() {
            let &[left, centre, right] = row else { continue };
            let around = i64::from(left) + i64::from(right) + i64::from(*up) + i64::from(*down);
            let laplacian = 4 * i64::from(centre) - around;
            if let Some(tile) = band.get_mut((x + 1) * TILES / width) {
                tile.count += 1;
                tile.sum += laplacian;
                tile.squares += laplacian.unsigned_abs().pow(2);
            }
        }
    }
    let mut variances: Vec<u64> =
        tiles.iter().flatten().filter(|tile| tile.count > 0).map(|tile| tile.variance()).collect();
    variances.sort_unstable();
    let quartile = variances.get(variances.len() * 3 / 4).copied().unwrap_or(0);
    u32::try_from(quartile).unwrap_or(u32::MAX)
}

/// A 64-bit difference hash: the picture is averaged down to 9 by 8 cells, and each bit says
/// whether a cell is darker than its right neighbour. Row by row, most significant bit first.
fn difference_hash(grey: &[u8], width: usize, height: usize) -> u64 {
    let mut hash = 0;
    for row in 0..8 {
        let cells: [u64; 9] = std::array::from_fn(|column| {
            let (left, right) = cell_bounds(column, 9, width);
            let (top, bottom) = cell_bounds(row, 8, height);
            let lines = grey.chunks_exact(width.max(1)).take(bottom).skip(top);
            let levels = lines.flat_map(|line| line.iter().take(right).skip(left));
            let (count, sum) = levels
                .fold((0, 0), |(count, sum), level| (count + 1, sum + u64::from(*level) * 256));
            sum / u64::max(count, 1)
        });
        for pair in cells.windows(2) {
            if let [left, right] = pair {
                hash = hash << 1 | u64::from(left < right);
            }
        }
    }
    hash
}

/// The half-open range of pixels that cell `index` of `cells` covers; never empty.
fn cell_bounds(index: usize, cells: usize, length: usize) -> (usize, usize) {
    let start = index * length / cells;
    (start, ((index + 1) * length / cells).max(start + 1))
}

/// Returns in how many of their 64 bits two perceptual hashes differ.
///
/// Up to 4: the same picture, re-encoded or resized. Above 10: different pictures.
pub const fn hamming_distance(left: u64, right: u64) -> u32 {
    (left ^ right).count_ones()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(width: usize, height: usize, level: impl Fn(usize, usize) -> u8) -> Measurement {
        let mut measurement = Measurement::new(width, height);
        for y in 0..height {
            let row: Vec<u8> = (0..width).map(|x| level(x, y)).collect();
            measurement.push_row(&row);
        }
        measurement
    }

    #[test]
    fn a_uniform_picture_has_no_contrast_no_sharpness_and_no_hash() {
        let (picture, hash) = measure(100, 50, |_, _| 128).finish();
        let expected = Picture { sharpness: 0, brightness: 501, contrast: 0, clipped: 0 };
        assert_eq!((picture, hash), (expected, None));
    }

    #[test]
    fn half_black_half_white_is_full_contrast_and_all_clipped() {
        let (picture, hash) = measure(90, 80, |x, _| if x < 45 { 0 } else { 255 }).finish();
        assert_eq!((picture.brightness, picture.contrast, picture.clipped), (500, 1_000, 1_000));
        assert!(hash.is_some());
    }

    #[test]
    fn a_left_to_right_ramp_sets_every_bit() {
        let (_, hash) = measure(900, 80, |x, _| u8::try_from(x * 255 / 900).unwrap()).finish();
        assert_eq!(hash, Some(u64::MAX));
    }

    #[test]
    fn one_pixel_and_one_row_are_measured_without_a_fuss() {
        for (width, height) in [(1, 1), (1, 5_000), (5_000, 1), (3, 3), (9, 8)] {
            let (picture, _) =
                measure(width, height, |x, y| u8::try_from((x ^ y) & 255).unwrap()).finish();
            assert!(picture.brightness <= 1_000);
        }
    }

    #[test]
    fn a_checkerboard_is_as_sharp_as_it_gets() {
        let (picture, _) =
            measure(256, 256, |x, y| if (x + y) % 2 == 0 { 0 } else { 255 }).finish();
        assert_eq!(picture.sharpness, 1_020 * 1_020);
    }
}
