//! `prove` and `verify-proof` at the command line.

use crate::audit::batch::batch;
use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::run::Finished;
use crate::support::workshop::Workshop;

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
    let proofs: Vec<&[u8]> = all.stdout.split_inclusive(|byte| *byte == b'\n').collect();
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
        let other = check(&workshop, proof, &["--uid", ABSENT]).expect(1);
        assert!(other.out().contains("[proof.uid]"), "{}", other.out());
    }
    for uid in absentees(&workshop) {
        let proof = prove(&workshop, &[&uid]).success();
        assert!(proof.err().contains("0 proved to be in it, 1 proved not to be"), "{}", proof.err());
        for name in [&uid[..], &uid[4..], &uid.to_lowercase()] {
            assert_eq!(prove(&workshop, &[name]).success().stdout, proof.stdout, "{name}");
            check(&workshop, &proof.stdout, &["--absent", "--uid", name]).success();
        }
        let report = check(&workshop, &proof.stdout, &["--absent", "--format", "json"]).success();
        let report: serde_json::Value = serde_json::from_str(&report.out()).unwrap();
        assert_eq!((&report["uid"], &report["present"]), (&uid.as_str().into(), &false.into()));
        assert_eq!(report["family"], "stsafe-a");
        let said = check(&workshop, &proof.stdout, &["--absent"]).success().out();
        assert!(said.ends_with("the chip is NOT in the batch\n"), "{said}");
    }
}

/// UIDs before the first of the batch, after the last, and between two.
fn absentees(workshop: &Workshop) -> [String; 3] {
    let first = &uids(workshop)[0];
    let between = format!("{}{:02X}", &first[..20], u8::from_str_radix(&first[20..], 16).unwrap() + 1);
    [BEFORE.to_owned(), ABSENT.to_owned(), between]
}

/// Before all chips of the batch.
pub(crate) const BEFORE: &str = "0209000000000000000139";
/// After all of them.
pub(crate) const ABSENT: &str = "0209FFFFFFFFFFFFFF0139";

/// `verify-proof FILE && provision` is how it is used: only what was asked for is exit 0.
#[test]
fn absence_never_passes_for_presence_nor_presence_for_absence() {
    let workshop = batch();
    let uid = &uids(&workshop)[1];
    let (present, absent) = (prove(&workshop, &[uid]).success().stdout, prove(&workshop, &[ABSENT]).success().stdout);
    let another = "proof FAILED: it shows something else than was asked for\n";
    for (proof, claim, code) in [(&absent, &[][..], "proof.absent"), (&present, &["--absent"], "proof.present")] {
        let refused = check(&workshop, proof, claim).expect(1);
        assert!(
            refused.out().contains(&format!("FAULT [{code}]")) && refused.out().ends_with(another),
            "{}",
            refused.out()
        );
        let json = check(&workshop, proof, &[claim, &["--format", "json"]].concat()).expect(1);
        let json: serde_json::Value = serde_json::from_str(&json.out()).unwrap();
        assert_eq!((&json["holds"], &json["faults"][0]["code"]), (&false.into(), &code.into()));
    }
    // one of each: neither demand is met, and what meets it is shown all the same
    let both = [&present[..], &absent].concat();
    let said = check(&workshop, &both, &[]).expect(1).out();
    assert!(
        said.contains("the chip is in the batch") && said.contains("proof 2: chip 0209FFFFFFFFFFFFFF0139"),
        "{said}"
    );
    check(&workshop, &both, &["--absent"]).expect(1);
    // the name alone decides nothing
    check(&workshop, &absent, &["--uid", ABSENT]).expect(1);
    check(&workshop, &present, &["--uid", uid, "--absent"]).expect(1);
}

/// A name that no chip of the family has is absent from every batch: its absence says nothing about any chip.
#[test]
fn absence_is_proved_of_nothing_that_no_chip_could_be_called() {
    let workshop = batch();
    let export = ["export", "batch", "--to", "line-pack", "--out", "batch.pack", "--issuer-anchor", "pki/ca/root.pem"];
    workshop.reroot(&export).run().success();
    let uid = &uids(&workshop)[1];
    let good = reroot::manifest::Proof::parse(&prove(&workshop, &[BEFORE]).success().stdout).unwrap();
    let last = reroot::manifest::Proof::parse(&prove(&workshop, &[ABSENT]).success().stdout).unwrap();
    for (name, typed) in [
        // shortened, longer, with zeros before, another beginning, other families
        (uid[..20].to_owned(), true),
        ("0209".to_owned(), true),
        (format!("{uid}00"), true),
        (format!("00{uid}"), true),
        (format!("0309{}", &uid[4..]), true),
        ("01".to_owned(), true),
        ("7F".to_owned(), true),
        // what can be typed for a UID, and is none
        (uid[4..].to_owned(), false),
        (uid[4..18].to_owned(), false),
    ] {
        if typed {
            let refused = prove(&workshop, &[&name]).expect(2);
            let said = format!("`{name}` is not the UID of a chip of the family `stsafe-a`");
            assert!(refused.out().is_empty() && refused.err().contains(&said), "{}", refused.err());
            for shelf in ["batch", "batch.pack"] {
                for more in [&[][..], &["--absent"]] {
                    let refused = workshop.reroot(&["lookup", shelf, &name]).args(ANCHORS).args(more).run().expect(2);
                    assert!(refused.out().is_empty() && refused.err().contains(&said), "{}", refused.err());
                }
            }
            let refused =
                check(&workshop, &prove(&workshop, &[BEFORE]).stdout, &["--absent", "--uid", &name]).expect(1);
            assert!(refused.out().contains("[proof.uid-form]") && refused.out().contains(&said), "{}", refused.out());
        }
        // an attacker writes the proof without `prove`
        for proof in [&good, &last] {
            let proof = reroot::manifest::Proof { uid: name.parse().unwrap(), ..proof.clone() };
            let refused = check(&workshop, proof.to_line().as_bytes(), &["--absent"]).expect(1);
            assert!(refused.out().contains("[proof.uid-form]"), "{name}: {}", refused.out());
        }
    }
    let list = format!("{uid}\n{}\n", &uid[..20]);
    workshop.write("list.txt", list.as_bytes());
    prove(&workshop, &["--from", "list.txt", "--out", "proofs"]).expect(2);
    assert!(!workshop.path("proofs").exists() && workshop.leftovers().is_empty());
}

/// The product id is not part of a unique number: the lines have to leave room for none.
#[test]
fn the_absence_of_a_unique_number_is_that_of_every_product_id() {
    let workshop = batch();
    let uid = &uids(&workshop)[1];
    let unique = "A021E021C4E1D0";
    let proof = prove(&workshop, &[unique]).success().stdout;
    let said = check(&workshop, &proof, &["--absent", "--uid", unique]).success().out();
    assert!(said.contains("0209A021E021C4E1D00000"), "{said}");
    // about another chip, and about one of this unique number although another one has it
    let other = check(&workshop, &proof, &["--absent", "--uid", "A021E021C4E1D1"]).expect(1);
    assert!(other.out().contains("[proof.uid]"), "{}", other.out());
    let beside = format!("{}FFFF", &uid[..18]);
    let beside = prove(&workshop, &[&beside]).success().stdout;
    let refused = check(&workshop, &beside, &["--absent", "--uid", &uid[4..18]]).expect(1);
    assert!(refused.out().contains("[proof.neighbours]"), "{}", refused.out());
    check(&workshop, &beside, &["--absent"]).success();
}

#[test]
fn many_proofs_are_written_into_a_new_directory() {
    let workshop = batch();
    let uids = uids(&workshop);
    let list =
        format!("# two chips, and one that is not there\n{}\n{}\n{ABSENT}\n{}\n", uids[2], &uids[0][4..], uids[2]);
    workshop.write("list.txt", list.as_bytes());
    let said = prove(&workshop, &["--from", "list.txt", "--out", "proofs"]).success();
    assert!(said.err().contains("2 proved to be in it, 1 proved not to be"), "{}", said.err());
    let files: Vec<String> = workshop.files("proofs").into_iter().map(|(name, _)| name).collect();
    let mut expected = [&uids[0][..], &uids[2], ABSENT].map(|uid| format!("{uid}.proof.json"));
    expected.sort();
    assert_eq!(files, expected);
    for name in files {
        let path = format!("proofs/{name}");
        let claim: &[&str] = if name.starts_with(ABSENT) { &["--absent"] } else { &[] };
        workshop.reroot(&["verify-proof", &path]).args(ANCHORS).args(claim).run().success();
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
    let genuine = crate::support::run::project("fixtures/st/stm-stsafe-a-prod-ca-01.pem").display().to_string();
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
            // a digest in the statement: `verify-proof` finds the change
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
    workshop.write("present.json", &prove(&workshop, &[&uids(&workshop)[1]]).success().stdout);
    Case::new(&workshop, "prove")
        .note("What is not a UID, and what is not one of this family")
        .run("prove batch 02X9")
        .run("prove batch 0209A021E021C4E1D001")
        .run("prove batch 0209A021E021C4E1D001 --format json")
        .note("A proof of absence where presence is asked for, and the reverse")
        .run("prove batch A021E021C4E1D00139 --out absent.json")
        .run("verify-proof absent.json --config pki/reroot.toml")
        .run("verify-proof absent.json --config pki/reroot.toml --format json")
        .run("verify-proof absent.json --config pki/reroot.toml --absent --uid A021E021C4E1D1")
        .run("verify-proof absent.json --config pki/reroot.toml --absent --uid 0209")
        .run("verify-proof present.json --config pki/reroot.toml --absent")
        .run("prove batch")
        .run("prove batch --from empty.txt")
        .run("prove nowhere 0209A021E021C4E1D00139")
        .note("A file that is in the way")
        .run("prove batch 0209A021E021C4E1D00139 --out empty.txt")
        .note("What is not a proof")
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
    assert!((8_000..12_000).contains(&longest), "{longest} bytes");
}
