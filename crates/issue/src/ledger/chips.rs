//! Leaves by what people know of them: their UID, their place in a batch.

use std::collections::{HashMap, HashSet};

use crate::crypto::sha256;
use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::abandoned::is_freed;
use super::batch::{BatchId, BatchState};
use super::index;
use super::leaf::{self, IndexKey, Sought};
use super::list::LeafList;
use super::open::{Ledger, State, damaged};
use super::record::{Kind, Place};

/// A leaf of a batch that has a UID that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLeaf {
    /// The batch.
    pub batch: BatchId,
    /// Index of the leaf in the batch.
    pub index: u32,
    /// Which of the UIDs it has.
    pub sought: usize,
}

/// A leaf of a chunk with what its certificate follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkLeaf {
    /// The chip.
    pub uid: Uid,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki: Sha256Digest,
    /// SHA-256 of the source leaf.
    pub source: Sha256Digest,
    /// How many serial numbers were given up for it.
    pub attempt: u32,
    /// Whether its certificate is on the ledger, or an abandoned batch may have signed it.
    pub issued: bool,
}

impl Ledger {
    /// Returns every leaf of any batch that has one of these UIDs, by batch and index, except the leaves that an
    /// abandoned batch freed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn find_uids(&self, uids: &[Uid]) -> Result<Vec<FoundLeaf>, LedgerError> {
        let digests = uids.iter().map(|uid| sha256(uid.as_bytes()));
        self.find_leaves(IndexKey::Names, digests, |list, index, sought| Ok(*list.uid(index)? == uids[sought]))
    }

    /// Returns every leaf of any batch that has a key with one of these digests, by batch and index, except the leaves
    /// that an abandoned batch freed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn find_keys(&self, spki_sha256: &[Sha256Digest]) -> Result<Vec<FoundLeaf>, LedgerError> {
        let digests = spki_sha256.iter().copied();
        self.find_leaves(IndexKey::Keys, digests, |list, index, sought| {
            Ok(list.digests(index)?.0 == spki_sha256[sought])
        })
    }

    fn find_leaves(
        &self,
        key: IndexKey,
        digests: impl Iterator<Item = Sha256Digest>,
        same: impl Fn(&mut LeafList<'_>, u32, usize) -> Result<bool, LedgerError>,
    ) -> Result<Vec<FoundLeaf>, LedgerError> {
        let mut sought: Vec<Sought> =
            (0..).zip(digests).map(|(index, digest)| Sought::new(leaf::prefix(&digest), index)).collect();
        sought.sort_unstable();
        self.with(|state| {
            let count = state.batches()?.len();
            let mut found = Vec::new();
            if count == 0 || sought.is_empty() {
                return Ok(found);
            }
            let matches = index::matches(state, key, &sought, count)?;
            for matches in matches.chunk_by(|a, b| a.batch == b.batch) {
                let batch = state.batches()?[matches[0].batch].clone();
                let kept = state.kept_chunks(&batch)?;
                let mut list = LeafList::new(state, &batch);
                for one in matches {
                    let sought = usize::try_from(one.incoming).expect("an index is a position in memory");
                    if !is_freed(kept.as_ref(), &batch, one.listed) && same(&mut list, one.listed, sought)? {
                        found.push(FoundLeaf { batch: batch.id.clone(), index: one.listed, sought });
                    }
                }
            }
            Ok(found)
        })
    }

    /// The leaves of a chunk in their order.
    ///
    /// # Errors
    /// There is no such batch or chunk, or the store cannot be read.
    pub fn chunk_leaves(&self, batch: &BatchId, chunk: u64) -> Result<Vec<ChunkLeaf>, LedgerError> {
        let attempts = self.attempts(batch, chunk)?;
        self.with(|state| {
            let summary = state.known(batch)?;
            let place = |kind| Place::new(kind, summary.number, chunk);
            let uids = state.expect(place(Kind::Uids))?;
            let digests = state.expect(place(Kind::Digests))?;
            let (all, issued) = match state.state_of(summary.number)? {
                BatchState::Abandoned => (state.store.entry(place(Kind::Intent))?.is_some(), HashSet::new()),
                BatchState::Open => (false, state.issued_indexes(summary.number, chunk)?),
                BatchState::Sealed => (true, HashSet::new()),
            };
            let uids_read = leaf::read_uids(&uids.body).map_err(|_| damaged(&uids))?;
            let leaves = uids_read.into_iter().zip(&attempts).enumerate().map(|(index, (uid, attempt))| {
                let (spki, source) = leaf::read_digests(&digests.body, index).map_err(|_| damaged(&digests))?;
                let uid = Uid::from_bytes(uid).map_err(|_| damaged(&uids))?;
                Ok(ChunkLeaf { uid, spki, source, attempt: *attempt, issued: all || issued.contains(&index) })
            });
            leaves.collect()
        })
    }

    /// SHA-256 of each certificate of a chunk that is on the ledger, by the leaf's place in the chunk.
    ///
    /// # Errors
    /// There is no such batch, or the store cannot be read.
    pub fn certificate_digests(&self, batch: &BatchId, chunk: u64) -> Result<HashMap<u32, String>, LedgerError> {
        self.with(|state| {
            let number = state.known(batch)?.number;
            let mut digests = HashMap::new();
            for part in 0.. {
                let Some(record) = state.store.read(Place::new(Kind::Issued, number, chunk).part(part))? else { break };
                for (place, digest) in super::chunk::issued(&record)? {
                    digests.insert(u32::try_from(place).expect("a chunk is far below 2^32 leaves"), digest.to_string());
                }
            }
            Ok(digests)
        })
    }

    /// The certificates of a chunk that an external CA made, by the leaf's place in the chunk: of other batches signatures
    /// alone are kept.
    ///
    /// # Errors
    /// There is no such batch, or the store cannot be read.
    pub fn answers(&self, batch: &BatchId, chunk: u64) -> Result<HashMap<u32, Vec<u8>>, LedgerError> {
        self.with(|state| {
            let number = state.known(batch)?.number;
            let mut certificates = HashMap::new();
            for part in 0.. {
                let Some(record) = state.store.read(Place::new(Kind::Issued, number, chunk).part(part))? else { break };
                for (place, certificate) in super::chunk::answered(&record)? {
                    certificates.insert(u32::try_from(place).expect("a chunk is far below 2^32 leaves"), certificate);
                }
            }
            Ok(certificates)
        })
    }

    /// The number of a batch on this ledger, under which its revocations are listed.
    ///
    /// # Errors
    /// There is no such batch, or the store cannot be read.
    pub fn batch_number(&self, batch: &BatchId) -> Result<u64, LedgerError> {
        self.with(|state| Ok(state.known(batch)?.number))
    }

    /// The names of all batches in the order in which they began, each with its number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn batch_ids(&self) -> Result<Vec<(BatchId, u64)>, LedgerError> {
        self.with(|state| Ok(state.batches()?.iter().map(|batch| (batch.id.clone(), batch.number)).collect()))
    }
}

impl State {
    /// Places in their chunk of the leaves that have a certificate.
    fn issued_indexes(&mut self, batch: u64, chunk: u64) -> Result<HashSet<usize>, LedgerError> {
        let mut indexes = HashSet::new();
        for part in 0.. {
            let Some(record) = self.store.read(Place::new(Kind::Issued, batch, chunk).part(part))? else { break };
            indexes.extend(super::chunk::issued(&record)?.into_iter().map(|(place, _)| place));
        }
        Ok(indexes)
    }
}
