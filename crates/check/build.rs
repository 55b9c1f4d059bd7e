//! Records the commit that the programs name in `--version`.
//!
//! The commit is that of `REROOT_COMMIT`, for a build from an archive of the sources, or else git's, in release builds
//! alone: a debug build would be compiled again, with every test that links it, after each commit. Without git, or in a
//! folder that git does not track, the build goes on and the programs say that the commit is unknown.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=REROOT_COMMIT");
    let commit = match std::env::var("REROOT_COMMIT") {
        Ok(commit) if is_commit(&commit) => format!("commit {}", shortened(&commit)),
        Ok(commit) => {
            println!("cargo::error=REROOT_COMMIT is `{commit}`; expected 12 to 64 lower-case hexadecimal digits");
            return;
        }
        Err(_) if std::env::var("PROFILE").as_deref() == Ok("debug") => "development build".to_owned(),
        Err(_) => from_git().unwrap_or_else(|| "commit unknown".to_owned()),
    };
    println!("cargo::rustc-env=REROOT_BUILT_FROM={commit}");
}

fn from_git() -> Option<String> {
    // sources that were unpacked inside of another project's repository have no commit there
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let commit = git(&["rev-parse", "HEAD"]).filter(|commit| is_commit(commit))?;
    for place in [Some("HEAD".to_owned()), Some("packed-refs".to_owned()), git(&["symbolic-ref", "--quiet", "HEAD"])] {
        if let Some(path) = place.and_then(|place| git(&["rev-parse", "--git-path", &place])) {
            watch(&path);
        }
    }
    // what is in the programs: cargo compares the times of all files in a folder
    let top = git(&["rev-parse", "--show-toplevel"])?;
    for part in SOURCES {
        watch(&format!("{top}/{part}"));
    }
    let mut status = vec!["-C", &top, "status", "--porcelain", "--"];
    status.extend(SOURCES);
    let modified = if git(&status)?.is_empty() { "" } else { ", modified" };
    Some(format!("commit {}{modified}", shortened(&commit)))
}

/// What the programs are made of, from the repository's top.
const SOURCES: [&str; 5] = ["Cargo.lock", "Cargo.toml", "crates", "policies", "src"];

/// Cargo runs this program again when the file has changed. One that is missing would count as changed each time.
fn watch(path: &str) {
    if Path::new(path).exists() {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// Returns what git prints, or nothing if git is missing or fails.
fn git(arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").args(arguments).output().ok().filter(|done| done.status.success())?;
    Some(String::from_utf8(done.stdout).ok()?.trim().to_owned())
}

fn is_commit(text: &str) -> bool {
    (12..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn shortened(commit: &str) -> &str {
    &commit[..12]
}
