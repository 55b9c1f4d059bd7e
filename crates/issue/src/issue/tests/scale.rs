//! Measurements, not tests: `cargo test --lib scale -- --ignored --nocapture`, with the number of leaves that stand on
//! the ledger in `REROOT_SCALE` (1 million if unset), and the number of batches in `REROOT_BATCHES` (1,000 if unset).
#![expect(clippy::print_stderr, reason = "a measurement is printed")]

use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

use crate::crypto::sha256;
use crate::issue::testing::{DeterministicSigner, identity, serial_for, template};
use crate::issue::{Issuer, Signed};
use crate::ledger::testing::{batch_id, leaf, leaves, look_without_index, row, terms};
use crate::ledger::{Ledger, RecordedLeaf};
use crate::signer::{Signer, SignerError};
use crate::x509::{SignatureAlgorithm, Spki};

fn scale() -> u64 {
    std::env::var("REROOT_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

fn timed<T>(what: &str, count: u64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    report(what, count, start.elapsed());
    result
}

#[expect(clippy::cast_precision_loss, reason = "a measurement")]
fn report(what: &str, count: u64, elapsed: Duration) {
    let each = elapsed.as_nanos() as f64 / count as f64;
    eprintln!("{what}: {count} leaves in {:.3} s, {each:.0} ns each", elapsed.as_secs_f64());
}

#[test]
#[ignore = "a measurement"]
fn leaves_of_one_batch_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let batches = 10;
    let each = scale() / batches;
    {
        let ledger = Ledger::create(&path, identity().spki()).unwrap();
        for n in 0..batches {
            let list = leaves(n * each..(n + 1) * each);
            let row = row(u32::try_from(n).unwrap(), terms("test", &list), 4_096);
            timed("begin", each, || ledger.begin(row, &list)).unwrap();
        }
    }
    eprintln!("file: {} bytes", std::fs::metadata(&path).unwrap().len());
    let ledger = timed("open", 1, || Ledger::open(&path, identity().spki())).unwrap();
    for (what, range) in [
        ("standing, 1 of 10 batches hit", 0..each),
        ("standing, none hit, beyond", scale()..scale() + each),
        ("standing, all leaves", 0..scale()),
    ] {
        let list = leaves(range);
        let terms = terms("test", &list);
        timed(what, list.len() as u64, || ledger.standing(&terms.policy_use(), &list, None)).unwrap();
    }
    let report = timed("verify", scale(), || ledger.verify()).unwrap();
    assert_eq!(report.stats.leaves, scale());
}

#[test]
#[ignore = "a measurement"]
fn leaves_of_many_batches_interleaved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let batches = std::env::var("REROOT_BATCHES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let each = scale() / batches;
    let ledger = Ledger::create(&path, identity().spki()).unwrap();
    let (mut spent, mut slowest) = (Duration::ZERO, Duration::ZERO);
    for n in 0..batches {
        // every batch spans all UIDs; even numbers stand on the ledger, odd ones do not
        let list = leaves((0..each).map(|index| 2 * (index * batches + n)));
        let row = row(u32::try_from(n).unwrap(), terms("test", &list), 1_024);
        let start = Instant::now();
        ledger.begin(row, &list).unwrap();
        spent += start.elapsed();
        slowest = slowest.max(start.elapsed());
    }
    report("begin of all batches", scale(), spent);
    report("the slowest begin", each, slowest);
    drop(ledger);
    eprintln!("file: {} bytes", std::fs::metadata(&path).unwrap().len());
    let ledger = timed("open", 1, || Ledger::open(&path, identity().spki())).unwrap();
    let nobody = batch_id(u32::MAX);
    timed("first look at all batches", 1, || ledger.batch(&nobody)).unwrap();
    let step = (scale() / 5_000).max(1);
    let lists = [
        ("standing of 100, new", (0..100).map(|n| 2 * n * step * 50 + 1).collect::<Vec<_>>()),
        ("standing of 5,000, new", (0..5_000).map(|n| 2 * n * step + 1).collect()),
        ("standing of 5,000, new, again", (0..5_000).map(|n| 2 * n * step + 3).collect()),
        ("standing of 5,000, all known", (0..5_000).map(|n| 2 * n * step).collect()),
        ("standing of a tenth, new", (0..scale() / 10).map(|n| 2 * n * 10 + 1).collect()),
        ("standing of a tenth, all known", (0..scale() / 10).map(|n| 2 * n * 10).collect()),
    ];
    for index in [true, false] {
        for (what, numbers) in &lists {
            let list = leaves(numbers.iter().copied());
            let terms = terms("test", &list);
            let what = format!("{what}, {}", if index { "by the index" } else { "by every list" });
            timed(&what, list.len() as u64, || ledger.standing(&terms.policy_use(), &list, None)).unwrap();
        }
        look_without_index(&ledger);
    }
    drop(ledger);
    let ledger = Ledger::open(&path, identity().spki()).unwrap();
    timed("verify", scale(), || ledger.verify()).unwrap();
}

#[test]
#[ignore = "a measurement"]
fn recording_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let identity = identity();
    let ledger = Ledger::create(&folder.path().join("ledger.db"), identity.spki()).unwrap();
    let issuer = Issuer::new(identity.clone(), Box::new(Fast::issuing())).unwrap();
    let count = (scale() / 10).min(100_000);
    let list = leaves(0..count);
    let row = row(1, terms("test", &list), 1_024);
    timed("begin", count, || ledger.begin(row.clone(), &list)).unwrap();
    let mut spent = [Duration::ZERO; 5];
    for chunk in 0..row.chunks() {
        let start = Instant::now();
        let numbers = chunk * 1_024..((chunk + 1) * 1_024).min(count);
        let linted = numbers.map(|number| {
            let template = template(number);
            let serial = serial_for(&template, &row.seed, &identity, 0);
            identity.prepare(&template, serial, 0).unwrap()
        });
        let linted: Vec<_> = linted.collect();
        spent[0] += start.elapsed();
        let start = Instant::now();
        let recorded = ledger.record(&row.id, chunk, linted).unwrap();
        spent[1] += start.elapsed();
        let start = Instant::now();
        let recorded = recorded.into_iter().map(|recorded| match recorded {
            RecordedLeaf::Fresh(recorded) => recorded,
            other => panic!("{other:?}"),
        });
        let report = issuer.sign(recorded.collect());
        spent[2] += start.elapsed();
        let start = Instant::now();
        let issued: Vec<_> = report
            .outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Signed::Issued(certificate) => certificate,
                other => panic!("{other:?}"),
            })
            .collect();
        ledger.record_issued(&row.id, chunk, &issued, report.signatures_made).unwrap();
        spent[3] += start.elapsed();
    }
    for (what, spent) in ["templates and prepare", "record", "sign and check", "record_issued"].iter().zip(spent) {
        report(what, count, spent);
    }
    timed("seal", 1, || ledger.seal(&row.id, b"statement", b"cms")).unwrap();
    timed("standing", count, || ledger.standing(&row.terms.policy_use(), &list, None)).unwrap();
    timed("verify", count, || ledger.verify()).unwrap();
}

/// As fast as a key in a file gets.
struct Fast {
    key: EcdsaKeyPair,
    public: Spki,
}

impl Fast {
    fn issuing() -> Self {
        let secret = sha256(b"reroot TEST issuing key");
        let public = DeterministicSigner::issuing().public_key().clone();
        let key = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            secret.as_bytes(),
            public.key(),
        );
        Self { key: key.unwrap(), public }
    }
}

impl Signer for Fast {
    fn public_key(&self) -> &Spki {
        &self.public
    }

    fn sign_batch(
        &self,
        _: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        let random = SystemRandom::new();
        signatures.extend(messages.iter().map(|message| self.key.sign(&random, message).unwrap().as_ref().to_vec()));
        Ok(())
    }
}

/// The made-up leaves are what they say.
#[test]
fn made_up_leaves_ascend() {
    assert!((0..1_000).all(|n| leaf(n).uid < leaf(n + 1).uid));
}
