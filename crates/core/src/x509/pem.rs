//! PEM of configuration files: keys and certificates in RFC 7468's textual encoding, strictly.
//!
//! Text before, between and after blocks is skipped, as `openssl x509 -text` writes it; inside a block only base64
//! lines are read. Lines may end in CR LF and in blanks; a byte order mark in front is skipped, and text in UTF-16 with
//! such a mark is decoded. Reading the files of a reel, where every oddity is a finding, is
//! [`reel`](crate::reel)'s work.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::form::{self, Form};

/// One block: its label and the bytes inside. They may be a key, so they are wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct PemBlock {
    /// The words between `BEGIN` and the dashes, such as `CERTIFICATE`.
    pub label: String,
    /// The decoded bytes.
    pub der: Zeroizing<Vec<u8>>,
}

/// Says the label and the length, never the content.
impl std::fmt::Debug for PemBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PemBlock({}, {} bytes)", self.label, self.der.len())
    }
}

/// Reads all blocks of a file, at least one.
///
/// # Errors
/// No block at all, a block without its end or with another end, header lines inside a block (the old encrypted form),
/// or base64 that is not canonical.
pub fn read(text: &[u8]) -> Result<Vec<PemBlock>, PemError> {
    let content = text;
    let unmarked = form::unmarked(text);
    let text = unmarked.strip_suffix(b"\n").unwrap_or(&unmarked);
    let mut blocks = Vec::new();
    let mut open: Option<(String, usize, Zeroizing<Vec<u8>>)> = None;
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii_end();
        let boundary = line.starts_with(b"-----BEGIN") || line.starts_with(b"-----END");
        open = match open {
            None if !boundary => None,
            None => match label(line, b"-----BEGIN ") {
                // one allocation for the whole body, so that growing leaves no copies behind
                Some(label) => Some((label, number, Zeroizing::new(Vec::with_capacity(text.len())))),
                None => return Err(PemError::Boundary { line: number }),
            },
            Some((label, begin, body)) if boundary => {
                close(line, number, &label, begin)?;
                blocks.push(PemBlock { der: decode(&body, &label, begin)?, label });
                None
            }
            Some((label, _, _)) if line.contains(&b':') => return Err(PemError::Header { label, line: number }),
            Some((label, _, _)) if line.is_empty() => return Err(PemError::Base64 { label, line: number }),
            Some((label, begin, mut body)) => {
                body.extend_from_slice(line);
                Some((label, begin, body))
            }
        };
    }
    match open {
        Some((label, line, _)) => Err(PemError::Unclosed { label, line }),
        None if blocks.is_empty() => match Form::of(content) {
            Some(form) => Err(PemError::Form { form }),
            None => Err(PemError::NoBlock),
        },
        None => Ok(blocks),
    }
}

/// Writes one block as RFC 7468 §2 wants it: lines of 64 characters, each ended by LF.
pub fn write(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

fn label(line: &[u8], prefix: &[u8]) -> Option<String> {
    let label = line.strip_prefix(prefix)?.strip_suffix(b"-----")?;
    // RFC 7468 §3: labelchar is printable ASCII without the hyphen, which may only separate
    let fits = !label.is_empty() && label.iter().all(|byte| matches!(byte, b' '..=b'~'));
    fits.then(|| label.iter().map(|byte| char::from(*byte)).collect())
}

fn close(line: &[u8], number: usize, expected: &str, begin: usize) -> Result<(), PemError> {
    if line.starts_with(b"-----BEGIN") {
        return Err(PemError::Unclosed { label: expected.to_owned(), line: begin });
    }
    match label(line, b"-----END ") {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(PemError::EndLabel { expected: expected.to_owned(), found, line: number }),
        None => Err(PemError::Boundary { line: number }),
    }
}

fn decode(body: &[u8], label: &str, line: usize) -> Result<Zeroizing<Vec<u8>>, PemError> {
    match STANDARD.decode(body) {
        Ok(der) if !der.is_empty() => Ok(Zeroizing::new(der)),
        _ => Err(PemError::Base64 { label: label.to_owned(), line }),
    }
}

/// Why a file is not PEM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// The body is empty or not base64.
    #[error("PEM block `{label}` at line {line} is not base64 in the one canonical form (RFC 7468 §3)")]
    Base64 {
        /// The block's label.
        label: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// A BEGIN or END line that is not one, or an END without BEGIN.
    #[error("line {line} is a broken PEM boundary, expected for example `-----BEGIN CERTIFICATE-----` (RFC 7468 §3)")]
    Boundary {
        /// The line, counted from 1.
        line: usize,
    },
    /// END with another label.
    #[error("PEM block ends as `{found}` in line {line}, expected `{expected}` (RFC 7468 §2)")]
    EndLabel {
        /// The label after BEGIN.
        expected: String,
        /// The label after END.
        found: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// Something else that is known.
    #[error("the file is {form}, expected PEM, which begins `-----BEGIN ...-----` (RFC 7468 §2)")]
    Form {
        /// What it is.
        form: Form,
    },
    /// `Proc-Type:` and the like, which RFC 7468 does not have.
    #[error("PEM block `{label}` has a header in line {line}, expected only base64 (RFC 7468 §2)")]
    Header {
        /// The block's label.
        label: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// Nothing that begins.
    #[error("no PEM block found, expected `-----BEGIN ...-----` (RFC 7468 §2)")]
    NoBlock,
    /// A block that does not end.
    #[error("PEM block `{label}` begins in line {line} and does not end (RFC 7468 §2)")]
    Unclosed {
        /// The block's label.
        label: String,
        /// The line where it begins, counted from 1.
        line: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Result<Vec<(String, Vec<u8>)>, PemError> {
        Ok(read(text.as_bytes())?.into_iter().map(|block| (block.label, block.der.to_vec())).collect())
    }

    #[test]
    fn blocks_are_read_with_text_around_them_and_either_line_end() {
        let text = "Subject: x\n-----BEGIN A-----\nAAEC\n-----END A-----\r\nmore\n-----BEGIN B C-----\r\nAwQF  \r\nBg==\r\n-----END B C-----";
        assert_eq!(labels(text), Ok(vec![("A".to_owned(), vec![0, 1, 2]), ("B C".to_owned(), vec![3, 4, 5, 6])]));
    }

    #[test]
    fn what_is_written_reads_back_in_lines_of_64() {
        for length in [1, 47, 48, 49, 96, 500] {
            let der: Vec<u8> = (0..length).map(|n: usize| u8::try_from(n % 251).unwrap()).collect();
            let text = write("CERTIFICATE", &der);
            assert!(text.lines().all(|line| line.len() <= 64));
            assert_eq!(labels(&text), Ok(vec![("CERTIFICATE".to_owned(), der)]));
        }
    }

    #[test]
    fn broken_blocks_are_refused_by_name() {
        let a = || "A".to_owned();
        for (text, error) in [
            ("", PemError::Form { form: Form::Empty }),
            ("AAEC\n", PemError::NoBlock),
            ("-----BEGIN A-----\nAAEC\n", PemError::Unclosed { label: a(), line: 1 }),
            ("-----BEGIN A-----\nAAEC\n-----BEGIN A-----\n", PemError::Unclosed { label: a(), line: 1 }),
            (
                "-----BEGIN A-----\nAAEC\n-----END B-----",
                PemError::EndLabel { expected: a(), found: "B".to_owned(), line: 3 },
            ),
            ("-----BEGIN A----\nAAEC\n-----END A-----", PemError::Boundary { line: 1 }),
            ("-----END A-----", PemError::Boundary { line: 1 }),
            ("-----BEGIN A\u{e9}-----\nAAEC", PemError::Boundary { line: 1 }),
            (
                "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAEC\n-----END A-----",
                PemError::Header { label: a(), line: 2 },
            ),
            ("-----BEGIN A-----\n\nAAEC\n-----END A-----", PemError::Base64 { label: a(), line: 2 }),
            ("-----BEGIN A-----\n-----END A-----", PemError::Base64 { label: a(), line: 1 }),
            ("-----BEGIN A-----\nAAE\n-----END A-----", PemError::Base64 { label: a(), line: 1 }),
            ("-----BEGIN A-----\nAB==\n-----END A-----", PemError::Base64 { label: a(), line: 1 }),
            ("-----BEGIN A-----\nA*EC\n-----END A-----", PemError::Base64 { label: a(), line: 1 }),
        ] {
            assert_eq!(labels(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_block_does_not_print_its_content() {
        let block = PemBlock { label: "PRIVATE KEY".to_owned(), der: Zeroizing::new(vec![0xAB; 3]) };
        assert_eq!(format!("{block:?}"), "PemBlock(PRIVATE KEY, 3 bytes)");
    }
}
