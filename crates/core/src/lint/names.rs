//! Walks the attributes of an encoded name.

use smallvec::SmallVec;

use crate::x509::tlv::{Element, Reader, tag};

use super::tbs::members;

/// One attribute: content of its type, and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameAttribute<'a> {
    pub(super) oid: &'a [u8],
    pub(super) value: Element<'a>,
}

/// The attributes of a Name (with its header) in order, RDN by RDN; `None` if it is not an RDNSequence.
pub(super) fn attributes(name: &[u8]) -> Option<SmallVec<[NameAttribute<'_>; 4]>> {
    let mut reader = Reader::new(name);
    let sequence = reader.expect(tag::SEQUENCE, "name").ok()?;
    let mut attributes = SmallVec::new();
    let mut rdns = Reader::new(sequence.content);
    while !rdns.is_empty() {
        let rdn = rdns.expect(tag::SET, "relative distinguished name").ok()?;
        let mut pairs = Reader::new(rdn.content);
        if pairs.is_empty() {
            return None;
        }
        while !pairs.is_empty() {
            let pair = pairs.expect(tag::SEQUENCE, "attribute").ok()?;
            let mut fields = Reader::new(pair.content);
            let oid = fields.expect(tag::OBJECT_IDENTIFIER, "attribute type").ok()?.content;
            let value = fields.element("attribute value").ok()?;
            fields.finish("attribute value").ok()?;
            attributes.push(NameAttribute { oid, value });
        }
    }
    Some(attributes)
}

/// The values of an attribute type in a name, as bytes.
pub(super) fn values(name: &[u8], oid: der::asn1::ObjectIdentifier) -> Vec<Element<'_>> {
    let all = attributes(name).unwrap_or_default();
    all.into_iter().filter(|attribute| attribute.oid == oid.as_bytes()).map(|attribute| attribute.value).collect()
}

/// The other names in a subjectAltName's value: content of type-id, and content of the explicit value.
pub(super) fn other_names<'a>(names: &[Element<'a>]) -> Vec<(&'a [u8], &'a [u8])> {
    let mut found = Vec::new();
    for name in names.iter().filter(|name| name.tag == 0xA0) {
        if let Some([oid, value]) = members(name.content).as_deref()
            && oid.tag == tag::OBJECT_IDENTIFIER
            && value.tag == 0xA0
        {
            found.push((oid.content, value.content));
        }
    }
    found
}
