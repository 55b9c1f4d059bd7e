//! The batch row: everything that a tbsCertificate depends on besides its leaf.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::cert::{Encoder, Seed, SerialBasis};
use crate::crypto::sha256;
use crate::text::Printable;
use crate::verify::Relaxation;
use crate::x509::{Sha256Digest, Time};

use super::codec::{Malformed, Reader, Writer};
use super::delivery::Delivery;

/// The name of a batch: a UUID of version 7 (RFC 9562 §5.7) in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(Box<str>);

impl BatchId {
    /// Makes a name from the milliseconds since 1970 and random bits (RFC 9562 §5.7). Of `random` 6 bits are not used.
    ///
    /// # Panics
    /// The time is 2^48 milliseconds or more: in the year 10889.
    pub fn new(unix_millis: u64, random: [u8; 10]) -> Self {
        assert!(unix_millis >> 48 == 0, "a UUIDv7 has 48 bits for the time");
        let mut bits = (u128::from(unix_millis) << 80)
            | (u128::from_be_bytes([[0; 6].as_slice(), &random].concat().try_into().expect("6 + 10 bytes")));
        bits = (bits & !(0xF << 76)) | (0x7 << 76);
        bits = (bits & !(0x3 << 62)) | (0x2 << 62);
        let digits = format!("{bits:032x}");
        Self(
            format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
                .into(),
        )
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads the one spelling of a UUIDv7: 8-4-4-4-12 lower-case hexadecimal digits, version 7, variant 10.
impl FromStr for BatchId {
    type Err = BatchIdError;

    fn from_str(text: &str) -> Result<Self, BatchIdError> {
        let shape = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                14 => byte == b'7',
                19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            });
        if shape { Ok(Self(text.into())) } else { Err(BatchIdError { found: Printable::new(text).to_string() }) }
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchId({})", self.0)
    }
}

/// Text that is not the name of a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a batch name, expected a UUID of version 7 in lower case (RFC 9562 §5.7)")]
pub struct BatchIdError {
    found: String,
}

/// What a rejected item does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReject {
    /// The good leaves are issued, the others listed.
    Skip,
    /// One rejection stops the run before anything is signed; all of them are listed.
    Stop,
}

impl OnReject {
    const ALL: [Self; 2] = [Self::Skip, Self::Stop];

    /// The word in batch rows and plans.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Stop => "stop",
        }
    }

    /// The value of this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == name)
    }
}

/// Everything a batch's tbsCertificates and its accounting depend on, but for what a run may choose again: seed, time
/// and chunk size. A run finds its batch again by [`key`](Self::key), the digest of the whole command, or, where the
/// command was spelled otherwise, by its leaves and what [`goes_on_with`](Self::goes_on_with) compares.
///
/// The leaves are not in the key, although they are terms: which of an input's leaves pass can depend on the instant
/// and on what else is on the ledger, and a command that was given before must find its batch after any later event.
/// There is one batch for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchTerms {
    /// SHA-256 of the issuing CA's certificate.
    pub issuer_sha256: Sha256Digest,
    /// The policy's name: part of the identity of a certificate.
    pub policy_name: String,
    /// SHA-256 of the policy file.
    pub policy_sha256: Sha256Digest,
    /// The policy file.
    pub policy: Vec<u8>,
    /// The operator's parameters.
    pub params: BTreeMap<String, String>,
    /// SHA-256 of the anchors' certificates, in the order of the statement.
    pub anchors: Vec<Sha256Digest>,
    /// Relaxations in force.
    pub relaxations: Vec<Relaxation>,
    /// What a rejected item does.
    pub on_reject: OnReject,
    /// Version of the encoder of tbsCertificates.
    pub encoder: Encoder,
    /// Digest of the inputs.
    pub inputs_sha256: Sha256Digest,
    /// [`leaf_set_digest`](super::leaf_set_digest) of the leaves.
    pub leaves_sha256: Sha256Digest,
    /// How many leaves there are.
    pub leaf_count: u64,
    /// Why leaves that were issued before are issued again.
    pub reissue: Option<String>,
    /// ST's bulk identifier.
    pub bulk_id: Option<String>,
    /// SHA-256 of the list of expected chips.
    pub expected_sha256: Option<Sha256Digest>,
}

impl BatchTerms {
    /// The digest by which a run finds its batch again.
    pub fn key(&self) -> Sha256Digest {
        let mut writer = Writer::default();
        writer.raw(b"reroot-batch-terms/1\0");
        self.write_key(&mut writer);
        sha256(&writer.finish())
    }

    /// Whether a run with these terms may go on with a batch of `earlier` ones, if its leaves are the same.
    ///
    /// Everything counts that a tbsCertificate or the judgement of a leaf depends on. Not what only describes the run:
    /// the names and the packing of the inputs, the expected list, the bulk identifier. Nor the encoder: as with its
    /// seed and its time, a batch is finished with the one that it was started with.
    pub fn goes_on_with(&self, earlier: &Self) -> bool {
        let Self {
            issuer_sha256,
            policy_name,
            policy_sha256,
            policy,
            params,
            anchors,
            relaxations,
            on_reject,
            encoder: _,
            inputs_sha256: _,
            leaves_sha256: _,
            leaf_count: _,
            reissue,
            bulk_id: _,
            expected_sha256: _,
        } = self;
        *issuer_sha256 == earlier.issuer_sha256
            && *policy_name == earlier.policy_name
            && *policy_sha256 == earlier.policy_sha256
            && *policy == earlier.policy
            && *params == earlier.params
            && *anchors == earlier.anchors
            && *relaxations == earlier.relaxations
            && *on_reject == earlier.on_reject
            && *reissue == earlier.reissue
    }

    /// Returns the policy of these terms.
    pub fn policy_use(&self) -> PolicyUse<'_> {
        PolicyUse { name: &self.policy_name, sha256: &self.policy_sha256, params: &self.params }
    }

    fn write(&self, writer: &mut Writer) {
        self.write_key(writer);
        writer.digest(&self.leaves_sha256);
        writer.u64(self.leaf_count);
    }

    fn write_key(&self, writer: &mut Writer) {
        writer.digest(&self.issuer_sha256);
        writer.text(&self.policy_name);
        writer.digest(&self.policy_sha256);
        writer.bytes(&self.policy);
        write_params(writer, &self.params);
        writer.count(self.anchors.len());
        for anchor in &self.anchors {
            writer.digest(anchor);
        }
        writer.count(self.relaxations.len());
        for relaxation in &self.relaxations {
            writer.text(relaxation.as_str());
        }
        writer.text(self.on_reject.as_str());
        writer.u32(self.encoder.number());
        writer.digest(&self.inputs_sha256);
        writer.optional(self.reissue.as_deref(), Writer::text);
        writer.optional(self.bulk_id.as_deref(), Writer::text);
        writer.optional(self.expected_sha256.as_ref(), Writer::digest);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            issuer_sha256: reader.digest()?,
            policy_name: reader.text()?.to_owned(),
            policy_sha256: reader.digest()?,
            policy: reader.bytes()?.to_vec(),
            params: read_params(reader)?,
            anchors: (0..reader.count()?).map(|_| reader.digest()).collect::<Result<_, _>>()?,
            relaxations: (0..reader.count()?)
                .map(|_| Relaxation::from_name(reader.text()?).ok_or(Malformed))
                .collect::<Result<_, _>>()?,
            on_reject: OnReject::from_name(reader.text()?).ok_or(Malformed)?,
            encoder: Encoder::from_number(reader.u32()?).ok_or(Malformed)?,
            inputs_sha256: reader.digest()?,
            reissue: reader.optional(|reader| Ok(reader.text()?.to_owned()))?,
            bulk_id: reader.optional(|reader| Ok(reader.text()?.to_owned()))?,
            expected_sha256: reader.optional(Reader::digest)?,
            leaves_sha256: reader.digest()?,
            leaf_count: reader.u64()?,
        })
    }
}

fn write_params(writer: &mut Writer, params: &BTreeMap<String, String>) {
    writer.count(params.len());
    for (name, value) in params {
        writer.text(name);
        writer.text(value);
    }
}

fn read_params(reader: &mut Reader<'_>) -> Result<BTreeMap<String, String>, Malformed> {
    (0..reader.count()?).map(|_| Ok((reader.text()?.to_owned(), reader.text()?.to_owned()))).collect()
}

/// The policy under which leaves are asked about.
#[derive(Clone, Copy, Debug)]
pub struct PolicyUse<'a> {
    /// The policy's name: part of the identity of a certificate.
    pub name: &'a str,
    /// SHA-256 of the policy file.
    pub sha256: &'a Sha256Digest,
    /// The operator's parameters.
    pub params: &'a BTreeMap<String, String>,
}

impl PolicyUse<'_> {
    fn params_sha256(&self) -> Sha256Digest {
        let mut writer = Writer::default();
        write_params(&mut writer, self.params);
        sha256(&writer.finish())
    }
}

/// A batch as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRow {
    /// Its name, drawn by the caller.
    pub id: BatchId,
    /// What it was asked to be.
    pub terms: BatchTerms,
    /// The seed of its serial numbers.
    pub seed: Seed,
    /// SHA-256 of the public value that was read when the batch began. Only serial numbers of encoder 2 follow from it.
    pub beacon: Option<Sha256Digest>,
    /// The instant of issue, for which source leaves were verified.
    pub issued_at: Time,
    /// Leaves in a chunk, the last one's may be fewer.
    pub chunk_size: u32,
    /// How the batch is made and delivered.
    pub delivery: Delivery,
    /// How far it is.
    pub state: BatchState,
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BatchState {
    /// A person gave it up: leaves under an intent count as issued, the others are free.
    Abandoned,
    /// It holds its leaves against other batches.
    #[default]
    Open,
    /// Its statement is signed: nothing is added to it any more.
    Sealed,
}

impl BatchState {
    /// The word in lists of batches.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::Open => "open",
            Self::Sealed => "sealed",
        }
    }
}

impl BatchRow {
    /// How many chunks the batch has.
    pub fn chunks(&self) -> u64 {
        self.terms.leaf_count.div_ceil(u64::from(self.chunk_size))
    }

    /// What the batch's serial numbers follow from.
    pub fn serial_basis(&self) -> SerialBasis<'_> {
        SerialBasis { encoder: self.terms.encoder, batch: self.id.as_str(), seed: &self.seed, beacon: self.beacon }
    }

    /// Writes the form that goes with the encoder: a batch of encoder 1 is recorded as the releases did that knew no
    /// other.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.terms.policy.len() + 512);
        let versioned = self.terms.encoder != Encoder::One;
        if versioned {
            writer.u8(VERSION_2);
        }
        writer.text(self.id.as_str());
        self.terms.write(&mut writer);
        writer.raw(self.seed.as_bytes());
        if versioned {
            writer.optional(self.beacon.as_ref(), Writer::digest);
        }
        writer.i64(self.issued_at.unix());
        writer.u32(self.chunk_size);
        if versioned {
            self.delivery.write(&mut writer);
        } else {
            writer.text(&self.delivery.to_string());
        }
        writer.finish()
    }

    pub(super) fn decode(body: &[u8], state: BatchState) -> Result<Self, Malformed> {
        let (versioned, body) = match body {
            [VERSION_2, body @ ..] => (true, body),
            body => (false, body),
        };
        let mut reader = Reader::new(body);
        let row = Self {
            id: reader.text()?.parse().map_err(|_| Malformed)?,
            terms: BatchTerms::read(&mut reader)?,
            seed: Seed(*reader.digest()?.as_bytes()),
            beacon: if versioned { reader.optional(Reader::digest)? } else { None },
            issued_at: Time::from_unix(reader.i64()?).map_err(|_| Malformed)?,
            chunk_size: reader.u32()?,
            delivery: if versioned {
                Delivery::read(&mut reader)?
            } else {
                reader.text()?.parse().map_err(|_| Malformed)?
            },
            state,
        };
        reader.finish()?;
        // one encoding for one value
        if versioned == (row.terms.encoder == Encoder::One) { Err(Malformed) } else { Ok(row) }
    }
}

/// The first byte of a batch row since version 2. A row without a version begins with the length of a name, 00000024.
const VERSION_2: u8 = 2;

/// What is kept in memory of every batch: enough to find one and to judge a leaf's standing.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    /// Position of the batch's first record.
    pub(super) number: u64,
    pub(super) id: BatchId,
    pub(super) terms_key: Sha256Digest,
    pub(super) policy_name: Box<str>,
    pub(super) policy_sha256: Sha256Digest,
    pub(super) params_sha256: Sha256Digest,
    pub(super) leaves: u64,
    pub(super) chunk_size: u32,
}

impl Summary {
    pub(super) fn of(number: u64, row: &BatchRow) -> Self {
        Self {
            number,
            id: row.id.clone(),
            terms_key: row.terms.key(),
            policy_name: row.terms.policy_name.as_str().into(),
            policy_sha256: row.terms.policy_sha256,
            params_sha256: row.terms.policy_use().params_sha256(),
            leaves: row.terms.leaf_count,
            chunk_size: row.chunk_size,
        }
    }

    /// How many chunks the batch has.
    pub(super) fn chunks(&self) -> u64 {
        self.leaves.div_ceil(u64::from(self.chunk_size))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.text(self.id.as_str());
        writer.digest(&self.terms_key);
        writer.text(&self.policy_name);
        writer.digest(&self.policy_sha256);
        writer.digest(&self.params_sha256);
        writer.u64(self.leaves);
        writer.u32(self.chunk_size);
        writer.finish()
    }

    pub(super) fn decode(number: u64, body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let summary = Self {
            number,
            id: reader.text()?.parse().map_err(|_| Malformed)?,
            terms_key: reader.digest()?,
            policy_name: reader.text()?.into(),
            policy_sha256: reader.digest()?,
            params_sha256: reader.digest()?,
            leaves: reader.u64()?,
            chunk_size: reader.u32()?,
        };
        reader.finish()?;
        if summary.chunk_size == 0 { Err(Malformed) } else { Ok(summary) }
    }

    /// Whether the batch's policy file is the same, and whether its parameters are.
    pub(super) fn same(&self, policy: &PolicyUse<'_>) -> (bool, bool) {
        (self.policy_sha256 == *policy.sha256, self.params_sha256 == policy.params_sha256())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{leaves, row, terms};

    #[test]
    fn a_row_of_encoder_1_is_recorded_as_the_first_releases_did_and_later_ones_begin_with_a_version() {
        let second = row(1, terms("test", &leaves(0..3)), 2);
        let first = BatchRow { terms: BatchTerms { encoder: Encoder::One, ..second.terms.clone() }, ..second.clone() };
        let (old, new) = (first.encode(), second.encode());
        assert_eq!(old[..4], [0, 0, 0, 36], "no version: the length of a name");
        assert_eq!(new[..5], [2, 0, 0, 0, 36]);
        // each encoder has one form
        let mut unversioned = new[1..].to_vec();
        assert!(BatchRow::decode(&unversioned, BatchState::Open).is_err());
        unversioned.insert(0, 3);
        assert!(BatchRow::decode(&unversioned, BatchState::Open).is_err(), "a version of a later release");
        assert!(BatchRow::decode(&[&[2], &old[..]].concat(), BatchState::Open).is_err());
        for expected in [first, second] {
            assert_eq!(BatchRow::decode(&expected.encode(), BatchState::Open).unwrap(), expected);
        }
    }

    #[test]
    fn a_batch_goes_on_with_its_own_encoder() {
        let new = terms("test", &leaves(0..3));
        let earlier = BatchTerms { encoder: Encoder::One, ..new.clone() };
        assert!(new.goes_on_with(&earlier));
        assert_ne!(new.key(), earlier.key());
    }
}
