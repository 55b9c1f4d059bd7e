//! Proof of possession on the line, with a simulated chip.

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;

use super::cli::ANCHORS;
use super::pack::with_pack;
use crate::support::judges::put;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

/// A chip: signs hashes of 32 bytes with the key of its leaf, and gives r and s.
fn chip_signs(workshop: &Workshop, index: u64, hash: &[u8]) -> Signature {
    let key = SigningKey::from_pkcs8_der(&workshop.pki.leaf(index).key).unwrap();
    key.sign_prehash(hash).unwrap()
}

fn uid(workshop: &Workshop, index: usize) -> String {
    workshop.lines("batch")[index]["uid"].as_str().unwrap().to_owned()
}

fn challenge(workshop: &Workshop, index: usize) -> serde_json::Value {
    let name = format!("challenge-{index}.json");
    put(&workshop.path(&name), b"");
    let run = workshop.reroot(&["pop", "challenge", "batch.pack", &uid(workshop, index)]).args(ANCHORS).run().success();
    put(&workshop.path(&name), &run.stdout);
    serde_json::from_slice(&run.stdout).unwrap()
}

fn answer(workshop: &Workshop, index: usize, signature: &[u8], receipts: &str) -> Finished {
    put(&workshop.path("signature.bin"), signature);
    let challenge = format!("challenge-{index}.json");
    let args = ["--challenge", &challenge, "--signature", "signature.bin", "--receipts", receipts];
    workshop.reroot(&["pop", "verify", "batch.pack", &uid(workshop, index)]).args(args).args(ANCHORS).run()
}

fn hash(challenge: &serde_json::Value) -> Vec<u8> {
    assert_eq!(challenge["hash"], "sha-256");
    hex::decode(challenge["sign"].as_str().unwrap()).unwrap()
}

fn possession(workshop: &Workshop) -> String {
    let finished = workshop.verify("batch", &["--format", "json"]).success();
    let report: serde_json::Value = serde_json::from_slice(&finished.stdout).unwrap();
    report["possession"].as_str().unwrap().to_owned()
}

/// What a station without this program computes.
const PYTHON: &str = r#"
import hashlib, json, sys
challenge = json.load(open(sys.argv[1]))
uid = bytes.fromhex(challenge["uid"])
message = b"reroot-pop/1\0" + challenge["batch"].encode() + bytes([len(uid)]) + uid
message += bytes.fromhex(challenge["certificate_sha256"]) + bytes.fromhex(challenge["nonce"])
assert hashlib.sha256(message).hexdigest() == challenge["sign"]
"#;

#[test]
fn chips_show_that_they_hold_their_keys() {
    let workshop = with_pack();
    assert_eq!(possession(&workshop), "none");
    for index in 0..3 {
        let challenge = challenge(&workshop, index);
        Run::python(PYTHON).arg(format!("challenge-{index}.json")).folder(workshop.folder()).run().success();
        let signature = chip_signs(&workshop, index as u64, &hash(&challenge));
        // as STSAFE gives it, and in DER
        let bytes = if index == 1 { signature.to_der().as_bytes().to_vec() } else { signature.to_bytes().to_vec() };
        let said = answer(&workshop, index, &bytes, ["one.jsonl", "two.jsonl"][index % 2]).success();
        assert!(said.out().ends_with("holds its key\n"));
    }
    assert_eq!(possession(&workshop), "none", "nothing is sealed yet");
    let seal = ["pop", "seal", "batch", "--config", "pki/reroot.toml", "--receipts"];
    workshop.reroot(&seal).args(["one.jsonl", "two.jsonl"]).run().success();
    assert_eq!(possession(&workshop), "partial");
    assert!(workshop.verify("batch", &[]).success().out().contains("possession    partial: 3 of 4 chips"));
    workshop.reroot(&seal).arg("one.jsonl").run().expect(2);

    // the last one, and sealed again after the first supplement was moved away
    let challenge = challenge(&workshop, 3);
    let signature = chip_signs(&workshop, 3, &hash(&challenge)).to_bytes();
    answer(&workshop, 3, &signature, "one.jsonl").success();
    for name in ["batch.pop.json", "batch.pop.json.p7s", "batch.pop.jsonl"] {
        Run::tool("mv").args([name, &format!("old-{name}")]).folder(workshop.folder()).run().success();
    }
    workshop.reroot(&seal).args(["one.jsonl", "two.jsonl"]).run().success();
    assert_eq!(possession(&workshop), "complete");
}

#[test]
fn answers_of_others_are_refused() {
    let workshop = with_pack();
    let first = hash(&challenge(&workshop, 0));
    let second = hash(&challenge(&workshop, 1));
    let refused = |index, signature: &[u8]| {
        let finished = answer(&workshop, index, signature, "receipts.jsonl").expect(1);
        assert!(finished.err().contains("[pop.refused]"), "{}", finished.err());
        assert!(!workshop.path("receipts.jsonl").exists());
    };
    // another chip, another challenge, a broken answer, no answer
    refused(0, &chip_signs(&workshop, 1, &first).to_bytes());
    refused(0, &chip_signs(&workshop, 0, &second).to_bytes());
    let mut broken = chip_signs(&workshop, 0, &first).to_bytes();
    broken[40] ^= 1;
    refused(0, &broken);
    refused(0, &broken[..63]);
    refused(0, b"");
    // a challenge for another chip
    put(&workshop.path("challenge-0.json"), std::fs::read(workshop.path("challenge-1.json")).unwrap());
    refused(0, &chip_signs(&workshop, 0, &second).to_bytes());
    // an answer that was given before
    let signature = chip_signs(&workshop, 1, &second).to_bytes();
    answer(&workshop, 1, &signature, "receipts.jsonl").success();
    let again = answer(&workshop, 1, &signature, "receipts.jsonl").expect(1);
    assert!(again.err().contains("answered before"), "{}", again.err());
    let absent = workshop.reroot(&["pop", "challenge", "batch.pack", super::cli::ABSENT]).args(ANCHORS).run().expect(1);
    assert!(absent.err().contains("[proof.absent]"), "{}", absent.err());
    workshop.reroot(&["pop", "challenge", "batch.pack", "0209FF"]).args(ANCHORS).run().expect(2);
}

#[test]
fn no_byte_of_a_supplement_can_be_changed() {
    let workshop = with_pack();
    for index in 0..2 {
        let signature = chip_signs(&workshop, index as u64, &hash(&challenge(&workshop, index)));
        answer(&workshop, index, &signature.to_bytes(), "receipts.jsonl").success();
    }
    let seal = ["pop", "seal", "batch", "--config", "pki/reroot.toml", "--receipts", "receipts.jsonl"];
    // receipts that were edited are not sealed
    let good = std::fs::read_to_string(workshop.path("receipts.jsonl")).unwrap();
    let at = good.find("\"nonce\":\"").unwrap() + 10;
    let mut bad = good.clone().into_bytes();
    bad[at] = if bad[at] == b'0' { b'1' } else { b'0' };
    put(&workshop.path("receipts.jsonl"), bad);
    assert!(workshop.reroot(&seal).run().expect(1).err().contains("[pop.refused]"));
    put(&workshop.path("receipts.jsonl"), &good[..good.len() - 1]);
    workshop.reroot(&seal).run().expect(2);
    put(&workshop.path("receipts.jsonl"), &good);
    workshop.reroot(&seal).run().success();
    for name in ["batch.pop.json", "batch.pop.json.p7s", "batch.pop.jsonl"] {
        let path = workshop.path(name);
        let content = std::fs::read(&path).unwrap();
        for at in (0..content.len()).step_by(content.len() / 16 + 1).chain([content.len() - 1]) {
            let mut bad = content.clone();
            bad[at] ^= 1;
            put(&path, bad);
            let finished = workshop.verify("batch", &["--format", "json"]).expect(1);
            let report: serde_json::Value = serde_json::from_slice(&finished.stdout).unwrap();
            assert_eq!(report["possession"], "none", "{name} byte {at}");
        }
        put(&path, &content);
    }
    assert_eq!(possession(&workshop), "partial");
    // the supplement of another batch
    workshop.reel("second.zip", 10..14);
    workshop.issue("second.zip", "second", &[]).success();
    for suffix in [".pop.json", ".pop.json.p7s", ".pop.jsonl"] {
        put(
            &workshop.path(&format!("second{suffix}")),
            std::fs::read(workshop.path(&format!("batch{suffix}"))).unwrap(),
        );
    }
    let finished = workshop.verify("second", &[]).expect(1);
    assert!(finished.out().contains("[audit.possession.batch]"), "{}", finished.out());
}
