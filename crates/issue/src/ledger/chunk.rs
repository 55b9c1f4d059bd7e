//! Chunks: intents before signatures, results after them.

use crate::cert::{IssuedCertificate, TbsCertificate, UncheckedCertificate};
use crate::crypto::sha256;
use crate::lint::LintedTbs;
use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::batch::{BatchId, BatchState, Summary};
use super::codec::{Malformed, Reader, Writer};
use super::leaf;
use super::open::{Ledger, State, damaged, decoded};
use super::record::{Draft, Kind, Place, Record};
use super::recorded::{Recorded, RecordedLeaf};

impl Ledger {
    /// How many serial numbers were given up so far for each leaf of a chunk: the attempt its tbsCertificate must be
    /// built for.
    ///
    /// # Errors
    /// There is no such batch or chunk, or the store cannot be read.
    pub fn attempts(&self, batch: &BatchId, chunk: u64) -> Result<Vec<u32>, LedgerError> {
        self.with(|state| {
            let summary = state.known(batch)?;
            let at = |kind| Place::new(kind, summary.number, chunk);
            let Some(leaves) = state.store.entry(at(Kind::Uids))? else { return Err(no_such_chunk(&summary, chunk)) };
            let mut attempts = vec![0; usize::try_from(leaves.count).expect("a chunk's leaves fit into memory")];
            for part in 0.. {
                let Some(record) = state.store.read(at(Kind::Retry).part(part))? else { break };
                let retry = Retry::read(&record)?;
                *attempts.get_mut(retry.index).ok_or_else(|| damaged(&record))? = retry.attempt;
            }
            Ok(attempts)
        })
    }

    /// Makes the intent to sign a chunk durable, or finds the one of an earlier run. Returns one result a leaf, in
    /// order.
    ///
    /// # Errors
    /// A tbsCertificate is not that of the leaf at its place or of its attempt, or not the one recorded before; or the
    /// store fails: then nothing may be signed.
    pub fn record(
        &self,
        batch: &BatchId,
        chunk: u64,
        linted: Vec<LintedTbs>,
    ) -> Result<Vec<RecordedLeaf>, LedgerError> {
        let (known, fresh) = self.intend(batch, chunk, &linted)?;
        let results = linted.into_iter().zip(known.leaves).map(|(linted, leaf)| match leaf.issued {
            Some(issued) => {
                let unchecked = UncheckedCertificate::new(linted.into_tbs(), issued.signature);
                if sha256(&unchecked.tbs().wrap(unchecked.signature())) == issued.certificate {
                    Ok(RecordedLeaf::AlreadyIssued(unchecked))
                } else {
                    Err(LedgerError::Damaged {
                        position: issued.position,
                        what: "a certificate's digest is not its own",
                    })
                }
            }
            None if fresh => Ok(RecordedLeaf::Fresh(Recorded::assert_recorded(linted.into_tbs()))),
            None => Ok(RecordedLeaf::Resumed(Recorded::assert_recorded(linted.into_tbs()))),
        });
        results.collect()
    }

    /// Makes the digests of a chunk's tbsCertificates durable, or finds them. Returns what is known of the chunk, and
    /// whether the intent is new.
    pub(super) fn intend(
        &self,
        batch: &BatchId,
        chunk: u64,
        linted: &[LintedTbs],
    ) -> Result<(Chunk, bool), LedgerError> {
        let digests: Vec<Sha256Digest> = linted.iter().map(|linted| linted.tbs().sha256()).collect();
        self.with(|state| {
            let head = state.store.head()?;
            let known = Chunk::load(state, batch, chunk)?;
            known.check_leaves(linted)?;
            if known.intended {
                known.check_digests(linted, &digests)?;
                return Ok((known, false));
            }
            known.check_open(state)?;
            let mut body = Writer::with_capacity(digests.len() * 32);
            for digest in &digests {
                body.digest(digest);
            }
            let place = Place::new(Kind::Intent, known.batch.number, chunk);
            let draft = Draft { count: digests.len() as u64, ..Draft::new(place, body.finish()) };
            state.append(&head, std::iter::once(draft))?;
            Ok((known, true))
        })
    }

    /// Makes the intent to sign one leaf under its next serial number durable.
    ///
    /// # Errors
    /// The chunk has no intent, the leaf is not in it or has a certificate, the tbsCertificate is not that of the next
    /// attempt or has the serial number of the last; or the store fails: then it must not be signed.
    pub fn retry(
        &self,
        batch: &BatchId,
        chunk: u64,
        linted: LintedTbs,
    ) -> Result<Recorded<TbsCertificate>, LedgerError> {
        let tbs = linted.tbs();
        let digest = tbs.sha256();
        self.with(|state| {
            let head = state.store.head()?;
            let known = Chunk::load(state, batch, chunk)?;
            let uid = &tbs.origin().uid;
            let index = known.find(uid).ok_or_else(|| known.not_recorded(uid))?;
            known.check_leaf(index, tbs)?;
            let leaf = &known.leaves[index];
            let before = leaf.tbs.ok_or_else(|| known.not_recorded(uid))?;
            if leaf.issued.is_some() {
                return Err(LedgerError::CertificateDiffers { uid: *uid, batch: batch.clone() });
            }
            if tbs.attempt() == leaf.attempt && leaf.attempt > 0 && before == digest {
                // recorded by a call that was told it had failed
                return Ok(());
            }
            let expected = leaf.attempt + 1;
            if tbs.attempt() != expected {
                return Err(LedgerError::AttemptDiffers { uid: *uid, found: tbs.attempt(), expected });
            }
            if before == digest {
                return Err(LedgerError::RetryUnchanged { uid: *uid, attempt: expected });
            }
            known.check_open(state)?;
            let body = Retry { index, attempt: expected, tbs: digest }.write();
            let place = Place::new(Kind::Retry, known.batch.number, chunk).part(known.retries);
            let draft = Draft { count: 1, ..Draft::new(place, body) };
            state.append(&head, std::iter::once(draft))
        })?;
        Ok(Recorded::assert_recorded(linted.into_tbs()))
    }

    /// Makes verified signatures durable; a chunk's may come in several parts, in any order. What is on the ledger
    /// already is passed over. `signatures_made` counts every signature the key made, also those thrown away.
    ///
    /// # Errors
    /// A certificate is not of the recorded tbsCertificate, or the leaf has another one; or the store fails: the
    /// signatures will be made again over the same bytes.
    pub fn record_issued(
        &self,
        batch: &BatchId,
        chunk: u64,
        issued: &[IssuedCertificate],
        signatures_made: u64,
    ) -> Result<(), LedgerError> {
        let digests: Vec<_> =
            issued.iter().map(|certificate| (certificate.tbs().sha256(), certificate.sha256())).collect();
        self.with(|state| {
            let head = state.store.head()?;
            let known = Chunk::load(state, batch, chunk)?;
            let mut body = Writer::with_capacity(issued.len() * 112);
            let mut new: u64 = 0;
            let mut taken = vec![false; known.leaves.len()];
            let mut after = 0;
            for (certificate, (tbs, digest)) in issued.iter().zip(&digests) {
                let index = known.find_from(after, certificate.tbs())?;
                after = index + 1;
                let leaf = &known.leaves[index];
                known.check_recorded(index, certificate.tbs(), tbs)?;
                let same = leaf.issued.as_ref().map(|earlier| earlier.certificate == *digest);
                match same {
                    Some(true) => continue,
                    None if !std::mem::replace(&mut taken[index], true) => {}
                    Some(false) | None => {
                        let uid = certificate.origin().uid;
                        return Err(LedgerError::CertificateDiffers { uid, batch: batch.clone() });
                    }
                }
                body.count(index);
                body.digest(digest);
                body.bytes(certificate.signature());
                new += 1;
            }
            if new == 0 && (signatures_made == 0 || !issued.is_empty()) {
                return Ok(());
            }
            known.check_open(state)?;
            let place = Place::new(Kind::Issued, known.batch.number, chunk).part(known.results);
            let draft =
                Draft { place, count: new, signatures: signatures_made, body: std::mem::take(&mut body).finish() };
            state.append(&head, std::iter::once(draft))
        })
    }
}

/// What the ledger knows of a chunk.
pub(super) struct Chunk {
    pub(super) batch: Summary,
    pub(super) number: u64,
    pub(super) leaves: Vec<Leaf>,
    /// Whether the chunk's intent is on the ledger.
    intended: bool,
    /// How many retry records there are.
    retries: u32,
    /// How many result records there are.
    pub(super) results: u32,
}

/// What the ledger knows of a leaf of a chunk.
pub(super) struct Leaf {
    pub(super) uid: Uid,
    spki: Sha256Digest,
    source: Sha256Digest,
    attempt: u32,
    /// SHA-256 of the tbsCertificate of that attempt.
    pub(super) tbs: Option<Sha256Digest>,
    pub(super) issued: Option<Issued>,
}

/// What came of a leaf.
pub(super) struct Issued {
    pub(super) position: u64,
    pub(super) certificate: Sha256Digest,
    /// The signature; of a batch that another CA makes, the whole certificate.
    pub(super) signature: Vec<u8>,
}

/// A `Retry` record.
struct Retry {
    /// Of the leaf in its chunk.
    index: usize,
    attempt: u32,
    /// SHA-256 of the tbsCertificate of that attempt.
    tbs: Sha256Digest,
}

impl Retry {
    fn write(&self) -> Vec<u8> {
        let mut body = Writer::default();
        body.count(self.index);
        body.u32(self.attempt);
        body.digest(&self.tbs);
        body.finish()
    }

    fn read(record: &Record) -> Result<Self, LedgerError> {
        decoded(record, |reader| Ok(Self { index: reader.count()?, attempt: reader.u32()?, tbs: reader.digest()? }))
    }
}

/// One result in an Issued record: place of the leaf in its chunk, SHA-256 of the certificate, signature.
type ReadResult<'a> = (usize, Sha256Digest, &'a [u8]);

fn results(record: &Record) -> Result<Vec<ReadResult<'_>>, LedgerError> {
    let mut reader = Reader::new(&record.body);
    let mut results = Vec::new();
    while !reader.is_empty() {
        let mut result = || Ok((reader.count()?, reader.digest()?, reader.bytes()?));
        results.push(result().map_err(|_: Malformed| damaged(record))?);
    }
    Ok(results)
}

/// Place of the leaf in its chunk and SHA-256 of the certificate, of each result in an Issued record.
pub(super) fn issued(record: &Record) -> Result<Vec<(usize, Sha256Digest)>, LedgerError> {
    Ok(results(record)?.into_iter().map(|(place, digest, _)| (place, digest)).collect())
}

/// Place of the leaf in its chunk, and the whole certificate, of each result of an external CA.
pub(super) fn answered(record: &Record) -> Result<Vec<(usize, Vec<u8>)>, LedgerError> {
    Ok(results(record)?.into_iter().map(|(place, _, certificate)| (place, certificate.to_vec())).collect())
}

fn no_such_chunk(batch: &Summary, chunk: u64) -> LedgerError {
    LedgerError::NoSuchChunk { batch: batch.id.clone(), chunk, chunks: batch.chunks() }
}

impl Chunk {
    pub(super) fn load(state: &mut State, id: &BatchId, chunk: u64) -> Result<Self, LedgerError> {
        let batch = state.known(id)?;
        let number = batch.number;
        let at = |kind| Place::new(kind, number, chunk);
        let Some(uids) = state.store.read(at(Kind::Uids))? else {
            return Err(no_such_chunk(&batch, chunk));
        };
        let digests = state.expect(at(Kind::Digests))?;
        let mut leaves = Vec::new();
        for (index, uid) in leaf::read_uids(&uids.body).map_err(|_| damaged(&uids))?.into_iter().enumerate() {
            let uid = Uid::from_bytes(uid).map_err(|_| damaged(&uids))?;
            let (spki, source) = leaf::read_digests(&digests.body, index).map_err(|_| damaged(&digests))?;
            leaves.push(Leaf { uid, spki, source, attempt: 0, tbs: None, issued: None });
        }
        let mut known = Self { batch, number: chunk, leaves, intended: false, retries: 0, results: 0 };
        if let Some(intent) = state.store.read(at(Kind::Intent))? {
            known.intend(&intent)?;
            while let Some(retry) = state.store.read(at(Kind::Retry).part(known.retries))? {
                known.raise(&retry)?;
            }
            while let Some(results) = state.store.read(at(Kind::Issued).part(known.results))? {
                known.issue(&results)?;
            }
        }
        Ok(known)
    }

    fn intend(&mut self, record: &Record) -> Result<(), LedgerError> {
        self.intended = true;
        let leaves = &mut self.leaves;
        decoded(record, |reader| {
            leaves.iter_mut().try_for_each(|leaf| {
                leaf.tbs = Some(reader.digest()?);
                Ok(())
            })
        })
    }

    fn raise(&mut self, record: &Record) -> Result<(), LedgerError> {
        self.retries += 1;
        let retry = Retry::read(record)?;
        let leaf = self.leaves.get_mut(retry.index).ok_or_else(|| damaged(record))?;
        (leaf.attempt, leaf.tbs) = (retry.attempt, Some(retry.tbs));
        Ok(())
    }

    fn issue(&mut self, record: &Record) -> Result<(), LedgerError> {
        self.results += 1;
        for (index, certificate, signature) in results(record)? {
            let signature = signature.to_vec();
            let leaf = self.leaves.get_mut(index).ok_or_else(|| damaged(record))?;
            leaf.issued = Some(Issued { position: record.entry.position, certificate, signature });
        }
        Ok(())
    }

    fn find(&self, uid: &Uid) -> Option<usize> {
        self.leaves.binary_search_by(|leaf| leaf.uid.cmp(uid)).ok()
    }

    /// As [`find`](Self::find), looking at `guess` first: results usually come in order.
    pub(super) fn find_from(&self, guess: usize, tbs: &TbsCertificate) -> Result<usize, LedgerError> {
        let uid = &tbs.origin().uid;
        match self.leaves.get(guess) {
            Some(leaf) if leaf.uid == *uid => Ok(guess),
            _ => self.find(uid).ok_or_else(|| self.not_recorded(uid)),
        }
    }

    /// Nothing is added to a sealed batch, nor to one that was abandoned.
    pub(super) fn check_open(&self, state: &mut State) -> Result<(), LedgerError> {
        let batch = self.batch.id.clone();
        match state.state_of(self.batch.number)? {
            BatchState::Abandoned => Err(LedgerError::Abandoned { batch }),
            BatchState::Open => Ok(()),
            BatchState::Sealed => Err(LedgerError::Sealed { batch }),
        }
    }

    fn check_leaves(&self, linted: &[LintedTbs]) -> Result<(), LedgerError> {
        if linted.len() != self.leaves.len() {
            return Err(LedgerError::ChunkLength {
                batch: self.batch.id.clone(),
                chunk: self.number,
                found: linted.len(),
                expected: self.leaves.len(),
            });
        }
        for (index, linted) in linted.iter().enumerate() {
            self.check_leaf(index, linted.tbs())?;
            let (found, expected) = (linted.tbs().attempt(), self.leaves[index].attempt);
            if found != expected {
                let uid = linted.tbs().origin().uid;
                return Err(LedgerError::AttemptDiffers { uid, found, expected });
            }
        }
        Ok(())
    }

    /// Chip, source leaf and key are those of the leaf list.
    pub(super) fn check_leaf(&self, index: usize, tbs: &TbsCertificate) -> Result<(), LedgerError> {
        let leaf = &self.leaves[index];
        let what = if leaf.uid != tbs.origin().uid {
            "UID"
        } else if leaf.source != tbs.origin().fingerprint {
            "source leaf"
        } else if leaf.spki != sha256(tbs.spki().der()) {
            "key"
        } else {
            return Ok(());
        };
        Err(LedgerError::LeafDiffers { uid: tbs.origin().uid, batch: self.batch.id.clone(), what })
    }

    fn check_digests(&self, linted: &[LintedTbs], digests: &[Sha256Digest]) -> Result<(), LedgerError> {
        (0..)
            .zip(linted)
            .zip(digests)
            .try_for_each(|((index, linted), found)| self.check_recorded(index, linted.tbs(), found))
    }

    /// These bytes are the ones that were recorded for the leaf.
    fn check_recorded(&self, index: usize, tbs: &TbsCertificate, found: &Sha256Digest) -> Result<(), LedgerError> {
        let uid = &tbs.origin().uid;
        match self.leaves[index].tbs {
            None => Err(self.not_recorded(uid)),
            Some(recorded) if recorded == *found => Ok(()),
            Some(recorded) => {
                Err(LedgerError::TbsDiffers { uid: *uid, batch: self.batch.id.clone(), recorded, found: *found })
            }
        }
    }

    pub(super) fn not_recorded(&self, uid: &Uid) -> LedgerError {
        LedgerError::NotRecorded { uid: *uid, batch: self.batch.id.clone(), chunk: self.number }
    }
}
