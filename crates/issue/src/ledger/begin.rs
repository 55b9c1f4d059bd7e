//! Batches: finding one again, beginning a new one.

use crate::cert::Seed;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::batch::{BatchId, BatchRow, BatchState, Summary};
use super::index;
use super::leaf::{self, IndexKey, LeafRef, Leaves, leaf_set_digest};
use super::list::LeafList;
use super::open::{Ledger, State, damaged};
use super::record::{Draft, Kind, Place};
use super::standing::{Standing, standings};

impl Ledger {
    /// The batch of the terms with this key, if there is one that was not abandoned.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn find(&self, terms_key: &Sha256Digest) -> Result<Option<BatchRow>, LedgerError> {
        self.with(|state| {
            let found = state.of_terms(terms_key)?;
            found.map(|summary| state.row(&summary)).transpose()
        })
    }

    /// Which of these leaves belong to a batch, in the same order. None if the batch has a leaf that is not among them.
    ///
    /// # Errors
    /// The leaves are not in strictly ascending order of UID, there is no such batch, or the store cannot be read.
    pub fn members<L: Leaves + ?Sized>(&self, batch: &BatchId, leaves: &L) -> Result<Option<Vec<bool>>, LedgerError> {
        leaf::check_order(leaves)?;
        self.with(|state| {
            let summary = state.known(batch)?;
            let mut list = LeafList::new(state, &summary);
            let mut members = vec![false; leaves.count()];
            let mut next = 0;
            for index in 0..summary.leaves {
                let index = u32::try_from(index).expect("the number of leaves was checked to fit");
                let (spki, source) = list.digests(index)?;
                let uid = list.uid(index)?.as_bytes();
                while next < leaves.count() && leaves.leaf(next).uid < uid {
                    next += 1;
                }
                if next == leaves.count() || leaves.leaf(next) != (LeafRef { uid, spki: &spki, source: &source }) {
                    return Ok(None);
                }
                members[next] = true;
                next += 1;
            }
            Ok(Some(members))
        })
    }

    /// The head that the ledger had when a batch began.
    ///
    /// # Errors
    /// There is no such batch, or the store cannot be read.
    pub fn head_before(&self, batch: &BatchId) -> Result<Sha256Digest, LedgerError> {
        self.with(|state| {
            let position = state.known(batch)?.number - 1;
            let missing = LedgerError::Damaged { position, what: "it is missing" };
            Ok(state.store.at(position)?.ok_or(missing)?.digest)
        })
    }

    /// The batch of this name, if there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn batch(&self, id: &BatchId) -> Result<Option<BatchRow>, LedgerError> {
        self.with(|state| {
            let found = state.summary(id)?;
            found.map(|summary| state.row(&summary)).transpose()
        })
    }

    /// The batch that has this seed, if there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn batch_of_seed(&self, seed: &Seed) -> Result<Option<BatchId>, LedgerError> {
        self.with(|state| state.batch_of_seed(seed))
    }

    /// Batches that were started and neither sealed nor abandoned, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open_batches(&self) -> Result<Vec<BatchRow>, LedgerError> {
        self.with(|state| {
            let mut open = Vec::new();
            for summary in state.batches()?.to_vec() {
                if state.state_of(summary.number)? == BatchState::Open {
                    open.push(state.row(&summary)?);
                }
            }
            Ok(open)
        })
    }

    /// Begins a batch: one durable write of the batch row and of every leaf, which it holds from now on. Then the index
    /// takes up new lists, if there are enough of them.
    ///
    /// # Errors
    /// The terms do not describe the leaves, the batch is on the ledger already, another batch has its seed, a leaf
    /// belongs to another batch (with
    /// `terms.reissue` one that is sealed or abandoned does no harm; a UID with another key or a key under another UID
    /// always does), or the store fails: then the batch may be there all the same, and [`find`](Self::find) tells.
    #[expect(clippy::needless_pass_by_value, reason = "a batch begins once: its row is given away")]
    pub fn begin<L: Leaves + ?Sized>(&self, row: BatchRow, leaves: &L) -> Result<(), LedgerError> {
        check_terms(&row, leaves)?;
        self.with(|state| {
            // every check from here on is valid up to this head, and `append` refuses any other head
            let head = state.store.head()?;
            if state.summary(&row.id)?.is_some() {
                return Err(LedgerError::BatchExists { batch: row.id.clone() });
            }
            let terms_key = row.terms.key();
            if let Some(earlier) = state.of_terms(&terms_key)? {
                return Err(LedgerError::TermsExist { batch: earlier.id });
            }
            if let Some(earlier) = state.batch_of_seed(&row.seed)? {
                return Err(LedgerError::SeedTaken { batch: row.id.clone(), earlier });
            }
            let count = state.batches()?.len();
            let standings = standings(state, &row.terms.policy_use(), leaves, count)?;
            for (at, standing) in standings.iter() {
                refuse(leaves.leaf(at), &standing, row.terms.reissue.is_some())?;
            }
            state.append(&head, drafts(head.records + 1, &row, leaves))
        })?;
        // The batch could do without it. But a store that could not write this takes nothing more, and who heard of it
        // only with the first intent would not hear why.
        self.with(index::absorb)
    }
}

#[cfg(test)]
impl Ledger {
    /// Begins a batch as releases did that did not ask whose name and seed it has.
    pub(super) fn begin_unasked<L: Leaves + ?Sized>(&self, row: &BatchRow, leaves: &L) {
        let begun = self.with(|state| {
            let head = state.store.head()?;
            state.append(&head, drafts(head.records + 1, row, leaves))
        });
        begun.unwrap();
    }
}

impl State {
    /// The batch that has this seed. Serial numbers are made of a seed and a chip's UID: a second batch with the same
    /// seed would give serial numbers a second time. Each batch is looked at once in a process.
    fn batch_of_seed(&mut self, seed: &Seed) -> Result<Option<BatchId>, LedgerError> {
        let count = self.batches()?.len();
        for at in self.seeded..count {
            let summary = self.batches()?[at].clone();
            let row = self.row_as(&summary, BatchState::Open)?;
            // a ledger that has it twice already is found by `verify`: the first batch answers for both
            self.seeds.entry(*row.seed.as_bytes()).or_insert(row.id);
            self.seeded = at + 1;
        }
        Ok(self.seeds.get(seed.as_bytes()).cloned())
    }

    /// The latest batch of the terms with this key that was not abandoned.
    fn of_terms(&mut self, terms_key: &Sha256Digest) -> Result<Option<Summary>, LedgerError> {
        let found: Vec<Summary> =
            self.batches()?.iter().filter(|batch| batch.terms_key == *terms_key).cloned().collect();
        for summary in found.into_iter().rev() {
            if self.state_of(summary.number)? != BatchState::Abandoned {
                return Ok(Some(summary));
            }
        }
        Ok(None)
    }

    /// The whole row of a batch.
    pub(super) fn row(&mut self, summary: &Summary) -> Result<BatchRow, LedgerError> {
        let state = self.state_of(summary.number)?;
        self.row_as(summary, state)
    }

    fn row_as(&mut self, summary: &Summary, state: BatchState) -> Result<BatchRow, LedgerError> {
        let record = self.expect(Place::new(Kind::Terms, summary.number, 0))?;
        BatchRow::decode(&record.body, state).map_err(|_| damaged(&record))
    }
}

fn check_terms<L: Leaves + ?Sized>(row: &BatchRow, leaves: &L) -> Result<(), LedgerError> {
    let differ = |what| Err(LedgerError::TermsDiffer { batch: row.id.clone(), what });
    if leaves.count() == 0 || row.chunk_size == 0 {
        return Err(LedgerError::NoLeaves { batch: row.id.clone() });
    }
    leaf::check_order(leaves)?;
    if row.terms.leaf_count != leaves.count() as u64 {
        return differ("number of leaves");
    }
    if row.terms.leaves_sha256 != leaf_set_digest(leaves) {
        return differ("digest of leaves");
    }
    Ok(())
}

fn refuse(leaf: LeafRef<'_>, standing: &Standing, reissue: bool) -> Result<(), LedgerError> {
    let reason = match standing {
        Standing::Free => return Ok(()),
        Standing::Abandoned { .. } | Standing::Issued { .. } if reissue => return Ok(()),
        Standing::Abandoned { batch } => format!("batch {batch}, which was abandoned, may have signed for it"),
        Standing::Issued { batch, .. } => format!("it was issued in batch {batch}"),
        Standing::Held { batch } => format!("batch {batch}, which is not finished, holds it"),
        Standing::UidWithOtherKey { batch } => format!("batch {batch} has this UID with another key"),
        Standing::KeyUnderOtherUid { batch, uid } => format!("batch {batch} has its key under UID {uid}"),
    };
    Err(LedgerError::LeafTaken { uid: leaf.named(), reason })
}

/// The records of a new batch, made one at a time.
fn drafts<'a, L: Leaves + ?Sized>(
    number: u64,
    row: &'a BatchRow,
    leaves: &'a L,
) -> impl Iterator<Item = Draft> + use<'a, L> {
    let chunk_size = usize::try_from(row.chunk_size).expect("a chunk's size fits into memory");
    let single = move |kind, body| Draft::new(Place::new(kind, number, 0), body);
    let counted = move |kind, chunk, count: usize, body| Draft {
        count: count as u64,
        ..Draft::new(Place::new(kind, number, chunk), body)
    };
    let head = [Kind::Batch, Kind::Terms].into_iter().map(move |kind| {
        single(kind, if kind == Kind::Batch { Summary::of(number, row).encode() } else { row.encode() })
    });
    let lists = leaf::pieces(leaves.count(), chunk_size).flat_map(move |(chunk, piece)| {
        [Kind::Uids, Kind::Digests].into_iter().map(move |kind| {
            let listed = piece.clone().map(|at| leaves.leaf(at));
            let body = if kind == Kind::Uids { leaf::write_uids(listed) } else { leaf::write_digests(listed) };
            counted(kind, chunk, piece.len(), body)
        })
    });
    let prefixes = leaf::pieces(leaves.count(), leaf::RUN).flat_map(move |(run, piece)| {
        [IndexKey::Names, IndexKey::Keys].into_iter().map(move |key| {
            let indexed = (leaf::first_of_run(run)..).zip(piece.clone());
            let prefixes = indexed.map(|(index, at)| (key.prefix(leaves.leaf(at)), index)).collect();
            counted(key.kind(), run, piece.len(), leaf::write_prefixes(prefixes))
        })
    });
    head.chain(lists).chain(prefixes)
}
