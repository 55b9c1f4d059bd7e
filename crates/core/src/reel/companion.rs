//! Files that file managers leave beside others: they hold settings and pictures of what is there, and nothing of it.
//!
//! Name and content must both say so. A certificate under such a name is read; a file under a certificate's own name
//! that holds Finder information is a certificate that was lost.

use super::unread::{APPLE_DOUBLE, COMPOUND_FILE, DS_STORE};

/// What a file is that is beside others, if it is one of those.
pub(super) fn of(path: &[u8], head: &[u8]) -> Option<&'static str> {
    let (name, folders) = split(path);
    let is = |one: &[u8]| name.eq_ignore_ascii_case(one);
    let beside = name.len() > 2 && name.starts_with(b"._")
        || folders.split(|byte| is_separator(*byte)).any(|folder| folder == b"__MACOSX" || folder == b".AppleDouble");
    if beside && (head.starts_with(APPLE_DOUBLE) || head.is_empty()) {
        return Some("an AppleDouble file, which macOS keeps beside another file");
    }
    let empty = head.is_empty();
    if is(b".DS_Store") && (empty || head.starts_with(DS_STORE)) {
        return Some("settings of a Finder window (macOS)");
    }
    if (is(b".localized") || name == b"Icon\r") && empty {
        return Some("a mark of the Finder (macOS)");
    }
    if (is(b"Thumbs.db") || is(b"ehthumbs.db")) && (empty || head.starts_with(COMPOUND_FILE)) {
        return Some("thumbnails of a folder (Windows)");
    }
    None
}

/// As [`of`], for a text in which no certificate was found.
pub(super) fn of_text(path: &[u8]) -> Option<&'static str> {
    let (name, _) = split(path);
    let lower = name.to_ascii_lowercase();
    match lower.as_slice() {
        b"desktop.ini" => Some("settings of a folder (Windows)"),
        b".directory" => Some("settings of a folder (KDE)"),
        _ if lower.ends_with(b":zone.identifier") => Some("the origin of a downloaded file (Windows)"),
        _ => None,
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| is_separator(*byte)) {
        Some(at) => (&path[at + 1..], &path[..at]),
        None => (path, b""),
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}
