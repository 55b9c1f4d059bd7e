//! The signature file: for each certificate of a plan, in its order, how many serial numbers were given up and the
//! signature. It needs no protection: every signature is verified under the CA's key when it is taken.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cert::{IssuedCertificate, IssuerIdentity, UncheckedCertificate};
use crate::crypto::{PublicKey, sha256};
use crate::durable;
use crate::error::Error;
use crate::intake::Row;
use crate::issue::{self, IssueError, SignReport, Signed};
use crate::ledger::RecordedTbs;
use crate::reissue::issue::SignRecorded;

use super::error::PlanError;
use super::file::{self, PlanFile};

const MAGIC: &[u8] = b"reroot-signatures/1\n";
/// Serial numbers given up for one leaf; what is refused beyond is no signer's work.
const MAX_ATTEMPT: u32 = 1_000;

/// What stands before the signatures.
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

/// Takes certificates in the plan's order and makes a file of their signatures.
pub(super) struct SignatureWriter(Vec<u8>, u64);

impl SignatureWriter {
    pub(super) fn new() -> Self {
        Self(Vec::new(), 0)
    }

    pub(super) fn add(&mut self, certificate: &IssuedCertificate) {
        let short = |number: usize| u16::try_from(number).expect("attempts and octets of a signature are few");
        let attempt = short(usize::try_from(certificate.attempt()).expect("attempts are few"));
        let signature = certificate.signature();
        self.0.extend_from_slice(&attempt.to_be_bytes());
        self.0.extend_from_slice(&short(signature.len()).to_be_bytes());
        self.0.extend_from_slice(signature);
        self.1 += 1;
    }

    /// The whole file.
    pub(super) fn finish(self, plan: &PlanFile, signatures_made: u64) -> Vec<u8> {
        let head = SignatureHead {
            batch: plan.head.batch.clone(),
            plan_sha256: plan.digest.to_string(),
            issuer_sha256: plan.head.issuer.sha256.clone(),
            count: self.1,
            signatures_made,
            bytes: self.0.len() as u64,
            sha256: sha256(&self.0).to_string(),
        };
        let head = serde_json::to_vec(&head).expect("a head has text for keys");
        let length = u32::try_from(head.len()).expect("a head is short").to_be_bytes();
        [MAGIC, &length, &head, &self.0].concat()
    }
}

/// Writes the file, or finds it there. Returns whether it was there.
pub(super) fn publish(out: &Path, content: &[u8]) -> Result<bool, Error> {
    if out.symlink_metadata().is_ok() {
        let found = std::fs::read(out).map_err(|source| PlanError::Read { path: out.to_owned(), source })?;
        if found != content {
            return Err(Error::OutputExists { path: out.to_owned() });
        }
        file::remove_partial(out)?;
        return Ok(true);
    }
    file::write_new(out, durable::output::publish, |file| file.write_all(content))?;
    Ok(false)
}

/// The signatures for a plan, by the UIDs of its leaves.
pub(super) struct Signatures<'a> {
    key: PublicKey,
    issuer: &'a IssuerIdentity,
    rows: &'a [Row],
    content: Vec<u8>,
    /// Of each leaf: attempt, and where the signature lies.
    places: Vec<(u32, std::ops::Range<usize>)>,
    /// How many the signing machine made, repeats for full width included.
    pub(super) made: u64,
}

impl<'a> Signatures<'a> {
    /// Reads a file that is for this plan. Signatures are verified when they are used.
    pub(super) fn open(
        path: &Path,
        plan: &PlanFile,
        issuer: &'a IssuerIdentity,
        rows: &'a [Row],
    ) -> Result<Self, Error> {
        let content = std::fs::read(path).map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
        let wrong = |what: &str| PlanError::Signatures { path: path.to_owned(), what: what.to_owned() };
        let rest = content.strip_prefix(MAGIC).ok_or_else(|| wrong("it does not begin with `reroot-signatures/1`"))?;
        let split = rest.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            rest.split_at_checked(length)
        });
        let (head, entries) = split.ok_or_else(|| wrong("it ends too early"))?;
        let head: SignatureHead = serde_json::from_slice(head).map_err(|_| wrong("its head is not one"))?;
        if head.plan_sha256 != plan.digest.to_string() || head.batch != plan.head.batch {
            return Err(wrong(&format!("it is for the plan with SHA-256 {}", head.plan_sha256.escape_default())).into());
        }
        if head.bytes != entries.len() as u64 || head.sha256 != sha256(entries).to_string() {
            return Err(wrong("it is cut or damaged").into());
        }
        let offset = content.len() - entries.len();
        let places = places(entries, offset).ok_or_else(|| wrong("its entries are not signatures"))?;
        if places.len() != rows.len() || head.count != rows.len() as u64 {
            let what = format!("it has {} signatures, the plan {} leaves", places.len(), rows.len());
            return Err(wrong(&what).into());
        }
        let key = PublicKey::from_spki(issuer.spki()).map_err(IssueError::from)?;
        Ok(Self { key, issuer, rows, content, places, made: head.signatures_made })
    }

    fn take(&self, recorded: RecordedTbs) -> Result<Signed, IssueError> {
        let uid = recorded.tbs().origin().uid;
        let at = self.rows.binary_search_by(|row| row.key.uid.as_bytes().cmp(uid.as_bytes()));
        let (attempt, place) = &self.places[at.expect("the leaf is one of the plan's")];
        if recorded.tbs().attempt() < *attempt {
            return Ok(Signed::NeedsNewSerial(recorded));
        }
        let signature = self.content[place.clone()].to_vec();
        issue::received(&self.key, self.issuer.spki(), recorded, signature).map(Signed::Issued)
    }
}

impl SignRecorded for Signatures<'_> {
    fn sign(&self, recorded: Vec<RecordedTbs>) -> SignReport {
        let mut report = SignReport { outcomes: vec![], signatures_made: 0, failure: None };
        for recorded in recorded {
            match self.take(recorded) {
                Ok(signed) => {
                    report.signatures_made += u64::from(matches!(signed, Signed::Issued(_)));
                    report.outcomes.push(signed);
                }
                // those before it are recorded; those after it are looked at when the right file is there
                Err(error) => {
                    report.failure = Some(error);
                    break;
                }
            }
        }
        report
    }

    fn check_all(
        &self,
        unchecked: Vec<UncheckedCertificate>,
    ) -> Result<Vec<Result<IssuedCertificate, IssueError>>, IssueError> {
        Ok(unchecked.into_iter().map(|unchecked| issue::check(self.issuer, unchecked)).collect())
    }

    fn expect(&self, _count: u64) {}
}

fn places(entries: &[u8], offset: usize) -> Option<Vec<(u32, std::ops::Range<usize>)>> {
    let mut places = Vec::with_capacity(entries.len() / 76 + 1);
    let mut at = 0;
    while at < entries.len() {
        let number = |from: usize| Some(u16::from_be_bytes(entries.get(from..from + 2)?.try_into().ok()?));
        let attempt = u32::from(number(at)?);
        let (start, length) = (at + 4, usize::from(number(at + 2)?));
        if attempt > MAX_ATTEMPT || start + length > entries.len() {
            return None;
        }
        places.push((attempt, offset + start..offset + start + length));
        at = start + length;
    }
    Some(places)
}

#[cfg(fuzzing)]
pub(super) fn fuzz(octets: &[u8]) {
    if let Some(places) = places(octets, 0) {
        assert!(places.iter().all(|(_, place)| octets.get(place.clone()).is_some()), "signatures lie inside the file");
    }
}
