//! What the root's key is fetched for: the certificate of another issuing CA or manifest signer, or of the same one for longer.
//!
//! The root signs on the ledger of the issuing key that the configuration names, recorded first like everything that a CA key
//! signs. Of a request the name and the key are taken, and its signature shows that the key is at hand; what the certificate
//! may is decided here.

use crate::crypto::{PublicKey, check_authority};
use crate::ledger::Ledger;
use crate::signer::Signer;
use crate::x509::tlv::{DerError, Reader, tag};
use crate::x509::{Certificate, KeyIdentifier, Name, Place, Purposes, SignatureAlgorithm, Spki, Time, Validity};

use super::CaError;
use super::certificate::{Role, Statement, key_identifier};
use super::init::{CaYears, serial, years_after};
use super::key::CaKey;
use super::request::RequestRole;

/// Who is to be certified.
#[derive(Clone, Debug)]
pub struct Subject {
    name: Name,
    spki: Spki,
    /// Its key identifier, where certificates below it have copied one already.
    key_identifier: KeyIdentifier,
}

impl Subject {
    /// Reads a request in DER (RFC 2986) and checks its signature.
    ///
    /// # Errors
    /// It is not a request, or its key has not signed it.
    pub fn of_request(der: &[u8]) -> Result<Self, CaError> {
        let malformed = |error: DerError| CaError::Request { reason: error.to_string() };
        let other = |error: String| CaError::Request { reason: error };
        let mut outer = Reader::new(der);
        let mut fields = Reader::new(outer.expect(tag::SEQUENCE, "CertificationRequest").map_err(malformed)?.content);
        outer.finish("CertificationRequest").map_err(malformed)?;
        let info = fields.expect(tag::SEQUENCE, "certificationRequestInfo").map_err(malformed)?;
        let algorithm = fields.expect(tag::SEQUENCE, "signatureAlgorithm").map_err(malformed)?;
        let signature = fields.expect(tag::BIT_STRING, "signature").map_err(malformed)?;
        let mut parts = Reader::new(info.content);
        parts.expect(tag::INTEGER, "version").map_err(malformed)?;
        let name = parts.expect(tag::SEQUENCE, "subject").map_err(malformed)?;
        let spki = parts.expect(tag::SEQUENCE, "subjectPKInfo").map_err(malformed)?;
        let name = Name::from_der(name.raw).map_err(|error| other(error.to_string()))?;
        let spki = Spki::from_der(spki.raw).map_err(|error| other(error.to_string()))?;
        let algorithm = SignatureAlgorithm::from_identifier(algorithm.raw).map_err(|error| other(error.to_string()))?;
        let signature = signature.content.strip_prefix(&[0]).unwrap_or_default();
        let verified = PublicKey::from_spki(&spki)?.verify(algorithm, info.raw, signature);
        verified.map_err(|error| other(format!("its key has not signed it: {error}")))?;
        Ok(Self { name, key_identifier: key_identifier(&spki), spki })
    }

    /// The holder of a certificate that is to be renewed: same name, same key, same key identifier.
    ///
    /// # Errors
    /// Its key identifier cannot be read.
    pub fn of_certificate(certificate: &Certificate) -> Result<Self, CaError> {
        let (name, spki) = (certificate.subject().clone(), certificate.spki().clone());
        let key_identifier = certificate.subject_key_identifier()?.unwrap_or_else(|| key_identifier(&spki));
        Ok(Self { name, spki, key_identifier })
    }

    /// Checks that it is another one than the root. [`certify`] does it too.
    ///
    /// # Errors
    /// It has the root's key.
    pub fn check_below(&self, root: &Certificate) -> Result<(), CaError> {
        if self.spki.key() == root.spki().key() {
            return Err(CaError::SelfCertified { subject: root.subject().to_string() });
        }
        Ok(())
    }

    /// The key.
    pub fn spki(&self) -> &Spki {
        &self.spki
    }
}

/// What the root is to certify.
#[derive(Clone, Copy, Debug)]
pub struct Ceremony<'a> {
    /// As what.
    pub role: RequestRole,
    /// Whom.
    pub subject: &'a Subject,
    /// The root's certificate, or the manifest anchor's.
    pub root: &'a Certificate,
    /// Validity in calendar years; `None` is the usual time, or the root's where that ends earlier.
    pub years: Option<u16>,
    /// Begin of validity.
    pub now: Time,
    /// Fresh random bytes for the serial number, never used for anything else.
    pub random: [u8; 16],
}

/// Certifies with the root's key: encoded, recorded, signed, verified, recorded.
///
/// # Errors
/// The root is not a CA that may certify this, the certificate would outlive it, or a step fails.
pub fn certify(signer: &dyn Signer, ledger: &Ledger, ceremony: &Ceremony<'_>) -> Result<Certificate, CaError> {
    let Ceremony { role, subject, root, now, .. } = *ceremony;
    let depth = u32::from(role == RequestRole::Issuing);
    let place = if root.is_self_issued() { Place::Anchor } else { Place::Below };
    check_authority(root, place, depth, Purposes::Of(&[])).map_err(|reason| CaError::ChainUnfit { reason })?;
    subject.check_below(root)?;
    let key = CaKey::new(signer, root.spki())?.full_width();
    signer.check_algorithm(key.algorithm())?;
    let issuer_key = root.subject_key_identifier()?.unwrap_or_else(|| key_identifier(root.spki()));
    let (kind, certificate_role) = match role {
        RequestRole::Issuing => ("issuing-ca", Role::Authority { path_len: 0 }),
        RequestRole::Manifest => ("manifest-signer", Role::ManifestSigner),
    };
    let statement = Statement {
        role: certificate_role,
        serial: &serial(&ceremony.random),
        signature: key.algorithm(),
        issuer: root.subject(),
        validity: validity(ceremony)?,
        subject: &subject.name,
        spki: &subject.spki,
        own_key: Some(&subject.key_identifier),
        issuer_key: Some(&issuer_key),
    };
    let der = key.sign(ledger, kind, &statement.encode(), now)?;
    ledger.conclude()?;
    Ok(Certificate::from_der(&der)?)
}

/// The period asked for, inside the root's.
fn validity(ceremony: &Ceremony<'_>) -> Result<Validity, CaError> {
    let Ceremony { role, root, years, now, .. } = *ceremony;
    let usual = match role {
        RequestRole::Issuing => CaYears::USUAL.issuing,
        RequestRole::Manifest => CaYears::USUAL.manifest,
    };
    let of_root = root.validity();
    let end = match years {
        Some(years) => years_after(now, years)?,
        None => years_after(now, usual)?.min(of_root.not_after()),
    };
    if !of_root.contains(now) || end > of_root.not_after() || end <= now {
        return Err(CaError::IssuerNotValid {
            subject: root.subject().to_string(),
            not_before: of_root.not_before(),
            not_after: of_root.not_after(),
            end,
        });
    }
    Ok(Validity::new(now, end)?)
}
