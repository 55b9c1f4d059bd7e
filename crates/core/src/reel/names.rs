//! Names of archive entries. Nothing is ever extracted by name. A name that would lead an extracting program out of its
//! target directory is refused all the same, because an honest archive has none.

use std::fmt;

/// What is wrong with an entry's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameProblem {
    /// It begins at a root or drive.
    Absolute,
    /// It has a component `..`.
    Traversal,
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "an absolute name, expected one relative to the archive",
            Self::Traversal => "a name with a component `..`, expected one inside the archive",
        })
    }
}

/// Judges a name as Unix and as Windows would read it.
pub(super) fn problem(path: &[u8]) -> Option<NameProblem> {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    match path {
        [b'/' | b'\\', ..] => return Some(NameProblem::Absolute),
        [drive, b':', ..] if drive.is_ascii_alphabetic() => return Some(NameProblem::Absolute),
        _ => {}
    }
    path.split(is_separator).any(|component| component == b"..").then_some(NameProblem::Traversal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_archive() {
        for good in [&b"a/b.der"[..], b"./a", b"a..b", b"...", b"a/...", b"\xFF\n\0", b"12:30.der", b""] {
            assert_eq!(problem(good), None, "{}", good.escape_ascii());
        }
        for (bad, expected) in [
            (&b"/a"[..], NameProblem::Absolute),
            (b"\\a", NameProblem::Absolute),
            (b"c:a", NameProblem::Absolute),
            (b"C:\\a", NameProblem::Absolute),
            (b"..", NameProblem::Traversal),
            (b"../a", NameProblem::Traversal),
            (b"a/../b", NameProblem::Traversal),
            (b"a\\..\\b", NameProblem::Traversal),
            (b"a/..", NameProblem::Traversal),
        ] {
            assert_eq!(problem(bad), Some(expected), "{}", bad.escape_ascii());
        }
    }
}
