//! Every region of the files that carry the proof, octet by octet: nothing that was changed is accepted.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use reroot::audit::{Audit, audit};
use reroot::reel::Limits;
use reroot::x509::Certificate;

use super::batch::batch;
use super::forge::certificate;
use super::support::judges::put;
use super::support::workshop::Workshop;

/// Whether the batch holds, asked of the library: a process for each octet would take an hour.
pub(crate) fn holds(folder: &Path, source: &Certificate, root: &Certificate) -> bool {
    let (source, root) = (std::slice::from_ref(source), std::slice::from_ref(root));
    let job = Audit {
        batch: folder,
        source_anchors: source,
        issuer_anchors: root,
        manifest_anchors: root,
        history: &[],
        timestamp: None,
        tsa_anchors: &[],
        possession: None,
        inputs: &[],
        limits: Limits::default(),
        scratch: &std::env::temp_dir(),
        jobs: 1,
        engine: reroot::crypto::VerificationEngine::Generic,
        advance: &|_| {},
        cancel: &AtomicBool::new(false),
    };
    audit(&job, &mut std::io::empty()).unwrap().holds()
}

pub(crate) fn anchors(workshop: &Workshop) -> [Certificate; 2] {
    ["pki/anchors/test-root.pem", "pki/ca/root.pem"]
        .map(|name| certificate(&std::fs::read(workshop.path(name)).unwrap()))
}

#[test]
fn no_octet_of_statement_seal_signer_and_lines_can_be_changed() {
    let workshop = batch();
    let folder = workshop.path("batch");
    let [source, root] = anchors(&workshop);
    assert!(holds(&folder, &source, &root));
    let mut tried = 0;
    // a statement's digest is compared before anything else is looked at: every octet of it is cheap
    for (name, step) in [("manifest.json", 1), ("manifest.json.p7s", 1), ("manifest.pem", 1), ("manifest.jsonl", 2)] {
        let path = folder.join(name);
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            put(&path, &bad);
            assert!(!holds(&folder, &source, &root), "{name} octet {at}: accepted");
            tried += 1;
        }
        put(&path, &good);
    }
    assert!(tried > 5_000, "{tried}");
    assert!(holds(&folder, &source, &root));
}
