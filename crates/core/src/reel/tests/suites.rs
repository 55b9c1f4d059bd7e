//! Test material from outside the project: found through the environment variable REROOT_TESTDATA.

use std::path::PathBuf;

use super::*;

/// A test that needs it fails without it.
fn testdata() -> PathBuf {
    let folder = std::env::var_os("REROOT_TESTDATA").expect("REROOT_TESTDATA is not set, and this test needs it");
    PathBuf::from(folder)
}

#[test]
fn every_file_of_the_fuzz_corpora_has_an_outcome() {
    let folder = testdata();
    for (file, files) in [
        ("fuzz-certs-boringssl.zip", 718),
        ("fuzz-certs-openssl-x509.zip", 849),
        ("fuzz-pem-boringssl.zip", 97),
        ("nist-pkits.zip", 578),
    ] {
        let content = std::fs::read(folder.join(file)).unwrap();
        let mut second = ::zip::ZipArchive::new(std::io::Cursor::new(&content)).unwrap();
        let (items, records) = items_of(&Input::Path(folder.join(file)), None, &Limits::default());
        assert_eq!(records[0].sha256, crate::crypto::sha256(&content));
        let mut names: Vec<&str> = items.iter().map(|item| name(item).as_str().split('#').next().unwrap()).collect();
        names.dedup();
        assert_eq!(names.len(), files, "one outcome a file of {file}");
        let mut expected: Vec<String> = second.file_names().map(|name| format!("{file}!{}", name.unwrap())).collect();
        expected.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, expected);
        // Each entry, given alone, fares as it does in the archive.
        for index in 0..second.len() {
            let mut entry = second.by_index(index).unwrap();
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
            let (alone, _) = items_of(&Input::Stdin, Some(&content), &Limits::default());
            assert!(!alone.is_empty());
            let is_binary = content.iter().any(|byte| *byte < 9);
            if is_binary && content.first() == Some(&0x30) {
                assert!(alone.iter().all(|item| matches!(item, Item::Candidate(_))
                    || lines(std::slice::from_ref(item))[0].contains("rejected")));
            }
        }
    }
}

#[test]
fn every_certificate_of_the_collection_is_a_candidate() {
    let folder = testdata();
    let (items, records) = items_of(&Input::Path(folder.join("../st-real")), None, &Limits::default());
    let count = items.iter().filter(|item| matches!(item, Item::Candidate(_))).count();
    assert_eq!((items.len(), records.len(), count), (17, 17, 15), "{:?}", lines(&items));
}
