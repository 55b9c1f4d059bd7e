//! gzip files (RFC 1952), also of several members, unpacked as they are read.

use std::io::{BufRead, Read};

use flate2::bufread::MultiGzDecoder;

use super::codes;
use super::fault::Fault;
use super::feed::{Feed, Source};
use super::limits::{Budget, Limits, check_ratio};

/// The content of a gzip file.
pub(super) struct Gunzip<'f> {
    decoder: MultiGzDecoder<Packed<'f>>,
    unpacked: u64,
    limits: &'f Limits,
    budget: &'f Budget,
}

/// How much is unpacked at once.
const PIECE: usize = 64 << 10;

impl<'f> Gunzip<'f> {
    pub(super) fn new(feed: &'f mut dyn Feed, limits: &'f Limits, budget: &'f Budget) -> Self {
        let decoder = MultiGzDecoder::new(Packed { feed, fault: None, consumed: 0 });
        Self { decoder, unpacked: 0, limits, budget }
    }
}

impl Source for Gunzip<'_> {
    fn more(&mut self, into: &mut Vec<u8>) -> Result<(), Fault> {
        let before = into.len();
        into.resize(before + PIECE, 0);
        let outcome = self.decoder.read(&mut into[before..]);
        into.truncate(before + outcome.as_ref().map_or(0, |length| *length));
        let packed = self.decoder.get_mut();
        if let Some(fault) = packed.fault.take() {
            return Err(fault);
        }
        let length = outcome.map_err(|error| Fault::content(codes::GZIP_CORRUPT, format!("gzip data: {error}")))?;
        self.unpacked += length as u64;
        check_ratio(self.limits, packed.consumed, self.unpacked)?;
        self.budget.charge(length as u64)
    }
}

/// A feed as the decoder wants it. A fault of the feed is kept aside: it is not the gzip data's.
struct Packed<'f> {
    feed: &'f mut dyn Feed,
    fault: Option<Fault>,
    consumed: u64,
}

impl Read for Packed<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Packed<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.feed.need(1).map_err(|fault| {
            self.fault = Some(fault);
            std::io::Error::other("the compressed data cannot be read")
        })
    }

    fn consume(&mut self, bytes: usize) {
        self.feed.skip(bytes);
        self.consumed += bytes as u64;
    }
}
