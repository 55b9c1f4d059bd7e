//! The hostile corpus: thousands of certificates and archives shaped like ST's, made by `tests/hostile/generate.py`,
//! which shares no code with this program, and what must become of every item of them.
//!
//! Each thing that must be refused is next to one that must be accepted, and is refused for its own reason: the
//! codes are compared too, so that a leaf that fails for another one is not taken for a success.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::run::{Finished, Run, project};

#[test]
fn every_item_of_the_hostile_corpus_gets_its_verdict() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let (corpus, again) = (folder.path().join("corpus"), folder.path().join("again"));
    // other hash seeds: the corpus must not depend on an order that Python chooses
    let digests = std::thread::scope(|scope| {
        [(&corpus, "1"), (&again, "2")]
            .map(|(target, seed)| scope.spawn(move || generate(target, seed)))
            .map(|thread| thread.join().expect("the generator runs"))
    });
    assert_eq!(digests[0], digests[1], "the corpus is the same every time");

    let scratch = folder.path().join("scratch");
    make_folder(&scratch);
    let before = files(&corpus);
    let index = std::fs::read(corpus.join("corpus.json")).expect("the corpus has an index");
    let runs: Vec<Value> = serde_json::from_slice(&index).expect("JSON");
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let outcomes: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let work = || {
            let (mut items, mut faults) = (0, Vec::new());
            while let Some(case) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                items += judge(&corpus, &scratch, case, &mut faults);
            }
            (items, faults)
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("judging does not panic")).collect()
    });
    let items: usize = outcomes.iter().map(|(items, _)| items).sum();
    let faults: Vec<String> = outcomes.into_iter().flat_map(|(_, faults)| faults).collect();
    assert!(faults.is_empty(), "{} of {items} items:\n{}", faults.len(), faults[..faults.len().min(40)].join("\n"));
    assert!(items > 6_000, "{items} items");
    assert_eq!(files(&corpus), before, "reading an archive writes nothing");
    assert_eq!(files(&scratch), BTreeSet::new(), "scratch files have no names");
}

fn generate(target: &Path, seed: &str) -> String {
    let generator = project("tests/hostile/generate.py");
    Run::venv("python").env("PYTHONHASHSEED", seed).arg("-B").arg(generator).arg(target).run().success().out()
}

/// Runs one case in both formats; how many items it has.
fn judge(corpus: &Path, scratch: &Path, case: &Value, faults: &mut Vec<String>) -> usize {
    let name = text(case, "run");
    let items = case["items"].as_object().expect("items");
    let finished = inspect(corpus, scratch, case, "json");
    let mut fault = |what: String| faults.push(format!("{name}: {what}"));
    let rejected = items.values().any(|item| item["verdict"] == "rejected") || !case["expect"].is_null();
    // an input that yields no certificate is never passed over; one of a CA is a certificate
    let codes = |item: &Value| item["codes"].as_array().expect("codes").clone();
    let of_no_certificate = |code: &Value| code.as_str().is_some_and(|code| code.starts_with("reel."));
    let nothing = items.values().all(|item| item["verdict"] == "ignored" && codes(item).iter().all(of_no_certificate));
    if finished.code != Some(i32::from(rejected || nothing)) {
        fault(format!("exit code {:?}, {}", finished.code, finished.err()));
        return items.len();
    }
    let seen: Value = serde_json::from_slice(&finished.stdout).expect("JSON");
    let mut found = BTreeMap::new();
    for entry in seen["entries"].as_array().expect("entries") {
        let item = text(entry, "item");
        let findings = entry["findings"].as_array().expect("one list an item");
        let first = findings.iter().find(|finding| finding["disposition"] != "noted");
        if found.insert(item, first).is_some() {
            fault(format!("{item} appears twice"));
        }
    }
    for (item, expected) in items {
        let got = match found.remove(item.as_str()) {
            None => ("absent", "", ""),
            Some(None) => ("accepted", "", ""),
            Some(Some(finding)) => (text(finding, "disposition"), text(finding, "code"), text(finding, "reason")),
        };
        let codes: Vec<&str> = expected["codes"].as_array().expect("codes").iter().filter_map(Value::as_str).collect();
        // a code that ends in a dot stands for all codes that begin with it
        let fits = |code: &&str| *code == got.1 || (code.ends_with('.') && got.1.starts_with(code));
        if got.0 != text(expected, "verdict") || !(codes.is_empty() || codes.iter().any(fits)) {
            fault(format!(
                "{item}: expected {} {codes:?} ({}), found {got:?}",
                expected["verdict"], expected["clause"]
            ));
        }
    }
    for item in found.keys() {
        fault(format!("{item} is no item of the corpus"));
    }

    let people = inspect(corpus, scratch, case, "text");
    for output in [&finished.stdout, &finished.stderr, &people.stdout, &people.stderr] {
        if let Some(character) = unsafe_character(output) {
            fault(format!("{character:?} is printed as it came"));
        }
    }
    let people = people.out();
    let hints = people.lines().filter(|line| line.starts_with("  hint: ")).count();
    let groups = people.lines().filter(|line| line.ends_with(']') && !line.starts_with(' ')).count();
    if hints != groups {
        fault(format!("{groups} groups of findings, {hints} hints:\n{people}"));
    }
    items.len()
}

fn inspect(corpus: &Path, scratch: &Path, case: &Value, format: &str) -> Finished {
    let list = |key: &str| case[key].as_array().expect("a list").iter().filter_map(Value::as_str);
    let folder = corpus.join(text(case, "run"));
    let mut run = Run::reroot(&folder).args(["inspect", "--verify", "--format", format]).env("TMPDIR", scratch);
    for anchor in list("anchors") {
        run = run.arg("--source-anchor").arg(corpus.join(anchor));
    }
    if let Some(policy) = case["policy"].as_str() {
        run = run.arg("--policy").arg(corpus.join(policy));
    }
    if let Some(expected) = case["expect"].as_str() {
        run = run.args(["--expect", expected]);
    }
    if let Some(stdin) = case["stdin"].as_str() {
        run = run.stdin(std::fs::read(folder.join(stdin)).expect("what is read from standard input"));
    }
    run.args(list("inputs")).run()
}

/// What is neither printable ASCII nor a sign of our own texts.
fn unsafe_character(output: &[u8]) -> Option<char> {
    let text = String::from_utf8_lossy(output);
    text.chars().find(|character| !matches!(character, '\n' | ' '..='~' | '§' | '×'))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is missing in {value}"))
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.insert(path);
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "a scratch folder of a test")]
fn make_folder(path: &Path) {
    std::fs::create_dir(path).expect("a scratch folder");
}
