//! Distinguished names as bytes (RFC 5280 §4.1.2.4): kept as received, compared as bytes, shown escaped.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use der::asn1::ObjectIdentifier;

use super::oid;
use super::tlv::{DerError, Reader, oid_from_content, tag};

/// A Name: the DER of an RDNSequence, exactly as it was read or built.
///
/// Copies share the bytes: most names are those of an issuer or a policy.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name(Bytes);

impl Name {
    /// Reads the structure and keeps the bytes: SEQUENCE of non-empty SETs of attribute type and value.
    ///
    /// The code that accepts a certificate checks string contents and attribute limits, this does not.
    ///
    /// # Errors
    /// The bytes are not one RDNSequence in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, NameError> {
        Self::check(der, Order::Demanded)?;
        Ok(Self(Bytes::copy_from_slice(der)))
    }

    /// As [`from_der`](Self::from_der), of a part of a certificate, which stays in memory as long as the name does.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub(super) fn within(certificate: &Bytes, der: &[u8]) -> Result<Self, NameError> {
        Self::check(der, Order::Demanded)?;
        Ok(Self(certificate.slice_ref(der)))
    }

    /// As [`within`](Self::within), of a certificate that a person has named: the attributes of a relative
    /// distinguished name may stand in any order. [`is_ordered`](Self::is_ordered) tells.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der), but for the order.
    pub(super) fn within_named(certificate: &Bytes, der: &[u8]) -> Result<Self, NameError> {
        Self::check(der, Order::Any)?;
        Ok(Self(certificate.slice_ref(der)))
    }

    fn check(der: &[u8], order: Order) -> Result<(), NameError> {
        let mut reader = Reader::new(der);
        let sequence = reader.expect(tag::SEQUENCE, "name")?;
        reader.finish("name")?;
        for rdn in (Rdns { members: Reader::new(sequence.content), order }) {
            for attribute in rdn? {
                attribute?;
            }
        }
        Ok(())
    }

    /// Whether the attributes of each relative distinguished name are in the order of DER (X.690 §11.6). Only a name
    /// of a certificate that a person has named can be without it.
    pub fn is_ordered(&self) -> bool {
        Self::from_der(&self.0).is_ok()
    }

    /// The DER, from the SEQUENCE's tag on.
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// Whether the name has no attribute at all.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 2
    }

    fn each_rdn(&self) -> impl Iterator<Item = impl Iterator<Item = Attribute<'_>>> {
        const READ: &str = "the structure was read by from_der";
        let sequence = Reader::new(&self.0).expect(tag::SEQUENCE, "name").expect(READ);
        // the order was judged by the constructor
        let rdns = Rdns { members: Reader::new(sequence.content), order: Order::Any };
        rdns.map(|rdn| rdn.expect(READ).map(|attribute| attribute.expect(READ)))
    }

    /// The relative distinguished names in order, each with its attributes.
    pub fn rdns(&self) -> Vec<Vec<Attribute<'_>>> {
        self.each_rdn().map(Iterator::collect).collect()
    }

    /// The attributes of all relative distinguished names in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.each_rdn().flatten()
    }

    /// The values of an attribute type, in order of appearance.
    pub fn values(&self, kind: ObjectIdentifier) -> impl Iterator<Item = Attribute<'_>> {
        self.attributes().filter(move |attribute| attribute.kind == kind)
    }

    /// The last commonName as text, if there is one in a readable string type.
    pub fn common_name(&self) -> Option<String> {
        self.values(oid::COMMON_NAME).last().and_then(|attribute| attribute.text()).map(Cow::into_owned)
    }
}

/// One attribute of a relative distinguished name.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// The attribute type.
    pub kind: ObjectIdentifier,
    /// The value's tag, usually a string type.
    pub tag: u8,
    /// The value's content bytes.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The value as text where its string type and bytes allow it.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match self.tag {
            tag::UTF8_STRING => std::str::from_utf8(self.value).ok().map(Cow::Borrowed),
            tag::PRINTABLE_STRING | tag::IA5_STRING if self.value.is_ascii() => {
                std::str::from_utf8(self.value).ok().map(Cow::Borrowed)
            }
            // T.61 in practice is Latin-1; good enough to show, never used to compare
            tag::TELETEX_STRING => Some(self.value.iter().map(|byte| char::from(*byte)).collect::<String>().into()),
            tag::BMP_STRING if self.value.len().is_multiple_of(2) => {
                let units = self.value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                char::decode_utf16(units).collect::<Result<String, _>>().ok().map(Cow::Owned)
            }
            tag::UNIVERSAL_STRING if self.value.len().is_multiple_of(4) => {
                let quads = self.value.chunks_exact(4);
                let character = |quad: &[u8]| char::from_u32(u32::from_be_bytes([quad[0], quad[1], quad[2], quad[3]]));
                quads.map(character).collect::<Option<String>>().map(Cow::Owned)
            }
            _ => None,
        }
    }
}

/// Whether the attributes of a relative distinguished name must be in the order of DER.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Any,
    Demanded,
}

/// The members of an RDNSequence.
struct Rdns<'a> {
    members: Reader<'a>,
    order: Order,
}

impl<'a> Iterator for Rdns<'a> {
    type Item = Result<Rdn<'a>, NameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.members.is_empty() { None } else { Some(Rdn::read(&mut self.members, self.order)) }
    }
}

/// The attributes of a RelativeDistinguishedName.
struct Rdn<'a> {
    members: Reader<'a>,
    /// The encoding of the last one.
    before: &'a [u8],
    order: Order,
}

impl<'a> Rdn<'a> {
    fn read(reader: &mut Reader<'a>, order: Order) -> Result<Self, NameError> {
        let set = reader.expect(tag::SET, "relative distinguished name")?;
        if set.content.is_empty() {
            return Err(NameError::EmptyRdn);
        }
        Ok(Self { members: Reader::new(set.content), before: &[], order })
    }

    fn attribute(&mut self) -> Result<Attribute<'a>, NameError> {
        let pair = self.members.expect(tag::SEQUENCE, "attribute of a name")?;
        // X.690 §11.6: the encodings of a SET OF appear in ascending order; X.501 §9.3: no two are the same
        // without the first question an empty slice's address, which is not one, costs the processor a fault it must
        // hide
        if self.order == Order::Demanded && !self.before.is_empty() && pair.raw <= self.before {
            return Err(DerError::SetOrder { what: "relative distinguished name" }.into());
        }
        self.before = pair.raw;
        let mut fields = Reader::new(pair.content);
        let kind = fields.expect(tag::OBJECT_IDENTIFIER, "attribute type")?;
        let value = fields.element("attribute value")?;
        fields.finish("attribute value")?;
        let kind = oid_from_content(kind.content, "attribute type").map_err(|_| NameError::AttributeType)?;
        Ok(Attribute { kind, tag: value.tag, value: value.content })
    }
}

impl<'a> Iterator for Rdn<'a> {
    type Item = Result<Attribute<'a>, NameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.members.is_empty() { None } else { Some(self.attribute()) }
    }
}

/// RFC 4514 order reversed as certificates are read (first RDN first), everything unprintable escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, rdn) in self.rdns().iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            for (position, attribute) in rdn.iter().enumerate() {
                if position > 0 {
                    f.write_str(" + ")?;
                }
                match short_name(attribute.kind) {
                    Some(name) => f.write_str(name)?,
                    None => write!(f, "{}", attribute.kind)?,
                }
                f.write_str("=")?;
                match attribute.text() {
                    Some(text) => escape(f, &text)?,
                    None => write!(f, "#{}", hex::encode(attribute.value))?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Text from a certificate is never trusted on a terminal: separators get a backslash, control and non-ASCII
/// characters (newlines, escapes, right-to-left marks) become `\u{...}`. Statements and plans are signed with names in
/// this spelling: it is a format, stricter than [`Printable`](crate::text::Printable), and does not change.
fn escape(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            ',' | '+' | '=' | '\\' | '"' | '<' | '>' | ';' => write!(f, "\\{character}")?,
            ' '..='~' => write!(f, "{character}")?,
            _ => write!(f, "\\u{{{:x}}}", u32::from(character))?,
        }
    }
    Ok(())
}

fn short_name(kind: ObjectIdentifier) -> Option<&'static str> {
    Some(match kind {
        oid::COMMON_NAME => "CN",
        oid::SERIAL_NUMBER => "serialNumber",
        oid::COUNTRY_NAME => "C",
        oid::LOCALITY_NAME => "L",
        oid::STATE_OR_PROVINCE_NAME => "ST",
        oid::ORGANIZATION_NAME => "O",
        oid::ORGANIZATIONAL_UNIT_NAME => "OU",
        oid::DN_QUALIFIER => "dnQualifier",
        oid::DOMAIN_COMPONENT => "DC",
        oid::USER_ID => "UID",
        oid::EMAIL_ADDRESS => "emailAddress",
        _ => return None,
    })
}

/// Why bytes are not a Name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The attribute type is not an object identifier.
    #[error("an attribute type of a name is not an object identifier")]
    AttributeType,
    /// The DER is broken.
    #[error(transparent)]
    Der(#[from] DerError),
    /// A SET without members.
    #[error("a relative distinguished name is empty, expected at least one attribute (RFC 5280 §4.1.2.4)")]
    EmptyRdn,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(values: &[(ObjectIdentifier, u8, &[u8])]) -> Vec<u8> {
        let mut rdns = Vec::new();
        for (kind, tag, value) in values {
            let mut pair = vec![6, u8::try_from(kind.as_bytes().len()).unwrap()];
            pair.extend(kind.as_bytes());
            pair.extend([*tag, u8::try_from(value.len()).unwrap()]);
            pair.extend(*value);
            let length = u8::try_from(pair.len()).unwrap();
            rdns.extend([0x31, length + 2, 0x30, length]);
            rdns.extend(pair);
        }
        [&[0x30, u8::try_from(rdns.len()).unwrap()][..], &rdns].concat()
    }

    #[test]
    fn a_name_keeps_its_bytes_and_shows_its_attributes() {
        let der = name(&[(oid::COUNTRY_NAME, 0x13, b"FR"), (oid::COMMON_NAME, 0x0C, b"eval3-0209")]);
        let name = Name::from_der(&der).unwrap();
        assert_eq!(name.der(), der);
        assert_eq!(name.to_string(), "C=FR, CN=eval3-0209");
        assert_eq!(name.common_name().as_deref(), Some("eval3-0209"));
        assert!(Name::from_der(&[0x30, 0]).unwrap().is_empty());
    }

    #[test]
    fn hostile_text_is_escaped() {
        let der = name(&[(oid::COMMON_NAME, 0x0C, "a\n\u{202e}b,\u{1b}[2J".as_bytes())]);
        assert_eq!(Name::from_der(&der).unwrap().to_string(), "CN=a\\u{a}\\u{202e}b\\,\\u{1b}[2J");
    }

    #[test]
    fn the_members_of_an_rdn_are_sorted_and_distinct() {
        let pair = |value: u8| vec![0x30, 8, 6, 3, 0x55, 4, 3, 0x0C, 1, value];
        let rdn = |first: u8, second: u8| [&[0x30, 22, 0x31, 20][..], &pair(first), &pair(second)].concat();
        assert!(Name::from_der(&rdn(b'a', b'b')).is_ok());
        let out_of_order = NameError::Der(DerError::SetOrder { what: "relative distinguished name" });
        assert_eq!(Name::from_der(&rdn(b'b', b'a')), Err(out_of_order.clone()));
        assert_eq!(Name::from_der(&rdn(b'a', b'a')), Err(out_of_order));
    }

    #[test]
    fn an_empty_rdn_is_refused() {
        assert_eq!(Name::from_der(&[0x30, 2, 0x31, 0]), Err(NameError::EmptyRdn));
    }
}
