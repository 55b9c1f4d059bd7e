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
    let mut broken = Vec::new();
    for document in texts().iter().filter(|path| has_extension(path, &["md"])) {
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

/// Comments, messages and scripts name documents and verifiers by their path from the root.
#[test]
fn documents_that_are_named_exist() {
    let mut missing = Vec::new();
    for file in texts() {
        let text = read(&file);
        for folder in ["docs/", "verifier/"] {
            for (at, _) in text.match_indices(folder) {
                if let Some(path) = named_path(&text, at).filter(|path| !root().join(path).exists()) {
                    missing.push(format!("{}: {path}", file.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "paths that do not exist:\n{}", missing.join("\n"));
}

/// The path that begins at a place of a text; none where the place is inside another path or a URL.
fn named_path(text: &str, at: usize) -> Option<&str> {
    let before = text[..at].trim_end_matches("../").chars().next_back();
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_.-/".contains(character);
    let climbs = text[..at].ends_with("../") || text[..at].ends_with("\"/");
    if !climbs && before.is_some_and(is_part) {
        return None;
    }
    let path = &text[at..];
    let path = &path[..path.find(|character| !is_part(character)).unwrap_or(path.len())];
    Some(path.trim_end_matches(['.', '-']))
}

#[test]
fn paths_are_found_in_comments_strings_and_sentences() {
    let named = |text: &str| named_path(text, text.find("docs/").unwrap()).map(str::to_owned);
    assert_eq!(named("//! as docs/guide/hsm.md says"), Some("docs/guide/hsm.md".to_owned()));
    assert_eq!(named("see `docs/adr`."), Some("docs/adr".to_owned()));
    assert_eq!(named("Read docs/guide/hsm.md."), Some("docs/guide/hsm.md".to_owned()));
    assert_eq!(named("\"../../docs/guide/hsm.md\""), Some("docs/guide/hsm.md".to_owned()));
    assert_eq!(named("\"/docs/guide/hsm.md\""), Some("docs/guide/hsm.md".to_owned()));
    assert_eq!(named("https://example.com/docs/x"), None);
    assert_eq!(named("crates/core/docs/x"), None);
}

/// A reader has this repository and nothing else: no text refers to a document that is not in it.
#[test]
fn no_text_refers_to_a_document_that_is_not_here() {
    let elsewhere = ["design §", "design, §", "st-facts", "house rule", "house style", "house-style", "issue point"];
    let mut found = Vec::new();
    for file in texts().iter().filter(|file| !file.ends_with("tests/check/docs.rs")) {
        for (number, line) in read(file).lines().enumerate() {
            if elsewhere.iter().any(|name| line.contains(name)) {
                found.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "references to documents that are not in the repository:\n{}", found.join("\n"));
}

/// The decisions are numbered without a gap, and the list of them names each one.
#[test]
fn every_decision_has_its_number_and_is_listed() {
    let folder = root().join("docs/adr");
    let list = read(&folder.join("README.md"));
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    for (name, number) in names.iter().zip(1..) {
        assert!(name.starts_with(&format!("{number:04}-")), "{name} should have the number {number:04}");
        let title = format!("# {number}. ");
        let text = read(&folder.join(name));
        let question = text.lines().next().and_then(|line| line.strip_prefix(&title));
        let question = question.unwrap_or_else(|| panic!("{name} begins with `{title}`"));
        assert!(list.contains(&format!("- [{number:04}]({name}) {question}\n")), "README.md lists {name}");
    }
    assert!(!names.is_empty());
}

/// The changelog has an entry for this version, or an open one.
#[test]
fn the_changelog_knows_this_version() {
    let changelog = read(&root().join("CHANGELOG.md"));
    let headings: BTreeSet<&str> = changelog.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let version = format!("[{}]", env!("CARGO_PKG_VERSION"));
    assert!(headings.iter().any(|heading| heading.starts_with(&version) || *heading == "[Unreleased]"));
}

/// The walk through the code names files by their path from the root, or from a crate's folder or sources.
#[test]
fn the_walk_through_the_code_names_files_that_exist() {
    let bases = ["", "crates/", "crates/core/src/", "crates/issue/src/"].map(|base| root().join(base));
    let walk = read(&root().join("docs/guide/architecture.md"));
    let quoted = walk.split('`').skip(1).step_by(2);
    let paths: Vec<&str> = quoted.filter(|text| text.contains('/') && !text.contains(' ')).collect();
    let missing: Vec<&&str> = paths.iter().filter(|path| !bases.iter().any(|base| base.join(path).exists())).collect();
    assert!(paths.len() > 20 && missing.is_empty(), "files that do not exist: {missing:?}");
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one))
}

/// The repository's files that people write, without what is built and without what earlier programs wrote.
fn texts() -> Vec<PathBuf> {
    let mut folders = vec![root().to_owned()];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            let inside = path.strip_prefix(root()).expect("it is inside");
            let skipped = [
                ".git",
                "target",
                "fuzz/target",
                "fuzz/corpus",
                "fuzz/artifacts",
                "fixtures/past",
                // packages of others
                "tests/service/browser/node_modules",
            ];
            if skipped.iter().any(|name| inside == Path::new(name)) {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if has_extension(&path, &["md", "rs", "py", "sh", "toml", "txt"]) || path.ends_with(".ci/run") {
                texts.push(path);
            }
        }
    }
    texts.sort();
    texts
}
