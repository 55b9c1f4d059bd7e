//! What lists weigh before there are any.

use super::Shards;

/// The size of the lists of a policy in its worst case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CrlLoad {
    /// How many lists there are besides the full one.
    pub shards: u16,
    /// The average number of entries of one, rounded up.
    pub average_entries: u64,
    /// The most entries of one: the average and 3.5 standard deviations.
    pub shard_entries: u64,
    /// The most bytes of one.
    pub shard_bytes: u64,
    /// Entries of the full list.
    pub full_entries: u64,
    /// Bytes of the full list.
    pub full_bytes: u64,
}

/// The size of lists with so many revoked certificates, whose serial numbers have at most `serial_bytes` and whose
/// distribution point has at most `url_bytes`. Each entry is counted with a reason; revocations after 2049 take 2 bytes
/// more.
pub fn load(revoked: u64, shards: Shards, serial_bytes: usize, url_bytes: usize) -> CrlLoad {
    let count = u64::from(shards.count());
    let average_entries = revoked.div_ceil(count);
    // chips fall on lists at random: the number on one has the variance of its average
    let deviations = if count == 1 { 0 } else { ceil_sqrt(49 * revoked, 4 * count) };
    let shard_entries = (average_entries + deviations).min(revoked);
    let bytes = |entries: u64| HEAD_BYTES + url_bytes as u64 + entries * (ENTRY_BYTES + serial_bytes as u64);
    CrlLoad {
        shards: shards.count(),
        average_entries,
        shard_entries,
        shard_bytes: bytes(shard_entries),
        full_entries: revoked,
        full_bytes: bytes(revoked),
    }
}

/// The square root of a fraction, rounded up.
fn ceil_sqrt(numerator: u64, denominator: u64) -> u64 {
    let whole = numerator.div_ceil(denominator);
    let root = whole.isqrt();
    if root * root == whole { root } else { root + 1 }
}

/// An entry without its serial number: two headers, a UTCTime, a reason.
const ENTRY_BYTES: u64 = 2 + 2 + 15 + 14;

/// A list without entries and URLs: names of CAs are mostly shorter than 100 bytes, signatures than 150.
const HEAD_BYTES: u64 = 512;
