//! Where docs/spec/manifest-format.md has one form, the holder of the manifest key has no choice either.

use reroot::crypto::sha256;
use reroot::manifest::{self, IssuerMode, Statement};
use reroot::x509::pem;

use super::batch::{batch, codes};
use super::forge::Forge;
use crate::support::judges::put;
use crate::support::run::Finished;
use crate::support::workshop::{POLICY, Workshop};

fn sealed(
    workshop: &Workshop,
    name: &str,
    change: impl FnOnce(&mut Forge<'_>),
    last: impl FnOnce(&mut Statement),
) -> Finished {
    let mut forge = Forge::of(workshop);
    change(&mut forge);
    forge.seal(name, last);
    workshop.verify(name, &["--format", "json"])
}

#[track_caller]
fn refused(finished: &Finished, because: &[&str]) {
    assert_eq!(finished.code, Some(1), "{because:?}: accepted\n{}{}", finished.out(), finished.err());
    let found = codes(finished);
    assert!(found.iter().eq(because), "{because:?}: {found:?}");
}

/// A certificate in a file of the batch in another form of PEM, which every reader of PEM takes.
fn other_forms(text: &str) -> Vec<(&'static str, String)> {
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let one_line = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let mut forms = vec![
        ("text before", format!("subject=CN = x\n{text}")),
        ("text behind", format!("{text}more\n")),
        ("a blank line", format!("{text}\n")),
        ("no last line feed", text.trim_end().to_owned()),
        ("CR LF", text.replace('\n', "\r\n")),
        ("blanks", text.replacen('\n', " \n", 2)),
        ("a byte order mark", format!("\u{feff}{text}")),
    ];
    if text.matches("BEGIN").count() == 1 {
        forms.push(("one long line", one_line));
    }
    forms
}

#[test]
fn the_pem_files_of_a_batch_have_one_form() {
    let workshop = batch();
    for file in ["chain.pem", "source-chain.pem", "manifest.pem"] {
        let text = std::fs::read_to_string(workshop.path("batch").join(file)).unwrap();
        for (n, (what, other)) in other_forms(&text).into_iter().enumerate() {
            let name = format!("{file}-{n}");
            let change = |forge: &mut Forge<'_>| drop(forge.files.insert(file.to_owned(), other.into_bytes()));
            let finished = sealed(&workshop, &name, change, |_| ());
            assert!(finished.out().contains(file), "{what}");
            refused(&finished, &["audit.file.unreadable"]);
            // nor is anything made of it
            let uid = Forge::of(&workshop).chips[1].name.clone();
            if file == "manifest.pem" {
                let export = ["export", &name, "--to", "csv", "--out", "table.csv", "--config", "pki/reroot.toml"];
                workshop.reroot(&export).run().expect(1);
            } else {
                let refused = workshop.reroot(&["prove", &name, &uid]).run().expect(1);
                assert!(refused.err().contains("is not in the one form"), "{what}: {}", refused.err());
            }
        }
    }
}

/// No command takes a file of certificates that a different command refuses. This is true if the holder of the manifest
/// key sealed the damage, and if an attacker without that key made it.
#[test]
fn all_commands_judge_the_same_damaged_chain_the_same_way() {
    let workshop = batch();
    let (uid, files) = {
        let forge = Forge::of(&workshop);
        (forge.chips[1].name.clone(), forge.files)
    };
    let block = |der: &[u8]| pem::write("CERTIFICATE", der).as_bytes().to_vec();
    for file in [manifest::CHAIN_FILE, manifest::SOURCE_CHAIN_FILE] {
        let good = files[file].clone();
        let first = pem::read(&good).unwrap()[0].der.clone();
        let damaged = [
            ("nothing", vec![]),
            ("half", good[..good.len() / 2].to_vec()),
            ("not base64", String::from_utf8(good.clone()).unwrap().replacen("MII", "M!I", 1).into_bytes()),
            ("a broken certificate behind", [&good[..], &block(&first[..first.len() - 1])].concat()),
            ("a broken certificate before", [&block(b"0"), &good[..]].concat()),
            ("a key behind", [&good[..], pem::write("PRIVATE KEY", &[1]).as_bytes()].concat()),
            ("DER", first.to_vec()),
        ];
        for (n, (what, bad)) in damaged.into_iter().enumerate() {
            let sealed_so = format!("{file}-sealed-{n}");
            let mut forge = Forge::of(&workshop);
            forge.files.insert(file.to_owned(), bad.clone());
            forge.seal(&sealed_so, |_| ());
            let changed = format!("{file}-changed-{n}");
            Forge::of(&workshop).seal(&changed, |_| ());
            put(&workshop.path(&changed).join(file), bad);
            for name in [&sealed_so, &changed] {
                let verified = workshop.verify(name, &["--format", "json"]);
                assert!(verified.code == Some(1) && verified.out().contains(file), "{what}: {}", verified.out());
                let anchors = ["--issuer-anchor", "pki/ca/root.pem"];
                let out = format!("{name}.out");
                let export = |to| workshop.reroot(&["export", name, "--to", to, "--out", &out]).args(anchors).run();
                let made = || workshop.path(&out).exists();
                let prove = workshop.reroot(&["prove", name, &uid, "--out", &out]).run();
                for refused in [prove, export("line-pack")] {
                    assert_eq!(refused.code, Some(1), "{what}, {name}: {}", refused.err());
                    assert!(refused.err().contains(file) && !made(), "{what}, {name}: {}", refused.err());
                }
                // a table has no source leaves, and their chain is not opened for it
                let table = export("csv");
                let reads = file == manifest::CHAIN_FILE;
                assert_eq!(table.code, Some(i32::from(reads)), "{what}, {name}: {}", table.err());
                assert!(table.err().contains(file) == reads && made() != reads, "{what}, {name}: {}", table.err());
            }
        }
    }
}

#[test]
fn values_of_a_statement_have_their_form() {
    let workshop = batch();
    type Last = fn(&mut Statement);
    let cases: [(&str, Last); 9] = [
        ("version 4", |s| s.batch.replace_range(14..15, "4")),
        ("variant of NCS", |s| s.batch.replace_range(19..20, "0")),
        ("variant of Microsoft", |s| s.batch.replace_range(19..20, "c")),
        ("variant of the future", |s| s.batch.replace_range(19..20, "f")),
        ("upper case", |s| s.batch = s.batch.to_uppercase()),
        ("no hyphens", |s| s.batch = s.batch.replace('-', "")),
        ("previous", |s| {
            let batch = s.batch.replace(|c: char| c != '-', "f");
            s.previous = Some(reroot::manifest::Previous { batch, statement_sha256: s.rejected });
        }),
        ("an empty reason", |s| s.reissue = Some(String::new())),
        ("a long reason", |s| s.reissue = Some("\u{1f512}".repeat(1_001))),
    ];
    // such a statement is not sealed either
    let good = Forge::of(&workshop).statement;
    for (what, last) in cases {
        let mut statement = good.clone();
        last(&mut statement);
        let refused = Statement::parse(&statement.to_bytes()).unwrap_err();
        assert_eq!(refused.code().as_str(), "manifest.statement.value", "{what}");
    }
    let line = Forge::of(&workshop).chips[1].line.clone();
    for reason in [String::new(), "x".repeat(1_001)] {
        let line = line.replace("\"reissue\":null", &format!("\"reissue\":\"{reason}\""));
        let refused = reroot::manifest::Entry::parse(good.format, &line).unwrap_err();
        assert_eq!(refused.code().as_str(), "manifest.entry.value");
    }
    // the longest reason is one, and the lines do not say it
    let finished = sealed(&workshop, "reason", |_| (), |s| s.reissue = Some("\u{1f512}".repeat(1_000)));
    refused(&finished, &["audit.entry.differs"]);
}

#[test]
fn codes_of_findings_have_their_form() {
    let workshop = batch();
    let rejected = String::from_utf8(Forge::of(&workshop).files["rejected.jsonl"].clone()).unwrap();
    let line: serde_json::Value = serde_json::from_str(rejected.lines().next().unwrap()).unwrap();
    let code = line["code"].as_str().unwrap();
    for (n, other) in
        ["nodot", ".", "a..b", "a.b.", ".a.b", "a.-b", "a.b-", "a.b--c", "A.b", "a.b c"].into_iter().enumerate()
    {
        let changed = rejected.replacen(&format!("\"{code}\""), &format!("\"{other}\""), 1);
        let change =
            |forge: &mut Forge<'_>| drop(forge.files.insert("rejected.jsonl".to_owned(), changed.into_bytes()));
        let finished = sealed(&workshop, &format!("code-{n}"), change, |_| ());
        assert_eq!(finished.code, Some(1), "{other}");
        assert!(codes(&finished).contains("audit.account.line"), "{other}: {}", finished.out());
    }
}

/// What `plan --foreign` would refuse, no external CA was asked for.
#[test]
fn a_foreign_batch_has_a_policy_that_a_plan_could_have() {
    let workshop = batch();
    for (n, (from, to, reason)) in [
        ("full_width_signature = false", "full_width_signature = true", "does not promise"),
        ("serial = \"derived\"", "serial = \"source\"", "chooses its serial numbers"),
    ]
    .into_iter()
    .enumerate()
    {
        let policy = POLICY.replace(from, to);
        let digest = sha256(policy.as_bytes());
        let change = |forge: &mut Forge<'_>| drop(forge.files.insert("policy.toml".to_owned(), policy.into_bytes()));
        let finished = sealed(&workshop, &format!("foreign-{n}"), change, |s| {
            s.policy.sha256 = digest;
            s.issuer.mode = IssuerMode::Foreign;
            s.serial_seed = None;
        });
        assert!(finished.out().contains(reason), "{}", finished.out());
        refused(&finished, &["audit.entry.differs", "audit.policy.differs"]);
    }
}
