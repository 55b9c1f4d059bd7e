//! Blocked and Unblocked: chips for which nothing may be issued.

use crate::origin::Uid;

use super::LedgerError;
use super::batch::BatchId;
use super::codec::{Malformed, Writer};
use super::instruction::Instruction;
use super::open::{Ledger, State, decoded};
use super::record::{Draft, Entry, Kind, Place, Record};

/// The chips for which nothing may be issued, with why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockedChips {
    /// In order of UID; each with the place of its reason.
    chips: Vec<(Uid, u32)>,
    reasons: Vec<String>,
}

impl BlockedChips {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.chips.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.chips.is_empty()
    }

    /// Why nothing may be issued for a chip, if that is so.
    pub fn reason(&self, uid: &Uid) -> Option<&str> {
        let at = self.chips.binary_search_by_key(uid, |(chip, _)| *chip).ok()?;
        Some(&self.reasons[usize::try_from(self.chips[at].1).expect("a place in memory")])
    }

    /// The chips in order of UID, each with why.
    pub fn iter(&self) -> impl Iterator<Item = (&Uid, &str)> {
        let reason = |at: u32| self.reasons[usize::try_from(at).expect("a place in memory")].as_str();
        self.chips.iter().map(move |(uid, at)| (uid, reason(*at)))
    }
}

impl Ledger {
    /// Makes it durable that nothing may be issued for these chips. Those that are blocked already are passed over.
    /// Returns how many were recorded.
    ///
    /// # Errors
    /// The store fails.
    pub fn record_blocked(&self, instruction: &Instruction, why: &str, chips: &[Uid]) -> Result<u64, LedgerError> {
        self.change_blocks(Kind::Blocked, instruction, why, chips)
    }

    /// Makes it durable that these chips may be issued again. Those that are not blocked are passed over. Returns how many
    /// were recorded.
    ///
    /// # Errors
    /// The store fails.
    pub fn record_unblocked(&self, instruction: &Instruction, why: &str, chips: &[Uid]) -> Result<u64, LedgerError> {
        self.change_blocks(Kind::Unblocked, instruction, why, chips)
    }

    fn change_blocks(
        &self,
        kind: Kind,
        instruction: &Instruction,
        why: &str,
        chips: &[Uid],
    ) -> Result<u64, LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let known = read(state, u64::MAX)?;
            let blocked = kind == Kind::Blocked;
            let mut fresh: Vec<&Uid> = chips.iter().filter(|uid| known.reason(uid).is_some() != blocked).collect();
            fresh.sort_unstable();
            fresh.dedup();
            let drafts = fresh.chunks(PIECE).zip(head.records + 1..).map(|(piece, position)| {
                let mut body = Writer::with_capacity(piece.len() * 12 + why.len() + 64);
                instruction.write(&mut body);
                body.text(why);
                for uid in piece {
                    body.u8(u8::try_from(uid.as_bytes().len()).expect("a UID has 20 bytes at most"));
                    body.raw(uid.as_bytes());
                }
                let draft = Draft::new(Place::new(kind, 0, position), body.finish());
                Draft { count: piece.len() as u64, ..draft }
            });
            if !fresh.is_empty() {
                state.append(&head, drafts)?;
            }
            Ok(fresh.len() as u64)
        })
    }

    /// The chips for which nothing may be issued; with `before`, those of which that was known when this batch began.
    ///
    /// # Errors
    /// There is no batch `before`, the store cannot be read, or the records contradict each other.
    pub fn blocked(&self, before: Option<&BatchId>) -> Result<BlockedChips, LedgerError> {
        self.with(|state| {
            let up_to = before.map_or(Ok(u64::MAX), |batch| Ok::<_, LedgerError>(state.known(batch)?.number))?;
            read(state, up_to)
        })
    }
}

fn read(state: &mut State, up_to: u64) -> Result<BlockedChips, LedgerError> {
    let mut entries: Vec<Entry> = state.store.entries(Kind::Blocked, 0, 0)?;
    entries.extend(state.store.entries(Kind::Unblocked, 0, 0)?);
    entries.retain(|entry| entry.position <= up_to);
    entries.sort_unstable_by_key(|entry| entry.position);
    let mut events = Vec::new();
    let mut reasons = Vec::new();
    for entry in entries {
        let Body { why, chips } = Body::read(&state.expect(entry.place)?)?;
        let reason = u32::try_from(reasons.len()).expect("far below 2^32 records");
        reasons.push(why);
        events.extend(chips.into_iter().map(|uid| (uid, entry.place.kind == Kind::Blocked, reason)));
    }
    // stable: the last record that names a chip decides
    events.sort_by_key(|(uid, ..)| *uid);
    let last = events.chunk_by(|(a, ..), (b, ..)| a == b).filter_map(|of_chip| of_chip.last());
    let chips = last.filter(|(_, blocked, _)| *blocked).map(|(uid, _, reason)| (*uid, *reason)).collect();
    Ok(BlockedChips { chips, reasons })
}

/// Whether a record says what its kind has to.
pub(super) fn check(record: &Record) -> Result<(), &'static str> {
    if record.entry.place.chunk != record.entry.position {
        return Err("it is not at its own place");
    }
    Body::read(record).map(drop).map_err(|_| "the chips that it names cannot be read")
}

struct Body {
    why: String,
    chips: Vec<Uid>,
}

impl Body {
    fn read(record: &Record) -> Result<Self, LedgerError> {
        decoded(record, |reader| {
            Instruction::read(reader)?;
            let why = reader.text()?.to_owned();
            let mut chips: Vec<Uid> = Vec::new();
            while !reader.is_empty() {
                let bytes = reader.u8()?;
                let uid = Uid::from_bytes(reader.raw(usize::from(bytes))?).map_err(|_| Malformed)?;
                if chips.last().is_some_and(|last| *last >= uid) {
                    return Err(Malformed);
                }
                chips.push(uid);
            }
            let counted = record.entry.count == chips.len() as u64 && record.entry.signatures == 0;
            if counted { Ok(Self { why, chips }) } else { Err(Malformed) }
        })
    }
}

/// Chips in one record.
const PIECE: usize = 262_144;
