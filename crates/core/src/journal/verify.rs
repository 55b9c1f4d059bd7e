//! Verifies a log: every line, the chain through all files, the seal of every closed file.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::crypto::sha256;
use crate::durable::DurableError;
use crate::input;
use crate::manifest::{ManifestAnchor, SignedManifest, open_bytes, seal};
use crate::origin::Code;
use crate::text::Printable;
use crate::x509::Time;

use super::event::{Event, Head};
use super::files::{LogFile, Part, list};
use super::{MAX_FILE, MAX_LINE};

/// What a log showed.
#[derive(Clone, Debug)]
pub struct JournalReport {
    /// Files.
    pub files: u64,
    /// Lines that are events.
    pub events: u64,
    /// When the first event was written.
    pub from: Option<Time>,
    /// When the last one was.
    pub to: Option<Time>,
    /// The end of the last file whose seal verified.
    pub sealed: Option<Head>,
    /// The end of the log.
    pub head: Head,
    /// Whether the head that was noted elsewhere was met.
    pub noted: Option<Head>,
    /// What does not hold, at most 1,000 of them.
    pub faults: Vec<JournalFault>,
    /// Faults beyond those listed.
    pub more_faults: u64,
}

impl JournalReport {
    /// Returns whether everything holds.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, fault: JournalFault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct JournalFault {
    /// The stable code.
    pub code: Code,
    /// The name of the file.
    pub file: String,
    /// The line, from 1; none where it is about a whole file.
    pub line: Option<u64>,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for JournalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable::new(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}, expected {}", Printable::new(&self.found), Printable::new(&self.expected))
    }
}

/// Verifies the log in a folder.
///
/// `anchors` certify the manifest signers whose seals close the files. `after` is the end of what was archived elsewhere:
/// the log begins with the event after it, and with the first event without it. `noted` is a head that was written down
/// elsewhere: the log must have that event, and what follows it may be more.
///
/// # Errors
/// A file cannot be read. What does not hold is in the report.
pub fn verify(
    folder: &Path,
    anchors: &[ManifestAnchor],
    after: Option<Head>,
    noted: Option<Head>,
) -> Result<JournalReport, DurableError> {
    let files = list(folder)?;
    let head = after.unwrap_or(Head::EMPTY);
    let mut report = JournalReport {
        files: files.len() as u64,
        events: 0,
        from: None,
        to: None,
        sealed: None,
        head,
        noted: noted.filter(|noted| *noted == head),
        faults: Vec::new(),
        more_faults: 0,
    };
    let mut before: Option<&Part> = None;
    for (at, file) in files.iter().enumerate() {
        number(before, &file.part, &mut report);
        let closed = at + 1 < files.len();
        let whole = lines(file, closed, noted, &mut report)?;
        sealed(file, closed, whole, anchors, &mut report)?;
        before = Some(&file.part);
    }
    if let (Some(noted), None) = (noted, report.noted) {
        let last = files.last().map_or_else(String::new, |file| file.part.to_string());
        let found = if noted.seq > report.head.seq {
            format!("the log ends with event {}", report.head.seq)
        } else {
            format!("event {} has another digest", noted.seq)
        };
        report.fault(JournalFault { code: code::HEAD, file: last, line: None, found, expected: noted.to_string() });
    }
    Ok(report)
}

/// The files of a day are numbered without a gap. A day that is missing whole is seen by the chain.
fn number(before: Option<&Part>, part: &Part, report: &mut JournalReport) {
    let expected = match before {
        Some(before) if before.day == part.day => before.number.saturating_add(1),
        _ => 1,
    };
    if part.number != expected {
        report.fault(JournalFault {
            code: code::FILE,
            file: part.to_string(),
            line: None,
            found: format!("it is file {} of its day", part.number),
            expected: format!("file {expected}"),
        });
    }
}

/// Reads every line of one file. Returns its bytes for the seal, unless it is the open one.
fn lines(
    file: &LogFile,
    closed: bool,
    noted: Option<Head>,
    report: &mut JournalReport,
) -> Result<Option<Vec<u8>>, DurableError> {
    let failed = |source| DurableError::Io { doing: "read", path: file.path.clone(), source };
    let name = file.part.to_string();
    let mut input = BufReader::new(input::open(&file.path).map_err(failed)?);
    // a seal is over the bytes of the whole file, whose size the writer bounds
    let keep = closed || file.seal().exists();
    let mut whole = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        (&mut input).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line).map_err(failed)?;
        if line.is_empty() {
            break;
        }
        if keep && whole.len() as u64 <= LONGEST_FILE {
            whole.extend_from_slice(&line);
        }
        let fault = |code, found: String, expected: String| JournalFault {
            code,
            file: name.clone(),
            line: Some(number),
            found,
            expected,
        };
        let Some(content) = line.strip_suffix(b"\n") else {
            let long = line.len() > MAX_LINE;
            let found = if long { "it is longer" } else { "it has no newline: it was cut off" };
            let expected = format!("an event of at most {MAX_LINE} bytes and a newline");
            report.fault(fault(code::LINE, found.to_owned(), expected));
            if long {
                // what follows is no line of its own
                return Ok(keep.then_some(whole));
            }
            break;
        };
        let expected = Head { seq: report.head.seq + 1, digest: report.head.digest };
        match Event::parse(content) {
            Err(what) => {
                report.fault(fault(code::LINE, what, format!("an event of the format {}", Event::FORMAT)));
                report.head = Head::of(expected.seq, content);
            }
            Ok(event) => {
                if event.seq != expected.seq {
                    let missing =
                        event.seq.checked_sub(expected.seq).map(|count| format!(": {count} missing before it"));
                    let found = format!("it is event {}{}", event.seq, missing.unwrap_or_default());
                    report.fault(fault(code::SEQUENCE, found, format!("event {}", expected.seq)));
                } else if event.prev != expected.digest {
                    let expected = format!("{}, the digest of the line before it", expected.digest);
                    report.fault(fault(code::CHAIN, format!("`prev` is {}", event.prev), expected));
                }
                report.events += 1;
                report.from = report.from.or(Some(event.time));
                report.to = Some(event.time);
                report.head = Head::of(event.seq, content);
            }
        }
        if noted == Some(report.head) {
            report.noted = noted;
        }
    }
    Ok(keep.then_some(whole))
}

/// A closed file has its seal, made over all of its bytes.
fn sealed(
    file: &LogFile,
    closed: bool,
    whole: Option<Vec<u8>>,
    anchors: &[ManifestAnchor],
    report: &mut JournalReport,
) -> Result<(), DurableError> {
    let path = file.seal();
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let fault = |code, found, expected: &str| JournalFault {
        code,
        file: name.clone(),
        line: None,
        found,
        expected: expected.to_owned(),
    };
    let Some(whole) = whole else { return Ok(()) };
    if !path.exists() {
        if closed {
            let expected = "a seal by the manifest key: only the last file is open";
            report.fault(fault(code::SEAL_MISSING, "it does not exist".to_owned(), expected));
        }
        return Ok(());
    }
    let failed = |source| DurableError::Io { doing: "read", path: path.clone(), source };
    let mut bytes = Vec::new();
    let limit = SignedManifest::MAX_SEAL_BYTES as u64 + 1;
    input::open(&path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    let opened = seal::certificate_in(&bytes).and_then(|signer| open_bytes(&whole, &bytes, &signer, anchors));
    match opened {
        Ok(_) => report.sealed = Some(report.head),
        Err(error) => {
            let expected = format!("a seal over {} ({} bytes, SHA-256 {})", file.part, whole.len(), sha256(&whole));
            report.fault(fault(code::SEAL, error.to_string(), &expected));
        }
    }
    Ok(())
}

/// Faults that are listed; more are only counted.
const MAX_FAULTS: usize = 1_000;

/// What the writer may add to a file above its limit: one line.
const LONGEST_FILE: u64 = MAX_FILE + MAX_LINE as u64 + 1;

/// Codes of what a log can show.
pub mod code {
    codes! {
        pub const;
        CHAIN = "journal.chain", "A line does not have the digest of the line before it.";
        FILE = "journal.file", "A file of a day is missing.";
        HEAD = "journal.head", "The log does not have the event that was noted elsewhere.";
        LINE = "journal.line", "A line is not an event in its one spelling.";
        SEAL = "journal.seal", "The seal of a closed file failed verification.";
        SEAL_MISSING = "journal.seal-missing", "A closed file has no seal.";
        SEQUENCE = "journal.sequence", "The number of an event does not follow from the one before it.";
    }
}
pub use code::CODES;
