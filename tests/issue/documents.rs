//! The commands of README.md and of the guides, run as they are printed: all `sh` blocks of a document in one shell, in a
//! fresh directory that has a reel of genuine chips (`reel.zip`).
//!
//! A block that cannot run here is marked `sh norun`, and its first line says why.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::support::faulty::reroot_check;
use crate::support::pki::archive;
use crate::support::run::{Run, program, project};

/// Blocks that are marked `sh norun`: one more is one that no test runs.
const NOT_RUN: usize = 34;
/// How such a block begins.
const REASON: &str = "# Not run as printed: ";

/// A fenced block of a document.
struct Block {
    line: usize,
    /// What is after the fence: `sh`, `sh norun`, `toml`.
    language: String,
    text: String,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(document.lines()) {
        match text.trim_start().strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                blocks.push(Block { line, language: language.to_owned(), text: String::new() });
                inside = true;
            }
            None if inside => writeln!(blocks.last_mut().unwrap().text, "{text}").unwrap(),
            None => {}
        }
    }
    blocks
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// README.md and every guide, as paths from the root.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("README.md")];
    let mut folders = vec![PathBuf::from("docs/guide")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(project(folder.to_str().unwrap())).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if project(path.to_str().unwrap()).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn blocks_of(document: &Path) -> Vec<Block> {
    blocks(&read(&project(document.to_str().unwrap())))
}

/// Genuine chips, as ST delivers them.
fn reel() -> Vec<u8> {
    let names = ["0209B0846159E439520139", "020930C56159E439520139", "0209F0204021CC225B0139"];
    let leaves = names.map(|name| std::fs::read(project(&format!("fixtures/st/leaf-{name}.der"))).unwrap());
    let names = names.map(|name| format!("{name}.der"));
    let files: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(leaves.iter().map(|leaf| &leaf[..])).collect();
    archive::zip(&files)
}

fn run_as_printed(document: &Path) {
    let mut script = String::new();
    for block in blocks_of(document).iter().filter(|block| block.language == "sh") {
        // the shell says which block fails
        write!(script, ": {}:{}\n{}", document.display(), block.line, block.text).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    crate::support::judges::put(&folder.path().join("reel.zip"), reel());
    let programs = program().parent().expect("it is in a folder").display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let shell = Run::tool("bash").args(["-euxo", "pipefail", "-c", &script]).folder(folder.path());
    let shell = shell.env("PATH", format!("{programs}:{path}")).env("HOME", folder.path());
    shell.env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1").run().success();
}

#[test]
fn every_guide_runs_as_printed() {
    // beside `reroot`, so that one folder has both
    assert_eq!(Path::new(reroot_check()).parent(), program().parent());
    let guides: Vec<PathBuf> = documents().into_iter().filter(|path| path != Path::new("README.md")).collect();
    let runnable = |path: &&PathBuf| blocks_of(path).iter().any(|block| block.language == "sh");
    let runnable: Vec<&PathBuf> = guides.iter().filter(runnable).collect();
    for tutorial in ["auditor", "hsm", "line", "operator", "policy-author"] {
        let path = PathBuf::from(format!("docs/guide/tutorials/{tutorial}.md"));
        assert!(runnable.contains(&&path), "{} has commands", path.display());
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = runnable.iter().map(|path| scope.spawn(|| run_as_printed(path))).collect();
        for thread in running {
            thread.join().expect("its commands succeed");
        }
    });
}

/// What README.md tells a newcomer to type on a fresh machine takes minutes, so `.ci/run` does it and not this test.
#[test]
fn the_commands_of_the_readme_are_those_of_the_job_that_guards_main() {
    let blocks = blocks_of(Path::new("README.md"));
    let run: Vec<&str> = blocks.iter().filter(|block| block.language == "sh").map(|block| &block.text[..]).collect();
    let expected = ["scripts/tools.sh build && cargo run --release -- quickstart try-reroot\n", "scripts/test.sh\n"];
    assert_eq!(run, expected);
    let job = read(&project(".ci/run"));
    for line in [
        "\nsource scripts/tools.sh test\n",
        "cargo run --locked --release --quiet -- quickstart ",
        "\nscripts/test.sh ",
    ] {
        assert!(job.contains(line), ".ci/run has no {line:?}");
    }
}

#[test]
fn every_block_says_what_it_is_and_why_it_is_not_run() {
    let mut not_run = 0;
    for document in documents() {
        for block in blocks_of(&document) {
            let place = format!("{}:{}", document.display(), block.line);
            let begin = block.text.lines().next().unwrap_or_default().trim_start();
            match &block.language[..] {
                "sh" => {}
                "sh norun" => {
                    let reason = begin.strip_prefix(REASON).unwrap_or_default();
                    assert!(reason.len() > 10, "{place}: a block marked `sh norun` begins with `{REASON}...`");
                    not_run += 1;
                }
                "text" | "toml" | "ini" | "python" => {
                    let command = ["reroot ", "reroot-check ", "cargo ", "openssl ", "$ "]
                        .iter()
                        .find(|word| begin.starts_with(**word));
                    assert!(
                        command.is_none(),
                        "{place}: a block of commands is marked `sh`, or `sh norun` with a reason"
                    );
                }
                other => panic!("{place}: a block marked `{other}`, expected sh, sh norun, text, toml, ini or python"),
            }
        }
    }
    assert_eq!(not_run, NOT_RUN, "blocks that are not run: change NOT_RUN if there is no way to run one");
}

#[test]
fn blocks_are_found_with_their_lines() {
    let found = blocks("a\n```sh\nb\n```\n```sh norun\n# c\n```\n");
    let of = |block: &Block| (block.line, block.language.clone(), block.text.clone());
    let expected = [(2, "sh", "b\n"), (5, "sh norun", "# c\n")];
    let expected = expected.map(|(line, language, text)| (line, language.to_owned(), text.to_owned()));
    assert_eq!(found.iter().map(of).collect::<Vec<_>>(), expected);
}
