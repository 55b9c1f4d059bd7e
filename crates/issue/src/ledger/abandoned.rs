//! Abandoned: an open batch that a person gave up.
//!
//! A leaf whose chunk has no intent cannot have been signed: it is free again. A leaf under an intent may have been
//! signed, even if the ledger has no result for it: it counts as issued, so that it gets a second certificate only for
//! a reason that is recorded, and a revocation of the batch covers its serial number.

use std::collections::BTreeSet;

use crate::x509::Time;

use super::LedgerError;
use super::batch::{BatchId, BatchState, Summary};
use super::codec::Writer;
use super::instruction::Instruction;
use super::open::{Ledger, State, decoded};
use super::record::{Draft, Kind, Place, Record};

/// A batch that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abandonment {
    /// Position of its record.
    pub position: u64,
    /// When.
    pub at: Time,
    /// Who asked.
    pub requester: String,
    /// Why, in the person's words.
    pub reason: String,
    /// Leaves that are free again.
    pub freed: u64,
    /// Chunks that had an intent, ascending.
    pub intended: Vec<u64>,
}

impl Ledger {
    /// Makes it durable that an open batch is given up. A batch that was given up before stays as it was. Returns what the
    /// ledger has, and whether it is new.
    ///
    /// # Errors
    /// There is no such batch, it is sealed, or the store fails.
    pub fn abandon(
        &self,
        batch: &BatchId,
        instruction: &Instruction,
        why: &str,
    ) -> Result<(Abandonment, bool), LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let summary = state.known(batch)?;
            let place = Place::new(Kind::Abandoned, summary.number, 0);
            match state.state_of(summary.number)? {
                BatchState::Sealed => return Err(LedgerError::Sealed { batch: batch.clone() }),
                BatchState::Abandoned => return Ok((read(&state.expect(place)?)?, false)),
                BatchState::Open => {}
            }
            let chunks = state.intended_chunks(&summary)?;
            let mut body = Writer::with_capacity(why.len() + chunks.len() * 8 + 64);
            instruction.write(&mut body);
            body.text(why);
            body.count(chunks.len());
            for chunk in &chunks {
                body.u64(*chunk);
            }
            let draft = Draft { count: summary.leaves_outside(&chunks), ..Draft::new(place, body.finish()) };
            state.append(&head, std::iter::once(draft))?;
            Ok((read(&state.expect(place)?)?, true))
        })
    }

    /// Returns who gave the batch up and why; `None` if it was not given up.
    ///
    /// # Errors
    /// There is no such batch, or the store cannot be read.
    pub fn abandonment(&self, batch: &BatchId) -> Result<Option<Abandonment>, LedgerError> {
        self.with(|state| {
            let number = state.known(batch)?.number;
            let record = state.store.read(Place::new(Kind::Abandoned, number, 0))?;
            record.map(|record| read(&record)).transpose()
        })
    }
}

impl State {
    /// The chunks of a batch that have an intent: of an abandoned batch, those whose leaves count as issued.
    pub(super) fn intended_chunks(&mut self, batch: &Summary) -> Result<BTreeSet<u64>, LedgerError> {
        let entries = self.store.entries(Kind::Intent, batch.number, batch.number)?;
        Ok(entries.into_iter().map(|entry| entry.place.chunk).collect())
    }

    /// The chunks whose leaves an abandoned batch still has; `None` if the batch was not abandoned and has all.
    pub(super) fn kept_chunks(&mut self, batch: &Summary) -> Result<Option<BTreeSet<u64>>, LedgerError> {
        if self.state_of(batch.number)? == BatchState::Abandoned {
            self.intended_chunks(batch).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Whether a leaf is one that an abandoned batch freed; `kept` is what [`State::kept_chunks`] returned.
pub(super) fn is_freed(kept: Option<&BTreeSet<u64>>, batch: &Summary, index: u32) -> bool {
    kept.is_some_and(|kept| !kept.contains(&u64::from(index / batch.chunk_size)))
}

impl Summary {
    /// Leaves of the chunks that are not among these.
    fn leaves_outside(&self, chunks: &BTreeSet<u64>) -> u64 {
        let size = u64::from(self.chunk_size);
        let within: u64 =
            chunks.iter().map(|chunk| size.min(self.leaves.saturating_sub(chunk.saturating_mul(size)))).sum();
        self.leaves.saturating_sub(within)
    }
}

/// Whether the record that abandons a batch, if there is one, says what the batch's other records do, and none of them
/// came after it.
pub(super) fn check(state: &mut State, batch: &Summary) -> Result<(), LedgerError> {
    let Some(record) = state.store.read(Place::new(Kind::Abandoned, batch.number, 0))? else { return Ok(()) };
    let position = record.entry.position;
    let wrong = |what| Err(LedgerError::Damaged { position, what });
    let found = read(&record)?;
    let chunks = state.intended_chunks(batch)?;
    if !found.intended.iter().eq(&chunks) || found.freed != batch.leaves_outside(&chunks) {
        return wrong("it frees other leaves than those without an intent");
    }
    for kind in [Kind::Intent, Kind::Retry, Kind::Sent, Kind::Settled, Kind::Issued, Kind::Sealed] {
        let entries = state.store.entries(kind, batch.number, batch.number)?;
        if entries.iter().any(|entry| kind == Kind::Sealed || entry.position > position) {
            return wrong("it abandons a batch to which something was added afterwards");
        }
    }
    Ok(())
}

fn read(record: &Record) -> Result<Abandonment, LedgerError> {
    decoded(record, |reader| {
        let instruction = Instruction::read(reader)?;
        let reason = reader.text()?.to_owned();
        let intended = (0..reader.count()?).map(|_| reader.u64()).collect::<Result<_, _>>()?;
        Ok(Abandonment {
            position: record.entry.position,
            at: instruction.at,
            requester: instruction.requester,
            reason,
            freed: record.entry.count,
            intended,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{batch_id, issuer_spki, leaves, row, terms};
    use crate::ledger::{LeafKey, Standing};

    fn because() -> Instruction {
        Instruction {
            at: Time::from_rfc3339("2026-03-01T00:00:00Z").unwrap(),
            requester: "quality".to_owned(),
            approvals: vec![],
        }
    }

    fn add(ledger: &Ledger, kind: Kind, chunk: u64, count: u64) {
        let added = ledger.with(|state| {
            let head = state.store.head()?;
            let number = state.known(&batch_id(1))?.number;
            let place = Place::new(kind, number, chunk);
            let body = vec![0; 32 * usize::try_from(count).expect("few")];
            state.append(&head, std::iter::once(Draft { count, ..Draft::new(place, body) }))
        });
        added.unwrap();
    }

    /// A batch of ten leaves in chunks of four, of which the first two have an intent.
    fn begun() -> (Ledger, Vec<LeafKey>) {
        let (ledger, list) = (Ledger::in_memory(&issuer_spki()), leaves(0..10));
        ledger.begin(row(1, terms("test", &list), 4), &list).unwrap();
        add(&ledger, Kind::Intent, 0, 4);
        add(&ledger, Kind::Intent, 1, 4);
        (ledger, list)
    }

    #[test]
    fn leaves_without_an_intent_are_freed_and_the_others_count_as_issued() {
        let (ledger, list) = begun();
        let (first, fresh) = ledger.abandon(&batch_id(1), &because(), "the reel was lost").unwrap();
        assert!(fresh);
        assert_eq!((first.freed, first.intended.as_slice()), (2, [0, 1].as_slice()));
        assert_eq!((first.requester.as_str(), first.reason.as_str()), ("quality", "the reel was lost"));
        let again = ledger.abandon(&batch_id(1), &because(), "another reason").unwrap();
        assert_eq!(again, (first.clone(), false), "what is recorded stays");
        assert_eq!(ledger.abandonment(&batch_id(1)).unwrap(), Some(first));

        assert_eq!(ledger.open_batches().unwrap(), []);
        assert_eq!(ledger.batch(&batch_id(1)).unwrap().unwrap().state, BatchState::Abandoned);
        let standing = ledger.standing(&terms("test", &list).policy_use(), list.as_slice(), None).unwrap();
        let abandoned = Standing::Abandoned { batch: batch_id(1) };
        assert_eq!(standing[..8], vec![abandoned; 8]);
        assert_eq!(standing[8..], [Standing::Free, Standing::Free]);
        let known = ledger.known_uids(list.as_slice(), None).unwrap();
        assert_eq!((known[7].as_ref(), known[8].as_ref()), (Some(&batch_id(1)), None));
        let uids: Vec<_> = list.iter().map(|leaf| leaf.uid).collect();
        assert_eq!(ledger.find_uids(&uids).unwrap().len(), 8);
        let issued = |chunk| ledger.chunk_leaves(&batch_id(1), chunk).unwrap().iter().all(|leaf| leaf.issued);
        assert!(issued(0) && issued(1) && !issued(2));

        // the same command again has the same terms: a new batch of the free leaves may begin with them
        let refused = ledger.begin(row(2, terms("test", &list), 4), &list).unwrap_err();
        assert!(refused.to_string().contains("which was abandoned, may have signed for it"), "{refused}");
        let free = &list[8..];
        let mut same = terms("test", free);
        same.inputs_sha256 = terms("test", &list).inputs_sha256;
        ledger.begin(row(2, same.clone(), 4), free).unwrap();
        assert_eq!(ledger.find(&same.key()).unwrap().unwrap().id, batch_id(2));
        let mut reissued = terms("test", &list[..8]);
        reissued.reissue = Some("batch 1 was lost".to_owned());
        ledger.begin(row(3, reissued, 4), &list[..8]).unwrap();
        assert_eq!(ledger.verify().unwrap().stats.open(), 2);
    }

    #[test]
    fn nothing_is_added_to_an_abandoned_batch_and_a_sealed_one_stays() {
        let (ledger, _) = begun();
        ledger.abandon(&batch_id(1), &because(), "lost").unwrap();
        let refused = ledger.seal(&batch_id(1), b"statement", b"seal").unwrap_err();
        assert!(matches!(refused, LedgerError::Abandoned { .. }), "{refused}");
        assert_eq!(ledger.verify().unwrap().stats.abandoned, 1);
        let (other, _) = begun();
        add(&other, Kind::Sealed, 0, 0);
        assert!(matches!(other.abandon(&batch_id(1), &because(), "lost"), Err(LedgerError::Sealed { .. })));
        assert!(matches!(other.abandon(&batch_id(9), &because(), "lost"), Err(LedgerError::UnknownBatch { .. })));
    }

    #[test]
    fn a_record_that_frees_other_leaves_or_came_too_early_is_found() {
        for (kind, chunk, count) in
            [(Kind::Intent, 2, 2), (Kind::Retry, 0, 1), (Kind::Issued, 0, 0), (Kind::Sealed, 0, 0)]
        {
            let (ledger, _) = begun();
            ledger.abandon(&batch_id(1), &because(), "lost").unwrap();
            add(&ledger, kind, chunk, count);
            let found = ledger.examine(&|_, _| {}).unwrap().findings;
            assert_eq!(found.len(), 1, "{kind:?}: {found:?}");
            assert!(found[0].what.starts_with("it frees other leaves") || found[0].what.starts_with("it abandons"));
        }
    }
}
