//! Changes by an attacker who has the directory and no key: every one is detected.

use std::collections::BTreeSet;
use std::path::Path;

use super::batch::{batch, codes};
use super::verdict::refused;
use crate::support::judges::put;
use crate::support::workshop::Workshop;

/// The same batch directory once more, with one change.
fn changed(workshop: &Workshop, out: &str, change: impl FnOnce(&Path)) {
    let folder = workshop.path(out);
    reroot::durable::create_directory(&folder, reroot::durable::Access::Public).unwrap();
    for (name, content) in workshop.files("batch") {
        put(&folder.join(name), content);
    }
    change(&folder);
}

fn edit(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let content = std::fs::read(path).unwrap();
    let edited = change(content.clone());
    assert_ne!(content, edited, "{} was changed", path.display());
    put(path, edited);
}

#[test]
fn a_good_batch_holds() {
    let workshop = batch();
    for more in [&[][..], &["--input", "reel.zip"], &["--jobs", "1"], &["--jobs", "5"]] {
        let finished = workshop.verify("batch", &[&["--format", "json"], more].concat()).success();
        assert_eq!(codes(&finished), BTreeSet::new());
    }
    workshop.verify("batch", &["--manifest-anchor", "pki/ca/root.pem"]).success();
    let text = workshop.verify("batch", &[]).success().out();
    assert!(text.ends_with("batch OK\n"), "{text}");
    // anchors from the configuration, from anywhere
    workshop.reroot(&["verify", "batch", "--config", "pki/reroot.toml"]).run().success();
}

/// One bit in each file at places spread over its whole length.
#[test]
fn a_flipped_bit_anywhere_is_refused() {
    const PLACES: usize = 14;
    let workshop = batch();
    changed(&workshop, "other", |_| ());
    for (name, content) in workshop.files("batch") {
        assert!(!content.is_empty(), "{name}");
        let path = workshop.path("other").join(&name);
        let mut places: Vec<usize> = (0..PLACES).map(|n| n * (content.len() - 1) / (PLACES - 1)).collect();
        places.dedup();
        for (n, at) in places.into_iter().enumerate() {
            let mut flipped = content.clone();
            flipped[at] ^= 1 << (n % 8);
            put(&path, &flipped);
            let finished = workshop.verify("other", &["--format", "json"]);
            assert_eq!(finished.code, Some(1), "{name} byte {at}: {}{}", finished.out(), finished.err());
            crate::support::opinion::agreed(&workshop, "other", false);
            let found = codes(&finished);
            let expected = |code: &String| match name.as_str() {
                "manifest.json" => code == "manifest.seal.digest",
                "manifest.json.p7s" => code.starts_with("manifest.seal."),
                "manifest.pem" => ["manifest.", "audit.file."].iter().any(|start| code.starts_with(start)),
                _ => code == "audit.file.digest",
            };
            assert!(found.iter().any(expected), "{name} byte {at}: {found:?}");
        }
        put(&path, &content);
    }
    workshop.verify("other", &[]).success();
}

#[test]
fn a_truncated_file_is_refused() {
    let workshop = batch();
    changed(&workshop, "other", |_| ());
    for (name, content) in workshop.files("batch") {
        let path = workshop.path("other").join(&name);
        for length in [0, 1, content.len() / 2, content.len() - 1] {
            put(&path, &content[..length]);
            refused(&workshop, "other", &[], &[]);
            refused(&workshop, "other", &["--input", "reel.zip"], &[]);
        }
        put(&path, &content);
    }
    workshop.verify("other", &[]).success();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test plays a thief")]
fn a_missing_or_additional_file_is_refused() {
    let workshop = batch();
    for (n, (name, _)) in workshop.files("batch").into_iter().enumerate() {
        let out = format!("without-{n}");
        changed(&workshop, &out, |folder| std::fs::remove_file(folder.join(&name)).unwrap());
        let code = if name.starts_with("manifest.") && name != "manifest.jsonl" {
            "delivery.file.missing"
        } else {
            "audit.file.missing"
        };
        refused(&workshop, &out, &[], &[code]);
    }
    changed(&workshop, "more", |folder| put(&folder.join("note.txt"), b"mine"));
    refused(&workshop, "more", &[], &["audit.file.unexpected"]);
    changed(&workshop, "folder", |folder| std::fs::create_dir(folder.join("sub")).unwrap());
    refused(&workshop, "folder", &[], &["audit.file.unexpected"]);
    changed(&workshop, "hidden", |folder| put(&folder.join(".note"), b"mine"));
    refused(&workshop, "hidden", &[], &["audit.file.unexpected"]);
    // a link to the right content is not the content
    changed(&workshop, "link", |folder| {
        std::fs::remove_file(folder.join("policy.toml")).unwrap();
        std::os::unix::fs::symlink("../batch/policy.toml", folder.join("policy.toml")).unwrap();
    });
    refused(&workshop, "link", &[], &["audit.file.missing", "audit.file.unexpected"]);
}

#[test]
fn dropped_doubled_and_swapped_lines_are_refused() {
    type Change = fn(&mut Vec<Vec<u8>>);
    let workshop = batch();
    let changes: [(&str, &str, Change); 4] = [
        ("dropped", "audit.tree.size", |lines| drop(lines.remove(1))),
        ("doubled", "audit.entry.order", |lines| lines.insert(1, lines[1].clone())),
        ("swapped", "audit.entry.order", |lines| lines.swap(1, 2)),
        ("spaced", "audit.entry.syntax", |lines| lines[0].push(b' ')),
    ];
    for (name, code, change) in changes {
        changed(&workshop, name, |folder| {
            edit(&folder.join("manifest.jsonl"), |content| {
                let mut lines: Vec<Vec<u8>> = content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                change(&mut lines);
                lines.join(&b'\n')
            });
        });
        refused(&workshop, name, &[], &["audit.file.digest", code]);
    }
}

/// Archives put together again with the order or the content changed, as any zip program could.
#[test]
fn exchanged_certificates_are_refused() {
    use reroot::delivery::{Stamp, ZipWriter};
    let workshop = batch();
    let other = batch();
    let entries = |workshop: &Workshop, name: &str| {
        let mut archive =
            zip::ZipArchive::new(std::fs::File::open(workshop.path("batch").join(name)).unwrap()).unwrap();
        (0..archive.len())
            .map(|n| {
                let mut entry = archive.by_index(n).unwrap();
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
                (entry.name().unwrap().into_owned(), content)
            })
            .collect::<Vec<(String, Vec<u8>)>>()
    };
    let issued_at =
        reroot::x509::Time::from_rfc3339(workshop.statement("batch")["issued_at"].as_str().unwrap()).unwrap();
    let write = |path: &Path, entries: &[(String, Vec<u8>)]| {
        let mut zip = ZipWriter::new(Vec::new(), Stamp::new(issued_at));
        for (name, content) in entries {
            zip.add(name, content).unwrap();
        }
        put(path, zip.finish().unwrap());
    };
    let certificates = entries(&workshop, "certificates.zip");
    let foreign = entries(&other, "certificates.zip");
    type Entries = Vec<(String, Vec<u8>)>;
    let mut cases: Vec<(&str, &str, &str, Entries)> = vec![];

    let mut order = certificates.clone();
    order.swap(0, 1);
    cases.push(("order", "delivery.order", "certificates.zip", order));
    // a certificate of the same chip from another CA
    let mut stranger = certificates.clone();
    stranger[2].1.clone_from(&foreign[2].1);
    cases.push(("stranger", "audit.certificate.tbs", "certificates.zip", stranger));
    // the certificate of another chip of this batch
    let mut neighbour = certificates.clone();
    neighbour[2].1 = certificates[3].1.clone();
    cases.push(("neighbour", "audit.certificate.tbs", "certificates.zip", neighbour));
    let mut renamed = certificates.clone();
    renamed[3].0 = "0209FF0000007E57000139.der".to_owned();
    cases.push(("renamed", "audit.certificate.name", "certificates.zip", renamed));
    cases.push(("short", "audit.tree.size", "certificates.zip", certificates[..3].to_vec()));

    let sources = entries(&workshop, "sources.zip");
    let mut neighbour = sources.clone();
    neighbour[2].1 = sources[3].1.clone();
    cases.push(("source", "audit.source.digest", "sources.zip", neighbour));
    let mut renamed = sources.clone();
    renamed[3].0 = "0209FF0000007E57000139.der".to_owned();
    cases.push(("source-name", "audit.source.name", "sources.zip", renamed));
    cases.push(("objects", "audit.source.digest", "sources.zip", certificates.clone()));

    write(&workshop.path("same.zip"), &certificates);
    let same = std::fs::read(workshop.path("same.zip")).unwrap();
    assert_eq!(
        same,
        std::fs::read(workshop.path("batch/certificates.zip")).unwrap(),
        "the test writes as the program does"
    );
    for (name, code, file, content) in cases {
        changed(&workshop, name, |folder| write(&folder.join(file), &content));
        refused(&workshop, name, &[], &["audit.file.digest", code]);
    }
}

/// The seal of one batch under the files of another.
#[test]
fn files_of_another_batch_are_refused() {
    let workshop = batch();
    workshop.reel("second.zip", 10..14);
    workshop.issue("second.zip", "second", &[]).success();
    for (n, name) in ["manifest.jsonl", "certificates.zip", "sources.zip", "inputs.jsonl"].into_iter().enumerate() {
        let out = format!("mixed-{n}");
        changed(&workshop, &out, |folder| {
            put(&folder.join(name), std::fs::read(workshop.path("second").join(name)).unwrap());
        });
        refused(&workshop, &out, &[], &["audit.file.digest"]);
    }
    changed(&workshop, "statement", |folder| {
        put(&folder.join("manifest.json"), std::fs::read(workshop.path("second/manifest.json")).unwrap());
    });
    refused(&workshop, "statement", &[], &["manifest.seal.digest"]);
    changed(&workshop, "both", |folder| {
        for name in ["manifest.json", "manifest.json.p7s"] {
            put(&folder.join(name), std::fs::read(workshop.path("second").join(name)).unwrap());
        }
    });
    refused(&workshop, "both", &[], &["audit.file.digest"]);
}
