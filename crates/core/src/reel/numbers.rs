//! Bytes written as numbers: arrays of programs, hex dumps, files for programmers (Intel HEX, S-records).
//!
//! Nothing is decoded. The numbers of a text are read in every notation at once, and the last sixteen of each are
//! compared with how a certificate begins. Twelve fixed or bounded bytes do not come about by chance.

/// The last numbers in each notation.
pub(super) struct Numbers {
    hexadecimal: Recent,
    /// Words of two or four bytes, least byte first.
    swapped: Recent,
    decimal: Recent,
    octal: Recent,
    binary: Recent,
    /// Said once.
    done: bool,
}

impl Numbers {
    pub(super) fn new() -> Self {
        let recent = Recent(0);
        Self { hexadecimal: recent, swapped: recent, decimal: recent, octal: recent, binary: recent, done: false }
    }

    /// How a certificate is written that begins in this line, or was started and is recognised in it.
    pub(super) fn line(&mut self, text: &[u8]) -> Option<&'static str> {
        if self.done || !text.iter().any(u8::is_ascii_digit) {
            return None;
        }
        if escaped(text) {
            self.done = true;
            return Some("a string with escapes");
        }
        let mut rest = text;
        let mut first = true;
        while let Some(start) = rest.iter().position(|byte| is_of_word(*byte)) {
            let sign = start.checked_sub(1).map(|at| rest[at]);
            let from = &rest[start..];
            let end = from.iter().position(|byte| !is_of_word(*byte)).unwrap_or(from.len());
            let (word, after) = from.split_at(end);
            let is_offset = first && is_offset(word, after);
            first = false;
            rest = after;
            if is_offset {
                continue;
            }
            if let Some(how) = self.word(word, sign == Some(b'-')) {
                self.done = true;
                return Some(how);
            }
        }
        None
    }

    fn word(&mut self, word: &[u8], negative: bool) -> Option<&'static str> {
        let hex = hexadecimal(word);
        for pair in hex.chunks(2) {
            if number(pair, 16).is_some_and(|byte| self.hexadecimal.push(byte)) {
                return Some("hexadecimal numbers");
            }
        }
        if matches!(hex.len(), 4 | 8) {
            for pair in hex.rchunks(2) {
                if number(pair, 16).is_some_and(|byte| self.swapped.push(byte)) {
                    return Some("hexadecimal words, least byte first");
                }
            }
        }
        if word.len() <= 3 {
            let byte = number(word, 10).map(|byte| if negative { byte.wrapping_neg() } else { byte });
            if byte.is_some_and(|byte| self.decimal.push(byte)) {
                return Some("decimal numbers");
            }
            if word.len() == 3 && number(word, 8).is_some_and(|byte| self.octal.push(byte)) {
                return Some("octal numbers");
            }
        }
        if word.len() == 8 && number(word, 2).is_some_and(|byte| self.binary.push(byte)) {
            return Some("binary numbers");
        }
        if word.len() == 6 {
            let word = std::str::from_utf8(word).ok().and_then(|word| u16::from_str_radix(word, 8).ok());
            if word.is_some_and(|word| word.to_le_bytes().map(|byte| self.swapped.push(byte)).contains(&true)) {
                return Some("octal words, least byte first");
            }
        }
        None
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What begins a line of a dump and is not one of its bytes: a place, longer than what follows or with a colon.
fn is_offset(word: &[u8], after: &[u8]) -> bool {
    let word = word.strip_prefix(b"0x").unwrap_or(word);
    let next = after
        .iter()
        .position(|byte| is_of_word(*byte))
        .map_or(0, |at| after[at..].iter().position(|byte| !is_of_word(*byte)).unwrap_or(after.len() - at));
    if word.eq_ignore_ascii_case(b"db") {
        // an assembler's "define byte", which happens to be two hexadecimal digits
        return true;
    }
    let hexadecimal = word.len() >= 4 && word.iter().all(u8::is_ascii_hexdigit);
    hexadecimal && (after.starts_with(b":") || after.starts_with(b"  ") || next > 0 && next < word.len())
}

/// The digits of a word without what languages put before and behind a number; none if it is no such number.
fn hexadecimal(word: &[u8]) -> &[u8] {
    let prefixed = [&b"0x"[..], b"0X", b"x", b"X"].iter().find_map(|prefix| word.strip_prefix(*prefix));
    // S1 to S3 begin the data of an S-record
    let record = match word {
        [b'S', b'1'..=b'3', rest @ ..] if rest.len() >= 16 => Some(rest),
        _ => None,
    };
    let mut digits = prefixed.or(record).unwrap_or(word);
    while let [rest @ .., b'h' | b'H' | b'u' | b'U' | b'l' | b'L'] = digits {
        digits = rest;
    }
    let whole = digits.len() % 2 == 0 || prefixed.is_some() && digits.len() == 1;
    if whole && digits.iter().all(u8::is_ascii_hexdigit) { digits } else { &[] }
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| !text.is_empty())?;
    u8::from_str_radix(text, radix).ok()
}

/// Whether the text has bytes as programs print them: `0\x82\x01\x970\x82`, where a printable byte is its own
/// character.
fn escaped(text: &[u8]) -> bool {
    let begins = |text: &[u8]| text.starts_with(br"0\x82") || text.starts_with(br"0\x81");
    let first = text.windows(5).position(begins);
    first.is_some_and(|at| text[at + 5..].windows(5).take(12).any(begins))
}

#[derive(Clone, Copy)]
struct Recent(u128);

impl Recent {
    /// Whether a certificate's beginning is complete with this byte.
    fn push(&mut self, byte: u8) -> bool {
        self.0 = self.0 << 8 | u128::from(byte);
        // cheap first: nothing ends otherwise
        match byte {
            1 => self.ends_with_version(),
            _ => self.ends_with_lengths(),
        }
    }

    fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Two SEQUENCEs and `[0] { INTEGER 1` (RFC 5280 §4.1.2.1).
    fn ends_with_version(self) -> bool {
        let bytes = self.bytes();
        bytes.ends_with(&[0xA0, 3, 2, 1]) && (1..=6).any(|at| super::inside::is_certificate(&bytes[at..]))
    }

    /// Two SEQUENCEs, the inner one shorter by an algorithm and a signature. For dumps of eight bytes a line.
    fn ends_with_lengths(self) -> bool {
        let [.., 0x30, 0x82, a, b, 0x30, 0x82, c, d] = self.bytes() else { return false };
        let (outer, inner) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        outer.checked_sub(inner).is_some_and(|rest| (60..=1200).contains(&rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate's beginning: 407 bytes, of which 316 are signed.
    const BEGIN: [u8; 16] = [0x30, 0x82, 1, 0x97, 0x30, 0x82, 1, 0x3C, 0xA0, 3, 2, 1, 2, 2, 0x0B, 2];

    fn seen(text: &str) -> Option<&'static str> {
        let mut numbers = Numbers::new();
        text.lines().find_map(|line| numbers.line(line.as_bytes()))
    }

    #[test]
    fn a_certificate_is_noticed_in_every_notation() {
        let each =
            |form: &dyn Fn(&u8) -> String, between: &str| BEGIN.iter().map(form).collect::<Vec<_>>().join(between);
        for text in [
            each(&|byte| format!("{byte:02x}"), " "),
            each(&|byte| format!("{byte:02X}"), ":"),
            each(&|byte| format!("0x{byte:02X}"), ","),
            each(&|byte| format!("0x{byte:x}"), ",\n  "),
            each(&|byte| format!("{byte:02X}h"), ", "),
            each(&|byte| format!("\\x{byte:02x}"), ""),
            each(&|byte| format!("{byte}"), ", "),
            each(&|byte| format!("{}", byte.cast_signed()), ","),
            each(&|byte| format!("\\{byte:03o}"), ""),
            each(&|byte| format!(".byte 0x{byte:02x}"), "\n"),
            format!("const char c[] = \"{}\";", each(&|byte| format!("\\x{byte:02X}"), "")),
            "00000000: 3082 0197 3082 013c a003 0201 0202 0b02  0...0..<........".into(),
            "00000000  30 82 01 97 30 82 01 3c  a0 03 02 01 02 02 0b 02  |0...0..<........|".into(),
            each(&|byte| format!("{byte:08b}"), " "),
            "0000000 101060 113401 101060 036001".into(),
            "0000000 8230 9701 8230 3c01 03a0 0102 0202 020b".into(),
            "0000  30 82 01 97 30 82 01 3c".into(),
            ":10000000308201973082013CA00302010202 0B02".replace(' ', ""),
            "S1130000308201973082013CA003020102020B02AA".into(),
            "@0000\n30 82 01 97 30 82 01 3C A0 03 02 01 02 02 0B 02\nq".into(),
            "0x97018230, 0x3c018230, 0x010203a0".into(),
            "0x30820197, 0x3082013c, 0xa0030201".into(),
            "0000: 30 82 01 97\n0004: 30 82 01 3C\n0008: A0 03 02 01".into(),
            "b'0\\x82\\x01\\x970\\x82\\x01<\\xa0\\x03\\x02\\x01'".into(),
        ] {
            assert!(seen(&text).is_some(), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_no_certificate() {
        for text in [
            "0209B0846159E439520139\n0209B0846159E439520140",
            "30 82 01 3c 30 82 01 97",
            "2026-11-28 05:57:00 30 82 1 151 48 130",
            "a0 03 02 01 02",
        ] {
            assert_eq!(seen(text), None, "{text}");
        }
    }
}
