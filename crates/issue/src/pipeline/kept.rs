//! The tbsCertificates that pass 1 built, in a scratch file until pass 2 has them signed; memory keeps one digest a chunk.
//!
//! Guarantees: pass 2 gets the exact bytes that pass 1 linted, each for the same leaf. Any difference is an error before
//! the chunk is recorded, so nothing of that chunk is signed.

use crate::error::{CoreError, Error};
use crate::intake::Row;
use crate::lint::{LintedDigest, LintedHasher, LintedReceipt, LintedTbs};
use crate::reel::{Spool, SpoolRef};

/// Writes the tbsCertificates of a batch to a scratch file, one after the other in UID order.
pub(super) struct Keeper {
    spool: Spool,
    /// Leaves in a chunk, and leaves in the share of one worker.
    sizes: (usize, usize),
    chunks: Vec<KeptChunk>,
    /// The current chunk: its digest so far, its complete shares, and its number of leaves.
    hasher: LintedHasher,
    shares: Vec<SpoolRef>,
    count: usize,
    /// The current share.
    share: Vec<u8>,
}

/// Reads the tbsCertificates of a batch back.
#[derive(Debug)]
pub(super) struct Kept {
    spool: Spool,
    /// Leaves in the share of one worker.
    share: usize,
    chunks: Vec<KeptChunk>,
}

/// Where the tbsCertificates of one chunk are, and their digest.
#[derive(Debug)]
pub(super) struct KeptChunk {
    digest: LintedDigest,
    shares: Vec<SpoolRef>,
}

impl Keeper {
    /// Writes to this empty scratch file. A chunk is divided into one share for each worker that will read it.
    pub(super) fn new(spool: Spool, chunk_size: u32, jobs: usize) -> Self {
        let chunk = usize::try_from(chunk_size).expect("a chunk fits into memory");
        Self {
            spool,
            sizes: (chunk, chunk.div_ceil(jobs.max(1))),
            chunks: vec![],
            hasher: LintedHasher::new(),
            shares: vec![],
            count: 0,
            share: vec![],
        }
    }

    /// Writes the next tbsCertificate.
    pub(super) fn add(&mut self, linted: &LintedTbs) -> Result<(), Error> {
        self.add_encoded(&linted.receipt(), linted.tbs().der())
    }

    /// Writes the next tbsCertificate, which is this encoding and was linted.
    pub(super) fn add_encoded(&mut self, linted: &LintedReceipt, der: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(der.len()).expect("a tbsCertificate is far smaller than 4 GiB");
        self.hasher.add(linted);
        self.share.extend_from_slice(&length.to_be_bytes());
        self.share.extend_from_slice(der);
        self.count += 1;
        let (chunk, share) = self.sizes;
        if self.count.is_multiple_of(share) {
            self.end_share()?;
        }
        if self.count == chunk { self.end_chunk() } else { Ok(()) }
    }

    /// Ends the last chunk.
    pub(super) fn finish(mut self) -> Result<Kept, Error> {
        self.end_chunk()?;
        Ok(Kept { spool: self.spool, share: self.sizes.1, chunks: self.chunks })
    }

    fn end_share(&mut self) -> Result<(), Error> {
        if !self.share.is_empty() {
            self.shares.push(self.spool.append(&self.share)?);
            self.share.clear();
        }
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), Error> {
        self.end_share()?;
        if self.count > 0 {
            let digest = std::mem::replace(&mut self.hasher, LintedHasher::new()).finish();
            self.chunks.push(KeptChunk { digest, shares: std::mem::take(&mut self.shares) });
            self.count = 0;
        }
        Ok(())
    }
}

impl Kept {
    /// Returns the chunk with this number.
    pub(super) fn chunk(&self, number: u64) -> Result<&KeptChunk, Error> {
        usize::try_from(number).ok().and_then(|number| self.chunks.get(number)).ok_or_else(changed)
    }

    /// Divides the rows of a chunk as its tbsCertificates were divided; each share comes with its place.
    pub(super) fn shares<'a>(&self, chunk: &KeptChunk, rows: &'a [Row]) -> Vec<(SpoolRef, &'a [Row])> {
        chunk.shares.iter().copied().zip(rows.chunks(self.share)).collect()
    }

    /// Reads a share and calls `each` with one encoding after the other.
    pub(super) fn read(&self, place: SpoolRef, mut each: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut reader = self.spool.reader();
        let mut rest = reader.read(place)?;
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| changed())?;
            let (der, behind) = behind.split_at_checked(length).ok_or_else(changed)?;
            each(der)?;
            rest = behind;
        }
        if rest.is_empty() { Ok(()) } else { Err(changed()) }
    }
}

#[cfg(test)]
impl Kept {
    /// Returns a copy in which one share has different content.
    pub(super) fn changed(&self, chunk: usize, share: usize, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(scratch.path()).unwrap();
        let mut change = Some(change);
        let mut shares_of = |number: usize, kept: &KeptChunk| {
            let mut copy = |(at, place): (usize, &SpoolRef)| {
                let mut content = self.spool.read(*place).unwrap();
                if let Some(change) = change.take_if(|_| (number, at) == (chunk, share)) {
                    change(&mut content);
                }
                spool.append(&content).unwrap()
            };
            let shares = kept.shares.iter().enumerate().map(&mut copy).collect();
            KeptChunk { digest: kept.digest, shares }
        };
        let chunks = self.chunks.iter().enumerate().map(|(number, kept)| shares_of(number, kept)).collect();
        Self { spool, share: self.share, chunks }
    }
}

impl KeptChunk {
    /// Returns the digest of what was linted.
    pub(super) fn digest(&self) -> LintedDigest {
        self.digest
    }
}

/// The scratch file does not contain what was written to it.
pub(super) fn changed() -> Error {
    CoreError::SpoolChanged.into()
}
