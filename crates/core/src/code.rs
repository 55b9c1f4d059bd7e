//! Stable codes of findings and errors, and the one way in which a stage lists its own.

use std::fmt;

/// Defines the codes of a stage, each with its meaning and, where there is one, its hint; `CODES` is the list of them.
///
/// The first word is the visibility of the constants: `codes! { pub const; NAME = "stage.code", "meaning" => "Hint."; }`.
#[macro_export]
macro_rules! codes {
    ($vis:vis const; $($name:ident = $code:literal, $meaning:literal $(=> $hint:expr)?;)*) => {
        $(#[doc = $meaning] $vis const $name: $crate::code::Code = $crate::code::Code::new($code)$(.hinted(&$hint))?;)*

        /// Every code of this stage with its meaning.
        pub const CODES: &[($crate::code::Code, &str)] = &[$(($name, $meaning)),*];
    };
}

/// A stable dotted code in kebab case, such as `verify.chain.no-trust-anchor`. Texts may improve, codes stay.
///
/// It brings its hint along, so that a front door can print one for a finding of any stage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    text: &'static str,
    // a thin pointer: findings are many, and each has a code
    hint: Option<&'static &'static str>,
}

impl Code {
    /// A code, checked when the program is compiled if used in a constant.
    ///
    /// # Panics
    /// The text does not have the form of [`is_one`](Self::is_one).
    pub const fn new(text: &'static str) -> Self {
        assert!(Self::is_one(text), "codes are dotted kebab case");
        Self { text, hint: None }
    }

    /// The same code with what to do about it.
    #[must_use]
    pub const fn hinted(self, hint: &'static &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Returns what to do about it: sentences, without a flag or a subcommand of any program.
    pub const fn hint(self) -> Option<&'static str> {
        match self.hint {
            Some(hint) => Some(hint),
            None => None,
        }
    }

    /// Whether a text has the form of codes: two or more parts joined by `.`, each of words joined by `-`, each word of
    /// lower-case letters and digits.
    pub const fn is_one(text: &str) -> bool {
        let bytes = text.as_bytes();
        let (mut at, mut dotted, mut inside) = (0, false, false);
        while at < bytes.len() {
            match bytes[at] {
                b'a'..=b'z' | b'0'..=b'9' => inside = true,
                // a word has just ended
                b'-' | b'.' if inside => {
                    dotted |= bytes[at] == b'.';
                    inside = false;
                }
                _ => return false,
            }
            at += 1;
        }
        dotted && inside
    }

    /// The code as text.
    pub const fn as_str(self) -> &'static str {
        self.text
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_one_form() {
        for code in ["verify.uid.shape", "a.b", "x509.serial-too-long.2"] {
            assert!(Code::is_one(code), "{code}");
        }
        for other in
            ["", "verify", ".a", "a.", "a..b", "a.-b", "a-.b", "a.b-", "a.b--c", "A.b", "a.b_c", "a. b", "a.\u{e9}"]
        {
            assert!(!Code::is_one(other), "{other}");
        }
    }
}
