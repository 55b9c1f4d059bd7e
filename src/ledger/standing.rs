//! What the ledger knows of leaves: whether they were issued, are held, or contradict what was issued.
//!
//! Leaf lists are kept in UID order, so the question is answered by merging ordered lists: only chunks whose range of
//! UIDs has an incoming leaf are read, and of them first the UIDs alone. Keys are looked for by sorted prefixes.
//! Nothing is looked up one by one, and no index over all leaves has to be kept.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::origin::Uid;

use super::LedgerError;
use super::batch::{BatchId, PolicyUse};
use super::leaf::{self, LeafKey};
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
    /// What the ledger knows of each leaf, in the same order, if they were issued under `policy`.
    ///
    /// # Errors
    /// The leaves are not in strictly ascending order of UID, or the store cannot be read.
    pub fn standing(&self, policy: &PolicyUse<'_>, leaves: &[LeafKey]) -> Result<Vec<Standing>, LedgerError> {
        leaf::check_order(leaves)?;
        self.with(|book| standing(book, policy, leaves))
    }
}

/// As [`Ledger::standing`], of leaves that are in order.
pub(super) fn standing(
    book: &mut Book,
    policy: &PolicyUse<'_>,
    leaves: &[LeafKey],
) -> Result<Vec<Standing>, LedgerError> {
    let mut standings = vec![Standing::Free; leaves.len()];
    let batches = book.batches()?.to_vec();
    if batches.is_empty() || leaves.is_empty() {
        return Ok(standings);
    }
    let sealed: HashSet<u64> =
        book.store.entries(Kind::Sealed, 0, u64::MAX)?.into_iter().map(|entry| entry.place.batch).collect();
    let mut by_key: Vec<(u64, u32)> =
        (0..).zip(leaves).map(|(index, leaf)| (leaf::prefix(&leaf.spki), index)).collect();
    by_key.sort_unstable();
    for batch in &batches {
        let mut list = LeafList::new(book, batch.number)?;
        let known = by_uid(&mut list, leaves)?;
        for pair in &known {
            let leaf = &leaves[pair.incoming as usize];
            let (spki, source) = list.digests(pair.listed)?;
            let found = if spki != leaf.spki {
                Standing::UidWithOtherKey { batch: batch.id.clone() }
            } else if *batch.policy_name != *policy.name {
                continue;
            } else if sealed.contains(&batch.number) {
                let (same_policy, same_params) = batch.same(policy);
                Standing::Issued {
                    batch: batch.id.clone(),
                    same_policy,
                    same_params,
                    same_source: source == leaf.source,
                }
            } else {
                Standing::Held { batch: batch.id.clone() }
            };
            standings[pair.incoming as usize].note(found);
        }
        for pair in by_prefix(&mut list, &by_key)? {
            // the same chip with the same key is what the first pass has found
            if known.binary_search(&pair).is_ok() {
                continue;
            }
            let incoming = &leaves[pair.incoming as usize];
            if list.digests(pair.listed)?.0 == incoming.spki {
                let uid = list.uid(pair.listed)?;
                standings[pair.incoming as usize].note(Standing::KeyUnderOtherUid { batch: batch.id.clone(), uid });
            }
        }
    }
    Ok(standings)
}

/// An incoming leaf and one of a batch's list, each by its index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    incoming: u32,
    listed: u32,
}

/// Pairs of equal UIDs, in order.
fn by_uid(list: &mut LeafList<'_>, leaves: &[LeafKey]) -> Result<Vec<Pair>, LedgerError> {
    let mut pairs = Vec::new();
    let mut at = 0;
    let ranges = list.ranges()?;
    for (chunk, leaf::Range { first, last }) in (0..).zip(ranges.list()?) {
        at += ahead(&leaves[at..], |leaf| leaf.uid.as_bytes() < first);
        if leaves.get(at).is_none_or(|leaf| leaf.uid.as_bytes() > last) {
            continue;
        }
        let body = list.uids(chunk)?;
        let uids = body.list()?;
        let mut listed = 0;
        while let (Some(leaf), Some(uid)) = (leaves.get(at), uids.get(listed)) {
            match leaf.uid.as_bytes().cmp(uid) {
                Ordering::Less => at += ahead(&leaves[at..], |leaf| leaf.uid.as_bytes() < *uid),
                Ordering::Greater => listed += ahead(&uids[listed..], |uid| *uid < leaf.uid.as_bytes()),
                Ordering::Equal => {
                    pairs.push(Pair { incoming: index(at), listed: list.index(chunk, listed) });
                    at += 1;
                    listed += 1;
                }
            }
        }
    }
    Ok(pairs)
}

/// Pairs of keys that begin alike, in the order of the list.
fn by_prefix(list: &mut LeafList<'_>, by_key: &[(u64, u32)]) -> Result<Vec<Pair>, LedgerError> {
    let mut pairs = Vec::new();
    for run in 0.. {
        let Some(keys) = list.keys(run)? else { break };
        let mut at = 0;
        for (prefix, listed) in keys.pairs()? {
            at += ahead(&by_key[at..], |(incoming, _)| *incoming < prefix);
            let same = by_key[at..].iter().take_while(|(incoming, _)| *incoming == prefix);
            pairs.extend(same.map(|(_, incoming)| Pair { incoming: *incoming, listed }));
        }
    }
    pairs.sort_unstable_by_key(|pair| pair.listed);
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

fn index(value: usize) -> u32 {
    u32::try_from(value).expect("the number of leaves was checked to fit")
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
