//! What is checked in is what it claims to be: genuine certificates by their digests, generated ones by making them
//! again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey, signature::Verifier};
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey};
use reroot::crypto::sha256;
use reroot::x509::Certificate;

use crate::support::pki::archive::{Entry, Method, ZipWriter};
use crate::support::pki::{Recipe, TestPki, der, sign, variants};

fn fixtures(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// The DER of a file that is DER or one PEM block.
fn der_of(path: &Path) -> Vec<u8> {
    use base64::Engine as _;
    let bytes = std::fs::read(path).expect("the fixture is there");
    if bytes.first() == Some(&0x30) {
        return bytes;
    }
    let text = String::from_utf8(bytes).expect("PEM is text");
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(body).expect("PEM has base64")
}

#[test]
fn genuine_certificates_have_the_digests_their_readme_states() {
    let readme = std::fs::read_to_string(fixtures("st/README.md")).unwrap();
    let mut listed = Vec::new();
    for line in readme.lines() {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        if let ["", file, bytes, digest, ""] = cells[..]
            && digest.len() == 64
        {
            let der = der_of(&fixtures("st").join(file));
            assert_eq!(der.len().to_string(), bytes, "{file}");
            assert_eq!(sha256(&der).to_string(), digest, "{file}");
            listed.push(file.to_owned());
        }
    }
    listed.push("README.md".to_owned());
    listed.sort();
    let mut present: Vec<String> = std::fs::read_dir(fixtures("st"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    present.sort();
    assert_eq!(present, listed, "every file has its row, every row its file");
}

#[test]
fn making_the_test_pki_again_changes_nothing() {
    let mut expected = BTreeMap::new();
    TestPki::shipped().files(&mut |name, content| {
        expected.insert(name, content);
    });
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(fixtures("pki")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        found.insert(name, std::fs::read(path).unwrap());
    }
    let (found_names, expected_names): (Vec<_>, Vec<_>) = (found.keys().collect(), expected.keys().collect());
    assert_eq!(found_names, expected_names);
    for (name, content) in &expected {
        assert!(found[name] == *content, "fixtures/pki/{name} differs: run the example testpki with --fixtures");
        assert!(!name.contains("key") || name.contains("TEST"), "{name}: keys say TEST in their names");
    }
}

#[test]
fn test_leaves_have_the_shape_and_size_of_genuine_ones() {
    let pki = TestPki::shipped();
    for leaf in pki.leaves(0..64) {
        let certificate = Certificate::from_der(&leaf.der).unwrap();
        assert!((399..=413).contains(&leaf.der.len()), "{} bytes", leaf.der.len());
        assert_eq!(certificate.serial().content(), leaf.serial);
        assert!(leaf.serial.starts_with(&[0x02, 0x09]) && leaf.serial.ends_with(&[0x01, 0x39]));
        assert!(certificate.extensions().is_empty());
        assert_eq!(certificate.subject().common_name(), Some(format!("eval3-{}", leaf.uid())));
        assert_eq!(leaf.der[15..26], leaf.serial, "where ST's host library looks for the device's identity");
    }
    let root = Certificate::from_der(pki.root()).unwrap();
    assert!(root.is_ca());
    assert_eq!(root.extensions().len(), 1);
    assert_eq!(root.issuer(), root.subject());
}

#[test]
fn chunked_signatures_are_those_of_rfc_6979() {
    let pki = TestPki::shipped();
    let key = SigningKey::from_pkcs8_der(&pki.root_key()).unwrap();
    let messages: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![n; usize::from(n)]).collect();
    let digests: Vec<[u8; 32]> = messages.iter().map(|message| *sha256(message).as_bytes()).collect();
    let signatures = sign::sign_digests(key.as_nonzero_scalar(), &digests);
    for (message, signature) in messages.iter().zip(signatures) {
        let expected: Signature = key.sign(message);
        assert_eq!(signature, expected);
    }
}

#[test]
fn every_test_leaf_verifies_and_its_key_is_the_certified_one() {
    let pki = TestPki::shipped();
    let root = Certificate::from_der(pki.root()).unwrap();
    let root_key = VerifyingKey::from_public_key_der(root.spki().der()).unwrap();
    let certificates = std::iter::once(pki.root().to_vec()).chain(pki.leaves(0..20).into_iter().map(|leaf| leaf.der));
    for der in certificates {
        let certificate = Certificate::from_der(&der).unwrap();
        let signature = Signature::from_der(certificate.signature()).unwrap();
        root_key.verify(certificate.tbs(), &signature).unwrap();
    }
    for leaf in pki.leaves(0..3) {
        let key = p256::SecretKey::from_pkcs8_der(&leaf.key).unwrap();
        let certificate = Certificate::from_der(&leaf.der).unwrap();
        let certified = p256::PublicKey::from_public_key_der(certificate.spki().der()).unwrap();
        assert_eq!(key.public_key(), certified);
    }
}

#[test]
fn a_leaf_depends_on_its_index_alone() {
    let pki = TestPki::shipped();
    let many = pki.leaves(0..600);
    for index in [0, 1, 255, 256, 599] {
        let one = pki.leaf(index);
        let at = usize::try_from(index).unwrap();
        assert_eq!((one.serial, one.der, one.key), (many[at].serial, many[at].der.clone(), many[at].key.clone()));
    }
    let mut other = Recipe::shipped();
    other.seed.push('x');
    assert_ne!(TestPki::new(other).leaf(0).der, many[0].der);
}

#[test]
fn a_twin_verifies_and_a_forgery_does_not() {
    let pki = TestPki::shipped();
    let root = Certificate::from_der(pki.root()).unwrap();
    let root_key = VerifyingKey::from_public_key_der(root.spki().der()).unwrap();
    let verifies = |der: &[u8]| {
        let certificate = Certificate::from_der(der).unwrap();
        Signature::from_der(certificate.signature()).is_ok_and(|s| root_key.verify(certificate.tbs(), &s).is_ok())
    };
    let leaf = pki.leaf(0).der;
    let twin = variants::twin(&leaf);
    assert_ne!(twin, leaf);
    assert!(verifies(&twin));
    assert!(verifies(&variants::crossed(&pki, 0, 1)));
    assert!(verifies(&variants::renewed(&pki, 0)));
    assert!(!verifies(&variants::bad_signature(&leaf)));
    assert!(!verifies(&variants::swapped_key(&pki, 0, 1)));
    assert_eq!(variants::padded(&leaf, 1000, 0xFF).len(), 1000);
}

/// The `zip` crate reads what our writer wrote, also beyond the 65,535 entries of the old format.
#[test]
fn archives_read_back_by_an_independent_reader() {
    use std::io::Read as _;
    let mut writer = ZipWriter::new(Vec::new()).unwrap();
    let count = 65_600;
    for n in 0..count {
        let method = if n % 2 == 0 { Method::Stored } else { Method::Deflated };
        writer.add(&Entry::new(format!("{n}.der"), method, format!("content of {n}").into_bytes())).unwrap();
    }
    let file = writer.finish().unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(file)).unwrap();
    assert_eq!(archive.len(), count);
    for n in [0, 1, 65_535, 65_599] {
        let mut entry = archive.by_index(n).unwrap();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        assert_eq!(entry.name().unwrap(), format!("{n}.der"));
        assert_eq!(content, format!("content of {n}"));
    }
}

#[test]
fn pem_lines_are_those_of_rfc_7468() {
    let text = der::pem("CERTIFICATE", &[7; 49]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "-----BEGIN CERTIFICATE-----");
    assert_eq!((lines[1].len(), lines[2].len()), (64, 4));
    assert_eq!(lines[3], "-----END CERTIFICATE-----");
}
