//! `reroot init`: keys of both kinds, encrypted from every source, nothing overwritten; and runs with such keys.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reroot::durable::{Access, create_directory};

use crate::support::golden::Case;
use crate::support::judges::{lint, put, put_secret};
use crate::support::run::{Finished, Run};
use crate::support::workshop::{PASSPHRASE, PASSPHRASE_VARIABLE, Workshop};

const KEYS: [&str; 3] = ["root", "issuing", "manifest"];

/// Every file below a folder with its content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// OpenSSL opens a key with this passphrase, or without one; the public half.
fn openssl_opens(key: &Path, passphrase: Option<&str>) -> Finished {
    let pass = format!("pass:{}", passphrase.unwrap_or("none"));
    Run::openssl().args(["pkey", "-pubout", "-passin", &pass, "-in"]).arg(key).run()
}

#[test]
fn a_ca_of_each_kind_of_key_is_made_and_issues() {
    for (kind, curve, algorithm) in [("P-256", "prime256v1", "ecdsa-sha256"), ("P-384", "secp384r1", "ecdsa-sha384")] {
        let workshop = Workshop::with(&["--key", kind]);
        let ca = workshop.path("pki/ca");
        for name in KEYS {
            let certificate = ca.join(format!("{name}.pem"));
            let key = ca.join(format!("{name}.key.pem"));
            let text = Run::openssl().args(["x509", "-noout", "-text", "-in"]).arg(&certificate).run().success().out();
            assert!(text.contains(&format!("ASN1 OID: {curve}")), "{text}");
            let public = Run::openssl().args(["x509", "-noout", "-pubkey", "-in"]).arg(&certificate).run().success();
            assert_eq!(openssl_opens(&key, None).success().stdout, public.stdout, "{name}");
            assert_eq!(mode(&key), 0o600, "{name}");
            lint(&certificate);
        }
        assert_eq!(mode(&workshop.path("pki/ledger.db")), 0o600);
        for name in ["issuing", "manifest"] {
            let verify = Run::openssl().args(["verify", "-x509_strict", "-purpose", "any", "-CAfile"]);
            verify.arg(ca.join("root.pem")).arg(ca.join(format!("{name}.pem"))).run().success();
        }
        // the anchor is ST's, with the digest that fixtures/st/README.md states
        let anchor = files(&workshop.path("pki/anchors"))["stm-stsafe-a-prod-ca-01.pem"].clone();
        let genuine = std::fs::read(crate::support::run::project("fixtures/st/stm-stsafe-a-prod-ca-01.pem")).unwrap();
        assert_eq!(reroot::x509::pem::read(&anchor).unwrap()[0].der, reroot::x509::pem::read(&genuine).unwrap()[0].der);

        // the shipped policies fit the key
        let shipped =
            workshop.reroot(&["policy", "check", "pki/policies/tls-client.toml", "--issuer", "pki/ca/issuing.pem"]);
        shipped.run().success();

        let policy = crate::support::workshop::POLICY.replace("ecdsa-sha256", algorithm);
        put(&workshop.path("policy.toml"), policy);
        workshop.reel("reel.zip", 0..3);
        workshop.issue("reel.zip", "batch", &[]).success();
        workshop.verify("batch", &["--input", "reel.zip"]).success();
    }
}

/// The policy's algorithm must be one of the issuer's key: said before anything is recorded.
#[test]
fn an_algorithm_that_the_key_does_not_have_is_refused_early() {
    let workshop = Workshop::with(&["--key", "P-384"]);
    workshop.reel("reel.zip", 0..3);
    let before = std::fs::read(workshop.path("pki/ledger.db")).unwrap();
    let refused = workshop.issue("reel.zip", "batch", &[]).expect(2);
    assert!(refused.err().contains("ecdsa-sha256") && refused.err().contains("P-384"), "{}", refused.err());
    assert!(std::fs::read(workshop.path("pki/ledger.db")).unwrap() == before);
    let dry = workshop.issue("reel.zip", "batch", &["--dry-run"]).expect(2);
    assert_eq!(dry.err(), refused.err());
}

#[test]
fn keys_encrypted_by_a_variable_open_with_it_alone() {
    let workshop = Workshop::with(&["--passphrase-env", PASSPHRASE_VARIABLE]);
    encrypted(&workshop);
    workshop.reel("reel.zip", 0..3);
    let line = "issue reel.zip --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";
    let run =
        workshop.reroot(&line.split(' ').collect::<Vec<_>>()).env(PASSPHRASE_VARIABLE, PASSPHRASE).run().success();
    assert!(!run.err().contains(PASSPHRASE) && !run.out().contains(PASSPHRASE));
    workshop.verify("batch", &[]).success();
}

#[test]
fn keys_encrypted_by_a_file_open_with_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    // next to the CA's folder, named relative to where the command is typed, as in the help's example
    put_secret(&folder.path().join("root.pass"), format!("{PASSPHRASE}\n"));
    let init = ["init", "pki", "--organization", "Acme", "--passphrase-file", "root.pass"];
    Run::reroot(folder.path()).args(init).run().success();
    for name in KEYS {
        let key = folder.path().join(format!("pki/ca/{name}.key.pem"));
        openssl_opens(&key, Some(PASSPHRASE)).success();
    }
    let leaf = crate::support::run::project("fixtures/st/leaf-0209B0846159E439520139.der");
    let line = "issue leaf.der --policy pki/policies/tls-client.toml --out batch --config pki/reroot.toml";
    put(&folder.path().join("leaf.der"), std::fs::read(leaf).unwrap());
    Run::reroot(folder.path()).args(line.split(' ')).run().success();
    // from another folder too: paths of a configuration are relative to it
    let elsewhere = folder.path().join("elsewhere");
    create_directory(&elsewhere, Access::Public).unwrap();
    let line = line.replace("leaf.der", "../leaf.der").replace("pki/", "../pki/").replace("batch", "../batch");
    let again = Run::reroot(&elsewhere).args(line.split(' ')).run();
    assert!(again.err().contains("already done"), "{}", again.err());
}

fn encrypted(workshop: &Workshop) {
    for name in KEYS {
        let key = workshop.path(&format!("pki/ca/{name}.key.pem"));
        let text = std::fs::read_to_string(&key).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{text}");
        assert_eq!(mode(&key), 0o600);
        openssl_opens(&key, Some(PASSPHRASE)).success();
        assert_ne!(openssl_opens(&key, Some("another")).code, Some(0), "{name}");
    }
    let all = files(&workshop.path("pki"));
    let leaks =
        all.iter().filter(|(_, content)| content.windows(PASSPHRASE.len()).any(|part| part == PASSPHRASE.as_bytes()));
    assert_eq!(leaks.count(), 0, "no file holds the passphrase");
}

/// On a terminal made by script(1): asked twice when the keys are made, once for each key when they are used.
#[test]
fn a_passphrase_can_be_typed() {
    let folder = tempfile::tempdir().unwrap();
    let typed = |command: &str, answers: &[(&str, &str)]| {
        let line = format!("{} {command}", env!("CARGO_BIN_EXE_reroot"));
        let mut run = Run::tool("script").args(["-qec", &line, "/dev/null"]).folder(folder.path()).start();
        for (question, answer) in answers {
            run.wait_for(question);
            run.feed(format!("{answer}\n").as_bytes());
        }
        run.finish()
    };
    let (first, second) = ("passphrase for the new keys:", "once more:");
    let differ = typed("init pki -o Acme --passphrase-prompt --one-passphrase", &[(first, "one"), (second, "another")])
        .expect(2);
    assert!(!folder.path().join("pki").exists(), "{}", differ.out());
    typed("init pki -o Acme --passphrase-prompt --one-passphrase", &[(first, PASSPHRASE), (second, PASSPHRASE)])
        .success();
    for name in KEYS {
        openssl_opens(&folder.path().join(format!("pki/ca/{name}.key.pem")), Some(PASSPHRASE)).success();
    }
    let leaf = crate::support::run::project("fixtures/st/leaf-0209B0846159E439520139.der");
    put(&folder.path().join("leaf.der"), std::fs::read(leaf).unwrap());
    let issue = "issue leaf.der --policy pki/policies/tls-client.toml --out batch --config pki/reroot.toml";
    let (issuing, manifest) = ("issuing.key.pem`:", "manifest.key.pem`:");
    let wrong = typed(issue, &[(issuing, "not it")]);
    assert_eq!(wrong.code, Some(4), "{}", wrong.out());
    typed(issue, &[(issuing, PASSPHRASE), (manifest, PASSPHRASE)]).success();
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    Run::reroot(folder.path()).args(["init", "made", "-o", "Acme"]).run().success();
    let made = files(&folder.path().join("made"));
    assert_eq!(made.len(), 10 + reroot::policy::SHIPPED.len() - 1, "{:?}", made.keys());
    for (n, name) in made.keys().enumerate() {
        let ca = folder.path().join(format!("ca-{n}"));
        let file = ca.join(name);
        let mut folders: Vec<&Path> = file.ancestors().skip(1).take_while(|path| path.starts_with(&ca)).collect();
        folders.reverse();
        for folder in folders {
            create_directory(folder, Access::Public).unwrap();
        }
        put(&file, b"mine");
        let refused = Run::reroot(folder.path()).args(["init", &format!("ca-{n}"), "-o", "Acme"]).run().expect(2);
        let named = name.split('/').next().is_some_and(|first| refused.err().contains(&format!("`ca-{n}/{first}")));
        assert!(named && refused.err().contains("exists already"), "{name}: {}", refused.err());
        assert_eq!(files(&ca), BTreeMap::from([(name.clone(), b"mine".to_vec())]), "nothing else was written");
    }
    // over itself
    Run::reroot(folder.path()).args(["init", "made", "-o", "Acme"]).run().expect(2);
    assert_eq!(files(&folder.path().join("made")), made);
}

#[test]
fn what_is_wrong_with_a_new_ca_is_said() {
    let workshop = Workshop::new();
    workshop.write("file", b"mine");
    workshop.write("empty.pass", b"\n");
    let long = "O".repeat(65);
    let long = format!("init new --organization {long}");
    let nobody =
        Run::without_terminal(workshop.folder()).args(["init", "new", "-o", "New", "--passphrase-prompt"]).run();
    Case::new(&workshop, "init")
        .run("init other --organization 'Acme SA'")
        .note("It exists")
        .run("init pki -o New")
        .note("Its place is a file")
        .run("init file -o New")
        .note("No name given, and no terminal to ask on")
        .run("init new")
        .note("An empty name")
        .run("init new --organization ''")
        .note("A name that is too long")
        .run(&long)
        .note("A kind of key that CAs do not have")
        .run("init new --key RSA-2048")
        .note("Two sources of one passphrase")
        .run("init new --passphrase-file empty.pass --passphrase-env X")
        .note("No passphrase in the file, no file, no variable, no terminal to ask on")
        .run("init new -o New --passphrase-file empty.pass")
        .run("init new -o New --passphrase-file nowhere.pass")
        .run("init new -o New --passphrase-env NOT_SET")
        .ran("init new -o New --passphrase-prompt", &nobody)
        .note("A token of a library that is not named")
        .run("init new -o New --pkcs11 pkcs11:token=x")
        .note("For programs")
        .run("init json -o New --format json")
        .finish();
    assert!(!workshop.path("new").exists());
}
