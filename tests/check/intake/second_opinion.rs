//! rustls-webpki and ring on the same certificates, where both can have an opinion: a leaf that we accept without a
//! relaxation is accepted by them, and a signature that ring refuses we refuse.

use reroot::verify::Family;
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::intake::builder::{Builder, Key, root_key};
use crate::intake::support::{AT, default_verifier, examine, leaf, pem, time, verifier};

fn webpki_accepts(root: &[u8], leaf: &[u8]) -> bool {
    let root = CertificateDer::from(root);
    let leaf = CertificateDer::from(leaf);
    let Ok(anchor) = webpki::anchor_from_trusted_cert(&root) else { return false };
    let Ok(end_entity) = webpki::EndEntityCert::try_from(&leaf) else { return false };
    let seconds = u64::try_from(time(AT).unix()).expect("after 1970");
    end_entity
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            &[],
            UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
            webpki::KeyUsage::client_auth(),
            None,
            None,
        )
        .is_ok()
}

#[test]
fn webpki_accepts_the_genuine_leaves_we_accept() {
    let root = pem(include_str!("../../../fixtures/st/stm-stsafe-a-prod-ca-01.pem"));
    let ours = verifier(&[&root], Family::StsafeA, &[], AT);
    for der in [
        &include_bytes!("../../../fixtures/st/leaf-0209B0846159E439520139.der")[..],
        include_bytes!("../../../fixtures/st/leaf-020930C56159E439520139.der"),
        include_bytes!("../../../fixtures/st/leaf-0209F0204021CC225B0139.der"),
    ] {
        assert!(examine(&ours, der).is_ok());
        assert!(webpki_accepts(&root, der));
    }
}

#[test]
fn we_accept_no_flipped_bit_that_webpki_refuses() {
    let root = Builder::root().sign(&root_key());
    let good = Builder::leaf().sign(&root_key());
    assert!(webpki_accepts(&root, &good));
    let ours = default_verifier();
    for bit in (0..good.len() * 8).step_by(5) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(examine(&ours, &bad).is_err() || webpki_accepts(&root, &bad), "bit {bit}");
    }
}

#[test]
fn ring_agrees_on_signatures() {
    use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, UnparsedPublicKey};
    let (p256, p384, ed25519) = (Key::p256(3), Key::p384(3), Key::ed25519(3));
    for (key, algorithm, bytes) in [
        (&p256, &ECDSA_P256_SHA256_ASN1 as &dyn ring::signature::VerificationAlgorithm, 65),
        (&p384, &ECDSA_P384_SHA384_ASN1, 97),
        (&ed25519, &ED25519, 32),
    ] {
        let spki = key.spki();
        let ring = UnparsedPublicKey::new(algorithm, &spki[spki.len() - bytes..]);
        let ours = reroot::crypto::PublicKey::from_spki(&reroot::x509::Spki::from_der(&spki).unwrap()).unwrap();
        let name = reroot::x509::SignatureAlgorithm::from_identifier(&key.algorithm()).unwrap();
        let message = leaf(|_| {}).tbs();
        let good = key.sign(&key.algorithm(), &message);
        assert!(ring.verify(&message, &good).is_ok() && ours.verify(name, &message, &good).is_ok());
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ring.verify(&message, &bad).is_ok(), ours.verify(name, &message, &bad).is_ok(), "{name} {bit}");
        }
    }
}
