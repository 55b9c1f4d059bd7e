//! Leaves that reach their anchor through an intermediate, which proofs and packs have to carry.

use super::cli::{check, prove};
use crate::support::judges::put;
use crate::support::opinion::agreed;
use crate::support::pki::{archive, der};
use crate::support::run::Run;
use crate::support::workshop::Workshop;

/// The TEST root certified by another one, which is the only anchor; the certificate between them is on the reel.
#[test]
fn an_intermediate_comes_with_the_proof() {
    let workshop = Workshop::new();
    put(&workshop.path("old.pem"), der::pem("CERTIFICATE", workshop.pki.root()));
    put(&workshop.path("ext"), "[req]\ndistinguished_name=name\n[name]\n[ca]\nbasicConstraints=critical,CA:TRUE\n");
    for line in [
        "req -x509 -config ext -extensions ca -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout new.key -out new.pem -subj /CN=TEST-above -days 30",
        "x509 -in old.pem -CA new.pem -CAkey new.key -set_serial 77 -days 20 -outform DER -out cross.der",
    ] {
        Run::openssl().args(line.split(' ')).folder(workshop.folder()).run().success();
    }
    put(&workshop.path("pki/anchors/test-root.pem"), std::fs::read(workshop.path("new.pem")).unwrap());
    let cross = std::fs::read(workshop.path("cross.der")).unwrap();
    let leaves = workshop.pki.leaves(0..3);
    let names: Vec<String> = leaves.iter().map(|leaf| format!("{}.der", leaf.uid())).collect();
    let mut files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(leaves.iter().map(|leaf| &leaf.der[..])).collect();
    files.push(("cross.der", &cross));
    workshop.write("reel.zip", &archive::zip(&files));
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.verify("batch", &["--input", "reel.zip"]).success();

    let proofs = prove(&workshop, &["--all"]).success().stdout;
    for line in proofs.split_inclusive(|byte| *byte == b'\n') {
        let proof = reroot::manifest::Proof::parse(line).unwrap();
        assert_eq!(proof.chip.unwrap().source_chain, std::slice::from_ref(&cross));
    }
    check(&workshop, &proofs, &[]).success();
    let mut without =
        reroot::manifest::Proof::parse(proofs.split_inclusive(|byte| *byte == b'\n').next().unwrap()).unwrap();
    without.chip.as_mut().unwrap().source_chain.clear();
    let refused = check(&workshop, without.to_line().as_bytes(), &[]).expect(1);
    assert!(refused.out().contains("[audit.source.rejected]"), "{}", refused.out());

    let export = ["export", "batch", "--to", "line-pack", "--out", "batch.pack", "--config", "pki/reroot.toml"];
    workshop.reroot(&export).run().success();
    for line in workshop.lines("batch") {
        let lookup = ["lookup", "batch.pack", line["uid"].as_str().unwrap(), "--der", "--config", "pki/reroot.toml"];
        let found = workshop.reroot(&lookup).run().success();
        assert_eq!(reroot::crypto::sha256(&found.stdout).to_string(), line["sha256"].as_str().unwrap());
    }
    agreed(&workshop, "batch", true);
    let uid = workshop.lines("batch")[0]["uid"].as_str().unwrap().to_owned();
    put(&workshop.path("one.json"), prove(&workshop, &[&uid]).success().stdout);
    agreed(&workshop, "one.json", true);
}
