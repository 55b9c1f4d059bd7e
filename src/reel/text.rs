//! Text that carries certificates: PEM blocks, one certificate in base64 or hexadecimal a line, columns of a table.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::origin::ItemName;

use super::codes;
use super::der::{begins_like_a_certificate, element_length};
use super::fault::Fault;
use super::feed::{Feed, Source};
use super::intake::{FileItems, Found, Intake};
use super::pem::{Label, Scanner, Seen};
use super::pkcs7;

/// Hands out what a text holds.
pub(super) fn read(intake: &mut Intake<'_>, items: &mut FileItems<'_>, feed: &mut dyn Feed) -> Result<(), Fault> {
    let mut lines = Lines::new(feed, intake.limits.line_bytes);
    let mut scanner = Scanner::new(intake.limits.item_bytes);
    let mut columns = Columns::new(intake.limits.item_bytes);
    while lines.next()? {
        let number = lines.number;
        let line = lines.line.strip_prefix(BYTE_ORDER_MARK).filter(|_| number == 1).unwrap_or(&lines.line);
        scanner.line(line, number, &mut |seen| match seen {
            Seen::Block { label, text, content } => block(intake, items, label, text, content),
            Seen::Text(text) => columns.line(text, number, &mut |found| items.push(intake, found)),
        })?;
    }
    scanner.finish(&mut |seen| match seen {
        Seen::Block { label, text, content } => block(intake, items, label, text, content),
        Seen::Text(_) => Ok(()),
    })?;
    columns.finish(&mut |found| items.push(intake, found))
}

fn block(
    intake: &mut Intake<'_>,
    items: &mut FileItems<'_>,
    label: Label,
    text: &[u8],
    content: Result<Vec<u8>, (crate::origin::Code, String)>,
) -> Result<(), Fault> {
    let found = match (label, content) {
        (Label::Other, _) => {
            let reason = format!("a PEM block {}, expected CERTIFICATE (RFC 7468 §5)", ItemName::input(text));
            Found::ignored(codes::PEM_OTHER_LABEL, reason)
        }
        (_, Err((code, reason))) => Found::rejected(code, reason),
        (Label::TrustedCertificate, Ok(_)) => {
            let reason = "a PEM block TRUSTED CERTIFICATE, which holds more than a certificate, expected CERTIFICATE";
            Found::rejected(codes::PEM_TRUSTED_CERTIFICATE, reason)
        }
        (Label::Certificate, Ok(der)) => Found::Candidate(der),
        (Label::Pkcs7, Ok(bundle)) => match pkcs7::read(intake, items, &bundle) {
            Err(Fault::Content { code, reason }) => Found::rejected(code, reason),
            other => return other,
        },
    };
    items.push(intake, found)
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
            let octets = self.feed.need(seen + 1)?;
            let end = octets[seen..].iter().position(|octet| matches!(octet, b'\n' | b'\r')).map(|at| seen + at);
            let length = end.unwrap_or(octets.len());
            if length > self.limit {
                let reason = format!("line {} has more than {} octets", self.number + 1, self.limit);
                return Err(Fault::content(codes::LIMIT_LINE_BYTES, reason));
            }
            if end.is_none() && length > seen {
                seen = length;
                continue;
            }
            if octets.is_empty() {
                return Ok(false);
            }
            self.line.clear();
            self.line.extend_from_slice(&octets[..length]);
            let returns = octets.get(length) == Some(&b'\r');
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

/// Fields that carry certificates in base64 or hexadecimal, in any column of a line.
///
/// A field is a candidate when it begins as a certificate does in its encoding. Once a column has held a certificate,
/// a long field there that is none is a rejection: a damaged certificate is not taken for a remark.
struct Columns {
    limit: usize,
    certificates: Vec<usize>,
    /// Column and line of long fields that would be damaged certificates if their column holds certificates.
    suspects: Vec<(usize, u64)>,
    wrapped: Option<Wrapped>,
}

/// A candidate on a line of its own that goes on in the next.
struct Wrapped {
    encoding: Encoding,
    text: Vec<u8>,
    line: u64,
    /// Characters of the first line: the others have as many, the last has fewer.
    width: usize,
    /// Characters in all.
    expected: usize,
}

impl Wrapped {
    fn goes_on(&self, line: &[u8]) -> bool {
        let another = line.len() >= LONG_FIELD && Encoding::of(line).is_some();
        (1..=self.width).contains(&line.len()) && !another && line.iter().all(|octet| self.encoding.has(*octet))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Base64,
    Hexadecimal,
}

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();
/// Shorter fields hold no certificate, and no line of one.
const MIN_FIELD: usize = 40;
/// From here on a field that begins as a certificate is one, or damaged.
const LONG_FIELD: usize = 100;
/// How many damaged fields before the first certificate are remembered.
const MAX_SUSPECTS: usize = 1000;

type Find<'f> = dyn FnMut(Found) -> Result<(), Fault> + 'f;

impl Columns {
    fn new(limit: usize) -> Self {
        Self { limit, certificates: Vec::new(), suspects: Vec::new(), wrapped: None }
    }

    fn line(&mut self, text: &[u8], number: u64, find: &mut Find<'_>) -> Result<(), Fault> {
        let text = text.trim_ascii();
        if let Some(wrapped) = &mut self.wrapped {
            if wrapped.goes_on(text) {
                wrapped.text.extend_from_slice(text);
                if wrapped.text.len() < wrapped.expected {
                    return Ok(());
                }
                return self.finish(find);
            }
            self.finish(find)?;
        }
        if text.len() < MIN_FIELD {
            return Ok(());
        }
        let mut column = 0;
        for field in text.split_inclusive(|octet| is_separator(*octet)) {
            let (field, separator) = match field.split_last() {
                Some((last, field)) if is_separator(*last) => (field, Some(*last)),
                _ => (field, None),
            };
            self.field(field, column, field.len() == text.len(), number, find)?;
            if separator.is_some_and(|separator| matches!(separator, b',' | b';' | b'\t' | b'|')) {
                column += 1;
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &[u8],
        column: usize,
        alone: bool,
        number: u64,
        find: &mut Find<'_>,
    ) -> Result<(), Fault> {
        // As databases and programs write hexadecimal.
        let prefixes = [&b"0x"[..], b"0X", b"\\x"];
        let field = prefixes.iter().find_map(|prefix| field.strip_prefix(*prefix)).unwrap_or(field);
        let Some(encoding) = Encoding::of(field) else {
            return self.no_certificate(field, column, number, find);
        };
        let header = encoding.decode(&field[..24]).ok().and_then(|header| element_length(&header));
        let expected = header.map_or(0, |length| encoding.characters(length));
        if expected > encoding.characters(self.limit) || field.len() > encoding.characters(self.limit) {
            return find(oversized(number, self.limit));
        }
        if alone && field.len() < expected && !field.contains(&b':') {
            self.wrapped = Some(Wrapped { encoding, width: field.len(), text: field.to_vec(), line: number, expected });
            return Ok(());
        }
        match encoding.decode(field) {
            Ok(der) if begins_like_a_certificate(&der) => {
                find(Found::Candidate(der))?;
                self.confirm(column, find)
            }
            Ok(_) => self.no_certificate(field, column, number, find),
            Err(problem) => find(encoding.damaged(number, &problem)),
        }
    }

    /// A field that nothing begins in.
    fn no_certificate(&mut self, field: &[u8], column: usize, number: u64, find: &mut Find<'_>) -> Result<(), Fault> {
        if field.len() < LONG_FIELD {
            return Ok(());
        }
        if self.certificates.contains(&column) {
            return find(no_certificate(column, number));
        }
        if self.suspects.len() < MAX_SUSPECTS && field.iter().all(|octet| Encoding::Base64.has(*octet)) {
            self.suspects.push((column, number));
        }
        Ok(())
    }

    /// This column holds certificates.
    fn confirm(&mut self, column: usize, find: &mut Find<'_>) -> Result<(), Fault> {
        if self.certificates.contains(&column) {
            return Ok(());
        }
        self.certificates.push(column);
        for (_, number) in self.suspects.extract_if(.., |(suspect, _)| *suspect == column) {
            find(no_certificate(column, number))?;
        }
        Ok(())
    }

    /// Ends a candidate over several lines.
    fn finish(&mut self, find: &mut Find<'_>) -> Result<(), Fault> {
        let Some(Wrapped { encoding, text, line, .. }) = self.wrapped.take() else {
            return Ok(());
        };
        match encoding.decode(&text) {
            Ok(der) if begins_like_a_certificate(&der) => {
                find(Found::Candidate(der))?;
                self.confirm(0, find)
            }
            Ok(_) => self.no_certificate(&text, 0, line, find),
            Err(problem) => find(encoding.damaged(line, &problem)),
        }
    }
}

fn is_separator(octet: u8) -> bool {
    matches!(
        octet,
        b',' | b';' | b'\t' | b'|' | b' ' | b'"' | b'\'' | b'<' | b'>' | b'{' | b'}' | b'(' | b')' | b'[' | b']'
    )
}

fn no_certificate(column: usize, line: u64) -> Found {
    let column = column + 1;
    let reason = format!("line {line}, column {column}: no certificate where other lines have one");
    Found::rejected(codes::TEXT_NOT_A_CERTIFICATE, reason)
}

fn oversized(line: u64, limit: usize) -> Found {
    Found::rejected(
        codes::LIMIT_ITEM_BYTES,
        format!("line {line}: a certificate candidate of more than {limit} octets"),
    )
}

impl Encoding {
    /// The encoding in which a field begins as a SEQUENCE of at least 128 octets does: `30 8x`, in base64 `MI`.
    fn of(field: &[u8]) -> Option<Self> {
        let encoding = match field {
            [b'M', b'I', ..] => Self::Base64,
            [b'3', b'0', b'8', ..] | [b'3', b'0', b':', b'8', ..] => Self::Hexadecimal,
            _ => return None,
        };
        let judged = if field.len() < LONG_FIELD { field } else { &field[..32] };
        (field.len() >= MIN_FIELD && judged.iter().all(|octet| encoding.has(*octet))).then_some(encoding)
    }

    fn has(self, octet: u8) -> bool {
        match self {
            Self::Base64 => octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'='),
            Self::Hexadecimal => octet.is_ascii_hexdigit() || octet == b':',
        }
    }

    /// Characters for this many octets, not counting colons.
    fn characters(self, octets: usize) -> usize {
        match self {
            Self::Base64 => octets.div_ceil(3).saturating_mul(4),
            Self::Hexadecimal => octets.saturating_mul(2),
        }
    }

    fn decode(self, text: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Base64 => STANDARD.decode(text).map_err(|error| error.to_string()),
            Self::Hexadecimal if text.contains(&b':') => {
                let digits: Vec<u8> = text.iter().copied().filter(|octet| *octet != b':').collect();
                hex::decode(digits).map_err(|error| error.to_string())
            }
            Self::Hexadecimal => hex::decode(text).map_err(|error| error.to_string()),
        }
    }

    fn damaged(self, line: u64, problem: &str) -> Found {
        let (code, name) = match self {
            Self::Base64 => (codes::TEXT_BASE64, "base64 (RFC 4648 §4)"),
            Self::Hexadecimal => (codes::TEXT_HEXADECIMAL, "hexadecimal"),
        };
        Found::rejected(code, format!("line {line}: begins as a certificate and is not {name}: {problem}"))
    }
}

/// UTF-16 with a byte order mark, as some Windows programs write text. Only ASCII matters in what is looked for.
pub(super) struct Utf16<'f> {
    feed: &'f mut dyn Feed,
    unit: fn([u8; 2]) -> u16,
}

impl<'f> Utf16<'f> {
    /// A text that begins with `mark`.
    pub(super) fn marked(mark: [u8; 2], feed: &'f mut dyn Feed) -> Self {
        let unit = if mark == [0xFE, 0xFF] { u16::from_be_bytes } else { u16::from_le_bytes };
        Self { feed, unit }
    }
}

impl Source for Utf16<'_> {
    fn more(&mut self, into: &mut Vec<u8>) -> Result<(), Fault> {
        let octets = self.feed.need(2)?;
        let (units, odd) = octets.as_chunks::<2>();
        let units = &units[..units.len().min(32 << 10)];
        into.extend(
            units.iter().map(|unit| u8::try_from((self.unit)(*unit)).ok().filter(u8::is_ascii).unwrap_or(b'?')),
        );
        let length = if units.is_empty() { odd.len() } else { units.len() * 2 };
        self.feed.skip(length);
        Ok(())
    }
}
