//! CrlRound and CrlIssued: which lists may be signed, and what was signed.
//!
//! The numbers of rounds ascend and none is used twice. A list follows from the records up to the round's position, its
//! times and the round before it, so its digest is enough: after a crash the same bytes are made again.

use crate::crypto::sha256;
use crate::x509::{Sha256Digest, Time};

use super::LedgerError;
use super::codec::{Malformed, Reader, Writer};
use super::instruction::read_time;
use super::open::{Ledger, State, decoded};
use super::record::{Draft, Entry, Kind, Place, Record};
use super::recorded::{Recorded, ToBeSigned};
use super::scope::Scope;

/// One round of lists: all lists of an issuer, made at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlRound {
    /// The number, which is the cRLNumber of every list.
    pub number: u64,
    /// SHA-256 of the issuing CA's certificate.
    pub issuer_sha256: Sha256Digest,
    /// thisUpdate
    pub this_update: Time,
    /// nextUpdate
    pub next_update: Time,
    /// The lists have the revocations that were recorded up to this position.
    pub position: u64,
    /// Version of the encoder of lists.
    pub encoder: u32,
    /// Digest over the policies of all batches up to that position, from which the scopes follow.
    pub policies_sha256: Sha256Digest,
    /// The lists: the full one first, then the others in order of scope.
    pub lists: Vec<RoundList>,
}

/// One list of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundList {
    /// Which certificates it covers; the empty scope is all of them.
    pub scope: Scope,
    /// Its entries.
    pub entries: u64,
    /// SHA-256 of its TBSCertList.
    pub tbs_sha256: Sha256Digest,
    /// Bytes of its TBSCertList.
    pub tbs_bytes: u64,
}

/// What was signed of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedList {
    /// The signature.
    pub signature: Vec<u8>,
    /// SHA-256 of the whole list.
    pub crl_sha256: Sha256Digest,
}

/// A TBSCertList that a CA key is to sign. It may be signed when it is [`Recorded`].
#[derive(Debug, PartialEq, Eq)]
pub struct TbsCertList(Vec<u8>);

impl ToBeSigned for TbsCertList {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Ledger {
    /// Makes the intent to sign the lists of a round durable. `lists` are the TBSCertLists in the order of the round.
    ///
    /// # Errors
    /// The number or thisUpdate is not above that of the last round, the lists are not those that the round names, a
    /// revocation or release was recorded after the round's position ([`LedgerError::RoundStale`]: make it again), or the
    /// store fails: then nothing may be signed.
    pub fn record_round(
        &self,
        round: &CrlRound,
        lists: Vec<Vec<u8>>,
    ) -> Result<Vec<Recorded<TbsCertList>>, LedgerError> {
        check_lists(round, &lists)?;
        self.with(|state| {
            let head = state.store.head()?;
            if let Some(last) = state.last_round()? {
                let last = read_round(&state.expect(last.place)?)?;
                if round.number <= last.number || round.this_update <= last.this_update {
                    return Err(LedgerError::RoundBehind {
                        number: round.number,
                        this_update: round.this_update,
                        last_number: last.number,
                        last_this_update: last.this_update,
                    });
                }
            }
            if state.revocations_changed()? > round.position || round.position > head.records {
                return Err(LedgerError::RoundStale { number: round.number });
            }
            let place = Place::new(Kind::CrlRound, 0, round.number);
            let draft = Draft { count: round.lists.len() as u64, ..Draft::new(place, write_round(round)) };
            state.append(&head, std::iter::once(draft))
        })?;
        Ok(lists.into_iter().map(|list| Recorded::assert_recorded(TbsCertList(list))).collect())
    }

    /// As [`record_round`](Self::record_round), of a round that an earlier run recorded: the lists must be the same.
    ///
    /// # Errors
    /// There is no such round, or the lists are not those that it names.
    pub fn resume_round(&self, number: u64, lists: Vec<Vec<u8>>) -> Result<Vec<Recorded<TbsCertList>>, LedgerError> {
        let round = self.round(number)?.ok_or(LedgerError::UnknownRound { number })?;
        check_lists(&round, &lists)?;
        Ok(lists.into_iter().map(|list| Recorded::assert_recorded(TbsCertList(list))).collect())
    }

    /// Makes the signatures of a round durable. The second time the same ones are no error.
    ///
    /// # Errors
    /// There is no such round, another number of lists, other signatures are recorded, or the store fails.
    pub fn record_round_issued(
        &self,
        number: u64,
        signed: &[SignedList],
        signatures_made: u64,
    ) -> Result<(), LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let Some(round) = state.store.entry(Place::new(Kind::CrlRound, 0, number))? else {
                return Err(LedgerError::UnknownRound { number });
            };
            let place = Place::new(Kind::CrlIssued, 0, number);
            if let Some(earlier) = state.store.read(place)? {
                let same = read_signed(&earlier)? == signed;
                return if same { Ok(()) } else { Err(LedgerError::RoundDiffers { number }) };
            }
            if round.count != signed.len() as u64 {
                return Err(LedgerError::RoundDiffers { number });
            }
            let mut body = Writer::with_capacity(signed.len() * 128);
            for SignedList { signature, crl_sha256 } in signed {
                body.bytes(signature);
                body.digest(crl_sha256);
            }
            let draft = Draft { place, count: round.count, signatures: signatures_made, body: body.finish() };
            state.append(&head, std::iter::once(draft))
        })
    }

    /// A round.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn round(&self, number: u64) -> Result<Option<CrlRound>, LedgerError> {
        self.with(|state| {
            let record = state.store.read(Place::new(Kind::CrlRound, 0, number))?;
            record.map(|record| read_round(&record)).transpose()
        })
    }

    /// The last round, or the last before the round of this number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn round_before(&self, number: u64) -> Result<Option<CrlRound>, LedgerError> {
        self.with(|state| {
            let entries = state.store.entries(Kind::CrlRound, 0, 0)?;
            let last = entries.into_iter().rfind(|entry| entry.place.chunk < number);
            last.map(|entry| read_round(&state.expect(entry.place)?)).transpose()
        })
    }

    /// The last round that was signed, of those before the round of this number; if that is on the ledger, of those that were
    /// signed before it was recorded.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn signed_round_before(&self, number: u64) -> Result<Option<CrlRound>, LedgerError> {
        self.with(|state| {
            let own = state.store.entry(Place::new(Kind::CrlRound, 0, number))?;
            let end = own.map_or(u64::MAX, |own| own.position);
            let signed = state.store.entries(Kind::CrlIssued, 0, 0)?;
            let last = signed.into_iter().rfind(|entry| entry.place.chunk < number && entry.position < end);
            last.map(|entry| read_round(&state.expect(Place::new(Kind::CrlRound, 0, entry.place.chunk))?)).transpose()
        })
    }

    /// The numbers of all rounds, ascending, each with whether its lists were signed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn round_numbers(&self) -> Result<Vec<(u64, bool)>, LedgerError> {
        self.with(|state| {
            let signed = state.store.entries(Kind::CrlIssued, 0, 0)?;
            let is_signed = |number| signed.iter().any(|entry| entry.place.chunk == number);
            let rounds = state.store.entries(Kind::CrlRound, 0, 0)?;
            Ok(rounds.iter().map(|entry| (entry.place.chunk, is_signed(entry.place.chunk))).collect())
        })
    }

    /// What was signed of a round, list after list, if it was.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn round_issued(&self, number: u64) -> Result<Option<Vec<SignedList>>, LedgerError> {
        self.with(|state| {
            let record = state.store.read(Place::new(Kind::CrlIssued, 0, number))?;
            record.map(|record| read_signed(&record)).transpose()
        })
    }

    /// How many records there are: the position up to which a round that is made now takes revocations.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn records(&self) -> Result<u64, LedgerError> {
        self.with(|state| Ok(state.store.head()?.records))
    }
}

impl State {
    fn last_round(&mut self) -> Result<Option<Entry>, LedgerError> {
        Ok(self.store.entries(Kind::CrlRound, 0, 0)?.pop())
    }

    /// Position of the last Revoked or Released record; 0 if there is none.
    pub(super) fn revocations_changed(&mut self) -> Result<u64, LedgerError> {
        let mut last = 0;
        for kind in [Kind::Revoked, Kind::Released] {
            let entries = self.store.entries(kind, 0, u64::MAX)?;
            last = entries.iter().map(|entry| entry.position).fold(last, u64::max);
        }
        Ok(last)
    }
}

/// The lists are those that the round names, in their order.
fn check_lists(round: &CrlRound, lists: &[Vec<u8>]) -> Result<(), LedgerError> {
    let same = round.lists.len() == lists.len()
        && round
            .lists
            .iter()
            .zip(lists)
            .all(|(named, list)| named.tbs_bytes == list.len() as u64 && named.tbs_sha256 == sha256(list));
    if same { Ok(()) } else { Err(LedgerError::RoundDiffers { number: round.number }) }
}

fn write_round(round: &CrlRound) -> Vec<u8> {
    let mut body = Writer::with_capacity(round.lists.len() * 128 + 128);
    body.digest(&round.issuer_sha256);
    body.i64(round.this_update.unix());
    body.i64(round.next_update.unix());
    body.u64(round.position);
    body.u32(round.encoder);
    body.digest(&round.policies_sha256);
    for RoundList { scope, entries, tbs_sha256, tbs_bytes } in &round.lists {
        scope.write(&mut body);
        body.u64(*entries);
        body.digest(tbs_sha256);
        body.u64(*tbs_bytes);
    }
    body.finish()
}

pub(super) fn read_round(record: &Record) -> Result<CrlRound, LedgerError> {
    decoded(record, |reader| {
        let mut round = CrlRound {
            number: record.entry.place.chunk,
            issuer_sha256: reader.digest()?,
            this_update: read_time(reader)?,
            next_update: read_time(reader)?,
            position: reader.u64()?,
            encoder: reader.u32()?,
            policies_sha256: reader.digest()?,
            lists: Vec::new(),
        };
        while !reader.is_empty() {
            let scope = Scope::read(reader)?;
            let (entries, tbs_sha256) = (reader.u64()?, reader.digest()?);
            round.lists.push(RoundList { scope, entries, tbs_sha256, tbs_bytes: reader.u64()? });
        }
        let in_order = round.lists.is_sorted_by(|a, b| a.scope < b.scope);
        let counted = record.entry.count == round.lists.len() as u64 && record.entry.signatures == 0;
        let full = round.lists.first().is_some_and(|list| list.scope.is_full());
        if in_order && counted && full { Ok(round) } else { Err(Malformed) }
    })
}

fn read_signed(record: &Record) -> Result<Vec<SignedList>, LedgerError> {
    decoded(record, |reader: &mut Reader<'_>| {
        let mut signed = Vec::new();
        while !reader.is_empty() {
            signed.push(SignedList { signature: reader.bytes()?.to_vec(), crl_sha256: reader.digest()? });
        }
        if record.entry.count == signed.len() as u64 { Ok(signed) } else { Err(Malformed) }
    })
}

/// What the rounds say of each other: they ascend, and lists were signed that a round names.
pub(super) fn check(state: &mut State) -> Result<(), LedgerError> {
    let damaged = |position, what| Err(LedgerError::Damaged { position, what });
    let mut last: Option<CrlRound> = None;
    for entry in state.store.entries(Kind::CrlRound, 0, 0)? {
        let round = read_round(&state.expect(entry.place)?)?;
        if let Some(last) = &last
            && (round.this_update <= last.this_update || round.position < last.position)
        {
            return damaged(entry.position, "its round is behind an earlier one");
        }
        if round.position >= entry.position || round.next_update <= round.this_update {
            return damaged(entry.position, "its round takes records that came after it, or has no end");
        }
        last = Some(round);
    }
    for entry in state.store.entries(Kind::CrlIssued, 0, 0)? {
        let signed = read_signed(&state.expect(entry.place)?)?;
        let round = state.store.entry(Place::new(Kind::CrlRound, 0, entry.place.chunk))?;
        if round.is_none_or(|round| round.count != signed.len() as u64 || round.position > entry.position) {
            return damaged(entry.position, "it has signatures of lists that no round names");
        }
    }
    Ok(())
}
