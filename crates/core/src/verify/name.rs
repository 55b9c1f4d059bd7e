//! What names may contain (RFC 5280 §4.1.2.4, appendix A), and how they compare.

use crate::x509::oid::{self, ObjectIdentifier};
use crate::x509::tlv::{check_der, element, tag};
use crate::x509::{Attribute, Name};

use super::codes;
use super::defect::Defect;

/// Most attributes of a name; genuine names have three.
pub(super) const MAX_ATTRIBUTES: usize = 32;

/// Checks the contents of every attribute.
///
/// Deliberately stricter than RFC 5280: control characters are refused in every string. No genuine leaf has one, and
/// policies can copy the common name into a new certificate, where a NUL or a newline is an attack on its reader.
pub(super) fn check(name: &Name, field: &'static str) -> Result<(), Defect> {
    let count = name.attributes().count();
    if count > MAX_ATTRIBUTES {
        return Err(Defect::new(
            codes::NAME_TOO_MANY_ATTRIBUTES,
            format!("{field} has {count} attributes, at most {MAX_ATTRIBUTES} are read"),
        ));
    }
    name.attributes().try_for_each(|attribute| check_attribute(&attribute).map_err(|defect| defect.of(field)))
}

fn check_attribute(attribute: &Attribute<'_>) -> Result<(), Defect> {
    let kind = attribute.kind;
    let rule = Rule::of(kind);
    let allowed: &[u8] = match rule.strings {
        Strings::Directory => {
            &[tag::UTF8_STRING, tag::PRINTABLE_STRING, tag::TELETEX_STRING, tag::BMP_STRING, tag::UNIVERSAL_STRING]
        }
        Strings::Printable => &[tag::PRINTABLE_STRING],
        Strings::Ia5 => &[tag::IA5_STRING],
        Strings::Any => &[],
    };
    if !allowed.is_empty() && !allowed.contains(&attribute.tag) {
        return Err(Defect::new(
            codes::NAME_STRING_TYPE,
            format!("attribute {kind} has tag {:#04x}, expected {}", attribute.tag, rule.strings.expected()),
        ));
    }
    if !is_string(attribute.tag) {
        // a type of its own: not ours to judge beyond its being DER
        return check_der(&element(attribute.tag, &[attribute.value]), "attribute value")
            .map_err(|error| Defect::new(codes::DER_FORM, format!("attribute {kind}: {error}")));
    }
    let Some(length) = characters(attribute.tag, attribute.value) else {
        return Err(Defect::new(
            codes::NAME_STRING,
            format!(
                "attribute {kind} holds characters that its string type (tag {:#04x}) does not have",
                attribute.tag
            ),
        ));
    };
    if !(rule.minimum..=rule.maximum).contains(&length) {
        return Err(Defect::new(
            codes::NAME_LENGTH,
            format!(
                "attribute {kind} has {length} characters, expected {} to {} (RFC 5280 appendix A.1)",
                rule.minimum, rule.maximum
            ),
        ));
    }
    Ok(())
}

const fn is_string(tag: u8) -> bool {
    matches!(
        tag,
        tag::UTF8_STRING
            | tag::PRINTABLE_STRING
            | tag::IA5_STRING
            | tag::TELETEX_STRING
            | tag::BMP_STRING
            | tag::UNIVERSAL_STRING
    )
}

/// How many characters a value has, if all of them belong to its string type and none is a control character.
fn characters(tag: u8, value: &[u8]) -> Option<usize> {
    let bytes = |good: fn(u8) -> bool| value.iter().all(|byte| good(*byte)).then_some(value.len());
    match tag {
        tag::UTF8_STRING => count(std::str::from_utf8(value).ok()?.chars().map(Some)),
        tag::PRINTABLE_STRING => bytes(is_printable_string),
        tag::IA5_STRING => bytes(|byte| byte.is_ascii() && !byte.is_ascii_control()),
        // T.61 keeps 80 to 9F for control functions, and 9B begins an escape sequence on a Latin-1 terminal
        tag::TELETEX_STRING => bytes(|byte| !byte.is_ascii_control() && !(0x80..=0x9F).contains(&byte)),
        // BMPString is UCS-2, so that there are no surrogates
        tag::BMP_STRING if value.len().is_multiple_of(2) => {
            count(value.chunks_exact(2).map(|pair| char::from_u32(u32::from(u16::from_be_bytes([pair[0], pair[1]])))))
        }
        tag::UNIVERSAL_STRING if value.len().is_multiple_of(4) => count(
            value.chunks_exact(4).map(|four| char::from_u32(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))),
        ),
        _ => None,
    }
}

fn count(mut characters: impl Iterator<Item = Option<char>>) -> Option<usize> {
    characters.try_fold(0, |count, character| match character {
        Some(character) if !character.is_control() => Some(count + 1),
        _ => None,
    })
}

/// X.680 §41.4, table 10
const fn is_printable_string(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b' ' | b'\'' | b'(' | b')' | b'+' | b',' | b'-' | b'.' | b'/' | b':' | b'=' | b'?')
}

/// String types and size of an attribute (RFC 5280 appendix A.1, upper bounds at its end).
struct Rule {
    strings: Strings,
    minimum: usize,
    maximum: usize,
}

#[derive(Clone, Copy)]
enum Strings {
    Any,
    Directory,
    Ia5,
    Printable,
}

impl Strings {
    const fn expected(self) -> &'static str {
        match self {
            Self::Any => "any type",
            Self::Directory => "a DirectoryString (RFC 5280 appendix A.1)",
            Self::Ia5 => "IA5String (RFC 5280 appendix A.1)",
            Self::Printable => "PrintableString (RFC 5280 appendix A.1)",
        }
    }
}

impl Rule {
    const fn of(kind: ObjectIdentifier) -> Self {
        let (strings, minimum, maximum) = match kind {
            oid::COMMON_NAME | oid::ORGANIZATION_NAME | oid::ORGANIZATIONAL_UNIT_NAME | oid::TITLE => {
                (Strings::Directory, 1, 64)
            }
            oid::LOCALITY_NAME | oid::STATE_OR_PROVINCE_NAME | oid::PSEUDONYM => (Strings::Directory, 1, 128),
            oid::SURNAME | oid::NAME | oid::GIVEN_NAME => (Strings::Directory, 1, 32_768),
            oid::COUNTRY_NAME => (Strings::Printable, 2, 2),
            oid::SERIAL_NUMBER => (Strings::Printable, 1, 64),
            oid::DN_QUALIFIER => (Strings::Printable, 1, usize::MAX),
            oid::EMAIL_ADDRESS => (Strings::Ia5, 1, 255),
            oid::DOMAIN_COMPONENT => (Strings::Ia5, 1, usize::MAX),
            _ => (Strings::Any, 0, usize::MAX),
        };
        Self { strings, minimum, maximum }
    }
}

/// A form that is equal for two names exactly if they differ in nothing but the case of ASCII letters.
///
/// Deliberately less than RFC 5280 §7.1 asks of a name comparison (spaces, other string types, other scripts): the
/// relaxation that uses it promises letter case and nothing else.
pub(super) fn fold_case(name: &Name) -> Vec<u8> {
    let mut folded = Vec::with_capacity(name.der().len());
    for rdn in name.rdns() {
        folded.push(u8::try_from(rdn.len()).unwrap_or(u8::MAX));
        for attribute in rdn {
            let string = matches!(
                attribute.tag,
                tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING | tag::TELETEX_STRING
            );
            folded.extend_from_slice(&element(tag::OBJECT_IDENTIFIER, &[attribute.kind.as_bytes()]));
            let value = if string { attribute.value.to_ascii_lowercase() } else { attribute.value.to_vec() };
            folded.extend_from_slice(&element(attribute.tag, &[&value]));
        }
    }
    folded
}

/// Whether an attribute of the name has TEST or Demo as a whole word, in any letter case.
pub(super) fn names_a_test(name: &Name) -> bool {
    name.attributes().filter_map(|attribute| attribute.text()).any(|text| {
        text.split(|character: char| !character.is_alphanumeric())
            .any(|word| word.eq_ignore_ascii_case("test") || word.eq_ignore_ascii_case("demo"))
    })
}

/// The hexadecimal digits at the end of a text.
pub(super) fn trailing_hex(text: &str) -> &str {
    let start = text.trim_end_matches(|character: char| character.is_ascii_hexdigit()).len();
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: ObjectIdentifier, tag: u8, value: &[u8]) -> Name {
        let pair =
            element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[kind.as_bytes()]), &element(tag, &[value])]);
        Name::from_der(&element(tag::SEQUENCE, &[&element(tag::SET, &[&pair])])).unwrap()
    }

    #[track_caller]
    fn verdict(kind: ObjectIdentifier, tag: u8, value: &[u8]) -> Option<&'static str> {
        check(&name(kind, tag, value), "subject").err().map(|defect| defect.code.as_str())
    }

    #[test]
    fn each_string_type_has_its_characters() {
        for (tag, good, bad) in [
            (tag::UTF8_STRING, "é漢".as_bytes(), &[b'a', 0xC3][..]),
            (tag::UTF8_STRING, b"<b>=1+1", &[0xC0, 0x80]),
            (tag::UTF8_STRING, b"EVAL2", b"EVAL\n2"),
            (tag::UTF8_STRING, b"EVAL2", b"EVAL2\0"),
            (tag::PRINTABLE_STRING, b"A-Za-z0-9 '()+,-./:=?", b"a@b"),
            (tag::PRINTABLE_STRING, b"STM STSAFE", b"STM_STSAFE"),
            (tag::TELETEX_STRING, &[0xE9], &[7]),
            (tag::TELETEX_STRING, &[0xA0], &[0x9B]),
            (tag::BMP_STRING, &[0, b'a'], &[0, b'a', 0]),
            (tag::BMP_STRING, &[0x6F, 0x22], &[0xD8, 0x00]),
            (tag::UNIVERSAL_STRING, &[0, 1, 0xF6, 0], &[0, 0x11, 0, 0]),
            (tag::UNIVERSAL_STRING, &[0, 0, 0, b'a'], &[0, 0, b'a']),
        ] {
            assert_eq!(verdict(oid::COMMON_NAME, tag, good), None, "{good:?}");
            assert_eq!(verdict(oid::COMMON_NAME, tag, bad), Some("verify.name.string"), "{bad:?}");
        }
        assert_eq!(verdict(oid::EMAIL_ADDRESS, tag::IA5_STRING, b"a@b"), None);
        assert_eq!(verdict(oid::EMAIL_ADDRESS, tag::IA5_STRING, &[0xE9]), Some("verify.name.string"));
    }

    #[test]
    fn attributes_have_the_string_types_of_rfc_5280_appendix_a() {
        for (kind, good, bad) in [
            (oid::COUNTRY_NAME, tag::PRINTABLE_STRING, tag::UTF8_STRING),
            (oid::SERIAL_NUMBER, tag::PRINTABLE_STRING, tag::UTF8_STRING),
            (oid::DN_QUALIFIER, tag::PRINTABLE_STRING, tag::IA5_STRING),
            (oid::DOMAIN_COMPONENT, tag::IA5_STRING, tag::PRINTABLE_STRING),
            (oid::EMAIL_ADDRESS, tag::IA5_STRING, tag::UTF8_STRING),
            (oid::COMMON_NAME, tag::UTF8_STRING, tag::IA5_STRING),
            (oid::ORGANIZATION_NAME, tag::PRINTABLE_STRING, tag::OCTET_STRING),
            // a constructed string is BER (X.690 §10.2)
            (oid::COMMON_NAME, tag::UTF8_STRING, tag::UTF8_STRING | 0x20),
        ] {
            assert_eq!(verdict(kind, good, b"FR"), None, "{kind}");
            assert_eq!(verdict(kind, bad, b"FR"), Some("verify.name.string-type"), "{kind}");
        }
        // other attributes are free in their type, but still DER
        assert_eq!(verdict(oid::MATTER_VENDOR_ID, tag::UTF8_STRING, b"FFF1"), None);
        assert_eq!(verdict(oid::UNIQUE_IDENTIFIER, tag::BIT_STRING, &[0, 1]), None);
        assert_eq!(verdict(oid::UNIQUE_IDENTIFIER, tag::BIT_STRING, &[9, 1]), Some("verify.der.form"));
        assert_eq!(verdict(oid::MATTER_VENDOR_ID, tag::UTF8_STRING | 0x20, b""), Some("verify.der.form"));
        assert_eq!(verdict(oid::MATTER_VENDOR_ID, tag::VISIBLE_STRING, b"a b"), None);
        assert_eq!(verdict(oid::MATTER_VENDOR_ID, tag::VISIBLE_STRING, b"a\x1B"), Some("verify.der.form"));
        assert_eq!(verdict(oid::MATTER_VENDOR_ID, tag::NUMERIC_STRING, b"1 2"), None);
        assert_eq!(verdict(oid::MATTER_VENDOR_ID, tag::NUMERIC_STRING, b"a"), Some("verify.der.form"));
    }

    #[test]
    fn attributes_have_the_sizes_of_rfc_5280_appendix_a() {
        let long = [b'a'; 129];
        for (kind, tag, maximum) in [
            (oid::COMMON_NAME, tag::UTF8_STRING, 64),
            (oid::ORGANIZATION_NAME, tag::UTF8_STRING, 64),
            (oid::LOCALITY_NAME, tag::UTF8_STRING, 128),
            (oid::SERIAL_NUMBER, tag::PRINTABLE_STRING, 64),
            (oid::COUNTRY_NAME, tag::PRINTABLE_STRING, 2),
        ] {
            assert_eq!(verdict(kind, tag, &long[..maximum]), None, "{kind}");
            assert_eq!(verdict(kind, tag, &long[..=maximum]), Some("verify.name.length"), "{kind}");
            assert_eq!(verdict(kind, tag, b""), Some("verify.name.length"), "{kind}");
        }
        // characters count, not bytes
        assert_eq!(verdict(oid::COMMON_NAME, tag::UTF8_STRING, "é".repeat(64).as_bytes()), None);
        assert_eq!(verdict(oid::COUNTRY_NAME, tag::PRINTABLE_STRING, b"F"), Some("verify.name.length"));
    }

    #[test]
    fn names_fold_letter_case_and_nothing_else() {
        let fold = |tag, value: &[u8]| fold_case(&name(oid::ORGANIZATION_NAME, tag, value));
        let genuine = fold(tag::UTF8_STRING, b"STMicroelectronics nv");
        assert_eq!(genuine, fold(tag::UTF8_STRING, b"StMicroelectronics NV"));
        assert_ne!(genuine, fold(tag::UTF8_STRING, b"STMicroelectronics  nv"));
        assert_ne!(genuine, fold(tag::PRINTABLE_STRING, b"STMicroelectronics nv"));
        // 0x41 and 0x61 inside a BMPString are halves of characters
        assert_ne!(fold(tag::BMP_STRING, &[0x41, 0]), fold(tag::BMP_STRING, &[0x61, 0]));
    }

    #[test]
    fn a_test_ca_says_so_in_a_whole_word() {
        let tests = |text: &str| names_a_test(&name(oid::COMMON_NAME, tag::UTF8_STRING, text.as_bytes()));
        for yes in ["STM STSAFE-A TEST CA 91", "STM CA Demo Intermediate Key", "test", "ACME_TEST_CA", "Demo-CA"] {
            assert!(tests(yes), "{yes}");
        }
        for no in ["STM STSAFE-A PROD CA 01", "Contest CA", "Testing CA", "Demonstrator CA", "Latest"] {
            assert!(!tests(no), "{no}");
        }
    }

    #[test]
    fn the_trailing_hexadecimal_run_is_taken_whole() {
        assert_eq!(trailing_hex("eval3-0209B0846159E439520139"), "0209B0846159E439520139");
        assert_eq!(trailing_hex("Supermicro-020B020940D1"), "020B020940D1");
        assert_eq!(trailing_hex("STSAFE-A110 EVAL2"), "2");
        assert_eq!(trailing_hex("é"), "");
        assert_eq!(trailing_hex("abc"), "abc");
    }
}
