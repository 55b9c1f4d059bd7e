//! What can be typed and what is printed: help, completions, man pages, policies, inspection.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::support::golden::Case;
use crate::support::pki::archive::{self, Entry, Method, ZipWriter};
use crate::support::pki::der;
use crate::support::run::{Run, project};
use crate::support::workshop::Workshop;

const GENUINE: &str = "fixtures/st/leaf-0209B0846159E439520139.der";

fn reroot(args: &[String]) -> crate::support::run::Finished {
    Run::reroot(&std::env::temp_dir()).args(args).run()
}

/// Every command that does something, as its words after `reroot`, with its help.
fn commands() -> Vec<(Vec<String>, String)> {
    let mut leaves = Vec::new();
    let mut waiting = vec![Vec::new()];
    while let Some(words) = waiting.pop() {
        let mut args: Vec<String> = words.clone();
        args.push("--help".to_owned());
        let help = reroot(&args).success().out();
        let below: Vec<Vec<String>> = help
            .split_once("Commands:\n")
            .map(|(_, list)| list.lines().take_while(|line| !line.is_empty()))
            .into_iter()
            .flatten()
            // a command's name is indented by two columns, a wrapped line by more
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(|name| [&words[..], &[name.to_owned()]].concat())
            .collect();
        if below.is_empty() {
            leaves.push((words, help));
        } else {
            waiting.extend(below);
        }
    }
    leaves.sort();
    leaves
}

#[test]
fn every_command_has_help_with_an_example_that_can_be_typed() {
    let commands = commands();
    let names: Vec<String> = commands.iter().map(|(words, _)| words.join(" ")).collect();
    for expected in
        ["completions", "init", "inspect", "issue", "man", "policy check", "policy show", "quickstart", "verify"]
    {
        assert!(names.iter().any(|name| name == expected), "{expected} is not among {names:?}");
    }
    for (words, help) in commands {
        let (_, example) = help
            .split_once("Example:\n  ")
            .or_else(|| help.split_once("Examples:\n  "))
            .unwrap_or_else(|| panic!("{words:?} has no example:\n{help}"));
        let example = example.lines().next().unwrap();
        let begin = format!("reroot {}", words.join(" "));
        assert!(example.starts_with(&begin), "{example} is an example of {begin}");
        assert!(help.contains("--format") && help.contains("--quiet"), "{words:?}: options for all commands");
        // an option that does not exist would be an error; --help keeps the example from being done
        let typed = example.split(" > ").next().unwrap();
        let script = format!("{} --help", typed.replacen("reroot", env!("CARGO_BIN_EXE_reroot"), 1));
        Run::tool("sh").args(["-c", &script]).run().success();
    }
}

#[test]
fn completions_are_made_for_every_shell() {
    let workshop = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Run::reroot(workshop.path()).args(["completions", shell]).run().success();
        assert!(script.err().is_empty());
        for word in ["quickstart", "policy", "--on-reject", "--expect-head"] {
            assert!(script.out().contains(word.trim_start_matches('-')), "{shell} knows {word}");
        }
        if shell == "bash" {
            Run::tool("bash").arg("-n").stdin(script.stdout).run().success();
        }
    }
    Run::reroot(workshop.path()).args(["completions", "tcsh"]).run().expect(2);
}

#[test]
fn man_pages_are_written_for_every_command_and_never_over_others() {
    let folder = tempfile::tempdir().unwrap();
    Run::reroot(folder.path()).args(["man", "man1"]).run().success();
    let mut pages = BTreeSet::from(["reroot.1".to_owned()]);
    for (words, _) in commands() {
        for depth in 1..=words.len() {
            pages.insert(format!("reroot-{}.1", words[..depth].join("-")));
        }
    }
    let found: BTreeSet<String> = std::fs::read_dir(folder.path().join("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, pages);
    for name in found {
        let page = std::fs::read_to_string(folder.path().join("man1").join(&name)).unwrap();
        assert!(page.contains(".TH ") && page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{name}");
    }
    let again = Run::reroot(folder.path()).args(["man", "man1"]).run().expect(2);
    assert!(again.err().contains("exists"), "{}", again.err());
}

#[test]
fn every_shipped_policy_is_good_and_is_the_one_in_the_folder() {
    let folder = project("policies");
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let check = [&["policy".to_owned(), "check".to_owned()], &files[..]].concat();
    let checked = reroot(&check).success().out();
    // an indented line says what the CRLs of the policy above it weigh
    let (weights, good): (Vec<&str>, Vec<&str>) = checked.lines().partition(|line| line.starts_with("  "));
    assert_eq!(good.len(), files.len());
    assert!(good.iter().all(|line| line.contains(": good: `")), "{checked}");
    assert!(weights.len() == 2 && weights.iter().all(|line| line.contains(" CRLs of at most ")), "{checked}");

    let listed = reroot(&["policy".to_owned(), "shipped".to_owned()]).success().out();
    let names: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    let stems = files.iter().map(|file| Path::new(file).file_stem().unwrap().to_str().unwrap().to_owned());
    assert_eq!(names, stems.collect());
    for name in names {
        let printed = reroot(&["policy".to_owned(), "shipped".to_owned(), name.clone()]).success();
        assert_eq!(printed.stdout, std::fs::read(folder.join(format!("{name}.toml"))).unwrap(), "{name}");
    }
    let reference = reroot(&["policy".to_owned(), "reference".to_owned()]).success();
    assert_eq!(reference.stdout, std::fs::read(project("docs/reference/policy-reference.md")).unwrap());
}

#[test]
fn a_policy_is_shown_field_by_field_without_signing() {
    let workshop = Workshop::new();
    workshop.write("leaf.der", &workshop.pki.leaf(0).der);
    workshop.write("genuine.der", &std::fs::read(project(GENUINE)).unwrap());
    workshop.write("leaf.txt", b"no leaf\n");
    let show = "policy show policy.toml --config pki/reroot.toml --set lot=A1 --leaf";
    let before = std::fs::read(workshop.path("pki/ledger.db")).unwrap();
    // the certificate itself has the CA's random key identifier in it and is compared with the issued one below
    Case::new(&workshop, "policy_show")
        .note("A leaf that the configured anchors did not sign")
        .run(&format!("{show} genuine.der"))
        .note("No leaf")
        .run(&format!("{show} leaf.txt"))
        .run(&format!("{show} nowhere.der"))
        .note("A parameter is missing")
        .run("policy show policy.toml --config pki/reroot.toml --leaf leaf.der")
        .note("No such policy is shipped")
        .run("policy shipped aws-iott")
        .finish();
    assert!(std::fs::read(workshop.path("pki/ledger.db")).unwrap() == before);

    // what is shown is what is issued, serial number and times aside
    workshop.reel("reel.zip", 0..1);
    workshop.issue("reel.zip", "batch", &[]).success();
    let show: Vec<&str> = show.split(' ').collect();
    workshop.reroot(&show).args(["leaf.der", "--der", "shown.der"]).run().success();
    let shown = std::fs::read(workshop.path("shown.der")).unwrap();
    let mut issued =
        zip::ZipArchive::new(std::fs::File::open(workshop.path("batch/certificates.zip")).unwrap()).unwrap();
    let mut certificate = Vec::new();
    std::io::Read::read_to_end(&mut issued.by_index(0).unwrap(), &mut certificate).unwrap();
    let read = |certificate: Vec<u8>| {
        let but = "no_serial,no_validity,no_sigdump";
        let text = Run::openssl().args(["x509", "-inform", "DER", "-noout", "-text", "-certopt", but]);
        text.stdin(certificate).run().success().out()
    };
    let issued = read(certificate);
    assert!(issued.contains("X509v3 Extended Key Usage"), "{issued}");
    assert_eq!(read(shown), issued);
}

/// The same three leaves in every form, under any file name: the same counts, families, issuers, keys and UIDs.
#[test]
fn inspection_sees_the_same_leaves_in_every_form() {
    use base64::Engine as _;
    use std::io::Write as _;
    let workshop = Workshop::new();
    let leaves = workshop.pki.leaves(0..3);
    let pem: Vec<String> = leaves.iter().map(|leaf| der::pem("CERTIFICATE", &leaf.der)).collect();
    let stored = {
        let mut writer = ZipWriter::new(Vec::new()).unwrap();
        for leaf in &leaves {
            writer.add(&Entry::new(format!("{}.cer", leaf.uid()), Method::Stored, leaf.der.clone())).unwrap();
        }
        writer.finish().unwrap()
    };
    let names = ["a/1.der", "a/2.der", "3.der"];
    let files: Vec<(&str, &[u8])> = names.into_iter().zip(leaves.iter().map(|leaf| &leaf.der[..])).collect();
    let zip = archive::zip(&files);
    let tar = {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in &files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_entry_type(tar::EntryType::Regular);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    };
    let gzip = |content: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let base64 = leaves.iter().fold(String::new(), |mut text, leaf| {
        let _ = writeln!(text, "{}", base64::engine::general_purpose::STANDARD.encode(&leaf.der));
        text
    });
    let with_text = format!("Certificates of reel 7\nsubject=anything\n{}", pem.join("\nthe next one\n"));
    for (name, content) in [
        ("deflated.zip", zip.clone()),
        ("stored.zip", stored),
        // content decides: an archive without a suffix, with another one, inside another
        ("no-suffix", zip.clone()),
        ("archive.dat", zip.clone()),
        ("archive.txt", gzip(&tar)),
        ("nested.zip", archive::zip(&[("inner.bin", &zip)])),
        ("leaves.tar", tar.clone()),
        ("leaves.tgz", gzip(&tar)),
        ("leaves.pem", pem.concat().into_bytes()),
        ("windows.pem", pem.concat().replace('\n', "\r\n").into_bytes()),
        ("text.pem", with_text.clone().into_bytes()),
        ("text.dat", with_text.into_bytes()),
        ("lines.txt", base64.clone().into_bytes()),
        ("lines", base64.replace('\n', "\r\n").into_bytes()),
    ] {
        workshop.write(name, &content);
    }
    for folder in ["folder", "folder/sub", "singles"] {
        reroot::durable::create_directory(&workshop.path(folder), reroot::durable::Access::Public).unwrap();
    }
    workshop.write("folder/one.der", &leaves[0].der);
    workshop.write("folder/two.pem", pem[1].as_bytes());
    workshop.write("folder/sub/three", &leaves[2].der);
    for (n, leaf) in leaves.iter().enumerate() {
        workshop.write(&format!("singles/{n}"), &leaf.der);
    }

    let inspect = |inputs: &[&str], stdin: Option<&[u8]>| -> serde_json::Value {
        let verify = ["--verify", "--config", "pki/reroot.toml", "--policy", "policy.toml", "--format", "json"];
        let run = workshop.reroot(&[&["inspect"], inputs].concat()).args(verify).stdin(stdin.unwrap_or_default());
        let json: serde_json::Value = serde_json::from_slice(&run.run().success().stdout).unwrap();
        let mut facts = serde_json::Map::new();
        for key in ["items", "leaves", "families", "issuers", "keys", "uids", "not_before", "not_after", "missing"] {
            facts.insert(key.to_owned(), json[key].clone());
        }
        facts.into()
    };
    let expected = inspect(&["deflated.zip"], None);
    assert_eq!((&expected["items"], &expected["leaves"]), (&3.into(), &3.into()));
    for name in [
        "stored.zip",
        "no-suffix",
        "archive.dat",
        "archive.txt",
        "nested.zip",
        "leaves.tar",
        "leaves.tgz",
        "leaves.pem",
        "windows.pem",
        "text.pem",
        "text.dat",
        "lines.txt",
        "lines",
        "folder",
        "singles",
    ] {
        assert_eq!(inspect(&[name], None), expected, "{name}");
    }
    assert_eq!(inspect(&["singles/0", "singles/1", "singles/2"], None), expected);
    for content in [&zip, &gzip(&tar), base64.as_bytes()] {
        assert_eq!(inspect(&["-"], Some(content)), expected);
    }
}

#[test]
fn inspection_in_words() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    for name in ["leaf-0209B0846159E439520139.der", "leaf-0209FBA403B2E48C7401F1.der"] {
        workshop.write(name, &std::fs::read(project("fixtures/st").join(name)).unwrap());
    }
    workshop.write("anchor.pem", &std::fs::read(project("fixtures/st/stm-stsafe-a-prod-ca-01.pem")).unwrap());
    workshop.write("list.txt", format!("{}\n{}\n", workshop.pki.leaf(0).uid(), workshop.pki.leaf(8).uid()).as_bytes());
    Case::new(&workshop, "inspect")
        .run("inspect reel.zip")
        .note("Verified")
        .run("inspect reel.zip --verify --config pki/reroot.toml --policy policy.toml")
        .note("A TEST anchor without the policy's leave")
        .run("inspect reel.zip --verify --config pki/reroot.toml")
        .note("A genuine leaf, a TEST leaf of ST's, and ST's root")
        .run("inspect leaf-0209B0846159E439520139.der leaf-0209FBA403B2E48C7401F1.der anchor.pem --verify --source-anchor anchor.pem")
        .note("The expected list")
        .run("inspect reel.zip --verify --config pki/reroot.toml --policy policy.toml --expect list.txt")
        .note("An expected list without --verify")
        .run("inspect reel.zip --expect list.txt")
        .note("No configuration here, and no anchor named")
        .run("inspect reel.zip --verify")
        .finish();
}

#[test]
fn verification_in_words() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let verify = "verify batch --source-anchor pki/anchors/test-root.pem --issuer-anchor pki/ca/root.pem";
    let case = Case::new(&workshop, "verify").run(&format!("{verify} --input reel.zip"));
    let lines = std::fs::read_to_string(workshop.path("batch/manifest.jsonl")).unwrap();
    crate::support::judges::put(
        &workshop.path("batch/manifest.jsonl"),
        lines.replacen("\"attempt\":0", "\"attempt\":1", 1),
    );
    case.note("One byte of a line is another")
        .run(verify)
        .note("The same for programs")
        .run(&format!("{verify} --format json"))
        .note("No such batch")
        .run(&verify.replace("batch", "nowhere"))
        .note("An anchor that is not one")
        .run(&verify.replace("pki/ca/root.pem", "pki/ca/manifest.pem"))
        .run(&verify.replace("pki/anchors/test-root.pem", "policy.toml"))
        .note("No anchors and no configuration")
        .run("verify batch")
        .finish();
}

#[test]
fn the_quickstart_prints_every_command_it_stands_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::reroot(folder.path()).args(["quickstart", "try"]).run().success();
    let printed: Vec<String> =
        run.err().lines().filter_map(|line| line.strip_prefix("$ reroot ")).map(str::to_owned).collect();
    let verbs: Vec<&str> = printed.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(verbs, ["init", "inspect", "issue", "verify"]);
    assert!(
        run.err().contains("$ openssl cms -verify") && run.err().contains("$ openssl verify -no-CApath"),
        "{}",
        run.err()
    );
    // OpenSSL's word on the seal alone is any chip's: purpose and issuer of its signer are part of the check
    for said in ["CMS Verification successful\n", "try/batch/manifest.pem: OK\n", "the signer is for manifests alone\n"]
    {
        assert!(run.err().contains(said), "{said}{}", run.err());
    }
    assert!(run.out().contains("batch OK"), "{}", run.out());
    // each of them again as it was printed: safe, and with the same outcome
    for line in &printed[1..] {
        Run::reroot(folder.path()).args(line.split(' ')).run().success();
    }
    Run::reroot(folder.path()).args(printed[0].split(' ')).run().expect(2);
    let again = Run::reroot(folder.path()).args(["quickstart", "try"]).run().expect(2);
    assert!(again.err().contains("try"), "{}", again.err());
}

#[test]
fn a_version_is_printed() {
    let version = reroot(&["--version".to_owned()]).success().out();
    // a debug build does not follow the commits
    assert_eq!(version.trim(), concat!("reroot ", env!("CARGO_PKG_VERSION"), " (development build)"));
    reroot(&[]).expect(2);
    reroot(&["isue".to_owned()]).expect(2);
}

/// An error in the arguments is reported in the format that was asked for, like every other error.
#[test]
fn wrong_arguments_are_an_error_in_json_where_json_is_asked_for() {
    for format in [&["--format", "json"][..], &["--format=json"]] {
        let finished = Run::reroot(&std::env::temp_dir()).args(["ledger", "head", "--nonsense"]).args(format).run();
        let said: serde_json::Value = serde_json::from_str(&finished.expect(2).err()).unwrap();
        assert!(said["error"].as_str().unwrap().contains("unexpected argument '--nonsense'"), "{said}");
    }
    let text = Run::reroot(&std::env::temp_dir()).args(["ledger", "head", "--nonsense"]).run().expect(2).err();
    assert!(text.starts_with("error: unexpected argument"), "{text}");
}
