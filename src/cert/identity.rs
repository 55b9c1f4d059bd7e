//! The issuer without its key: what an auditor needs to rebuild a tbsCertificate.

use crate::x509::{
    BasicConstraints, Certificate, CertificateError, KeyIdentifier, KeyUsage, LazySha256, Name, Sha256Digest, Spki,
    Validity,
};

/// The issuing CA's certificate and the chain above it, fit to issue.
#[derive(Clone, Debug)]
pub struct IssuerIdentity {
    certificate: Certificate,
    chain: Vec<Certificate>,
    key_identifier: Option<KeyIdentifier>,
    spki_sha256: LazySha256,
}

impl IssuerIdentity {
    /// Takes the issuing CA's certificate and those above it, nearest first.
    ///
    /// Checks what the certificates say: that the issuer may sign certificates and that each name is the next one's.
    /// Signatures between them are checked by whoever has a verifier.
    ///
    /// # Errors
    /// The certificate is not a CA's, must not sign certificates, has no name, or the chain's names do not follow.
    pub fn new(certificate: Certificate, chain: Vec<Certificate>) -> Result<Self, IssuerIdentityError> {
        match certificate.basic_constraints()? {
            Some(BasicConstraints { ca: true, .. }) => {}
            _ => return Err(IssuerIdentityError::NotACa),
        }
        if certificate.key_usage()?.is_some_and(|usage| !usage.has(KeyUsage::KEY_CERT_SIGN)) {
            return Err(IssuerIdentityError::NoKeyCertSign);
        }
        if certificate.subject().is_empty() {
            return Err(IssuerIdentityError::EmptySubject);
        }
        let mut below = &certificate;
        for above in &chain {
            if below.issuer() != above.subject() {
                return Err(IssuerIdentityError::ChainOrder {
                    issuer: below.issuer().to_string(),
                    found: above.subject().to_string(),
                });
            }
            below = above;
        }
        let key_identifier = certificate.subject_key_identifier()?;
        Ok(Self { certificate, chain, key_identifier, spki_sha256: LazySha256::default() })
    }

    /// The issuing CA's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// SHA-256 of the issuer's SubjectPublicKeyInfo, by `hash`, which is asked once.
    pub fn spki_sha256(&self, hash: fn(&[u8]) -> Sha256Digest) -> Sha256Digest {
        self.spki_sha256.get(|| hash(self.spki().der()))
    }

    /// The certificates above it, nearest first.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The name that certificates carry as issuer, bytes as in the CA's certificate.
    pub fn subject(&self) -> &Name {
        self.certificate.subject()
    }

    /// The CA's key.
    pub fn spki(&self) -> &Spki {
        self.certificate.spki()
    }

    /// The CA's period of validity.
    pub fn validity(&self) -> Validity {
        self.certificate.validity()
    }

    /// The CA's subjectKeyIdentifier, which authorityKeyIdentifiers copy.
    pub fn key_identifier(&self) -> Option<&KeyIdentifier> {
        self.key_identifier.as_ref()
    }
}

/// Why certificates are not an issuer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerIdentityError {
    /// An extension cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The chain is out of order.
    #[error("chain does not continue: a certificate of `{issuer}` was expected, found `{found}`")]
    ChainOrder {
        /// The name expected.
        issuer: String,
        /// The name found.
        found: String,
    },
    /// No name to issue under.
    #[error("issuer certificate has an empty subject, expected a name (RFC 5280 §4.1.2.6)")]
    EmptySubject,
    /// keyUsage forbids signing certificates.
    #[error("issuer certificate's keyUsage lacks keyCertSign (RFC 5280 §4.2.1.3)")]
    NoKeyCertSign,
    /// basicConstraints does not say CA.
    #[error("issuer certificate is not a CA certificate: basicConstraints cA is not TRUE (RFC 5280 §4.2.1.9)")]
    NotACa,
}
