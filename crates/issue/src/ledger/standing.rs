//! What the ledger knows of leaves: whether they were issued, are held, or contradict what was issued.
//!
//! Each batch keeps the beginnings of its UIDs' and of its keys' digests in two sorted lists, and the question is
//! answered by merging these with the incoming ones: 24 bytes are read of each leaf on the ledger, in one go, and the
//! rest only of those that match. The UIDs themselves would not do: chips of different lots are between each other in
//! their order, so that ranges exclude nothing. No index over all leaves has to be kept, and nothing is looked up one
//! by one.

use crate::origin::Uid;

use super::LedgerError;
use super::abandoned::is_freed;
use super::batch::{BatchId, BatchState, PolicyUse};
use super::index;
use super::leaf::{self, IndexKey, Leaves, Sought};
use super::list::LeafList;
use super::open::{Ledger, State};

/// What the ledger knows of a leaf. An identity is issuer, policy name, UID and key together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A batch that was abandoned may have signed for the identity: it counts as issued.
    Abandoned {
        /// The batch.
        batch: BatchId,
    },
    /// Nothing on the ledger is against issuing.
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
    /// A batch, of any policy, has the key under a different UID.
    KeyUnderOtherUid {
        /// The batch.
        batch: BatchId,
        /// The other UID.
        uid: Uid,
    },
    /// A batch, of any policy, has the UID with a different key.
    UidWithOtherKey {
        /// The batch.
        batch: BatchId,
    },
}

/// What the ledger knows of many leaves. Those of which it knows nothing take no room, the others 16 bytes each.
#[derive(Clone, Debug, Default)]
pub struct Standings {
    batches: Vec<BatchId>,
    /// UIDs that have keys of these leaves.
    uids: Vec<Uid>,
    /// In order of leaves, each once, when all batches have been asked.
    found: Vec<Found>,
    /// How many there were when they were put in order last.
    weighed: usize,
}

/// What a batch says of a leaf.
#[derive(Clone, Copy, Debug)]
struct Found {
    leaf: u32,
    batch: u32,
    known: Known,
}

/// A [`Standing`] but for the batch.
#[derive(Clone, Copy, Debug)]
enum Known {
    Abandoned,
    Issued {
        same_policy: bool,
        same_params: bool,
        same_source: bool,
    },
    Held,
    /// With the UID's place in the list of UIDs.
    KeyUnderOtherUid(u32),
    UidWithOtherKey,
}

impl Known {
    /// What weighs more is reported.
    fn weight(self) -> u8 {
        match self {
            // a certificate that was published says more than one that may have been made
            Self::Abandoned => 1,
            Self::Issued { .. } => 2,
            Self::Held => 3,
            Self::KeyUnderOtherUid(_) => 4,
            Self::UidWithOtherKey => 5,
        }
    }
}

impl Standings {
    /// Whether nothing is known of any of them.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The leaves of which something is known, by their positions, in order: all others are [`Standing::Free`].
    pub fn iter(&self) -> impl Iterator<Item = (usize, Standing)> {
        self.found.iter().map(|found| (place(found.leaf), self.standing(found)))
    }

    fn standing(&self, found: &Found) -> Standing {
        let batch = self.batches[place(found.batch)].clone();
        match found.known {
            Known::Abandoned => Standing::Abandoned { batch },
            Known::Held => Standing::Held { batch },
            Known::Issued { same_policy, same_params, same_source } => {
                Standing::Issued { batch, same_policy, same_params, same_source }
            }
            Known::KeyUnderOtherUid(uid) => Standing::KeyUnderOtherUid { batch, uid: self.uids[place(uid)] },
            Known::UidWithOtherKey => Standing::UidWithOtherKey { batch },
        }
    }

    /// Keeps what several batches say of the same leaves from piling up.
    fn weigh_now_and_then(&mut self) {
        if self.found.len() > 2 * self.weighed + 1_024 {
            self.weigh();
            self.weighed = self.found.len();
        }
    }

    /// Of each leaf the latest of what weighs most stays. What was found later is behind.
    fn weigh(&mut self) {
        self.found.sort_by_key(|found| found.leaf);
        self.found.dedup_by(|later, kept| {
            let same = later.leaf == kept.leaf;
            if same && later.known.weight() >= kept.known.weight() {
                *kept = *later;
            }
            same
        });
    }
}

impl Ledger {
    /// What the ledger knows of leaves, if they were issued under `policy`; with `before`, what it knew when that batch
    /// began. Takes 12 bytes a leaf while it is looked up.
    ///
    /// # Errors
    /// The leaves are not in strictly ascending order of UID, there is no batch `before`, or the store cannot be read.
    pub fn standings<L: Leaves + ?Sized>(
        &self,
        policy: &PolicyUse<'_>,
        leaves: &L,
        before: Option<&BatchId>,
    ) -> Result<Standings, LedgerError> {
        leaf::check_order(leaves)?;
        self.with(|state| {
            let end = end(state, before)?;
            standings(state, policy, leaves, end)
        })
    }

    /// As [`standings`](Self::standings), one for each leaf.
    ///
    /// # Errors
    /// As [`standings`](Self::standings).
    pub fn standing<L: Leaves + ?Sized>(
        &self,
        policy: &PolicyUse<'_>,
        leaves: &L,
        before: Option<&BatchId>,
    ) -> Result<Vec<Standing>, LedgerError> {
        let mut all = vec![Standing::Free; leaves.count()];
        for (at, standing) in self.standings(policy, leaves, before)?.iter() {
            all[at] = standing;
        }
        Ok(all)
    }

    /// Returns the latest batch, of any policy, that has each leaf's UID, in the same order; with `before`, the latest
    /// that began before that one. A policy that copies serial numbers from the source gives such a leaf a serial
    /// number that this issuer may have used before.
    ///
    /// # Errors
    /// As [`standings`](Self::standings).
    pub fn known_uids<L: Leaves + ?Sized>(
        &self,
        leaves: &L,
        before: Option<&BatchId>,
    ) -> Result<Vec<Option<BatchId>>, LedgerError> {
        leaf::check_order(leaves)?;
        self.with(|state| {
            let mut known = vec![None; leaves.count()];
            let names = incoming(IndexKey::Names, leaves);
            let end = end(state, before)?;
            let matches = index::matches(state, IndexKey::Names, &names, end)?;
            for matches in matches.chunk_by(|a, b| a.batch == b.batch) {
                let batch = state.batches()?[matches[0].batch].clone();
                let kept = state.kept_chunks(&batch)?;
                let mut list = LeafList::new(state, &batch);
                for found in matches {
                    let incoming = place(found.incoming);
                    if !is_freed(kept.as_ref(), &batch, found.listed)
                        && list.uid(found.listed)?.as_bytes() == leaves.leaf(incoming).uid
                    {
                        known[incoming] = Some(batch.id.clone());
                    }
                }
            }
            Ok(known)
        })
    }
}

fn place(index: u32) -> usize {
    usize::try_from(index).expect("an index is a position in memory")
}

/// How many batches began before this one: all if it is none.
fn end(state: &mut State, before: Option<&BatchId>) -> Result<usize, LedgerError> {
    let number = before.map_or(Ok(u64::MAX), |batch| Ok::<_, LedgerError>(state.known(batch)?.number))?;
    Ok(state.batches()?.partition_point(|batch| batch.number < number))
}

/// As [`Ledger::standings`], of leaves that are in order, by the first `end` batches.
pub(super) fn standings<L: Leaves + ?Sized>(
    state: &mut State,
    policy: &PolicyUse<'_>,
    leaves: &L,
    end: usize,
) -> Result<Standings, LedgerError> {
    let mut standings = Standings::default();
    if end == 0 || leaves.count() == 0 {
        return Ok(standings);
    }
    standings.batches = state.batches()?[..end].iter().map(|batch| batch.id.clone()).collect();
    // one look after the other, because each has a list of all leaves: what weighs the same comes from one of them
    by_uid(state, policy, leaves, end, &mut standings)?;
    by_key(state, leaves, end, &mut standings)?;
    standings.weigh();
    Ok(standings)
}

fn by_uid<L: Leaves + ?Sized>(
    state: &mut State,
    policy: &PolicyUse<'_>,
    leaves: &L,
    end: usize,
    standings: &mut Standings,
) -> Result<(), LedgerError> {
    let matches = index::matches(state, IndexKey::Names, &incoming(IndexKey::Names, leaves), end)?;
    for matches in matches.chunk_by(|a, b| a.batch == b.batch) {
        let number = matches[0].batch;
        let batch = state.batches()?[number].clone();
        let reached = state.state_of(batch.number)?;
        let kept = state.kept_chunks(&batch)?;
        let mut list = LeafList::new(state, &batch);
        for found in matches {
            let leaf = leaves.leaf(place(found.incoming));
            if list.uid(found.listed)?.as_bytes() != leaf.uid {
                continue;
            }
            let (spki, source) = list.digests(found.listed)?;
            let known = if spki != *leaf.spki {
                Known::UidWithOtherKey
            } else if *batch.policy_name != *policy.name {
                continue;
            } else {
                match reached {
                    BatchState::Abandoned if is_freed(kept.as_ref(), &batch, found.listed) => continue,
                    BatchState::Abandoned => Known::Abandoned,
                    BatchState::Open => Known::Held,
                    BatchState::Sealed => {
                        let (same_policy, same_params) = batch.same(policy);
                        Known::Issued { same_policy, same_params, same_source: source == *leaf.source }
                    }
                }
            };
            standings.found.push(Found { leaf: found.incoming, batch: number32(number), known });
        }
        standings.weigh_now_and_then();
    }
    Ok(())
}

fn by_key<L: Leaves + ?Sized>(
    state: &mut State,
    leaves: &L,
    end: usize,
    standings: &mut Standings,
) -> Result<(), LedgerError> {
    let matches = index::matches(state, IndexKey::Keys, &incoming(IndexKey::Keys, leaves), end)?;
    for matches in matches.chunk_by(|a, b| a.batch == b.batch) {
        let number = matches[0].batch;
        let batch = state.batches()?[number].clone();
        let mut list = LeafList::new(state, &batch);
        for found in matches {
            let leaf = leaves.leaf(place(found.incoming));
            if list.uid(found.listed)?.as_bytes() == leaf.uid || list.digests(found.listed)?.0 != *leaf.spki {
                continue;
            }
            let uid = number32(standings.uids.len());
            standings.uids.push(*list.uid(found.listed)?);
            let known = Known::KeyUnderOtherUid(uid);
            standings.found.push(Found { leaf: found.incoming, batch: number32(number), known });
        }
        standings.weigh_now_and_then();
    }
    Ok(())
}

fn number32(count: usize) -> u32 {
    u32::try_from(count).expect("no more than there are leaves on a ledger's list")
}

/// What incoming leaves are looked for by, each with its index, sorted.
fn incoming<L: Leaves + ?Sized>(key: IndexKey, leaves: &L) -> Vec<Sought> {
    let mut sought = Vec::with_capacity(leaves.count());
    sought.extend((0..).zip(leaves.each()).map(|(index, leaf)| Sought::new(key.prefix(leaf), index)));
    sought.sort_unstable();
    sought
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_of_the_same_leaves_does_not_pile_up_and_the_heaviest_latest_stays() {
        let number = |index: u32| format!("01890a5d-ac96-774b-bcce-{index:012x}").parse::<BatchId>().unwrap();
        let mut standings = Standings { batches: (0..9).map(number).collect(), ..Standings::default() };
        let issued = Known::Issued { same_policy: true, same_params: true, same_source: true };
        for batch in 0..9 {
            // all leaves in every batch, in no order; leaf 7 once with another key
            let known = |leaf| if (leaf, batch) == (7, 3) { Known::UidWithOtherKey } else { issued };
            standings.found.extend((0..2_000).rev().map(|leaf| Found { leaf, batch, known: known(leaf) }));
            standings.weigh_now_and_then();
            assert!(standings.found.len() <= 6_000, "{}", standings.found.len());
        }
        standings.weigh();
        let latest = Standing::Issued { batch: number(8), same_policy: true, same_params: true, same_source: true };
        for (expected, (at, standing)) in standings.iter().enumerate() {
            assert_eq!(at, expected);
            let heavy = Standing::UidWithOtherKey { batch: number(3) };
            assert_eq!(standing, if at == 7 { heavy } else { latest.clone() });
        }
        assert_eq!(standings.iter().count(), 2_000);
    }
}
