//! The files of a log: their names, and their order.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::durable::DurableError;
use crate::x509::Time;

/// Which file of the log: a day, and its number within the day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// The day on which it was started, such as `2026-11-28`.
    pub day: String,
    /// From 1. A day has a second file when the first one has become large.
    pub number: u16,
}

impl Part {
    /// The first file of the day of this instant.
    pub fn first(at: Time) -> Self {
        Self { day: day(at), number: 1 }
    }

    /// Reads the name of a file.
    fn from_name(name: &str) -> Option<Self> {
        let (day, number) = name.strip_suffix(ENDING)?.split_at_checked(DAY.len())?;
        let digits = day.bytes().zip(DAY.bytes()).all(|(found, shape)| match shape {
            b'-' => found == b'-',
            _ => found.is_ascii_digit(),
        });
        let part = Self { day: day.to_owned(), number: number.strip_prefix('-')?.parse().ok()? };
        (digits && part.number > 0 && part.to_string() == name).then_some(part)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:04}{ENDING}", self.day, self.number)
    }
}

/// The day of an instant, in UTC.
fn day(at: Time) -> String {
    at.to_string()[..DAY.len()].to_owned()
}

/// A file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Which one.
    pub part: Part,
    /// Where it is.
    pub path: PathBuf,
}

impl LogFile {
    /// The file with this name in a folder.
    pub fn new(folder: &Path, part: Part) -> Self {
        let path = folder.join(part.to_string());
        Self { part, path }
    }

    /// Where the seal is, once the file is closed.
    pub fn seal(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".p7s");
        name.into()
    }
}

/// Returns the files of the log in a folder, oldest first. Other files are passed over: seals and what was set aside.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<LogFile>, DurableError> {
    let failed = |source| DurableError::Io { doing: "read", path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if let Some(part) = name.to_str().and_then(Part::from_name) {
            files.push(LogFile::new(folder, part));
        }
    }
    files.sort_by(|one, other| one.part.cmp(&other.part));
    Ok(files)
}

const DAY: &str = "YYYY-MM-DD";
const ENDING: &str = ".jsonl";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_day_and_number() {
        let part = Part::first(Time::from_rfc3339("2026-11-28T23:59:59Z").unwrap());
        assert_eq!(part.to_string(), "2026-11-28-0001.jsonl");
        assert_eq!(Part::from_name("2026-11-28-0001.jsonl"), Some(part));
        for other in [
            "2026-11-28.jsonl",
            "2026-11-28-1.jsonl",
            "2026-11-28-0000.jsonl",
            "2026-11-28-0001.jsonl.p7s",
            "2026-11-2x-0001.jsonl",
            "2026-11-28-+001.jsonl",
            "manifest.jsonl",
            "\u{20ac}\u{20ac}\u{20ac}\u{20ac}-0001.jsonl",
        ] {
            assert_eq!(Part::from_name(other), None, "{other}");
        }
    }
}
