//! Both engines that verify signatures give the same verdicts: for good leaves, for bad ones, and for their neighbours.

use reroot::crypto::VerificationEngine;
use reroot::origin::ItemName;
use reroot::reel::SourceLeaf;
use reroot::verify::{Family, Relaxation, Verifier};

use crate::intake::support::{AT, anchor, rules, time};
use crate::support::pki::{Recipe, TestPki, variants};

/// A reel in which every fourth leaf has something wrong with it, and things that are not leaves at all.
fn hostile(pki: &TestPki) -> Vec<SourceLeaf> {
    let mut all = Vec::new();
    for (index, leaf) in (0..400).zip(pki.leaves(0..400)) {
        let der = match index % 40 {
            3 => variants::bad_signature(&leaf.der),
            7 => variants::twin(&leaf.der),
            11 => variants::padded(&leaf.der, 600, 0xFF),
            15 => variants::swapped_key(pki, index, index + 1),
            19 => variants::crossed(pki, index, index + 1),
            23 => variants::renewed(pki, index),
            27 => leaf.der[..leaf.der.len() - 1].to_vec(),
            31 => pki.root().to_vec(),
            35 => flipped(&leaf.der, usize::try_from(index).expect("small")),
            _ => leaf.der,
        };
        all.push(der);
    }
    // one after the other, every byte of a good leaf is changed
    let good = pki.leaf(1_000).der;
    all.extend((0..good.len()).map(|at| flipped(&good, at)));
    let item = |n: usize| ItemName::input(b"reel.zip").entry(format!("{n}.der").as_bytes());
    all.into_iter().enumerate().map(|(n, der)| SourceLeaf { item: item(n), der, file_name: None }).collect()
}

fn flipped(der: &[u8], at: usize) -> Vec<u8> {
    let mut changed = der.to_vec();
    let at = at % changed.len();
    changed[at] ^= 1 << (at % 8);
    changed
}

#[test]
fn both_engines_find_the_same_in_a_hostile_reel() {
    let pki = TestPki::shipped();
    let other = TestPki::new(stranger());
    let leaves = hostile(&pki);
    for anchors in [vec![pki.root()], vec![other.root(), pki.root()]] {
        for relax in [vec![Relaxation::TestAnchor], vec![Relaxation::TestAnchor, Relaxation::TrailingPadding], vec![]] {
            let verifier = |engine| {
                let anchors = anchors.iter().map(|der| anchor(der)).collect();
                let verifier = Verifier::new(anchors, rules(Family::StsafeA, &relax), time(AT));
                verifier.expect("an anchor and keys").with_engine(engine)
            };
            let generic = verifier(VerificationEngine::Generic);
            let expected: Vec<String> = leaves.iter().map(|leaf| format!("{:?}", generic.examine(leaf))).collect();
            for engine in [VerificationEngine::Generic, VerificationEngine::FixedKey] {
                let examined = verifier(engine).examine_all(&leaves).expect("the engines agree");
                let found: Vec<String> = examined.iter().map(|examined| format!("{examined:?}")).collect();
                assert_eq!(found, expected, "{engine:?}");
            }
            let verified = expected.iter().filter(|verdict| verdict.starts_with("Verified")).count();
            assert_eq!(verified > 300, !relax.is_empty(), "{verified} verified");
        }
    }
}

/// Another root of the same name: its key is tried first and fits no signature.
fn stranger() -> Recipe {
    Recipe { seed: "another TEST PKI".into(), ..Recipe::shipped() }
}
