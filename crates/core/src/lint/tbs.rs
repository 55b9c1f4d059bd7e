//! A tbsCertificate read back from its bytes, borrowed and as loosely as its structure allows: what is wrong inside a
//! field is for a rule to say.

use der::asn1::ObjectIdentifier;
use smallvec::SmallVec;

use crate::x509::oid;
use crate::x509::tlv::{DerError, Element, Reader, tag};

/// The fields of a tbsCertificate (RFC 5280 §4.1).
#[derive(Debug)]
pub(super) struct Tbs<'a> {
    /// All bytes.
    pub(super) der: &'a [u8],
    /// Content of the version's INTEGER; empty if the field is absent.
    pub(super) version: &'a [u8],
    /// Content of serialNumber.
    pub(super) serial: &'a [u8],
    /// The AlgorithmIdentifier with its header.
    pub(super) signature: &'a [u8],
    /// The Name with its header.
    pub(super) issuer: &'a [u8],
    pub(super) not_before: Element<'a>,
    pub(super) not_after: Element<'a>,
    /// The Name with its header.
    pub(super) subject: &'a [u8],
    /// SubjectPublicKeyInfo with its header.
    pub(super) spki: &'a [u8],
    /// Whether issuerUniqueID or subjectUniqueID is there.
    pub(super) unique_identifiers: bool,
    /// Whether the extensions field is there, be it empty.
    pub(super) has_extensions: bool,
    pub(super) extensions: Vec<TbsExtension<'a>>,
    /// keyUsage's bits as in [`KeyUsage`](crate::x509::KeyUsage), if the extension is there and readable.
    pub(super) key_usage: Option<u16>,
}

/// Elements one after the other, as many as most values have without memory of their own.
pub(super) type Members<'a> = SmallVec<[Element<'a>; 4]>;

/// One extension.
#[derive(Clone, Copy, Debug)]
pub(super) struct TbsExtension<'a> {
    /// Content of extnID.
    pub(super) oid: &'a [u8],
    /// The critical field's content, if it is there.
    pub(super) critical: Option<&'a [u8]>,
    /// Content of extnValue.
    pub(super) value: &'a [u8],
}

impl<'a> Tbs<'a> {
    /// Reads the structure.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, DerError> {
        let mut reader = Reader::new(der);
        let outer = reader.expect(tag::SEQUENCE, "tbsCertificate")?;
        reader.finish("tbsCertificate")?;
        let mut fields = Reader::new(outer.content);
        let version = match fields.optional(0xA0, "version")? {
            None => &[][..],
            Some(explicit) => {
                let mut reader = Reader::new(explicit.content);
                let integer = reader.expect(tag::INTEGER, "version")?;
                reader.finish("version")?;
                integer.content
            }
        };
        let serial = fields.expect(tag::INTEGER, "serialNumber")?.content;
        let signature = fields.expect(tag::SEQUENCE, "signature")?.raw;
        let issuer = fields.expect(tag::SEQUENCE, "issuer")?.raw;
        let validity = fields.expect(tag::SEQUENCE, "validity")?;
        let mut times = Reader::new(validity.content);
        let not_before = times.element("notBefore")?;
        let not_after = times.element("notAfter")?;
        times.finish("notAfter")?;
        let subject = fields.expect(tag::SEQUENCE, "subject")?.raw;
        let spki = fields.expect(tag::SEQUENCE, "subjectPublicKeyInfo")?.raw;
        let mut unique_identifiers = false;
        for identifier in [0x81, 0xA1, 0x82, 0xA2] {
            unique_identifiers |= fields.optional(identifier, "unique identifier")?.is_some();
        }
        let field = fields.optional(0xA3, "extensions")?;
        fields.finish("the last field of tbsCertificate")?;
        let extensions = field.map_or(Ok(vec![]), |field| extensions(field.content))?;
        let mut tbs = Self {
            der,
            version,
            serial,
            signature,
            issuer,
            not_before,
            not_after,
            subject,
            spki,
            unique_identifiers,
            has_extensions: field.is_some(),
            extensions,
            key_usage: None,
        };
        tbs.key_usage = tbs.extension(oid::KEY_USAGE).and_then(|extension| key_usage(extension.value));
        Ok(tbs)
    }

    /// The first extension of a type.
    pub(super) fn extension(&self, oid: ObjectIdentifier) -> Option<&TbsExtension<'a>> {
        self.extensions.iter().find(|extension| extension.oid == oid.as_bytes())
    }

    /// Whether the subject has no attribute.
    pub(super) fn subject_is_empty(&self) -> bool {
        self.subject == [tag::SEQUENCE, 0]
    }
}

impl<'a> TbsExtension<'a> {
    /// Whether the extension is critical.
    pub(super) fn is_critical(&self) -> bool {
        self.critical == Some(&[0xFF])
    }

    /// extnID.
    pub(super) fn identifier(&self) -> Option<ObjectIdentifier> {
        ObjectIdentifier::from_bytes(self.oid).ok()
    }

    /// The content of the value, if it is exactly one element with `tag`.
    pub(super) fn content(&self, tag: u8) -> Option<&'a [u8]> {
        let mut reader = Reader::new(self.value);
        let element = reader.expect(tag, "extension value").ok()?;
        reader.finish("extension value").ok()?;
        Some(element.content)
    }

    /// The members of the value, if it is exactly one SEQUENCE.
    pub(super) fn members(&self) -> Option<Members<'a>> {
        members(self.content(tag::SEQUENCE)?)
    }
}

/// The elements one after the other, if there is nothing else.
pub(super) fn members(content: &[u8]) -> Option<Members<'_>> {
    let mut reader = Reader::new(content);
    let mut members = Members::new();
    while !reader.is_empty() {
        members.push(reader.element("member").ok()?);
    }
    Some(members)
}

fn extensions(content: &[u8]) -> Result<Vec<TbsExtension<'_>>, DerError> {
    let mut reader = Reader::new(content);
    let sequence = reader.expect(tag::SEQUENCE, "extensions")?;
    reader.finish("extensions")?;
    extension_list(sequence.content)
}

/// The extensions one after the other.
pub(super) fn extension_list(content: &[u8]) -> Result<Vec<TbsExtension<'_>>, DerError> {
    let mut items = Reader::new(content);
    let mut list = Vec::with_capacity(8);
    while !items.is_empty() {
        let item = items.expect(tag::SEQUENCE, "extension")?;
        let mut fields = Reader::new(item.content);
        let oid = fields.expect(tag::OBJECT_IDENTIFIER, "extension identifier")?.content;
        let critical = fields.optional(tag::BOOLEAN, "critical")?.map(|element| element.content);
        let value = fields.expect(tag::OCTET_STRING, "extension value")?.content;
        fields.finish("extension value")?;
        list.push(TbsExtension { oid, critical, value });
    }
    Ok(list)
}

/// A named bit list in DER (X.690 §11.2), at most 9 bits.
fn key_usage(value: &[u8]) -> Option<u16> {
    let mut reader = Reader::new(value);
    let bits = reader.expect(tag::BIT_STRING, "keyUsage").ok()?;
    reader.finish("keyUsage").ok()?;
    let (unused, low, high) = match *bits.content {
        [unused, low] => (unused, low, 0),
        [unused, low, high] if high == 0x80 => (unused, low, high),
        _ => return None,
    };
    let last = if high == 0 { low } else { high };
    let minimal = last != 0 && last.trailing_zeros() == u32::from(unused);
    minimal.then(|| u16::from_le_bytes([low.reverse_bits(), high.reverse_bits()]))
}
