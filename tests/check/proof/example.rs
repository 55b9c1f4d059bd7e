//! `crates/core/examples/check_proof.rs`, built and run.

use super::cli::{ABSENT, prove};
use crate::support::faulty::example;
use crate::support::judges::put;
use crate::support::opinion::ANCHORS;
use crate::support::run::Run;
use crate::support::workshop::Workshop;

#[test]
fn the_example_accepts_a_proof_of_this_chip_under_these_anchors_alone() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let line = &workshop.lines("batch")[1];
    let uid = line["uid"].as_str().unwrap();
    put(&workshop.path("present.json"), prove(&workshop, &[uid]).success().stdout);
    put(&workshop.path("absent.json"), prove(&workshop, &[ABSENT]).success().stdout);

    let program = example("check_proof");
    let run = |anchors: [&str; 3], proof, chip| {
        let run = Run::tool(program.to_str().unwrap()).args(anchors).args([proof, chip]);
        run.folder(workshop.folder()).run()
    };
    let shown = run(ANCHORS, "present.json", uid).success().out();
    assert!(shown.contains(&format!("chip {uid} is in batch ")), "{shown}");
    assert!(shown.contains(line["serial"].as_str().unwrap()), "{shown}");

    let [source, issuer, manifest] = ANCHORS;
    for (anchors, proof, chip, code) in [
        (ANCHORS, "absent.json", ABSENT, "proof.absent"),
        (ANCHORS, "present.json", ABSENT, "proof.uid"),
        ([issuer, issuer, manifest], "present.json", uid, "audit.source.rejected"),
        ([source, source, manifest], "present.json", uid, "audit.issuer.chain"),
        ([source, issuer, source], "present.json", uid, "manifest.signer.no-trust-anchor"),
    ] {
        let refused = run(anchors, proof, chip).expect(1).err();
        assert!(refused.contains(code), "{refused}, expected {code}");
    }
}
