//! Malformed certificates that other projects' fuzzers found: each gets a verdict, none is a leaf of ours.

use std::io::Read as _;

use reroot::verify::{Family, Relaxation};

use crate::intake::support::{AT, examine, pem, testdata, verifier};

#[test]
fn every_malformed_certificate_gets_a_verdict() {
    let folder = testdata();
    let root = pem(include_str!("../../../fixtures/st/stm-stsafe-a-prod-ca-01.pem"));
    let strict = verifier(&[&root], Family::StsafeA, &[], AT);
    let lenient = verifier(&[&root], Family::Generic, &Relaxation::ALL, AT);
    for (archive, entries) in [("fuzz-certs-boringssl.zip", 718), ("fuzz-certs-openssl-x509.zip", 849)] {
        let bytes = std::fs::read(folder.join(archive)).expect("the archive");
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a zip archive");
        let mut files = 0;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).expect("an entry");
            if entry.is_dir() {
                continue;
            }
            let mut der = Vec::new();
            entry.read_to_end(&mut der).expect("a whole entry");
            for verifier in [&strict, &lenient] {
                assert!(examine(verifier, &der).is_err(), "entry {index}");
            }
            files += 1;
        }
        assert_eq!(files, entries);
    }
}
