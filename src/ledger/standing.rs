//! What the ledger knows of leaves: whether they were issued, are held, or contradict what was issued.
//!
//! Each batch keeps the beginnings of its UIDs' and of its keys' digests in two sorted lists. Those of earlier batches
//! are found again in the index, those of the latest are merged with the incoming ones; the rest is read only of leaves
//! that match. The UIDs themselves would not do: chips of different lots lie between each other in their order, so that
//! ranges exclude nothing.

use crate::origin::Uid;

use super::LedgerError;
use super::batch::{BatchId, PolicyUse};
use super::leaf::{self, LeafKey, Look};
use super::list::LeafList;
use super::open::{Book, Ledger};

/// What the ledger knows of a leaf. An identity is issuer, policy name, UID and key together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing that stands against issuing.
    Free,
    /// The identity is in a batch that is not sealed yet.
    Held {
        /// The batch.
        batch: BatchId,
    },
    /// The identity has a certificate; if several, this is the latest.
    Issued {
        /// The batch.
        batch: BatchId,
        /// Whether that batch had the same policy file.
        same_policy: bool,
        /// Whether it had the same parameters.
        same_params: bool,
        /// Whether it was made from the same leaf certificate.
        same_source: bool,
    },
    /// A batch, of whatever policy, has the key under another UID.
    KeyUnderOtherUid {
        /// The batch.
        batch: BatchId,
        /// The other UID.
        uid: Uid,
    },
    /// A batch, of whatever policy, has the UID with another key.
    UidWithOtherKey {
        /// The batch.
        batch: BatchId,
    },
}

impl Standing {
    /// What weighs more is reported.
    fn weight(&self) -> u8 {
        match self {
            Self::Free => 0,
            Self::Issued { .. } => 1,
            Self::Held { .. } => 2,
            Self::KeyUnderOtherUid { .. } => 3,
            Self::UidWithOtherKey { .. } => 4,
        }
    }

    /// Takes what a later batch says, unless something heavier is known.
    fn note(&mut self, later: Self) {
        if later.weight() >= self.weight() {
            *self = later;
        }
    }
}

impl Ledger {
    /// What the ledger knows of each leaf, in the same order, if they were issued under `policy`; with `before`, what it
    /// knew when that batch began.
    ///
    /// # Errors
    /// The leaves are not in strictly ascending order of UID, there is no batch `before`, or the store cannot be read.
    pub fn standing(
        &self,
        policy: &PolicyUse<'_>,
        leaves: &[LeafKey],
        before: Option<&BatchId>,
    ) -> Result<Vec<Standing>, LedgerError> {
        leaf::check_order(leaves)?;
        self.with(|book| {
            let end = end(book, before)?;
            standing(book, policy, leaves, end)
        })
    }
}

impl Ledger {
    /// The latest batch, of whatever policy, that has each leaf's UID, in the same order; with `before`, the latest that
    /// began before that one. A policy that copies serial numbers from the source gives such a leaf a serial number that
    /// this issuer may have used before.
    ///
    /// # Errors
    /// As [`standing`](Self::standing).
    pub fn known_uids(
        &self,
        leaves: &[LeafKey],
        before: Option<&BatchId>,
    ) -> Result<Vec<Option<BatchId>>, LedgerError> {
        leaf::check_order(leaves)?;
        self.with(|book| {
            let mut known = vec![None; leaves.len()];
            let names = incoming(Look::Names, leaves);
            let end = end(book, before)?;
            let matches = book.matches(Look::Names, &names, end)?;
            for matches in matches.chunk_by(|a, b| a.batch == b.batch) {
                let batch = book.batches()?[matches[0].batch].clone();
                let mut list = LeafList::new(book, &batch);
                for found in matches {
                    let incoming = found.incoming as usize;
                    if *list.uid(found.listed)? == leaves[incoming].uid {
                        known[incoming] = Some(batch.id.clone());
                    }
                }
            }
            Ok(known)
        })
    }
}

/// How many batches began before this one: all if it is none.
fn end(book: &mut Book, before: Option<&BatchId>) -> Result<usize, LedgerError> {
    let number = before.map_or(Ok(u64::MAX), |batch| Ok::<_, LedgerError>(book.known(batch)?.number))?;
    Ok(book.batches()?.partition_point(|batch| batch.number < number))
}

/// As [`Ledger::standing`], of leaves that are in order, by the first `end` batches.
pub(super) fn standing(
    book: &mut Book,
    policy: &PolicyUse<'_>,
    leaves: &[LeafKey],
    end: usize,
) -> Result<Vec<Standing>, LedgerError> {
    let mut standings = vec![Standing::Free; leaves.len()];
    if end == 0 || leaves.is_empty() {
        return Ok(standings);
    }
    let matches = book.matches(Look::Names, &incoming(Look::Names, leaves), end)?;
    let mut same_uid = Vec::new();
    for matches in matches.chunk_by(|a, b| a.batch == b.batch) {
        let batch = book.batches()?[matches[0].batch].clone();
        let sealed = book.is_sealed(batch.number)?;
        let mut list = LeafList::new(book, &batch);
        for found in matches {
            let leaf = &leaves[found.incoming as usize];
            if *list.uid(found.listed)? != leaf.uid {
                continue;
            }
            same_uid.push(*found);
            let (spki, source) = list.digests(found.listed)?;
            let standing = if spki != leaf.spki {
                Standing::UidWithOtherKey { batch: batch.id.clone() }
            } else if *batch.policy_name != *policy.name {
                continue;
            } else if sealed {
                let (same_policy, same_params) = batch.same(policy);
                let same_source = source == leaf.source;
                Standing::Issued { batch: batch.id.clone(), same_policy, same_params, same_source }
            } else {
                Standing::Held { batch: batch.id.clone() }
            };
            standings[found.incoming as usize].note(standing);
        }
    }
    drop(matches);
    let matches = book.matches(Look::Keys, &incoming(Look::Keys, leaves), end)?;
    for matches in matches.chunk_by(|a, b| a.batch == b.batch) {
        let batch = book.batches()?[matches[0].batch].clone();
        let mut list = LeafList::new(book, &batch);
        for found in matches {
            if same_uid.binary_search(found).is_err()
                && list.digests(found.listed)?.0 == leaves[found.incoming as usize].spki
            {
                let uid = list.uid(found.listed)?.clone();
                standings[found.incoming as usize].note(Standing::KeyUnderOtherUid { batch: batch.id.clone(), uid });
            }
        }
    }
    Ok(standings)
}

/// What incoming leaves are looked for by, each with its index, sorted.
fn incoming(look: Look, leaves: &[LeafKey]) -> Vec<(u64, u32)> {
    let mut prefixes: Vec<_> = (0..).zip(leaves).map(|(index, leaf)| (look.prefix(leaf), index)).collect();
    prefixes.sort_unstable();
    prefixes
}
