//! How a CA is doing, read from its configuration and ledger: nothing is opened that a run needs for itself, so that it can be
//! asked while one is on.

use std::path::Path;

use serde::Serialize;

use crate::config::{Config, Holder};
use crate::crypto::sha256;
use crate::ledger::{Ledger, LedgerError, LedgerOverview};
use crate::text::exact_path;
use crate::x509::{Certificate, Sha256Digest, Time};

/// Days before the end of a certificate from which it is warned of: time for a ceremony.
pub const WARNING_DAYS: i64 = 60;

/// How a CA is doing.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Where the issuing key is; nothing where another machine has it.
    pub issuing_key: Vec<String>,
    /// Where the manifest signer's key is.
    pub manifest_key: Vec<String>,
    /// Every certificate that the configuration names.
    pub certificates: Vec<CertificateStatus>,
    /// The ledger; none if it cannot be read.
    pub ledger: Option<LedgerStatus>,
    /// What does not hold: nothing can be issued before it is put right.
    pub problems: Vec<String>,
    /// What will not hold for long.
    pub warnings: Vec<String>,
}

/// One certificate and its end.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateStatus {
    /// What it is for.
    pub role: &'static str,
    /// Whose it is.
    pub subject: String,
    /// SHA-256 of its DER.
    pub sha256: Sha256Digest,
    /// Its first second.
    pub not_before: Time,
    /// Its last second.
    pub not_after: Time,
    /// Whole days until then; negative if it has ended.
    pub days_left: i64,
}

/// The ledger.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerStatus {
    /// Its file.
    pub path: String,
    /// The digest of the chain through all records.
    pub head: Sha256Digest,
    /// Whether a run holds it now.
    pub locked: bool,
    /// The process that holds it, where the system says so.
    pub locked_by: Option<u32>,
    /// What is on it, with the batches that are open.
    pub overview: LedgerOverview,
}

impl Status {
    /// Reads it.
    pub fn of(config: &Config, now: Time) -> Self {
        let (named, failures) = config.certificates();
        let mut problems: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let certificates: Vec<CertificateStatus> =
            named.iter().map(|named| CertificateStatus::new(named.role, &named.certificate, now)).collect();
        // whether they belong together is asked only if all of them are there
        if problems.is_empty() {
            let whole = config.issuer_identity().map(drop).and_then(|()| config.manifest_certificate().map(drop));
            problems.extend(whole.err().map(|errors| errors.to_string()));
        }
        let ledger = match LedgerStatus::of(config.ledger_path()) {
            Ok(ledger) => Some(ledger),
            Err(error) => {
                problems.push(error.to_string());
                None
            }
        };
        let (ended, ending): (Vec<_>, Vec<_>) =
            certificates.iter().filter(|one| one.is_ending()).partition(|one| one.days_left < 0);
        problems.extend(ended.into_iter().map(CertificateStatus::said));
        let warnings = ending.into_iter().map(CertificateStatus::said).collect();
        Self {
            issuing_key: config.key_places(Holder::Issuer),
            manifest_key: config.key_places(Holder::Manifest),
            certificates,
            ledger,
            problems,
            warnings,
        }
    }

    /// Whether a batch could be issued, as far as files and dates go.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Says which of the configured certificates end within [`WARNING_DAYS`]. One that has ended, and what cannot be read, is refused
/// by those who need it.
pub fn ending(config: &Config, now: Time) -> Vec<String> {
    let (named, _) = config.certificates();
    let certificates = named.iter().map(|named| CertificateStatus::new(named.role, &named.certificate, now));
    certificates.filter(|one| one.is_ending() && one.days_left >= 0).map(|one| one.said()).collect()
}

impl CertificateStatus {
    fn new(role: &'static str, certificate: &Certificate, now: Time) -> Self {
        let validity = certificate.validity();
        Self {
            role,
            subject: certificate.subject().to_string(),
            sha256: sha256(certificate.der()),
            not_before: validity.not_before(),
            not_after: validity.not_after(),
            days_left: (validity.not_after().unix() - now.unix()).div_euclid(86_400),
        }
    }

    fn is_ending(&self) -> bool {
        self.days_left < WARNING_DAYS
    }

    fn said(&self) -> String {
        let Self { role, subject, not_after, days_left, .. } = self;
        let role = if *role == "above it" { "CA above the issuing CA" } else { role };
        match days_left {
            ..0 => format!("the certificate of the {role} `{subject}` has ended at {not_after}"),
            0 => format!("the certificate of the {role} `{subject}` ends at {not_after}, today"),
            1 => format!("the certificate of the {role} `{subject}` ends at {not_after}, tomorrow"),
            days => format!("the certificate of the {role} `{subject}` ends at {not_after}, in {days} days"),
        }
    }
}

impl LedgerStatus {
    fn of(path: &Path) -> Result<Self, LedgerError> {
        let locked_by = Ledger::holder(path);
        let ledger = Ledger::open_to_read(path)?;
        Ok(Self {
            path: exact_path(path),
            head: ledger.head()?,
            locked: locked_by.is_some(),
            // where this process does not see the other one, the system says 0
            locked_by: locked_by.filter(|process| *process != 0),
            overview: ledger.overview()?,
        })
    }
}
