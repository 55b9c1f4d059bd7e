//! TBSCertList (RFC 5280 §5.1.2) from its parts, and the list around it.

use der::asn1::ObjectIdentifier;

use crate::x509::tlv::{element, nest, tag, write_element};
use crate::x509::{KeyIdentifier, Name, SignatureAlgorithm, Time, oid};

use super::{CrlEntry, CrlNumber, IssuingDistributionPoint};

/// What a list says besides its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlParameters {
    /// issuer: the subject of the CA's certificate, as encoded there.
    pub issuer: Name,
    /// The subjectKeyIdentifier of the CA's certificate; none only where that certificate has none.
    pub authority_key_identifier: Option<KeyIdentifier>,
    /// cRLNumber
    pub number: u64,
    /// thisUpdate
    pub this_update: Time,
    /// nextUpdate
    pub next_update: Time,
    /// The algorithm of the signature to come.
    pub signature: SignatureAlgorithm,
    /// The shard's scope; none for the full list.
    pub distribution_point: Option<IssuingDistributionPoint>,
}

/// Encodes a TBSCertList of version 2: the fields, the entries as they come, and the extensions authorityKeyIdentifier,
/// cRLNumber and, critical, issuingDistributionPoint, in this order.
///
/// The result depends on the arguments alone. Entries must come in the order of [`CrlEntry::order`], each serial number
/// once; the linter refuses a list in which they do not.
pub fn tbs_cert_list(parameters: &CrlParameters, entries: impl ExactSizeIterator<Item = CrlEntry>) -> Vec<u8> {
    let mut der = Vec::with_capacity(HEAD_BYTES + ENTRY_BYTES * entries.len());
    nest(&mut der, tag::SEQUENCE, |der| {
        // version 2
        der.extend([tag::INTEGER, 1, 1]);
        parameters.signature.write_identifier(der);
        der.extend_from_slice(parameters.issuer.der());
        parameters.this_update.write_der(der);
        parameters.next_update.write_der(der);
        // RFC 5280 §5.1.2.6: "When there are no revoked certificates, the revoked certificates list MUST be absent."
        if entries.len() > 0 {
            nest(der, tag::SEQUENCE, |der| entries.for_each(|entry| entry.write(der)));
        }
        nest(der, EXTENSIONS, |der| nest(der, tag::SEQUENCE, |der| write_extensions(der, parameters)));
    });
    der
}

/// The CertificateList: these very bytes, the algorithm, and the signature over them.
pub fn wrap(tbs: &[u8], algorithm: SignatureAlgorithm, signature: &[u8]) -> Vec<u8> {
    let mut behind = Vec::with_capacity(signature.len() + 64);
    algorithm.write_identifier(&mut behind);
    write_element(&mut behind, tag::BIT_STRING, &[&[0], signature]);
    element(tag::SEQUENCE, &[tbs, &behind])
}

fn write_extensions(der: &mut Vec<u8>, parameters: &CrlParameters) {
    if let Some(identifier) = &parameters.authority_key_identifier {
        write_extension(der, oid::AUTHORITY_KEY_IDENTIFIER, false, |der| {
            nest(der, tag::SEQUENCE, |der| write_element(der, 0x80, &[identifier.as_bytes()]));
        });
    }
    write_extension(der, oid::CRL_NUMBER, false, |der| {
        write_element(der, tag::INTEGER, &[CrlNumber::from(parameters.number).content()]);
    });
    if let Some(point) = &parameters.distribution_point {
        // RFC 5280 §5.2.5: the extension is critical
        write_extension(der, oid::ISSUING_DISTRIBUTION_POINT, true, |der| point.write(der));
    }
}

fn write_extension(out: &mut Vec<u8>, oid: ObjectIdentifier, critical: bool, value: impl FnOnce(&mut Vec<u8>)) {
    nest(out, tag::SEQUENCE, |out| {
        write_element(out, tag::OBJECT_IDENTIFIER, &[oid.as_bytes()]);
        if critical {
            out.extend([tag::BOOLEAN, 1, 0xFF]);
        }
        nest(out, tag::OCTET_STRING, value);
    });
}

/// crlExtensions [0] EXPLICIT
const EXTENSIONS: u8 = 0xA0;

/// Room for everything but the entries.
const HEAD_BYTES: usize = 1024;

/// Room for an entry with a serial number of 20 bytes, a UTCTime and a reason.
const ENTRY_BYTES: usize = 54;
