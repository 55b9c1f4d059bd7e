//! Relaxations: off unless named, recorded exactly where they were needed.

use reroot::verify::{Family, Relaxation};

use crate::intake::builder::{
    Builder, ECDSA_SHA1, UID, attribute, extension, extensions, name, oids, root_key, root_name, st_name, tlv,
};
use crate::intake::support::{AT, examine, leaf, verifier};

/// A leaf and its root that need exactly one relaxation, and the code they are refused with without it.
fn cases() -> Vec<(Relaxation, &'static str, Vec<u8>, Vec<u8>)> {
    let root = Builder::root().sign(&root_key());
    let test_name = st_name("NL", "STMicroelectronics nv", "STM STSAFE-A TEST CA 91");
    let mut test_root = Builder::root();
    test_root.subject.clone_from(&test_name);
    let other_case = st_name("NL", "StMicroelectronics NV", "ACME STSAFE-A PROD CA 01");
    let false_value = extension(oids::BASIC_CONSTRAINTS, false, &[0x30, 3, 1, 1, 0]);
    let with_root = |change: &dyn Fn(&mut Builder)| leaf(|leaf| change(leaf)).sign(&root_key());
    vec![
        (
            Relaxation::CommonNameMismatch,
            "verify.common-name.mismatch",
            root.clone(),
            with_root(&|leaf| leaf.subject = st_name("FR", "ST", "eval3-020930C56159E439520139")),
        ),
        (
            Relaxation::ExpiredLeaf,
            "verify.time.expired",
            root.clone(),
            with_root(&|leaf| leaf.not_after = tlv(0x17, &[b"220101000000Z"])),
        ),
        (
            Relaxation::ExpiredLeaf,
            "verify.time.not-yet-valid",
            root.clone(),
            with_root(&|leaf| leaf.not_before = tlv(0x17, &[b"270101000000Z"])),
        ),
        (
            Relaxation::ExplicitDefaultBoolean,
            "verify.der.explicit-default",
            root.clone(),
            with_root(&|leaf| leaf.rest = extensions(std::slice::from_ref(&false_value))),
        ),
        (
            Relaxation::IssuerNameCase,
            "verify.chain.name-case",
            root.clone(),
            with_root(&|leaf| leaf.issuer.clone_from(&other_case)),
        ),
        (
            Relaxation::Sha1Signature,
            "verify.signature.sha1",
            root.clone(),
            Builder::leaf().algorithms(&ECDSA_SHA1).sign(&root_key()),
        ),
        (
            Relaxation::TestAnchor,
            "verify.chain.test-anchor",
            test_root.sign(&root_key()),
            with_root(&|leaf| leaf.issuer.clone_from(&test_name)),
        ),
        (Relaxation::TrailingPadding, "verify.der.trailing-data", root, [with_root(&|_| {}), vec![0xFF; 600]].concat()),
    ]
}

#[test]
fn each_relaxation_is_needed_named_and_recorded() {
    for (relaxation, code, root, leaf) in cases() {
        let others: Vec<_> = Relaxation::ALL.into_iter().filter(|other| *other != relaxation).collect();
        for (relax, what) in [(&[][..], "none"), (&others[..], "all others")] {
            let verifier = verifier(&[&root], Family::StsafeA, relax, AT);
            assert_eq!(examine(&verifier, &leaf).err(), Some(code), "{relaxation} with {what}");
        }
        for relax in [&[relaxation][..], &Relaxation::ALL] {
            let verifier = verifier(&[&root], Family::StsafeA, relax, AT);
            let (verified, _) = examine(&verifier, &leaf).unwrap();
            assert_eq!(verified.proof().relaxations(), [relaxation]);
        }
    }
}

#[test]
fn a_good_leaf_records_no_relaxation_however_many_are_named() {
    let root = Builder::root().sign(&root_key());
    let verifier = verifier(&[&root], Family::StsafeA, &Relaxation::ALL, AT);
    let (verified, _) = examine(&verifier, &Builder::leaf().sign(&root_key())).unwrap();
    assert_eq!(verified.proof().relaxations(), []);
}

#[test]
fn relaxations_add_up_and_all_missing_ones_are_named() {
    let mut root = Builder::root();
    root.subject = st_name("NL", "STMicroelectronics nv", "STM TEST CA");
    let root = root.sign(&root_key());
    let der = leaf(|leaf| {
        leaf.issuer = st_name("NL", "STMICROELECTRONICS NV", "STM TEST CA");
        leaf.not_after = tlv(0x17, &[b"220101000000Z"]);
    })
    .sign(&root_key());
    let needed = [Relaxation::ExpiredLeaf, Relaxation::IssuerNameCase, Relaxation::TestAnchor];
    let (verified, _) = examine(&verifier(&[&root], Family::StsafeA, &needed, AT), &der).unwrap();
    assert_eq!(verified.proof().relaxations(), needed);
    let reroot::verify::Examined::Rejected(finding) =
        verifier(&[&root], Family::StsafeA, &[], AT).examine(&crate::intake::support::source(&der))
    else {
        panic!("rejected")
    };
    assert_eq!(finding.code.as_str(), "verify.time.expired");
    assert!(finding.reason.ends_with("the leaf would also need issuer-name-case, test-anchor"), "{}", finding.reason);
}

#[test]
fn a_relaxation_tolerates_what_it_says_and_no_more() {
    let root = Builder::root().sign(&root_key());
    let verifier = verifier(&[&root], Family::StsafeA, &Relaxation::ALL, AT);
    let code = |der: &[u8]| examine(&verifier, der).err();
    let good = Builder::leaf().sign(&root_key());

    // padding is one byte repeated, 00 or FF
    for padding in [vec![0; 1], vec![0; 600], vec![0xFF; 600]] {
        assert_eq!(code(&[&good[..], &padding].concat()), None);
    }
    for padding in [vec![1; 600], [vec![0; 10], vec![0xFF; 10]].concat(), [vec![0; 10], vec![7]].concat()] {
        assert_eq!(code(&[&good[..], &padding].concat()), Some("verify.der.trailing-data"), "{padding:?}");
    }
    // an explicit FALSE, no other BOOLEAN, and not TRUE in disguise
    for (value, expected) in [(1, "verify.der.boolean"), (0xFF, "verify.extension.ca-true")] {
        let bad = extension(oids::BASIC_CONSTRAINTS, false, &[0x30, 3, 1, 1, value]);
        assert_eq!(code(&leaf(|leaf| leaf.rest = extensions(&[bad])).sign(&root_key())), Some(expected));
    }
    // letter case, not spaces, not another string type
    for issuer in [
        st_name("NL", "STMicroelectronics  nv", "ACME STSAFE-A PROD CA 01"),
        st_name("NL", "STMicroelectronics nv ", "ACME STSAFE-A PROD CA 01"),
        name(&[
            attribute(oids::C, 0x13, b"NL"),
            attribute(oids::O, 0x13, b"STMicroelectronics nv"),
            attribute(oids::CN, 0x0C, b"ACME STSAFE-A PROD CA 01"),
        ]),
    ] {
        let der = leaf(|leaf| leaf.issuer = issuer).sign(&root_key());
        assert_eq!(code(&der), Some("verify.chain.no-trust-anchor"));
    }
    // SHA-1 still has to verify
    let mut bad = Builder::leaf().algorithms(&ECDSA_SHA1).sign(&root_key());
    let last = bad.len() - 1;
    bad[last] ^= 1;
    assert_eq!(code(&bad), Some("verify.signature.invalid"));
}

#[test]
fn the_fingerprint_of_a_padded_leaf_is_the_certificates() {
    let root = Builder::root().sign(&root_key());
    let verifier = verifier(&[&root], Family::StsafeA, &[Relaxation::TrailingPadding], AT);
    let good = Builder::leaf().sign(&root_key());
    let (plain, _) = examine(&verifier, &good).unwrap();
    let (padded, _) = examine(&verifier, &[&good[..], &[0; 100]].concat()).unwrap();
    assert_eq!(plain.origin().fingerprint, padded.origin().fingerprint);
    assert_eq!(padded.certificate().der(), good);
    assert_eq!(padded.uid().to_string(), UID);
}

#[test]
fn equal_names_are_preferred_to_names_that_differ_in_case() {
    // two roots of one key; the leaf's issuer is spelled as the second one's subject
    let mut upper = Builder::root();
    upper.subject = st_name("NL", "STMICROELECTRONICS NV", "ACME STSAFE-A PROD CA 01");
    let roots = [upper.sign(&root_key()), Builder::root().sign(&root_key())];
    let verifier = verifier(&[&roots[0], &roots[1]], Family::StsafeA, &Relaxation::ALL, AT);
    let (verified, _) = examine(&verifier, &leaf(|leaf| leaf.issuer = root_name()).sign(&root_key())).unwrap();
    assert_eq!((verified.proof().anchor(), verified.proof().relaxations()), (1, &[][..]));
}
