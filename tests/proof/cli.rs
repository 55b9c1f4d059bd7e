//! `prove` and `verify-proof` at the command line.

use super::batch::batch;
use super::support::golden::Case;
use super::support::judges::put;
use super::support::run::Finished;
use super::support::workshop::Workshop;

pub(crate) const ANCHORS: [&str; 4] =
    ["--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "pki/ca/root.pem"];

pub(crate) fn prove(workshop: &Workshop, more: &[&str]) -> Finished {
    workshop.reroot(&["prove", "batch"]).args(more).run()
}

pub(crate) fn check(workshop: &Workshop, proof: &[u8], more: &[&str]) -> Finished {
    workshop.reroot(&["verify-proof", "-"]).args(ANCHORS).args(more).stdin(proof).run()
}

fn uids(workshop: &Workshop) -> Vec<String> {
    workshop.lines("batch").iter().map(|line| line["uid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_chip_of_a_batch_is_proved_and_every_other_proved_absent() {
    let workshop = batch();
    let all = prove(&workshop, &["--all"]).success();
    let proofs: Vec<&[u8]> = all.stdout.split_inclusive(|octet| *octet == b'\n').collect();
    assert_eq!(proofs.len(), 4);
    let checked = check(&workshop, &all.stdout, &["--format", "json"]).success();
    for ((uid, line), proof) in uids(&workshop).iter().zip(checked.out().lines()).zip(&proofs) {
        let report: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(report["uid"], **uid);
        assert_eq!(report["present"], true);
        // the same proof by every name of the chip, and over again
        for name in [&uid[..], &uid[4..], &uid[4..18], &uid.to_lowercase()] {
            assert_eq!(prove(&workshop, &[name]).success().stdout, *proof, "{name}");
            check(&workshop, proof, &["--uid", name]).success();
        }
        let other = check(&workshop, proof, &["--uid", "0209FF"]).expect(1);
        assert!(other.out().contains("[proof.uid]"), "{}", other.out());
    }
    // before the first, after the last, between two, and of another length
    let first = &uids(&workshop)[0];
    let between = format!("{}{:02X}", &first[..20], u8::from_str_radix(&first[20..], 16).unwrap() + 1);
    for uid in ["0209", "0209FFFFFFFFFFFFFFFF0139", "01", "7F", &between] {
        let proof = prove(&workshop, &[uid]).success();
        let report = check(&workshop, &proof.stdout, &["--format", "json"]).success();
        let report: serde_json::Value = serde_json::from_str(&report.out()).unwrap();
        assert_eq!((&report["uid"], &report["present"]), (&uid.into(), &false.into()));
        assert!(check(&workshop, &proof.stdout, &[]).success().out().ends_with("the chip is NOT in the batch\n"));
    }
}

#[test]
fn many_proofs_are_written_into_a_new_directory() {
    let workshop = batch();
    let uids = uids(&workshop);
    let list = format!("# two chips, and one that is not there\n{}\n{}\n0209AA\n{}\n", uids[2], &uids[0][4..], uids[2]);
    workshop.write("list.txt", list.as_bytes());
    let said = prove(&workshop, &["--from", "list.txt", "--out", "proofs"]).success();
    assert!(said.err().contains("2 proved to be in it, 1 proved not to be"), "{}", said.err());
    let files: Vec<String> = workshop.files("proofs").into_iter().map(|(name, _)| name).collect();
    let mut expected = [&uids[0][..], &uids[2], "0209AA"].map(|uid| format!("{uid}.proof.json"));
    expected.sort();
    assert_eq!(files, expected);
    for name in files {
        let path = format!("proofs/{name}");
        workshop.reroot(&["verify-proof", &path]).args(ANCHORS).run().success();
    }
    prove(&workshop, &["--all", "--out", "proofs"]).expect(2);
    prove(&workshop, &["--all", "--out", "list.txt"]).expect(2);
    assert!(workshop.leftovers().is_empty());
}

#[test]
fn other_anchors_refuse_a_proof() {
    let workshop = batch();
    let proof = prove(&workshop, &[&uids(&workshop)[1]]).success().stdout;
    let other = Workshop::new();
    let foreign = other.path("pki/ca/root.pem").display().to_string();
    let genuine = super::support::run::project("fixtures/st/stm-stsafe-a-prod-ca-01.pem").display().to_string();
    let (source, root) = ("pki/anchors/test-root.pem", "pki/ca/root.pem");
    for ([source, issuer, manifest], code) in [
        ([&genuine, root, root], "audit.source.rejected"),
        ([source, &foreign, root], "audit.issuer.chain"),
        ([source, root, &foreign], "manifest.signer.no-trust-anchor"),
        ([source, root, "pki/ca/issuing.pem"], "manifest.signer.no-trust-anchor"),
    ] {
        let args = ["verify-proof", "-", "--source-anchor", source, "--issuer-anchor", issuer];
        let run = workshop.reroot(&args).args(["--manifest-anchor", manifest]).stdin(&*proof).run().expect(1);
        assert!(run.out().contains(&format!("[{code}]")), "{}", run.out());
    }
    // from the configuration
    workshop.reroot(&["verify-proof", "-", "--config", "pki/reroot.toml"]).stdin(&*proof).run().success();
}

#[test]
fn a_damaged_batch_is_not_proved_from() {
    let workshop = batch();
    let uid = &uids(&workshop)[1];
    for name in ["manifest.json", "manifest.jsonl", "certificates.zip", "sources.zip", "chain.pem"] {
        let path = workshop.path("batch").join(name);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() * 2 / 5;
        bad[middle] ^= 1;
        put(&path, &bad);
        let out = format!("{name}.proof.json");
        let refused = prove(&workshop, &[uid, "--out", &out]);
        if name == "manifest.json" {
            // a digest in the statement: whoever checks sees it
            assert!(matches!(refused.code, Some(0 | 1)), "{name}: {}", refused.err());
        } else {
            refused.expect(1);
            assert!(!workshop.path(&out).exists());
        }
        put(&path, &good);
    }
}

#[test]
fn mistakes_are_told() {
    let workshop = batch();
    workshop.write("empty.txt", b"# nobody\n\n");
    workshop.write("torn.json", b"{\"format\":\"reroot-proof/2\",\"uid\":\"02");
    workshop.write("none.json", b"");
    Case::new(&workshop, "prove")
        .note("What is no UID, and part of one that names no chip")
        .run("prove batch 02X9")
        .run("prove batch A021E021C4E1D0")
        .run("prove batch")
        .run("prove batch --from empty.txt")
        .run("prove nowhere 0209")
        .note("A file that is in the way")
        .run("prove batch 0209 --out empty.txt")
        .note("What is no proof")
        .run("verify-proof torn.json --config pki/reroot.toml")
        .run("verify-proof none.json --config pki/reroot.toml")
        .run("verify-proof nowhere.json --config pki/reroot.toml")
        .run("verify-proof empty.txt --config pki/reroot.toml --format json")
        .finish();
}

/// What a batch of a million would add to a proof: paths of 20 digests, of which neighbours share all but one or two.
#[test]
fn a_proof_in_a_batch_of_a_million_has_at_most_12_kilobytes() {
    use reroot::manifest::{Proof, Tree, leaf_hash};
    let workshop = batch();
    let proof = prove(&workshop, &[&uids(&workshop)[1]]).success().stdout;
    let mut proof = Proof::parse(&proof).unwrap();
    let tree = Tree::new((0..1_000_000_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect());
    let mut longest = 0;
    for index in [0, 1, 499_999, 524_286, 524_287, 524_288, 999_998, 999_999] {
        for (n, line) in (0_u64..).zip(&mut proof.lines) {
            line.index = (index + n).min(999_999);
            line.path = tree.path(line.index);
            // a name as archives have them
            line.line = line.line.replace("reel.zip!", "STSAFE-A110-reel-0042-2026-06-01.zip!certificates/");
        }
        longest = longest.max(proof.to_line().len());
    }
    assert!((8_000..12_000).contains(&longest), "{longest} octets");
}
