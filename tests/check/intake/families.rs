//! Families and the kinds of key they may have.

use reroot::verify::{Examined, Family, Relaxation, SourceRules, Verifier, VerifyError};
use reroot::x509::KeyAlgorithm;

use crate::intake::builder::{
    BRAINPOOL_P256, BRAINPOOL_P384, Builder, ED25519, Key, P521, UID, ec_spki, hex, root_key, st_name, tlv,
};
use crate::intake::support::{AT, anchor, examine, leaf, rules, source, time, verdict, verifier};

const L: &str = "400000000082940113";

fn with_serial(serial: &str, common_name: &str) -> Vec<u8> {
    leaf(|leaf| {
        leaf.serial = tlv(2, &[&hex(serial)]);
        leaf.subject = st_name("FR", "STMicroelectronics", common_name);
    })
    .sign(&root_key())
}

#[test]
fn each_family_takes_its_own_serial_numbers() {
    for (serial, a, l) in [
        (UID, None, Some("verify.uid.shape")),
        ("0209FBA403B2E48C7401F1", None, Some("verify.uid.shape")),
        (L, Some("verify.uid.shape"), None),
        ("0208B0846159E439520139", Some("verify.uid.shape"), Some("verify.uid.shape")),
        ("0209B0846159E4395201", Some("verify.uid.shape"), Some("verify.uid.shape")),
        ("008000000082940113", Some("verify.uid.shape"), Some("verify.uid.shape")),
        ("01", Some("verify.uid.shape"), Some("verify.uid.shape")),
    ] {
        let der = with_serial(serial, "STSAFE-A110 EVAL2");
        assert_eq!(verdict(Family::StsafeA, &[], &der), a, "{serial}");
        assert_eq!(verdict(Family::StsafeL, &[], &der), l, "{serial}");
        assert_eq!(verdict(Family::Generic, &[], &der), None, "{serial}");
    }
}

#[test]
fn the_uid_comes_from_the_serial_number_alone() {
    let root = Builder::root().sign(&root_key());
    let verifier = verifier(&[&root], Family::StsafeA, &[], AT);
    let (leaf, warnings) = examine(&verifier, &with_serial(UID, "STSAFE-A110 EVAL2")).unwrap();
    assert_eq!(leaf.uid().to_string(), UID);
    assert_eq!(leaf.st_number().map(hex::encode_upper).as_deref(), Some(&UID[4..]));
    assert_eq!(warnings, []);
    assert!(leaf.proof().relaxations().is_empty());
}

/// Design §5: the whole trailing run of 22 digits, or 26 with a leading 020B.
#[test]
fn a_common_name_that_ends_in_another_serial_number_is_refused() {
    let other = "020930C56159E439520139";
    let mismatch = Some("verify.common-name.mismatch");
    for (common_name, expected) in [
        (format!("eval3-{UID}"), None),
        (format!("eval3-{}", UID.to_lowercase()), None),
        (format!("Supermicro-020B{UID}"), None),
        ("STSAFE-A110 EVAL2".to_owned(), None),
        (format!("eval3-{other}"), mismatch),
        (other.to_owned(), mismatch),
        (format!("Supermicro-020b{other}"), mismatch),
        // not the form: another length, another header, or not at the end
        (format!("eval3-0{other}"), None),
        (format!("eval3-020C{other}"), None),
        (format!("{other}-eval3"), None),
        (format!("{other} "), None),
    ] {
        let der = with_serial(UID, &common_name);
        assert_eq!(verdict(Family::StsafeA, &[], &der), expected, "{common_name}");
        assert_eq!(verdict(Family::StsafeA, &[Relaxation::CommonNameMismatch], &der), None, "{common_name}");
        assert_eq!(verdict(Family::Generic, &[], &der), expected, "{common_name}");
    }
    assert_eq!(verdict(Family::StsafeL, &[], &with_serial(L, "STSAFE-L010-GEN-400000000082940114")), mismatch);
    assert_eq!(verdict(Family::Generic, &[], &with_serial("01", &format!("device-{other}"))), None);
}

#[test]
fn a_file_name_that_disagrees_is_a_warning() {
    let root = Builder::root().sign(&root_key());
    let verifier = verifier(&[&root], Family::StsafeA, &[], AT);
    let der = with_serial(UID, "STSAFE-A110 EVAL2");
    for (name, expected) in [
        (Some(format!("leaf-{UID}.der")), None),
        (Some("certificate.der".to_owned()), None),
        (None, None),
        (Some("020930C56159E439520139.der".to_owned()), Some("verify.file-name.mismatch")),
    ] {
        let mut item = source(&der);
        item.file_name.clone_from(&name);
        let Examined::Verified(_, warnings) = verifier.examine(&item) else { panic!("{name:?} rejects") };
        assert_eq!(warnings.first().map(|warning| warning.code.as_str()), expected, "{name:?}");
    }
}

#[test]
fn every_kind_of_chip_key_is_accepted_where_the_policy_lists_it() {
    let p521 = {
        use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
        let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).unwrap();
        ec_spki(&P521, pair.public_key().as_ref())
    };
    // the base points (RFC 5639 §3.4, §3.6)
    let brainpool_256 = hex(concat!(
        "048bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
        "547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997"
    ));
    let brainpool_384 = hex(concat!(
        "041d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e",
        "8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c5315"
    ));
    for (algorithm, spki) in [
        (KeyAlgorithm::P256, Key::p256(8).spki()),
        (KeyAlgorithm::P384, Key::p384(8).spki()),
        (KeyAlgorithm::P521, p521),
        (KeyAlgorithm::Ed25519, Key::ed25519(8).spki()),
        (KeyAlgorithm::BrainpoolP256r1, ec_spki(&BRAINPOOL_P256, &brainpool_256)),
        (KeyAlgorithm::BrainpoolP384r1, ec_spki(&BRAINPOOL_P384, &brainpool_384)),
    ] {
        let der = leaf(|leaf| leaf.spki = spki.clone()).sign(&root_key());
        let root = || vec![anchor(&Builder::root().sign(&root_key()))];
        let listed = SourceRules { keys: vec![algorithm], ..rules(Family::StsafeA, &[]) };
        let verifier = Verifier::new(root(), listed, time(AT)).unwrap();
        let (leaf, _) = examine(&verifier, &der).unwrap();
        assert_eq!(leaf.spki().der(), spki, "the key is kept byte for byte");
        let others = crate::intake::support::ALL_KEYS.into_iter().filter(|other| *other != algorithm).collect();
        let unlisted = SourceRules { keys: others, ..rules(Family::StsafeA, &[]) };
        let verifier = Verifier::new(root(), unlisted, time(AT)).unwrap();
        assert_eq!(examine(&verifier, &der).err(), Some("verify.key.not-allowed"), "{algorithm}");
    }
}

#[test]
fn source_cas_sign_with_the_curves_and_with_ed25519() {
    for key in [Key::p256(5), Key::p384(5), Key::ed25519(5)] {
        let mut root = Builder::root();
        root.spki = key.spki();
        let root = root.algorithms(&key.algorithm()).sign(&key);
        let leaf = Builder::leaf().algorithms(&key.algorithm()).sign(&key);
        let verifier = verifier(&[&root], Family::StsafeA, &[], AT);
        assert!(examine(&verifier, &leaf).is_ok());
        let algorithm =
            if key.algorithm() == ED25519 { "verify.signature.invalid" } else { "verify.signature.algorithm" };
        let wrong = Builder::leaf().algorithms(&ED25519).sign(&Key::ed25519(6));
        assert_eq!(examine(&verifier, &wrong).err(), Some(algorithm));
    }
}

#[test]
fn a_verifier_needs_an_anchor_and_a_key() {
    assert_eq!(Verifier::new(vec![], rules(Family::StsafeA, &[]), time(AT)).err(), Some(VerifyError::NoAnchor));
    let none = SourceRules { keys: vec![], ..rules(Family::StsafeA, &[]) };
    let root = anchor(&Builder::root().sign(&root_key()));
    assert_eq!(Verifier::new(vec![root], none, time(AT)).err(), Some(VerifyError::NoKeyAllowed));
}

#[test]
fn a_verifier_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&crate::intake::support::default_verifier());
}
