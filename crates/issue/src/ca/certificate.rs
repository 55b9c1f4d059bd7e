//! Certificates of CAs and of the manifest signer (RFC 5280 §4.1), encoded before anyone signs.

use der::asn1::ObjectIdentifier;

use crate::crypto::sha256;
use crate::x509::tlv::{element, tag, write_element};
use crate::x509::{KeyIdentifier, Name, SerialNumber, SignatureAlgorithm, Spki, Validity, oid};

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A CA with at most `path_len` CAs below it.
    Authority {
        /// pathLenConstraint
        path_len: u8,
    },
    /// Signs manifests and nothing else.
    ManifestSigner,
    /// Shows that its issuer's key was at hand, and nothing else.
    Possession,
}

/// Everything a tbsCertificate says.
#[derive(Clone, Debug)]
pub(super) struct Statement<'a> {
    pub(super) role: Role,
    pub(super) serial: &'a SerialNumber,
    pub(super) signature: SignatureAlgorithm,
    pub(super) issuer: &'a Name,
    pub(super) validity: Validity,
    pub(super) subject: &'a Name,
    pub(super) spki: &'a Spki,
    /// The subject's key identifier, where it is not made of its key here.
    pub(super) own_key: Option<&'a KeyIdentifier>,
    /// The issuer's key identifier, unless the certificate is self-signed (RFC 5280 §4.2.1.1: then it may be omitted).
    pub(super) issuer_key: Option<&'a KeyIdentifier>,
}

impl Statement<'_> {
    /// The tbsCertificate.
    pub(super) fn encode(&self) -> Vec<u8> {
        let own_key = self.own_key.cloned().unwrap_or_else(|| key_identifier(self.spki));
        let extensions = extensions(self.role, &own_key, self.issuer_key);
        let times = [self.validity.not_before().to_der(), self.validity.not_after().to_der()];
        element(
            tag::SEQUENCE,
            &[
                &[0xA0, 3, tag::INTEGER, 1, 2],
                &element(tag::INTEGER, &[self.serial.content()]),
                &self.signature.identifier(),
                self.issuer.der(),
                &element(tag::SEQUENCE, &[&times[0], &times[1]]),
                self.subject.der(),
                self.spki.der(),
                &element(0xA3, &[&element(tag::SEQUENCE, &[&extensions])]),
            ],
        )
    }
}

/// The extensions that go with a role, one after the other.
pub(super) fn extensions(role: Role, own_key: &KeyIdentifier, issuer_key: Option<&KeyIdentifier>) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    match role {
        Role::Authority { path_len } => {
            let constraints =
                element(tag::SEQUENCE, &[&[tag::BOOLEAN, 1, 0xFF], &element(tag::INTEGER, &[&[path_len]])]);
            extension(&mut out, oid::BASIC_CONSTRAINTS, true, &constraints);
            extension(&mut out, oid::KEY_USAGE, true, &KEY_CERT_SIGN_AND_CRL_SIGN);
        }
        Role::ManifestSigner => {
            extension(&mut out, oid::KEY_USAGE, true, &DIGITAL_SIGNATURE);
            let purpose = element(tag::OBJECT_IDENTIFIER, &[oid::KP_DOCUMENT_SIGNING.as_bytes()]);
            // critical, so that no verifier takes it for a device's or a server's (RFC 5280 §4.2.1.12)
            extension(&mut out, oid::EXTENDED_KEY_USAGE, true, &element(tag::SEQUENCE, &[&purpose]));
        }
        Role::Possession => {
            // cA has its default, FALSE
            extension(&mut out, oid::BASIC_CONSTRAINTS, true, &[tag::SEQUENCE, 0]);
            extension(&mut out, oid::KEY_USAGE, true, &DIGITAL_SIGNATURE);
        }
    }
    let own = element(tag::OCTET_STRING, &[own_key.as_bytes()]);
    extension(&mut out, oid::SUBJECT_KEY_IDENTIFIER, false, &own);
    if let Some(key) = issuer_key {
        // AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] ... }
        let authority = element(tag::SEQUENCE, &[&element(0x80, &[key.as_bytes()])]);
        extension(&mut out, oid::AUTHORITY_KEY_IDENTIFIER, false, &authority);
    }
    out
}

/// The certificate around recorded bytes.
pub(super) fn wrap(tbs: &[u8], algorithm: SignatureAlgorithm, signature: &[u8]) -> Vec<u8> {
    element(tag::SEQUENCE, &[tbs, &algorithm.identifier(), &element(tag::BIT_STRING, &[&[0], signature])])
}

/// RFC 7093 §2, method 1: "the leftmost 160-bits of the SHA-256 hash of the value of the BIT STRING subjectPublicKey".
pub(super) fn key_identifier(spki: &Spki) -> KeyIdentifier {
    KeyIdentifier::new(&sha256(spki.key()).as_bytes()[..20])
}

/// A name of attributes in UTF8String, each in an RDN of its own (RFC 5280 §4.1.2.4).
pub(super) fn name(attributes: &[(ObjectIdentifier, &str)]) -> Name {
    let mut rdns = Vec::with_capacity(128);
    for (kind, value) in attributes {
        let kind = element(tag::OBJECT_IDENTIFIER, &[kind.as_bytes()]);
        let value = element(tag::UTF8_STRING, &[value.as_bytes()]);
        write_element(&mut rdns, tag::SET, &[&element(tag::SEQUENCE, &[&kind, &value])]);
    }
    Name::from_der(&element(tag::SEQUENCE, &[&rdns])).expect("a sequence of sets with one attribute each was written")
}

fn extension(out: &mut Vec<u8>, kind: ObjectIdentifier, critical: bool, value: &[u8]) {
    let kind = element(tag::OBJECT_IDENTIFIER, &[kind.as_bytes()]);
    let critical: &[u8] = if critical { &[tag::BOOLEAN, 1, 0xFF] } else { &[] };
    write_element(out, tag::SEQUENCE, &[&kind, critical, &element(tag::OCTET_STRING, &[value])]);
}

/// Bits 5 and 6 (RFC 5280 §4.2.1.3), one unused bit.
const KEY_CERT_SIGN_AND_CRL_SIGN: [u8; 4] = [tag::BIT_STRING, 2, 1, 0b0000_0110];
/// Bit 0, seven unused bits.
const DIGITAL_SIGNATURE: [u8; 4] = [tag::BIT_STRING, 2, 7, 0b1000_0000];
