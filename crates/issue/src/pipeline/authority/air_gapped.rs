//! A signing machine without a network: the operator carries a plan to it and brings back a file of signatures. An
//! attacker can change the file on its way, so every signature is verified under the CA's key, and nothing is recorded
//! for a serial number that the CA did not sign.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cert::{IssuedCertificate, IssuerIdentity, TbsCertificate, UncheckedCertificate, check_all};
use crate::crypto::{IssuerKey, PublicKey, VerificationEngine, kept_form};
use crate::error::{Error, PlanError, PoolError};
use crate::findings::Findings;
use crate::intake::Row;
use crate::issue::{self, IssueError, SignReport, Signed};
use crate::ledger::{AuthorityKind, Ledger, Recorded};
use crate::origin::Uid;
use crate::plan::SignatureFile;
use crate::policy::Policy;
use crate::x509::Sha256Digest;

use super::super::build::Work;
use super::super::outcome::Refusal;
use super::super::sign::{SignRecorded, issue_all};
use super::{Asked, Authority, Receiver, Report};

/// Takes the signatures that a signing machine made for a plan.
#[derive(Clone, Copy, Debug)]
pub struct AirGapped<'a> {
    returned: Returned<'a>,
}

/// What came back for a plan.
#[derive(Clone, Copy, Debug)]
enum Returned<'a> {
    /// There is only a plan to write.
    Nothing,
    /// The signature file, and its SHA-256 if that is known.
    File(&'a Path, Option<Sha256Digest>),
    /// Workers of a pool put all certificates on the ledger.
    OnLedger,
}

impl<'a> AirGapped<'a> {
    /// The machine, to which a plan is to be carried.
    pub const fn to_ask() -> Self {
        Self { returned: Returned::Nothing }
    }

    /// The machine with the signature file that it wrote. `expected` is the file's SHA-256 as the machine printed it, if
    /// it was carried beside the file.
    pub const fn returned(file: &'a Path, expected: Option<Sha256Digest>) -> Self {
        Self { returned: Returned::File(file, expected) }
    }

    /// The workers of a pool, which share this ledger.
    pub const fn on_ledger() -> Self {
        Self { returned: Returned::OnLedger }
    }
}

impl Authority for AirGapped<'_> {
    fn kind(&self) -> AuthorityKind {
        AuthorityKind::AirGapped
    }

    fn check_policy(&self, _policy: &Policy) -> Result<(), Error> {
        // the signing machine checks its own key
        Ok(())
    }

    fn issue(&self, asked: &Asked<'_>, to: &mut dyn Receiver) -> Result<Result<Report, Refusal>, Error> {
        let Asked { ready, work, ledger } = asked;
        let (path, expected) = match self.returned {
            Returned::Nothing => return Err(PlanError::NothingReturned.into()),
            Returned::File(path, expected) => (path, expected),
            Returned::OnLedger => return by_workers(work, ledger, to),
        };
        let plan = ready.plan.as_ref().ok_or(PlanError::NothingReturned)?;
        let file = SignatureFile::open((path, expected.as_ref()), plan, work.issuer, &ready.policy, work.rows.len())?;
        let key = PublicKey::from_spki(work.issuer.spki()).map_err(IssueError::from)?;
        let signatures = Signatures {
            path,
            key,
            issuer: work.issuer,
            rows: work.rows,
            file,
            as_sent: expected.is_some(),
            exchanged: AtomicU64::new(0),
        };
        signatures.check_attempts(work, ledger)?;
        // the file answers this plan; its signatures are verified when they are used
        to.begin()?;
        let resumed = issue_all(work, ledger, &signatures, &mut |chunk| to.take(chunk))?;
        // the number in the file came the same way as the file: what is known is that no fewer were made
        let given_up: u64 = signatures.file.entries().map(|(attempt, _)| u64::from(attempt)).sum();
        let exchanged = signatures.exchanged.load(Ordering::Relaxed);
        let warnings = if exchanged == 0 {
            vec![]
        } else {
            vec![format!(
                "{exchanged} signatures came in the other of the two forms of an ECDSA signature: an earlier release signed \
                 them, or the file was changed on its way. The batch has them in the form with the lower s"
            )]
        };
        let signatures_made = work.rows.len() as u64 + given_up;
        Ok(Ok(Report { resumed, signatures_made, findings: Findings::default(), warnings }))
    }
}

/// Takes every certificate from the ledger, if workers have made all of them.
fn by_workers(work: &Work<'_>, ledger: &Ledger, to: &mut dyn Receiver) -> Result<Result<Report, Refusal>, Error> {
    let batch = &work.batch.id;
    let (made, leaves) = (ledger.certificates_made(batch)?, work.rows.len() as u64);
    if made < leaves {
        return Err(PoolError::NotDone { batch: batch.to_string(), made, leaves }.into());
    }
    to.begin()?;
    let key = PublicKey::from_spki(work.issuer.spki()).map_err(IssueError::from)?;
    issue_all(work, ledger, &NoKey(IssuerKey::new(key)), &mut |chunk| to.take(chunk))?;
    let signatures_made = ledger.signatures_made(batch)?;
    Ok(Ok(Report { resumed: false, signatures_made, findings: Findings::default(), warnings: vec![] }))
}

/// Checks what the ledger holds, and signs nothing.
struct NoKey(IssuerKey);

impl SignRecorded for NoKey {
    fn sign(&self, recorded: Vec<Recorded<TbsCertificate>>) -> SignReport {
        // the ledger was asked: each leaf has its certificate
        let outcomes = recorded.into_iter().map(Signed::Unsigned).collect();
        SignReport { outcomes, signatures_made: 0, failure: None }
    }

    fn check_all(
        &self,
        unchecked: Vec<UncheckedCertificate>,
    ) -> Result<Vec<Result<IssuedCertificate, IssueError>>, IssueError> {
        let checked = check_all(&self.0, VerificationEngine::default(), unchecked)?;
        Ok(checked.into_iter().map(|one| one.map_err(IssueError::from)).collect())
    }

    fn expect(&self, count: u64) {
        self.0.expect(count);
    }
}

/// The signatures for a plan, by the UIDs of its leaves.
struct Signatures<'a> {
    path: &'a Path,
    key: PublicKey,
    issuer: &'a IssuerIdentity,
    rows: &'a [Row],
    file: SignatureFile,
    /// Whether the file was proved to be the one that the signing machine wrote.
    as_sent: bool,
    /// How many signatures came in another form than they are kept in.
    exchanged: AtomicU64,
}

impl Signatures<'_> {
    /// Checks each serial number that was given up before anything is recorded of it: a record cannot be taken back,
    /// and an attacker who changed a number in the file would keep the batch from ever being finished.
    fn check_attempts(&self, work: &Work<'_>, ledger: &Ledger) -> Result<(), Error> {
        let mut entries = self.file.entries();
        for (number, rows) in work.chunks() {
            work.interrupted()?;
            let known = ledger.attempts(&work.batch.id, number)?;
            for ((row, known), (attempt, signature)) in rows.iter().zip(known).zip(&mut entries) {
                if attempt == known {
                    continue;
                }
                let uid = row.uid();
                let wrong = |what: String| PlanError::Signatures { path: self.path.to_owned(), what };
                if attempt < known {
                    let what = format!("for chip {uid} it gives up {attempt} serial numbers, and {known} are recorded");
                    return Err(wrong(what).into());
                }
                let ((_, linted), (_, first)) = (work.prepare_one(row, attempt)?, work.prepare_one(row, 0)?);
                let tbs = linted.tbs();
                // a serial number that is copied from the leaf cannot be given up
                let may = tbs.full_width_signature() && tbs.der() != first.tbs().der();
                if !may || self.key.verify(tbs.signature_algorithm(), tbs.der(), signature).is_err() {
                    let what = format!(
                        "for chip {uid} it gives up {attempt} serial numbers, and its signature is not for the next one"
                    );
                    return Err(wrong(what).into());
                }
            }
        }
        Ok(())
    }

    /// Attempt and signature of a leaf of the plan.
    fn of(&self, uid: &Uid) -> (u32, &[u8]) {
        let at = self.rows.binary_search_by(|row| row.key.uid.as_bytes().cmp(uid.as_bytes()));
        self.file.entry(at.expect("the leaf is one of the plan's"))
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

    /// Checks that this file has the signature that an earlier run recorded. The two may be in different forms.
    fn check_recorded(&self, unchecked: UncheckedCertificate) -> Result<IssuedCertificate, IssueError> {
        let form = |signature: &[u8]| kept_form(self.issuer.spki().algorithm(), false, signature.to_vec());
        let uid = unchecked.tbs().origin().uid;
        if form(self.of(&uid).1) != form(unchecked.signature()) {
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
