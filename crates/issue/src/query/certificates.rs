//! All certificates of a chip: by its UID, a serial number or a digest.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::cert::IssuerIdentity;
use crate::error::Error;
use crate::ledger::{BatchId, BatchRow, BatchState, ChunkLeaf, Ledger, Revocations};
use crate::origin::ChipName;
use crate::revoke::BatchCertificates;
use crate::x509::{Certificate, SerialNumber, Sha256Digest, Time};

/// What a certificate is looked for by.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A chip's name.
    Chip(ChipName),
    /// SHA-256 of a certificate, of a chip's key or of its source leaf.
    Digest(Sha256Digest),
    /// A serial number. It is made of every leaf again until it is found.
    Serial(SerialNumber),
}

/// A leaf of a batch, with what is known of its certificate.
#[derive(Clone, Debug, Serialize)]
pub struct ChipCertificate {
    /// The chip.
    pub uid: String,
    /// The batch.
    pub batch: String,
    /// How far the batch is.
    pub batch_state: BatchState,
    /// The batch's instant of issue.
    pub issued_at: Time,
    /// The batch's policy.
    pub policy: String,
    /// `issued`; `held` if an open batch has not signed it yet; `counts-as-issued` if an abandoned batch may have signed it.
    pub standing: &'static str,
    /// The certificate's serial number in hexadecimal; none without the issuing CA's certificate.
    pub serial: Option<String>,
    /// SHA-256 of the certificate.
    pub sha256: Option<String>,
    /// SHA-256 of the chip's key.
    pub spki_sha256: Sha256Digest,
    /// SHA-256 of the source leaf.
    pub source_sha256: Sha256Digest,
    /// Why it is revoked, if it is.
    pub revoked: Option<String>,
    /// Since when.
    pub revoked_since: Option<Time>,
}

impl ChipCertificate {
    /// The columns of the table.
    pub const COLUMNS: [&str; 12] = [
        "uid",
        "batch",
        "batch_state",
        "issued_at",
        "policy",
        "standing",
        "serial",
        "sha256",
        "spki_sha256",
        "source_sha256",
        "revoked",
        "revoked_since",
    ];

    /// Returns the row of a table with those columns.
    pub fn cells(&self) -> Vec<String> {
        vec![
            self.uid.clone(),
            self.batch.clone(),
            self.batch_state.as_str().to_owned(),
            self.issued_at.to_string(),
            self.policy.clone(),
            self.standing.to_owned(),
            self.serial.clone().unwrap_or_default(),
            self.sha256.clone().unwrap_or_default(),
            self.spki_sha256.to_string(),
            self.source_sha256.to_string(),
            self.revoked.clone().unwrap_or_default(),
            self.revoked_since.map(|time| time.to_string()).unwrap_or_default(),
        ]
    }
}

/// Finds every certificate that has what is wanted, oldest batch first. A leaf that an abandoned batch freed has none.
///
/// Without `issuer` serial numbers are unknown: a ledger holds the issuer's key and not its certificate.
///
/// # Errors
/// The ledger cannot be read, or the policy of a batch cannot be bound any more.
pub fn find(ledger: &Ledger, issuer: Option<&IssuerIdentity>, wanted: &Wanted) -> Result<Vec<ChipCertificate>, Error> {
    let places = match wanted {
        Wanted::Chip(chip) => of_leaves(ledger.find_uids(&chip.candidates())?),
        Wanted::Digest(digest) => {
            let by_key = of_leaves(ledger.find_keys(&[*digest])?);
            if by_key.is_empty() { by_digest(ledger, *digest)? } else { by_key }
        }
        Wanted::Serial(serial) => match issuer {
            Some(issuer) => by_serial(ledger, issuer, serial)?,
            None => Indexes::new(),
        },
    };
    let revocations = ledger.revocations(u64::MAX)?;
    let mut found = Vec::new();
    for (batch, number) in ledger.batch_ids()? {
        if let Some(indexes) = places.get(&batch) {
            let of_batch = OfBatch { ledger, issuer, revocations: &revocations, batch: &batch, number };
            found.extend(of_batch.certificates(indexes)?);
        }
    }
    Ok(found)
}

/// Indexes of leaves in their batches.
type Indexes = BTreeMap<BatchId, BTreeSet<u32>>;

fn of_leaves(leaves: Vec<crate::ledger::FoundLeaf>) -> Indexes {
    let mut indexes = Indexes::new();
    for leaf in leaves {
        indexes.entry(leaf.batch).or_default().insert(leaf.index);
    }
    indexes
}

/// The certificate or source leaf with this digest: every leaf is looked at.
fn by_digest(ledger: &Ledger, wanted: Sha256Digest) -> Result<Indexes, Error> {
    let mut indexes = Indexes::new();
    let text = wanted.to_string();
    for (batch, _) in ledger.batch_ids()? {
        let Some(row) = ledger.batch(&batch)? else { continue };
        for chunk in 0..row.chunks() {
            let certificates = ledger.certificate_digests(&batch, chunk)?;
            let mut places: Vec<u32> =
                certificates.iter().filter(|(_, digest)| **digest == text).map(|(place, _)| *place).collect();
            let leaves = ledger.chunk_leaves(&batch, chunk)?;
            places.extend((0..).zip(&leaves).filter(|(_, leaf)| leaf.source == wanted).map(|(place, _)| place));
            let of_batch = places.into_iter().map(|place| index(&row, chunk, place));
            let of_batch: BTreeSet<u32> = of_batch.collect();
            if !of_batch.is_empty() {
                indexes.entry(batch.clone()).or_default().extend(of_batch);
            }
        }
    }
    Ok(indexes)
}

fn index(row: &BatchRow, chunk: u64, place: u32) -> u32 {
    u32::try_from(chunk * u64::from(row.chunk_size)).expect("the number of leaves was checked to fit") + place
}

fn by_serial(ledger: &Ledger, issuer: &IssuerIdentity, wanted: &SerialNumber) -> Result<Indexes, Error> {
    let mut indexes = Indexes::new();
    for (batch, _) in ledger.batch_ids()? {
        let Some(mut certificates) = BatchCertificates::open(ledger, issuer, &batch)? else {
            let Some(row) = ledger.batch(&batch)? else { continue };
            for chunk in 0..row.chunks() {
                let answers = ledger.answers(&batch, chunk)?;
                let places = answers.iter().filter(|(_, der)| serial_of(der).as_ref() == Some(wanted));
                let found: Vec<u32> = places.map(|(place, _)| index(&row, chunk, *place)).collect();
                if !found.is_empty() {
                    indexes.entry(batch.clone()).or_default().extend(found);
                }
            }
            continue;
        };
        for index in 0..certificates.leaves() {
            if certificates.revocable(index)?.is_some_and(|one| one.serial == *wanted) {
                indexes.entry(batch.clone()).or_default().insert(index);
            }
        }
    }
    Ok(indexes)
}

/// The serial number that an external CA chose.
fn serial_of(der: &[u8]) -> Option<SerialNumber> {
    Certificate::from_der(der).ok().map(|certificate| *certificate.serial())
}

struct OfBatch<'a> {
    ledger: &'a Ledger,
    issuer: Option<&'a IssuerIdentity>,
    revocations: &'a Revocations,
    batch: &'a BatchId,
    number: u64,
}

impl OfBatch<'_> {
    fn certificates(&self, indexes: &BTreeSet<u32>) -> Result<Vec<ChipCertificate>, Error> {
        let Some(row) = self.ledger.batch(self.batch)? else { return Ok(vec![]) };
        let opened = self.issuer.map(|issuer| BatchCertificates::open(self.ledger, issuer, self.batch)).transpose()?;
        let mut opened = opened.flatten();
        let mut chunk: Option<(u64, Vec<ChunkLeaf>, std::collections::HashMap<u32, String>)> = None;
        let mut found = Vec::with_capacity(indexes.len());
        for index in indexes {
            let number = u64::from(index / row.chunk_size);
            if chunk.as_ref().is_none_or(|(kept, ..)| *kept != number) {
                let leaves = self.ledger.chunk_leaves(self.batch, number)?;
                chunk = Some((number, leaves, self.ledger.certificate_digests(self.batch, number)?));
            }
            let (_, leaves, digests) = chunk.as_ref().expect("the chunk was read");
            let place = index % row.chunk_size;
            let leaf = &leaves[usize::try_from(place).expect("a chunk's leaves fit into memory")];
            let sha256 = digests.get(&place).cloned();
            let standing = match (row.state, &sha256) {
                (_, Some(_)) => "issued",
                (BatchState::Abandoned, None) if leaf.issued => "counts-as-issued",
                (BatchState::Abandoned, None) => continue,
                (BatchState::Open | BatchState::Sealed, None) => "held",
            };
            let serial = match (&mut opened, &sha256) {
                (Some(opened), _) => opened.revocable(*index)?.map(|one| one.serial),
                (None, Some(_)) if row.delivery.authority.is_external() => {
                    self.ledger.answers(self.batch, number)?.get(&place).and_then(|der| serial_of(der))
                }
                (None, _) => None,
            };
            let serial = serial.map(|serial| serial.to_string());
            let revoked = self.revocations.find(self.number, *index);
            found.push(ChipCertificate {
                uid: leaf.uid.to_string(),
                batch: self.batch.to_string(),
                batch_state: row.state,
                issued_at: row.issued_at,
                policy: row.terms.policy_name.clone(),
                standing,
                serial,
                sha256,
                spki_sha256: leaf.spki,
                source_sha256: leaf.source,
                revoked: revoked.map(|one| one.reason.to_string()),
                revoked_since: revoked.map(|one| one.since),
            });
        }
        Ok(found)
    }
}
