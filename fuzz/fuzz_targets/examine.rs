//! Candidates of any bytes under the genuine root, all relaxations named: no panic, and nothing is verified that ST
//! did not sign.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use reroot::origin::ItemName;
use reroot::reel::{SourceLeaf, certificates_in_pem};
use reroot::verify::{Examined, Family, Relaxation, SourceRules, TrustAnchor, Verifier};
use reroot::x509::{Certificate, KeyAlgorithm, Time};

const LEAVES: [&[u8]; 3] = [
    include_bytes!("../../fixtures/st/leaf-0209B0846159E439520139.der"),
    include_bytes!("../../fixtures/st/leaf-020930C56159E439520139.der"),
    include_bytes!("../../fixtures/st/leaf-0209F0204021CC225B0139.der"),
];

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let pem = include_bytes!("../../fixtures/st/stm-stsafe-a-prod-ca-01.pem");
    let root = certificates_in_pem(pem).expect("the fixture is PEM").remove(0);
    let anchor = TrustAnchor::from_certificate(Certificate::from_der(&root).expect("DER")).expect("a CA");
    let rules = SourceRules {
        family: Family::Generic,
        keys: vec![KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Ed25519, KeyAlgorithm::BrainpoolP256r1],
        relax: Relaxation::ALL.to_vec(),
    };
    Verifier::new(vec![anchor], rules, Time::from_unix(1_767_225_600).expect("2026")).expect("an anchor and keys")
});

fuzz_target!(|bytes: &[u8]| {
    let item = SourceLeaf { item: ItemName::input(b"fuzz"), der: bytes.to_vec(), file_name: None };
    match VERIFIER.examine(&item) {
        Examined::Verified(leaf, _) => {
            let genuine = LEAVES.iter().any(|der| {
                Certificate::from_der(der).is_ok_and(|certificate| certificate.tbs() == leaf.certificate().tbs())
            });
            assert!(genuine, "a signature that ST did not make");
        }
        Examined::Rejected(finding) => {
            assert!(!finding.reason.chars().any(char::is_control), "reasons are printable");
        }
        Examined::CaCertificate(_) => {}
    }
});
