//! Requests to an external CA: recorded before they leave, answered once.
//!
//! An intent holds the digest of the tbsCertificate that is asked for; what comes back is another one, and is kept
//! whole in place of a signature. Which batches are of this kind is in their `delivery`.

use crate::cert::{IssuedCertificate, TbsCertificate};
use crate::crypto::sha256;
use crate::lint::LintedTbs;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::batch::BatchId;
use super::chunk::Chunk;
use super::codec::Writer;
use super::open::{Ledger, State, damaged, decoded};
use super::record::{Draft, Kind, Place};

/// A request whose intent is durable: the only thing that is sent to another CA. Only the ledger makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordedRequest(TbsCertificate);

impl RecordedRequest {
    /// The tbsCertificate that is asked for; its serial number is not asked for.
    pub fn wanted(&self) -> &TbsCertificate {
        &self.0
    }
}

/// What became of one leaf of a chunk that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Requested {
    /// The certificate is on the ledger; it is to be checked before it is released.
    Answered(RecordedRequest, Vec<u8>),
    /// It was sent and its outcome is unknown: it must not be sent again before the operator has decided.
    InDoubt(RecordedRequest),
    /// It was not sent, or came to nothing.
    Open(RecordedRequest),
}

impl Ledger {
    /// Makes the intent to ask for a chunk durable, or finds the one of an earlier run. Returns one result a leaf, in
    /// order.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn request(&self, batch: &BatchId, chunk: u64, linted: Vec<LintedTbs>) -> Result<Vec<Requested>, LedgerError> {
        let known = self.intend(batch, chunk, &linted)?.0;
        let doubts = self.with(|state| doubts(state, &known))?;
        let results = linted.into_iter().zip(known.leaves).zip(doubts).map(|((linted, leaf), doubt)| {
            let request = RecordedRequest(linted.into_tbs());
            match leaf.issued {
                None if doubt => Ok(Requested::InDoubt(request)),
                None => Ok(Requested::Open(request)),
                Some(issued) if sha256(&issued.signature) == issued.certificate => {
                    Ok(Requested::Answered(request, issued.signature))
                }
                Some(issued) => Err(LedgerError::Damaged {
                    position: issued.position,
                    what: "a certificate's digest is not its own",
                }),
            }
        });
        results.collect()
    }

    /// Makes verified certificates of another CA durable; a chunk's may come in several parts, in any order. What is on
    /// the ledger already is passed over.
    ///
    /// # Errors
    /// A certificate is not for a leaf that was asked for, or the leaf has another one; or the store fails.
    pub fn record_answers(
        &self,
        batch: &BatchId,
        chunk: u64,
        answers: &[IssuedCertificate],
    ) -> Result<(), LedgerError> {
        let digests: Vec<Sha256Digest> = answers.iter().map(|answer| sha256(answer.der())).collect();
        self.with(|state| {
            let head = state.store.head()?;
            let known = Chunk::load(state, batch, chunk)?;
            let mut body = Writer::with_capacity(answers.len() * 600);
            let mut new: u64 = 0;
            let mut taken = vec![false; known.leaves.len()];
            let mut after = 0;
            for (answer, digest) in answers.iter().zip(&digests) {
                let index = known.find_from(after, answer.tbs())?;
                after = index + 1;
                known.check_leaf(index, answer.tbs())?;
                let leaf = &known.leaves[index];
                if leaf.tbs.is_none() {
                    return Err(known.not_recorded(&leaf.uid));
                }
                match leaf.issued.as_ref().map(|earlier| earlier.certificate == *digest) {
                    Some(true) => continue,
                    None if !std::mem::replace(&mut taken[index], true) => {}
                    Some(false) | None => {
                        let uid = leaf.uid;
                        return Err(LedgerError::CertificateDiffers { uid, batch: batch.clone() });
                    }
                }
                body.count(index);
                body.digest(digest);
                body.bytes(answer.der());
                new += 1;
            }
            if new == 0 {
                return Ok(());
            }
            known.check_open(state)?;
            let place = Place::new(Kind::Issued, known.batch.number, chunk).part(known.results);
            let body = std::mem::take(&mut body).finish();
            state.append(&head, std::iter::once(Draft { place, count: new, signatures: new, body }))
        })
    }

    /// Makes it durable that requests are about to leave, each under the name of its transaction.
    ///
    /// # Errors
    /// A request is not of the chunk, or the store fails: then nothing may leave.
    pub fn record_sent(
        &self,
        batch: &BatchId,
        chunk: u64,
        requests: &[(&RecordedRequest, [u8; 16])],
    ) -> Result<(), LedgerError> {
        self.note(Kind::Sent, batch, chunk, requests.len(), &|known, body| {
            requests.iter().try_for_each(|(request, transaction)| {
                body.count(known.find_from(0, &request.0)?);
                body.raw(transaction);
                Ok(())
            })
        })
    }

    /// Makes it durable that requests came to nothing, so that they may be sent again: the CA said so, it cannot have
    /// seen them, or the operator has decided. `why` is for people.
    ///
    /// # Errors
    /// A request is not of the chunk, or the store fails: they stay in doubt.
    pub fn record_settled(
        &self,
        batch: &BatchId,
        chunk: u64,
        requests: &[(&RecordedRequest, String)],
    ) -> Result<(), LedgerError> {
        self.note(Kind::Settled, batch, chunk, requests.len(), &|known, body| {
            requests.iter().try_for_each(|(request, why)| {
                body.count(known.find_from(0, &request.0)?);
                body.text(why);
                Ok(())
            })
        })
    }

    fn note(
        &self,
        kind: Kind,
        batch: &BatchId,
        chunk: u64,
        count: usize,
        write: &dyn Fn(&Chunk, &mut Writer) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        if count == 0 {
            return Ok(());
        }
        self.with(|state| {
            let head = state.store.head()?;
            let known = Chunk::load(state, batch, chunk)?;
            known.check_open(state)?;
            let mut body = Writer::default();
            write(&known, &mut body)?;
            let mut place = Place::new(kind, known.batch.number, chunk);
            while state.store.entry(place)?.is_some() {
                place = place.part(place.part + 1);
            }
            let draft = Draft { count: count as u64, ..Draft::new(place, body.finish()) };
            state.append(&head, std::iter::once(draft))
        })
    }
}

/// Which leaves of a chunk were sent after they were last settled.
fn doubts(state: &mut State, known: &Chunk) -> Result<Vec<bool>, LedgerError> {
    let mut sent = vec![0; known.leaves.len()];
    let mut settled = vec![0; known.leaves.len()];
    for (kind, last) in [(Kind::Sent, &mut sent), (Kind::Settled, &mut settled)] {
        let mut place = Place::new(kind, known.batch.number, known.number);
        while let Some(record) = state.store.read(place)? {
            let indices = decoded(&record, |reader| {
                let mut indices = Vec::new();
                while !reader.is_empty() {
                    indices.push(reader.count()?);
                    if kind == Kind::Sent {
                        reader.raw(16)?;
                    } else {
                        reader.text()?;
                    }
                }
                Ok(indices)
            })?;
            for index in indices {
                *last.get_mut(index).ok_or_else(|| damaged(&record))? = record.entry.position;
            }
            place = place.part(place.part + 1);
        }
    }
    Ok(sent.into_iter().zip(settled).map(|(sent, settled): (u64, u64)| sent > settled).collect())
}
