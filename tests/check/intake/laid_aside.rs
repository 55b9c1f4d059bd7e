//! Leaves that were laid aside with their receipts and are taken up again.

use reroot::verify::{Family, Relaxation, VerifiedLeaf, Verifier};

use crate::intake::builder::{Builder, Key, root_key, st_name, tlv};
use crate::intake::support::{AT, certificate, examine, leaf, source, time, verifier};

fn with_root(relax: &[Relaxation]) -> Verifier {
    verifier(&[&Builder::root().sign(&root_key())], Family::StsafeA, relax, AT)
}

/// What becomes of a leaf that was verified and is taken up again at another instant.
fn again(verifier: &Verifier, der: &[u8], at: &str) -> Result<VerifiedLeaf, &'static str> {
    let (verified, _) = examine(verifier, der).expect("verified at first");
    let outcome = verifier.readmit(source(der).item, der, &verified.receipt(), time(at)).expect("the same bytes");
    outcome.map_err(|finding| {
        assert_eq!(finding.uid.as_ref(), Some(verified.uid()));
        assert_eq!(finding.source_sha256, Some(verified.origin().fingerprint));
        finding.code.as_str()
    })
}

#[test]
fn a_leaf_is_taken_up_again_with_all_that_was_proved_of_it() {
    let key = Key::p256(11);
    let intermediate = Builder::intermediate("A", &key).sign(&root_key());
    // the first anchor is unrelated, so that the test sees that the position of the right one is kept
    let mut other = Builder::root();
    other.subject = st_name("NL", "STMicroelectronics nv", "another");
    let anchors = [other.sign(&root_key()), Builder::root().sign(&root_key())];
    let mut verifier = verifier(&[&anchors[0], &anchors[1]], Family::StsafeA, &[Relaxation::CommonNameMismatch], AT);
    verifier.add_intermediate(certificate(&intermediate));
    let der = leaf(|leaf| {
        leaf.issuer = st_name("NL", "ACME", "A");
        leaf.subject = st_name("FR", "ST", "eval3-020930C56159E439520139");
    })
    .sign(&key);
    let (verified, _) = examine(&verifier, &der).unwrap();
    for at in [AT, "2030-01-01T00:00:00Z"] {
        let found = again(&verifier, &der, at).unwrap();
        assert_eq!(found.origin().fingerprint, verified.origin().fingerprint);
        assert_eq!((found.uid(), found.family()), (verified.uid(), verified.family()));
        assert_eq!(found.certificate().der(), der);
        assert_eq!((found.proof().anchor(), found.proof().at()), (1, time(at)));
        assert_eq!(found.proof().path().iter().map(|found| found.der()).collect::<Vec<_>>(), [&intermediate[..]]);
        assert_eq!(found.proof().relaxations(), [Relaxation::CommonNameMismatch]);
    }
}

#[test]
fn a_receipt_is_good_for_its_own_bytes_only() {
    let verifier = with_root(&[]);
    let der = Builder::leaf().sign(&root_key());
    let (verified, _) = examine(&verifier, &der).unwrap();
    let mut other = der.clone();
    *other.last_mut().unwrap() ^= 1;
    assert!(verifier.readmit(source(&der).item, &der, &verified.receipt(), time(AT)).is_some());
    assert!(verifier.readmit(source(&other).item, &other, &verified.receipt(), time(AT)).is_none());
}

#[test]
fn a_leaf_taken_up_at_another_instant_is_valid_then() {
    let der = Builder::leaf().sign(&root_key());
    let verifier = with_root(&[]);
    for (at, expected) in [
        ("2021-03-04T23:59:59Z", Err("verify.time.not-yet-valid")),
        ("2021-03-05T00:00:00Z", Ok(())),
        ("2051-03-05T00:00:00Z", Ok(())),
        ("2051-03-05T00:00:01Z", Err("verify.time.expired")),
    ] {
        assert_eq!(again(&verifier, &der, at).map(|_| ()), expected, "{at}");
    }
}

#[test]
fn the_relaxation_for_expired_leaves_is_recorded_for_the_instant_that_needs_it() {
    let verifier = with_root(&[Relaxation::ExpiredLeaf]);
    let recorded = |der: &[u8], at: &str| again(&verifier, der, at).unwrap().proof().relaxations().to_vec();
    let good = Builder::leaf().sign(&root_key());
    assert_eq!(recorded(&good, AT), []);
    assert_eq!(recorded(&good, "2052-01-01T00:00:00Z"), [Relaxation::ExpiredLeaf]);
    let ended = leaf(|leaf| leaf.not_after = tlv(0x17, &[b"220101000000Z"])).sign(&root_key());
    assert_eq!(recorded(&ended, AT), [Relaxation::ExpiredLeaf]);
    assert_eq!(recorded(&ended, "2021-12-31T00:00:00Z"), []);
}

#[test]
fn no_relaxation_takes_up_a_leaf_whose_intermediate_is_not_valid_then() {
    let key = Key::p256(11);
    let mut builder = Builder::intermediate("A", &key);
    builder.not_after = tlv(0x17, &[b"270101000000Z"]);
    let mut verifier = with_root(&[Relaxation::ExpiredLeaf]);
    verifier.add_intermediate(certificate(&builder.sign(&root_key())));
    let der = leaf(|leaf| leaf.issuer = st_name("NL", "ACME", "A")).sign(&key);
    assert!(again(&verifier, &der, "2027-01-01T00:00:00Z").is_ok());
    assert_eq!(again(&verifier, &der, "2027-01-01T00:00:01Z").err(), Some("verify.chain.intermediate-time"));
}
