//! `manifest.json`: what the signer says about a whole batch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cert::{Seed, SerialBasis};
use crate::verify::Relaxation;
use crate::x509::{SerialNumber, Sha256Digest, Time};

use super::format::Format;
use super::json::{self, named, strings};

mod written;

pub(super) use written::{SEAL_KINDS, out_of_order, seal_kind};

/// The statement of a batch, field by field in the order of the file (docs/spec/manifest-format.md).
///
/// Anyone can make one; only [`SignedManifest`](super::SignedManifest) holds one that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The format, with the encoder and the family that go with it.
    pub format: Format,
    /// The batch's name, a UUIDv7 (RFC 9562) in lower case with hyphens.
    pub batch: String,
    /// The instant of verification, from which validity is counted.
    pub issued_at: Time,
    /// When the statement was made: also the seal's signingTime.
    pub created: Time,
    /// The program and its release, such as `reroot 0.1.0`.
    pub tool: String,
    /// What was read.
    pub inputs: InputsReference,
    /// Trust anchors of the source side, in the order that entries count them.
    pub anchors: Vec<AnchorReference>,
    /// Deviations from strict intake that the policy allowed, sorted.
    pub relaxations: Vec<Relaxation>,
    /// The policy.
    pub policy: PolicyReference,
    /// Values the operator gave for the policy's parameters.
    pub params: BTreeMap<String, String>,
    /// Why chips that had a certificate under this policy got another one.
    pub reissue: Option<String>,
    /// ST's bulk identifier, if the operator asked for it to be published.
    pub bulk_id: Option<String>,
    /// Who signed the certificates.
    pub issuer: IssuerReference,
    /// Seed of the serial numbers; none when a foreign CA chose them.
    pub serial_seed: Option<Seed>,
    /// SHA-256 of a public value that was read before the first serial number was derived; none in version 1.
    pub beacon: Option<Sha256Digest>,
    /// Serial numbers that were given up because their signature was not of full width, in the order of the entries.
    pub discarded_serials: Vec<SerialNumber>,
    /// The list of chips that was to be met, if there was one.
    pub expected: Option<Expected>,
    /// Accounting of the items.
    pub counts: Counts,
    /// The manifest's lines.
    pub entries: EntriesReference,
    /// SHA-256 of `rejected.jsonl`.
    pub rejected: Sha256Digest,
    /// Every other file of the batch but statement and seal, sorted by name.
    pub files: Vec<FileDigest>,
    /// The batch sealed before this one by the same ledger.
    pub previous: Option<Previous>,
    /// Whether chips have shown that they hold their keys.
    pub proof_of_possession: Possession,
    /// Kinds of seals that were made beside the batch besides its own, sorted; none in version 1.
    pub seals: Vec<String>,
}

/// `inputs`: the file [`INPUTS_FILE`](super::INPUTS_FILE).
// `file` is written, and compared when a statement that was read is written again
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "file", rename = "inputs.jsonl")]
pub struct InputsReference {
    /// SHA-256 of the file.
    pub sha256: Sha256Digest,
    /// Its lines.
    pub count: u64,
}

/// One of `anchors`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorReference {
    /// Its subject, escaped.
    pub subject: String,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_sha256: Sha256Digest,
    /// SHA-256 of the certificate that was configured.
    pub sha256: Sha256Digest,
}

/// `policy`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyReference {
    /// The policy's name, part of the identity of a certificate.
    pub name: String,
    /// The policy's version.
    pub version: u32,
    /// SHA-256 of `policy.toml`.
    pub sha256: Sha256Digest,
}

/// `issuer`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerReference {
    /// Where the signatures were made.
    pub mode: IssuerMode,
    /// The issuing CA's subject, escaped.
    pub subject: String,
    /// SHA-256 of the issuing CA's certificate.
    pub sha256: Sha256Digest,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_sha256: Sha256Digest,
}

/// Where the signatures were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerMode {
    /// By `plan`, `sign`, `finish`.
    AirGapped,
    /// By a CA that is not this program.
    Foreign,
    /// By the run that made the batch.
    Local,
}

impl IssuerMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::AirGapped, Self::Foreign, Self::Local];

    /// The word in statements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AirGapped => "air-gapped",
            Self::Foreign => "foreign",
            Self::Local => "local",
        }
    }
}

/// `expected`: the list given with `--expect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// SHA-256 of the list's bytes.
    pub sha256: Sha256Digest,
    /// Chips on the list.
    pub count: u64,
    /// What of it was not met; always known in version 2, never in version 1.
    pub unmet: Option<Unmet>,
}

/// `expected.missing` and `expected.surplus`: how a list was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// SHA-256 of [`MISSING_FILE`](super::MISSING_FILE).
    pub missing: Sha256Digest,
    /// Its lines.
    pub missing_count: u64,
    /// Findings that are there because the list does not name a chip.
    pub surplus: u64,
}

/// `counts`: every item is exactly one of issued, rejected, ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Items of all inputs.
    pub items: u64,
    /// Certificates of this batch.
    pub issued: u64,
    /// Candidates that failed.
    pub rejected: u64,
    /// Items that are not candidates, duplicates, or issued before.
    pub ignored: u64,
    /// Signatures that the issuing key made, discarded ones included.
    pub signatures_made: u64,
}

/// `entries`: the file [`ENTRIES_FILE`](super::ENTRIES_FILE).
// `file` is written, and compared when a statement that was read is written again
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "file", rename = "manifest.jsonl")]
pub struct EntriesReference {
    /// SHA-256 of the file.
    pub sha256: Sha256Digest,
    /// Its lines.
    pub tree_size: u64,
    /// Root of the Merkle tree over them.
    pub root_hash: Sha256Digest,
}

/// One of `files`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its name, without a directory.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
}

/// `previous`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Its name.
    #[serde(deserialize_with = "json::batch")]
    pub batch: String,
    /// SHA-256 of its `manifest.json`.
    pub statement_sha256: Sha256Digest,
}

/// `proof_of_possession`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Possession {
    /// No chip was asked.
    None,
}

impl Possession {
    /// The word in statements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
        }
    }
}

strings! {
    IssuerMode: "`local`, `air-gapped` or `foreign`", |text| named(Self::ALL, Self::as_str, text), |mode| mode.as_str();
    Possession: "`none`", |text| named([Self::None], Self::as_str, text), |possession| possession.as_str();
}

impl Statement {
    /// Largest statement that is read, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024 * 1024;

    /// What serial numbers follow from; `None` where another CA chose them.
    pub fn serial_basis(&self) -> Option<SerialBasis<'_>> {
        let seed = self.serial_seed.as_ref()?;
        Some(SerialBasis { encoder: self.format.encoder(), batch: &self.batch, seed, beacon: self.beacon })
    }

    /// How the list of expected chips was not met, if there was one and the format says so.
    pub fn unmet(&self) -> Option<&Unmet> {
        self.expected.as_ref()?.unmet.as_ref()
    }

    /// Name and SHA-256 of every file of the batch but statement and seal.
    pub fn digests(&self) -> impl Iterator<Item = (&str, Sha256Digest)> {
        let own = [
            (super::ENTRIES_FILE, self.entries.sha256),
            (super::REJECTED_FILE, self.rejected),
            (super::INPUTS_FILE, self.inputs.sha256),
        ];
        let missing = self.unmet().map(|unmet| (super::MISSING_FILE, unmet.missing));
        own.into_iter().chain(missing).chain(self.files.iter().map(|file| (file.name.as_str(), file.sha256)))
    }
}

#[cfg(test)]
mod tests;
