//! The issuer without its key: what an auditor needs to rebuild a tbsCertificate.

use crate::x509::{
    Certificate, CertificateError, ExtensionError, KeyIdentifier, Name, Place, Purposes, Spki, Validity, check_ca,
    check_purposes,
};

/// The issuing CA's certificate and the chain above it, fit to issue.
#[derive(Clone, Debug)]
pub struct IssuerIdentity {
    certificate: Certificate,
    chain: Vec<Certificate>,
    key_identifier: Option<KeyIdentifier>,
}

impl IssuerIdentity {
    /// Takes the issuing CA's certificate and those above it, nearest first.
    ///
    /// Checks what the certificates say: that each of them may sign certificates, that none has an extension or a
    /// constraint that must be processed and is not, and that each name is the next one's. Signatures between them are
    /// checked by callers that have a verifier.
    ///
    /// # Errors
    /// A certificate is not a CA's or must not sign certificates, has a constraint, or the issuer's has no name or one
    /// that is not DER, or the chain's names do not follow.
    pub fn new(certificate: Certificate, chain: Vec<Certificate>) -> Result<Self, IssuerIdentityError> {
        match check_ca(&certificate, Place::Below) {
            Ok(_) => {}
            Err(ExtensionError::Certificate(error)) => return Err(error.into()),
            Err(ExtensionError::NotACa) => return Err(IssuerIdentityError::NotACa),
            Err(ExtensionError::NoKeyCertSign) => return Err(IssuerIdentityError::NoKeyCertSign),
            Err(source) => return Err(IssuerIdentityError::of(&certificate, source)),
        }
        if certificate.subject().is_empty() {
            return Err(IssuerIdentityError::EmptySubject);
        }
        // the name is copied into every certificate, which other software reads as DER
        if !certificate.subject().is_ordered() {
            return Err(IssuerIdentityError::SubjectOrder { subject: certificate.subject().to_string() });
        }
        let mut below = &certificate;
        for above in &chain {
            if below.issuer() != above.subject() {
                return Err(IssuerIdentityError::ChainOrder {
                    issuer: below.issuer().to_string(),
                    found: above.subject().to_string(),
                });
            }
            // only a root can be older than version 3: nothing but the person who named it says that it is a CA
            let place = if above.is_self_issued() { Place::Anchor } else { Place::Below };
            check_ca(above, place).map_err(|source| IssuerIdentityError::of(above, source))?;
            below = above;
        }
        let key_identifier = certificate.subject_key_identifier()?;
        Ok(Self { certificate, chain, key_identifier })
    }

    /// The issuing CA's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificates above it, nearest first.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Returns the end of the chain. Certificates are verified against it unless the caller names a different issuer
    /// anchor, and manifest signers unless the caller names a different manifest anchor. Without a chain, this is the
    /// CA itself if it is its own root. `None`: the chain is missing.
    pub fn anchor(&self) -> Option<&Certificate> {
        self.chain().last().or_else(|| Some(&self.certificate).filter(|own| own.is_self_issued()))
    }

    /// The name that certificates carry as issuer, bytes as in the CA's certificate.
    pub fn subject(&self) -> &Name {
        self.certificate.subject()
    }

    /// Checks that no extendedKeyUsage of the CA or of one above it is in the way of these purposes.
    ///
    /// # Errors
    /// As [`check_purposes`], with the CA's name.
    pub fn check_purposes(&self, purposes: Purposes<'_>) -> Result<(), IssuerIdentityError> {
        std::iter::once(&self.certificate)
            .chain(&self.chain)
            .try_for_each(|ca| check_purposes(ca, purposes).map_err(|source| IssuerIdentityError::of(ca, source)))
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
#[non_exhaustive]
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
    /// A CA has an extension or a constraint that must be processed and is not.
    #[error("certificate of `{subject}`: {source}")]
    Extension {
        /// Whose certificate.
        subject: String,
        /// What was found.
        source: ExtensionError,
    },
    /// keyUsage forbids signing certificates.
    #[error("issuer certificate's keyUsage lacks keyCertSign (RFC 5280 §4.2.1.3)")]
    NoKeyCertSign,
    /// basicConstraints does not say CA.
    #[error("issuer certificate is not a CA certificate: basicConstraints cA is not TRUE (RFC 5280 §4.2.1.9)")]
    NotACa,
    /// The issuer's name is not DER.
    #[error(
        "subject `{subject}` of the issuer certificate has attributes in one relative distinguished name that are not in \
         the order of DER (X.690 §11.6), and every certificate would have it as its issuer"
    )]
    SubjectOrder {
        /// The name found.
        subject: String,
    },
}

impl IssuerIdentityError {
    fn of(certificate: &Certificate, source: ExtensionError) -> Self {
        Self::Extension { subject: certificate.subject().to_string(), source }
    }

    /// What to do about it, where that can be said.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Extension { source, .. } => Some(match source {
                ExtensionError::Purpose { .. } | ExtensionError::PurposeAny { .. } => {
                    "Write purposes into the policy's extensions.extended_key_usage that the CA allows, or have the CA \
                     certificate issued again without extendedKeyUsage or with these purposes."
                }
                ExtensionError::Constraint { .. } | ExtensionError::NotCritical { .. } => {
                    "Have the CA certificate issued again without this constraint, or issue under another CA. Relying \
                     parties apply it to every certificate below, and this program cannot show that all satisfy it."
                }
                _ => "Have the CA certificate issued again without this extension or with a value that conforms.",
            }),
            Self::SubjectOrder { .. } => Some(
                "Have the CA certificate issued again with one attribute in each relative distinguished name, or with \
                 the attributes in the order of their encodings.",
            ),
            Self::Certificate(_)
            | Self::ChainOrder { .. }
            | Self::EmptySubject
            | Self::NoKeyCertSign
            | Self::NotACa => None,
        }
    }
}
