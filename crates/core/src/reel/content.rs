//! Detects what a content is, from its bytes and never from its name. The name only decides how a content that is not
//! recognised is reported.

use crate::x509::tlv::tag;

use super::bytes::Bytes;
use super::codes;
use super::companion;
use super::der;
use super::edition::Edition;
use super::fault::Fault;
use super::feed::{Buffered, Feed};
use super::gzip::Gunzip;
use super::inside::{self, Inside};
use super::item_sink::{FileItems, Found, ItemSink, Place, Suffix};
use super::pem;
use super::pkcs7;
use super::tar;
use super::text::{self, Utf16};
use super::unread::{self, Form};
use super::zip;

/// How much of a content is looked at in order to tell what it is.
pub(super) const HEAD: usize = 64 << 10;

/// What a content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A SEQUENCE: a certificate candidate.
    Der,
    /// No bytes.
    Empty,
    /// RFC 1952.
    Gzip,
    /// None of these.
    Other,
    /// What is plainly no delivery of certificates: an image, a program.
    Plain(&'static str),
    /// A SEQUENCE that is a PKCS#7 bundle.
    Pkcs7,
    /// Blocks of a tar archive.
    Tar,
    /// Without control characters, or with a PEM boundary.
    Text,
    /// Recognised, and not read.
    Unread(Form),
    /// Text in UTF-16, with its byte order mark or, where there is none, the one that it lacks.
    Utf16([u8; 2]),
    /// A zip archive from its first byte on.
    Zip,
}

impl Kind {
    /// Tells a content by its beginning.
    pub(super) fn of(head: &[u8], edition: Edition) -> Self {
        match head {
            [] => Self::Empty,
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5 | 6, 6, ..] | [b'P', b'K', 7, 8, ..] => Self::Zip,
            [0x1F, 0x8B, ..] => Self::Gzip,
            [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] if edition > Edition::First => {
                Self::Unread(Form { code: codes::TEXT_ENCODING, name: "text in UTF-32" })
            }
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Self::Utf16([head[0], head[1]]),
            // Before text and DER: a name that begins with the digit 0 looks like a SEQUENCE.
            _ if tar::begins_like_tar(head) => Self::Tar,
            _ if edition == Edition::First => Self::of_first_edition(head),
            _ if is_text(head) => unread::of_text(head).map_or(Self::Text, Self::Unread),
            _ => Self::of_binary(head),
        }
    }

    /// Whether it is not one of the forms that are read.
    fn is_opaque(self) -> bool {
        matches!(self, Self::Empty | Self::Other | Self::Plain(_) | Self::Unread(_))
    }

    fn of_binary(head: &[u8]) -> Self {
        if let Some(mark) = Utf16::unmarked(head) {
            return Self::Utf16(mark);
        }
        if pkcs7::begins_like_signed_data(head) {
            return Self::Pkcs7;
        }
        if head[0] == tag::SEQUENCE {
            return unread::of_sequence(head).or_else(|| unread::of_text(head)).map_or(Self::Der, Self::Unread);
        }
        if let Some(form) = unread::of_text(head).or_else(|| unread::of_binary(head)) {
            return Self::Unread(form);
        }
        if pem::find(head, b"-----BEGIN ").is_some() {
            return Self::Text;
        }
        unread::plain(head).map_or(Self::Other, Self::Plain)
    }

    /// As the first edition told them.
    fn of_first_edition(head: &[u8]) -> Self {
        match head {
            _ if is_text(head) => Self::Text,
            _ if pkcs7::begins_like_signed_data(head) => Self::Pkcs7,
            [tag::SEQUENCE, ..] => Self::Der,
            _ if pem::find(head, b"-----BEGIN ").is_some() => Self::Text,
            _ => Self::Other,
        }
    }
}

/// No DER of a certificate passes for text: its INTEGER tag and lengths are control characters.
fn is_text(head: &[u8]) -> bool {
    !head.iter().any(|byte| matches!(byte, 0..=8 | 0x0E..=0x1F | 0x7F))
}

/// Hands out the items of one file.
pub(super) fn read(sink: &mut ItemSink<'_>, place: &Place<'_>, feed: &mut dyn Feed) -> Result<(), Fault> {
    let mut items = FileItems::of(place);
    let outcome = read_into(sink, place, &mut items, feed);
    items.finish(sink, outcome)
}

fn read_into(
    sink: &mut ItemSink<'_>,
    place: &Place<'_>,
    items: &mut FileItems<'_>,
    feed: &mut dyn Feed,
) -> Result<(), Fault> {
    let edition = sink.limits.edition;
    let head = feed.need(HEAD)?;
    let kind = Kind::of(head, edition);
    if edition > Edition::First
        && kind.is_opaque()
        && let Some(name) = companion::of(place.path, head)
    {
        return beside(sink, items, feed, name);
    }
    match kind {
        Kind::Der => der::read(sink, items, feed),
        Kind::Empty => empty(sink, place, items),
        Kind::Gzip => {
            let inside = Place { unzipped: true, ..place.open(sink.limits)? };
            let mut unpacked = Buffered::new(Gunzip::new(feed, sink.limits, sink.budget));
            read_into(sink, &inside, items, &mut unpacked)
        }
        // An end mark and nothing before it.
        Kind::Other if place.suffix(edition) == Suffix::Archive && tar::is_all_zeros(head) => {
            read_tar(sink, place, feed)
        }
        Kind::Other => other(sink, place, items, feed),
        Kind::Plain(name) => {
            let reason = format!("{name}, told by its content");
            let found = unrecognised(place, edition, &reason);
            items.push(sink, found)
        }
        Kind::Unread(form) => Err(Fault::content(form.code, format!("{}, which is not read", form.name))),
        Kind::Pkcs7 => {
            let limit = sink.limits.bundle_bytes;
            let bundle = feed.need(limit + 1)?;
            if bundle.len() > limit {
                let reason = format!("a PKCS#7 bundle of more than {limit} octets");
                return Err(Fault::content(codes::LIMIT_BUNDLE_BYTES, reason));
            }
            pkcs7::read(sink, items, bundle)?;
            if items.is_empty() {
                items.push(sink, Found::ignored(codes::ARCHIVE_EMPTY, "the PKCS#7 bundle has no certificates"))?;
            }
            Ok(())
        }
        Kind::Tar => read_tar(sink, place, feed),
        Kind::Text => read_text(sink, place, items, feed),
        Kind::Utf16(mark) => {
            if edition > Edition::First && head.starts_with(&mark) {
                feed.skip(mark.len());
            }
            let mut plain = Buffered::new(Utf16::marked(mark, feed));
            read_text(sink, place, items, &mut plain)
        }
        Kind::Zip => {
            let inside = place.open(sink.limits)?;
            let mut bytes = Bytes::gather(feed, sink.scratch)?;
            zip::read(sink, &inside, &mut bytes)
        }
    }
}

fn read_tar(sink: &mut ItemSink<'_>, place: &Place<'_>, feed: &mut dyn Feed) -> Result<(), Fault> {
    let inside = if place.unzipped { place.clone() } else { place.open(sink.limits)? };
    tar::read(sink, &inside, feed)
}

fn read_text(
    sink: &mut ItemSink<'_>,
    place: &Place<'_>,
    items: &mut FileItems<'_>,
    feed: &mut dyn Feed,
) -> Result<(), Fault> {
    text::read(sink, items, feed)?;
    if items.has_certificates() {
        return Ok(());
    }
    let edition = sink.limits.edition;
    if let Some(name) = companion::of_text(place.path).filter(|_| edition > Edition::First && items.is_empty()) {
        return items.push(sink, Found::ignored(codes::FILE_COMPANION, name));
    }
    match place.suffix(edition) {
        Suffix::Pem | Suffix::Other if !items.is_empty() => Ok(()),
        Suffix::Certificate | Suffix::Pem => Err(no_certificate()),
        Suffix::Archive => Err(no_archive()),
        Suffix::Other => items.push(sink, Found::ignored(codes::TEXT_NO_CERTIFICATE, "text without a certificate")),
    }
}

fn empty(sink: &mut ItemSink<'_>, place: &Place<'_>, items: &mut FileItems<'_>) -> Result<(), Fault> {
    let found = match place.suffix(sink.limits.edition) {
        Suffix::Certificate | Suffix::Pem => {
            Found::rejected(codes::FILE_EMPTY, "an empty file, expected a certificate")
        }
        Suffix::Archive => Found::rejected(codes::FILE_EMPTY, "an empty file, expected an archive"),
        Suffix::Other => Found::ignored(codes::FILE_EMPTY, "an empty file"),
    };
    items.push(sink, found)
}

/// A file that is beside others. Such a file with a certificate in it would be something else.
fn beside(sink: &mut ItemSink<'_>, items: &mut FileItems<'_>, feed: &mut dyn Feed, name: &str) -> Result<(), Fault> {
    match inside::find(feed)? {
        Some(place) => Err(certificate_inside(place)),
        None => items.push(sink, Found::ignored(codes::FILE_COMPANION, name)),
    }
}

/// A content that nothing recognises.
fn other(
    sink: &mut ItemSink<'_>,
    place: &Place<'_>,
    items: &mut FileItems<'_>,
    feed: &mut dyn Feed,
) -> Result<(), Fault> {
    let edition = sink.limits.edition;
    if let Some(found) = if edition > Edition::First { inside::find(feed)? } else { None } {
        return Err(certificate_inside(found));
    }
    let reason = "neither a certificate nor an archive nor text, told by its content";
    items.push(sink, unrecognised(place, edition, reason))
}

fn certificate_inside(found: Inside) -> Fault {
    let (form, at) = match found {
        Inside::Der(at) => ("DER", at),
        Inside::Pem(at) => ("PEM", at),
    };
    let reason = format!("a certificate in {form} begins {at} bytes into a content of unknown form");
    Fault::content(codes::FILE_CERTIFICATE_INSIDE, reason)
}

fn unrecognised(place: &Place<'_>, edition: Edition, reason: &str) -> Found {
    let fault = match place.suffix(edition) {
        Suffix::Certificate | Suffix::Pem => no_certificate(),
        Suffix::Archive => no_archive(),
        Suffix::Other => return Found::ignored(codes::FILE_NOT_A_CERTIFICATE, reason),
    };
    let Fault::Content { code, reason } = fault else { unreachable!("made above") };
    Found::rejected(code, reason)
}

fn no_certificate() -> Fault {
    Fault::content(codes::FILE_NO_CERTIFICATE, "the name is a certificate's, and the content holds none")
}

fn no_archive() -> Fault {
    Fault::content(codes::FILE_NOT_AN_ARCHIVE, "the name is an archive's, and the content is none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_what_a_file_is() {
        for (head, kind) in [
            (&b""[..], Kind::Empty),
            (b"PK\x03\x04", Kind::Zip),
            (b"\x1F\x8B\x08", Kind::Gzip),
            (b"0209,MII", Kind::Text),
            (b"30 kg of reels", Kind::Text),
            (b"gr\xFC\xDFe\n", Kind::Text),
            (b"\xFF\xFE0\x002\x00", Kind::Utf16([0xFF, 0xFE])),
            (b"0\x82\x01\x00", Kind::Der),
            (b"0\x03\x02\x01\x00", Kind::Der),
            (b"\0\0-----BEGIN CERTIFICATE-----\n", Kind::Text),
            (b"\x7FELF", Kind::Plain("a program (ELF)")),
            (b"\x01\x02", Kind::Other),
            (b"\xFF\xFF", Kind::Text),
        ] {
            assert_eq!(Kind::of(head, Edition::CURRENT), kind, "{}", head.escape_ascii());
        }
    }
}
