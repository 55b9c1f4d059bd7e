//! The seal: CMS SignedData, detached, in DER, over the bytes of `manifest.json` (RFC 5652 §5).
//!
//! Seals have exactly one form: everything in them follows from statement and certificate but the signature. Reading
//! one is [`SignedManifest`](super::SignedManifest)'s.

use crate::crypto::{PublicKey, sha2, sha256};
use crate::x509::oid::{self, ObjectIdentifier};
use crate::x509::tlv::{Reader, element, tag};
use crate::x509::{Certificate, KeyUsage, Sha2, SignatureAlgorithm, Time};

use super::error::ManifestError;

/// Seals bytes: the content of `manifest.json.p7s` for a statement, `NAME.pop.json.p7s` for a supplement, and the
/// signature over a plan's head. `created` becomes signingTime.
///
/// `sign` is given the algorithm and the message, and returns the signature of the certificate's key. The signature is
/// verified before it is returned, and so is all that [`SignedManifest::open`](super::SignedManifest::open) will look
/// at, but for the anchor.
///
/// # Errors
/// The certificate is not one of a manifest signer valid at `created` ([`check_signer`]); `sign` fails, or returns a
/// wrong signature.
pub fn seal<E: From<ManifestError>>(
    bytes: &[u8],
    certificate: &Certificate,
    created: Time,
    sign: impl FnOnce(SignatureAlgorithm, &[u8]) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    check_signer(certificate, created)?;
    sign_detached(bytes, certificate, created, sign)
}

/// Signs bytes in the form of a seal with the key of any certificate: `certificate` need not be a manifest signer's. The
/// caller says what such a signature is good for.
///
/// # Errors
/// The certificate's key is not P-256 or P-384; `sign` fails, or returns a wrong signature.
pub fn sign_detached<E: From<ManifestError>>(
    bytes: &[u8],
    certificate: &Certificate,
    created: Time,
    sign: impl FnOnce(SignatureAlgorithm, &[u8]) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let suite = Suite::of(certificate)?;
    let attributes = signed_attributes(suite, bytes, certificate, created);
    let message = element(tag::SET, &[&attributes]);
    let signature = sign(suite.signature, &message)?;
    suite.verify(certificate, &message, &signature).map_err(|error| match error {
        ManifestError::SealSignature { source } => ManifestError::NewSealSignature { source },
        other => other,
    })?;
    Ok(encode(suite, certificate, &attributes, &signature))
}

/// The certificate that a seal carries, for where there is no `manifest.pem` beside it. Nothing is believed by this:
/// [`SignedManifest::open`](super::SignedManifest::open) demands that the seal carries exactly that certificate.
///
/// # Errors
/// There is no certificate where a seal has it.
pub fn certificate_in(seal: &[u8]) -> Result<Certificate, ManifestError> {
    let content_info = Reader::new(seal).expect(tag::SEQUENCE, "ContentInfo")?;
    let mut fields = Reader::new(content_info.content);
    fields.expect(tag::OBJECT_IDENTIFIER, "contentType")?;
    let content = fields.expect(CONTENT, "content")?;
    let signed_data = Reader::new(content.content).expect(tag::SEQUENCE, "SignedData")?;
    let mut fields = Reader::new(signed_data.content);
    fields.expect(tag::INTEGER, "SignedData version")?;
    fields.expect(tag::SET, "digestAlgorithms")?;
    fields.expect(tag::SEQUENCE, "encapContentInfo")?;
    let certificates = fields.expect(CERTIFICATES, "certificates")?;
    Ok(Certificate::from_named_der(certificates.content)?)
}

/// Proves that a certificate is one for sealing manifests, valid at `at` (docs/spec/manifest-format.md, "Signer").
///
/// It must be an end entity's with a key of P-256 or P-384; its keyUsage digitalSignature, at most with
/// nonRepudiation; its extendedKeyUsage critical and exactly id-kp-documentSigning, which no object certificate ever
/// has; and no critical extension may be left that is not understood. Who certified it is not looked at.
///
/// # Errors
/// The first of these that does not hold.
pub fn check_signer(certificate: &Certificate, at: Time) -> Result<(), ManifestError> {
    check_profile(certificate)?;
    check_validity(certificate, at)
}

/// Everything about a manifest signer's certificate that holds at all times.
pub(super) fn check_profile(certificate: &Certificate) -> Result<(), ManifestError> {
    check_purpose(certificate)?;
    // RFC 5280 §4.2.1.9: absent or cA FALSE
    if certificate.basic_constraints()?.is_some_and(|constraints| constraints.ca) {
        return Err(ManifestError::SignerCa);
    }
    match certificate.key_usage()? {
        Some(KeyUsage(bits)) if bits & !KeyUsage::NON_REPUDIATION == KeyUsage::DIGITAL_SIGNATURE => {}
        Some(KeyUsage(bits)) => return Err(ManifestError::SignerKeyUsage { found: format!("the bits {bits:#05x}") }),
        None => return Err(ManifestError::SignerKeyUsage { found: "absent".to_owned() }),
    }
    let understood = [
        oid::AUTHORITY_KEY_IDENTIFIER,
        oid::BASIC_CONSTRAINTS,
        oid::EXTENDED_KEY_USAGE,
        oid::KEY_USAGE,
        oid::SUBJECT_KEY_IDENTIFIER,
    ];
    for extension in certificate.extensions() {
        if extension.critical && !understood.contains(&extension.oid) {
            return Err(ManifestError::SignerCriticalExtension { oid: extension.oid.to_string() });
        }
    }
    Suite::of(certificate).map(|_| ())
}

pub(super) fn check_validity(certificate: &Certificate, at: Time) -> Result<(), ManifestError> {
    let validity = certificate.validity();
    if validity.contains(at) {
        Ok(())
    } else {
        let (not_before, not_after) = (validity.not_before(), validity.not_after());
        Err(ManifestError::SignerValidity { at, not_before, not_after })
    }
}

/// The check that keeps device certificates from sealing manifests: it comes before all others, so that they are
/// refused for this reason.
fn check_purpose(certificate: &Certificate) -> Result<(), ManifestError> {
    let found = match (certificate.extension(oid::EXTENDED_KEY_USAGE), certificate.extended_key_usage()?) {
        (None, _) | (_, None) => "absent".to_owned(),
        (Some(extension), Some(purposes)) => match purposes[..] {
            [oid::KP_DOCUMENT_SIGNING] if extension.critical => return Ok(()),
            [oid::KP_DOCUMENT_SIGNING] => "id-kp-documentSigning but not critical".to_owned(),
            _ => purposes.iter().map(ObjectIdentifier::to_string).collect::<Vec<_>>().join(", "),
        },
    };
    Err(ManifestError::SignerPurpose { found })
}

/// The algorithms that go with a signer's key.
#[derive(Clone, Copy)]
pub(super) struct Suite {
    pub(super) signature: SignatureAlgorithm,
    digest: Sha2,
}

impl Suite {
    /// P-256 with SHA-256, P-384 with SHA-384.
    pub(super) fn of(certificate: &Certificate) -> Result<Self, ManifestError> {
        let found = certificate.spki().algorithm();
        let signature = found.usual_signature();
        match signature.hash() {
            Some(digest) if found.seals() => Ok(Self { signature, digest }),
            _ => Err(ManifestError::SignerKey { found }),
        }
    }

    pub(super) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        sha2(self.digest, bytes)
    }

    /// RFC 5754 §2: "Implementations MUST generate SHA2 AlgorithmIdentifiers with absent parameters."
    pub(super) fn digest_identifier(self) -> Vec<u8> {
        element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[self.digest.oid().as_bytes()])])
    }

    pub(super) fn verify(
        self,
        certificate: &Certificate,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), ManifestError> {
        PublicKey::from_spki(certificate.spki())
            .map_err(|source| ManifestError::SignerPublicKey { source })?
            .verify(self.signature, message, signature)
            .map_err(|source| ManifestError::SealSignature { source })
    }
}

/// The content of signedAttrs: the four attributes in the order of their DER (X.690 §11.6).
pub(super) fn signed_attributes(
    suite: Suite,
    statement: &[u8],
    certificate: &Certificate,
    signing_time: Time,
) -> Vec<u8> {
    let data = element(tag::OBJECT_IDENTIFIER, &[oid::CMS_DATA.as_bytes()]);
    let digest = element(tag::OCTET_STRING, &[&suite.digest(statement)]);
    // RFC 5035 §4: the hash algorithm's default, SHA-256, is omitted
    let hash = element(tag::OCTET_STRING, &[sha256(certificate.der()).as_bytes()]);
    let reference = element(tag::SEQUENCE, &[&element(tag::SEQUENCE, &[&element(tag::SEQUENCE, &[&hash])])]);
    let mut attributes = [
        attribute(oid::CMS_CONTENT_TYPE, &data),
        attribute(oid::CMS_MESSAGE_DIGEST, &digest),
        attribute(oid::CMS_SIGNING_TIME, &signing_time.to_der()),
        attribute(oid::CMS_SIGNING_CERTIFICATE_V2, &reference),
    ];
    attributes.sort();
    attributes.concat()
}

fn attribute(kind: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    let kind = element(tag::OBJECT_IDENTIFIER, &[kind.as_bytes()]);
    element(tag::SEQUENCE, &[&kind, &element(tag::SET, &[value])])
}

/// The ContentInfo around attributes and signature.
pub(super) fn encode(suite: Suite, certificate: &Certificate, attributes: &[u8], signature: &[u8]) -> Vec<u8> {
    let version = [tag::INTEGER, 1, 1];
    let digest = suite.digest_identifier();
    let signer = element(
        tag::SEQUENCE,
        &[
            &version,
            &signer_identifier(certificate),
            &digest,
            &element(SIGNED_ATTRIBUTES, &[attributes]),
            &suite.signature.identifier(),
            &element(tag::OCTET_STRING, &[signature]),
        ],
    );
    let signed_data = element(
        tag::SEQUENCE,
        &[
            &version,
            &element(tag::SET, &[&digest]),
            &detached_content(),
            &element(CERTIFICATES, &[certificate.der()]),
            &element(tag::SET, &[&signer]),
        ],
    );
    let kind = element(tag::OBJECT_IDENTIFIER, &[oid::CMS_SIGNED_DATA.as_bytes()]);
    element(tag::SEQUENCE, &[&kind, &element(CONTENT, &[&signed_data])])
}

/// IssuerAndSerialNumber (RFC 5652 §10.2.4).
pub(super) fn signer_identifier(certificate: &Certificate) -> Vec<u8> {
    let serial = element(tag::INTEGER, &[certificate.serial_bytes()]);
    element(tag::SEQUENCE, &[certificate.issuer().der(), &serial])
}

/// EncapsulatedContentInfo of id-data without eContent (RFC 5652 §5.2).
pub(super) fn detached_content() -> Vec<u8> {
    element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[oid::CMS_DATA.as_bytes()])])
}

/// `[0] EXPLICIT` around the content of a ContentInfo.
pub(super) const CONTENT: u8 = 0xA0;
/// `[0] IMPLICIT` CertificateSet of SignedData.
pub(super) const CERTIFICATES: u8 = 0xA0;
/// `[0] IMPLICIT` SignedAttributes of SignerInfo.
pub(super) const SIGNED_ATTRIBUTES: u8 = 0xA0;
