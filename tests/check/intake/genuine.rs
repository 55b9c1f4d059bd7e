//! The genuine certificates get the verdict that their provenance implies.

use reroot::verify::{Family, Relaxation};

use crate::intake::builder::UID;
use crate::intake::support::{examine, pem, testdata, verifier};

const PROD: &str = include_str!("../../../fixtures/st/stm-stsafe-a-prod-ca-01.pem");
const TEST_91: &str = include_str!("../../../fixtures/st/stm-stsafe-a-test-ca-91-2023.pem");
const EVAL3: &[u8] = include_bytes!("../../../fixtures/st/leaf-0209B0846159E439520139.der");
const EVAL3_OTHER: &[u8] = include_bytes!("../../../fixtures/st/leaf-020930C56159E439520139.der");
const EVAL2: &[u8] = include_bytes!("../../../fixtures/st/leaf-0209F0204021CC225B0139.der");
const EVAL4: &[u8] = include_bytes!("../../../fixtures/st/leaf-0209FBA403B2E48C7401F1.der");

/// The STSAFE-L leaf begins in April 2025.
const AT: &str = "2026-01-01T00:00:00Z";

const SAMPLE: [Relaxation; 3] =
    [Relaxation::ExplicitDefaultBoolean, Relaxation::IssuerNameCase, Relaxation::TestAnchor];

#[test]
fn production_leaves_need_no_relaxation() {
    let verifier = verifier(&[&pem(PROD)], Family::StsafeA, &[], AT);
    for (der, uid) in [(EVAL3, UID), (EVAL3_OTHER, "020930C56159E439520139"), (EVAL2, "0209F0204021CC225B0139")] {
        let (leaf, warnings) = examine(&verifier, der).unwrap();
        assert_eq!(leaf.uid().to_string(), uid);
        assert_eq!((leaf.proof().relaxations().len(), leaf.proof().path().len(), warnings.len()), (0, 0, 0));
    }
}

#[test]
fn production_leaves_outlive_their_root() {
    let verifier = verifier(&[&pem(PROD)], Family::StsafeA, &[], "2050-01-01T00:00:00Z");
    let (_, warnings) = examine(&verifier, EVAL3).unwrap();
    assert_eq!(warnings[0].code.as_str(), "verify.chain.anchor-expired");
}

#[test]
fn the_engineering_sample_needs_exactly_three_relaxations() {
    let anchor = pem(TEST_91);
    let (leaf, _) = examine(&verifier(&[&anchor], Family::StsafeA, &Relaxation::ALL, AT), EVAL4).unwrap();
    assert_eq!(leaf.proof().relaxations(), SAMPLE);
    let (leaf, _) = examine(&verifier(&[&anchor], Family::StsafeA, &SAMPLE, AT), EVAL4).unwrap();
    assert_eq!(leaf.uid().to_string(), "0209FBA403B2E48C7401F1");
    for missing in 0..3 {
        let mut named = SAMPLE.to_vec();
        named.remove(missing);
        let expected = ["verify.der.explicit-default", "verify.chain.name-case", "verify.chain.test-anchor"][missing];
        assert_eq!(examine(&verifier(&[&anchor], Family::StsafeA, &named, AT), EVAL4).err(), Some(expected));
    }
    let production = verifier(&[&pem(PROD)], Family::StsafeA, &Relaxation::ALL, AT);
    assert_eq!(examine(&production, EVAL4).err(), Some("verify.chain.no-trust-anchor"));
}

#[test]
fn a_genuine_leaf_with_one_flipped_bit_is_refused() {
    let verifier = verifier(&[&pem(PROD)], Family::StsafeA, &[], AT);
    for bit in (0..EVAL3.len() * 8).step_by(7) {
        let mut bad = EVAL3.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(examine(&verifier, &bad).is_err(), "bit {bit}");
    }
}

#[test]
fn all_genuine_certificates_get_the_verdict_of_their_provenance() {
    let data = testdata();
    let folder = data.join("../st-real");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let root = |name: &str| pem(&String::from_utf8(read(name)).expect("PEM is ASCII"));
    let (prod, test_02) = (root("stm-stsafe-a-prod-ca-01.pem"), root("stm-stsafe-a-test-ca-02.pem"));
    let (test_91_2017, test_91_2023) =
        (root("stm-stsafe-a-test-ca-91-2017.pem"), root("stm-stsafe-a-test-ca-91-2023.pem"));
    let l = root("stm-stsafe-l-ca0001.pem");
    let anchors = [&prod[..], &test_02, &test_91_2017, &test_91_2023, &l];
    let test = Relaxation::TestAnchor;
    let expected = [
        ("leaf-0209B0846159E439520139.der", Family::StsafeA, Ok((0, vec![]))),
        ("leaf-020930C56159E439520139.der", Family::StsafeA, Ok((0, vec![]))),
        ("leaf-0209305C8049C4E1D00139.der", Family::StsafeA, Ok((0, vec![]))),
        ("leaf-0209F0204021CC225B0139.der", Family::StsafeA, Ok((0, vec![]))),
        ("leaf-0209609D8121CC225B0139.der", Family::StsafeA, Ok((0, vec![]))),
        ("leaf-020940D1E121C4E1D00139.der", Family::StsafeA, Ok((1, vec![test]))),
        // its issuer's bytes are those of the 2017 certificate, so that letter case need not be set aside
        ("leaf-0209FBA403B2E48C7401F1.der", Family::StsafeA, Ok((2, vec![Relaxation::ExplicitDefaultBoolean, test]))),
        ("leaf-400000000082940113.der", Family::StsafeL, Ok((4, vec![]))),
        ("unverified-leaf-0209A021E021C4E1D00139.der", Family::StsafeA, Err("verify.chain.no-trust-anchor")),
    ];
    for (name, family, expected) in expected {
        let all = verifier(&anchors, family, &Relaxation::ALL, AT);
        let outcome =
            examine(&all, &read(name)).map(|(leaf, _)| (leaf.proof().anchor(), leaf.proof().relaxations().to_vec()));
        assert_eq!(outcome, expected, "{name}");
        // exactly these relaxations: with them it passes, without any one of them it does not
        if let Ok((anchor, needed)) = expected {
            assert!(examine(&verifier(&anchors, family, &needed, AT), &read(name)).is_ok(), "{name}");
            assert_eq!(examine(&verifier(&anchors, family, &[], AT), &read(name)).is_ok(), needed.is_empty(), "{name}");
            let alone = [anchors[anchor]];
            assert!(examine(&verifier(&alone, family, &needed, AT), &read(name)).is_ok(), "{name}");
            let others: Vec<_> =
                (0..anchors.len()).filter(|at| *at != anchor && *at < 2).map(|at| anchors[at]).collect();
            assert!(examine(&verifier(&others, family, &Relaxation::ALL, AT), &read(name)).is_err(), "{name}");
        }
        // another family's rules refuse it
        let other = if family == Family::StsafeA { Family::StsafeL } else { Family::StsafeA };
        assert_eq!(
            examine(&verifier(&anchors, other, &Relaxation::ALL, AT), &read(name)).err(),
            Some("verify.uid.shape"),
            "{name}"
        );
    }
    // roots inside an archive are CA certificates; the demonstration key's certificate says nothing of the kind
    let verifier = verifier(&anchors, Family::StsafeA, &[], AT);
    for root in anchors {
        assert_eq!(examine(&verifier, root).err(), Some("ca"));
    }
    let demo = root("stm-ca-demo-intermediate-key.pem");
    assert_eq!(examine(&verifier, &demo).err(), Some("verify.uid.shape"));
    assert!(reroot::verify::TrustAnchor::from_certificate(crate::intake::support::certificate(&demo)).is_err());
}
