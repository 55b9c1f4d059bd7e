//! The chips that an operator expects in an input, which is the only thing that tells this reel from another one.
//!
//! The list is a [`TypedList`], one chip a line. For the family `stsafe-a` a line may give the serial number (22
//! digits), the ST number (18) or the unique number (14), in any mixture; for `stsafe-l` the serial number (18); for
//! `generic` any serial number.

use crate::origin::{Finding, ItemName, LOST_ZEROS, SPREADSHEET_HINT, TypedList, Uid, typed_bytes};
use crate::text::Printable;

use super::codes;
use super::conflicts::Row;
use super::family::{Family, Parts};

/// A list of expected chips, each once: 26 bytes a chip in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedList {
    /// How the family's UIDs are put together.
    parts: Option<Parts>,
    /// Chips by their whole UIDs, sorted.
    whole: Vec<Chip>,
    /// Chips whose product id is not given, by what their UIDs begin with, sorted.
    unique: Vec<Chip>,
}

/// A chip of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Chip {
    /// The UID, or what it begins with.
    uid: Uid,
    /// The line that names it, from 1, highest byte first.
    line: [u8; 5],
}

impl Chip {
    fn new(uid: &[u8], line: u64) -> Self {
        let [0, 0, 0, line @ ..] = line.to_be_bytes() else {
            unreachable!("a text in memory has fewer than 2^40 lines")
        };
        Self { uid: Uid::from_bytes(uid).expect("every form has 1 to 20 bytes"), line }
    }

    fn line(&self) -> u64 {
        self.line.iter().fold(0, |line, byte| line << 8 | u64::from(*byte))
    }
}

/// How the verified leaves compare with the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Expected, but not among the leaves: as written in the list, with the line, in order of lines.
    pub missing: Vec<(u64, String)>,
    /// The positions of the leaves that are not on the list.
    pub unexpected: Vec<usize>,
}

/// An expected chip that is not among the leaves.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MissingChip {
    /// The UID, or the part of it that the list has.
    pub chip: String,
    /// The line of the list that names it, from 1.
    pub line: u64,
}

impl MissingChip {
    /// Its UID, or the beginning of it where the list gives a unique number alone.
    pub fn uid(&self, family: Family) -> Uid {
        let bytes = hex::decode(&self.chip).expect("a chip of a list is written in hexadecimal");
        match Form::of(family, &bytes) {
            Some(Form::Number(parts) | Form::Unique(parts)) => Uid::from_bytes(&parts.with_head(&bytes)),
            Some(Form::Whole) | None => Uid::from_bytes(&bytes),
        }
        .expect("every form has 1 to 20 bytes")
    }
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
        let typed = TypedList::new(text);
        let file = Printable::new(file).to_string();
        let mut list = Self { parts: family.parts(), whole: Vec::new(), unique: Vec::new() };
        let bad = |line, reason, hint| ExpectError::Line { file: file.clone(), line, reason, hint };
        let text = typed.map_err(|error| bad(1, error.to_string(), error.hint()))?;
        let read = list.read(family, &text);
        list.whole.sort_unstable();
        list.unique.sort_unstable();
        // what was read comes before the line that could not be
        if let Some((line, first)) = list.named_again() {
            let found = text.lines().find(|(number, _)| *number == line).map(|(_, found)| found).unwrap_or_default();
            return Err(bad(
                line,
                format!("`{}` names the same chip as line {first}", Printable::new(found).brief()),
                LIST_HINT,
            ));
        }
        read.map_err(|(line, reason, hint)| bad(line, reason, hint))?;
        if list.is_empty() {
            return Err(ExpectError::Empty { file });
        }
        Ok(list)
    }

    /// Takes line by line until one is not a UID in one of the family's forms.
    fn read(&mut self, family: Family, text: &TypedList<'_>) -> Result<(), (u64, String, &'static str)> {
        for (line, content) in text.lines() {
            let bytes = typed_bytes(content).map_err(|error| (line, error.to_string(), error.hint()))?;
            match Form::of(family, &bytes) {
                Some(Form::Whole) => self.whole.push(Chip::new(&bytes, line)),
                Some(Form::Number(parts)) => self.whole.push(Chip::new(&parts.with_head(&bytes), line)),
                Some(Form::Unique(parts)) => self.unique.push(Chip::new(&parts.with_head(&bytes), line)),
                None => {
                    let number = content.bytes().all(|byte| byte.is_ascii_digit());
                    let (lost, hint) =
                        if number { (format!(": {LOST_ZEROS}"), SPREADSHEET_HINT) } else { (String::new(), LIST_HINT) };
                    return Err((
                        line,
                        format!("`{}` is not {}{lost}", Printable::new(content).brief(), family.listed()),
                        hint,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Returns the first line that names a chip again, in either form, and the line that named it before.
    fn named_again(&self) -> Option<(u64, u64)> {
        let same = |list: &[Chip]| {
            let pairs = list.windows(2).filter(|pair| pair[0].uid == pair[1].uid);
            pairs.map(|pair| (pair[1].line(), pair[0].line())).min()
        };
        let in_both = self.unique.iter().flat_map(|short| {
            let from = self.whole.partition_point(|chip| chip.uid < short.uid);
            let whole =
                self.whole[from..].iter().take_while(|chip| chip.uid.as_bytes().starts_with(short.uid.as_bytes()));
            // of those that the short form comes after, the first by UID
            let before = whole.clone().find(|chip| chip.line < short.line).map(|chip| (short.line(), chip.line()));
            let after = whole.map(Chip::line).filter(|line| *line > short.line()).min();
            before.into_iter().chain(after.map(|line| (line, short.line())))
        });
        let in_both = in_both.min_by_key(|(line, _)| *line);
        [same(&self.whole), same(&self.unique), in_both].into_iter().flatten().min_by_key(|(line, _)| *line)
    }

    /// How many chips are expected.
    pub fn len(&self) -> usize {
        self.whole.len() + self.unique.len()
    }

    /// Never true for a list that was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Compares the list with the leaves that [`conflicts`](super::conflicts) has left, fastest in UID order.
    pub fn compare<'a>(&self, leaves: impl Iterator<Item = &'a Uid>) -> Expectation {
        let mut compared = self.begin();
        let unexpected = leaves.enumerate().filter(|(_, uid)| !compared.meet(uid)).map(|(at, _)| at).collect();
        Expectation { missing: compared.missing(), unexpected }
    }

    /// Compares the list with leaves that come one after the other.
    pub fn begin(&self) -> Comparison<'_> {
        Comparison { list: self, whole: vec![false; self.whole.len()], unique: vec![false; self.unique.len()] }
    }
}

/// A list with a mark at every chip that was met.
#[derive(Debug)]
pub struct Comparison<'a> {
    list: &'a ExpectedList,
    whole: Vec<bool>,
    unique: Vec<bool>,
}

impl Comparison<'_> {
    /// Marks the chip. Returns whether it is on the list.
    pub fn meet(&mut self, uid: &Uid) -> bool {
        if let Ok(found) = self.list.whole.binary_search_by(|chip| chip.uid.cmp(uid)) {
            self.whole[found] = true;
        } else if let Some(begins) = self.list.parts.and_then(|parts| parts.beginning_of(uid.as_bytes()))
            && let Ok(found) = self.list.unique.binary_search_by(|chip| chip.uid.as_bytes().cmp(begins))
        {
            self.unique[found] = true;
        } else {
            return false;
        }
        true
    }

    /// The chips that were not met, as written in the list, with the line, in order of lines.
    pub fn missing(self) -> Vec<(u64, String)> {
        let missing = |list: &[Chip], found: &[bool], left_out: usize| {
            let missing = list.iter().zip(found).filter(|(_, found)| !**found).map(|(chip, _)| chip);
            missing.map(|chip| (chip.line(), hex::encode_upper(&chip.uid.as_bytes()[left_out..]))).collect::<Vec<_>>()
        };
        let mut all = missing(&self.list.whole, &self.whole, 0);
        all.append(&mut missing(&self.list.unique, &self.unique, self.list.parts.map_or(0, |parts| parts.head.len())));
        all.sort_unstable();
        all
    }
}

impl Family {
    /// Whether a list of expected chips can name this one: by its UID, or by the beginning of it.
    pub(crate) fn lists(self, chip: &Uid) -> bool {
        matches!(Form::of(self, chip.as_bytes()), Some(Form::Whole)) || self.is_beginning(chip)
    }

    /// Whether this is what a UID begins with, up to its product id: what a unique number says of it.
    pub(crate) fn is_beginning(self, chip: &Uid) -> bool {
        self.parts().is_some_and(|parts| parts.is_beginning(chip.as_bytes()))
    }
}

/// The finding for a leaf that is not on the list.
pub fn unexpected(item: ItemName, row: &Row) -> Finding {
    Finding::rejected(item, codes::EXPECT_UNEXPECTED, format!("{} is not on the expected list", row.uid))
        .of(Some(row.uid), Some(row.fingerprint))
}

/// The finding for a leaf that is not on the list, where such leaves are left out.
pub fn surplus(item: ItemName, row: &Row) -> Finding {
    Finding::ignored(item, codes::EXPECT_SURPLUS, format!("{} is not on the expected list", row.uid))
        .of(Some(row.uid), Some(row.fingerprint))
}

/// What a line names a chip by.
enum Form {
    /// The number in its UID, such as an STSAFE-A chip's ST number.
    Number(Parts),
    /// The unique number, without the product id.
    Unique(Parts),
    Whole,
}

impl Form {
    fn of(family: Family, bytes: &[u8]) -> Option<Self> {
        let (shortest, longest) = family.uid_bytes();
        match family.parts() {
            Some(parts) if bytes.len() == parts.number => Some(Self::Number(parts)),
            Some(parts) if bytes.len() == parts.unique => Some(Self::Unique(parts)),
            Some(parts) => parts.number_in(bytes).map(|_| Self::Whole),
            None => (shortest..=longest).contains(&bytes.len()).then_some(Self::Whole),
        }
    }
}

const LIST_HINT: &str = "Write one UID a line in hexadecimal; a # begins a comment. Each chip is named once.";

/// Why an expectation cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectError {
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
        /// What to do about it.
        hint: &'static str,
    },
}

impl ExpectError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Empty { .. } => LIST_HINT,
                Self::Line { hint, .. } => hint,
            }
            .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Uid;

    const A: &str = "0209B0846159E439520139";
    const B: &str = "020930C56159E439520139";
    const C: &str = "0209F0204021CC225B0139";

    fn compare(list: &ExpectedList, uids: &[&str]) -> Expectation {
        let uids: Vec<Uid> = uids.iter().map(|uid| uid.parse().unwrap()).collect();
        list.compare(uids.iter())
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
        assert_eq!(compare(&list, &[A, B, C]), Expectation::default());
        let outcome = compare(&list, &[A, "0209FBA403B2E48C7401F1"]);
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
        // the first line that does, and the one before it; product ids tell chips apart until their number is named
        let lines = ["B0846159E439520140", "", "B0846159E439520139", "30C56159E43952", "B0846159E43952", "x"];
        let expected = "`B0846159E43952` names the same chip as line 3".to_owned();
        assert_eq!(reason(Family::StsafeA, lines.join("\n").as_bytes()), (5, expected));
        assert_eq!(reason(Family::StsafeA, [A, "x", A].join("\n").as_bytes()).0, 2);
        assert_eq!(reason(Family::StsafeA, ["B0846159E43952", A, B, A, B].join("\n").as_bytes()).0, 2);
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in
            ["0209B0846159E4395201", "0208B0846159E439520139", "B0 84", "2.09E+20", "0x01", "1", "B.0846159E43952"]
        {
            let (line, _) = reason(Family::StsafeA, format!("{A}\n\n{bad}\n").as_bytes());
            assert_eq!(line, 3, "{bad}");
        }
        let (_, text) = reason(Family::StsafeA, b"\x1b[2J\xff");
        assert_eq!(text, "`\\u{1b}[2J\u{fffd}` is not hexadecimal");
        // what a spreadsheet drops or rounds
        for (damaged, what) in [
            ("20984615943952013", "has 17 digits, and bytes have two each: a spreadsheet drops zeros"),
            ("2.09E+20", "what a spreadsheet makes of a long number"),
            ("846159439520", "a spreadsheet drops zeros in front of what it takes for a number"),
        ] {
            let list = format!("UID\n{A}\n{damaged}");
            let error = ExpectedList::parse(Family::StsafeA, list.as_bytes(), "l").unwrap_err();
            assert!(error.to_string().starts_with("l, line 3: ") && error.to_string().contains(what), "{error}");
            assert_eq!(error.hint().as_deref(), Some(SPREADSHEET_HINT));
        }
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
        assert_eq!(compare(&list, &near), Expectation::default());
        assert_eq!(reason(Family::Generic, &[b'1'; 42]).0, 1);
    }
}
