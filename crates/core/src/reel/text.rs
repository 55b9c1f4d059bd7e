//! Text that carries certificates: PEM blocks, one certificate in base64 or hexadecimal a line, columns of a table.

use crate::origin::ItemName;

use super::clues::Clues;
use super::codes;
use super::columns::Columns;
use super::der::begins_like_a_certificate;
use super::edition::Edition;
use super::fault::Fault;
use super::feed::{Feed, Source};
use super::inside;
use super::item_sink::{FileItems, Found, ItemSink};
use super::pem::{Label, Scanner, Seen};
use super::pkcs7;
use super::unread;

/// Hands out what a text holds.
pub(super) fn read(sink: &mut ItemSink<'_>, items: &mut FileItems<'_>, feed: &mut dyn Feed) -> Result<(), Fault> {
    let limit = sink.limits.item_bytes;
    let (mut scanner, mut clues) = match sink.limits.edition {
        Edition::First => (Scanner::new(limit), None),
        Edition::Second => (Scanner::new(limit).with_clear_text(), Some(Clues::new())),
    };
    let mut lines = Lines::new(feed, sink.limits.line_bytes);
    let mut columns = Columns::new(limit, sink.limits.edition);
    while lines.next()? {
        let number = lines.number;
        let line = lines.line.strip_prefix(BYTE_ORDER_MARK).filter(|_| number == 1).unwrap_or(&lines.line);
        scanner.line(line, number, &mut |seen| match seen {
            Seen::Block { label, text, content } => block(sink, items, label, text, content),
            Seen::Text(text) => {
                let before = items.count();
                columns.line(text, number, &mut |found| encoded(sink, items, found))?;
                if let Some(clues) = clues.as_mut().filter(|_| items.count() == before && !columns.is_inside()) {
                    clues.line(text.trim_ascii(), number, items.has_certificates());
                }
                Ok(())
            }
        })?;
    }
    scanner.finish(&mut |seen| match seen {
        Seen::Block { label, text, content } => block(sink, items, label, text, content),
        Seen::Text(_) => Ok(()),
    })?;
    columns.finish(&mut |found| encoded(sink, items, found))?;
    clues.map_or_else(Vec::new, Clues::finish).into_iter().try_for_each(|found| items.push(sink, found))
}

/// Adds what was decoded to the items. Its bytes decide what it is, not the label around them: a Windows CA writes
/// PKCS#7 under the label CERTIFICATE.
fn encoded(sink: &mut ItemSink<'_>, items: &mut FileItems<'_>, found: Found) -> Result<(), Fault> {
    let found = match found {
        Found::Candidate(der) if sink.limits.edition > Edition::First => {
            if pkcs7::begins_like_signed_data(&der) {
                return bundle(sink, items, &der);
            }
            match unread::of_sequence(&der) {
                Some(form) => Found::rejected(form.code, format!("{}, which is not read", form.name)),
                None => Found::Candidate(der),
            }
        }
        found => found,
    };
    items.push(sink, found)
}

fn bundle(sink: &mut ItemSink<'_>, items: &mut FileItems<'_>, bytes: &[u8]) -> Result<(), Fault> {
    match pkcs7::read(sink, items, bytes) {
        Err(Fault::Content { code, reason }) => items.push(sink, Found::rejected(code, reason)),
        other => other,
    }
}

fn block(
    sink: &mut ItemSink<'_>,
    items: &mut FileItems<'_>,
    label: Label,
    text: &[u8],
    content: Result<Vec<u8>, (crate::origin::Code, String)>,
) -> Result<(), Fault> {
    let second = sink.limits.edition > Edition::First;
    let found = match (label, content) {
        (Label::Other, content) => {
            let form = if second { under_other_label(text, content.ok().as_deref()) } else { None };
            form.unwrap_or_else(|| {
                let reason = format!("a PEM block {}, expected CERTIFICATE (RFC 7468 §5)", ItemName::input(text));
                Found::ignored(codes::PEM_OTHER_LABEL, reason)
            })
        }
        (_, Err((code, reason))) => Found::rejected(code, reason),
        (Label::TrustedCertificate, Ok(_)) => {
            let reason = "a PEM block TRUSTED CERTIFICATE, which holds more than a certificate, expected CERTIFICATE";
            Found::rejected(codes::PEM_TRUSTED_CERTIFICATE, reason)
        }
        (Label::Pkcs7, Ok(der))
            if !second || !(begins_like_a_certificate(&der) || unread::of_sequence(&der).is_some()) =>
        {
            return bundle(sink, items, &der);
        }
        (Label::Certificate | Label::Pkcs7, Ok(der)) => return encoded(sink, items, Found::Candidate(der)),
    };
    items.push(sink, found)
}

/// What a block under a label that is not a certificate's is rejected for; `None` if nothing is lost with it.
fn under_other_label(text: &[u8], content: Option<&[u8]>) -> Option<Found> {
    let label = text.trim_ascii().to_ascii_uppercase();
    let name = ItemName::input(text);
    let has = |word: &[u8]| super::pem::find(&label, word).is_some();
    if label.starts_with(b"PGP MESSAGE") || has(b"ENCRYPTED") && !has(b"KEY") {
        let reason = format!("an encrypted or signed message ({name}), which is not read");
        return Some(Found::rejected(codes::CONTAINER_ENCRYPTED, reason));
    }
    if matches!(label.as_slice(), b"PKCS12" | b"PFX") {
        let reason = format!("a PKCS#12 key store ({name}), which is not read");
        return Some(Found::rejected(codes::CONTAINER_KEY_STORE, reason));
    }
    let content = content?;
    if let Some(form) = unread::of_sequence(content) {
        return Some(Found::rejected(form.code, format!("{} under the label {name}, which is not read", form.name)));
    }
    if inside::is_certificate(content) || pkcs7::begins_like_signed_data(content) {
        let reason = format!("a certificate under the label {name}, expected CERTIFICATE (RFC 7468 §5)");
        return Some(Found::rejected(codes::PEM_CERTIFICATE_LABEL, reason));
    }
    None
}

/// Lines, ended by LF, CR LF or CR, each copied into one buffer.
pub(super) struct Lines<'f> {
    feed: &'f mut dyn Feed,
    pub(super) line: Vec<u8>,
    pub(super) number: u64,
    limit: usize,
}

impl<'f> Lines<'f> {
    pub(super) fn new(feed: &'f mut dyn Feed, limit: usize) -> Self {
        Self { feed, line: Vec::new(), number: 0, limit }
    }

    /// Whether there was another line, now in `line`.
    pub(super) fn next(&mut self) -> Result<bool, Fault> {
        let mut seen = 0;
        loop {
            let bytes = self.feed.need(seen + 1)?;
            let end = bytes[seen..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).map(|at| seen + at);
            let length = end.unwrap_or(bytes.len());
            if length > self.limit {
                let reason = format!("line {} has more than {} octets", self.number + 1, self.limit);
                return Err(Fault::content(codes::LIMIT_LINE_BYTES, reason));
            }
            if end.is_none() && length > seen {
                seen = length;
                continue;
            }
            if bytes.is_empty() {
                return Ok(false);
            }
            self.line.clear();
            self.line.extend_from_slice(&bytes[..length]);
            let returns = bytes.get(length) == Some(&b'\r');
            let mut consumed = length + usize::from(end.is_some());
            if returns && self.feed.need(length + 2)?.get(length + 1) == Some(&b'\n') {
                consumed += 1;
            }
            self.feed.skip(consumed);
            self.number += 1;
            return Ok(true);
        }
    }
}

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// UTF-16 with a byte order mark, as some Windows programs write text. Only ASCII matters in what is looked for.
pub(super) struct Utf16<'f> {
    feed: &'f mut dyn Feed,
    unit: fn([u8; 2]) -> u16,
}

impl<'f> Utf16<'f> {
    /// The byte order mark that a text lacks, where its beginning is UTF-16 beyond doubt: all of it is ASCII or Latin-1
    /// without control characters, with a byte of zero before or after each.
    pub(super) fn unmarked(head: &[u8]) -> Option<[u8; 2]> {
        const LEAST: usize = 16;
        let units = &head.as_chunks::<2>().0[..(head.len() / 2).min(256)];
        let printable = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0xA0..);
        if units.len() < LEAST {
            None
        } else if units.iter().all(|[low, high]| *high == 0 && printable(*low)) {
            Some([0xFF, 0xFE])
        } else if units.iter().all(|[high, low]| *high == 0 && printable(*low)) {
            Some([0xFE, 0xFF])
        } else {
            None
        }
    }

    /// A text in the order that `mark` says.
    pub(super) fn marked(mark: [u8; 2], feed: &'f mut dyn Feed) -> Self {
        let unit = if mark == [0xFE, 0xFF] { u16::from_be_bytes } else { u16::from_le_bytes };
        Self { feed, unit }
    }
}

impl Source for Utf16<'_> {
    fn more(&mut self, into: &mut Vec<u8>) -> Result<(), Fault> {
        let bytes = self.feed.need(2)?;
        let (units, odd) = bytes.as_chunks::<2>();
        let units = &units[..units.len().min(32 << 10)];
        into.extend(
            units.iter().map(|unit| u8::try_from((self.unit)(*unit)).ok().filter(u8::is_ascii).unwrap_or(b'?')),
        );
        let length = if units.is_empty() { odd.len() } else { units.len() * 2 };
        self.feed.skip(length);
        Ok(())
    }
}
