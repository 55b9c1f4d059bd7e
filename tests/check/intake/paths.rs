//! What may be above a leaf, at the borders: one CA several times, anchors that come again, names that differ in
//! letter case only, and crowds that wait.

use reroot::verify::{Family, Relaxation, Verifier};

use crate::intake::builder::{Builder, Key, ca_true_path_len, extensions, root_key, root_name, st_name, tlv};
use crate::intake::support::{AT, certificate, examine, leaf, verifier};

const NO_ANCHOR: &str = "verify.chain.no-trust-anchor";
/// `MAX_PENDING` of src/verify/path.rs.
const MOST_THAT_WAIT: u16 = 1024;

fn root() -> Vec<u8> {
    Builder::root().sign(&root_key())
}

fn with(intermediates: &[Vec<u8>]) -> Verifier {
    let mut verifier = verifier(&[&root()], Family::StsafeA, &[], AT);
    for der in intermediates {
        verifier.add_intermediate(certificate(der));
    }
    verifier
}

fn below(issuer: &str, key: &Key) -> Vec<u8> {
    leaf(|leaf| leaf.issuer = st_name("NL", "ACME", issuer)).sign(key)
}

/// The `number`th certificate of a CA, signed by another one.
fn cross(subject: &str, key: &Key, issuer: &str, by: &Key, number: u8) -> Vec<u8> {
    let mut builder = Builder::intermediate(subject, key);
    builder.issuer = st_name("NL", "ACME", issuer);
    builder.not_after = tlv(0x17, &[format!("3501010000{number:02}Z").as_bytes()]);
    builder.sign(by)
}

/// RFC 4158 §2.4.2. If one CA could appear twice in a path, under another of its certificates, the steps of the search
/// would be used up before the certificate that leads to the anchor is reached.
#[test]
fn a_ca_stands_once_in_a_path_however_many_certificates_it_has() {
    let (a, b) = (Key::p256(11), Key::p256(12));
    let mut expired = Builder::intermediate("A", &a);
    expired.not_after = tlv(0x17, &[b"251231235959Z"]);
    let mut all = vec![expired.sign(&root_key())];
    all.extend((0..6).map(|number| cross("B", &b, "A", &a, number)));
    all.extend((0..6).map(|number| cross("A", &a, "B", &b, number)));
    let good = Builder::intermediate("A", &a).sign(&root_key());
    all.push(good.clone());
    let verifier = with(&all);
    assert_eq!(verifier.intermediates().count(), all.len());
    for (issuer, key) in [("A", &a), ("B", &b)] {
        let (verified, _) = examine(&verifier, &below(issuer, key)).unwrap();
        let path = &verified.proof().path();
        assert_eq!(path.last().map(|found| found.der()), Some(&good[..]), "{issuer}");
        assert_eq!(path.len(), if issuer == "A" { 1 } else { 2 });
    }
}

#[test]
fn the_anchors_own_certificate_among_the_inputs_adds_nothing() {
    let verifier = with(&[root()]);
    assert_eq!(verifier.intermediates().count(), 0);
    let (verified, _) = examine(&verifier, &Builder::leaf().sign(&root_key())).unwrap();
    assert_eq!(verified.proof().path().len(), 0);
    // a different certificate of the same name and key is not a further CA, no matter which key signed it
    let mut renewed = Builder::root();
    renewed.not_after = tlv(0x17, &[b"450101000000Z"]);
    assert_eq!(with(&[renewed.sign(&root_key())]).intermediates().count(), 0);
    // a constraint that it carries is not one of the anchor's
    let mut constrained = Builder::root();
    constrained.rest = extensions(&[ca_true_path_len(0)]);
    let key = Key::p256(11);
    let verifier = with(&[constrained.sign(&root_key()), Builder::intermediate("A", &key).sign(&root_key())]);
    assert!(examine(&verifier, &below("A", &key)).is_ok());
}

#[test]
fn the_anchors_key_under_another_name_is_no_anchor() {
    // self-signed, under a name of its own: an attacker can have this certificate without having the key
    let mut other = Builder::root();
    (other.subject, other.issuer) = (st_name("NL", "ACME", "Other"), st_name("NL", "ACME", "Other"));
    let verifier = with(&[other.sign(&root_key())]);
    assert_eq!(verifier.intermediates().count(), 0);
    assert_eq!(examine(&verifier, &below("Other", &root_key())).err(), Some(NO_ANCHOR));
    // certified by the anchor, it is an intermediate like any other
    other.issuer = root_name();
    let (verified, _) = examine(&with(&[other.sign(&root_key())]), &below("Other", &root_key())).unwrap();
    assert_eq!(verified.proof().path().len(), 1);
    // and a chip that has the anchor's key is refused under any name
    for issuer in [root_name(), st_name("NL", "ACME", "Other")] {
        let chip = leaf(|leaf| (leaf.spki, leaf.issuer) = (root_key().spki(), issuer)).sign(&root_key());
        assert_eq!(examine(&with(&[other.sign(&root_key())]), &chip).err(), Some("verify.key.of-a-ca"));
    }
}

#[test]
fn names_that_differ_in_case_are_two_cas_of_which_the_one_with_the_very_name_counts() {
    let (upper, lower) = (Key::p256(11), Key::p256(12));
    let both = [("ACME CA", &upper), ("Acme CA", &lower)];
    let authorities = both.map(|(name, key)| Builder::intermediate(name, key).sign(&root_key()));
    for order in [[0, 1], [1, 0]] {
        let order = order.map(|at: usize| authorities[at].clone());
        for relax in [&[][..], &[Relaxation::IssuerNameCase]] {
            let mut verifier = verifier(&[&root()], Family::StsafeA, relax, AT);
            for der in &order {
                verifier.add_intermediate(certificate(der));
            }
            for (at, (name, key)) in both.iter().enumerate() {
                let (verified, _) = examine(&verifier, &below(name, key)).unwrap();
                assert_eq!(verified.proof().path()[0].der(), authorities[at]);
                assert_eq!(verified.proof().relaxations(), [], "the very name is there");
            }
            // one's name with the other's key: the same name but for its case, which the policy may set aside
            for (name, key, at) in [("ACME CA", &lower, 1), ("Acme CA", &upper, 0)] {
                match examine(&verifier, &below(name, key)) {
                    Ok((verified, _)) => {
                        assert_eq!(relax, [Relaxation::IssuerNameCase]);
                        assert_eq!(verified.proof().path()[0].der(), authorities[at]);
                        assert_eq!(verified.proof().relaxations(), [Relaxation::IssuerNameCase]);
                    }
                    Err(code) => assert_eq!((relax.len(), code), (0, "verify.chain.name-case")),
                }
            }
        }
    }
}

/// So many CA certificates wait for their issuer, and not one more.
#[test]
fn the_last_that_may_wait_is_found_and_the_next_one_is_not() {
    let (a, b, junk) = (Key::p256(11), Key::p256(12), Key::p256(77));
    let waiting = cross("B", &b, "A", &a, 1);
    let issuer = Builder::intermediate("A", &a).sign(&root_key());
    let strangers: Vec<Vec<u8>> = (0..MOST_THAT_WAIT)
        .map(|number| {
            let mut builder = Builder::intermediate(&format!("junk {number}"), &junk);
            builder.issuer = st_name("NL", "ACME", "nobody");
            builder.sign(&junk)
        })
        .collect();
    let leaf = below("B", &b);
    for (before, found) in [(MOST_THAT_WAIT - 1, true), (MOST_THAT_WAIT, false)] {
        let mut verifier = with(&strangers[..usize::from(before)]);
        verifier.add_intermediate(certificate(&waiting));
        verifier.add_intermediate(certificate(&issuer));
        assert_eq!(examine(&verifier, &leaf).err(), (!found).then_some(NO_ANCHOR), "after {before} strangers");
        // offered again once its issuer is known, it counts
        verifier.add_intermediate(certificate(&waiting));
        assert!(examine(&verifier, &leaf).is_ok(), "after {before} strangers");
    }
}
