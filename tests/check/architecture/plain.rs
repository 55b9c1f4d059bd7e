//! Plain English: words that have one plain counterpart are in no text, document or transcript; "octet" is in no comment and
//! no name either.

use std::path::Path;

use super::words::literals;
use super::{report, root, source};

/// A word that is not used, and what is written in its place.
const WORDS: &[(&str, &str)] = &[
    ("octet", "byte"),
    ("octets", "bytes"),
    ("whoever", "the actor: the caller, the CA, an auditor"),
    ("somebody", "the actor"),
    ("nobody", "the actor, with `not`"),
    ("anew", "again"),
    ("another house", "an external CA"),
    ("to be believed", "failed verification"),
    ("leave away", "omit"),
    ("leaves away", "omits"),
    ("left away", "omitted"),
    ("begun", "started"),
];

/// What stays in every file: terms of ASN.1 and of policies, keys of JSON, a media type.
const TERMS: &[&str] = &[
    "OCTET STRING",
    "`octets`",
    "octets = ",
    "\"octets\"",
    "max_octets",
    "in-octet-string",
    "octet-string",
    "octet-stream",
];

/// Files with the reasons of findings. These are in `rejected.jsonl`, whose digest is sealed: a reason that changes would
/// keep a batch that is sealed and not yet published from being published again.
const REASONS: &[&str] = &[
    "crates/core/src/crypto/",
    "crates/core/src/intake/",
    "crates/core/src/lint/",
    "crates/core/src/origin/",
    "crates/core/src/policy/bind.rs",
    "crates/core/src/policy/field/validity.rs",
    "crates/core/src/reel/",
    "crates/core/src/verify/",
    "crates/core/src/x509/",
    "crates/issue/src/ledger/standing.rs",
    "crates/issue/src/pipeline/code.rs",
    "crates/issue/src/pipeline/settle.rs",
];

/// Reasons as transcripts show them, and the name of a policy that does not exist.
const SHOWN: &[&str] = &["which DER leaves away", "tbsCertificate of 210 octets", "--policy nobody", "policy `nobody`"];

/// Names that others have given: of ASN.1, of RFC 6979, of the standard library.
const NAMES: &[&str] =
    &["OCTET_STRING", "octet_string", "OctetString", "int2octets", "bits2octets", "address.octets()"];

/// The words in a text, each with its counterpart.
fn found_in(place: &str, text: &str) -> Vec<String> {
    let mut text = text.replace("\\n", " ");
    for kept in TERMS.iter().chain(SHOWN) {
        text = text.replace(kept, "");
    }
    let flat = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let is_word = |word: &&(&str, &str)| {
        flat.match_indices(word.0).any(|(at, found)| {
            let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !letter(flat[..at].chars().next_back()) && !letter(flat[at + found.len()..].chars().next())
        })
    };
    WORDS.iter().filter(is_word).map(|(word, plain)| format!("{place}: `{word}`, write `{plain}`")).collect()
}

/// Files below a folder with one of these endings, by their place from the root.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        let place = path.strip_prefix(root()).expect("it is inside").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&place, endings));
        } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
            found.push((place, std::fs::read_to_string(&path).expect("it is text")));
        }
    }
    found
}

fn is_test(place: &str) -> bool {
    Path::new(place).components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        ["tests", "testing", "examples", "benches", "fixtures"].contains(&part.trim_end_matches(".rs"))
    })
}

fn sources() -> Vec<(String, String)> {
    ["crates", "src"].iter().flat_map(|folder| files(folder, &["rs"])).filter(|(place, _)| !is_test(place)).collect()
}

#[test]
fn texts_of_the_programs_are_in_plain_english() {
    let mut found = Vec::new();
    for (place, text) in sources() {
        if REASONS.iter().any(|file| place.starts_with(file)) {
            continue;
        }
        for (line, literal) in literals(&text).into_iter().filter(|(_, literal)| literal != "octets") {
            found.extend(found_in(&format!("{place}:{line}"), &literal));
        }
    }
    report("words that have a plain counterpart", &found);
}

#[test]
fn documents_and_transcripts_are_in_plain_english() {
    let mut found = Vec::new();
    let folders =
        [("docs", &["md"][..]), ("tests/cli", &["txt"]), ("fixtures/golden", &["txt"]), ("policies", &["toml"])];
    let mut documents: Vec<_> = folders.iter().flat_map(|(folder, endings)| files(folder, endings)).collect();
    for name in ["README.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md"] {
        documents.push((name.to_owned(), std::fs::read_to_string(root().join(name)).expect("it is there")));
    }
    // these show texts of the sources, reasons of findings among them
    documents.retain(|(place, _)| !["docs/reference/errors.md", "tests/cli/certificates.txt"].contains(&&place[..]));
    for (place, text) in documents {
        for (line, text) in (1..).zip(text.lines()) {
            found.extend(found_in(&format!("{place}:{line}"), text));
        }
    }
    report("words that have a plain counterpart", &found);
}

/// In code and comments too, but for quoted sentences and the reasons of findings.
#[test]
fn bytes_are_called_bytes() {
    let mut found = Vec::new();
    for (place, text) in sources() {
        let reasons = REASONS.iter().any(|file| place.starts_with(file));
        for (line, text) in (1..).zip(text.lines()) {
            let quoted = ["RFC ", "X.690 "].iter().any(|source| text.contains(source)) && text.contains('"');
            let mut rest = text.to_owned();
            for kept in TERMS.iter().chain(NAMES) {
                rest = rest.replace(kept, "");
            }
            if rest.to_lowercase().contains("octet") && !quoted && !(reasons && text.contains('"')) {
                found.push(format!("{place}:{line}: {}", text.trim()));
            }
        }
    }
    report("an octet is called a byte", &found);
}

#[test]
fn planted_words_are_found() {
    let found = |text: &str| found_in("planted", text).len();
    assert_eq!(found("Somebody else made it anew."), 2);
    assert_eq!(found("a CA of another\n   house"), 1);
    assert_eq!(found("20 octets in an OCTET STRING, as `octets` = ..."), 1);
    assert_eq!(found("the bytes of `octets`, renewed and beginning again"), 0);
    assert!(is_test("crates/core/src/reel/tests/text.rs") && !is_test("crates/core/src/reel/text.rs"));
    assert!(source::files(&root().join("src")).len() > 20 && sources().len() > 400);
}
