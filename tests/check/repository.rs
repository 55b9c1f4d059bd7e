//! What the repository says of itself: dependencies are declared where they are used and nowhere else, and scripts name
//! the tests that they skip.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::source::{self, Placed, Token};

/// Every package of the repository, with the folder of its program code and those of its tests.
const PACKAGES: [(&str, &[&str], &[&str]); 12] = [
    (".", &["src"], &["src", "tests/check", "tests/crash", "tests/hostile", "tests/issue", "benches", "examples"]),
    ("crates/check", &["src"], &["src"]),
    ("crates/cluster-model", &["src"], &["src", "tests"]),
    ("crates/core", &["src"], &["src"]),
    ("crates/issue", &["src"], &["src"]),
    ("crates/p256-batch", &["src"], &["src"]),
    ("crates/p256-sign", &["src"], &["src", "tests", "benches", "examples"]),
    ("crates/pkcs11-pool", &["src"], &["src"]),
    ("tests/support", &["src"], &["src"]),
    ("tools/faulty-pkcs11", &["src"], &[]),
    ("tools/faulty-system", &["src"], &[]),
    ("fuzz", &["fuzz_targets"], &[]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(package: &str, folders: &[&str]) -> Vec<PathBuf> {
    let folders = folders.iter().map(|folder| root().join(package).join(folder));
    folders.filter(|folder| folder.is_dir()).flat_map(|folder| source::files(&folder)).collect()
}

/// The names that can be those of other crates: they begin a path, or are what a `use` names. `tests` says whether the
/// items under `#[cfg(test)]` count.
fn crates_named_in(text: &str, tests: bool) -> BTreeSet<String> {
    let all = source::tokens(text);
    let tokens = if tests { all } else { source::without_tests(&all).0 };
    let word = |at: usize| match tokens.get(at) {
        Some(Placed { token: Token::Word(word), .. }) => Some(word.as_str()),
        _ => None,
    };
    let mark = |at: usize, mark: char| tokens.get(at).is_some_and(|placed| placed.token == Token::Mark(mark));
    // a module of the file's own hides the crate
    let own: BTreeSet<&str> = (1..tokens.len()).filter(|at| word(at - 1) == Some("mod")).filter_map(word).collect();
    let mut named = BTreeSet::new();
    for at in 0..tokens.len() {
        let Some(name) = word(at).filter(|name| !own.contains(name)) else { continue };
        let begins = at < 2 || !(mark(at - 1, ':') && mark(at - 2, ':'));
        let is_path = mark(at + 1, ':') && mark(at + 2, ':');
        let is_used = at > 0 && word(at - 1) == Some("use");
        if begins && (is_path || is_used) && !(at > 0 && mark(at - 1, '.')) {
            named.insert(name.to_owned());
        }
    }
    named
}

fn unused(manifest: &toml::Table, table: &str, named: &BTreeSet<String>) -> Vec<String> {
    let declared = manifest.get(table).and_then(toml::Value::as_table);
    let names = declared.into_iter().flat_map(toml::Table::keys);
    let library = |name: &str| {
        let differs = LIBRARIES.iter().find(|(package, _)| *package == name);
        differs.map_or_else(|| name.replace('-', "_"), |(_, library)| (*library).to_owned())
    };
    names.filter(|name| !named.contains(&library(name))).cloned().collect()
}

/// Packages whose library has another name.
const LIBRARIES: [(&str, &str); 1] = [("rustls-webpki", "webpki")];

#[test]
fn every_dependency_is_used_where_it_is_declared() {
    let mut found = Vec::new();
    for (package, program, tests) in PACKAGES {
        let path = root().join(package).join("Cargo.toml");
        let manifest: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for (table, folders, with_tests) in
            [("dependencies", program, false), ("dev-dependencies", tests, true), ("build-dependencies", &["."], true)]
        {
            // of the package itself, the build script is beside the folders
            let files = if table == "build-dependencies" {
                Some(root().join(package).join("build.rs")).filter(|file| file.exists()).into_iter().collect()
            } else {
                files(package, folders)
            };
            let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
            let named: BTreeSet<String> = texts.flat_map(|text| crates_named_in(&text, with_tests)).collect();
            found.extend(unused(&manifest, table, &named).iter().map(|name| format!("{package}: [{table}] {name}")));
        }
    }
    assert_eq!(found, Vec::<String>::new(), "declared and not used: drop them, or move them to the table that fits");
}

#[test]
fn the_check_of_dependencies_sees_what_is_used_and_nothing_else() {
    let named = |text: &str| crates_named_in(text, false).into_iter().collect::<Vec<_>>();
    assert_eq!(named("use hex; fn f() { tar::open(); time::now() }"), ["hex", "tar", "time"]);
    assert_eq!(named("// serde::x\nfn f() { let s = \"toml::y\"; }"), Vec::<String>::new());
    assert_eq!(named("mod zip; pub use zip::Writer; use super::tar::Reader;"), ["super"]);
    assert_eq!(named("#[cfg(test)] mod tests { use ring::x; }"), Vec::<String>::new());
    let manifest = "[dependencies]\nx509-cert = \"1\"\nhex = \"1\"\n".parse().unwrap();
    assert_eq!(unused(&manifest, "dependencies", &BTreeSet::from(["hex".to_owned()])), ["x509-cert"]);
}

/// `scripts/test.sh` skips these by name where the data is missing; one that is not on its list would fail there.
#[test]
fn the_tests_that_need_test_data_are_those_that_the_script_skips() {
    let mut need = BTreeSet::new();
    let folders = ["src", "tests", "crates/check/src", "crates/core/src", "crates/issue/src"];
    for file in files(".", &folders).iter().filter(|file| !file.ends_with("tests/check/repository.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        for test in text.split("#[test]\n").skip(1) {
            // the test ends with its function
            let body = test.split("\n}\n").next().unwrap();
            if ["= testdata();", "= real();"].iter().any(|call| body.contains(call)) {
                let name = body.split("fn ").nth(1).unwrap().split('(').next().unwrap();
                need.insert(name.to_owned());
            }
        }
    }
    let script = std::fs::read_to_string(root().join("scripts/test.sh")).unwrap();
    let list = script.split("needs_testdata=(\n").nth(1).unwrap().split("\n)").next().unwrap();
    let listed: BTreeSet<String> = list.lines().map(|line| line.trim().to_owned()).collect();
    assert_eq!(need, listed);
    assert!(need.len() > 5);
}

/// Variables that make tests write what they compare with are for people: no script sets them, and the one that runs
/// the tests takes them away.
#[test]
fn no_script_lets_tests_write_what_they_compare_with() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    assert!(read("scripts/test.sh").contains("\nunset REROOT_BLESS REROOT_UPDATE\n"));
    for path in [".ci/run", "scripts/test.sh", "scripts/tools.sh"] {
        for line in read(path).lines().filter(|line| !line.trim_start().starts_with('#')) {
            let sets = ["REROOT_BLESS=", "REROOT_UPDATE="].iter().any(|name| line.contains(name));
            assert!(!sets, "{path}: {line}");
        }
    }
}
