//! Every byte of a proof, changed, is seen, by this program and by the independent verifier. REROOT_LONG=1 puts every
//! change before both; without it the other verifier gets a sample.

use reroot::manifest::Proof;
use reroot::proof::Checker;
use reroot::x509::{Certificate, pem};

use super::cli::{ABSENT, BEFORE, prove};
use crate::audit::batch::batch;
use crate::support::campaign::takes;
use crate::support::judges::put;
use crate::support::opinion::agreed;
use crate::support::workshop::Workshop;

pub(crate) fn checker(workshop: &Workshop) -> Checker {
    let certificate = |name: &str| {
        let file = std::fs::read(workshop.path(name)).unwrap();
        vec![Certificate::from_der(&pem::read(&file).unwrap()[0].der).unwrap()]
    };
    let root = certificate("pki/ca/root.pem");
    Checker::new(&certificate("pki/anchors/test-root.pem"), &root, &root).unwrap()
}

#[test]
fn no_byte_of_a_proof_can_be_changed_left_out_or_doubled() {
    let workshop = batch();
    let checker = checker(&workshop);
    let uid = workshop.lines("batch")[1]["uid"].as_str().unwrap().to_owned();
    for chip in [&uid[..], BEFORE] {
        let proof = prove(&workshop, &[chip]).success().stdout;
        assert!(checker.check_bytes(&proof).is_ok());
        // the lines beside a place show the absence of every chip between them
        let refused = |proof: &[u8], what: &str, at: usize| match checker.check_bytes(proof) {
            Err(_) => false,
            Ok((proof, proved)) => {
                let other = proof.uid.to_string() != chip && proved.presence.is_none();
                assert!(other && chip == BEFORE, "{what} byte {at}: accepted");
                true
            }
        };
        let file = workshop.path("other.json");
        put(&file, &proof);
        agreed(&workshop, "other.json", true);
        for at in 0..proof.len() {
            for bit in [1 << (at % 8), 1 << ((at + 5) % 8)] {
                let mut other = proof.clone();
                other[at] ^= bit;
                let accepted = refused(&other, "changed", at);
                if takes(at, 17) {
                    put(&file, &other);
                    agreed(&workshop, "other.json", accepted);
                }
            }
            let mut other = proof.clone();
            other.remove(at);
            refused(&other, "without", at);
            let mut other = proof.clone();
            other.insert(at, proof[at]);
            refused(&other, "doubled", at);
        }
        for length in 0..proof.len() {
            refused(&proof[..length], "cut at", length);
        }
    }
}

/// Changes below the base64: every byte of every part, and a proof presented for a different chip.
#[test]
fn no_byte_inside_a_part_can_be_changed() {
    let workshop = batch();
    let checker = checker(&workshop);
    let uids: Vec<String> =
        workshop.lines("batch").iter().map(|line| line["uid"].as_str().unwrap().to_owned()).collect();
    let text = prove(&workshop, &[&uids[1]]).success().stdout;
    let good = Proof::parse(&text).unwrap();
    let refused = |change: &dyn Fn(&mut Proof), what: &str, at: usize| {
        let mut proof = good.clone();
        change(&mut proof);
        assert!(checker.check(&proof).is_err(), "{what} byte {at}: accepted");
        if takes(at, 13) {
            put(&workshop.path("other.json"), proof.to_line());
            agreed(&workshop, "other.json", false);
        }
    };
    type Part = fn(&mut Proof) -> &mut Vec<u8>;
    let parts: [(&str, Part); 5] = [
        ("statement", |proof| &mut proof.statement),
        ("seal", |proof| &mut proof.seal),
        ("source", |proof| &mut proof.chip.as_mut().unwrap().source),
        ("certificate", |proof| &mut proof.chip.as_mut().unwrap().certificate),
        ("chain", |proof| &mut proof.chip.as_mut().unwrap().chain[0]),
    ];
    for (what, part) in parts {
        let length = part(&mut good.clone()).len();
        for at in 0..length {
            for bit in 0..8 {
                refused(&|proof| part(proof)[at] ^= 1 << bit, what, at);
            }
        }
        refused(&|proof| part(proof).push(0), what, length);
        refused(&|proof| part(proof).truncate(length - 1), what, length - 1);
    }
    for line in 0..3 {
        for at in 0..good.lines[line].line.len() {
            let change = |proof: &mut Proof| {
                let mut bytes = std::mem::take(&mut proof.lines[line].line).into_bytes();
                bytes[at] ^= 1;
                proof.lines[line].line = String::from_utf8(bytes).unwrap();
            };
            refused(&change, "line", at);
        }
        for digest in 0..good.lines[line].path.len() {
            let change = |proof: &mut Proof| {
                let mut bytes = *proof.lines[line].path[digest].as_bytes();
                bytes[digest] ^= 1;
                proof.lines[line].path[digest] = reroot::x509::Sha256Digest::new(bytes);
            };
            refused(&change, "path", digest);
        }
        refused(&|proof| drop(proof.lines.remove(line)), "lines without", line);
        refused(&|proof| proof.lines[line].path.truncate(1), "path cut of line", line);
        refused(&|proof| proof.lines[line].index += 1, "index of line", line);
    }
    for uid in &uids[2..] {
        refused(&|proof| proof.uid = uid.parse().unwrap(), "another chip", 0);
    }
    refused(&|proof| proof.chip = None, "said to be absent", 0);
    refused(&|proof| proof.lines.reverse(), "lines reversed", 0);
    refused(&|proof| proof.lines.clear(), "no lines", 0);
}

/// A line and its place in the tree are one thing: a line of 64 bytes could otherwise be an inner node.
#[test]
fn a_proof_of_absence_needs_the_lines_beside_the_place() {
    let workshop = batch();
    let checker = checker(&workshop);
    let uids: Vec<String> =
        workshop.lines("batch").iter().map(|line| line["uid"].as_str().unwrap().to_owned()).collect();
    let proof = |chip: &str| Proof::parse(&prove(&workshop, &[chip]).success().stdout).unwrap();
    let absent = |uid: &str, lines: Vec<reroot::manifest::ProofLine>| {
        checker.check(&Proof { uid: uid.parse().unwrap(), chip: None, lines, ..proof(BEFORE) })
    };
    // a chip that is there, by lines on either side of it, by one line, by none
    let whole = proof(&uids[1]).lines;
    for lines in [
        vec![whole[0].clone(), whole[2].clone()],
        vec![whole[0].clone()],
        vec![whole[2].clone()],
        vec![whole[1].clone()],
        vec![whole[0].clone(), whole[1].clone()],
        whole.clone(),
        vec![],
    ] {
        let count = lines.len();
        let fault = absent(&uids[1], lines).unwrap_err();
        assert_eq!(fault.code.as_str(), "proof.neighbours", "{count} lines");
    }
    // a chip that is not there, at the wrong edge
    let last = proof(ABSENT).lines;
    let first = proof(BEFORE).lines;
    absent(BEFORE, first.clone()).unwrap();
    assert_eq!(absent(BEFORE, last.clone()).unwrap_err().code.as_str(), "proof.neighbours");
    assert_eq!(absent(ABSENT, first).unwrap_err().code.as_str(), "proof.neighbours");
    absent(ABSENT, last).unwrap();
}
