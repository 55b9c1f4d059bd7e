//! The chips that an operator expects in an input, which is the only thing that tells this reel from another one.
//!
//! The list is text: one UID a line in hexadecimal, either case; `#` begins a comment; blank lines, CRLF and a byte
//! order mark are fine. For the family `stsafe-a` a line may give the serial number (22 digits), the ST number (18) or
//! the unique number (14), in any mixture; for `stsafe-l` the serial number (18); for `generic` any serial number.

use std::collections::BTreeMap;

use crate::origin::{Code, Finding, ItemName};

use super::codes;
use super::conflicts::Row;
use super::rules::Family;

/// A list of expected chips, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedList {
    /// Whole UIDs, with the line that names them.
    whole: BTreeMap<Vec<u8>, u64>,
    /// Unique numbers of STSAFE-A chips whose product id is not given.
    unique: BTreeMap<Vec<u8>, u64>,
}

/// How the verified leaves compare with the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Expected, but not among the leaves: as written in the list, with the line, in order of lines.
    pub missing: Vec<(u64, String)>,
    /// Leaves that nobody expected: marks, in UID order.
    pub unexpected: Vec<u64>,
}

/// An expected chip that is not among the leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingChip {
    /// The UID, or the part of it that the list has.
    pub chip: String,
    /// The line of the list that names it, from 1.
    pub line: u64,
}

impl std::fmt::Display for MissingChip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (line {} of the list)", self.chip, self.line)
    }
}

impl ExpectedList {
    /// Reads a list; `file` names it in errors.
    ///
    /// # Errors
    /// The first line that is not a UID in one of the family's forms, or that names a chip again.
    pub fn parse(family: Family, text: &[u8], file: &str) -> Result<Self, ExpectError> {
        let file: String = file.escape_debug().collect();
        let mut list = Self { whole: BTreeMap::new(), unique: BTreeMap::new() };
        let text = text.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(text);
        for (line, content) in (1..).zip(text.split(|octet| *octet == b'\n')) {
            let content = content.split(|octet| *octet == b'#').next().unwrap_or_default().trim_ascii();
            if content.is_empty() {
                continue;
            }
            let bad = |reason: String| ExpectError::Line { file: file.clone(), line, reason };
            let octets = hex::decode(content).map_err(|_| bad(format!("`{}` is not hexadecimal", escape(content))))?;
            let Some(form) = Form::of(family, octets) else {
                return Err(bad(format!("`{}` is not {}", escape(content), Form::expected(family))));
            };
            if let Some(first) = list.insert(form, line) {
                return Err(bad(format!("`{}` names the same chip as line {first}", escape(content))));
            }
        }
        if list.is_empty() {
            return Err(ExpectError::Empty { file });
        }
        Ok(list)
    }

    /// How many chips are expected.
    pub fn len(&self) -> usize {
        self.whole.len() + self.unique.len()
    }

    /// Never true for a list that was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Compares the list with the leaves that [`conflicts`](super::conflicts) has left.
    pub fn compare(&self, rows: &[Row]) -> Expectation {
        let mut outcome = Expectation::default();
        let mut found: Vec<u64> = Vec::with_capacity(self.len());
        for row in rows {
            let uid = row.uid.as_bytes();
            let line = self.whole.get(uid).or_else(|| unique_number(uid).and_then(|unique| self.unique.get(unique)));
            match line {
                Some(line) => found.push(*line),
                None => outcome.unexpected.push(row.mark),
            }
        }
        found.sort_unstable();
        let missing = self.whole.iter().chain(&self.unique).filter(|(_, line)| found.binary_search(line).is_err());
        outcome.missing = missing.map(|(octets, line)| (*line, hex::encode_upper(octets))).collect();
        outcome.missing.sort_unstable();
        outcome
    }

    /// Adds a chip, or returns the line that named it before, in whatever form.
    fn insert(&mut self, form: Form, line: u64) -> Option<u64> {
        match form {
            Form::Whole(uid) => {
                let unique = unique_number(&uid).and_then(|unique| self.unique.get(unique).copied());
                unique.or_else(|| match self.whole.entry(uid) {
                    std::collections::btree_map::Entry::Occupied(entry) => Some(*entry.get()),
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert(line);
                        None
                    }
                })
            }
            Form::Unique(unique) => {
                let mut serial = vec![2, 9];
                serial.extend_from_slice(&unique);
                // the whole UIDs that begin so
                let whole = self.whole.range(serial.clone()..).next().filter(|(uid, _)| uid.starts_with(&serial));
                if let Some((_, first)) = whole {
                    return Some(*first);
                }
                if let Some(first) = self.unique.get(&unique) {
                    return Some(*first);
                }
                self.unique.insert(unique, line);
                None
            }
        }
    }
}

/// The finding for a leaf that is not on the list.
pub fn unexpected(item: ItemName, row: &Row) -> Finding {
    Finding::rejected(item, codes::EXPECT_UNEXPECTED, format!("{} is not on the expected list", row.uid))
        .of(row.uid.to_uid().ok(), Some(row.fingerprint))
}

/// What a line names.
enum Form {
    Whole(Vec<u8>),
    /// An STSAFE-A chip without its product id.
    Unique(Vec<u8>),
}

impl Form {
    fn of(family: Family, octets: Vec<u8>) -> Option<Self> {
        match (family, octets.len()) {
            (Family::StsafeA, 11) if octets.starts_with(&[2, 9]) => Some(Self::Whole(octets)),
            (Family::StsafeA, 9) => Some(Self::Whole([&[2, 9], octets.as_slice()].concat())),
            (Family::StsafeA, 7) => Some(Self::Unique(octets)),
            (Family::StsafeL, 9) | (Family::Generic, 1..=20) => Some(Self::Whole(octets)),
            _ => None,
        }
    }

    const fn expected(family: Family) -> &'static str {
        match family {
            Family::Generic => "a serial number of 1 to 20 octets",
            Family::StsafeA => {
                "a serial number (22 digits beginning 0209), an ST number (18 digits) or a unique number (14 digits)"
            }
            Family::StsafeL => "a serial number of 18 digits",
        }
    }
}

/// The 7 octets between `02 09` and the product id of an STSAFE-A UID.
fn unique_number(uid: &[u8]) -> Option<&[u8]> {
    match uid {
        [2, 9, rest @ ..] if rest.len() == 9 => Some(&rest[..7]),
        _ => None,
    }
}

fn escape(content: &[u8]) -> String {
    content.iter().take(64).flat_map(|octet| std::ascii::escape_default(*octet)).map(char::from).collect()
}

/// Why an expectation cannot be used or is not met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectError {
    /// The number of chips is not the expected one.
    #[error("{found} chips are verified, expected {expected}")]
    Count {
        /// Chips found.
        found: u64,
        /// Chips expected.
        expected: u64,
    },
    /// The list names no chip.
    #[error("{file} names no chip, expected one UID a line")]
    Empty {
        /// The list.
        file: String,
    },
    /// A line that is not understood.
    #[error("{file}, line {line}: {reason}")]
    Line {
        /// The list.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What was found and what was expected.
        reason: String,
    },
}

impl ExpectError {
    /// Compares the number of verified chips with the expected one.
    ///
    /// # Errors
    /// They differ.
    pub fn check_count(found: u64, expected: u64) -> Result<(), Self> {
        if found == expected { Ok(()) } else { Err(Self::Count { found, expected }) }
    }

    /// The stable code, where the input and not the list is at fault.
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Count { .. } => Some(codes::EXPECT_COUNT),
            Self::Empty { .. } | Self::Line { .. } => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Count { .. } => {
                    "Look at the rejected and ignored items for what is missing, or correct the count."
                }
                Self::Empty { .. } | Self::Line { .. } => {
                    "Write one UID a line in hexadecimal; a # begins a comment. Each chip is named once."
                }
            }
            .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Uid;
    use crate::verify::conflicts::RowUid;
    use crate::x509::Sha256Digest;

    const A: &str = "0209B0846159E439520139";
    const B: &str = "020930C56159E439520139";
    const C: &str = "0209F0204021CC225B0139";

    fn rows(uids: &[&str]) -> Vec<Row> {
        let row = |(mark, uid): (u64, &&str)| Row {
            uid: RowUid::of(&uid.parse::<Uid>().unwrap()),
            spki: Sha256Digest::new([0; 32]),
            fingerprint: Sha256Digest::new([0; 32]),
            namespace: 0,
            mark,
        };
        (0..).zip(uids).map(row).collect()
    }

    fn parse(text: &str) -> Result<ExpectedList, ExpectError> {
        ExpectedList::parse(Family::StsafeA, text.as_bytes(), "uids.txt")
    }

    fn reason(family: Family, text: &[u8]) -> (u64, String) {
        match ExpectedList::parse(family, text, "uids.txt") {
            Err(ExpectError::Line { line, reason, .. }) => (line, reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_three_forms_name_a_chip() {
        let list =
            parse("\u{feff}# reel 7\r\n0209b0846159e439520139\r\n\r\n30C56159E439520139 # ST number\r\nF0204021CC225B")
                .unwrap();
        assert_eq!(list.len(), 3);
        assert_eq!(list.compare(&rows(&[A, B, C])), Expectation::default());
        let outcome = list.compare(&rows(&[A, "0209FBA403B2E48C7401F1"]));
        assert_eq!(outcome.unexpected, [1]);
        assert_eq!(outcome.missing, [(4, "020930C56159E439520139".to_owned()), (5, "F0204021CC225B".to_owned())]);
    }

    #[test]
    fn a_chip_is_named_once_in_whatever_form() {
        for second in [A, "B0846159E439520139", "B0846159E43952"] {
            for text in [format!("{A}\n{second}"), format!("{second}\n{A}")] {
                assert_eq!(reason(Family::StsafeA, text.as_bytes()).0, 2, "{text}");
            }
        }
        assert_eq!(reason(Family::StsafeA, b"B0846159E43952\nB0846159E43952").0, 2);
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in ["0209B0846159E4395201", "0208B0846159E439520139", "B0 84", "0209B0846159E439520139;", "0x01", "1"] {
            let (line, _) = reason(Family::StsafeA, format!("{A}\n\n{bad}\n").as_bytes());
            assert_eq!(line, 3, "{bad}");
        }
        let (_, text) = reason(Family::StsafeA, b"\x1b[2J\xff");
        assert_eq!(text, "`\\x1b[2J\\xff` is not hexadecimal");
        assert_eq!(parse("# nothing\n"), Err(ExpectError::Empty { file: "uids.txt".into() }));
    }

    #[test]
    fn other_families_have_their_own_forms() {
        assert!(ExpectedList::parse(Family::StsafeL, b"400000000082940113", "l").is_ok());
        assert_eq!(reason(Family::StsafeL, A.as_bytes()).0, 1);
        assert!(ExpectedList::parse(Family::Generic, b"01\n0102", "g").is_ok());
        // beginning as STSAFE-A serial numbers do, and shorter or longer than they are
        let near = ["020901", "0209B0846159E43952013900"];
        let list = ExpectedList::parse(Family::Generic, near.join("\n").as_bytes(), "g").unwrap();
        assert_eq!(list.compare(&rows(&near)), Expectation::default());
        assert_eq!(reason(Family::Generic, &[b'1'; 42]).0, 1);
    }

    #[test]
    fn the_count_is_exact() {
        assert_eq!(ExpectError::check_count(2, 2), Ok(()));
        let error = ExpectError::check_count(1, 2).unwrap_err();
        assert_eq!(error.to_string(), "1 chips are verified, expected 2");
        assert_eq!(error.code(), Some(codes::EXPECT_COUNT));
    }
}
