//! Strict DER elements (X.690 §8, §10): definite minimal lengths, one-byte tags, nothing left over.
//!
//! The `der` crate checks the same; this reader exists because each refusal must name what was being read and carry a
//! code of its own.

use der::asn1::ObjectIdentifier;

use super::oid;

/// Universal and context tags that certificates use.
pub mod tag {
    /// BOOLEAN
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING
    pub const BIT_STRING: u8 = 0x03;
    /// OCTET STRING
    pub const OCTET_STRING: u8 = 0x04;
    /// NULL
    pub const NULL: u8 = 0x05;
    /// OBJECT IDENTIFIER
    pub const OBJECT_IDENTIFIER: u8 = 0x06;
    /// ENUMERATED
    pub const ENUMERATED: u8 = 0x0A;
    /// UTF8String
    pub const UTF8_STRING: u8 = 0x0C;
    /// NumericString
    pub const NUMERIC_STRING: u8 = 0x12;
    /// PrintableString
    pub const PRINTABLE_STRING: u8 = 0x13;
    /// TeletexString
    pub const TELETEX_STRING: u8 = 0x14;
    /// IA5String
    pub const IA5_STRING: u8 = 0x16;
    /// UTCTime
    pub const UTC_TIME: u8 = 0x17;
    /// GeneralizedTime
    pub const GENERALIZED_TIME: u8 = 0x18;
    /// VisibleString
    pub const VISIBLE_STRING: u8 = 0x1A;
    /// UniversalString
    pub const UNIVERSAL_STRING: u8 = 0x1C;
    /// BMPString
    pub const BMP_STRING: u8 = 0x1E;
    /// SEQUENCE
    pub const SEQUENCE: u8 = 0x30;
    /// SET
    pub const SET: u8 = 0x31;
}

/// One element: its tag, its content, and both together with the length as read.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// The identifier byte.
    pub tag: u8,
    /// The content bytes.
    pub content: &'a [u8],
    /// Identifier, length and content bytes.
    pub raw: &'a [u8],
}

/// Reads elements one after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the first byte of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next element, if there is one.
    pub fn next_tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, regardless of its tag. `what` names it in an error.
    ///
    /// # Errors
    /// The bytes are not one DER element.
    pub fn element(&mut self, what: &'static str) -> Result<Element<'a>, DerError> {
        let (header, length) = header(self.rest, what)?;
        let end = header.checked_add(length).filter(|end| *end <= self.rest.len());
        let Some(end) = end else {
            return Err(DerError::Truncated { what });
        };
        let raw = &self.rest[..end];
        self.rest = &self.rest[end..];
        Ok(Element { tag: raw[0], content: &raw[header..], raw })
    }

    /// The next element, which must carry `tag`.
    ///
    /// # Errors
    /// As [`element`](Self::element), or the tag is another one.
    pub fn expect(&mut self, tag: u8, what: &'static str) -> Result<Element<'a>, DerError> {
        let element = self.element(what)?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(DerError::UnexpectedTag { what, found: element.tag, expected: tag })
        }
    }

    /// The next element if it carries `tag`.
    ///
    /// # Errors
    /// As [`element`](Self::element).
    pub fn optional(&mut self, tag: u8, what: &'static str) -> Result<Option<Element<'a>>, DerError> {
        if self.rest.first() == Some(&tag) { self.element(what).map(Some) } else { Ok(None) }
    }

    /// The next element, an OBJECT IDENTIFIER whose arcs are minimal and fit 32 bits.
    ///
    /// A padded arc must not pass: the same identifier in other bytes would be "another", unknown extension.
    ///
    /// # Errors
    /// As [`expect`](Self::expect), or the content is not such an identifier (X.690 §8.19.2).
    pub fn oid(&mut self, what: &'static str) -> Result<ObjectIdentifier, DerError> {
        oid_from_content(self.expect(tag::OBJECT_IDENTIFIER, what)?.content, what)
    }

    /// Ends reading: nothing may be left after `what`.
    ///
    /// # Errors
    /// Bytes are left.
    pub fn finish(self, what: &'static str) -> Result<(), DerError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(DerError::TrailingData { what, bytes }),
        }
    }
}

/// Writes one element: tag, minimal length, and the parts of its content one after the other.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write_element(&mut out, tag, parts);
    out
}

/// As [`element`], appended to `out`.
pub fn write_element(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.reserve(length + 6);
    out.push(tag);
    write_length(out, length);
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Appends one element whose content `write` appends: for elements within elements, without a buffer for each.
pub fn nest(out: &mut Vec<u8>, tag: u8, write: impl FnOnce(&mut Vec<u8>)) {
    // most are short, and their length is one byte
    out.extend([tag, 0]);
    let start = out.len();
    write(out);
    let end = out.len();
    if let Ok(length @ ..0x80) = u8::try_from(end - start) {
        out[start - 1] = length;
    } else {
        // the others are written behind the content and change places with it
        write_length(out, end - start);
        let bytes = out.len() - end;
        out[start - 1..].rotate_right(bytes);
        out.remove(start - 1 + bytes);
    }
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    if length < 0x80 {
        out.extend(u8::try_from(length));
    } else {
        let bytes = length.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        out.extend(u8::try_from(0x80 + bytes.len() - zeros));
        out.extend_from_slice(&bytes[zeros..]);
    }
}

/// Reads the content bytes of an OBJECT IDENTIFIER; see [`Reader::oid`].
///
/// # Errors
/// The bytes are not an identifier in minimal form with arcs of 32 bits.
pub fn oid_from_content(content: &[u8], what: &'static str) -> Result<ObjectIdentifier, DerError> {
    if let Some(frequent) = FREQUENT.iter().find(|frequent| frequent.as_bytes() == content) {
        return Ok(*frequent);
    }
    // X.690 §8.19.2: "the leading octet of the subidentifier shall not have the value 80"
    let padded = content.first() == Some(&0x80) || content.windows(2).any(|pair| pair[0] < 0x80 && pair[1] == 0x80);
    if padded {
        return Err(DerError::ObjectIdentifier { what });
    }
    ObjectIdentifier::from_bytes(content).map_err(|_| DerError::ObjectIdentifier { what })
}

/// Identifiers of names, keys and signatures that almost every certificate has. To compare with them is faster than to
/// check the arcs.
static FREQUENT: [ObjectIdentifier; 10] = [
    oid::COMMON_NAME,
    oid::ORGANIZATION_NAME,
    oid::COUNTRY_NAME,
    oid::SERIAL_NUMBER,
    oid::KEY_USAGE,
    oid::BASIC_CONSTRAINTS,
    oid::AUTHORITY_KEY_IDENTIFIER,
    oid::EC_PUBLIC_KEY,
    oid::SECP256R1,
    oid::ECDSA_SHA256,
];

/// Whether `content` is a chain of DER elements, as far as that can be said without knowing their type: definite
/// minimal lengths, universal types primitive or constructed as DER has them, minimal numbers, sorted sets.
///
/// `what` names the field in an error.
///
/// # Errors
/// The first deviation, or elements nested deeper than [`MAX_NESTING`].
pub fn check_der(content: &[u8], what: &'static str) -> Result<(), DerError> {
    check_nested(content, what, MAX_NESTING)
}

/// Deepest nesting that [`check_der`] follows; no type of RFC 5280 comes near.
pub const MAX_NESTING: u8 = 16;

fn check_nested(content: &[u8], what: &'static str, depth: u8) -> Result<(), DerError> {
    let mut reader = Reader::new(content);
    while !reader.is_empty() {
        let element = reader.element(what)?;
        let constructed = element.tag & 0x20 != 0;
        if element.tag & 0xC0 == 0 {
            // X.690 §8.9.1, §8.11.1: SEQUENCE and SET are constructed; §10.2: strings are primitive
            if constructed != matches!(element.tag & 0x1F, 0x10 | 0x11) {
                return Err(DerError::Form { what });
            }
            check_primitive(element, what)?;
        }
        if constructed {
            let depth = depth.checked_sub(1).ok_or(DerError::Form { what })?;
            check_nested(element.content, what, depth)?;
        }
    }
    Ok(())
}

fn check_primitive(element: Element<'_>, what: &'static str) -> Result<(), DerError> {
    let good = match (element.tag, element.content) {
        (tag::BOOLEAN, content) => matches!(content, [0 | 0xFF]),
        (tag::INTEGER | tag::ENUMERATED, content) => {
            !matches!(content, [] | [0, 0..=0x7F, ..] | [0xFF, 0x80..=0xFF, ..])
        }
        (tag::NULL, content) => content.is_empty(),
        (tag::BIT_STRING, content) => match content {
            [] => false,
            [unused] => *unused == 0,
            // X.690 §11.2.1: "Each unused bit in the final octet ... shall be set to zero"
            [unused, .., last] => *unused < 8 && last.trailing_zeros() >= u32::from(*unused),
        },
        (tag::OBJECT_IDENTIFIER, content) => return oid_from_content(content, what).map(|_| ()),
        (tag::UTF8_STRING, content) => std::str::from_utf8(content).is_ok(),
        (tag::IA5_STRING, content) => content.is_ascii(),
        // X.680 §41.2, table 9
        (tag::NUMERIC_STRING, content) => content.iter().all(|byte| matches!(byte, b'0'..=b'9' | b' ')),
        (tag::VISIBLE_STRING, content) => content.iter().all(|byte| matches!(byte, b' '..=b'~')),
        _ => true,
    };
    if good { Ok(()) } else { Err(DerError::Form { what }) }
}

/// Header length and content length.
fn header(bytes: &[u8], what: &'static str) -> Result<(usize, usize), DerError> {
    let [tag, first, ..] = *bytes else {
        return Err(DerError::Truncated { what });
    };
    if tag & 0x1F == 0x1F {
        return Err(DerError::HighTagNumber { what });
    }
    match first {
        0..=0x7F => Ok((2, usize::from(first))),
        0x80 => Err(DerError::IndefiniteLength { what }),
        _ => {
            let count = usize::from(first & 0x7F);
            if count > 4 {
                return Err(DerError::Truncated { what });
            }
            let Some(length) = bytes.get(2..2 + count) else {
                return Err(DerError::Truncated { what });
            };
            let value = length.iter().fold(0_usize, |value, byte| (value << 8) | usize::from(*byte));
            // X.690 §10.1: "The definite form of length encoding shall be used, encoded in the minimum number of
            // octets."
            if length[0] == 0 || value < 0x80 {
                return Err(DerError::NonMinimalLength { what });
            }
            Ok((2 + count, value))
        }
    }
}

/// Why bytes are not the DER that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DerError {
    /// Not the form DER gives this type.
    #[error("{what} holds an element that is not in DER form (X.690 §10, §11)")]
    Form {
        /// What was being read.
        what: &'static str,
    },
    /// A tag number above 30, which no part of a certificate has.
    #[error("{what} has a multi-byte tag")]
    HighTagNumber {
        /// What was being read.
        what: &'static str,
    },
    /// BER's indefinite form.
    #[error("{what} has an indefinite length, which DER forbids (X.690 §10.1)")]
    IndefiniteLength {
        /// What was being read.
        what: &'static str,
    },
    /// A length in more bytes than needed.
    #[error("{what} has a length in more octets than needed (X.690 §10.1)")]
    NonMinimalLength {
        /// What was being read.
        what: &'static str,
    },
    /// Not an object identifier, or one with padded or huge arcs.
    #[error("{what} is not an object identifier in minimal form with arcs of 32 bits (X.690 §8.19)")]
    ObjectIdentifier {
        /// What was being read.
        what: &'static str,
    },
    /// A SET OF out of order.
    #[error("{what} has members out of order (X.690 §11.6)")]
    SetOrder {
        /// What was being read.
        what: &'static str,
    },
    /// Bytes after the end.
    #[error("{bytes} octets follow the end of {what}")]
    TrailingData {
        /// What had been read.
        what: &'static str,
        /// How many bytes follow.
        bytes: usize,
    },
    /// The bytes end too early.
    #[error("{what} is truncated")]
    Truncated {
        /// What was being read.
        what: &'static str,
    },
    /// Another tag than the expected one.
    #[error("{what} has tag {found:#04x}, expected {expected:#04x}")]
    UnexpectedTag {
        /// What was being read.
        what: &'static str,
        /// Tag found.
        found: u8,
        /// Tag expected.
        expected: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<usize, DerError> {
        let mut reader = Reader::new(bytes);
        let element = reader.element("it")?;
        let length = element.content.len();
        reader.finish("it")?;
        Ok(length)
    }

    #[test]
    fn what_is_written_reads_back() {
        for length in [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x1_0000] {
            assert_eq!(read(&element(4, &[&vec![0; length / 2], &vec![1; length - length / 2]])), Ok(length));
        }
    }

    #[test]
    fn nested_elements_are_those_that_were_written_one_by_one() {
        for length in [0, 1, 0x7D, 0x7E, 0x7F, 0x80, 0xFB, 0xFF, 0x100, 0xFFFF, 0x1_0000] {
            let content: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let mut out = vec![7, 7];
            nest(&mut out, 0x30, |out| {
                nest(out, 4, |out| out.extend_from_slice(&content));
                write_element(out, 2, &[&[1]]);
            });
            let expected = element(0x30, &[&element(4, &[&content]), &element(2, &[&[1]])]);
            assert_eq!(out, [&[7, 7][..], &expected].concat(), "{length}");
        }
    }

    #[test]
    fn arcs_are_minimal() {
        assert!(oid_from_content(&[0x55, 0x1D, 0x13], "it").is_ok());
        // a zero byte inside a longer arc is not padding: 1.2.840.10045
        assert!(oid_from_content(&[0x2A, 0x86, 0x48, 0xCE, 0x3D], "it").is_ok());
        assert!(oid_from_content(&[0x2A, 0x81, 0x80, 0x01], "it").is_ok());
        for bad in [&[][..], &[0x55, 0x80, 0x1D, 0x13], &[0x55, 0x1D, 0x80, 0x13], &[0x80, 0x55], &[0x55, 0x1D, 0x93]] {
            assert_eq!(oid_from_content(bad, "it"), Err(DerError::ObjectIdentifier { what: "it" }), "{bad:?}");
        }
    }

    #[test]
    fn der_is_checked_without_knowing_the_type() {
        let good = element(tag::SEQUENCE, &[&[2, 1, 5], &[1, 1, 0xFF], &[3, 2, 5, 0xA0], &[0x0C, 1, b'a'], &[5, 0]]);
        assert_eq!(check_der(&good, "it"), Ok(()));
        for bad in [
            &[2, 2, 0, 5][..],   // padded INTEGER (X.690 §8.3.2)
            &[2, 0],             // INTEGER without bytes
            &[1, 1, 1],          // BOOLEAN 01 (§11.1)
            &[3, 2, 5, 0xA1],    // unused bits set (§11.2.1)
            &[5, 1, 0],          // NULL with content
            &[0x24, 3, 4, 1, 0], // constructed OCTET STRING (§10.2)
            &[0x10, 0],          // primitive SEQUENCE
            &[0x0C, 1, 0xFF],    // not UTF-8
            &[0x16, 1, 0x80],    // not ASCII
            &[0x12, 1, b'a'],    // not a digit
            &[0x1A, 1, 0x1B],    // not visible
        ] {
            let nested = element(tag::SEQUENCE, &[bad]);
            assert_eq!(check_der(&nested, "it"), Err(DerError::Form { what: "it" }), "{bad:?}");
        }
        let mut deep = vec![];
        for _ in 0..=MAX_NESTING {
            deep = element(tag::SEQUENCE, &[&deep]);
        }
        assert_eq!(check_der(&deep, "it"), Err(DerError::Form { what: "it" }));
        assert_eq!(check_der(&deep[2..], "it"), Ok(()));
    }

    #[test]
    fn lengths_are_definite_and_minimal() {
        assert_eq!(read(&[4, 1, 0]), Ok(1));
        assert_eq!(read(&[4, 0x81, 1, 0]), Err(DerError::NonMinimalLength { what: "it" }));
        assert_eq!(read(&[4, 0x82, 0, 0x80]), Err(DerError::NonMinimalLength { what: "it" }));
        assert_eq!(read(&[0x30, 0x80, 0, 0]), Err(DerError::IndefiniteLength { what: "it" }));
        assert_eq!(read(&[4, 0x85, 0, 0, 0, 0, 1, 0]), Err(DerError::Truncated { what: "it" }));
        assert_eq!(read(&[4, 2, 0]), Err(DerError::Truncated { what: "it" }));
        assert_eq!(read(&[4, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]), Err(DerError::Truncated { what: "it" }));
        assert_eq!(read(&[4, 1, 0, 0]), Err(DerError::TrailingData { what: "it", bytes: 1 }));
        assert_eq!(read(&[0x1F, 0x81, 0x01, 0]), Err(DerError::HighTagNumber { what: "it" }));
        let long = [&[4, 0x81, 0x80][..], &[0; 0x80]].concat();
        assert_eq!(read(&long), Ok(0x80));
    }
}
