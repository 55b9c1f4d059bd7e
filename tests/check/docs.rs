//! What the documents say is what the program does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The operator guide lists every exit code of the program and no other, in order.
#[test]
fn the_exit_codes_of_the_operator_guide_are_those_of_the_program() {
    let code = read(&root().join("crates/check/src/exit.rs"));
    let numbers = code.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => "));
    let program: Vec<u8> = numbers.filter_map(|(_, number)| number.trim_end_matches(',').parse().ok()).collect();

    let guide = read(&root().join("docs/guide/operator-guide.md"));
    let (_, table) = guide.split_once("<!-- exit codes -->").expect("the table is marked");
    let rows = table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let guide: Vec<u8> = rows.filter_map(|row| row.split('|').nth(1)?.trim().parse().ok()).collect();

    assert!(!program.is_empty(), "crates/check/src/exit.rs maps `Self::Name => number`");
    assert_eq!(guide, program);
}

/// Every relative link in a document leads to a file.
#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents: Vec<PathBuf> = Vec::new();
    for folder in [".", "docs", "fixtures", "fixtures/st"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            documents.push(entry.unwrap().path());
        }
    }
    let mut broken = Vec::new();
    for document in documents.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = read(document);
        for after in text.split("](").skip(1) {
            let target = after.split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') && !document.with_file_name("").join(target).exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// The changelog has an entry for this version, or an open one.
#[test]
fn the_changelog_knows_this_version() {
    let changelog = read(&root().join("CHANGELOG.md"));
    let headings: BTreeSet<&str> = changelog.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let version = format!("[{}]", env!("CARGO_PKG_VERSION"));
    assert!(headings.iter().any(|heading| heading.starts_with(&version) || *heading == "[Unreleased]"));
}
