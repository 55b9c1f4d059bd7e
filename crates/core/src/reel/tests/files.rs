//! DER, PKCS#7, gzip, files that are nothing of the kind, standard input.

use std::io::Write;

use super::zip_writer::{Entry, zip};
use super::*;
use crate::x509::tlv::{element, tag};

#[test]
fn a_single_certificate_is_one_candidate_whatever_its_name() {
    for name in ["a.der", "a.cer", "a", "a.txt", "a.zip"] {
        assert_eq!(held(name, &leaf(0)), ["@ candidate 413"]);
    }
}

#[test]
fn certificates_in_a_row_are_told_apart() {
    let row: Vec<u8> = (0..300).flat_map(|n| leaf(n % 3)).collect();
    assert_eq!(candidates(&row), (0..300).map(|n| leaf(n % 3)).collect::<Vec<_>>());
    let long = row.repeat(20);
    assert!(long.len() > 2 << 20, "larger than what is held in memory");
    assert_eq!(candidates(&long).len(), 6000);
    assert_eq!(held("a.der", &[leaf(0), leaf(1)].concat()), ["@#1 candidate 413", "@#2 candidate 413"]);
}

#[test]
fn a_certificate_is_found_behind_an_element_of_any_length() {
    for length in [0, 3, 127, 128, 255, 256, 65_535, 65_536] {
        let first = element(tag::SEQUENCE, &[&vec![0; length]]);
        assert_eq!(candidates(&[&first[..], &leaf(0)].concat()), [first, leaf(0)], "{length}");
    }
}

#[test]
fn a_zone_dump_is_one_candidate_with_its_padding() {
    for padding in [0x00, 0xFF] {
        let dump = [leaf(0), vec![padding; 587]].concat();
        assert_eq!(candidates(&dump), std::slice::from_ref(&dump));
    }
    let chain = [leaf(0), leaf(1), vec![0xFF; 100]].concat();
    assert_eq!(held("zone.bin", &chain), ["@#1 candidate 413", "@#2 candidate 513"]);
}

#[test]
fn what_sticks_to_a_certificate_stays_with_it() {
    for extra in [&[0x30, 0x00][..], &[0x30], &[0x30, 0x03, 0x02, 0x01, 0x00], b"x", b"\n"] {
        let content = [&leaf(0)[..], extra].concat();
        assert_eq!(candidates(&content), std::slice::from_ref(&content), "{extra:?}");
    }
    // The second of two, cut short, is a candidate of its own.
    let content = [leaf(0), leaf(1)[..300].to_vec()].concat();
    assert_eq!(candidates(&content), [leaf(0), leaf(1)[..300].to_vec()]);
}

#[test]
fn whatever_begins_with_a_sequence_is_a_candidate() {
    for content in [
        &[0x30, 0x80, 0x02, 0x01, 0x00, 0x00, 0x00][..],
        &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x00],
        &[0x30, 0x85, 0, 0, 0, 0, 0],
        &[0x30, 0x01],
        &[0x30, 0x82, 0x01],
        &leaf(0)[..412],
    ] {
        assert_eq!(candidates(content), [content.to_vec()]);
    }
}

#[test]
fn what_nothing_recognises_is_judged_by_its_suffix() {
    let noise = b"\x89PNG\r\n\x1a\n\0\0";
    for suffix in ["png", "bin", "pdf", "txt"] {
        assert_eq!(held(&format!("a.{suffix}"), noise), ["@ ignored reel.file.not-a-certificate"]);
        assert_eq!(held(&format!("a.{suffix}"), b""), ["@ ignored reel.file.empty"]);
    }
    assert_eq!(held("no-suffix", noise), ["@ ignored reel.file.not-a-certificate"]);
    for suffix in ["cer", "crt", "DER", "pem", "p7b", "p7c", "der.gz"] {
        assert_eq!(held(&format!("a.{suffix}"), noise), ["@ rejected reel.file.no-certificate"]);
        assert_eq!(held(&format!("a.{suffix}"), b""), ["@ rejected reel.file.empty"]);
    }
    for suffix in ["zip", "tar", "TGZ", "tar.gz", "gz"] {
        assert_eq!(held(&format!("a.{suffix}"), noise), ["@ rejected reel.file.not-an-archive"]);
        assert_eq!(held(&format!("a.{suffix}"), b""), ["@ rejected reel.file.empty"]);
    }
}

/// A SignedData as `openssl crl2pkcs7 -nocrl` writes it.
pub(super) fn bundle(certificates: &[u8]) -> Vec<u8> {
    let data = element(tag::SEQUENCE, &[&[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 7, 1]]);
    let parts = [&[2, 1, 1, 0x31, 0][..], &data, certificates, &[0x31, 0]];
    let signed = element(tag::SEQUENCE, &parts);
    element(tag::SEQUENCE, &[&[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 7, 2], &element(0xA0, &[&signed])])
}

#[test]
fn bundles_hand_out_their_certificates() {
    let three = bundle(&element(0xA0, &[&leaf(0), &leaf(1), &leaf(2)]));
    assert_eq!(candidates(&three), [leaf(0), leaf(1), leaf(2)]);
    for label in ["PKCS7", "CMS"] {
        assert_eq!(candidates(pem(label, &three).as_bytes()), [leaf(0), leaf(1), leaf(2)]);
    }
    assert_eq!(held("a.p7b", &bundle(&element(0xA0, &[&leaf(0)]))), ["@ candidate 413"]);
    let other = bundle(&element(0xA0, &[&leaf(0), &element(0xA2, &[b"x"])]));
    assert_eq!(held("a.p7b", &other), ["@#1 candidate 413", "@#2 ignored reel.pkcs7.other-certificate"]);
    assert_eq!(held("a.p7b", &bundle(&[])), ["@ ignored reel.archive.empty"]);
}

#[test]
fn bundles_that_are_not_one_signed_data_in_der_are_refused() {
    let good = bundle(&element(0xA0, &[&leaf(0)]));
    let mut wrong = good.clone();
    wrong[15] ^= 1;
    for bad in [
        good[..good.len() - 1].to_vec(),
        [&good[..], b"\0"].concat(),
        wrong,
        vec![0x30, 0x80, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 7, 2],
    ] {
        assert_eq!(held("a.p7b", &bad), ["@ rejected reel.pkcs7.invalid"]);
        assert_eq!(held("a.pem", pem("PKCS7", &bad).as_bytes()), ["@ rejected reel.pkcs7.invalid"]);
    }
    let torn = bundle(&element(0xA0, &[&leaf(0), &leaf(1)[..100]]));
    assert_eq!(held("a.p7b", &torn), ["@#1 candidate 413", "@ rejected reel.pkcs7.invalid"]);
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_is_seen_through() {
    assert_eq!(held("a.der.gz", &gzip(&leaf(0))), ["@ candidate 413"]);
    assert_eq!(held("a", &gzip(pem("CERTIFICATE", &leaf(0)).as_bytes())), ["@ candidate 413"]);
    let members = [gzip(&leaf(0)), gzip(&leaf(1))].concat();
    assert_eq!(candidates(&members), [leaf(0), leaf(1)]);
    assert_eq!(candidates(&gzip(&zip(&[Entry::stored("a", &leaf(0))]))), [leaf(0)]);
    assert_eq!(candidates(&gzip(&gzip(&leaf(0)))), [leaf(0)]);
    assert_eq!(held("a.gz", &gzip(&gzip(&gzip(&leaf(0))))), ["@ rejected reel.limit.archive-depth"]);
}

#[test]
fn damaged_gzip_is_refused() {
    let good = gzip(&leaf(0));
    let mut wrong_sum = good.clone();
    let at = good.len() - 5;
    wrong_sum[at] ^= 1;
    for bad in [
        good[..good.len() - 1].to_vec(),
        good[..100].to_vec(),
        good[..5].to_vec(),
        wrong_sum,
        [&good[..], b"x"].concat(),
    ] {
        assert_eq!(held("a.gz", &bad), ["@ rejected reel.gzip.corrupt"]);
    }
}

#[test]
fn standard_input_is_judged_as_a_file_is() {
    let many: Vec<Entry> = (0..9000).map(|n| Entry::stored(format!("{n}"), &leaf(n % 3))).collect();
    let noise: Vec<u8> = (0_u32..3 << 20).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    for content in [zip(&many), leaf(0), noise, Vec::new()] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("-");
        std::fs::write(&path, &content).unwrap();
        let (from_file, file_records) = items_of(&Input::Path(path), None, &Limits::default());
        let (from_stdin, stdin_records) = items_of(&Input::Stdin, Some(&content), &Limits::default());
        assert_eq!(lines(&from_stdin), lines(&from_file));
        assert_eq!(stdin_records, file_records);
        assert_eq!(stdin_records[0].sha256, crate::crypto::sha256(&content));
    }
}

#[test]
fn a_signal_does_not_end_standard_input() {
    struct Interrupted<'c>(&'c [u8], bool);
    impl std::io::Read for Interrupted<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(std::io::ErrorKind::Interrupted.into()) } else { self.0.read(into) }
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let mut items = Vec::new();
    let mut stdin = Interrupted(&leaf(0), false);
    let records = read(&Input::Stdin, Some(&mut stdin), &Limits::default(), scratch.path(), &mut |item| {
        items.push(item);
        ControlFlow::Continue(())
    });
    assert_eq!((lines(&items), records.unwrap().len()), (vec!["- candidate 413".to_owned()], 1));
}

#[test]
fn standard_input_that_breaks_off_is_an_error() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let none = &mut |_| ControlFlow::Continue(());
    let (limits, scratch) = (Limits::default(), tempfile::tempdir().unwrap());
    let error = read(&Input::Stdin, Some(&mut Broken), &limits, scratch.path(), none).unwrap_err();
    assert!(matches!(error, ReelError::StdinRead { .. }));
    assert!(matches!(read(&Input::Stdin, None, &limits, scratch.path(), none), Err(ReelError::StdinMissing)));
}
