//! DNS names, URIs and mail addresses with placeholders: valid for every value or refused when the policy is loaded.

use crate::policy::error;
use crate::policy::shape::{CharSet, Shape};
use crate::policy::text::{Piece, Text};
use crate::policy::value::Vocabulary;
use crate::toml::Value;

const LDH: CharSet = CharSet::ALPHANUMERIC.or(CharSet::of("-"));
/// RFC 3986 §2.3 and the sub-delims and pchar extras of §2.2, §3.3 that cannot change where a URI's parts begin.
const URI_VALUE: CharSet = CharSet::ALPHANUMERIC.or(CharSet::of("-._~!$&'()*+,;=:@"));
/// RFC 3986 §2: everything a URI may consist of.
const URI_LITERAL: CharSet = URI_VALUE.or(CharSet::of("/?#[]%"));
/// RFC 5322 §3.2.3 atext.
const ATEXT: CharSet = CharSet::ALPHANUMERIC.or(CharSet::of("!#$%&'*+-/=?^_`{|}~"));

/// Reads a DNS name in preferred name syntax (RFC 1034 §3.5 as RFC 5280 §4.2.1.6 wants it).
pub(super) fn dns_name(value: &Value<'_>, vocabulary: &Vocabulary) -> Option<Text> {
    let text = Text::read(value, vocabulary)?;
    match check_labels(&labels(&text.pieces(vocabulary))) {
        Ok(()) => Some(text),
        Err(reason) => {
            let message = format!("`{}` is not always a DNS name: {reason} (RFC 5280 §4.2.1.6)", value.path);
            value.error(error::FORM, message)
        }
    }
}

/// Reads an absolute URI (RFC 3986) whose scheme is one of `schemes`, or any if that is empty.
pub(super) fn uri(value: &Value<'_>, vocabulary: &Vocabulary, schemes: &[&str]) -> Option<Text> {
    let text = Text::read(value, vocabulary)?;
    match check_uri(&text.pieces(vocabulary), schemes) {
        Ok(()) => Some(text),
        Err(reason) => {
            let message = format!("`{}` is not always a URI: {reason} (RFC 5280 §4.2.1.6)", value.path);
            value.error(error::FORM, message)
        }
    }
}

/// Reads a mail address `local@domain` (RFC 5321 §4.1.2 Mailbox with a dot-string).
pub(super) fn email(value: &Value<'_>, vocabulary: &Vocabulary) -> Option<Text> {
    let text = Text::read(value, vocabulary)?;
    match check_email(&text.pieces(vocabulary)) {
        Ok(()) => Some(text),
        Err(reason) => {
            let message = format!("`{}` is not always a mail address: {reason} (RFC 5280 §4.2.1.6)", value.path);
            value.error(error::FORM, message)
        }
    }
}

/// The shapes between the separators that stand in literals; a placeholder never holds a separator that matters,
/// because the characters of each part are checked afterwards.
fn split(pieces: &[Piece<'_>], separator: char) -> Vec<Shape> {
    let mut parts = vec![Shape::EMPTY];
    for piece in pieces {
        let Some(literal) = piece.literal else {
            join(&mut parts, piece.shape);
            continue;
        };
        for (at, part) in literal.split(separator).enumerate() {
            if at > 0 {
                parts.push(Shape::EMPTY);
            }
            join(&mut parts, Shape::literal(part));
        }
    }
    parts
}

fn join(parts: &mut [Shape], next: Shape) {
    let last = parts.last_mut().expect("there is one part at least");
    *last = last.then(next);
}

fn labels(pieces: &[Piece<'_>]) -> Vec<Shape> {
    split(pieces, '.')
}

fn check_labels(labels: &[Shape]) -> Result<(), String> {
    for label in labels {
        let foreign = label.chars.without(LDH);
        if !foreign.is_empty() {
            return Err(format!("a label can hold {}", foreign.show()));
        }
        if label.min == 0 {
            return Err("a label can be empty".to_owned());
        }
        if label.max > 63 {
            return Err(format!("a label can have {} characters, expected at most 63", label.max));
        }
        if label.first.has('-') || label.last.has('-') {
            return Err("a label can begin or end with a hyphen".to_owned());
        }
    }
    let all = labels.iter().map(|label| label.max + 1).sum::<usize>() - 1;
    if all > 253 { Err(format!("it can have {all} characters, expected at most 253")) } else { Ok(()) }
}

fn check_uri(pieces: &[Piece<'_>], schemes: &[&str]) -> Result<(), String> {
    for piece in pieces {
        let allowed = if piece.literal.is_some() { URI_LITERAL } else { URI_VALUE };
        let foreign = piece.shape.chars.without(allowed);
        if !foreign.is_empty() {
            let what = if piece.literal.is_some() { "it holds" } else { "a placeholder can hold" };
            return Err(format!("{what} {}", foreign.show()));
        }
        if let Some(literal) = piece.literal {
            check_escapes(literal)?;
        }
    }
    let no_scheme = || "it does not begin with a written-out scheme such as `urn:`".to_owned();
    let first = pieces.first().and_then(|piece| piece.literal).ok_or_else(no_scheme)?;
    let (scheme, rest) = first.split_once(':').ok_or_else(no_scheme)?;
    let scheme_ok = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|next| next.is_ascii_alphanumeric() || "+-.".contains(next));
    if !scheme_ok {
        return Err(no_scheme());
    }
    if !schemes.is_empty() && !schemes.contains(&scheme) {
        return Err(format!("its scheme is `{scheme}`, expected {}", schemes.join(" or ")));
    }
    if rest.is_empty() && pieces[1..].iter().all(|piece| piece.shape.min == 0) {
        return Err("nothing follows the scheme".to_owned());
    }
    let fragments: usize = pieces.iter().filter_map(|piece| piece.literal).map(|text| text.matches('#').count()).sum();
    if fragments > 1 {
        return Err("it has more than one `#`".to_owned());
    }
    if let Some(authority) = rest.strip_prefix("//") {
        return check_authority(authority, &pieces[1..]);
    }
    if rest.contains(['[', ']'])
        || pieces[1..].iter().any(|piece| piece.literal.is_some_and(|text| text.contains(['[', ']'])))
    {
        return Err("it holds `[` or `]` outside a host".to_owned());
    }
    if scheme == "urn" { check_urn(rest, &pieces[1..]) } else { Ok(()) }
}

fn check_escapes(literal: &str) -> Result<(), String> {
    for (at, _) in literal.match_indices('%') {
        let digits = literal.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err("`%` is not followed by two hexadecimal digits".to_owned());
        }
    }
    Ok(())
}

/// RFC 5280 §4.2.1.6: "URIs that include an authority MUST include a fully qualified domain name or IP address as the
/// host." User information is refused, a port is allowed.
fn check_authority(first: &str, rest: &[Piece<'_>]) -> Result<(), String> {
    let mut authority: Vec<Piece<'_>> = Vec::new();
    let head = Piece { literal: Some(first), shape: Shape::literal(first) };
    for piece in std::iter::once(&head).chain(rest) {
        let Some(literal) = piece.literal else {
            authority.push(piece.clone());
            continue;
        };
        let end = literal.find(['/', '?', '#']);
        let part = &literal[..end.unwrap_or(literal.len())];
        authority.push(Piece { literal: Some(part), shape: Shape::literal(part) });
        if end.is_some() {
            break;
        }
    }
    if let [Piece { literal: Some(constant), .. }] = authority.as_slice() {
        let host = match constant.rsplit_once(':') {
            Some((host, port)) if port.len() <= 5 && port.bytes().all(|digit| digit.is_ascii_digit()) => host,
            _ => constant,
        };
        let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if host.parse::<std::net::Ipv4Addr>().is_ok()
            || v6.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
        {
            return Ok(());
        }
        return check_host(&labels(&[Piece { literal: Some(host), shape: Shape::literal(host) }]));
    }
    check_host(&labels(&authority))
}

fn check_host(labels: &[Shape]) -> Result<(), String> {
    check_labels(labels).map_err(|reason| format!("its host is not a domain name: {reason}"))?;
    if labels.len() < 2 {
        return Err("its host is not fully qualified".to_owned());
    }
    Ok(())
}

/// RFC 8141 §2: `urn:NID:NSS`, a namespace of 2 to 32 letters, digits and hyphens, and something in it.
fn check_urn(rest: &str, pieces: &[Piece<'_>]) -> Result<(), String> {
    let Some((namespace, specific)) = rest.split_once(':') else {
        return Err("a URN is urn:NAMESPACE:NAME (RFC 8141 §2), its namespace written out".to_owned());
    };
    let labels = check_labels(&[Shape::literal(namespace)]);
    if !(2..=32).contains(&namespace.len()) || labels.is_err() {
        return Err("its URN namespace is not 2 to 32 letters, digits and inner hyphens (RFC 8141 §2)".to_owned());
    }
    if specific.is_empty() && pieces.iter().all(|piece| piece.shape.min == 0) {
        return Err("nothing follows the URN namespace (RFC 8141 §2)".to_owned());
    }
    Ok(())
}

fn check_email(pieces: &[Piece<'_>]) -> Result<(), String> {
    let at: usize = pieces.iter().filter_map(|piece| piece.literal).map(|text| text.matches('@').count()).sum();
    if at != 1 {
        return Err("it does not have exactly one written-out `@`".to_owned());
    }
    let mut local = Vec::new();
    let mut domain = Vec::new();
    for piece in pieces {
        match piece.literal.and_then(|literal| literal.split_once('@')) {
            Some((before, after)) => {
                local.push(Piece { literal: Some(before), shape: Shape::literal(before) });
                domain.push(Piece { literal: Some(after), shape: Shape::literal(after) });
            }
            None if domain.is_empty() => local.push(piece.clone()),
            None => domain.push(piece.clone()),
        }
    }
    let atoms = split(&local, '.');
    for atom in &atoms {
        let foreign = atom.chars.without(ATEXT);
        if !foreign.is_empty() {
            return Err(format!("its local part can hold {}", foreign.show()));
        }
        if atom.min == 0 {
            return Err("its local part can have an empty piece".to_owned());
        }
    }
    let length = atoms.iter().map(|atom| atom.max + 1).sum::<usize>() - 1;
    if length > 64 {
        return Err(format!("its local part can have {length} characters, expected at most 64"));
    }
    check_labels(&labels(&domain)).map_err(|reason| format!("its domain is not a DNS name: {reason}"))
}
