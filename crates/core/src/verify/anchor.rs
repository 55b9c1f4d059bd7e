//! Trust anchors: a name and a key that the operator trusts (RFC 5280 §6.1.1 (d)).

use crate::crypto::{IssuerKey, PublicKey, sha256};
use crate::x509::{Certificate, ExtensionError, Name, Place, Sha256Digest, Spki, check_ca};

use super::error::VerifyError;
use super::name;

/// A CA that the operator trusts, given by configuration or option and never by an input.
///
/// Its own signature is not checked, and its own end of validity is a warning: genuine leaves outlive their root.
/// Deliberately stricter than RFC 5280, where an anchor is a name and a key: what its certificate says about itself is
/// honoured, so that a leaf, a constrained CA or a CA with unknown critical extensions cannot be configured by mistake.
#[derive(Clone, Debug)]
pub struct TrustAnchor {
    certificate: Certificate,
    fingerprint: Sha256Digest,
    key: IssuerKey,
    path_len: Option<u32>,
    folded_name: Box<[u8]>,
    test: bool,
}

impl TrustAnchor {
    /// Takes a CA certificate as anchor.
    ///
    /// # Errors
    /// The certificate is not a CA's, its key or name is bad, or it carries extensions that cannot be honoured.
    pub fn from_certificate(certificate: Certificate) -> Result<Self, VerifyError> {
        let anchor = certificate.subject().to_string();
        let defect = |defect: super::defect::Defect| VerifyError::AnchorDefect {
            anchor: anchor.clone(),
            code: defect.code,
            reason: defect.reason,
        };
        let checked = check_ca(&certificate, Place::Anchor);
        if matches!(checked, Err(ExtensionError::NotACa)) {
            return Err(VerifyError::AnchorNotACa { anchor });
        }
        super::profile::check_anchor(&certificate).map_err(defect)?;
        let path_len = checked.map_err(|error| defect(error.into()))?;
        let key = PublicKey::from_spki(certificate.spki())
            .map_err(|source| VerifyError::AnchorKey { anchor: anchor.clone(), source })?;
        Ok(Self {
            fingerprint: sha256(certificate.der()),
            key: IssuerKey::new(key),
            path_len,
            folded_name: name::fold_case(certificate.subject()).into(),
            test: name::names_a_test(certificate.subject()),
            certificate,
        })
    }

    /// The certificate as given.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Sha256Digest {
        self.fingerprint
    }

    /// The CA's name.
    pub fn name(&self) -> &Name {
        self.certificate.subject()
    }

    /// The CA's key.
    pub fn spki(&self) -> &Spki {
        self.certificate.spki()
    }

    /// Whether the name has TEST or Demo as a whole word: leaves below need the relaxation `test-anchor`.
    pub fn is_test(&self) -> bool {
        self.test
    }

    pub(super) fn key(&self) -> &IssuerKey {
        &self.key
    }

    pub(super) fn path_len(&self) -> Option<u32> {
        self.path_len
    }

    pub(super) fn folded_name(&self) -> &[u8] {
        &self.folded_name
    }
}
