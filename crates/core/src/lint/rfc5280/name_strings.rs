//! Attribute values are in string types that may be used, and hold their characters.

use crate::lint::names::attributes;
use crate::origin::Code;
use crate::x509::oid;
use crate::x509::tlv::tag;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.name.string").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.2.4",
    meaning: "an attribute of the subject has a wrong string type or characters outside of it",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(attributes) = attributes(subject.tbs.subject) else {
        report.find("subject", "subject is not a sequence of non-empty sets of attributes");
        return;
    };
    for attribute in attributes {
        let value = attribute.value;
        let text = std::str::from_utf8(value.content).unwrap_or("\u{0}");
        let fault = match value.tag {
            tag::UTF8_STRING if text.chars().any(char::is_control) => {
                "a UTF8String with control characters or broken UTF-8"
            }
            tag::PRINTABLE_STRING if !text.bytes().all(is_printable) => "a PrintableString with other characters",
            tag::IA5_STRING if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
                "an IA5String with other characters"
            }
            tag::UTF8_STRING | tag::PRINTABLE_STRING if is_ia5(attribute.oid) => "not an IA5String",
            tag::UTF8_STRING if is_printable_only(attribute.oid) => "not a PrintableString",
            tag::IA5_STRING if is_directory(attribute.oid) => "an IA5String where X.520 wants a DirectoryString",
            tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => continue,
            _ => "in a string type that CAs do not use any more",
        };
        report.find("subject", format_args!("attribute {} is {fault}", shown(attribute.oid)));
    }
}

/// X.680 table 10.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

fn is_ia5(kind: &[u8]) -> bool {
    [oid::DOMAIN_COMPONENT, oid::EMAIL_ADDRESS].iter().any(|oid| oid.as_bytes() == kind)
}

fn is_printable_only(kind: &[u8]) -> bool {
    [oid::COUNTRY_NAME, oid::SERIAL_NUMBER, oid::DN_QUALIFIER].iter().any(|oid| oid.as_bytes() == kind)
}

/// id-at attributes that are DirectoryStrings.
fn is_directory(kind: &[u8]) -> bool {
    kind.len() == 3 && kind.starts_with(&[0x55, 4]) && !is_printable_only(kind)
}

fn shown(kind: &[u8]) -> String {
    oid::ObjectIdentifier::from_bytes(kind).map_or_else(|_| "of an unreadable type".to_owned(), |oid| oid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn characters_belong_to_their_type() {
        Case::good().passes(&RULE);
        for (kind, tag, value, part) in [
            (oid::COMMON_NAME, tag::PRINTABLE_STRING, &b"a_b"[..], "other characters"),
            (oid::COMMON_NAME, tag::UTF8_STRING, &b"a\xff"[..], "UTF-8"),
            (oid::COMMON_NAME, tag::UTF8_STRING, &b"a\nb"[..], "control"),
            (oid::COMMON_NAME, tag::TELETEX_STRING, &b"ab"[..], "any more"),
            (oid::COMMON_NAME, tag::IA5_STRING, &b"ab"[..], "DirectoryString"),
            (oid::COUNTRY_NAME, tag::UTF8_STRING, &b"FR"[..], "PrintableString"),
            (oid::SERIAL_NUMBER, tag::UTF8_STRING, &b"1"[..], "PrintableString"),
            (oid::DOMAIN_COMPONENT, tag::UTF8_STRING, &b"com"[..], "IA5String"),
        ] {
            Case::good().subject(&[(kind, tag, value)]).fails(&RULE, part);
        }
        Case::good().subject(&[(oid::DOMAIN_COMPONENT, tag::IA5_STRING, b"com")]).passes(&RULE);
        Case::good().subject(&[(oid::COUNTRY_NAME, tag::PRINTABLE_STRING, b"FR")]).passes(&RULE);
    }
}
