//! The signature file: for each certificate of a plan, in its order, how many serial numbers were given up and the
//! signature. Whoever carries it can change it: every signature is verified under the CA's key when it is taken, nothing
//! of the head is believed that can be computed, and nothing is recorded for a serial number that the CA did not sign.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::cert::{Encoder, IssuedCertificate, IssuerIdentity, TbsCertificate, UncheckedCertificate};
use crate::crypto::{PublicKey, kept_form, sha256};
use crate::durable;
use crate::error::Error;
use crate::input;
use crate::intake::Row;
use crate::issue::{self, IssueError, SignReport, Signed};
use crate::ledger::{Ledger, Recorded};
use crate::origin::Uid;
use crate::pipeline::sign::SignRecorded;
use crate::pipeline::work::Work;
use crate::policy::Policy;
use crate::x509::Sha256Digest;

use super::file::{self, PlanFile};
use super::head::shown;
use crate::error::PlanError;

/// Bytes of the first line, in every version.
const MAGIC: usize = 20;
/// Serial numbers given up for one leaf; what is refused beyond is no signer's work.
const MAX_ATTEMPT: u32 = 1_000;
/// Bytes of the head; it is below 1 KiB.
const MAX_HEAD: usize = 4 << 10;
/// Bytes of one signature; RSA keys of 4096 bits make 512.
const MAX_SIGNATURE: usize = 1 << 10;

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
        let head = head.to_bytes();
        let length = u32::try_from(head.len()).expect("a head is short").to_be_bytes();
        [&magic(plan.encoder)[..], &length, &head, &self.0].concat()
    }
}

/// Writes the file, or finds it there. Returns whether it was there.
pub(super) fn publish(out: &Path, content: &[u8]) -> Result<bool, Error> {
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

/// The signatures for a plan, by the UIDs of its leaves.
pub(super) struct Signatures<'a> {
    path: &'a Path,
    key: PublicKey,
    issuer: &'a IssuerIdentity,
    rows: &'a [Row],
    content: Vec<u8>,
    /// Of each leaf: attempt, and where the signature lies.
    places: Vec<(u32, std::ops::Range<usize>)>,
    /// Whether the file was proved to be the one that the signing machine wrote.
    as_sent: bool,
    /// How many signatures came in another form than they are kept in.
    exchanged: AtomicU64,
}

impl<'a> Signatures<'a> {
    /// Reads a file that is for this plan, whose SHA-256 is `expected` if that is known. Signatures are verified when
    /// they are used.
    pub(super) fn open(
        (path, expected): (&'a Path, Option<&Sha256Digest>),
        plan: &PlanFile,
        issuer: &'a IssuerIdentity,
        policy: &Policy,
        rows: &'a [Row],
    ) -> Result<Self, Error> {
        let wrong = |what: &str| PlanError::Signatures { path: path.to_owned(), what: what.to_owned() };
        let content =
            read(path, rows.len())?.ok_or_else(|| wrong("it is longer than signatures of its leaves can be"))?;
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
            return Err(wrong(&format!("it is for the plan with SHA-256 {}", shown(&head.plan_sha256))).into());
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
        if places.len() != rows.len() || head.count != rows.len() as u64 {
            let (found, stated) = (places.len(), head.count);
            let what = format!("it has {found} signatures and says {stated}, the plan has {} leaves", rows.len());
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
        let key = PublicKey::from_spki(issuer.spki()).map_err(IssueError::from)?;
        let (as_sent, exchanged) = (expected.is_some(), AtomicU64::new(0));
        Ok(Self { path, key, issuer, rows, content, places, as_sent, exchanged })
    }

    /// Looks at each serial number that was given up before anything is recorded of it: a record cannot be taken back, and
    /// whoever changed a number in the file would keep the batch from ever being finished.
    pub(super) fn check_attempts(&self, work: &Work<'_>, ledger: &Ledger) -> Result<(), Error> {
        let mut places = self.places.iter();
        for (number, rows) in work.chunks() {
            work.interrupted()?;
            let known = ledger.attempts(&work.batch.id, number)?;
            for ((row, known), (attempt, place)) in rows.iter().zip(known).zip(&mut places) {
                if *attempt == known {
                    continue;
                }
                let uid = row.uid();
                let wrong = |what: String| PlanError::Signatures { path: self.path.to_owned(), what };
                if *attempt < known {
                    let what = format!("for chip {uid} it gives up {attempt} serial numbers, and {known} are recorded");
                    return Err(wrong(what).into());
                }
                let (_, linted) = work.prepare_all(std::slice::from_ref(row), &[*attempt])?;
                let (_, first) = work.prepare_all(std::slice::from_ref(row), &[0])?;
                let signed = linted.first().zip(first.first()).is_some_and(|(linted, first)| {
                    let tbs = linted.tbs();
                    // a serial number that is copied from the leaf cannot be given up
                    let may = tbs.full_width_signature() && tbs.der() != first.tbs().der();
                    let signature = &self.content[place.clone()];
                    may && self.key.verify(tbs.signature_algorithm(), tbs.der(), signature).is_ok()
                });
                if !signed {
                    let what = format!(
                        "for chip {uid} it gives up {attempt} serial numbers, and its signature is not for the next one"
                    );
                    return Err(wrong(what).into());
                }
            }
        }
        Ok(())
    }

    /// How many signatures came in another form than they are kept in; known when all of them were taken.
    pub(super) fn exchanged(&self) -> u64 {
        self.exchanged.load(Ordering::Relaxed)
    }

    /// Attempt and signature of a leaf of the plan.
    fn of(&self, uid: &Uid) -> (u32, &[u8]) {
        let at = self.rows.binary_search_by(|row| row.key.uid.as_bytes().cmp(uid.as_bytes()));
        let (attempt, place) = &self.places[at.expect("the leaf is one of the plan's")];
        (*attempt, &self.content[place.clone()])
    }

    fn take(&self, recorded: Recorded<TbsCertificate>) -> Result<Signed, IssueError> {
        let (attempt, signature) = self.of(&recorded.tbs().origin().uid);
        if recorded.tbs().attempt() < attempt {
            return Ok(Signed::NeedsNewSerial(recorded));
        }
        let certificate = issue::received(&self.key, self.issuer.spki(), recorded, signature.to_vec(), self.as_sent)?;
        self.exchanged.fetch_add(u64::from(certificate.signature() != signature), Ordering::Relaxed);
        Ok(Signed::Issued(certificate))
    }

    /// What an earlier run recorded is what this file has, in whatever form.
    fn check_recorded(&self, unchecked: UncheckedCertificate) -> Result<IssuedCertificate, IssueError> {
        let form = |signature: &[u8]| kept_form(self.issuer.spki().algorithm(), false, signature.to_vec());
        let uid = unchecked.tbs.origin().uid;
        if form(self.of(&uid).1) != form(&unchecked.signature) {
            return Err(IssueError::ReturnedDiffers { uid });
        }
        issue::check(self.issuer, unchecked)
    }
}

impl SignRecorded for Signatures<'_> {
    fn sign(&self, recorded: Vec<Recorded<TbsCertificate>>) -> SignReport {
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
        Ok(unchecked.into_iter().map(|unchecked| self.check_recorded(unchecked)).collect())
    }

    fn expect(&self, _count: u64) {}
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
pub(super) fn fuzz(octets: &[u8]) {
    if let Some(head) = SignatureHead::parse(octets) {
        assert_eq!(head.to_bytes(), octets, "a head has one spelling");
    }
    if let Some(places) = places(octets, 0) {
        assert!(places.iter().all(|(_, place)| octets.get(place.clone()).is_some()), "signatures lie inside the file");
    }
}
