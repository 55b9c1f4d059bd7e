//! Certificates in lines and columns: base64 and hexadecimal, in any field of a table, or over several lines.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::codes;
use super::der::{begins_like_a_certificate, element_length};
use super::edition::Edition;
use super::fault::Fault;
use super::item_sink::Found;
use super::pkcs7;
use super::unread;

/// Fields that carry certificates in base64 or hexadecimal, in any column of a line.
///
/// A field is a candidate when it begins as a certificate does in its encoding. Once a column has held a certificate,
/// a long field there that is not one is a rejection: a damaged certificate is not taken for a remark.
pub(super) struct Columns {
    limit: usize,
    edition: Edition,
    certificates: Vec<usize>,
    /// Column and line of long fields that would be damaged certificates if their column holds certificates.
    suspects: Vec<(usize, u64)>,
    wrapped: Option<Wrapped>,
}

/// A candidate that goes on in the next line: on a line of its own, or at the end of one, behind a tag or a name.
struct Wrapped {
    edition: Edition,
    encoding: Encoding,
    text: Vec<u8>,
    column: usize,
    line: u64,
    /// Characters of the first line: the others have as many, the last has fewer. What begins behind a tag has none.
    width: Option<usize>,
    /// Characters in all.
    expected: usize,
}

impl Wrapped {
    /// How much of a line goes on with it; where the line ends otherwise, only a closing tag or quote may follow what
    /// completes it.
    fn goes_on(&self, line: &[u8]) -> usize {
        let another = line.len() >= LONG_FIELD && Encoding::of(line).is_some();
        let length = line.iter().position(|byte| !self.encoding.has(*byte)).unwrap_or(line.len());
        let closes = self.edition > Edition::First
            && matches!(line.get(length), Some(b'<' | b'"' | b'\''))
            && self.text.len() + length >= self.expected;
        let fits = (1..=self.width.unwrap_or(MAX_WIDTH)).contains(&length);
        if fits && !another && (length == line.len() || closes) { length } else { 0 }
    }
}

/// Where a field ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With its line, and it began with it.
    Alone,
    /// With its line.
    Line,
    /// Before a separator.
    Separator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Base64,
    Hexadecimal,
}

/// Shorter fields hold no certificate, and no line of one.
const MIN_FIELD: usize = 40;
/// From here on a field that begins as a certificate is one, or damaged.
const LONG_FIELD: usize = 100;
/// Lines of a wrapped field have 76 characters at most in every format that wraps; some room above that.
const MAX_WIDTH: usize = 128;
/// Longer names of a field are none.
const MAX_NAME: usize = 64;
/// How many damaged fields before the first certificate are remembered.
const MAX_SUSPECTS: usize = 1000;

type Find<'f> = dyn FnMut(Found) -> Result<(), Fault> + 'f;

impl Columns {
    pub(super) fn new(limit: usize, edition: Edition) -> Self {
        Self { limit, edition, certificates: Vec::new(), suspects: Vec::new(), wrapped: None }
    }

    /// Whether a candidate has started that goes on in the next line.
    pub(super) fn is_inside(&self) -> bool {
        self.wrapped.is_some()
    }

    pub(super) fn line(&mut self, text: &[u8], number: u64, find: &mut Find<'_>) -> Result<(), Fault> {
        let text = text.trim_ascii();
        if let Some(wrapped) = &mut self.wrapped {
            let length = wrapped.goes_on(text);
            wrapped.text.extend_from_slice(&text[..length]);
            if length > 0 && wrapped.text.len() < wrapped.expected {
                return Ok(());
            }
            self.finish(find)?;
            if length > 0 {
                return if length == text.len() { Ok(()) } else { self.line(&text[length..], number, find) };
            }
        }
        if text.len() < MIN_FIELD {
            return Ok(());
        }
        let mut column = 0;
        for field in text.split_inclusive(|byte| is_separator(*byte)) {
            let (field, separator) = match field.split_last() {
                Some((last, field)) if is_separator(*last) => (field, Some(*last)),
                _ => (field, None),
            };
            let end = match separator {
                Some(_) => End::Separator,
                None if field.len() == text.len() => End::Alone,
                None => End::Line,
            };
            self.field(field, column, end, number, find)?;
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
        mut end: End,
        number: u64,
        find: &mut Find<'_>,
    ) -> Result<(), Fault> {
        // As databases and programs write hexadecimal.
        let prefixes = [&b"0x"[..], b"0X", b"\\x"];
        let mut field = prefixes.iter().find_map(|prefix| field.strip_prefix(*prefix)).unwrap_or(field);
        if self.edition > Edition::First {
            let value = without_name(field);
            if value.len() < field.len() && end == End::Alone {
                end = End::Line;
            }
            field = value;
            if let Some(der) = respelled(field).filter(|der| self.is_read(der)) {
                find(Found::Candidate(der))?;
                return self.confirm(column, find);
            }
        }
        let Some(encoding) = Encoding::of(field) else {
            return self.no_certificate(field, column, number, find);
        };
        let header = encoding.decode(&field[..24]).ok().and_then(|header| element_length(&header));
        let expected = header.map_or(0, |length| encoding.characters(length));
        if expected > encoding.characters(self.limit) || field.len() > encoding.characters(self.limit) {
            return find(oversized(number, self.limit));
        }
        let width = match end {
            End::Alone => Some(Some(field.len())),
            End::Line if self.edition > Edition::First && field.iter().all(|byte| encoding.has(*byte)) => Some(None),
            End::Line | End::Separator => None,
        };
        if let Some(width) = width.filter(|_| field.len() < expected && !field.contains(&b':')) {
            let edition = self.edition;
            self.wrapped =
                Some(Wrapped { edition, encoding, width, text: field.to_vec(), column, line: number, expected });
            return Ok(());
        }
        match encoding.decode(field) {
            Ok(der) if self.is_read(&der) => {
                find(Found::Candidate(der))?;
                self.confirm(column, find)
            }
            Ok(_) => self.no_certificate(field, column, number, find),
            Err(problem) => find(encoding.damaged(number, &problem)),
        }
    }

    /// Whether something decoded is a certificate, a bundle or a container, and no key or the like.
    fn is_read(&self, der: &[u8]) -> bool {
        let second = self.edition > Edition::First;
        begins_like_a_certificate(der)
            || second && (pkcs7::begins_like_signed_data(der) || unread::of_sequence(der).is_some())
    }

    /// A field that nothing begins in.
    fn no_certificate(&mut self, field: &[u8], column: usize, number: u64, find: &mut Find<'_>) -> Result<(), Fault> {
        if field.len() < LONG_FIELD {
            return Ok(());
        }
        if self.certificates.contains(&column) {
            return find(no_certificate(column, number));
        }
        if self.suspects.len() < MAX_SUSPECTS && field.iter().all(|byte| Encoding::Base64.has(*byte)) {
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
    pub(super) fn finish(&mut self, find: &mut Find<'_>) -> Result<(), Fault> {
        let Some(Wrapped { encoding, text, column, line, .. }) = self.wrapped.take() else {
            return Ok(());
        };
        match encoding.decode(&text) {
            Ok(der) if self.is_read(&der) => {
                find(Found::Candidate(der))?;
                self.confirm(column, find)
            }
            Ok(_) => self.no_certificate(&text, column, line, find),
            Err(problem) => find(encoding.damaged(line, &problem)),
        }
    }
}

/// A field without the name that is before it: `cert=MII...`, `der:3082...`.
fn without_name(field: &[u8]) -> &[u8] {
    let from = |at: usize| {
        let value = &field[at + 1..];
        Encoding::of(value).map(|_| value)
    };
    // padding is at the end, and a name is short
    let borders = field.iter().take(MAX_NAME).enumerate().filter(|(_, byte)| matches!(byte, b'=' | b':'));
    if Encoding::of(field).is_some() { field } else { borders.map(|(at, _)| at).find_map(from).unwrap_or(field) }
}

/// Base64 as JSON writers spell it, with escapes (RFC 8259 §7), and base64url (RFC 4648 §5). None if it is neither, or
/// the ordinary alphabet alone.
fn respelled(field: &[u8]) -> Option<Vec<u8>> {
    let special = |byte: &u8| matches!(byte, b'\\' | b'-' | b'_');
    if !field.starts_with(b"MI") || field.len() < MIN_FIELD || !field.iter().any(special) {
        return None;
    }
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'-', _) => plain.push(b'+'),
            (b'_', _) => plain.push(b'/'),
            (b'\\', [b'/', after @ ..]) => {
                plain.push(b'/');
                rest = after;
            }
            (b'\\', [b'n' | b'r' | b't', after @ ..]) => rest = after,
            (b'\\', [b'u', b'0', b'0', a, b, after @ ..]) => {
                plain.push(u8::from_str_radix(std::str::from_utf8(&[*a, *b]).ok()?, 16).ok()?);
                rest = after;
            }
            (b'\\', _) => return None,
            (byte, _) => plain.push(*byte),
        }
    }
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::STANDARD, config).decode(plain).ok()
}

fn is_separator(byte: u8) -> bool {
    matches!(
        byte,
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
    /// The encoding in which a field begins as a SEQUENCE of at least 128 bytes does: `30 8x`, in base64 `MI`.
    fn of(field: &[u8]) -> Option<Self> {
        let encoding = match field {
            [b'M', b'I', ..] => Self::Base64,
            [b'3', b'0', b'8', ..] | [b'3', b'0', b':', b'8', ..] => Self::Hexadecimal,
            _ => return None,
        };
        let judged = if field.len() < LONG_FIELD { field } else { &field[..32] };
        (field.len() >= MIN_FIELD && judged.iter().all(|byte| encoding.has(*byte))).then_some(encoding)
    }

    fn has(self, byte: u8) -> bool {
        match self {
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Hexadecimal => byte.is_ascii_hexdigit() || byte == b':',
        }
    }

    /// Characters for this many bytes, not counting colons.
    fn characters(self, bytes: usize) -> usize {
        match self {
            Self::Base64 => bytes.div_ceil(3).saturating_mul(4),
            Self::Hexadecimal => bytes.saturating_mul(2),
        }
    }

    fn decode(self, text: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Base64 => STANDARD.decode(text).map_err(|error| error.to_string()),
            Self::Hexadecimal if text.contains(&b':') => {
                let digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b':').collect();
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
