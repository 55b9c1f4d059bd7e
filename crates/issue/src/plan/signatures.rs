//! The signature file: for each certificate of a plan, in its order, how many serial numbers were given up and the
//! signature. An attacker can change the file in transit: every signature is verified under the CA's key when it is
//! taken, what can be computed is not taken from the head, and nothing is recorded for a serial number that the CA did
//! not sign.

use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cert::{Encoder, IssuedCertificate, IssuerIdentity};
use crate::crypto::{kept_form, sha256};
use crate::durable;
use crate::error::{Error, PlanError};
use crate::input;
use crate::policy::Policy;
use crate::text::brief;
use crate::x509::Sha256Digest;

use super::file::{self, PlanFile};

/// Bytes of the first line, in every version.
const MAGIC: usize = 20;
/// Serial numbers given up for one leaf; what is refused beyond is no signer's work.
const MAX_ATTEMPT: u32 = 1_000;
/// Bytes of the head; it is below 1 KiB.
const MAX_HEAD: usize = 4 << 10;
/// Bytes of one signature; RSA keys of 4096 bits make 512.
const MAX_SIGNATURE: usize = 1 << 10;

/// What is before the signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureHead {
    batch: String,
    plan_sha256: String,
    issuer_sha256: String,
    count: u64,
    signatures_made: u64,
    bytes: u64,
    sha256: String,
}

impl SignatureHead {
    /// Reads a head in the one spelling in which it is written.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let head: Self = serde_json::from_slice(bytes).ok()?;
        (head.to_bytes() == bytes).then_some(head)
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a head has text for keys")
    }
}

/// Takes certificates in the plan's order and makes a file of their signatures.
pub(crate) struct SignatureWriter(Vec<u8>, u64);

impl SignatureWriter {
    pub(crate) fn new() -> Self {
        Self(Vec::new(), 0)
    }

    pub(crate) fn add(&mut self, certificate: &IssuedCertificate) {
        let short = |number: usize| u16::try_from(number).expect("attempts and bytes of a signature are few");
        let attempt = short(usize::try_from(certificate.attempt()).expect("attempts are few"));
        let signature = certificate.signature();
        self.0.extend_from_slice(&attempt.to_be_bytes());
        self.0.extend_from_slice(&short(signature.len()).to_be_bytes());
        self.0.extend_from_slice(signature);
        self.1 += 1;
    }

    /// The whole file.
    pub(crate) fn finish(self, plan: &PlanFile, signatures_made: u64) -> Vec<u8> {
        let head = SignatureHead {
            batch: plan.head.batch.clone(),
            plan_sha256: plan.digest.to_string(),
            issuer_sha256: plan.head.issuer.sha256.clone(),
            count: self.1,
            signatures_made,
            bytes: self.0.len() as u64,
            sha256: sha256(&self.0).to_string(),
        };
        let head = head.to_bytes();
        let length = u32::try_from(head.len()).expect("a head is short").to_be_bytes();
        [&magic(plan.encoder)[..], &length, &head, &self.0].concat()
    }
}

/// Writes the file, or finds it there. Returns whether it was there.
pub(crate) fn publish(out: &Path, content: &[u8]) -> Result<bool, Error> {
    if out.symlink_metadata().is_ok() {
        let found = input::read(out).map_err(|source| PlanError::Read { path: out.to_owned(), source })?;
        if found != content {
            return Err(Error::OutputExists { path: out.to_owned() });
        }
        file::remove_partial(out)?;
        return Ok(true);
    }
    file::write_new(out, durable::output::publish, |file| file.write_all(content))?;
    Ok(false)
}

/// The signatures for a plan: what a signature file holds.
pub(crate) struct SignatureFile {
    content: Vec<u8>,
    /// Of each leaf: attempt, and where the signature is.
    places: Vec<(u32, std::ops::Range<usize>)>,
}

impl SignatureFile {
    /// Reads a file that is for this plan of so many leaves, whose SHA-256 is `expected` if that is known. Signatures
    /// are verified when they are used.
    pub(crate) fn open(
        (path, expected): (&Path, Option<&Sha256Digest>),
        plan: &PlanFile,
        issuer: &IssuerIdentity,
        policy: &Policy,
        leaves: usize,
    ) -> Result<Self, Error> {
        let wrong = |what: &str| PlanError::Signatures { path: path.to_owned(), what: what.to_owned() };
        let content = read(path, leaves)?.ok_or_else(|| wrong("it is longer than signatures of its leaves can be"))?;
        if let Some(expected) = expected {
            let found = sha256(&content);
            if found != *expected {
                return Err(wrong(&format!("its SHA-256 is {found}, expected {expected}")).into());
            }
        }
        let begin = format(plan.encoder);
        let rest = content.strip_prefix(&*magic(plan.encoder)).ok_or_else(|| {
            wrong(&format!("it does not begin with `{begin}`, and only such a file answers a plan of this version"))
        })?;
        let split = rest.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= MAX_HEAD)?;
            rest.split_at_checked(length)
        });
        let (bytes, entries) = split.ok_or_else(|| wrong("its head does not end where it says"))?;
        let head = SignatureHead::parse(bytes).ok_or_else(|| wrong("its head is not that of a signature file"))?;
        if head.plan_sha256 != plan.digest.to_string() {
            return Err(wrong(&format!("it is for the plan with SHA-256 {}", brief(&head.plan_sha256))).into());
        }
        if head.batch != plan.head.batch {
            return Err(wrong("its `batch` is not the plan's").into());
        }
        if head.issuer_sha256 != plan.head.issuer.sha256 {
            return Err(wrong("its `issuer_sha256` is not the plan's").into());
        }
        if head.bytes != entries.len() as u64 || head.sha256 != sha256(entries).to_string() {
            return Err(wrong("it is cut or damaged").into());
        }
        let offset = content.len() - entries.len();
        let places = places(entries, offset).ok_or_else(|| wrong("its entries are not signatures"))?;
        if places.len() != leaves || head.count != leaves as u64 {
            let (found, stated) = (places.len(), head.count);
            let what = format!("it has {found} signatures and says {stated}, the plan has {leaves} leaves");
            return Err(wrong(&what).into());
        }
        // how many there were beyond these only the signing machine knows
        let least = head.count + places.iter().map(|(attempt, _)| u64::from(*attempt)).sum::<u64>();
        if head.signatures_made < least {
            let what = format!("it says that {} signatures were made, and shows {least}", head.signatures_made);
            return Err(wrong(&what).into());
        }
        if plan.encoder >= Encoder::Two {
            let (key, full_width) = (issuer.spki().algorithm(), policy.full_width_signature());
            let other = |(_, place): &&(u32, std::ops::Range<usize>)| {
                let signature = &content[place.clone()];
                kept_form(key, full_width, signature.to_vec()) != signature
            };
            let count = places.iter().filter(other).count();
            if count > 0 {
                let what = format!(
                    "{count} of its signatures are the twins of those that a signing machine makes: the other of the two values of s"
                );
                return Err(wrong(&what).into());
            }
        }
        Ok(Self { content, places })
    }

    /// Of each leaf in the plan's order: how many serial numbers were given up, and the signature.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.places.iter().map(|(attempt, place)| (*attempt, &self.content[place.clone()]))
    }

    /// How many serial numbers were given up for the leaf at this place, and its signature.
    pub(crate) fn entry(&self, at: usize) -> (u32, &[u8]) {
        let (attempt, place) = &self.places[at];
        (*attempt, &self.content[place.clone()])
    }
}

/// The format of a file that answers a plan of this encoder.
const fn format(encoder: Encoder) -> &'static str {
    match encoder {
        Encoder::One => "reroot-signatures/1",
        Encoder::Two => "reroot-signatures/2",
    }
}

fn magic(encoder: Encoder) -> Vec<u8> {
    [format(encoder).as_bytes(), b"\n"].concat()
}

/// The file's content; `None` if it is longer than the signatures of so many leaves can be.
fn read(path: &Path, leaves: usize) -> Result<Option<Vec<u8>>, PlanError> {
    let limit = MAGIC + 4 + MAX_HEAD + leaves.saturating_mul(4 + MAX_SIGNATURE);
    let mut content = Vec::new();
    let read = input::open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut content));
    read.map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
    Ok((content.len() <= limit).then_some(content))
}

fn places(entries: &[u8], offset: usize) -> Option<Vec<(u32, std::ops::Range<usize>)>> {
    let mut places = Vec::with_capacity(entries.len() / 76 + 1);
    let mut at = 0;
    while at < entries.len() {
        let number = |from: usize| Some(u16::from_be_bytes(entries.get(from..from + 2)?.try_into().ok()?));
        let attempt = u32::from(number(at)?);
        let (start, length) = (at + 4, usize::from(number(at + 2)?));
        if attempt > MAX_ATTEMPT || length > MAX_SIGNATURE || start + length > entries.len() {
            return None;
        }
        places.push((attempt, offset + start..offset + start + length));
        at = start + length;
    }
    Some(places)
}

#[cfg(fuzzing)]
pub(crate) fn fuzz(bytes: &[u8]) {
    if let Some(head) = SignatureHead::parse(bytes) {
        assert_eq!(head.to_bytes(), bytes, "a head has one spelling");
    }
    if let Some(places) = places(bytes, 0) {
        assert!(places.iter().all(|(_, place)| bytes.get(place.clone()).is_some()), "signatures lie inside the file");
    }
}
