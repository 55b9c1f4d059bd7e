//! The DER of a certificate's variable parts as a small tree: structure fixed when the policy is loaded, contents
//! filled in per batch and per leaf.
//!
//! Guarantees: for any values, the result is DER of exactly this structure; a value can never end an element early or
//! start a new one. What is known per batch is filled in once, what is then constant becomes bytes.

use der::asn1::ObjectIdentifier;

use crate::x509::tlv::{element, nest, tag, write_element};

use super::leaf::{BatchValues, LeafValues, Unfit};
use super::text::{Part, Text};
use super::value::{Filter, KeyIdentifierMethod, Variable};

/// A piece of DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// Contents made of values.
    Content(Text),
    /// Whole elements, or contents of a primitive one.
    Bytes(Vec<u8>),
    /// An element around others.
    Element(u8, Vec<Node>),
    /// A SET OF, its members in the order of their encodings (X.690 §11.6).
    SetOf(Vec<Node>),
    /// Contents made of values that are known for the batch already.
    Filled(Vec<Part>, usize),
}

impl Node {
    /// An element with constant contents.
    pub(super) fn primitive(tag: u8, content: &[u8]) -> Self {
        Self::Bytes(element(tag, &[content]))
    }

    /// An OBJECT IDENTIFIER.
    pub(super) fn oid(oid: ObjectIdentifier) -> Self {
        Self::primitive(tag::OBJECT_IDENTIFIER, oid.as_bytes())
    }

    /// A SEQUENCE.
    pub(super) fn sequence(members: Vec<Self>) -> Self {
        Self::Element(tag::SEQUENCE, members)
    }

    /// A primitive element whose contents are a text.
    pub(super) fn text(tag: u8, text: Text) -> Self {
        Self::Element(tag, vec![Self::Content(text)])
    }

    /// The most bytes this can have.
    pub(super) fn max_bytes(&self) -> usize {
        match self {
            Self::Content(text) => text.shape().max_bytes(),
            Self::Filled(_, max) => *max,
            Self::Bytes(bytes) => bytes.len(),
            Self::Element(_, members) | Self::SetOf(members) => {
                element_bytes(members.iter().map(Self::max_bytes).sum())
            }
        }
    }

    /// Every text in the tree.
    pub(super) fn texts(&self) -> Vec<&Text> {
        match self {
            Self::Content(text) => vec![text],
            Self::Bytes(_) | Self::Filled(..) => vec![],
            Self::Element(_, members) | Self::SetOf(members) => members.iter().flat_map(Self::texts).collect(),
        }
    }

    /// Fills in what the batch knows; what is constant then becomes bytes.
    pub(super) fn bind(&self, batch: &BatchValues<'_>) -> Self {
        match self {
            Self::Content(text) => bind_parts(text.parts(), text.shape().max_bytes(), batch),
            Self::Bytes(_) | Self::Filled(..) => self.clone(),
            Self::Element(tag, members) => {
                let members = bind_members(members, batch);
                match members.as_slice() {
                    [] => Self::primitive(*tag, &[]),
                    [Self::Bytes(bytes)] => Self::primitive(*tag, bytes),
                    _ => Self::Element(*tag, members),
                }
            }
            Self::SetOf(members) => {
                let members: Vec<Self> = members.iter().map(|member| member.bind(batch)).collect();
                if members.len() > 1 && !members.iter().all(|member| matches!(member, Self::Bytes(_))) {
                    return Self::SetOf(members);
                }
                // one member needs no order, and constant ones have theirs
                if let [member] = members.as_slice() {
                    return Self::Element(tag::SET, vec![member.clone()]).bind(batch);
                }
                let mut out = Vec::new();
                Self::SetOf(members).render(&LeafValues::NONE, &mut out).expect("constants always fit");
                Self::Bytes(out)
            }
        }
    }

    /// Appends the DER for one leaf.
    ///
    /// # Errors
    /// A value of the leaf is missing or unfit.
    pub(super) fn render(&self, leaf: &LeafValues<'_>, out: &mut Vec<u8>) -> Result<(), Unfit> {
        match self {
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Filled(parts, _) => render_parts(parts, leaf, out)?,
            Self::Content(_) => unreachable!("bind() fills every content"),
            Self::Element(tag, members) => render_element(*tag, members, leaf, out)?,
            // most sets: there is nothing to sort
            Self::SetOf(members) if members.len() == 1 => render_element(tag::SET, members, leaf, out)?,
            Self::SetOf(members) => {
                let mut encodings = Vec::with_capacity(members.len());
                for member in members {
                    let mut encoding = Vec::new();
                    member.render(leaf, &mut encoding)?;
                    encodings.push(encoding);
                }
                encodings.sort_unstable();
                let encodings: Vec<&[u8]> = encodings.iter().map(Vec::as_slice).collect();
                write_element(out, tag::SET, &encodings);
            }
        }
        Ok(())
    }
}

fn render_element(tag: u8, members: &[Node], leaf: &LeafValues<'_>, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let mut rendered = Ok(());
    nest(out, tag, |out| rendered = members.iter().try_for_each(|member| member.render(leaf, out)));
    rendered
}

/// Bytes of an element around `content` bytes.
pub(super) fn element_bytes(content: usize) -> usize {
    let length =
        if content < 0x80 { 1 } else { 1 + content.to_be_bytes().iter().skip_while(|byte| **byte == 0).count() };
    1 + length + content
}

fn bind_members(members: &[Node], batch: &BatchValues<'_>) -> Vec<Node> {
    let mut bound: Vec<Node> = Vec::with_capacity(members.len());
    for member in members {
        match (bound.last_mut(), member.bind(batch)) {
            (Some(Node::Bytes(before)), Node::Bytes(bytes)) => before.extend_from_slice(&bytes),
            (_, node) => bound.push(node),
        }
    }
    bound
}

fn bind_parts(parts: &[Part], max: usize, batch: &BatchValues<'_>) -> Node {
    let mut bound: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        let part = match part {
            Part::Value(variable, filters) => match batch.value(variable) {
                Some(mut bytes) => {
                    apply(&mut bytes, 0, filters);
                    Part::Literal(bytes)
                }
                None => part.clone(),
            },
            Part::Literal(_) => part.clone(),
        };
        match (bound.last_mut(), part) {
            (Some(Part::Literal(before)), Part::Literal(bytes)) => before.extend_from_slice(&bytes),
            (_, part) => bound.push(part),
        }
    }
    match bound.as_slice() {
        [] => Node::Bytes(vec![]),
        [Part::Literal(bytes)] => Node::Bytes(bytes.clone()),
        _ => Node::Filled(bound, max),
    }
}

fn render_parts(parts: &[Part], leaf: &LeafValues<'_>, out: &mut Vec<u8>) -> Result<(), Unfit> {
    for part in parts {
        match part {
            Part::Literal(bytes) => out.extend_from_slice(bytes),
            Part::Value(variable, filters) => {
                let start = out.len();
                leaf_value(variable, leaf, out)?;
                apply(out, start, filters);
            }
        }
    }
    Ok(())
}

fn leaf_value(variable: &Variable, leaf: &LeafValues<'_>, out: &mut Vec<u8>) -> Result<(), Unfit> {
    match variable {
        Variable::Batch | Variable::IssuedAt | Variable::IssuerKeyIdentifier | Variable::Param(_) => {
            unreachable!("bind() fills in what the batch knows")
        }
        Variable::CrlShard(shards) => {
            let shards = shards.expect("checked when the text was compiled");
            out.extend_from_slice(shards.text(shards.of(leaf.uid)).as_bytes());
        }
        Variable::ProductId => upper_hex(&leaf.uid[9..], out),
        Variable::SourceCommonName => out.extend_from_slice(leaf.common_name()?.as_bytes()),
        Variable::SourceSerial | Variable::Uid => upper_hex(leaf.uid, out),
        Variable::SourceSha256 => lower_hex(&leaf.source_sha256, out),
        Variable::SpkiSha256 => lower_hex(&leaf.spki.sha256(), out),
        Variable::StNumber => upper_hex(&leaf.uid[2..], out),
        Variable::SubjectKeyIdentifier(KeyIdentifierMethod::Rfc5280Sha1) => {
            out.extend_from_slice(crate::crypto::sha1(leaf.key).as_bytes());
        }
        Variable::SubjectKeyIdentifier(KeyIdentifierMethod::Rfc7093Sha256) => {
            out.extend_from_slice(&crate::crypto::sha256(leaf.key).as_bytes()[..20]);
        }
        Variable::Unique => upper_hex(&leaf.uid[2..9], out),
    }
    Ok(())
}

fn upper_hex(bytes: &[u8], out: &mut Vec<u8>) {
    hex_digits(b"0123456789ABCDEF", bytes, out);
}

fn lower_hex(bytes: &[u8], out: &mut Vec<u8>) {
    hex_digits(b"0123456789abcdef", bytes, out);
}

fn hex_digits(digits: &[u8; 16], bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 0xF)]]));
}

/// Applies filters to `out[start..]`, which they were proved to fit.
fn apply(out: &mut Vec<u8>, start: usize, filters: &[Filter]) {
    let mut bytes = false;
    for filter in filters {
        match *filter {
            Filter::Lower => out[start..].make_ascii_lowercase(),
            Filter::Upper => out[start..].make_ascii_uppercase(),
            Filter::Slice { from, to } => {
                let (begin, end) = if bytes { (from, to) } else { character_places(&out[start..], from, to) };
                out.truncate(start + end);
                out.drain(start..start + begin);
            }
            Filter::Bytes => {
                bytes = true;
                let half = (out.len() - start) / 2;
                for at in 0..half {
                    out[start + at] = nibble(out[start + 2 * at]) << 4 | nibble(out[start + 2 * at + 1]);
                }
                out.truncate(start + half);
            }
        }
    }
}

/// Where characters `from` and `to` of a UTF-8 text begin.
fn character_places(text: &[u8], from: usize, to: usize) -> (usize, usize) {
    let text = std::str::from_utf8(text).expect("texts are UTF-8 until `bytes` is applied");
    let mut places = text.char_indices().map(|(place, _)| place).chain([text.len()]);
    let begin = places.nth(from).expect("slices were proved to lie within the shortest value");
    let end = places.nth(to - from - 1).expect("slices were proved to lie within the shortest value");
    (begin, end)
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}
