//! Leaves as the ledger knows them, and how lists of them are written down.

use std::ops::Range;

use crate::crypto::{Sha256, sha256};
use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::codec::{Malformed, Reader, Writer};
use super::record::Kind;

/// One leaf: chip, key and certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafKey {
    /// The chip.
    pub uid: Uid,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki: Sha256Digest,
    /// SHA-256 of the source leaf.
    pub source: Sha256Digest,
}

/// One leaf where its owner keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafRef<'a> {
    /// The chip: the bytes of its [`Uid`].
    pub uid: &'a [u8],
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki: &'a Sha256Digest,
    /// SHA-256 of the source leaf.
    pub source: &'a Sha256Digest,
}

impl<'a> From<&'a LeafKey> for LeafRef<'a> {
    fn from(LeafKey { uid, spki, source }: &'a LeafKey) -> Self {
        Self { uid: uid.as_bytes(), spki, source }
    }
}

impl LeafRef<'_> {
    /// Its UID, for messages.
    pub(super) fn named(&self) -> Uid {
        Uid::from_bytes(self.uid).expect("the bytes of a UID")
    }
}

/// Leaves as their owner keeps them: ten million are not copied to be told to the ledger. Asked for in any order, each
/// is always the same.
pub trait Leaves {
    /// How many there are.
    fn count(&self) -> usize;

    /// The one at this position, which is below [`count`](Self::count).
    fn leaf(&self, at: usize) -> LeafRef<'_>;

    /// All of them.
    fn each(&self) -> impl Iterator<Item = LeafRef<'_>> {
        (0..self.count()).map(|at| self.leaf(at))
    }
}

impl<T: AsRef<[LeafKey]> + ?Sized> Leaves for T {
    fn count(&self) -> usize {
        self.as_ref().len()
    }

    fn leaf(&self, at: usize) -> LeafRef<'_> {
        LeafRef::from(&self.as_ref()[at])
    }
}

/// The digest of a leaf list, in the order handed over.
pub fn leaf_set_digest<L: Leaves + ?Sized>(leaves: &L) -> Sha256Digest {
    let mut digest = LeafSetDigest::new();
    for leaf in leaves.each() {
        digest.add(leaf.uid, leaf.spki, leaf.source);
    }
    digest.finish()
}

/// [`leaf_set_digest`] of leaves that arrive one by one.
pub(super) struct LeafSetDigest(Sha256);

impl LeafSetDigest {
    pub(super) fn new() -> Self {
        let mut hash = Sha256::new();
        hash.update(b"reroot-leaf-set/1\0");
        Self(hash)
    }

    pub(super) fn add(&mut self, uid: &[u8], spki: &Sha256Digest, source: &Sha256Digest) {
        let mut leaf = [0; 1 + 255 + 64];
        let end = 1 + uid.len();
        leaf[0] = u8::try_from(uid.len()).expect("a UID has 20 bytes at most");
        leaf[1..end].copy_from_slice(uid);
        leaf[end..end + 32].copy_from_slice(spki.as_bytes());
        leaf[end + 32..end + 64].copy_from_slice(source.as_bytes());
        self.0.update(&leaf[..end + 64]);
    }

    pub(super) fn finish(self) -> Sha256Digest {
        self.0.finish()
    }
}

/// Leaves must be in strict order of their UIDs: everything that follows merges ordered lists.
pub(super) fn check_order<L: Leaves + ?Sized>(leaves: &L) -> Result<(), LedgerError> {
    if u32::try_from(leaves.count()).is_err() {
        return Err(LedgerError::TooManyLeaves { leaves: leaves.count() });
    }
    let mut pairs = leaves.each().zip(leaves.each().skip(1));
    match pairs.find(|(before, after)| before.uid >= after.uid) {
        None => Ok(()),
        Some((before, after)) => Err(LedgerError::LeafOrder { before: before.named(), after: after.named() }),
    }
}

/// The positions of a list's pieces of so many leaves, each piece with its number.
pub(super) fn pieces(count: usize, size: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
    (0..).zip((0..count).step_by(size)).map(move |(number, start)| (number, start..count.min(start + size)))
}

fn read_uid<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let bytes = reader.u8()?;
    reader.raw(usize::from(bytes))
}

/// The body of a `Uids` record.
pub(super) fn write_uids<'a>(leaves: impl ExactSizeIterator<Item = LeafRef<'a>>) -> Vec<u8> {
    let mut writer = Writer::with_capacity(leaves.len() * 12);
    for LeafRef { uid, .. } in leaves {
        writer.u8(u8::try_from(uid.len()).expect("a UID has 20 bytes at most"));
        writer.raw(uid);
    }
    writer.finish()
}

/// The UIDs in the body of a `Uids` record.
pub(super) fn read_uids(body: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut reader = Reader::new(body);
    let mut uids = Vec::with_capacity(body.len() / 12 + 1);
    while !reader.is_empty() {
        uids.push(read_uid(&mut reader)?);
    }
    Ok(uids)
}

/// The body of a `Digests` record: SHA-256 of key and of source leaf, leaf after leaf.
pub(super) fn write_digests<'a>(leaves: impl ExactSizeIterator<Item = LeafRef<'a>>) -> Vec<u8> {
    let mut writer = Writer::with_capacity(leaves.len() * DIGESTS);
    for leaf in leaves {
        writer.digest(leaf.spki);
        writer.digest(leaf.source);
    }
    writer.finish()
}

/// Digests of key and source leaf of the leaf at `index` of a `Digests` record.
pub(super) fn read_digests(body: &[u8], index: usize) -> Result<(Sha256Digest, Sha256Digest), Malformed> {
    let mut reader = Reader::new(body.get(index * DIGESTS..(index + 1) * DIGESTS).ok_or(Malformed)?);
    Ok((reader.digest()?, reader.digest()?))
}

/// Bytes of a leaf in a `Digests` record.
const DIGESTS: usize = 64;

/// What is looked for in sorted lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexKey {
    /// UIDs.
    Names,
    /// Keys.
    Keys,
}

impl IndexKey {
    /// The kind of the records that hold the list.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Names => Kind::Names,
            Self::Keys => Kind::Keys,
        }
    }

    /// Returns the value by which a leaf is looked up: the first bytes of a digest. An attacker cannot make many leaves
    /// that agree in them.
    pub(super) fn prefix<'a>(self, leaf: impl Into<LeafRef<'a>>) -> u64 {
        let leaf = leaf.into();
        match self {
            Self::Names => prefix(&sha256(leaf.uid)),
            Self::Keys => prefix(leaf.spki),
        }
    }
}

pub(super) fn prefix(digest: &Sha256Digest) -> u64 {
    let bytes = digest.as_bytes();
    u64::from_be_bytes(bytes[..8].try_into().expect("a digest has 32 bytes"))
}

/// Leaves in one `Names` or `Keys` record: what is sorted in memory at once.
pub(super) const RUN: usize = 1 << 20;

/// The index in its batch of the first leaf of a run.
pub(super) fn first_of_run(run: u64) -> u32 {
    u32::try_from(run * RUN as u64).expect("the number of leaves was checked to fit")
}

/// The body of a `Names` or `Keys` record: prefix and index of the leaf in its batch, sorted.
pub(super) fn write_prefixes(mut prefixes: Vec<(u64, u32)>) -> Vec<u8> {
    prefixes.sort_unstable();
    let mut writer = Writer::with_capacity(prefixes.len() * PREFIX);
    for (prefix, index) in prefixes {
        writer.u64(prefix);
        writer.u32(index);
    }
    writer.finish()
}

/// The pairs in the body of a `Names` or `Keys` record.
pub(super) fn read_prefixes(body: &[u8]) -> Result<impl Iterator<Item = (u64, u32)>, Malformed> {
    let (pairs, rest) = body.as_chunks::<PREFIX>();
    if !rest.is_empty() {
        return Err(Malformed);
    }
    Ok(pairs.iter().map(|pair| {
        let (prefix, index) = pair.split_at(8);
        let prefix = u64::from_be_bytes(prefix.try_into().expect("12 bytes are 8 and 4"));
        (prefix, u32::from_be_bytes(index.try_into().expect("12 bytes are 8 and 4")))
    }))
}

/// Bytes of a pair in a `Names` or `Keys` record.
const PREFIX: usize = 12;

/// A prefix and the index of the leaf that it belongs to: 12 bytes, where a pair of integers has 16.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sought {
    high: u32,
    low: u32,
    /// Of the leaf.
    pub(super) index: u32,
}

impl Sought {
    pub(super) fn new(prefix: u64, index: u32) -> Self {
        let [high, low] =
            [prefix >> 32, prefix & u64::from(u32::MAX)].map(|half| u32::try_from(half).expect("32 bits"));
        Self { high, low, index }
    }

    pub(super) fn prefix(&self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}
