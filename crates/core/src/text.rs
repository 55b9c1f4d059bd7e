//! Text that is safe to print: the one type through which names, values, paths and messages reach a person.
//!
//! Text from a file, an archive, a certificate, a token, a different machine or the command line may hold characters
//! that move the cursor, recolour the screen, hide text or show it in a different order. [`Printable`] shows such
//! characters as `\u{..}` and invalid UTF-8 as `\xNN`, and leaves everything else as it is. What it makes passes
//! through it unchanged: a value may be escaped where it enters a message, and the whole message once more where it is
//! printed.
//!
//! Two texts are formats with an escaping of their own, which never changes: `x509::Name` (it is signed in statements)
//! and `origin::ItemName`.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::path::Path;

/// Any text, shown as one line.
///
/// A backslash is not escaped, so what is shown is for reading, not for parsing: JSON output has the exact text.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a> {
    bytes: &'a [u8],
    longest: usize,
}

impl<'a> Printable<'a> {
    /// Shows text or a path.
    pub fn new<T: AsRef<OsStr> + ?Sized>(text: &'a T) -> Self {
        Self::bytes(text.as_ref().as_encoded_bytes())
    }

    /// Shows bytes that should be UTF-8.
    pub const fn bytes(bytes: &'a [u8]) -> Self {
        Self { bytes, longest: usize::MAX }
    }

    /// Shows the beginning alone, and `...` for the rest: of a value that a file, a token or another machine chose, and of
    /// a message of another program.
    #[must_use]
    pub const fn brief(self) -> Self {
        Self { longest: LONGEST, ..self }
    }

    fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mut left = self.longest;
        for chunk in self.bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                if left == 0 {
                    return out.write_str("...");
                }
                left -= 1;
                if is_printable(character) {
                    out.write_char(character)?;
                } else {
                    write!(out, "{}", character.escape_unicode())?;
                }
            }
            for byte in chunk.invalid() {
                if left == 0 {
                    return out.write_str("...");
                }
                left -= 1;
                write!(out, "\\x{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// Returns a cell of a table, which no spreadsheet takes for a formula: such a cell begins with an apostrophe.
pub fn no_formula(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}").into() } else { cell.into() }
}

/// Returns a path for a document that programs read: exact, unless it is not UTF-8.
pub fn exact_path(path: &Path) -> String {
    path.to_str().map_or_else(|| Printable::new(path).to_string(), str::to_owned)
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.width().is_none() {
            return self.write(f);
        }
        let mut text = String::new();
        self.write(&mut text)?;
        f.pad(&text)
    }
}

/// The beginning of a value as it may appear in a message.
pub fn brief(value: &str) -> String {
    Printable::new(value).brief().to_string()
}

/// The beginning of a value in quotes.
pub fn quoted(value: &str) -> String {
    format!("\"{}\"", Printable::new(value).brief())
}

/// Characters of a text that are shown where its beginning is enough.
const LONGEST: usize = 200;

/// Several lines that this program has put together, each of them printable; the line feeds stay.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| character == '\n' || is_printable(character)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        write!(out, "{}", Printable::new(line)).expect("writing to a String");
    }
    Cow::Owned(out)
}

/// JSON text in which every character that [`Printable`] would escape is a JSON escape (RFC 8259 §7): the same values.
///
/// Outside of strings JSON has line feeds and blanks only, which stay.
pub fn printable_json(text: &str) -> Cow<'_, str> {
    let stays = |character: char| character == '\n' || is_printable(character);
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    for character in text.chars() {
        if stays(character) {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("writing to a String");
            }
        }
    }
    Cow::Owned(out)
}

/// Whether a character shows as one mark in its place, and leaves its neighbours in theirs.
///
/// Not printable are control characters (C0, DEL, C1), line and paragraph separators, every blank but the space,
/// format characters (bidirectional controls and zero-width ones among them), combining marks, private use,
/// unassigned characters, letters without a shape, and the scripts that are written from right to left: they change the
/// order in which a terminal shows digits and punctuation beside them.
pub fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    // the standard library's escape for debugging is by Unicode's general categories
    let shown = character.escape_debug().len() == 1;
    shown && !INVISIBLE.contains(&character) && !RIGHT_TO_LEFT.iter().any(|range| range.contains(&character))
}

/// Letters and symbols that show nothing: Hangul fillers and the empty Braille pattern.
const INVISIBLE: [char; 5] = ['\u{115F}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{FFA0}'];

/// The blocks whose unassigned characters, too, are right-to-left by default (UAX #44, `DerivedBidiClass.txt`).
const RIGHT_TO_LEFT: [std::ops::RangeInclusive<char>; 5] = [
    '\u{0590}'..='\u{08FF}',
    '\u{FB1D}'..='\u{FDFF}',
    '\u{FE70}'..='\u{FEFF}',
    '\u{10800}'..='\u{10FFF}',
    '\u{1E800}'..='\u{1EFFF}',
];

/// Returns the known word that the author of `found` may have meant, if one is near.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // a word of a hostile file can be as long as the file; the distance takes time of both lengths
    if found.len() > LONGEST_WORD {
        return None;
    }
    let distance = |word: &str| strsim::damerau_levenshtein(&found.to_lowercase(), &word.to_lowercase());
    let (best, distance) =
        known.into_iter().map(|word| (word, distance(word))).min_by_key(|(_, distance)| *distance)?;
    (distance <= 1 + best.len().max(found.len()) / 4).then_some(best)
}

/// The question whether the [`nearest`] word was meant, as a hint.
pub fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(found, known).map(|word| format!("Did you mean `{word}`?"))
}

const LONGEST_WORD: usize = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        Printable::new(text).to_string()
    }

    #[test]
    fn what_moves_hides_or_reorders_text_is_escaped() {
        for (text, expected) in [
            ("\x1b[31m", "\\u{1b}[31m"),
            ("a\nb\tc\r", "a\\u{a}b\\u{9}c\\u{d}"),
            ("\u{7f}\u{9b}31m", "\\u{7f}\\u{9b}31m"),
            ("\u{202e}\u{2066}\u{061c}\u{200f}", "\\u{202e}\\u{2066}\\u{61c}\\u{200f}"),
            ("\u{2028}\u{2029}\u{a0}\u{3000}", "\\u{2028}\\u{2029}\\u{a0}\\u{3000}"),
            ("\u{200b}\u{feff}\u{ad}\u{e0041}\u{180e}", "\\u{200b}\\u{feff}\\u{ad}\\u{e0041}\\u{180e}"),
            ("\u{e000}\u{10ffff}\u{378}", "\\u{e000}\\u{10ffff}\\u{378}"),
            ("e\u{301}\u{fe0f}\u{3164}", "e\\u{301}\\u{fe0f}\\u{3164}"),
            ("\u{5d0}\u{627}\u{1e900}", "\\u{5d0}\\u{627}\\u{1e900}"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_people_read_stays() {
        for text in
            ["reel 42.zip!a/b#1", "§ 4.1 — \u{201c}x\u{201d} \\ ' \"", "Müller & Søn, Škoda, Łódź", "製造 Завод ×"]
        {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn invalid_utf8_is_shown_byte_by_byte() {
        assert_eq!(Printable::bytes(b"caf\xE9/\xC3\xA9\xFF").to_string(), "caf\\xE9/\u{e9}\\xFF");
    }

    #[test]
    fn a_text_is_cut_by_characters_and_padded_as_shown() {
        let longest = "x".repeat(LONGEST - 1) + "\u{1b}";
        assert_eq!(brief(&longest), longest.replace('\u{1b}', "\\u{1b}"));
        assert_eq!(brief(&(longest.clone() + "y")), brief(&longest) + "...");
        assert_eq!(quoted("a\n"), "\"a\\u{a}\"");
        assert_eq!(format!("{:<8}|", Printable::new("a\u{7}")), "a\\u{7}  |");
    }

    #[test]
    fn json_keeps_its_values() {
        let value = serde_json::json!({ "a\u{7f}": "\x1b\u{202e}\u{9b}\u{e0041}\nM\u{fc}ller" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let printable = printable_json(&text);
        assert!(printable.chars().all(|c| c == '\n' || is_printable(c)), "{printable:?}");
        assert!(printable.contains("\\udb40\\udc41") && printable.contains("Müller"), "{printable}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printable).unwrap(), value);
    }

    #[test]
    fn the_nearest_word_is_offered_if_it_is_near() {
        let known = ["subject", "serial", "validity"];
        assert_eq!(nearest("Subjct", known), Some("subject"));
        assert_eq!(nearest("serail", known), Some("serial"));
        assert_eq!(nearest("extensions", known), None);
        assert_eq!(nearest(&"subject".repeat(1000), known), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(did_you_mean("serail", known).as_deref(), Some("Did you mean `serial`?"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_the_bytes_one_safe_line_comes_out_and_stays(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let once = Printable::bytes(&bytes).to_string();
            prop_assert!(once.chars().all(is_printable));
            prop_assert_eq!(&shown(&once), &once);
            prop_assert_eq!(&*printable_lines(&once), &once);
        }

        #[test]
        fn lines_stay_lines(text in any::<String>()) {
            let lines = printable_lines(&text);
            prop_assert_eq!(lines.matches('\n').count(), text.matches('\n').count());
            prop_assert!(lines.chars().all(|c| c == '\n' || is_printable(c)));
        }
    }
}
