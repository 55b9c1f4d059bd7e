//! PKCS#7 bundles: the certificates of a SignedData (RFC 2315 §9.1, RFC 5652 §5.1). Signatures in the bundle are not
//! looked at: who put it together is nothing we rely on.

use crate::x509::oid;
use crate::x509::tlv::{DerError, Reader, tag};

use super::codes;
use super::fault::Fault;
use super::intake::{FileItems, Found, Intake};

/// Whether a SEQUENCE begins with the content type id-signedData, in DER or in BER.
pub(super) fn begins_like_signed_data(octets: &[u8]) -> bool {
    let content = match octets {
        [0x30, first, content @ ..] if *first <= 0x80 => content,
        [0x30, first, rest @ ..] if *first <= 0x84 => rest.get(usize::from(first & 0x7F)..).unwrap_or_default(),
        _ => return false,
    };
    let id = oid::CMS_SIGNED_DATA.as_bytes();
    matches!(content, [tag::OBJECT_IDENTIFIER, length, rest @ ..] if usize::from(*length) == id.len() && rest.starts_with(id))
}

/// Hands out the certificates of a bundle.
pub(super) fn read(intake: &mut Intake<'_>, items: &mut FileItems<'_>, octets: &[u8]) -> Result<(), Fault> {
    let refuse = |error: DerError| Fault::content(codes::PKCS7_INVALID, error.to_string());
    let Some(mut certificates) = certificates(octets).map_err(refuse)? else {
        return Ok(());
    };
    while !certificates.is_empty() {
        let element = certificates.element("a certificate of the bundle").map_err(refuse)?;
        let limit = intake.limits.item_bytes;
        let found = if element.tag != tag::SEQUENCE {
            let reason = format!("tag {:#04x} where a certificate has {:#04x}", element.tag, tag::SEQUENCE);
            Found::ignored(codes::PKCS7_OTHER_CERTIFICATE, reason)
        } else if element.raw.len() > limit {
            let reason = format!("a certificate of {} octets, expected at most {limit}", element.raw.len());
            Found::rejected(codes::LIMIT_ITEM_BYTES, reason)
        } else {
            Found::Candidate(element.raw.to_vec())
        };
        items.push(intake, found)?;
    }
    Ok(())
}

/// The content of the field `certificates`, where there is one.
fn certificates(octets: &[u8]) -> Result<Option<Reader<'_>>, DerError> {
    const EXPLICIT_0: u8 = 0xA0;
    let mut outer = Reader::new(octets);
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
