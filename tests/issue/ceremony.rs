//! Ends and successors: `reroot status`, warnings before a certificate ends, `reroot ca issue` and `ca renew` with the
//! root's key, a new issuing key with its new ledger.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use std::path::Path;

use reroot::ledger::Ledger;
use reroot::x509::{Certificate, bundle};
use serde_json::Value;

use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

fn certificate(path: &Path) -> Certificate {
    bundle::named(&std::fs::read(path).unwrap()).unwrap().remove(0)
}

fn run(workshop: &Workshop, line: &str) -> Finished {
    Run::reroot(workshop.folder()).args(line.split(' ')).run()
}

/// Changes a value of the configuration.
fn configure(workshop: &Workshop, config: &str, from: &str, to: &str) {
    let path = workshop.path(config);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    put(&path, text.replace(from, to));
}

/// What the ledger of the folder says the CA keys signed, oldest first.
fn signed(workshop: &Workshop, dir: &str) -> Vec<(String, bool)> {
    let ledger = Ledger::open_to_read(&workshop.path(dir).join("ledger.db")).unwrap();
    ledger.ca_entries().unwrap().into_iter().map(|entry| (entry.kind, entry.der.is_some())).collect()
}

#[test]
fn the_state_of_a_ca_in_words() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let status = run(&workshop, "status --config pki/reroot.toml --format json").success();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["ledger"]["overview"]["total"]["batches"], 1);
    assert_eq!(status["problems"].as_array().unwrap().len(), 0);
    let status = || run(&workshop, "status --config pki/reroot.toml");
    let text = status().success().out();
    for part in ["issuing CA", "manifest signer", "1 = 1 sealed + 0 open", "free"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let ledger =
        Ledger::open(&workshop.path("pki/ledger.db"), certificate(&workshop.path("pki/ca/issuing.pem")).spki());
    let ledger = ledger.unwrap();
    let text = status().success().out();
    assert!(text.contains(&format!("a run is on (process {})", std::process::id())), "{text}");
    drop(ledger);
    configure(&workshop, "pki/reroot.toml", "ca/manifest.pem", "ca/none.pem");
    let text = status().expect(1).out();
    assert!(text.contains("problem") && text.contains("none.pem"), "{text}");
    run(&workshop, "status").expect(2);
}

/// From 60 days before its end.
#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let folder = workshop.folder();
    let openssl = |line: &str| drop(Run::openssl().folder(folder).args(line.split(' ')).run().success());
    openssl("ecparam -name prime256v1 -genkey -noout -out short.key");
    for (days, warned) in [(59, true), (61, false)] {
        openssl(&format!(
            "req -x509 -new -key short.key -subj /CN=Short -days {days} -addext keyUsage=critical,keyCertSign,cRLSign -out \
             short.pem"
        ));
        let dir = format!("days-{days}");
        run(&workshop, &format!("init {dir} -o Short --issuer-key short.key --issuer-cert short.pem")).success();
        let status = run(&workshop, &format!("status --config {dir}/reroot.toml")).success();
        let text = status.out();
        assert_eq!(
            text.contains("warning         the certificate of the issuing CA `CN=Short` ends at"),
            warned,
            "{text}"
        );
        configure(
            &workshop,
            &format!("{dir}/reroot.toml"),
            "anchors/stm-stsafe-a-prod-ca-01.pem",
            "../pki/anchors/test-root.pem",
        );
        let policy = crate::support::workshop::POLICY.replace("\"5y\"", "\"20d\"");
        put(&workshop.path("short.toml"), policy);
        let issue =
            format!("issue reel.zip --policy short.toml --set lot=A1 --out {dir}-batch --config {dir}/reroot.toml");
        let said = run(&workshop, &issue).success().err();
        let warning = "warning: the certificate of the issuing CA `CN=Short` ends at";
        assert_eq!(said.contains(warning), warned, "{said}");
        // each warns before it looks at anything else
        let plan = format!("plan reel.zip --policy short.toml --set lot=A1 --out {dir}-plan");
        for line in [
            &plan[..],
            "sign none.plan --out none.signatures",
            "finish none.plan --signatures none.signatures --out none",
            &format!("crl --out {dir}-crl"),
            &format!("ca proof --code 1234567890 --days 3 --out {dir}.pem"),
            &format!("pop seal {dir}-batch --receipts none.receipts"),
        ] {
            let said = run(&workshop, &format!("{line} --config {dir}/reroot.toml")).err();
            assert_eq!(said.contains(warning), warned, "{line}: {said}");
        }
    }
}

#[test]
fn the_roots_key_renews_both_certificates() {
    let workshop = Workshop::new();
    for (role, old) in [("manifest", "ca/manifest.pem"), ("issuing", "ca/issuing.pem")] {
        let renew = format!(
            "ca renew --for {role} --root-key pki/ca/root.key.pem --years 3 --out pki/ca/{role}-2.pem --config \
             pki/reroot.toml"
        );
        run(&workshop, &renew).success();
        let (before, after) = (
            certificate(&workshop.path("pki").join(old)),
            certificate(&workshop.path(&format!("pki/ca/{role}-2.pem"))),
        );
        assert_eq!(before.spki(), after.spki());
        assert_eq!(before.subject(), after.subject());
        assert_eq!(before.subject_key_identifier().unwrap(), after.subject_key_identifier().unwrap());
        assert!(before.serial_bytes() != after.serial_bytes() && before.validity() != after.validity());
        configure(&workshop, "pki/reroot.toml", old, &format!("ca/{role}-2.pem"));
        // not over what is there
        run(&workshop, &renew).expect(2);
    }
    let verify = Run::openssl().args(["verify", "-x509_strict", "-purpose", "any", "-CAfile"]);
    let paths = ["pki/ca/root.pem", "pki/ca/issuing-2.pem", "pki/ca/manifest-2.pem"].map(|path| workshop.path(path));
    verify.args(paths).run().success();
    let kinds = signed(&workshop, "pki");
    let made = ["root", "issuing-ca", "manifest-signer", "manifest-signer", "issuing-ca"];
    assert_eq!(kinds, made.map(|kind| (kind.to_owned(), true)), "recorded, in the order of signing");
    workshop.reel("reel.zip", 0..3);
    let policy = crate::support::workshop::POLICY.replace("\"5y\"", "\"1y\"");
    put(&workshop.path("short.toml"), policy);
    workshop.issue_under("short.toml", "reel.zip", "batch", &[]).success();
    workshop.verify("batch", &["--input", "reel.zip"]).success();
    run(&workshop, "status --config pki/reroot.toml").success();
}

/// A new issuing key has a new ledger: the old one is named, and its chips are reported.
#[test]
fn a_new_issuing_key_is_certified_and_the_old_ledger_is_known() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.reel("next.zip", 2..5);
    workshop.issue("reel.zip", "batch", &[]).success();
    run(&workshop, "init next -o Workshop --without-root").success();
    for role in ["issuing", "manifest"] {
        run(
            &workshop,
            &format!(
                "ca issue next/ca/{role}.csr.pem --for {role} --root-key pki/ca/root.key.pem --root-cert pki/ca/root.pem \
                 --out {role}-new.pem --config next/reroot.toml"
            ),
        )
        .success();
        let chain = if role == "issuing" { " --chain pki/ca/root.pem" } else { "" };
        run(&workshop, &format!("ca import {role}-new.pem{chain} --config next/reroot.toml")).success();
    }
    assert_eq!(signed(&workshop, "pki").len(), 3, "the root signs on the ledger of the key that it certifies");
    assert!(signed(&workshop, "next").contains(&("issuing-ca".to_owned(), true)));
    configure(&workshop, "next/reroot.toml", "anchors/stm-stsafe-a-prod-ca-01.pem", "../pki/anchors/test-root.pem");
    let issue = "issue next.zip --policy policy.toml --set lot=A1 --out next-batch --config next/reroot.toml";
    let dry = run(&workshop, &format!("{issue} --dry-run --known-ledger pki/ledger.db")).success();
    let chip = workshop.pki.leaf(2).uid().clone();
    let batch = workshop.statement("batch")["batch"].as_str().unwrap().to_owned();
    let warning = format!("chips that have a certificate on the ledger `pki/ledger.db`: 1: {chip} (batch {batch})");
    assert!(dry.out().contains(&warning), "{}", dry.out());
    let none = run(&workshop, &format!("{issue} --known-ledger next/ledger.db --dry-run"));
    assert!(none.out().is_empty() || !none.out().contains("have a certificate"), "{}", none.out());
    run(&workshop, issue).success();
    workshop.verify("next-batch", &["--input", "next.zip"]).success();
    run(&workshop, "status --config next/reroot.toml").success();
}

#[test]
fn what_the_root_does_not_certify_is_refused_by_name() {
    let workshop = Workshop::new();
    let folder = workshop.folder();
    run(&workshop, "init next -o Workshop --without-root").success();
    run(&workshop, "init other -o Other").success();
    let request = std::fs::read_to_string(folder.join("next/ca/issuing.csr.pem")).unwrap();
    let mut der = reroot::x509::pem::read(request.as_bytes()).unwrap().remove(0).der.to_vec();
    // a letter of the organization
    let at = der.windows(8).position(|part| part == b"Workshop").unwrap();
    der[at] = b'w';
    put(&folder.join("changed.csr"), der);
    let root = Run::openssl().folder(folder);
    let line = "req -new -key pki/ca/root.key.pem -subj /CN=Root -out root.csr";
    root.args(line.split(' ')).run().success();
    let with = "--root-key pki/ca/root.key.pem --root-cert pki/ca/root.pem --out new.pem --config next/reroot.toml";
    let renew = "ca renew --for issuing --root-key other/ca/root.key.pem --out new.pem --config pki/reroot.toml";
    let narrow = "ca issue next/ca/issuing.csr.pem --for issuing --root-key pki/ca/issuing.key.pem --root-cert \
                  pki/ca/issuing.pem --out new.pem --config next/reroot.toml";
    Case::new(&workshop, "ceremony")
        .note("A request that was changed, a certificate, the root's own key")
        .run(&format!("ca issue changed.csr --for issuing {with}"))
        .run(&format!("ca issue pki/ca/root.pem --for issuing {with}"))
        .run(&format!("ca issue root.csr --for issuing {with}"))
        .note("Longer than the root; a CA that allows none below it; another root's key")
        .run(&format!("ca issue next/ca/issuing.csr.pem --for issuing --years 31 {with}"))
        .run(narrow)
        .run(renew)
        .note("Nothing to renew yet")
        .run(&format!("ca renew --for issuing {with}"))
        .finish();
    assert!(!folder.join("new.pem").exists());
}
