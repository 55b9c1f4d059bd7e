//! What people know of the certificates that are to be revoked.

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use crate::crl::Reason;
use crate::error::Error;
use crate::ledger::BatchId;
use crate::origin::{ChipName, Uid};
use crate::reel::{self, Input, Item, Limits};
use crate::text::Printable;
use crate::x509::{Certificate, SerialNumber, Time};

use super::Finding;

/// A chip that was named.
#[derive(Clone, Debug)]
pub struct Named {
    /// Where it was named: an option, or a list and its line.
    pub place: String,
    /// Its name.
    pub chip: ChipName,
    /// Why, if its line says so.
    pub reason: Option<Reason>,
    /// Since when, if its line says so.
    pub at: Option<Time>,
    /// Whether it was named by a reel: without a certificate it is blocked then.
    pub of_reel: bool,
}

/// All certificates of an issuer that were named in one way or another.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Chips: every certificate that they have.
    pub chips: Vec<Named>,
    /// Serial numbers, each with where it was named.
    pub serials: Vec<(String, SerialNumber)>,
    /// Certificates, each with where it is from.
    pub certificates: Vec<(String, Certificate)>,
    /// Whole batches.
    pub batches: Vec<BatchId>,
    /// Whole batches under policies of these names, narrowed by `between`.
    pub policies: Vec<String>,
    /// Whole batches that were issued between these instants, narrowed by `policies`.
    pub between: Option<(Time, Time)>,
    /// Earlier certificates of the chips of this batch, under the same policy name.
    pub superseded_by: Option<BatchId>,
    /// What could not be read.
    pub findings: Vec<Finding>,
}

impl Selection {
    /// Adds the chips of a list or a reel, and what could not be read of it.
    pub fn add(&mut self, (named, findings): (Vec<Named>, Vec<Finding>)) {
        self.chips.extend(named);
        self.findings.extend(findings);
    }

    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.chips.is_empty()
            && self.serials.is_empty()
            && self.certificates.is_empty()
            && self.batches.is_empty()
            && self.policies.is_empty()
            && self.between.is_none()
            && self.superseded_by.is_none()
            && self.findings.is_empty()
    }
}

/// The chips of a reel's archive; `place` is what it is called. Their leaves are not verified: what is not on the ledger is only blocked.
///
/// # Errors
/// The archive cannot be read. What is in it and is not a certificate of a chip becomes a finding.
pub fn read_reel(
    place: &str,
    archive: &Path,
    stdin: Option<&mut dyn Read>,
    scratch: &Path,
) -> Result<(Vec<Named>, Vec<Finding>), Error> {
    let mut uids = BTreeSet::new();
    let mut findings = Vec::new();
    let input = if archive == Path::new("-") { Input::Stdin } else { Input::Path(archive.to_owned()) };
    let mut each = |item: Item| {
        match item {
            Item::Candidate(leaf) => match Certificate::from_der(leaf.der.as_slice()) {
                Ok(certificate) if certificate.is_ca() => {}
                Ok(certificate) => drop(uids.insert(Uid::from_serial(certificate.serial()))),
                Err(error) => findings.push(Finding::unreadable(leaf.item.to_string(), error.to_string())),
            },
            Item::Finding(finding) if finding.disposition == crate::origin::Disposition::Rejected => {
                findings.push(Finding::unreadable(finding.item.to_string(), finding.reason));
            }
            Item::Finding(_) => {}
        }
        ControlFlow::Continue(())
    };
    reel::read(&input, stdin, &Limits::default(), scratch, &mut each)?;
    if uids.is_empty() && findings.is_empty() {
        findings.push(Finding::unreadable(Printable::new(archive).to_string(), "there is no leaf in it".to_owned()));
    }
    let named = |uid: Uid| Named { place: place.to_owned(), chip: uid.into(), reason: None, at: None, of_reel: true };
    Ok((uids.into_iter().map(named).collect(), findings))
}
