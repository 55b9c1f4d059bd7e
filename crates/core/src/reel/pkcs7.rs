//! PKCS#7 bundles: the certificates of a SignedData (RFC 2315 §9.1, RFC 5652 §5.1). Signatures in the bundle are not
//! looked at: who put it together is nothing we rely on.
//!
//! The frame may be BER, as RFC 5652 §2 allows and older programs write it. A bundle that carries signed content is
//! refused as a whole: what was signed may be the reel, and the certificates beside it are the signer's.

use crate::x509::oid;
use crate::x509::tlv::{DerError, Reader, tag};

use super::ber::{Element, Elements};
use super::codes;
use super::edition::Edition;
use super::fault::Fault;
use super::item_sink::{FileItems, Found, ItemSink};

const EXPLICIT_0: u8 = 0xA0;

/// Whether a SEQUENCE begins with the content type id-signedData, in DER or in BER.
pub(super) fn begins_like_signed_data(bytes: &[u8]) -> bool {
    content_type(bytes) == Some(oid::CMS_SIGNED_DATA.as_bytes())
}

/// The OBJECT IDENTIFIER with which a SEQUENCE begins: the content type of a ContentInfo (RFC 5652 §3).
pub(super) fn content_type(bytes: &[u8]) -> Option<&[u8]> {
    match after_header(bytes)? {
        [tag::OBJECT_IDENTIFIER, length @ 0..0x80, rest @ ..] => rest.get(..usize::from(*length)),
        _ => None,
    }
}

/// What follows the header of a SEQUENCE, as far as it is there.
pub(super) fn after_header(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [tag::SEQUENCE, first, content @ ..] if *first <= 0x80 => Some(content),
        [tag::SEQUENCE, first, rest @ ..] if *first <= 0x84 => rest.get(usize::from(first & 0x7F)..),
        _ => None,
    }
}

/// Hands out the certificates of a bundle.
pub(super) fn read(sink: &mut ItemSink<'_>, items: &mut FileItems<'_>, bytes: &[u8]) -> Result<(), Fault> {
    if sink.limits.edition == Edition::First {
        return read_strictly(sink, items, bytes);
    }
    let before = items.count();
    let Some(mut certificates) = certificates(bytes)? else {
        return items.push(sink, empty());
    };
    while !certificates.is_empty() {
        let element = certificates.element("a certificate of the bundle")?;
        hand_out(sink, items, element.tag, element.raw)?;
    }
    if items.count() == before { items.push(sink, empty()) } else { Ok(()) }
}

fn empty() -> Found {
    Found::ignored(codes::ARCHIVE_EMPTY, "the PKCS#7 bundle has no certificates")
}

fn hand_out(sink: &mut ItemSink<'_>, items: &mut FileItems<'_>, found: u8, raw: &[u8]) -> Result<(), Fault> {
    let limit = sink.limits.item_bytes;
    let found = if found != tag::SEQUENCE {
        let reason = format!("tag {found:#04x} where a certificate has {:#04x}", tag::SEQUENCE);
        Found::ignored(codes::PKCS7_OTHER_CERTIFICATE, reason)
    } else if raw.len() > limit {
        let reason = format!("a certificate of {} octets, expected at most {limit}", raw.len());
        Found::rejected(codes::LIMIT_ITEM_BYTES, reason)
    } else {
        Found::Candidate(raw.to_vec())
    };
    items.push(sink, found)
}

/// The content of the field `certificates`, where there is one.
fn certificates(bytes: &[u8]) -> Result<Option<Elements<'_>>, Fault> {
    let mut outer = Elements(bytes);
    let mut content_info = Elements(outer.expect(tag::SEQUENCE, "the PKCS#7 bundle")?.content);
    outer.finish("the PKCS#7 bundle")?;
    content_info.expect(tag::OBJECT_IDENTIFIER, "the content type")?;
    let mut content = Elements(content_info.expect(EXPLICIT_0, "the content of the bundle")?.content);
    content_info.finish("the content of the bundle")?;
    let mut signed_data = Elements(content.expect(tag::SEQUENCE, "the SignedData")?.content);
    content.finish("the SignedData")?;
    signed_data.expect(tag::INTEGER, "the version of the SignedData")?;
    signed_data.expect(tag::SET, "the digest algorithms of the SignedData")?;
    let encapsulated = signed_data.expect(tag::SEQUENCE, "the encapsulated content of the SignedData")?;
    if let Some(length) = signed_content(encapsulated.content)? {
        let reason = format!("signed content of {length} bytes in a PKCS#7 file, which is not read");
        return Err(Fault::content(codes::CONTAINER_SIGNED, reason));
    }
    let certificates = signed_data.optional(EXPLICIT_0, "the certificates of the bundle")?;
    while !signed_data.is_empty() {
        signed_data.element("the rest of the SignedData")?;
    }
    Ok(certificates.map(|element| Elements(element.content)))
}

/// How many bytes of content the EncapsulatedContentInfo carries, if any (RFC 5652 §5.2).
fn signed_content(encapsulated: &[u8]) -> Result<Option<usize>, Fault> {
    let mut fields = Elements(encapsulated);
    fields.expect(tag::OBJECT_IDENTIFIER, "the type of the encapsulated content")?;
    let Some(content) = fields.optional(EXPLICIT_0, "the encapsulated content")? else {
        return Ok(None);
    };
    let mut parts = Elements(content.content);
    let mut length = 0;
    while !parts.is_empty() {
        length += string_length(parts.element("the encapsulated content")?)?;
    }
    Ok(Some(length).filter(|length| *length > 0))
}

/// The bytes of an OCTET STRING, also of one in pieces (X.690 §8.7.3). Content of another type, which PKCS#7 allows
/// (RFC 2315 §7), counts as a whole.
fn string_length(string: Element<'_>) -> Result<usize, Fault> {
    const PIECES: u8 = tag::OCTET_STRING | 0x20;
    if string.tag != PIECES {
        return Ok(string.content.len());
    }
    let mut pieces = Elements(string.content);
    let mut length = 0;
    while !pieces.is_empty() {
        // a piece that is in pieces itself counts with its headers: whether it is empty is all that matters
        length += pieces.element("a piece of the encapsulated content")?.content.len();
    }
    Ok(length)
}

/// As the first edition read a bundle: strict DER, content passed over.
fn read_strictly(sink: &mut ItemSink<'_>, items: &mut FileItems<'_>, bytes: &[u8]) -> Result<(), Fault> {
    let refuse = |error: DerError| Fault::content(codes::PKCS7_INVALID, error.to_string());
    let Some(mut certificates) = certificates_strictly(bytes).map_err(refuse)? else {
        return Ok(());
    };
    while !certificates.is_empty() {
        let element = certificates.element("a certificate of the bundle").map_err(refuse)?;
        hand_out(sink, items, element.tag, element.raw)?;
    }
    Ok(())
}

fn certificates_strictly(bytes: &[u8]) -> Result<Option<Reader<'_>>, DerError> {
    let mut outer = Reader::new(bytes);
    let mut content_info = Reader::new(outer.expect(tag::SEQUENCE, "the PKCS#7 bundle")?.content);
    outer.finish("the PKCS#7 bundle")?;
    content_info.expect(tag::OBJECT_IDENTIFIER, "the content type")?;
    let content = content_info.expect(EXPLICIT_0, "the content of the bundle")?.content;
    content_info.finish("the content of the bundle")?;
    let mut content = Reader::new(content);
    let mut signed_data = Reader::new(content.expect(tag::SEQUENCE, "the SignedData")?.content);
    content.finish("the SignedData")?;
    signed_data.expect(tag::INTEGER, "the version of the SignedData")?;
    signed_data.expect(tag::SET, "the digest algorithms of the SignedData")?;
    signed_data.expect(tag::SEQUENCE, "the encapsulated content of the SignedData")?;
    let certificates = signed_data.optional(EXPLICIT_0, "the certificates of the bundle")?;
    while !signed_data.is_empty() {
        signed_data.element("the rest of the SignedData")?;
    }
    Ok(certificates.map(|element| Reader::new(element.content)))
}
