//! Chips with other keys than P-256 get certificates over exactly these keys.

use std::path::{Path, PathBuf};

use super::own_ca::{OwnCa, P256, Spec, policy};
use crate::support::judges::{Exceptions, put};
use crate::support::run::testdata;

/// Certificates that cannot be shipped, beside the independent test data.
fn real() -> PathBuf {
    testdata().join("../st-real")
}

fn issued(anchor: &Path, leaf: &Path, changes: &[(&str, &str)], exceptions: &Exceptions) {
    let ca = OwnCa::new(&Spec::default());
    put(&ca.path("anchor.pem"), std::fs::read(anchor).expect("the anchor is there"));
    ca.issue(&policy(changes), &[leaf], &[]).success();
    // every judge compares the SubjectPublicKeyInfo byte for byte
    assert_eq!(ca.judge(exceptions).len(), 1);
}

#[test]
fn a_p384_leaf_of_a_custom_profile() {
    let real = real();
    issued(
        &real.join("stm-stsafe-a-test-ca-02.pem"),
        &real.join("leaf-020940D1E121C4E1D00139.der"),
        &[("keys", "[\"P-384\"]"), ("relax", "[\"test-anchor\"]")],
        &Exceptions::default(),
    );
}

#[test]
fn an_ed25519_leaf_of_an_stsafe_l() {
    let real = real();
    issued(
        &real.join("stm-stsafe-l-ca0001.pem"),
        &real.join("leaf-400000000082940113.der"),
        &[("family", "\"stsafe-l\""), ("keys", "[\"Ed25519\"]")],
        &Exceptions::default(),
    );
}

/// No certificate with a Brainpool key is public: root and leaf are OpenSSL's.
fn brainpool(curve: &str, name: &str) {
    let source = OwnCa::new(&Spec::default());
    source.key("test-root", P256);
    source.certify("test-root", "root", "root", "/O=Own/CN=Own TEST Root", 3650);
    source.key("leaf", &["-algorithm", "EC", "-pkeyopt", &format!("ec_paramgen_curve:{curve}")]);
    source.certify("leaf", "test-root", "leaf", "/O=Own/CN=Own Chip", 3650);
    let keys = format!("[\"{name}\"]");
    issued(
        &source.path("test-root.pem"),
        &source.path("leaf.pem"),
        &[("family", "\"generic\""), ("keys", &keys), ("relax", "[\"test-anchor\"]")],
        &Exceptions { unknown_to_gnutls: true, ..Exceptions::default() },
    );
}

#[test]
fn a_brainpool_p256r1_leaf() {
    brainpool("brainpoolP256r1", "brainpoolP256r1");
}

#[test]
fn a_brainpool_p384r1_leaf() {
    brainpool("brainpoolP384r1", "brainpoolP384r1");
}
