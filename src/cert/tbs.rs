//! TBSCertificate (RFC 5280 §4.1.2): encoded once, then only wrapped.

use crate::origin::Origin;
use crate::x509::tlv::{element, tag, write_element};
use crate::x509::{Certificate, LazySha256, SerialNumber, Sha256Digest, SignatureAlgorithm, Spki, Validity};

use super::{IssuerIdentity, ObjectTemplate};

/// Version of the rules by which a tbsCertificate follows from batch row and leaf; part of a batch's terms.
///
/// The TBS bytes of a policy `version` never change between releases: a change here is a new version beside the old.
pub const ENCODER: u32 = 1;

/// An encoded tbsCertificate and what the following stages need to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TbsCertificate {
    der: Vec<u8>,
    origin: Origin,
    serial: SerialNumber,
    attempt: u32,
    signature: SignatureAlgorithm,
    validity: Validity,
    spki: Spki,
    full_width_signature: bool,
    sha256: LazySha256,
}

impl TbsCertificate {
    /// Encodes `template` for `issuer`: version 3, the issuer's subject and the SubjectPublicKeyInfo as received.
    pub fn encode(issuer: &IssuerIdentity, template: &ObjectTemplate, serial: SerialNumber, attempt: u32) -> Self {
        let mut extensions = Vec::with_capacity(256);
        for extension in &template.extensions {
            let oid = element(tag::OBJECT_IDENTIFIER, &[extension.oid.as_bytes()]);
            let critical: &[u8] = if extension.critical { &[tag::BOOLEAN, 1, 0xFF] } else { &[] };
            let value = element(tag::OCTET_STRING, &[&extension.value]);
            write_element(&mut extensions, tag::SEQUENCE, &[&oid, critical, &value]);
        }
        if !extensions.is_empty() {
            extensions = element(0xA3, &[&element(tag::SEQUENCE, &[&extensions])]);
        }
        let times = [template.validity.not_before().to_der(), template.validity.not_after().to_der()];
        let der = element(
            tag::SEQUENCE,
            &[
                &[0xA0, 3, tag::INTEGER, 1, 2],
                &element(tag::INTEGER, &[serial.content()]),
                &template.signature.identifier(),
                issuer.subject().der(),
                &element(tag::SEQUENCE, &[&times[0], &times[1]]),
                template.subject.der(),
                template.spki.der(),
                &extensions,
            ],
        );
        Self {
            der,
            origin: template.origin.clone(),
            serial,
            attempt,
            signature: template.signature,
            validity: template.validity,
            spki: template.spki.clone(),
            full_width_signature: template.device.full_width_signature,
            sha256: LazySha256::default(),
        }
    }

    /// The tbsCertificate of a certificate that somebody else made for the chip of `origin`. Whether it is one is for
    /// [`issue`](crate::issue) to say.
    pub fn received(certificate: &Certificate, origin: &Origin) -> Self {
        Self {
            der: certificate.tbs().to_vec(),
            origin: origin.clone(),
            serial: certificate.serial().clone(),
            attempt: 0,
            signature: certificate.signature_algorithm(),
            validity: certificate.validity(),
            spki: certificate.spki().clone(),
            full_width_signature: false,
            sha256: LazySha256::default(),
        }
    }

    /// The octets to sign.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the octets, by `hash`, which is asked once.
    pub fn sha256(&self, hash: fn(&[u8]) -> Sha256Digest) -> Sha256Digest {
        self.sha256.get(|| hash(&self.der))
    }

    /// The chip and its item.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The new certificate's serial number.
    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// How many serial numbers were given up for this leaf before this one (design §8).
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The algorithm of the signature to come.
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signature
    }

    /// validity
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// subjectPublicKeyInfo
    pub fn spki(&self) -> &Spki {
        &self.spki
    }

    /// Whether neither r nor s of the signature may begin with a zero octet.
    pub fn full_width_signature(&self) -> bool {
        self.full_width_signature
    }

    /// The certificate: these very octets, the algorithm, and `signature`.
    pub fn wrap(&self, signature: &[u8]) -> Vec<u8> {
        element(
            tag::SEQUENCE,
            &[&self.der, &self.signature.identifier(), &element(tag::BIT_STRING, &[&[0], signature])],
        )
    }
}
