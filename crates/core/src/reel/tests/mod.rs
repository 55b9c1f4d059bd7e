//! Inputs through the front door of the stage. Archives are built byte by byte: no library writes hostile ones.
#![expect(clippy::disallowed_methods, reason = "tests make the files that they read")]

mod archives;
mod directories;
mod files;
mod forms;
mod hostile_zip;
mod limits;
mod suites;
mod text;
mod zip_writer;

use std::ops::ControlFlow;
use std::path::Path;

use super::*;

/// Genuine leaves, 413, 413 and 402 bytes.
pub(super) fn leaf(n: usize) -> Vec<u8> {
    let name = ["0209B0846159E439520139", "020930C56159E439520139", "0209F0204021CC225B0139"][n];
    std::fs::read(fixture(&format!("leaf-{name}.der"))).unwrap()
}

pub(super) fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/st").join(name)
}

pub(super) fn base64(der: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(der)
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let body = base64(der);
    let lines: Vec<&str> = (0..body.len()).step_by(64).map(|at| &body[at..body.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Reads an input and returns its items, having checked what must hold for every input.
pub(super) fn items_of(input: &Input, stdin: Option<&[u8]>, limits: &Limits) -> (Vec<Item>, Vec<InputRecord>) {
    let scratch = tempfile::tempdir().unwrap();
    let mut items = Vec::new();
    let mut stdin = stdin;
    let stdin = stdin.as_mut().map(|stdin| stdin as &mut dyn std::io::Read);
    let records = read(input, stdin, limits, scratch.path(), &mut |item| {
        items.push(item);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing stays in the scratch directory");
    let mut names: Vec<&str> = items.iter().map(|item| name(item).as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "an item came twice: {names:?}");
    for item in &items {
        if let Item::Finding(finding) = item {
            let known = CODES.iter().find(|(code, _)| *code == finding.code).expect("a code of the table");
            let word = finding.disposition.as_str();
            assert!(known.1.starts_with(word) || known.1.contains(word), "{known:?} is {word} here");
            assert!(is_safe(&finding.reason), "{}", finding.reason);
        }
    }
    (items, records)
}

/// Nothing of an input in it but printable ASCII; our own words may cite a paragraph.
pub(super) fn is_safe(text: &str) -> bool {
    text.chars().all(|character| matches!(character, ' '..='~' | '§'))
}

pub(super) fn name(item: &Item) -> &crate::origin::ItemName {
    match item {
        Item::Candidate(leaf) => &leaf.item,
        Item::Finding(finding) => &finding.item,
    }
}

/// One line an item: name, what became of it, bytes or code.
pub(super) fn lines(items: &[Item]) -> Vec<String> {
    let line = |item: &Item| match item {
        Item::Candidate(leaf) => format!("{} candidate {}", leaf.item, leaf.der.len()),
        Item::Finding(finding) => format!("{} {} {}", finding.item, finding.disposition.as_str(), finding.code),
    };
    items.iter().map(line).collect()
}

/// What a file of this name and content holds; the name is shown as `@`.
pub(super) fn held_with(file_name: &str, content: &[u8], limits: &Limits) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file_name);
    std::fs::write(&path, content).unwrap();
    let (items, records) = items_of(&Input::Path(path), None, limits);
    let lines: Vec<String> = lines(&items);
    if let [record] = &records[..] {
        assert_eq!(record.sha256, crate::crypto::sha256(content), "the digest is that of the file");
        assert_eq!((record.bytes, record.name.as_str()), (content.len() as u64, file_name));
    } else {
        assert!(lines.last().is_some_and(|line| line.contains("reel.limit.")), "{lines:?}");
    }
    lines.iter().map(|line| line.replacen(file_name, "@", 1)).collect()
}

pub(super) fn held(file_name: &str, content: &[u8]) -> Vec<String> {
    held_with(file_name, content, &Limits::default())
}

/// The candidates of a content, which must hold nothing else.
pub(super) fn candidates(content: &[u8]) -> Vec<Vec<u8>> {
    let (items, _) = items_of(&Input::Stdin, Some(content), &Limits::default());
    let der = |item: Item| match item {
        Item::Candidate(leaf) => leaf.der,
        Item::Finding(finding) => panic!("{finding:?}"),
    };
    items.into_iter().map(der).collect()
}
