//! How much an input may ask of us. Every limit is checked while reading; exceeding one is a finding of its own code,
//! never a truncation.

use std::cell::Cell;

use super::codes;
use super::edition::Edition;
use super::fault::Fault;

/// Bounds on what an input may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Archives around one item: 2 is a zip inside a zip.
    pub archive_depth: u32,
    /// Bytes of one PKCS#7 bundle, which is read as a whole.
    pub bundle_bytes: usize,
    /// How many bytes one compressed byte may become, judged above [`Limits::RATIO_FREE_BYTES`] of output.
    pub compression_ratio: u64,
    /// Directories around one file.
    pub directory_depth: u32,
    /// The rules by which contents are recognised.
    pub edition: Edition,
    /// Bytes of one certificate candidate.
    pub item_bytes: usize,
    /// Items of one input, over all archives in it.
    pub items: u64,
    /// Bytes of one line of text.
    pub line_bytes: usize,
    /// Bytes of one input: of the files as they are and, added to that, of everything unpacked, at each level of
    /// archives inside archives.
    pub total_bytes: u64,
}

impl Limits {
    /// See [`Limits::archive_depth`].
    pub const ARCHIVE_DEPTH: u32 = 2;
    /// See [`Limits::bundle_bytes`]: about 150,000 certificates.
    pub const BUNDLE_BYTES: usize = 64 << 20;
    /// See [`Limits::compression_ratio`]. Certificates deflate to 0.9 of their size, padded zone dumps to 0.3; a bomb
    /// of zeros reaches 1,030 times.
    pub const COMPRESSION_RATIO: u64 = 200;
    /// See [`Limits::directory_depth`].
    pub const DIRECTORY_DEPTH: u32 = 64;
    /// See [`Limits::item_bytes`]: a source leaf has about 400 bytes, a zone dump some thousands.
    pub const ITEM_BYTES: usize = 1 << 20;
    /// See [`Limits::items`]: twice the largest batch this program is made for.
    pub const ITEMS: u64 = 20_000_000;
    /// See [`Limits::line_bytes`]: the largest candidate in hexadecimal, and a mebibyte of other columns.
    pub const LINE_BYTES: usize = 3 << 20;
    /// Output of one entry that may be compressed however well: an erased zone is all FF and no bomb.
    pub const RATIO_FREE_BYTES: u64 = 64 << 10;
    /// See [`Limits::total_bytes`].
    pub const TOTAL_BYTES: u64 = 64 << 30;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            archive_depth: Self::ARCHIVE_DEPTH,
            bundle_bytes: Self::BUNDLE_BYTES,
            compression_ratio: Self::COMPRESSION_RATIO,
            directory_depth: Self::DIRECTORY_DEPTH,
            edition: Edition::CURRENT,
            item_bytes: Self::ITEM_BYTES,
            items: Self::ITEMS,
            line_bytes: Self::LINE_BYTES,
            total_bytes: Self::TOTAL_BYTES,
        }
    }
}

/// What is left of an input's total.
#[derive(Debug)]
pub(super) struct Budget {
    total: u64,
    left: Cell<u64>,
}

impl Budget {
    pub(super) fn new(total: u64) -> Self {
        Self { total, left: Cell::new(total) }
    }

    /// Takes bytes that are about to be looked at.
    pub(super) fn charge(&self, bytes: u64) -> Result<(), Fault> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(Fault::Exhausted {
                code: codes::LIMIT_TOTAL_BYTES,
                reason: format!("the input holds more than {} octets; reading stopped here", self.total),
            }),
        }
    }
}

/// Refuses data that became `unpacked` bytes out of `packed` ones.
pub(super) fn check_ratio(limits: &Limits, packed: u64, unpacked: u64) -> Result<(), Fault> {
    if unpacked > Limits::RATIO_FREE_BYTES && unpacked / packed.max(1) >= limits.compression_ratio {
        let ratio = limits.compression_ratio;
        return Err(Fault::content(
            codes::LIMIT_COMPRESSION_RATIO,
            format!("{packed} compressed octets become {unpacked} or more, expected less than {ratio} times as many"),
        ));
    }
    Ok(())
}
