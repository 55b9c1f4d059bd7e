//! What a CA key signs besides leaves: certificates of CAs and manifest signers, requests, possession certificates,
//! revocation lists. Recorded before it is signed, like everything else.

use crate::crypto::sha256;
use crate::x509::tlv::{Reader as DerReader, tag};
use crate::x509::{Sha256Digest, Time};

use super::LedgerError;
use super::codec::Writer;
use super::open::{Ledger, decoded};
use super::record::{Draft, Kind, Place, Record};
use super::recorded::{Recorded, ToBeSigned};

/// Something of the CA itself that a CA key is to sign. It may be signed when it is [`Recorded`].
#[derive(Debug, PartialEq, Eq)]
pub struct CaIntent {
    position: u64,
    kind: String,
    tbs: Vec<u8>,
}

impl ToBeSigned for CaIntent {
    fn bytes(&self) -> &[u8] {
        &self.tbs
    }
}

impl Recorded<CaIntent> {
    /// What sort of thing is signed.
    pub fn kind(&self) -> &str {
        &self.inner().kind
    }
}

/// Something that a CA key was to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaEntry {
    /// Position of its record.
    pub position: u64,
    /// What sort of thing it is.
    pub kind: String,
    /// When it was recorded.
    pub at: Time,
    /// SHA-256 of the bytes to sign.
    pub tbs_sha256: Sha256Digest,
    /// The signed thing; none if the signature was never recorded.
    pub der: Option<Vec<u8>>,
}

impl Ledger {
    /// Makes the intent to sign `tbs` with a CA key durable. `kind` is a word for people (`root`, `crl`).
    ///
    /// # Errors
    /// The store fails: then it must not be signed.
    pub fn record_ca(&self, kind: &str, tbs: &[u8], at: Time) -> Result<Recorded<CaIntent>, LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let position = head.records + 1;
            let mut body = Writer::with_capacity(tbs.len() + 64);
            body.text(kind);
            body.i64(at.unix());
            body.bytes(tbs);
            let draft = Draft { count: 1, ..Draft::new(Place::new(Kind::CaIntent, 0, position), body.finish()) };
            state.append(&head, std::iter::once(draft))?;
            Ok(Recorded::assert_recorded(CaIntent { position, kind: kind.to_owned(), tbs: tbs.to_vec() }))
        })
    }

    /// Makes the signed thing durable.
    ///
    /// # Errors
    /// `der` is not a signed structure around the recorded bytes, or the store fails.
    pub fn record_ca_signed(&self, recorded: Recorded<CaIntent>, der: &[u8]) -> Result<(), LedgerError> {
        let CaIntent { position, kind, tbs } = recorded.into_inner();
        if !is_around(der, &tbs) {
            return Err(LedgerError::CaDiffers { kind });
        }
        self.with(|state| {
            let head = state.store.head()?;
            let place = Place::new(Kind::CaSigned, 0, position);
            let draft = Draft { place, count: 1, signatures: 1, body: der.to_vec() };
            state.append(&head, std::iter::once(draft))
        })
    }

    /// Everything that a CA key was to sign besides leaves, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn ca_entries(&self) -> Result<Vec<CaEntry>, LedgerError> {
        self.with(|state| {
            let mut entries = Vec::new();
            for entry in state.store.entries(Kind::CaIntent, 0, 0)? {
                let intent = state.expect(entry.place)?;
                let signed = state.store.read(Place::new(Kind::CaSigned, 0, entry.position))?;
                entries.push(ca_entry(&intent, signed)?);
            }
            Ok(entries)
        })
    }
}

fn ca_entry(intent: &Record, signed: Option<Record>) -> Result<CaEntry, LedgerError> {
    let (kind, at, tbs_sha256) =
        decoded(intent, |reader| Ok((reader.text()?.to_owned(), reader.i64()?, sha256(reader.bytes()?))))?;
    let position = intent.entry.position;
    let at = Time::from_unix(at).map_err(|_| LedgerError::Damaged { position, what: "its time is not one" })?;
    Ok(CaEntry { position, kind, at, tbs_sha256, der: signed.map(|signed| signed.body) })
}

/// Certificates, requests and revocation lists alike: SEQUENCE { what was signed, algorithm, BIT STRING }
/// (RFC 5280 §4.1, §5.1; RFC 2986 §4.2).
fn is_around(der: &[u8], tbs: &[u8]) -> bool {
    let mut reader = DerReader::new(der);
    let Ok(sequence) = reader.expect(tag::SEQUENCE, "signed structure") else { return false };
    let mut fields = DerReader::new(sequence.content);
    reader.is_empty() && fields.element("signed bytes").is_ok_and(|element| element.raw == tbs)
}
