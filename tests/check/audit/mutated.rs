//! Every region of a batch, byte by byte: nothing that was changed is accepted, by neither verifier. REROOT_LONG=1
//! changes every byte; without it the larger files get a sample.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use reroot::audit::{Audit, audit};
use reroot::crypto::sha256;
use reroot::durable::{Access, create_directory};
use reroot::manifest::{Statement, TreeBuilder};
use reroot::reel::Limits;
use reroot::seal;
use reroot::x509::Certificate;

use super::batch::batch;
use super::forge::{certificate, key};
use crate::support::campaign::sample;
use crate::support::judges::put;
use crate::support::opinion::agreed;
use crate::support::workshop::Workshop;

/// Whether the batch holds, asked of the library: a process for each byte would take an hour.
pub(crate) fn holds(folder: &Path, source: &Certificate, root: &Certificate) -> bool {
    let (source, root) = (std::slice::from_ref(source), std::slice::from_ref(root));
    let job = Audit {
        batch: folder,
        source_anchors: source,
        issuer_anchors: root,
        manifest_anchors: root,
        history: &[],
        head: None,
        expected: None,
        timestamp: None,
        beacon: None,
        tsa_anchors: &[],
        max_stamp_delay: None,
        now: reroot::x509::Time::from_rfc3339("9999-01-01T00:00:00Z").unwrap(),
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

/// Every how many bytes are changed in a sample: so many that a file gets some hundreds.
fn step(length: usize, most: usize) -> usize {
    length.div_ceil(most)
}

/// What a thief of the directory can do: a byte of any file, and nothing else.
#[test]
fn no_byte_of_any_file_can_be_changed() {
    let workshop = batch();
    let folder = workshop.path("batch");
    let [source, root] = anchors(&workshop);
    assert!(holds(&folder, &source, &root));
    for (name, good) in workshop.files("batch") {
        let path = folder.join(&name);
        // these carry the proof: every byte of them
        let step = if name.starts_with("manifest.") { 1 } else { step(good.len(), 300) };
        let mut tried = 0;
        for at in sample(0..good.len(), step) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            put(&path, &bad);
            assert!(!holds(&folder, &source, &root), "{name} byte {at}: accepted");
            agreed(&workshop, "batch", false);
            tried += 1;
        }
        put(&path, &good);
        eprintln!("{name}: {tried} of {} bytes changed, none accepted by either verifier", good.len());
    }
    assert!(holds(&folder, &source, &root));
    agreed(&workshop, "batch", true);
}

/// What the holder of the manifest key can do: a byte of any file, with digests, root and seal that fit.
///
/// The audit takes the signer's word for what it cannot derive again: who was rejected and why, which inputs there
/// were, comments in the policy. It refuses every change to what the certificates depend on; a change that it accepts
/// is to one of the former.
#[test]
fn no_byte_that_something_rests_on_can_be_changed_and_sealed_again() {
    let workshop = batch();
    let [source, root] = anchors(&workshop);
    let good: BTreeMap<String, Vec<u8>> = workshop.files("batch").into_iter().collect();
    let out = workshop.path("other");
    for name in [
        "certificates.zip",
        "sources.zip",
        "chain.pem",
        "manifest.jsonl",
        "policy.toml",
        "rejected.jsonl",
        "inputs.jsonl",
    ] {
        let bytes = &good[name];
        let (mut tried, mut accepted) = (0, 0);
        for at in sample(0..bytes.len(), step(bytes.len(), 300)) {
            let mut files = good.clone();
            files.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
            sealed(&workshop, &out, files);
            let holds = holds(&out, &source, &root);
            let free = word_of_the_signer(name, bytes, at);
            assert!(!holds || free, "{name} byte {at}: accepted");
            // above the anchor nothing rests on a certificate, and each reads it its own way; and from a policy that
            // reroot would not load the other verifier may derive the same certificates
            let alike = match name {
                "chain.pem" => !free,
                "policy.toml" => holds,
                _ => true,
            };
            if alike {
                agreed(&workshop, "other", holds);
            }
            reroot::durable::remove_partial(&out).unwrap();
            tried += 1;
            accepted += u32::from(holds);
        }
        eprintln!("{name}: {tried} of {} bytes changed and sealed, {accepted} of them accepted", bytes.len());
    }
}

/// What a verifier has nothing to compare with: findings and inputs (without the inputs), the policy's comments, where
/// a leaf was found, and certificates above the one that the anchor signed, which are there for delivery.
fn word_of_the_signer(name: &str, bytes: &[u8], at: usize) -> bool {
    let last = |text: &[u8]| bytes[..at].windows(text.len()).rposition(|window| window == text);
    match name {
        "inputs.jsonl" | "policy.toml" | "rejected.jsonl" => true,
        "chain.pem" => last(b"-----END CERTIFICATE-----\n").is_some(),
        "manifest.jsonl" => {
            let begin = b"\"source_item\":\"";
            last(begin).is_some_and(|found| !bytes[found + begin.len()..=at].contains(&b'"'))
        }
        _ => false,
    }
}

/// Digests, tree and seal made to fit.
fn sealed(workshop: &Workshop, out: &Path, mut files: BTreeMap<String, Vec<u8>>) {
    let mut statement = Statement::parse(&files["manifest.json"]).unwrap();
    let digest = |name: &str| sha256(&files[name]);
    let mut tree = TreeBuilder::new();
    files["manifest.jsonl"]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .for_each(|line| tree.push(line));
    statement.entries.sha256 = digest("manifest.jsonl");
    statement.entries.root_hash = tree.root();
    statement.policy.sha256 = digest("policy.toml");
    statement.rejected = digest("rejected.jsonl");
    statement.inputs.sha256 = digest("inputs.jsonl");
    for file in &mut statement.files {
        file.sha256 = sha256(&files[&file.name]);
    }
    let signer = certificate(&files["manifest.pem"]);
    let statement_bytes = statement.to_bytes();
    let seal = seal::sign(&statement_bytes, &signer, &key(workshop, "manifest"), statement.created).unwrap();
    files.insert("manifest.json".to_owned(), statement_bytes);
    files.insert("manifest.json.p7s".to_owned(), seal);
    create_directory(out, Access::Public).unwrap();
    for (name, content) in files {
        put(&out.join(name), content);
    }
}
