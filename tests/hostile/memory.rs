//! Archives that are small and make millions of findings: memory stays below the bound that docs/guide/performance.md states.
//!
//! `REROOT_LONG=1` tries it with the most items that an input may have.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which clippy takes for a program"
)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::golden::Case;
use crate::support::pki::{archive, variants};
use crate::support::run::Run;
use crate::support::workshop::Workshop;

/// Peak memory in MiB that no command may exceed: the bound of docs/guide/performance.md. The few leaves need nothing beside.
const BOUND: u64 = 150;

/// Runs a command, its data to a file, and says how much memory it had at most, in KiB, and how it ended.
const PEAK: &str = "
import resource, subprocess, sys
with open(sys.argv[1], 'wb') as out:
    code = subprocess.run(sys.argv[2:], stdout=out).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, code)
";

const BAD_BLOCK: &[u8] = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";

fn long() -> bool {
    std::env::var_os("REROOT_LONG").is_some_and(|value| value != "0")
}

/// Runs a command of `reroot` below the bound.
fn bounded(workshop: &Workshop, out: &str, code: i32, args: &[&str]) {
    let run = Run::tool("python3").args(["-c", PEAK, out, env!("CARGO_BIN_EXE_reroot")]).args(args);
    let finished = run.folder(workshop.folder()).run().success();
    let said = finished.out();
    let (peak, ended) = said.trim().split_once(' ').unwrap();
    assert_eq!(ended, code.to_string(), "{args:?}: {}", finished.err());
    let peak = peak.parse::<u64>().unwrap() / 1024;
    say(&format!("{peak} MiB: {}", args.join(" ")));
    assert!(peak < BOUND, "{args:?} took {peak} MiB");
}

#[expect(clippy::print_stderr, reason = "what was measured must be seen")]
fn say(text: &str) {
    eprintln!("{text}");
}

fn lines(path: &Path) -> u64 {
    BufReader::new(File::open(path).unwrap()).split(b'\n').map(Result::unwrap).count() as u64
}

fn same(one: &Path, other: &Path) -> bool {
    let (mut one, mut other) = (BufReader::new(File::open(one).unwrap()), BufReader::new(File::open(other).unwrap()));
    loop {
        let (left, right) = (one.fill_buf().unwrap(), other.fill_buf().unwrap());
        let length = left.len().min(right.len());
        if left[..length] != right[..length] || (length == 0 && left.len() != right.len()) {
            return false;
        }
        if length == 0 {
            return true;
        }
        one.consume(length);
        other.consume(length);
    }
}

/// A text file of so many bad PEM blocks, which compress 120 times.
fn bad_blocks(path: &Path, count: u64) {
    let mut file = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
    let block = BAD_BLOCK.repeat(1_000);
    for _ in 0..count / 1_000 {
        file.write_all(&block).unwrap();
    }
    file.finish().unwrap();
}

#[test]
fn a_million_findings_fit_into_the_memory_of_a_thousand() {
    let count: u64 = if long() { 19_999_000 } else { 1_000_000 };
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..5);
    bad_blocks(&workshop.path("bad.pem.gz"), count);
    let archive = std::fs::metadata(workshop.path("bad.pem.gz")).unwrap().len();
    say(&format!("{count} bad blocks in {archive} bytes"));

    let look = ["inspect", "bad.pem.gz", "--verify", "--config", "pki/reroot.toml", "--policy", "policy.toml"];
    bounded(&workshop, "inspect.txt", 1, &[&look[..], &["--findings", "all.jsonl"]].concat());
    let text = std::fs::read_to_string(workshop.path("inspect.txt")).unwrap();
    assert!(text.contains(&format!("{count} rejected [reel.pem.base64]\n")), "{}", &text[..500]);
    assert_eq!(text.lines().filter(|line| line.starts_with("  bad.pem.gz#")).count(), 1_000);
    let more = format!("  ... and {} more (--findings FILE lists all)\n", count - 1_000);
    assert!(text.contains(&more), "{}", &text[text.len() - 500..]);
    assert_eq!(lines(&workshop.path("all.jsonl")), count);

    bounded(&workshop, "inspect.json", 1, &[&look[..], &["--format", "json"]].concat());
    let entries = BufReader::new(File::open(workshop.path("inspect.json")).unwrap()).lines();
    let entries = entries.filter(|line| line.as_ref().unwrap().starts_with("    {\"findings\":["));
    assert_eq!(entries.count() as u64, count, "one record an item");

    let issue = ["issue", "reel.zip", "bad.pem.gz", "--policy", "policy.toml", "--config", "pki/reroot.toml"];
    let issue = [&issue[..], &["--set", "lot=A1", "--out", "batch", "--format", "json"]].concat();
    bounded(&workshop, "refused.json", 3, &[&issue[..], &["--findings", "refused.jsonl"]].concat());
    let issue = [&issue[..], &["--on-reject", "skip"]].concat();
    bounded(&workshop, "issue.json", 1, &[&issue[..], &["--findings", "issued.jsonl"]].concat());
    for name in ["refused.json", "issue.json"] {
        let said: Value = serde_json::from_slice(&std::fs::read(workshop.path(name)).unwrap()).unwrap();
        assert_eq!(said["findings"].as_array().unwrap().len(), 1_000, "{name}");
        assert_eq!(said["findings_total"], count, "{name}");
        assert_eq!(said["codes"]["reel.pem.base64"]["count"], count, "{name}");
    }
    let rejected = workshop.path("batch/rejected.jsonl");
    for name in ["all.jsonl", "refused.jsonl", "issued.jsonl"] {
        assert!(same(&rejected, &workshop.path(name)), "{name}");
    }

    let verify = ["verify", "batch", "--input", "reel.zip", "--input", "bad.pem.gz", "--source-anchor"];
    let anchors = ["pki/anchors/test-root.pem", "--issuer-anchor", "pki/ca/root.pem"];
    bounded(&workshop, "verify.txt", 0, &[&verify[..], &anchors].concat());

    let plan = ["plan", "reel.zip", "bad.pem.gz", "--policy", "policy.toml", "--config", "pki/reroot.toml"];
    let plan = [&plan[..], &["--set", "lot=A1", "--out", "batch.plan", "--on-reject", "skip", "--reissue", "test"]];
    bounded(&workshop, "plan.txt", 1, &plan.concat());
}

/// Names of a thousand characters, of which a run need keep only where they differ.
#[test]
fn long_names_of_archives_in_archives_are_kept_once() {
    let (archives, entries) = if long() { (100, 190_000) } else { (10, 20_000) };
    let inner = plain_zip((0..entries).map(|n| (format!("{n:06x}").into_bytes(), &b"a"[..])));
    let outer: Vec<(Vec<u8>, &[u8])> =
        (0..archives).map(|n| (format!("{}{n}.zip", "n".repeat(500)).into_bytes(), &inner[..])).collect();
    let workshop = Workshop::new();
    workshop.write("nested.zip", &plain_zip(outer.into_iter()));
    let look = ["inspect", "nested.zip", "--verify", "--config", "pki/reroot.toml", "--policy", "policy.toml"];
    bounded(&workshop, "inspect.txt", 1, &[&look[..], &["--findings", "all.jsonl"]].concat());
    bounded(&workshop, "inspect.json", 1, &[&look[..], &["--format", "json"]].concat());
    let mut text = String::new();
    File::open(workshop.path("inspect.txt")).unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains(&format!("{} ignored [reel.text.no-certificate]", archives * entries)), "{text}");
    assert_eq!(lines(&workshop.path("all.jsonl")), archives * entries);
}

#[test]
fn all_findings_are_listed_in_a_file_that_is_never_overwritten() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    let (good, forged) = (workshop.pki.leaf(0).der, variants::bad_signature(&workshop.pki.leaf(3).der));
    let files: [(&str, &[u8]); 3] = [("a.der", &good), ("forged.der", &forged), ("README.txt", b"One good leaf.\n")];
    workshop.write("mixed.zip", &archive::zip(&files));
    let issue = "issue mixed.zip --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";
    Case::new(&workshop, "findings")
        .note("Every finding in a file, also where nothing is signed")
        .run(&format!("{issue} --findings all.jsonl"))
        .note("The same command again finds the file as it should be")
        .run(&format!("{issue} --findings all.jsonl"))
        .note("Other findings under the same name")
        .run("inspect reel.zip --findings all.jsonl")
        .note("A folder that does not exist, before anything is signed")
        .run(&format!("{issue} --on-reject skip --findings nowhere/all.jsonl"))
        .note("What a signing machine returns has no findings")
        .run("finish batch.plan --signatures batch.sig --out batch --findings more.jsonl")
        .finish();
    assert!(!workshop.path("batch").exists(), "nothing was signed");
    let listed = std::fs::read(workshop.path("all.jsonl")).unwrap();
    workshop.issue("mixed.zip", "batch", &["--on-reject", "skip", "--findings", "all.jsonl"]).expect(1);
    assert!(listed == std::fs::read(workshop.path("batch/rejected.jsonl")).unwrap());
}

/// A stored archive.
fn plain_zip<'a>(files: impl Iterator<Item = (Vec<u8>, &'a [u8])>) -> Vec<u8> {
    let (mut archive, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u32);
    for (name, content) in files {
        let offset = u32::try_from(archive.len()).unwrap();
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let crc = {
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(content);
            hasher.finalize().to_le_bytes()
        };
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &crc, &size, &size, &length, &[0, 0]].concat();
        archive.extend([&b"PK\x03\x04"[..], &common, &name, content].concat());
        directory.extend([&b"PK\x01\x02\x14\0"[..], &common, &[0; 10], &offset.to_le_bytes(), &name].concat());
        count += 1;
    }
    let (start, size) = (archive.len() as u64, directory.len() as u64);
    archive.append(&mut directory);
    let count = u64::from(count).to_le_bytes();
    let zip64 = archive.len() as u64;
    archive.extend([&b"PK\x06\x06"[..], &44_u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat());
    archive.extend([&count[..], &count, &size.to_le_bytes(), &start.to_le_bytes()].concat());
    archive.extend([&b"PK\x06\x07"[..], &[0; 4], &zip64.to_le_bytes(), &1_u32.to_le_bytes()].concat());
    archive.extend([&b"PK\x05\x06"[..], &[0; 4], &[0xFF; 12], &[0, 0]].concat());
    archive
}
