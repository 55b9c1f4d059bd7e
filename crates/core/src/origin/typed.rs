//! UIDs as people have them: typed, copied out of a mail, or in a list that a spreadsheet wrote.
//!
//! Read are hexadecimal digits in either case, with `0x` before them, with colons, dashes or blanks between the bytes,
//! in quotes, and as the formula `="0209.."` with which a spreadsheet is kept from taking digits for a number. A list
//! has one chip a line in its first column; columns end at a tab, a semicolon or a comma; `#` begins a comment; a
//! header row is skipped. It is UTF-8 or UTF-16, with or without a byte order mark.
//!
//! What a spreadsheet has damaged is not repaired: a digit that is lost could be any digit.

use std::borrow::Cow;

use crate::text::brief;

/// Reads the bytes that a text names.
///
/// # Errors
/// The text is not hexadecimal in one of the forms above.
pub fn typed_bytes(text: &str) -> Result<Vec<u8>, TypedError> {
    let wrong = |what| Err(TypedError { found: brief(text.trim()), what });
    let inside = without_quotes(text);
    if is_scientific(inside) {
        return wrong(What::Scientific);
    }
    let digits = inside.strip_prefix("0x").or_else(|| inside.strip_prefix("0X")).unwrap_or(inside);
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut high = None;
    let mut separated = false;
    let mut count = 0_usize;
    for character in digits.chars() {
        if let Some(digit) = character.to_digit(16) {
            let digit = u8::try_from(digit).expect("a hexadecimal digit is less than 16");
            count += 1;
            separated = false;
            high = match high {
                None => Some(digit),
                Some(high) => {
                    bytes.push(high << 4 | digit);
                    None
                }
            };
        } else if !is_separator(character) {
            return wrong(What::NotHexadecimal);
        } else if high.is_some() || bytes.is_empty() || (separated && !character.is_whitespace()) {
            // bytes of one digit, a separator before the first byte, two of them
            return wrong(What::Separators);
        } else {
            separated = true;
        }
    }
    match (high, separated) {
        _ if count == 0 => wrong(What::NotHexadecimal),
        (Some(_), _) => wrong(What::Odd { digits: count, number: digits.bytes().all(|byte| byte.is_ascii_digit()) }),
        (None, true) => wrong(What::Separators),
        (None, false) => Ok(bytes),
    }
}

/// The lines of a list that name a chip: their number, from 1, and what their first column holds.
#[derive(Clone, Debug)]
pub struct TypedList<'a> {
    text: Cow<'a, str>,
}

impl<'a> TypedList<'a> {
    /// Finds out how the list is encoded.
    ///
    /// # Errors
    /// The list is cut off within a character of UTF-16, or is not text.
    pub fn new(bytes: &'a [u8]) -> Result<Self, TypedError> {
        let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
            let (units, rest) = bytes.as_chunks::<2>();
            if rest.is_empty() {
                let characters = char::decode_utf16(units.iter().map(|pair| unit(*pair)));
                Ok(characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>())
            } else {
                Err(TypedError { found: String::new(), what: What::CutOff })
            }
        };
        let text = match bytes {
            [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
            [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?.into(),
            [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?.into(),
            // without a mark: a list begins with ASCII, whose other half is zero
            [1..=u8::MAX, 0, 1..=u8::MAX, 0, ..] => utf16(bytes, u16::from_le_bytes)?.into(),
            [0, 1..=u8::MAX, 0, 1..=u8::MAX, ..] => utf16(bytes, u16::from_be_bytes)?.into(),
            _ => String::from_utf8_lossy(bytes),
        };
        // one finding about the file, not one for each of its lines
        if text.contains('\0') {
            return Err(TypedError { found: String::new(), what: What::NotText });
        }
        Ok(Self { text })
    }

    /// Every line that is not empty or a comment, the header row included, with all its columns.
    pub fn rows(&self) -> impl Iterator<Item = (u64, Vec<String>)> {
        let end = if self.text.contains('\n') { '\n' } else { '\r' };
        let rows = (1..).zip(self.text.split(end).map(columns));
        rows.filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()))
    }

    /// Every line that is not empty, a comment or the header row.
    pub fn lines(&self) -> impl Iterator<Item = (u64, &str)> {
        let end = if self.text.contains('\n') { '\n' } else { '\r' };
        let cells = (1..).zip(self.text.split(end).map(first_column)).filter(|(_, cell)| !cell.is_empty());
        cells.enumerate().filter(|(at, (_, cell))| *at > 0 || !is_header(cell)).map(|(_, line)| line)
    }
}

/// The columns of a line, without quotes and blanks around; a comment is not one of them.
fn columns(line: &str) -> Vec<String> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let separator = ['\t', ';', ','].into_iter().find(|separator| line.contains(*separator)).unwrap_or('\t');
    line.split(separator).map(|cell| without_quotes(cell).to_owned()).collect()
}

/// The first column that has something in it, without a comment and blanks around.
fn first_column(line: &str) -> &str {
    let line = line.split('#').next().unwrap_or_default().trim();
    // a number with a decimal comma is one cell
    if is_scientific(line) {
        return line;
    }
    let separator = ['\t', ';', ','].into_iter().find(|separator| line.contains(*separator)).unwrap_or('\t');
    // an empty column in front is the margin of a sheet
    line.split(separator).map(str::trim).find(|cell| !cell.is_empty()).unwrap_or_default()
}

/// A word, not digits: few of these, and a letter first.
fn is_header(cell: &str) -> bool {
    let cell = without_quotes(cell);
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    cell.chars().next().is_some_and(char::is_alphabetic)
        && digits < 6
        && cell.chars().any(|character| !character.is_ascii_hexdigit() && !is_separator(character))
}

fn without_quotes(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix('=').filter(|rest| rest.starts_with('"')).unwrap_or(text);
    // a spreadsheet's mark for text is one apostrophe in front
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.strip_suffix(quote).unwrap_or(inside).trim();
        }
    }
    text
}

fn is_separator(character: char) -> bool {
    matches!(character, ':' | '-') || character.is_whitespace()
}

/// `2.09E+20` and its kin, in which a spreadsheet shows a number that it has rounded to 15 digits.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (signed, exponent) = match exponent.strip_prefix('+') {
        Some(exponent) => (true, exponent),
        None => (false, exponent),
    };
    // without a sign and a point these are hexadecimal digits
    match mantissa.split_once(['.', ',']) {
        Some((whole, fraction)) => number(whole) && number(fraction) && number(exponent),
        None => signed && number(mantissa) && number(exponent),
    }
}

/// Why a text is not a UID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}", what = self.what.describe(&self.found))]
pub struct TypedError {
    /// The text, printable and cut.
    found: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    CutOff,
    NotHexadecimal,
    NotText,
    Odd { digits: usize, number: bool },
    Scientific,
    Separators,
}

impl What {
    fn describe(self, found: &str) -> String {
        match self {
            Self::CutOff => "the list is UTF-16 and ends within a character".to_owned(),
            Self::NotText => "the list is not text: it has a zero byte".to_owned(),
            Self::NotHexadecimal => format!("`{found}` is not hexadecimal"),
            Self::Odd { digits, number: true } => {
                format!("`{found}` has {digits} digits, and bytes have two each: {LOST_ZEROS}")
            }
            Self::Odd { digits, .. } => format!("`{found}` has {digits} digits, and bytes have two each"),
            Self::Scientific => {
                format!("`{found}` is what a spreadsheet makes of a long number: most of its digits are lost")
            }
            Self::Separators => format!("`{found}` is not bytes of two digits with one separator between them"),
        }
    }
}

impl TypedError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self.what {
            What::CutOff | What::NotText => "Save the list again as text in UTF-8.",
            What::Odd { number: true, .. } | What::Scientific => SPREADSHEET_HINT,
            What::NotHexadecimal | What::Odd { .. } | What::Separators => {
                "A UID is written in hexadecimal, such as 0209A021E021C4E1D00139 or 02:09:A0:21:E0:21:C4:E1:D0:01:39."
            }
        }
    }
}

/// What has happened to a number that is too short.
pub const LOST_ZEROS: &str = "a spreadsheet drops zeros in front of what it takes for a number";

/// How to keep a spreadsheet from changing UIDs.
pub const SPREADSHEET_HINT: &str =
    "Make the list again from its source, and format the column as text before the UIDs are put in.";

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0209A021E021C4E1D00139";

    fn lines(bytes: &[u8]) -> Vec<(u64, String)> {
        let list = TypedList::new(bytes).unwrap();
        list.lines().map(|(line, cell)| (line, cell.to_owned())).collect()
    }

    #[test]
    fn every_form_that_people_have_names_the_same_bytes() {
        let bytes = hex::decode(UID).unwrap();
        for text in [
            UID,
            "0209a021e021c4e1d00139",
            "0x0209A021E021C4E1D00139",
            "0X0209a021e021c4e1d00139",
            "02:09:A0:21:E0:21:C4:E1:D0:01:39",
            "02-09-a0-21-e0-21-c4-e1-d0-01-39",
            "02 09 A0 21 E0 21 C4 E1 D0 01 39",
            "02 09  A0 21\u{a0}E0 21 C4 E1 D0 01 39",
            "0209 A021E021C4E1D0 0139",
            "0209-A021E021C4E1D0-0139",
            "  0209A021E021C4E1D00139\t",
            "\"0209A021E021C4E1D00139\"",
            "'0209A021E021C4E1D00139'",
            "'0209A021E021C4E1D00139",
            "=\"0209A021E021C4E1D00139\"",
            "\"0x02:09:A0:21:E0:21:C4:E1:D0:01:39\"",
        ] {
            assert_eq!(typed_bytes(text).as_ref(), Ok(&bytes), "{text:?}");
        }
        assert_eq!(typed_bytes("209E20").unwrap(), [0x20, 0x9E, 0x20], "hexadecimal, not a number");
    }

    #[test]
    fn what_is_next_to_a_uid_is_refused_and_says_what_it_is() {
        for (text, expected) in [
            ("", "`` is not hexadecimal"),
            ("0x", "`0x` is not hexadecimal"),
            ("0209XY", "`0209XY` is not hexadecimal"),
            ("O209A021", "`O209A021` is not hexadecimal"),
            ("0209.A021", "`0209.A021` is not hexadecimal"),
            ("2:9:A0", "not bytes of two digits"),
            ("02::09", "not bytes of two digits"),
            (":0209", "not bytes of two digits"),
            ("0209-", "not bytes of two digits"),
            ("0209A", "has 5 digits, and bytes have two each"),
            ("209021021", "has 9 digits, and bytes have two each: a spreadsheet drops zeros"),
            ("2.09E+20", "what a spreadsheet makes of a long number"),
            ("2,09E+20", "what a spreadsheet makes of a long number"),
            ("2.09e20", "what a spreadsheet makes of a long number"),
            ("2E+20", "what a spreadsheet makes of a long number"),
        ] {
            let error = typed_bytes(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{text:?}: {error}");
            assert!(!error.hint().is_empty());
        }
        let hostile = typed_bytes("\u{1b}[2J\u{202e}").unwrap_err().to_string();
        assert!(hostile.contains("\\u{1b}[2J\\u{202e}"), "{hostile}");
    }

    #[test]
    fn a_list_gives_its_first_column_whatever_its_encoding_and_line_ends() {
        let text = "\"UID\";Lot\n# comment\n0209A021E021C4E1D00139;42 # a\n\n 02:09,x\n\"0x0102\"\t7\n2,09E+20\n";
        let expected = [(3, UID), (5, "02:09"), (6, "\"0x0102\""), (7, "2,09E+20")];
        let expected: Vec<(u64, String)> = expected.iter().map(|(line, cell)| (*line, (*cell).to_owned())).collect();
        assert_eq!(lines(text.as_bytes()), expected);
        assert_eq!(lines(text.replace('\n', "\r\n").as_bytes()), expected);
        assert_eq!(lines(text.replace('\n', "\r").as_bytes()), expected);
        assert_eq!(lines(&[b"\xEF\xBB\xBF", text.as_bytes()].concat()), expected);
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(lines(&[b"\xFF\xFE", &little[..]].concat()), expected);
        assert_eq!(lines(&[b"\xFE\xFF", &big[..]].concat()), expected);
        assert_eq!(lines(&little), expected);
        assert_eq!(lines(&big), expected);
        assert!(TypedList::new(&[b"\xFF\xFE", &little[..little.len() - 1]].concat()).is_err());
    }

    #[test]
    fn a_file_that_is_no_text_is_one_mistake_and_a_letter_of_another_encoding_is_none() {
        for wrong in [&b"0\x82\x01\x00\n1\n"[..], b"PK\x03\x04\x14\x00\x00\x00", b"0209\n\x00\n"] {
            let error = TypedList::new(wrong).unwrap_err();
            assert_eq!(error.to_string(), "the list is not text: it has a zero byte", "{wrong:?}");
        }
        assert_eq!(lines(b"0209;Z\xFCrich\n"), [(1, "0209".to_owned())]);
    }

    #[test]
    fn only_the_first_line_can_be_a_header_and_a_misspelt_uid_is_none() {
        for header in
            ["UID", "Serial number", "uid (hex);lot", "ST25 number", "\"chip-id\"", "Seriennummer", "\u{54c1}番"]
        {
            assert_eq!(lines(format!("# list\n{header}\n{UID}").as_bytes()), [(3, UID.to_owned())], "{header}");
        }
        for wrong in ["O209A021E021C4E1D00139", "0209XY", "2.09E+20", "DEADBEEF", "G209B0846159E439520139"] {
            assert_eq!(lines(wrong.as_bytes()), [(1, wrong.to_owned())]);
        }
        assert_eq!(lines(format!("{UID}\nUID\n").as_bytes()).len(), 2);
        assert_eq!(lines(b";0209;\n;;\n"), [(1, "0209".to_owned())]);
    }
}
