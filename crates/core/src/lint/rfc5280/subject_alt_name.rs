//! subjectAltName has at least one name, each of its form.

use crate::lint::names::attributes;
use crate::origin::Code;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.subject-alt-name").hinted(&super::HINT),
    clause: "RFC 5280 §4.2.1.6",
    meaning: "subjectAltName is empty or a name in it is not of its form",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::SUBJECT_ALT_NAME) else { return };
    let names = extension.members().unwrap_or_default();
    if names.is_empty() {
        report.find_in(oid::SUBJECT_ALT_NAME, "subjectAltName is not a non-empty list of names");
    }
    for name in names {
        let fault = match name.tag {
            0x81 if !is_mail(name.content) => "an rfc822Name that is not a mailbox",
            0x82 if !is_dns(name.content) => "a dNSName that is not in preferred name syntax",
            0x86 if !is_uri(name.content) => "a uniformResourceIdentifier that is not an absolute URI",
            0x87 if ![4, 16].contains(&name.content.len()) => "an iPAddress that has not 4 or 16 octets",
            0xA4 if attributes(name.content).is_none_or(|list| list.is_empty()) => "an empty or broken directoryName",
            0x81 | 0x82 | 0x86 | 0x87 | 0x88 | 0xA0 | 0xA4 => continue,
            _ => "a name in a form that is not used here",
        };
        report.find_in(oid::SUBJECT_ALT_NAME, format_args!("subjectAltName has {fault}"));
    }
}

fn is_mail(content: &[u8]) -> bool {
    let mut sides = content.split(|byte| *byte == b'@');
    let (Some(local), Some(domain), None) = (sides.next(), sides.next(), sides.next()) else { return false };
    !local.is_empty() && local.iter().all(u8::is_ascii_graphic) && is_dns(domain)
}

fn is_dns(content: &[u8]) -> bool {
    let label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && label.first() != Some(&b'-')
            && label.last() != Some(&b'-')
    };
    content.len() <= 253 && content.split(|byte| *byte == b'.').all(label)
}

fn is_uri(content: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return false };
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let authority_ok =
        rest.strip_prefix("//").is_none_or(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte))
        && authority_ok
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    use crate::x509::tlv::{element, tag};

    fn case(form: u8, content: &[u8]) -> Case {
        Case::good().set(oid::SUBJECT_ALT_NAME, false, &element(tag::SEQUENCE, &[&element(form, &[content])]))
    }

    #[test]
    fn names_have_their_form() {
        Case::good().passes(&RULE);
        Case::good().set(oid::SUBJECT_ALT_NAME, false, &[0x30, 0]).fails(&RULE, "non-empty");
        for (form, good, bad, part) in [
            (0x81, &b"a@b.example"[..], &b"a b@c"[..], "mailbox"),
            (0x82, b"a-1.example", b"-a.example", "dNSName"),
            (0x82, b"a", b"a..b", "dNSName"),
            (0x82, b"b", b"a_b", "dNSName"),
            (0x82, b"c", b"*.b", "dNSName"),
            (0x86, b"urn:x:1", b"/relative", "URI"),
            (0x86, b"https://a.example/", b"https:///x", "URI"),
            (0x86, b"a:b", b"a:b c", "URI"),
            (0x87, &[127, 0, 0, 1], &[127, 0, 0], "iPAddress"),
            (0xA4, &[0x30, 13, 0x31, 11, 0x30, 9, 6, 3, 0x55, 4, 3, 0x0C, 2, 0x61, 0x62], &[0x30, 0], "directoryName"),
        ] {
            case(form, good).passes(&RULE);
            case(form, bad).fails(&RULE, part);
        }
        case(0xA3, &[]).fails(&RULE, "not used");
    }
}
