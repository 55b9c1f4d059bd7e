//! What the ledger knows of leaves: whether they were issued, are held, or contradict what was issued.
//!
//! Each batch keeps the beginnings of its UIDs' and of its keys' digests in two sorted lists, and the question is
//! answered by merging these with the incoming ones: 24 octets are read of each leaf on the ledger, in one go, and the
//! rest only of those that match. The UIDs themselves would not do: chips of different lots lie between each other in
//! their order, so that ranges exclude nothing. No index over all leaves has to be kept, and nothing is looked up one
//! by one.

use std::collections::HashSet;

use crate::origin::Uid;

use super::LedgerError;
use super::batch::{BatchId, PolicyUse, Summary};
use super::leaf::{self, LeafKey, Look};
use super::list::LeafList;
use super::open::{Book, Ledger};
use super::record::Kind;

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
            for batch in batches_before(book, end)? {
                let mut list = LeafList::new(book, &batch);
                for pair in pairs(&mut list, Look::Names, &names)? {
                    let incoming = pair.incoming as usize;
                    if *list.uid(pair.listed)? == leaves[incoming].uid {
                        known[incoming] = Some(batch.id.clone());
                    }
                }
            }
            Ok(known)
        })
    }
}

/// The number of a batch, or one that no batch has.
fn end(book: &mut Book, before: Option<&BatchId>) -> Result<u64, LedgerError> {
    before.map_or(Ok(u64::MAX), |batch| Ok(book.known(batch)?.number))
}

fn batches_before(book: &mut Book, end: u64) -> Result<Vec<Summary>, LedgerError> {
    Ok(book.batches()?.iter().filter(|batch| batch.number < end).cloned().collect())
}

/// As [`Ledger::standing`], of leaves that are in order, by the batches whose number is below `end`.
pub(super) fn standing(
    book: &mut Book,
    policy: &PolicyUse<'_>,
    leaves: &[LeafKey],
    end: u64,
) -> Result<Vec<Standing>, LedgerError> {
    let mut standings = vec![Standing::Free; leaves.len()];
    let batches = batches_before(book, end)?;
    if batches.is_empty() || leaves.is_empty() {
        return Ok(standings);
    }
    let sealed: HashSet<u64> =
        book.store.entries(Kind::Sealed, 0, u64::MAX)?.into_iter().map(|entry| entry.place.batch).collect();
    let names = incoming(Look::Names, leaves);
    let keys = incoming(Look::Keys, leaves);
    for batch in &batches {
        let mut list = LeafList::new(book, batch);
        let mut same_uid = Vec::new();
        for pair in pairs(&mut list, Look::Names, &names)? {
            let leaf = &leaves[pair.incoming as usize];
            if *list.uid(pair.listed)? != leaf.uid {
                continue;
            }
            same_uid.push(pair);
            let (spki, source) = list.digests(pair.listed)?;
            let found = if spki != leaf.spki {
                Standing::UidWithOtherKey { batch: batch.id.clone() }
            } else if *batch.policy_name != *policy.name {
                continue;
            } else if sealed.contains(&batch.number) {
                let (same_policy, same_params) = batch.same(policy);
                let same_source = source == leaf.source;
                Standing::Issued { batch: batch.id.clone(), same_policy, same_params, same_source }
            } else {
                Standing::Held { batch: batch.id.clone() }
            };
            standings[pair.incoming as usize].note(found);
        }
        for pair in pairs(&mut list, Look::Keys, &keys)? {
            if same_uid.binary_search(&pair).is_err()
                && list.digests(pair.listed)?.0 == leaves[pair.incoming as usize].spki
            {
                let uid = list.uid(pair.listed)?.clone();
                standings[pair.incoming as usize].note(Standing::KeyUnderOtherUid { batch: batch.id.clone(), uid });
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

/// A leaf of a batch's list and an incoming one, each by its index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    listed: u32,
    incoming: u32,
}

/// Leaves that may be the same, in the order of the list.
fn pairs(list: &mut LeafList<'_>, look: Look, incoming: &[(u64, u32)]) -> Result<Vec<Pair>, LedgerError> {
    let mut pairs = Vec::new();
    for run in 0..list.runs() {
        let mut rest = incoming;
        let prefixes = list.prefixes(look, run)?;
        for (prefix, listed) in prefixes.pairs()? {
            rest = &rest[ahead(rest, |(incoming, _)| *incoming < prefix)..];
            let same = rest.iter().take_while(|(incoming, _)| *incoming == prefix);
            pairs.extend(same.map(|(_, incoming)| Pair { listed, incoming: *incoming }));
        }
    }
    pairs.sort_unstable();
    Ok(pairs)
}

/// How many of an ordered list come before. The step doubles: a list merged with a dense one costs one comparison an
/// item, with a sparse one a few for each of the sparse one's.
fn ahead<T>(list: &[T], before: impl Fn(&T) -> bool) -> usize {
    let mut known = 0;
    let mut step = 1;
    while list.get(known + step - 1).is_some_and(&before) {
        known += step;
        step *= 2;
    }
    let end = list.len().min(known + step - 1);
    known + list[known..end].partition_point(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ahead_is_a_search_in_an_ordered_list() {
        for length in 0..40 {
            let list: Vec<i32> = (0..length).collect();
            for target in -1..=length {
                assert_eq!(ahead(&list, |item| *item < target), list.partition_point(|item| *item < target));
            }
        }
    }
}
