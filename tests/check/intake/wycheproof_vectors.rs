//! Every Wycheproof vector of the accepted algorithms, through `PublicKey::verify` and as a certificate's signature.

use reroot::crypto::{Claim, IssuerKey, PublicKey, VerificationEngine};
use reroot::x509::{SignatureAlgorithm, Spki};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

/// "acceptable" vectors that we refuse or accept would be listed here; the sets in use have none.
fn must_verify(result: TestResult) -> bool {
    match result {
        TestResult::Valid => true,
        TestResult::Invalid => false,
        TestResult::Acceptable => panic!("decide on this vector"),
    }
}

fn run(set: TestName, algorithm: SignatureAlgorithm) -> (usize, usize) {
    let set = TestSet::load(set).expect("the crate carries its vectors");
    let (mut vectors, mut accepted) = (0, 0);
    for group in &set.test_groups {
        // a key that we do not take, such as an explicit curve, verifies nothing
        let key = Spki::from_der(&group.der).ok().and_then(|spki| PublicKey::from_spki(&spki).ok());
        for test in &group.tests {
            let verdict = key.as_ref().is_some_and(|key| key.verify(algorithm, &test.msg, &test.sig).is_ok());
            assert_eq!(verdict, must_verify(test.result), "{:?} {}: {}", set.algorithm, test.tc_id, test.comment);
            vectors += 1;
            accepted += usize::from(verdict);
        }
    }
    (vectors, accepted)
}

#[test]
fn every_ecdsa_vector_gets_its_verdict() {
    for (set, algorithm) in [
        (TestName::EcdsaSecp256r1Sha256, SignatureAlgorithm::EcdsaSha256),
        (TestName::EcdsaSecp256r1Sha512, SignatureAlgorithm::EcdsaSha512),
        (TestName::EcdsaSecp384r1Sha256, SignatureAlgorithm::EcdsaSha256),
        (TestName::EcdsaSecp384r1Sha384, SignatureAlgorithm::EcdsaSha384),
        (TestName::EcdsaSecp384r1Sha512, SignatureAlgorithm::EcdsaSha512),
        (TestName::EcdsaSecp521r1Sha512, SignatureAlgorithm::EcdsaSha512),
        (TestName::EcdsaBrainpool256r1Sha256, SignatureAlgorithm::EcdsaSha256),
        (TestName::EcdsaBrainpool384r1Sha384, SignatureAlgorithm::EcdsaSha384),
    ] {
        let (vectors, accepted) = run(set, algorithm);
        assert!(vectors > 200 && accepted > 50 && accepted < vectors, "{vectors} vectors, {accepted} accepted");
    }
}

#[test]
fn every_p256_vector_gets_its_verdict_from_the_engine_with_tables() {
    let algorithm = SignatureAlgorithm::EcdsaSha256;
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).expect("the crate carries its vectors");
    let (mut vectors, mut with_opinion) = (0, 0);
    for group in &set.test_groups {
        let Some(key) = Spki::from_der(&group.der).ok().and_then(|spki| PublicKey::from_spki(&spki).ok()) else {
            continue;
        };
        let portable = IssuerKey::portable(key.clone());
        let key = IssuerKey::new(key);
        key.expect(1_000);
        // several times over, since groups of one vector would be too small for the engine; most of the others are not
        // DER
        let claims: Vec<Claim<'_>> = (0..8)
            .flat_map(|_| &group.tests)
            .map(|test| Claim { algorithm, message: &test.msg, signature: &test.sig, sha256: None })
            .collect();
        let verdicts = key.verify_batch(VerificationEngine::FixedKey, &claims).expect("the engines agree");
        let opinions = key.unchecked_opinions(&claims).expect("the tables are right");
        assert_eq!(opinions, portable.unchecked_opinions(&claims).expect("the tables are right"));
        for (test, (verdict, opinion)) in group.tests.iter().cycle().zip(verdicts.iter().zip(opinions)) {
            let what = format!("{} {}", test.tc_id, test.comment);
            assert_eq!(verdict.is_ok(), must_verify(test.result), "{what}");
            assert!(opinion.is_none_or(|opinion| opinion == must_verify(test.result)), "{what}: {opinion:?}");
            with_opinion += usize::from(opinion.is_some());
        }
        vectors += group.tests.len();
    }
    assert!(vectors > 400 && with_opinion / 8 > 150, "{vectors} vectors, {with_opinion} opinions");
}

#[test]
fn every_ed25519_vector_gets_its_verdict() {
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).expect("the crate carries its vectors");
    let mut vectors = 0;
    for group in &set.test_groups {
        let key = Spki::from_der(&group.der).ok().and_then(|spki| PublicKey::from_spki(&spki).ok());
        for test in &group.tests {
            let verdict =
                key.as_ref().is_some_and(|key| key.verify(SignatureAlgorithm::Ed25519, &test.msg, &test.sig).is_ok());
            assert_eq!(verdict, must_verify(test.result), "{}: {}", test.tc_id, test.comment);
            vectors += 1;
        }
    }
    assert!(vectors > 100);
}

/// The message of a vector is not a certificate, but its malformed signatures can be in one: none may be accepted.
#[test]
fn no_invalid_signature_form_is_accepted_in_a_certificate() {
    use crate::intake::builder::{Builder, root_key, tlv};
    use crate::intake::support::{default_verifier, examine};
    let verifier = default_verifier();
    let leaf = Builder::leaf();
    let tbs = leaf.tbs();
    let good = leaf.sign(&root_key());
    assert!(examine(&verifier, &good).is_ok());
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).expect("the crate carries its vectors");
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let der = tlv(0x30, &[&tbs, &leaf.outer_algorithm, &tlv(3, &[&[0], &test.sig])]);
        let code = examine(&verifier, &der).expect_err("a signature of another message");
        assert!(code.starts_with("verify.signature."), "{}: {code}", test.tc_id);
    }
}
