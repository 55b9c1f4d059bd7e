//! Programs of other packages of the workspace: the tool that lets system calls go wrong, and the auditor's program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::run::project;

/// The tool that lets system calls go wrong.
pub fn faulty() -> &'static str {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("faulty-system")).to_str().expect("the path is UTF-8")
}

/// The auditor's program, `reroot-check`.
pub fn reroot_check() -> &'static str {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("reroot-check")).to_str().expect("the path is UTF-8")
}

/// Cargo builds no program for the tests of another package, so it is built here, once per process, into the folder that
/// this test was built into.
fn built(package: &str) -> PathBuf {
    built_with(package, &[]).join(package)
}

/// The example `name` of `package`.
pub fn example(package: &str, name: &str) -> PathBuf {
    built_with(package, &["--example", name]).join("examples").join(name)
}

fn built_with(package: &str, more: &[&str]) -> PathBuf {
    let binary = std::env::current_exe().expect("this test is a file");
    let profile = binary.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--package", package]).args(more).arg("--manifest-path");
    cargo.arg(project("Cargo.toml"));
    cargo.arg("--target-dir").arg(profile.parent().expect("target/<profile>"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().unwrap_or_else(|error| panic!("{cargo:?}: {error}"));
    assert!(output.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&output.stderr));
    profile.to_owned()
}
