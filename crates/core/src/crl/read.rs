//! A strict reader: everything is checked once, entries stay in the encoding and are read one after the other.

use std::ops::Range;

use der::asn1::ObjectIdentifier;

use crate::x509::tlv::{Element, Reader, check_der, tag};
use crate::x509::{KeyIdentifier, Name, SerialNumber, SignatureAlgorithm, Time, oid, pem};

use super::error::CrlError;
use super::{CrlEntry, CrlNumber, IssuingDistributionPoint, Reason};

/// A complete, direct list of version 2, as received. Its signature has not been verified.
#[derive(Clone, Debug)]
pub struct Crl {
    der: Box<[u8]>,
    tbs: Range<usize>,
    issuer: Name,
    this_update: Time,
    next_update: Time,
    signature_algorithm: SignatureAlgorithm,
    signature: Range<usize>,
    entries: Range<usize>,
    count: usize,
    extensions: Extensions,
}

impl Crl {
    /// Reads exactly one list in strict DER, and every entry of it.
    ///
    /// # Errors
    /// What is not as RFC 5280 §5 and X.690 want it, and every scope that is not processed here: delta lists, indirect
    /// lists, lists for some reasons only. A reader that ignored these would take a certificate for valid that is not.
    pub fn from_der(der: impl Into<Box<[u8]>>) -> Result<Self, CrlError> {
        let der = der.into();
        let mut reader = Reader::new(&der);
        let outer = reader.expect(tag::SEQUENCE, "CRL")?;
        reader.finish("CRL")?;
        let mut parts = Reader::new(outer.content);
        let tbs = parts.expect(tag::SEQUENCE, "tbsCertList")?;
        let algorithm = parts.expect(tag::SEQUENCE, "signatureAlgorithm of the CRL")?;
        let signature = parts.expect(tag::BIT_STRING, "signature of the CRL")?;
        parts.finish("signature of the CRL")?;
        let [0, signature @ ..] = signature.content else { return Err(CrlError::SignatureUnusedBits) };
        let list = List::read(tbs)?;
        if list.algorithm.raw != algorithm.raw {
            return Err(CrlError::AlgorithmMismatch);
        }
        // a part without bytes need not be inside the list: an empty one has no place
        let place = |part: &[u8]| {
            if part.is_empty() {
                return 0..0;
            }
            let start = part.as_ptr() as usize - der.as_ptr() as usize;
            start..start + part.len()
        };
        let (tbs, signature, entries) = (place(tbs.raw), place(signature), place(list.entries));
        let List { issuer, this_update, next_update, signature_algorithm, count, extensions, .. } = list;
        Ok(Self {
            der,
            tbs,
            issuer,
            this_update,
            next_update,
            signature_algorithm,
            signature,
            entries,
            count,
            extensions,
        })
    }

    /// Reads a file: one list in DER, or any number of lists in PEM.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der), or the file is not PEM, or has a block of another kind.
    pub fn from_file(bytes: &[u8]) -> Result<Vec<Self>, CrlError> {
        if bytes.first() == Some(&tag::SEQUENCE) {
            return Ok(vec![Self::from_der(bytes)?]);
        }
        let read = |block: pem::PemBlock| match block.label.as_str() {
            PEM_LABEL => Self::from_der(block.der.as_slice()),
            _ => Err(CrlError::Label { found: block.label }),
        };
        pem::read(bytes)?.into_iter().map(read).collect()
    }

    /// The whole list as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// tbsCertList as received: what the signature covers.
    pub fn tbs(&self) -> &[u8] {
        &self.der[self.tbs.clone()]
    }

    /// issuer
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// thisUpdate
    pub const fn this_update(&self) -> Time {
        self.this_update
    }

    /// nextUpdate
    pub const fn next_update(&self) -> Time {
        self.next_update
    }

    /// signatureAlgorithm, equal inside and outside
    pub const fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signature_algorithm
    }

    /// The signature's bytes, without the BIT STRING's byte for unused bits.
    pub fn signature(&self) -> &[u8] {
        &self.der[self.signature.clone()]
    }

    /// cRLNumber
    pub const fn number(&self) -> &CrlNumber {
        &self.extensions.number
    }

    /// The keyIdentifier of authorityKeyIdentifier
    pub const fn authority_key_identifier(&self) -> Option<&KeyIdentifier> {
        self.extensions.authority_key_identifier.as_ref()
    }

    /// issuingDistributionPoint; none if the list is about every certificate of its issuer.
    pub const fn distribution_point(&self) -> Option<&IssuingDistributionPoint> {
        self.extensions.distribution_point.as_ref()
    }

    /// How many certificates are on the list.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether no certificate is on the list.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entries in the list's own order.
    pub fn entries(&self) -> Entries<'_> {
        Entries { reader: Reader::new(&self.der[self.entries.clone()]), left: self.count }
    }

    /// The entry of a certificate of the list's issuer. Reads the list up to it.
    pub fn entry(&self, serial: &SerialNumber) -> Option<CrlEntry> {
        self.entries().find(|entry| entry.serial == *serial)
    }
}

/// The entries of a list, read one after the other.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl Iterator for Entries<'_> {
    type Item = CrlEntry;

    fn next(&mut self) -> Option<CrlEntry> {
        self.left = self.left.checked_sub(1)?;
        Some(read_entry(&mut self.reader).expect("the entry was read when the list was"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Entries<'_> {}

/// The fields of a tbsCertList.
struct List<'a> {
    algorithm: Element<'a>,
    signature_algorithm: SignatureAlgorithm,
    issuer: Name,
    this_update: Time,
    next_update: Time,
    /// Content of revokedCertificates; empty if there is none.
    entries: &'a [u8],
    count: usize,
    extensions: Extensions,
}

impl<'a> List<'a> {
    fn read(tbs: Element<'a>) -> Result<Self, CrlError> {
        let mut fields = Reader::new(tbs.content);
        match fields.optional(tag::INTEGER, "version of the CRL")? {
            Some(Element { content: [1], .. }) => {}
            _ => return Err(CrlError::Version),
        }
        let algorithm = fields.expect(tag::SEQUENCE, "signature of the tbsCertList")?;
        let issuer = Name::from_der(fields.expect(tag::SEQUENCE, "issuer of the CRL")?.raw)?;
        let this_update = read_time(&mut fields, "thisUpdate")?;
        // RFC 5280 §5.1.2.5: "Conforming CRL issuers MUST include the nextUpdate field in all CRLs."
        if !matches!(fields.next_tag(), Some(tag::UTC_TIME | tag::GENERALIZED_TIME)) {
            return Err(CrlError::NoNextUpdate);
        }
        let next_update = read_time(&mut fields, "nextUpdate")?;
        let entries = match fields.optional(tag::SEQUENCE, "revokedCertificates")? {
            None => &[][..],
            Some(Element { content: [], .. }) => return Err(CrlError::Empty { what: "revokedCertificates" }),
            Some(element) => element.content,
        };
        let count = count_entries(entries)?;
        let extensions = match fields.optional(EXTENSIONS, "crlExtensions")? {
            None => return Err(NO_NUMBER),
            Some(element) => Extensions::read(element.content)?,
        };
        fields.finish("crlExtensions")?;
        let signature_algorithm = SignatureAlgorithm::from_identifier(algorithm.raw)?;
        Ok(Self { algorithm, signature_algorithm, issuer, this_update, next_update, entries, count, extensions })
    }
}

/// The extensions of a list that are processed.
#[derive(Clone, Debug)]
struct Extensions {
    authority_key_identifier: Option<KeyIdentifier>,
    number: CrlNumber,
    distribution_point: Option<IssuingDistributionPoint>,
}

impl Extensions {
    fn read(content: &[u8]) -> Result<Self, CrlError> {
        let mut reader = Reader::new(content);
        let sequence = reader.expect(tag::SEQUENCE, "crlExtensions")?;
        reader.finish("crlExtensions")?;
        let (mut authority_key_identifier, mut number, mut distribution_point) = (None, None, None);
        each_extension(sequence.content, "CRL", |extension| {
            match extension.oid {
                oid::AUTHORITY_KEY_IDENTIFIER => authority_key_identifier = Some(key_identifier(extension.value)?),
                oid::CRL_NUMBER => number = Some(crl_number(extension.value)?),
                oid::ISSUING_DISTRIBUTION_POINT => {
                    distribution_point = Some(IssuingDistributionPoint::from_der(extension.value)?);
                }
                oid::DELTA_CRL_INDICATOR => return Err(CrlError::Delta),
                _ => return extension.must_not_be_critical("CRL"),
            }
            Ok(())
        })?;
        Ok(Self { authority_key_identifier, number: number.ok_or(NO_NUMBER)?, distribution_point })
    }
}

/// One extension of a list or of an entry.
#[derive(Clone, Copy)]
struct RawExtension<'a> {
    oid: ObjectIdentifier,
    critical: bool,
    value: &'a [u8],
}

impl RawExtension<'_> {
    fn must_not_be_critical(&self, place: &'static str) -> Result<(), CrlError> {
        if self.critical { Err(CrlError::CriticalExtension { place, oid: self.oid }) } else { Ok(()) }
    }
}

fn each_extension<'a>(
    content: &'a [u8],
    place: &'static str,
    mut take: impl FnMut(RawExtension<'a>) -> Result<(), CrlError>,
) -> Result<(), CrlError> {
    if content.is_empty() {
        return Err(CrlError::Empty { what: "a list of extensions" });
    }
    let mut items = Reader::new(content);
    while !items.is_empty() {
        // those before this one, to compare with: lists and entries have few
        let before = &content[..content.len() - items.rest().len()];
        let extension = read_extension(&mut items)?;
        let mut earlier = Reader::new(before);
        while !earlier.is_empty() {
            if read_extension(&mut earlier)?.oid == extension.oid {
                return Err(CrlError::DuplicateExtension { place, oid: extension.oid });
            }
        }
        take(extension)?;
    }
    Ok(())
}

fn read_extension<'a>(items: &mut Reader<'a>) -> Result<RawExtension<'a>, CrlError> {
    let item = items.expect(tag::SEQUENCE, "extension of a CRL")?;
    let mut fields = Reader::new(item.content);
    let oid = fields.oid("extension of a CRL")?;
    let critical = match fields.optional(tag::BOOLEAN, "extension of a CRL")? {
        None => false,
        Some(Element { content: [0xFF], .. }) => true,
        Some(_) => return Err(CrlError::Flag),
    };
    let value = fields.expect(tag::OCTET_STRING, "extension of a CRL")?.content;
    fields.finish("extension of a CRL")?;
    check_der(value, "extension of a CRL")?;
    Ok(RawExtension { oid, critical, value })
}

fn key_identifier(value: &[u8]) -> Result<KeyIdentifier, CrlError> {
    let mut reader = Reader::new(value);
    let sequence = reader.expect(tag::SEQUENCE, "authorityKeyIdentifier of the CRL")?;
    reader.finish("authorityKeyIdentifier of the CRL")?;
    match Reader::new(sequence.content).optional(0x80, "keyIdentifier")? {
        Some(identifier) => Ok(KeyIdentifier::new(identifier.content)),
        None => Err(CrlError::AuthorityKeyIdentifier),
    }
}

fn crl_number(value: &[u8]) -> Result<CrlNumber, CrlError> {
    let mut reader = Reader::new(value);
    let number = reader.expect(tag::INTEGER, "cRLNumber")?;
    reader.finish("cRLNumber")?;
    CrlNumber::from_content(number.content).ok_or(CrlError::Number)
}

fn count_entries(content: &[u8]) -> Result<usize, CrlError> {
    let mut reader = Reader::new(content);
    let mut count = 0;
    while !reader.is_empty() {
        count += 1;
        read_entry(&mut reader).map_err(|source| CrlError::Entry { number: count, source: Box::new(source) })?;
    }
    Ok(count)
}

fn read_entry(entries: &mut Reader<'_>) -> Result<CrlEntry, CrlError> {
    let element = entries.expect(tag::SEQUENCE, "revoked certificate")?;
    let mut fields = Reader::new(element.content);
    let serial = SerialNumber::from_content(fields.expect(tag::INTEGER, "userCertificate")?.content)?;
    let revoked_at = read_time(&mut fields, "revocationDate")?;
    let mut reason = Reason::Unspecified;
    if let Some(extensions) = fields.optional(tag::SEQUENCE, "crlEntryExtensions")? {
        each_extension(extensions.content, "entry", |extension| match extension.oid {
            oid::CRL_REASON => {
                reason = read_reason(extension.value)?;
                Ok(())
            }
            // certificateIssuer, which only an indirect list has, is critical
            _ => extension.must_not_be_critical("entry"),
        })?;
    }
    fields.finish("revoked certificate")?;
    Ok(CrlEntry { serial, revoked_at, reason })
}

fn read_reason(value: &[u8]) -> Result<Reason, CrlError> {
    let mut reader = Reader::new(value);
    let code = reader.expect(tag::ENUMERATED, "reasonCode")?;
    reader.finish("reasonCode")?;
    match *code.content {
        [code] => Reason::from_code(code).ok_or(CrlError::Reason { found: code }),
        _ => Err(CrlError::Reason { found: u8::MAX }),
    }
}

fn read_time(fields: &mut Reader<'_>, field: &'static str) -> Result<Time, CrlError> {
    let element = fields.element(field)?;
    Time::from_der(element.tag, element.content).map_err(|source| CrlError::Time { field, source })
}

/// crlExtensions [0] EXPLICIT
const EXTENSIONS: u8 = 0xA0;

/// RFC 7468 §7
const PEM_LABEL: &str = "X509 CRL";

const NO_NUMBER: CrlError = CrlError::MissingExtension { extension: "cRLNumber", clause: "RFC 5280 §5.2.3" };
