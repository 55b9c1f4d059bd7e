//! Anchors and paths (RFC 5280 §6.1).

use reroot::verify::{
    CHAIN_NO_TRUST_ANCHOR, DEPENDS_ON_INTERMEDIATES, Family, Relaxation, TrustAnchor, Verifier, VerifyError,
};

use crate::intake::builder::{
    Builder, ECDSA_SHA1, Key, UID, attribute, ca_true, ca_true_path_len, extension, extensions, name, oids, root_key,
    root_name, st_name, tlv,
};
use crate::intake::support::{AT, anchor, certificate, examine, leaf, rules, time, verifier};

fn root() -> Vec<u8> {
    Builder::root().sign(&root_key())
}

fn below(issuer: &str, key: &Key) -> Vec<u8> {
    leaf(|leaf| leaf.issuer = st_name("NL", "ACME", issuer)).sign(key)
}

fn with(intermediates: &[&[u8]], relax: &[Relaxation]) -> Verifier {
    let mut verifier = verifier(&[&root()], Family::StsafeA, relax, AT);
    for der in intermediates {
        verifier.add_intermediate(certificate(der));
    }
    verifier
}

/// Verdict on a leaf below intermediate CA "A" with this certificate.
fn through(change: impl FnOnce(&mut Builder)) -> Option<&'static str> {
    let key = Key::p256(11);
    let mut builder = Builder::intermediate("A", &key);
    change(&mut builder);
    let intermediate = builder.sign(&root_key());
    examine(&with(&[&intermediate], &[]), &below("A", &key)).err()
}

#[test]
fn an_intermediate_from_the_input_completes_a_path() {
    let key = Key::p256(11);
    let intermediate = Builder::intermediate("A", &key).sign(&root_key());
    let leaf = below("A", &key);
    assert_eq!(examine(&with(&[], &[]), &leaf).err(), Some(CHAIN_NO_TRUST_ANCHOR.as_str()));
    assert!(DEPENDS_ON_INTERMEDIATES.contains(&CHAIN_NO_TRUST_ANCHOR));
    let (verified, _) = examine(&with(&[&intermediate], &[]), &leaf).unwrap();
    assert_eq!(verified.proof().path().len(), 1);
    assert_eq!(verified.proof().path()[0].der(), intermediate);
}

#[test]
fn intermediates_come_in_any_order() {
    let (a, b, c) = (Key::p256(11), Key::p384(12), Key::ed25519(13));
    let first = Builder::intermediate("A", &a).sign(&root_key());
    let issued_by = |issuer: &str, subject: &str, key: &Key, by: &Key| {
        let mut builder = Builder::intermediate(subject, key);
        builder.issuer = st_name("NL", "ACME", issuer);
        builder.algorithms(&by.algorithm()).sign(by)
    };
    let second = issued_by("A", "B", &b, &a);
    let third = issued_by("B", "C", &c, &b);
    let leaf = leaf(|leaf| leaf.issuer = st_name("NL", "ACME", "C")).algorithms(&c.algorithm()).sign(&c);
    for order in [[&first, &second, &third], [&third, &second, &first], [&second, &third, &first]] {
        let (verified, _) = examine(&with(&order.map(Vec::as_slice), &[]), &leaf).unwrap();
        let path: Vec<_> = verified.proof().path().iter().map(|found| found.der()).collect();
        assert_eq!(path, [&third[..], &second, &first]);
    }
    assert_eq!(examine(&with(&[&third, &second], &[]), &leaf).err(), Some("verify.chain.no-trust-anchor"));
}

#[test]
fn an_intermediate_must_be_a_ca_in_every_respect() {
    assert_eq!(through(|_| {}), None);
    let usage = |bits: [u8; 2]| extension(oids::KEY_USAGE, true, &[3, 2, bits[0], bits[1]]);
    assert_eq!(through(|ca| ca.rest = extensions(&[ca_true(), usage([2, 4])])), None, "keyCertSign");
    assert_eq!(
        through(|ca| ca.rest = extensions(&[ca_true(), extension(oids::UNKNOWN, false, b"x")])),
        None,
        "unknown, not critical"
    );
    for (what, code, rest) in [
        ("no basicConstraints (§4.2.1.9)", "verify.chain.no-trust-anchor", vec![]),
        (
            "cA FALSE",
            "verify.chain.no-trust-anchor",
            extensions(&[extension(oids::BASIC_CONSTRAINTS, true, &[0x30, 0])]),
        ),
        (
            "keyUsage without keyCertSign (§6.1.4 (n))",
            "verify.extension.key-cert-sign",
            extensions(&[ca_true(), usage([7, 0x80])]),
        ),
        (
            "unknown, critical (§6.1.4 (o))",
            "verify.extension.unknown-critical",
            extensions(&[ca_true(), extension(oids::UNKNOWN, true, &[5, 0])]),
        ),
        (
            "nameConstraints are not processed",
            "verify.extension.unsupported-constraint",
            extensions(&[ca_true(), extension(oids::NAME_CONSTRAINTS, true, &[0x30, 0])]),
        ),
        (
            "nameConstraints not critical (§4.2.1.10)",
            "verify.extension.criticality",
            extensions(&[ca_true(), extension(oids::NAME_CONSTRAINTS, false, &[0x30, 0])]),
        ),
    ] {
        assert_eq!(through(|ca| ca.rest = rest), Some(code), "{what}");
    }
    let time = Some("verify.chain.intermediate-time");
    assert_eq!(through(|ca| ca.not_after = tlv(0x17, &[b"251231235959Z"])), time, "expired (§6.1.3 (a)(2))");
    assert_eq!(through(|ca| ca.not_before = tlv(0x17, &[b"260101000001Z"])), time, "not yet valid");
    assert_eq!(through(|ca| ca.issuer = st_name("NL", "ACME", "Z")), Some("verify.chain.no-trust-anchor"));
    assert_eq!(through(|ca| ca.signature = |_| vec![0x30, 6, 2, 1, 1, 2, 1, 1]), Some("verify.chain.no-trust-anchor"));
}

#[test]
fn the_relaxation_for_leaves_does_not_revive_an_expired_intermediate() {
    let key = Key::p256(11);
    let mut builder = Builder::intermediate("A", &key);
    builder.not_after = tlv(0x17, &[b"251231235959Z"]);
    let verifier = with(&[&builder.sign(&root_key())], &[Relaxation::ExpiredLeaf]);
    assert_eq!(examine(&verifier, &below("A", &key)).err(), Some("verify.chain.intermediate-time"));
}

/// RFC 5280 §4.2.1.9
#[test]
fn path_length_constraints_hold() {
    let (a, b) = (Key::p256(11), Key::p256(12));
    let verdict = |upper: Vec<u8>, lower: Vec<u8>| {
        let mut first = Builder::intermediate("A", &a);
        first.rest = extensions(&[upper]);
        let mut second = Builder::intermediate("B", &b);
        second.issuer = st_name("NL", "ACME", "A");
        second.rest = extensions(&[lower]);
        examine(&with(&[&first.sign(&root_key()), &second.sign(&a)], &[]), &below("B", &b)).err()
    };
    assert_eq!(verdict(ca_true(), ca_true_path_len(0)), None);
    assert_eq!(verdict(ca_true_path_len(1), ca_true()), None);
    assert_eq!(verdict(ca_true_path_len(0), ca_true()), Some("verify.chain.path-length"));
    // the anchor's own constraint is honoured too: STM_STSAFE-L_CA0001 has pathLen 0
    let mut builder = Builder::root();
    builder.rest = extensions(&[ca_true_path_len(0)]);
    let root = builder.sign(&root_key());
    let mut verifier = verifier(&[&root], Family::StsafeA, &[], AT);
    assert!(examine(&verifier, &Builder::leaf().sign(&root_key())).is_ok());
    verifier.add_intermediate(certificate(&Builder::intermediate("A", &a).sign(&root_key())));
    assert_eq!(examine(&verifier, &below("A", &a)).err(), Some("verify.chain.path-length"));
}

#[test]
fn a_path_has_six_intermediates_at_most() {
    let chain = |length: u8| {
        let mut list = vec![Builder::intermediate("0", &Key::p256(100)).sign(&root_key())];
        for number in 1..length {
            let mut builder = Builder::intermediate(&number.to_string(), &Key::p256(100 + number));
            builder.issuer = st_name("NL", "ACME", &(number - 1).to_string());
            list.push(builder.sign(&Key::p256(100 + number - 1)));
        }
        let last = length - 1;
        let list: Vec<_> = list.iter().map(Vec::as_slice).collect();
        examine(&with(&list, &[]), &below(&last.to_string(), &Key::p256(100 + last))).err()
    };
    assert_eq!(chain(6), None);
    assert_eq!(chain(7), Some("verify.chain.too-deep"));
}

#[test]
fn a_leaf_issued_by_a_leaf_is_refused() {
    // a genuine chip signs a certificate for another "chip"
    let chip = Builder::leaf();
    let forged = leaf(|leaf| {
        leaf.serial = tlv(2, &[&crate::intake::builder::hex("020930C56159E439520139")]);
        leaf.issuer.clone_from(&chip.subject);
        leaf.subject = st_name("FR", "STMicroelectronics", "STSAFE-A110 EVAL2");
        leaf.spki = Key::p256(9).spki();
    })
    .sign(&crate::intake::builder::device_key());
    // even if an attacker offers the chip's certificate as an intermediate
    let verifier = with(&[&chip.sign(&root_key())], &[]);
    assert_eq!(examine(&verifier, &forged).err(), Some("verify.chain.no-trust-anchor"));
}

#[test]
fn loops_end() {
    // A and B certify each other and no other CA certifies them; then the root certifies A
    let (a, b) = (Key::p256(11), Key::p256(12));
    let cross = |subject: &str, key: &Key, issuer: &str, by: &Key| {
        let mut builder = Builder::intermediate(subject, key);
        builder.issuer = st_name("NL", "ACME", issuer);
        builder.sign(by)
    };
    let a_by_b = cross("A", &a, "B", &b);
    let b_by_a = cross("B", &b, "A", &a);
    let a_by_a = cross("A", &a, "A", &a);
    assert_eq!(
        examine(&with(&[&a_by_b, &b_by_a, &a_by_a], &[]), &below("B", &b)).err(),
        Some("verify.chain.no-trust-anchor")
    );
    let a_by_root = Builder::intermediate("A", &a).sign(&root_key());
    let (verified, _) = examine(&with(&[&a_by_b, &b_by_a, &a_by_a, &a_by_root], &[]), &below("B", &b)).unwrap();
    assert_eq!(verified.proof().path().iter().map(|found| found.der()).collect::<Vec<_>>(), [&b_by_a[..], &a_by_root]);
}

#[test]
fn anchors_may_share_names_and_keys() {
    let (first, second) = (root_key(), Key::p256(21));
    let mut other_key = Builder::root();
    other_key.spki = second.spki();
    let mut other_name = Builder::root();
    other_name.subject = st_name("NL", "STMicroelectronics nv", "ACME STSAFE-A PROD CA 02");
    let anchors = [root(), other_key.sign(&second), other_name.sign(&first)];
    let anchors: Vec<_> = anchors.iter().map(Vec::as_slice).collect();
    let verifier = verifier(&anchors, Family::StsafeA, &[], AT);
    let anchor_of = |der: &[u8]| examine(&verifier, der).map(|(leaf, _)| leaf.proof().anchor());
    assert_eq!(anchor_of(&Builder::leaf().sign(&first)), Ok(0));
    assert_eq!(anchor_of(&Builder::leaf().sign(&second)), Ok(1));
    let second_name = leaf(|leaf| leaf.issuer = st_name("NL", "STMicroelectronics nv", "ACME STSAFE-A PROD CA 02"));
    assert_eq!(anchor_of(&second_name.sign(&first)), Ok(2));
    // name and key belong together
    assert_eq!(anchor_of(&second_name.sign(&second)), Err("verify.signature.invalid"));
    // the same root given twice, one of them ended: the one that is valid is named
    let mut ended = Builder::root();
    ended.not_after = tlv(0x17, &[b"200101000000Z"]);
    let verifier = crate::intake::support::verifier(&[&ended.sign(&first), &root()], Family::StsafeA, &[], AT);
    let (leaf, warnings) = examine(&verifier, &Builder::leaf().sign(&first)).unwrap();
    assert_eq!((leaf.proof().anchor(), warnings.len()), (1, 0));
}

#[test]
fn an_intermediate_may_share_the_anchors_name() {
    let key = Key::p256(31);
    let mut builder = Builder::intermediate("A", &key);
    builder.subject = root_name();
    let intermediate = builder.sign(&root_key());
    let leaf = Builder::leaf().sign(&key);
    assert_eq!(examine(&with(&[], &[]), &leaf).err(), Some("verify.signature.invalid"));
    assert!(DEPENDS_ON_INTERMEDIATES.iter().any(|code| code.as_str() == "verify.signature.invalid"));
    assert!(examine(&with(&[&intermediate], &[]), &leaf).is_ok());
    // and a self-issued one does not count for path lengths (RFC 5280 §6.1.4 (l))
    let mut builder = Builder::root();
    builder.rest = extensions(&[ca_true_path_len(0)]);
    let mut verifier = verifier(&[&builder.sign(&root_key())], Family::StsafeA, &[], AT);
    verifier.add_intermediate(certificate(&intermediate));
    assert!(examine(&verifier, &leaf).is_ok());
}

#[test]
fn a_good_path_wins_over_a_bad_one() {
    let key = Key::p256(11);
    let mut expired = Builder::intermediate("A", &key);
    expired.not_after = tlv(0x17, &[b"251231235959Z"]);
    let good = Builder::intermediate("A", &key).sign(&root_key());
    for order in [[&expired.sign(&root_key()), &good], [&good, &expired.sign(&root_key())]] {
        let (verified, _) = examine(&with(&order.map(Vec::as_slice), &[]), &below("A", &key)).unwrap();
        assert_eq!(verified.proof().path()[0].der(), good);
    }
}

#[test]
fn a_relaxation_in_the_path_is_recorded() {
    let key = Key::p256(11);
    let sha1 = Builder::intermediate("A", &key).algorithms(&ECDSA_SHA1).sign(&root_key());
    let leaf = below("A", &key);
    assert_eq!(examine(&with(&[&sha1], &[]), &leaf).err(), Some("verify.signature.sha1"));
    let (verified, _) = examine(&with(&[&sha1], &[Relaxation::Sha1Signature]), &leaf).unwrap();
    assert_eq!(verified.proof().relaxations(), [Relaxation::Sha1Signature]);
    let good = Builder::intermediate("A", &key).sign(&root_key());
    let (verified, _) = examine(&with(&[&sha1, &good], &Relaxation::ALL), &leaf).unwrap();
    assert_eq!(verified.proof().relaxations(), [], "a path without is preferred");
}

#[test]
fn junk_ca_certificates_cannot_crowd_out_a_genuine_one() {
    let mut verifier = with(&[], &[]);
    let junk = Key::p256(77);
    for number in 0..200_u8 {
        let mut builder = Builder::intermediate(&format!("junk {number}"), &junk);
        builder.issuer = st_name("NL", "ACME", "nobody");
        verifier.add_intermediate(certificate(&builder.sign(&junk)));
    }
    let key = Key::p256(11);
    verifier.add_intermediate(certificate(&Builder::intermediate("A", &key).sign(&root_key())));
    assert!(examine(&verifier, &below("A", &key)).is_ok());
}

#[test]
fn the_number_of_intermediates_kept_is_bounded() {
    let mut verifier = with(&[], &[]);
    let key = Key::p256(11);
    for number in 0..130_u8 {
        verifier.add_intermediate(certificate(&Builder::intermediate(&format!("CA {number}"), &key).sign(&root_key())));
    }
    assert_eq!(verifier.intermediates().count(), 128);
    assert!(examine(&verifier, &below("CA 127", &key)).is_ok());
    assert_eq!(examine(&verifier, &below("CA 128", &key)).err(), Some("verify.chain.no-trust-anchor"));
}

#[test]
fn the_number_of_keys_tried_is_bounded() {
    let anchors: Vec<_> = (0..17)
        .map(|number| {
            let key = Key::p256(50 + number);
            let mut builder = Builder::root();
            builder.spki = key.spki();
            builder.sign(&key)
        })
        .collect();
    let anchors: Vec<_> = anchors.iter().map(Vec::as_slice).collect();
    let verifier = verifier(&anchors, Family::StsafeA, &[], AT);
    assert!(examine(&verifier, &Builder::leaf().sign(&Key::p256(65))).is_ok());
    assert_eq!(
        examine(&verifier, &Builder::leaf().sign(&Key::p256(99))).err(),
        Some("verify.chain.too-many-candidates")
    );
}

#[test]
fn validity_is_judged_at_the_given_instant_and_the_anchors_end_is_a_warning() {
    let der = Builder::leaf().sign(&root_key());
    // genuine leaves outlive their root
    for (at, expected) in [
        (AT, Ok(0)),
        ("2048-07-27T00:00:00Z", Ok(0)),
        ("2048-07-27T00:00:01Z", Ok(1)),
        ("2051-03-05T00:00:00Z", Ok(1)),
        ("2051-03-05T00:00:01Z", Err("verify.time.expired")),
        ("2021-03-05T00:00:00Z", Ok(0)),
        ("2021-03-04T23:59:59Z", Err("verify.time.not-yet-valid")),
    ] {
        let verifier = verifier(&[&root()], Family::StsafeA, &[], at);
        let outcome = examine(&verifier, &der);
        assert_eq!(outcome.as_ref().map(|(_, warnings)| warnings.len()).map_err(|code| *code), expected, "{at}");
        if let Ok((leaf, warnings)) = outcome {
            assert_eq!(leaf.proof().at(), time(at));
            assert!(warnings.iter().all(|warning| warning.code.as_str() == "verify.chain.anchor-expired"));
        }
    }
}

#[test]
fn ca_certificates_are_told_apart_from_leaves() {
    let verifier = with(&[], &[]);
    assert_eq!(examine(&verifier, &root()).err(), Some("ca"));
    // a CA certificate that no anchor certifies is only ignored, too
    let stranger = Key::p256(40);
    let mut builder = Builder::root();
    builder.subject = st_name("XX", "Stranger", "CA");
    builder.issuer = st_name("XX", "Stranger", "CA");
    builder.spki = stranger.spki();
    assert_eq!(examine(&verifier, &builder.sign(&stranger)).err(), Some("ca"));
}

#[test]
fn an_anchor_is_a_ca_that_can_be_honoured() {
    let anchor_error = |change: &dyn Fn(&mut Builder)| {
        let mut builder = Builder::root();
        change(&mut builder);
        TrustAnchor::from_certificate(certificate(&builder.sign(&root_key()))).err()
    };
    assert_eq!(anchor_error(&|_| {}), None);
    // its own signature and end are not judged
    assert_eq!(anchor_error(&|root| root.signature = |_| vec![1, 2, 3]), None);
    assert_eq!(anchor_error(&|root| root.not_after = tlv(0x17, &[b"190101000000Z"])), None);
    // not critical: two genuine ST roots are so
    assert_eq!(
        anchor_error(
            &|root| root.rest = extensions(&[extension(oids::BASIC_CONSTRAINTS, false, &[0x30, 3, 1, 1, 0xFF])])
        ),
        None
    );
    let not_a_ca = |error: Option<VerifyError>| matches!(error, Some(VerifyError::AnchorNotACa { .. }));
    assert!(not_a_ca(anchor_error(&|root| root.rest = vec![])));
    assert!(not_a_ca(anchor_error(
        &|root| root.rest = extensions(&[extension(oids::BASIC_CONSTRAINTS, true, &[0x30, 0])])
    )));
    let code = |error: Option<VerifyError>| match error {
        Some(VerifyError::AnchorDefect { code, .. }) => code.as_str(),
        other => panic!("{other:?}"),
    };
    let usage = extension(oids::KEY_USAGE, true, &[3, 2, 7, 0x80]);
    assert_eq!(
        code(anchor_error(&|root| root.rest = extensions(&[ca_true(), usage.clone()]))),
        "verify.extension.key-cert-sign"
    );
    let unknown = extension(oids::UNKNOWN, true, &[5, 0]);
    assert_eq!(
        code(anchor_error(&|root| root.rest = extensions(&[ca_true(), unknown.clone()]))),
        "verify.extension.unknown-critical"
    );
    assert_eq!(code(anchor_error(&|root| root.subject = vec![0x30, 0])), "verify.name.empty-subject");
    assert!(matches!(
        anchor_error(&|root| {
            let last = root.spki.len() - 1;
            root.spki[last] ^= 1;
        }),
        Some(VerifyError::AnchorKey { .. })
    ));
    assert!(VerifyError::NoAnchor.hint().is_some());
}

#[test]
fn names_of_issuers_and_uids_reach_findings_escaped() {
    let hostile = name(&[attribute(oids::CN, 0x0C, "x\u{202e}<b>\u{1b}".replace('\u{1b}', "é").as_bytes())]);
    let der = leaf(|leaf| leaf.issuer = hostile).sign(&root_key());
    let verifier = Verifier::new(vec![anchor(&root())], rules(Family::StsafeA, &[]), time(AT)).unwrap();
    let reroot::verify::Examined::Rejected(finding) = verifier.examine(&crate::intake::support::source(&der)) else {
        panic!("rejected")
    };
    assert!(finding.reason.contains("\\u{202e}"), "{}", finding.reason);
    assert_eq!(finding.uid.unwrap().to_string(), UID);
    assert!(finding.source_sha256.is_some());
}

#[test]
fn a_ca_certificate_that_is_not_strict_der_is_no_intermediate() {
    use reroot::x509::{Certificate, Leniency};
    let key = Key::p256(11);
    let explicit = tlv(0x30, &[&tlv(6, &[oids::UNKNOWN]), &[1, 1, 0], &tlv(4, &[&[5, 0]])]);
    let mut builder = Builder::intermediate("A", &key);
    builder.rest = extensions(&[ca_true(), explicit]);
    let der = builder.sign(&root_key());
    let mut verifier = with(&[], &Relaxation::ALL);
    // it may be read, and is ignored as the CA certificate it is
    assert_eq!(examine(&verifier, &der).err(), Some("ca"));
    let (read, _) = Certificate::from_der_leniently(&der, Leniency { explicit_default_boolean: true }).unwrap();
    verifier.add_intermediate(read);
    assert_eq!(examine(&verifier, &below("A", &key)).err(), Some("verify.chain.no-trust-anchor"));
}

#[test]
fn letter_case_is_set_aside_below_an_intermediate_too() {
    let key = Key::p256(11);
    let mut builder = Builder::intermediate("Lower Case", &key);
    builder.issuer = st_name("NL", "STMICROELECTRONICS NV", "ACME STSAFE-A PROD CA 01");
    let intermediate = builder.sign(&root_key());
    let leaf = below("LOWER CASE", &key);
    assert_eq!(examine(&with(&[&intermediate], &[]), &leaf).err(), Some("verify.chain.name-case"));
    let (verified, _) = examine(&with(&[&intermediate], &[Relaxation::IssuerNameCase]), &leaf).unwrap();
    assert_eq!(verified.proof().relaxations(), [Relaxation::IssuerNameCase]);
}

#[test]
fn a_later_certificate_of_the_same_ca_repairs_the_path() {
    let (a, b) = (Key::p256(11), Key::p256(12));
    let mut expired = Builder::intermediate("A", &a);
    expired.not_after = tlv(0x17, &[b"251231235959Z"]);
    let mut lower = Builder::intermediate("B", &b);
    lower.issuer = st_name("NL", "ACME", "A");
    let (expired, lower) = (expired.sign(&root_key()), lower.sign(&a));
    let leaf = below("B", &b);
    assert_eq!(examine(&with(&[&expired, &lower], &[]), &leaf).err(), Some("verify.chain.intermediate-time"));
    let renewed = Builder::intermediate("A", &a).sign(&root_key());
    let (verified, _) = examine(&with(&[&expired, &lower, &renewed], &[]), &leaf).unwrap();
    assert_eq!(verified.proof().path()[1].der(), renewed);
}

#[test]
fn the_issuer_whose_key_fits_gives_the_reason() {
    let other = Key::p384(5);
    let mut with_p384 = Builder::root();
    with_p384.spki = other.spki();
    let with_p384 = with_p384.sign(&other);
    let mut leaf = Builder::leaf();
    leaf.signature = |_| vec![0x30, 6, 2, 1, 1, 2, 1, 1];
    let bad = leaf.sign(&root_key());
    let ed25519 = Builder::leaf().algorithms(&crate::intake::builder::ED25519).sign(&Key::ed25519(1));
    // an Ed25519 root of the same name, whose key does not fit an ECDSA signature
    let edwards = Key::ed25519(6);
    let mut with_ed25519 = Builder::root();
    with_ed25519.spki = edwards.spki();
    let with_ed25519 = with_ed25519.algorithms(&crate::intake::builder::ED25519).sign(&edwards);
    for order in [[&root()[..], &with_ed25519], [&with_ed25519, &root()[..]]] {
        let verifier = verifier(&order, Family::StsafeA, &[], AT);
        assert_eq!(examine(&verifier, &bad).err(), Some("verify.signature.invalid"));
        assert_eq!(examine(&verifier, &ed25519).err(), Some("verify.signature.invalid"));
    }
    // s = n - 1 of P-384 is out of range for P-256: the key that could have made it gives the reason
    let wide = crate::intake::builder::hex("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let der = {
        let leaf = Builder::leaf();
        let signature = tlv(0x30, &[&[2, 1, 1], &tlv(2, &[&wide])]);
        tlv(0x30, &[&leaf.tbs(), &leaf.outer_algorithm, &tlv(3, &[&[0], &signature])])
    };
    for order in [[&root()[..], &with_p384], [&with_p384, &root()[..]]] {
        let verifier = verifier(&order, Family::StsafeA, &[], AT);
        assert_eq!(examine(&verifier, &der).err(), Some("verify.signature.invalid"));
    }
}
