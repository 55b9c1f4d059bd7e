//! Whether a certificate was revoked, as verified lists say.
//!
//! A list is a file of its own beside a proof or a batch, so neither format changes: the caller that checks the proof
//! gives the newest list, not the one that existed when the proof was made.

use std::path::Path;

use crate::audit::Fault;
use crate::cert::IssuerIdentity;
use crate::crl::{Crl, CrlEntry, CrlNumber, Status, VerifiedCrls};
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::manifest::{self, ProofChip, Statement};
use crate::origin::Uid;
use crate::x509::{Certificate, CertificateError, Time};

use super::check::{code, fault};

/// Lists, and the time at which they are asked.
#[derive(Debug)]
pub struct Statuses {
    crls: Vec<Crl>,
    at: Time,
    /// The last issuer that they were verified under: certificates mostly have the same.
    verified: Option<(Vec<u8>, VerifiedCrls)>,
}

/// The list that does not have the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRevoked {
    /// Its number.
    pub number: CrlNumber,
    /// Since when it says so.
    pub this_update: Time,
    /// Until when it may be believed.
    pub next_update: Time,
}

/// What lists say of the certificates of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchStatus {
    /// Certificates that are not revoked.
    pub good: u64,
    /// Those that are, in order of UIDs.
    pub revoked: Vec<(Uid, CrlEntry)>,
    /// Certificates that no list covers.
    pub uncovered: u64,
    /// Certificates whose newest list has ended or is not of its time yet.
    pub out_of_date: u64,
    /// Number, thisUpdate and nextUpdate of each list.
    pub lists: Vec<NotRevoked>,
}

impl Statuses {
    /// Lists that were read and not verified yet.
    pub const fn new(crls: Vec<Crl>, at: Time) -> Self {
        Self { crls, at, verified: None }
    }

    /// Lists that are beside a proof and say what was so at their own time.
    pub fn of_their_time(crls: Vec<Crl>) -> Self {
        let at = crls.iter().map(Crl::this_update).max().unwrap_or(Time::NEVER);
        Self::new(crls, at)
    }

    /// The newest lists that cover the chip of a proof.
    ///
    /// # Errors
    /// A certificate of the proof cannot be read, or a list is not one of the issuing CA.
    pub fn covering(&mut self, chip: &ProofChip) -> Result<Vec<&Crl>, Fault> {
        let unreadable = |error: CertificateError| fault(code::CERTIFICATE, "certificate", error.to_string());
        let certificate = Certificate::from_named_der(&chip.certificate).map_err(unreadable)?;
        let none = || fault(code::CERTIFICATE, "chain", "the proof has no issuing CA");
        let issuer = chip.chain.first().ok_or_else(none)?;
        let issuer = Certificate::from_named_der(issuer).map_err(unreadable)?;
        Ok(self.under(&issuer)?.covering(&certificate, &issuer).collect())
    }

    /// Checks that a list of the issuing CA, its signature verified and of this time, covers the certificate and does
    /// not have it.
    ///
    /// # Errors
    /// The certificate is revoked, or it is not shown that it is not.
    pub fn check(&mut self, certificate: &Certificate, identity: &IssuerIdentity) -> Result<NotRevoked, Fault> {
        let issuer = identity.certificate();
        let at = self.at;
        let refuse = |code, message: String| Err(fault(code, "certificate", message));
        match self.under(issuer)?.status(certificate, issuer, at) {
            Status::Good(crl) => Ok(NotRevoked::of(crl)),
            Status::Revoked(crl, entry) => refuse(code::STATUS_REVOKED, revoked(&entry, crl)),
            Status::OutOfDate(crl) => {
                let message = format!(
                    "CRL {} is valid from {} to {}, and it is {at}",
                    crl.number(),
                    crl.this_update(),
                    crl.next_update()
                );
                refuse(code::STATUS_OUT_OF_DATE, message)
            }
            Status::Uncovered => {
                let message =
                    "no CRL given covers the certificate: none has a URL of its CRL distribution point, or covers all";
                refuse(code::STATUS_UNCOVERED, message.to_owned())
            }
        }
    }

    fn under(&mut self, issuer: &Certificate) -> Result<&VerifiedCrls, Fault> {
        if self.verified.as_ref().is_none_or(|(der, _)| der != issuer.der()) {
            let verified = VerifiedCrls::new(self.crls.iter().cloned(), &[issuer])
                .map_err(|error| fault(code::STATUS_CRL, "CRL", error.to_string()))?;
            self.verified = Some((issuer.der().to_vec(), verified));
        }
        Ok(self.verified.as_ref().map(|(_, verified)| verified).expect("it was just set"))
    }

    /// What the lists say of each certificate of a batch that was verified before.
    ///
    /// # Errors
    /// The batch cannot be read. The other result: a list is not one of the batch's issuing CA.
    pub fn of_batch(&mut self, batch: &Path) -> Result<Result<BatchStatus, Fault>, Error> {
        let reader = BatchReader::open(batch)?;
        let statement = Statement::parse(&reader.read(manifest::STATEMENT_FILE)?).map_err(Error::NotSealed)?;
        let issuer = reader.chain(manifest::CHAIN_FILE, &statement)?.swap_remove(0);
        let at = self.at;
        let verified = match self.under(&issuer) {
            Ok(verified) => verified,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut found = BatchStatus { lists: verified.lists().map(NotRevoked::of).collect(), ..BatchStatus::default() };
        let mut certificates = reader.certificates()?;
        while let Some(entry) = certificates.next_certificate()? {
            // an external CA's certificate may have a form that the strict reader refuses: it counts as uncovered
            let Ok(certificate) = Certificate::from_der(&entry.der) else {
                found.uncovered += 1;
                continue;
            };
            match verified.status(&certificate, &issuer, at) {
                Status::Good(_) => found.good += 1,
                Status::Revoked(_, revoked) => found.revoked.push((entry.uid, revoked)),
                Status::OutOfDate(_) => found.out_of_date += 1,
                Status::Uncovered => found.uncovered += 1,
            }
        }
        Ok(Ok(found))
    }
}

impl NotRevoked {
    fn of(crl: &Crl) -> Self {
        Self { number: crl.number().clone(), this_update: crl.this_update(), next_update: crl.next_update() }
    }
}

fn revoked(entry: &CrlEntry, crl: &Crl) -> String {
    format!("revoked since {} for {}, as CRL {} says", entry.revoked_at, entry.reason, crl.number())
}
