//! PEM blocks in text (RFC 7468), found line by line wherever they stand.
//!
//! Lax where nothing is at stake: text before, between and after blocks, any line length, blanks, CRLF, and the two
//! characters `\n` where a JSON string carries a block. Strict where something is: labels must match, and the content
//! is base64 with its padding and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::origin::{Code, ItemName};
use crate::x509::form::{self, Form};

use super::codes;
use super::error::ReelError;
use super::fault::Fault;
use super::text::Lines;

/// What a label says a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// `CERTIFICATE`, and the older `X509 CERTIFICATE` and `X.509 CERTIFICATE` (RFC 7468 §5.3).
    Certificate,
    /// `PKCS7` and `CMS` (RFC 7468 §8, §9).
    Pkcs7,
    /// OpenSSL's certificate with trust settings after it: not a certificate's encoding.
    TrustedCertificate,
    /// Anything else.
    Other,
}

impl Label {
    /// Letter case and blanks around a label do not matter: what nearly says CERTIFICATE is not passed over.
    fn of(text: &[u8]) -> Self {
        match text.trim_ascii().to_ascii_uppercase().as_slice() {
            b"CERTIFICATE" | b"X509 CERTIFICATE" | b"X.509 CERTIFICATE" => Self::Certificate,
            b"PKCS7" | b"CMS" => Self::Pkcs7,
            b"TRUSTED CERTIFICATE" => Self::TrustedCertificate,
            _ => Self::Other,
        }
    }
}

/// What the scanner sees.
#[derive(Debug)]
pub(super) enum Seen<'s> {
    /// A block, from its BEGIN to its END or to what came instead.
    Block {
        /// Its kind.
        label: Label,
        /// Its label as it is there, to be escaped.
        text: &'s [u8],
        /// Its decoded content, or why there is none.
        content: Result<Vec<u8>, (Code, String)>,
    },
    /// Text outside of blocks, never holding a line's end.
    Text(&'s [u8]),
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// Longer labels are not labels: the longest in use have 30 characters.
const MAX_LABEL: usize = 64;

/// Finds blocks in lines that are handed to it one after the other.
pub(super) struct Scanner {
    open: Option<Open>,
    /// A message signed in clear text is not a block: what is signed is in it as it is (RFC 9580 §7).
    clear_text: bool,
    /// Characters of base64 that one block may have.
    limit: usize,
}

struct Open {
    label: Vec<u8>,
    body: Vec<u8>,
    line: u64,
    overlong: bool,
}

impl Scanner {
    /// For blocks whose content has at most `bytes` bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { open: None, clear_text: false, limit: bytes.div_ceil(3).saturating_mul(4) }
    }

    /// Reads what a message signed in clear text holds as if it were not signed.
    pub(super) fn with_clear_text(self) -> Self {
        Self { clear_text: true, ..self }
    }

    /// Takes the next line, without its end; `number` counts from 1.
    pub(super) fn line(
        &mut self,
        mut rest: &[u8],
        number: u64,
        see: &mut dyn FnMut(Seen<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        loop {
            // A line without dashes is the common case, inside and outside of blocks.
            let boundary = if rest.contains(&b'-') { boundary(rest, self.open.is_some()) } else { None };
            let (before, found) = match boundary {
                Some(boundary) => (&rest[..boundary.start], Some(boundary)),
                None => (rest, None),
            };
            match &mut self.open {
                // a line of a signed message that begins with a dash has "- " put before it (RFC 9580 §7.1)
                Some(_) if self.clear_text && before == b"- " => {}
                Some(open) => open.add(before, self.limit),
                None => see(Seen::Text(before))?,
            }
            let Some(Boundary { begins, label, end, .. }) = found else {
                return Ok(());
            };
            rest = &rest[end..];
            let closed = self.open.take();
            if begins {
                if let Some(open) = closed {
                    open.unterminated(see)?;
                }
                if self.clear_text && label == b"PGP SIGNED MESSAGE" {
                    continue;
                }
                self.open = Some(Open { label: label.to_vec(), body: Vec::new(), line: number, overlong: false });
            } else if let Some(open) = closed {
                open.close(label, see)?;
            }
        }
    }

    /// The text has ended.
    pub(super) fn finish(mut self, see: &mut dyn FnMut(Seen<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        self.open.take().map_or(Ok(()), |open| open.unterminated(see))
    }
}

struct Boundary<'l> {
    begins: bool,
    start: usize,
    label: &'l [u8],
    end: usize,
}

/// The first BEGIN in a line, or END where a block is open.
fn boundary(line: &[u8], inside: bool) -> Option<Boundary<'_>> {
    let mut from = 0;
    while let Some(dash) = find(&line[from..], DASHES) {
        let start = from + dash;
        let here = &line[start..];
        let (begins, keyword) = match here {
            _ if here.starts_with(BEGIN) => (true, BEGIN.len()),
            _ if inside && here.starts_with(END) => (false, END.len()),
            _ => {
                from = start + 1;
                continue;
            }
        };
        let label = &here[keyword..];
        match find(&label[..label.len().min(MAX_LABEL + DASHES.len())], DASHES) {
            Some(length) => {
                let end = start + keyword + length + DASHES.len();
                return Some(Boundary { begins, start, label: &label[..length], end });
            }
            None => from = start + 1,
        }
    }
    None
}

/// The first place of `what` in `line`.
pub(super) fn find(line: &[u8], what: &[u8]) -> Option<usize> {
    line.windows(what.len()).position(|window| window == what)
}

impl Open {
    fn add(&mut self, text: &[u8], limit: usize) {
        let mut bytes = text.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            if byte == b'\\' && matches!(bytes.peek(), Some(b'n' | b'r')) {
                bytes.next();
            } else if !byte.is_ascii_whitespace() {
                if self.body.len() == limit {
                    self.overlong = true;
                    return;
                }
                self.body.push(byte);
            }
        }
    }

    /// A block that ends as a certificate is meant to be one, however it begins.
    fn close(self, end: &[u8], see: &mut dyn FnMut(Seen<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        let content = if self.label != end {
            let (begin, end) = (ItemName::input(&self.label), ItemName::input(end));
            let line = self.line;
            Err((codes::PEM_LABEL_MISMATCH, format!("the block that begins as {begin} in line {line} ends as {end}")))
        } else if self.overlong {
            let most = "more base64 than one item may have";
            Err((codes::LIMIT_ITEM_BYTES, format!("the block that begins in line {} has {most}", self.line)))
        } else {
            STANDARD.decode(&self.body).map_err(|error| {
                let line = self.line;
                (
                    codes::PEM_BASE64,
                    format!("the content of the block that begins in line {line} is not base64: {error}"),
                )
            })
        };
        let label = match Label::of(&self.label) {
            Label::Other => Label::of(end),
            label => label,
        };
        see(Seen::Block { label, text: &self.label, content })
    }

    fn unterminated(self, see: &mut dyn FnMut(Seen<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        let reason = format!("the block that begins in line {} has no end", self.line);
        let content = Err((codes::PEM_UNTERMINATED, reason));
        see(Seen::Block { label: Label::of(&self.label), text: &self.label, content })
    }
}

/// Reads the certificates of a configuration file (anchors, CA certificates): one certificate in DER, or one or
/// several PEM blocks CERTIFICATE with any text around them. Stricter than the reading of archives: a block of another
/// kind, and anything unreadable, is an error. What the bytes hold is for the caller to parse.
///
/// # Errors
/// [`ReelError::Configuration`]: none, not readable, or not only certificates.
pub fn certificates_in_pem(bytes: &[u8]) -> Result<Vec<Vec<u8>>, ReelError> {
    let refuse = |problem: String| Err(ReelError::Configuration { problem });
    let unmarked = form::unmarked(bytes);
    let (content, bytes) = (bytes, &*unmarked);
    if find(bytes, BEGIN).is_none() {
        if let Some(form) = Form::of(content).filter(|form| *form != Form::Certificate) {
            return refuse(format!("the file is {form}"));
        }
        let mut reader = crate::x509::tlv::Reader::new(bytes);
        let der = reader.expect(crate::x509::tlv::tag::SEQUENCE, "the certificate");
        return match der.and_then(|_| reader.finish("the certificate")) {
            Ok(()) => Ok(vec![bytes.to_vec()]),
            Err(error) => refuse(format!("no PEM block found, and as DER {error}")),
        };
    }
    let mut certificates = Vec::new();
    let mut problem = None;
    let mut scanner = Scanner::new(super::Limits::ITEM_BYTES);
    let mut see = |seen: Seen<'_>| {
        if let Seen::Block { label, text, content } = seen {
            match (label, content) {
                (_, Err((_, reason))) => _ = problem.get_or_insert(reason),
                (Label::Certificate, Ok(der)) => certificates.push(der),
                (_, Ok(_)) => _ = problem.get_or_insert(format!("a block {} found", ItemName::input(text))),
            }
        }
        Ok(())
    };
    let mut feed = bytes;
    let mut lines = Lines::new(&mut feed, usize::MAX);
    while lines.next().expect("bytes in memory can be read") {
        scanner.line(&lines.line, lines.number, &mut see).expect("the closure above never fails");
    }
    scanner.finish(&mut see).expect("the closure above never fails");
    match problem {
        Some(problem) => refuse(problem),
        None if certificates.is_empty() => refuse("no complete PEM block found".into()),
        None => Ok(certificates),
    }
}
