//! Programs of other packages of the workspace: the tool that lets system calls go wrong, and the auditor's program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::run::project;

/// The tool that lets system calls go wrong.
pub fn faulty() -> &'static str {
    program("faulty-system")
}

/// The auditor's program, `reroot-check`.
pub fn reroot_check() -> &'static str {
    program("reroot-check")
}

/// An example of one of the crates.
pub fn example(name: &str) -> PathBuf {
    built().join("examples").join(name)
}

fn program(name: &str) -> &'static str {
    built().join(name).leak().to_str().expect("the path is UTF-8")
}

/// Cargo builds no program for the tests of another package, so this builds them, once per process, into the folder that
/// this test was built into. It builds all of them as parts of the whole workspace: then what they depend on has the
/// features that it has for the tests, and Cargo compiles none of it a second time.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn build() -> PathBuf {
    let binary = std::env::current_exe().expect("this test is a file");
    let profile = binary.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--workspace", "--bin", "faulty-system", "--bin", "reroot-check"]);
    cargo.args(["--example", "check_proof", "--example", "issue", "--manifest-path"]).arg(project("Cargo.toml"));
    cargo.arg("--target-dir").arg(profile.parent().expect("target/<profile>"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().unwrap_or_else(|error| panic!("{cargo:?}: {error}"));
    assert!(output.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&output.stderr));
    profile.to_owned()
}
