//! What the parts of issuing one certificate cost, each by itself on one core (criterion).
//!
//! ```text
//! cargo bench --bench parts
//! ```
//!
//! TEST leaves and the shipped policy tls-client. A file key's signature is aws-lc's; `benches/verification.rs` has the
//! engine at the numbers of signatures that decide on its tables, `benches/end_to_end.py` whole batches.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use reroot::cert::{Encoder, IssuerIdentity, Seed, SerialBasis};
use reroot::crypto::{Claim, IssuerKey, PublicKey, VerificationEngine, sha256};
use reroot::delivery::{Stamp, ZipWriter};
use reroot::issue::Serials;
use reroot::origin::ItemName;
use reroot::policy::{BatchContext, Policy};
use reroot::reel::{SourceLeaf, certificates_in_pem};
use reroot::signer::{FileSigner, Signer as _};
use reroot::verify::{Examined, TrustAnchor, Verifier};
use reroot::x509::{Certificate, SignatureAlgorithm, Time};
use reroot_test_support::pki;

const LEAVES: u64 = 1_024;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let pki = pki::TestPki::shipped();
    let leaves: Vec<SourceLeaf> = (0..LEAVES).map(|index| candidate(&pki, index)).collect();
    reading(&mut criterion, &pki, &leaves);
    making(&mut criterion, &pki, &leaves);
    criterion.final_summary();
}

fn candidate(pki: &pki::TestPki, index: u64) -> SourceLeaf {
    let leaf = pki.leaf(index);
    let item = ItemName::from_escaped(&format!("reel.zip/{}.der", leaf.uid())).expect("a name");
    SourceLeaf { item, der: leaf.der, file_name: None }
}

fn verifier(pki: &pki::TestPki, policy: &Policy) -> Verifier {
    let root = Certificate::from_der(pki.root()).expect("a certificate");
    let anchor = TrustAnchor::from_certificate(root).expect("an anchor");
    Verifier::new(vec![anchor], policy.source().clone(), now()).expect("a verifier")
}

fn policy() -> Policy {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/tls-client.toml"));
    let text = text.expect("it is shipped").replace("relax = []", "relax = [\"test-anchor\"]");
    Policy::parse(&text, "tls-client.toml").expect("a policy")
}

fn now() -> Time {
    Time::from_rfc3339("2026-11-01T00:00:00Z").expect("a time")
}

fn reading(criterion: &mut Criterion, pki: &pki::TestPki, leaves: &[SourceLeaf]) {
    let mut group = criterion.benchmark_group("leaf");
    group.bench_function("parse", |bench| bench.iter(|| Certificate::from_der(black_box(&leaves[0].der))));
    group.bench_function("SHA-256", |bench| bench.iter(|| sha256(black_box(&leaves[0].der))));

    let certificates: Vec<Certificate> =
        leaves.iter().map(|leaf| Certificate::from_der(&leaf.der).expect("a certificate")).collect();
    let claims: Vec<Claim<'_>> = certificates
        .iter()
        .map(|certificate| Claim {
            algorithm: SignatureAlgorithm::EcdsaSha256,
            message: certificate.tbs(),
            signature: certificate.signature(),
            sha256: None,
        })
        .collect();
    let root = Certificate::from_der(pki.root()).expect("a certificate");
    let key = PublicKey::from_spki(root.spki()).expect("a key");
    group.bench_function("signature, aws-lc", |bench| {
        let claim = &claims[0];
        bench.iter(|| key.verify(claim.algorithm, black_box(claim.message), claim.signature));
    });
    group.throughput(Throughput::Elements(LEAVES));
    let engines = [("as the processor can", IssuerKey::new(key.clone())), ("portable", IssuerKey::portable(key))];
    for (how, key) in engines {
        key.expect(100_000);
        key.verify_batch(VerificationEngine::FixedKey, &claims).expect("the engines agree");
        group.bench_function(format!("{LEAVES} signatures with tables, {how}"), |bench| {
            bench.iter(|| key.verify_batch(VerificationEngine::FixedKey, black_box(&claims)));
        });
    }
    let policy = policy();
    let verifier = verifier(pki, &policy);
    group.bench_function(format!("{LEAVES} leaves examined"), |bench| {
        bench.iter(|| verifier.examine_all(black_box(leaves)));
    });
    group.finish();
}

fn making(criterion: &mut Criterion, pki: &pki::TestPki, leaves: &[SourceLeaf]) {
    let policy = policy();
    let Examined::Verified(leaf, _) = verifier(pki, &policy).examine(&leaves[0]) else { panic!("a good leaf") };
    let (issuer, signer) = issuer();
    let context = BatchContext {
        batch: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
        issued_at: now(),
        params: policy.params(&std::collections::BTreeMap::default()).expect("it takes none"),
    };
    let bound = policy.bind(&issuer, &context).expect("policy and issuer fit");
    let seed = Seed([7; 32]);
    let template = bound.template(&leaf).expect("the leaf fits");
    let basis = SerialBasis { encoder: Encoder::NEW, batch: &context.batch, seed: &seed, beacon: None };
    let serials = Serials::new(&basis, issuer.spki());
    let serial = serials.of(&template, 0);

    let mut group = criterion.benchmark_group("certificate");
    group.bench_function("template from the policy", |bench| bench.iter(|| bound.template(black_box(&leaf))));
    group.bench_function("serial number", |bench| bench.iter(|| serials.of(black_box(&template), 0)));
    group.bench_function("encode and lint", |bench| {
        bench.iter_batched(|| serial, |serial| issuer.prepare(black_box(&template), serial, 0), BatchSize::SmallInput);
    });
    let linted = issuer.prepare(&template, serial, 0).expect("clean");
    group.bench_function("signature, file key P-256", |bench| {
        let messages = [linted.tbs().der()];
        bench.iter(|| {
            let mut signatures = Vec::with_capacity(1);
            signer.sign_batch(SignatureAlgorithm::EcdsaSha256, black_box(&messages), &mut signatures)
        });
    });
    group.bench_function("stored in an archive", |bench| {
        let mut zip = ZipWriter::new(std::io::sink(), Stamp::new(now()));
        let mut number = 0_u64;
        bench.iter(|| {
            number += 1;
            zip.add(&format!("{number:022X}.der"), black_box(linted.tbs().der()))
        });
    });
    group.finish();
}

/// The throw-away CA that `reroot init` makes.
fn issuer() -> (IssuerIdentity, FileSigner) {
    let folder = tempfile::tempdir().expect("a folder");
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_reroot"))
        .args(["--quiet", "init", "pki", "--organization", "Bench"])
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let read = |name: &str| std::fs::read(folder.path().join("pki/ca").join(name)).expect("init wrote it");
    let certificate = certificates_in_pem(&read("issuing.pem")).expect("PEM").remove(0);
    let certificate = Certificate::from_der(&certificate).expect("a certificate");
    let identity = IssuerIdentity::new(certificate, vec![]).expect("an issuer");
    let key = read("issuing.key.pem");
    (identity, FileSigner::open(&key, None).expect("a key"))
}
