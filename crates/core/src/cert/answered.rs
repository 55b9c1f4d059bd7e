//! Certificates that another CA made: looked at as hard as a leaf of ST's.

use super::{IssuedCertificate, IssuerIdentity, ObjectTemplate, TbsCertificate, UncheckedCertificate};
use crate::crypto::{NotSigned, PublicKey, SignatureError, check_signed};
use crate::origin::{Code, Origin};
use crate::x509::{Certificate, CertificateError, KeyUsage, Spki, oid};

/// Why a certificate is not the one that was requested. No policy allows these differences.
#[derive(Debug, thiserror::Error)]
pub enum AnswerFault {
    /// It could act as a CA.
    #[error("it is a CA certificate, or its keyUsage lets it sign certificates or revocation lists")]
    Ca,
    /// An extension cannot be read.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// Its algorithms are encoded in a way that cannot be kept.
    #[error("its signature algorithm is not in the one encoding that this program keeps")]
    Encoding,
    /// The name of a different CA.
    #[error("its issuer is `{found}`, expected `{expected}` byte for byte")]
    Issuer {
        /// Name found, escaped.
        found: String,
        /// Name expected, escaped.
        expected: String,
    },
    /// For another key.
    #[error("its subjectPublicKeyInfo is not that of the leaf, byte for byte")]
    Key,
    /// It is valid when its CA is not.
    #[error("it is valid outside its CA's validity, which the policy does not allow")]
    OutlivesIssuer,
    /// It could seal manifests.
    #[error("its extendedKeyUsage names document signing, which is for manifest signers alone")]
    Purpose,
    /// The CA did not sign it.
    #[error("the CA's key did not sign it: {0}")]
    Signature(#[from] SignatureError),
    /// Not version 3.
    #[error("it has version {found}, expected 3 (RFC 5280 §4.1.2.1)")]
    Version {
        /// Version found.
        found: u8,
    },
    /// The signature proves nothing.
    #[error("it is signed over SHA-1, which proves nothing")]
    Weak,
}

impl AnswerFault {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Ca => CA,
            Self::Certificate(_) | Self::Encoding | Self::Version { .. } => FORM,
            Self::Issuer { .. } => ISSUER,
            Self::Key => KEY,
            Self::OutlivesIssuer => OUTLIVES_ISSUER,
            Self::Purpose => PURPOSE,
            Self::Signature(_) | Self::Weak => SIGNATURE,
        }
    }
}

codes! {
    const;

    CA = "answer.certificate.ca", "What the other CA returned could act as a CA."
        => "Ask the CA for an end-entity certificate: without cA TRUE and without keyCertSign.";
    FORM = "answer.certificate.form", "What the other CA returned is not a certificate of the form that is kept."
        => "Ask the CA for an X.509 certificate of version 3 in DER.";
    ISSUER = "answer.certificate.issuer", "The certificate names another issuer than the configured CA."
        => "Check that the configured CA is the one that signs, and ask that CA for the certificate.";
    KEY = "answer.certificate.key", "The certificate is for another key than the leaf's."
        => "Ask the CA to certify exactly the public key that was requested.";
    OUTLIVES_ISSUER = "answer.certificate.outlives-issuer", "The certificate is valid when its CA is not."
        => "Ask the CA for a certificate that ends before its own, or allow a longer validity in the policy.";
    PURPOSE = "answer.certificate.purpose", "The certificate could seal manifests."
        => "Ask the CA to leave out the purpose of document signing (1.3.6.1.5.5.7.3.36).";
    SIGNATURE = "answer.certificate.signature", "The configured CA did not sign the certificate."
        => "Check the configured CA certificate, then ask the CA for the certificate again.";
}

/// Checks a certificate that the CA `issuer` made elsewhere for `template`: an [`object`] certificate of that CA for
/// the leaf's key, valid while its CA is unless the policy lets it be valid longer. In what else it may differ is the
/// policy's: [`differences`](crate::cert::differences) finds it.
///
/// # Errors
/// It is not such a certificate.
pub fn answered(
    issuer: &IssuerIdentity,
    template: &ObjectTemplate,
    certificate: &Certificate,
) -> Result<IssuedCertificate, AnswerFault> {
    let tbs = object(issuer, &template.spki, &template.origin, certificate)?;
    let (validity, limit) = (certificate.validity(), issuer.validity());
    let inside = limit.contains(validity.not_before()) && limit.contains(validity.not_after());
    if !inside && !template.rules.may_outlive_issuer {
        return Err(AnswerFault::OutlivesIssuer);
    }
    let signature = certificate.signature().to_vec();
    Ok(IssuedCertificate::assert_verified(UncheckedCertificate::new(tbs, signature)))
}

/// Checks the rules for every object certificate, which no policy changes, so the caller needs no policy: version 3,
/// the key of the leaf byte for byte, the CA's name and signature, no right of a CA, not for sealing manifests, the one
/// encoding of its algorithms. A [`Certificate`] that was read without leniency is strict DER, and
/// its validity is in order.
///
/// # Errors
/// It is not such a certificate.
pub fn object(
    issuer: &IssuerIdentity,
    spki: &Spki,
    origin: &Origin,
    certificate: &Certificate,
) -> Result<TbsCertificate, AnswerFault> {
    if certificate.version() != 3 {
        return Err(AnswerFault::Version { found: certificate.version() });
    }
    if certificate.spki().der() != spki.der() {
        return Err(AnswerFault::Key);
    }
    let forbidden = KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN;
    let signs = certificate.key_usage()?.is_some_and(|usage| usage.0 & forbidden != 0);
    if signs || certificate.basic_constraints()?.is_some_and(|constraints| constraints.ca) {
        return Err(AnswerFault::Ca);
    }
    if certificate.extended_key_usage()?.is_some_and(|purposes| purposes.contains(&oid::KP_DOCUMENT_SIGNING)) {
        return Err(AnswerFault::Purpose);
    }
    let key = PublicKey::from_spki(issuer.spki()).map_err(|_| AnswerFault::Encoding)?;
    check_signed(certificate, issuer.subject(), &key).map_err(|error| match error {
        NotSigned::Issuer => {
            let (found, expected) = (certificate.issuer().to_string(), issuer.subject().to_string());
            AnswerFault::Issuer { found, expected }
        }
        NotSigned::Signature(error) => AnswerFault::Signature(error),
        NotSigned::Weak => AnswerFault::Weak,
    })?;
    let tbs = TbsCertificate::received(certificate, origin);
    if tbs.wrap(certificate.signature()) != certificate.der() {
        return Err(AnswerFault::Encoding);
    }
    Ok(tbs)
}
