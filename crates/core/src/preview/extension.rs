//! Extension values as people read them.

use crate::x509::tlv::{DerError, Element, Reader, tag};
use crate::x509::{Extension, oid};

use super::{asn1, general_name, names};

/// The value, one line for each of its parts; what is not of the extension's own form is shown by its ASN.1 types.
pub(super) fn lines(extension: &Extension) -> Vec<String> {
    let value = &extension.value;
    own_form(extension)
        .or_else(|_| asn1::show(value).map(|text| vec![text]))
        .unwrap_or_else(|_| vec![hex::encode(value)])
}

fn own_form(extension: &Extension) -> Result<Vec<String>, DerError> {
    let value = &*extension.value;
    let sequence = || Reader::new(value).expect(tag::SEQUENCE, "extension value").map(|outer| outer.content);
    match extension.oid {
        oid::BASIC_CONSTRAINTS if sequence()?.is_empty() => Ok(vec!["not a CA".to_owned()]),
        oid::KEY_USAGE => key_usage(value),
        oid::EXTENDED_KEY_USAGE => {
            let mut purposes = Reader::new(sequence()?);
            let mut shown = Vec::new();
            while !purposes.is_empty() {
                shown.push(names::other(purposes.oid("purpose")?));
            }
            Ok(vec![shown.join(", ")])
        }
        oid::SUBJECT_KEY_IDENTIFIER => {
            let bytes = Reader::new(value).expect(tag::OCTET_STRING, "subjectKeyIdentifier")?;
            Ok(vec![hex::encode(bytes.content)])
        }
        oid::AUTHORITY_KEY_IDENTIFIER => {
            let mut fields = Reader::new(sequence()?);
            let identifier = fields.expect(0x80, "keyIdentifier")?;
            fields.finish("keyIdentifier")?;
            Ok(vec![hex::encode(identifier.content)])
        }
        oid::SUBJECT_ALT_NAME => general_name::lines(sequence()?),
        oid::CERTIFICATE_POLICIES => each(sequence()?, policy),
        oid::CRL_DISTRIBUTION_POINTS => Ok(each(sequence()?, distribution_point)?.into_iter().flatten().collect()),
        oid::AUTHORITY_INFO_ACCESS => each(sequence()?, access),
        oid::RELATED_CERTIFICATE => {
            let mut fields = Reader::new(sequence()?);
            let hash = Reader::new(fields.expect(tag::SEQUENCE, "hashAlgorithm")?.content).oid("hashAlgorithm")?;
            let digest = fields.expect(tag::OCTET_STRING, "hashValue")?;
            Ok(vec![format!("{} of the source leaf: {}", names::other(hash), hex::encode(digest.content))])
        }
        _ => Ok(vec![asn1::show(value)?]),
    }
}

/// Every member of a SEQUENCE OF SEQUENCE.
fn each<T>(content: &[u8], show: impl Fn(Element<'_>) -> Result<T, DerError>) -> Result<Vec<T>, DerError> {
    let mut members = Reader::new(content);
    let mut shown = Vec::new();
    while !members.is_empty() {
        shown.push(show(members.expect(tag::SEQUENCE, "member")?)?);
    }
    Ok(shown)
}

/// A named bit list, most significant bit first.
fn key_usage(value: &[u8]) -> Result<Vec<String>, DerError> {
    const BITS: [&str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];
    let bits = Reader::new(value).expect(tag::BIT_STRING, "keyUsage")?.content;
    let set = |at: usize| bits.get(1 + at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let names = BITS.iter().enumerate().filter(|(at, _)| set(*at)).map(|(_, name)| *name);
    Ok(vec![names.collect::<Vec<_>>().join(", ")])
}

/// PolicyInformation ::= SEQUENCE { policyIdentifier, policyQualifiers SEQUENCE OF PolicyQualifierInfo OPTIONAL }
fn policy(element: Element<'_>) -> Result<String, DerError> {
    let mut fields = Reader::new(element.content);
    let mut parts = vec![names::other(fields.oid("policyIdentifier")?)];
    if let Some(qualifiers) = fields.optional(tag::SEQUENCE, "policyQualifiers")? {
        parts.extend(each(qualifiers.content, qualifier)?);
    }
    Ok(parts.join("; "))
}

fn qualifier(element: Element<'_>) -> Result<String, DerError> {
    let mut fields = Reader::new(element.content);
    let kind = fields.oid("policyQualifierId")?;
    let mut value = fields.element("qualifier")?;
    if kind == oid::QT_USER_NOTICE {
        value = Reader::new(value.content).element("explicitText")?;
    }
    Ok(format!("{} {}", names::other(kind), asn1::quote(value.content)))
}

/// DistributionPoint { distributionPoint [0] { fullName [0] GeneralNames } }
fn distribution_point(element: Element<'_>) -> Result<Vec<String>, DerError> {
    let mut fields = Reader::new(element.content);
    let point = fields.expect(0xA0, "distributionPoint")?;
    fields.finish("distributionPoint")?;
    general_name::lines(Reader::new(point.content).expect(0xA0, "fullName")?.content)
}

/// AccessDescription ::= SEQUENCE { accessMethod, accessLocation GeneralName }
fn access(element: Element<'_>) -> Result<String, DerError> {
    let mut fields = Reader::new(element.content);
    let method = names::other(fields.oid("accessMethod")?);
    let location = fields.element("accessLocation")?;
    Ok(format!("{method} {}", general_name::lines(location.raw)?.join("")))
}
