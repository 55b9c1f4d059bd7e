use proptest::prelude::*;

use crate::cert::{
    DeviceLimits, IssuerIdentity, ObjectTemplate, SerialRule, TbsCertificate, TemplateFields, UncheckedCertificate,
};
use crate::origin::Origin;
use crate::verify::{ChainProof, Family};
use crate::x509::{Certificate, Name, SignatureAlgorithm, Time};

use super::*;

/// A line as docs/spec/manifest-format.md shows it.
const LINE: &str = concat!(
    r#"{"uid":"0209B0846159E439520139","st_number":"B0846159E439520139","source_item":"reel.zip!a.der","#,
    r#""source_sha256":"454b5fe178b23b6ea19c13a1f45c11f35aef9bcf831c8ca72bb182c733aaddb4","#,
    r#""spki_sha256":"00000000000000000000000000000000000000000000000000000000000000aa","#,
    r#""serial":"4A0102030405060708090A0B0C0D0E0F","attempt":0,"#,
    r#""sha256":"1111111111111111111111111111111111111111111111111111111111111111","#,
    r#""sha1":"2222222222222222222222222222222222222222","#,
    r#""not_before":"2026-01-31T00:00:00Z","not_after":"9999-12-31T23:59:59Z","bytes":612,"anchor":0,"#,
    r#""relax":["expired-leaf","test-anchor"],"reissue":"lost in transit: \"box 7\""}"#
);

/// The same of a batch of version 2.
fn second() -> String {
    LINE.replace(r#","st_number""#, r#","object":null,"label":null,"st_number""#)
        .replace(r#"],"reissue""#, r#"],"evidence":"x509","reissue""#)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../fixtures/st/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn genuine_leaf() -> VerifiedLeaf {
    let der = fixture("leaf-0209B0846159E439520139.der");
    let certificate = Certificate::from_der(&der).unwrap();
    let origin = Origin {
        item: ItemName::input(b"reel.zip").entry(b"a.der"),
        uid: Uid::from_serial(certificate.serial()),
        fingerprint: sha256(&der),
    };
    let at = Time::from_rfc3339("2026-01-31T00:00:00Z").unwrap();
    let relaxations = vec![Relaxation::TestAnchor, Relaxation::ExpiredLeaf];
    VerifiedLeaf::for_tests(origin, Family::StsafeA, certificate, ChainProof::for_tests(3, at, relaxations))
}

fn certificate_for(leaf: &VerifiedLeaf) -> IssuedCertificate {
    let pem = fixture("stm-stsafe-a-prod-ca-01.pem");
    let body: String = String::from_utf8(pem).unwrap().lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
    let issuer = IssuerIdentity::new(Certificate::from_der(&der).unwrap(), vec![]).unwrap();
    let template = ObjectTemplate::assert_decided(TemplateFields {
        origin: leaf.origin().clone(),
        serial: SerialRule::Derived,
        signature: SignatureAlgorithm::EcdsaSha256,
        validity: Validity::new(leaf.proof().at(), Time::NEVER).unwrap(),
        subject: Name::from_der(&[0x30, 0]).unwrap(),
        spki: leaf.spki().clone(),
        extensions: vec![],
        device: DeviceLimits { stselib: true, max_certificate_bytes: None, full_width_signature: false },
        rules: crate::cert::RuleScope { may_outlive_issuer: false, profiles: crate::cert::Profiles::NONE },
    });
    let serial = SerialNumber::from_content(&[0x4A; 16]).unwrap();
    let tbs = TbsCertificate::encode(&issuer, &template, serial, 2);
    IssuedCertificate::assert_verified(UncheckedCertificate::new(tbs, vec![0x30, 0]))
}

#[test]
fn a_line_says_what_leaf_and_certificate_are() {
    let leaf = genuine_leaf();
    let certificate = certificate_for(&leaf);
    let entry = Entry::new(Format::One, &certificate, &leaf, None);
    let line = entry.line();
    // another JSON reader
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["uid"], "0209B0846159E439520139");
    assert_eq!(value["st_number"], "B0846159E439520139");
    assert_eq!(value["source_item"], "reel.zip!a.der");
    assert_eq!(value["source_sha256"], "454b5fe178b23b6ea19c13a1f45c11f35aef9bcf831c8ca72bb182c733aaddb4");
    // openssl x509 -inform DER -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum
    assert_eq!(value["spki_sha256"], "f47982fb619c9e52c338d465deaa67f0058514a982704369b4d722db16efdcaa");
    assert_eq!(value["serial"], "4A".repeat(16));
    assert_eq!(value["attempt"], 2);
    assert_eq!(value["sha256"], sha256(certificate.der()).to_string());
    assert_eq!(value["sha1"], sha1(certificate.der()).to_string());
    assert_eq!(value["not_before"], "2026-01-31T00:00:00Z");
    assert_eq!(value["not_after"], "9999-12-31T23:59:59Z");
    assert_eq!(value["bytes"], certificate.der().len());
    assert_eq!(value["anchor"], 3);
    assert_eq!(value["relax"], serde_json::json!(["expired-leaf", "test-anchor"]), "sorted");
    assert_eq!(value["reissue"], serde_json::Value::Null);
    assert_eq!(value.as_object().unwrap().len(), 15);
    assert_eq!(Entry::parse(Format::One, &line).unwrap(), entry);
    let again = Entry::new(Format::One, &certificate, &leaf, Some("second order"));
    assert_eq!(again.reissue(), Some("second order"));
    assert_ne!(again.line(), line);
}

#[test]
#[should_panic(expected = "certificate and leaf are of the same chip")]
fn a_line_never_joins_two_chips() {
    let leaf = genuine_leaf();
    let certificate = certificate_for(&leaf);
    let other = Origin { item: ItemName::input(b"b"), ..leaf.origin().clone() };
    let other = VerifiedLeaf::for_tests(other, Family::StsafeA, leaf.certificate().clone(), leaf.proof().clone());
    let _ = Entry::new(Format::One, &certificate, &other, None);
}

#[test]
fn a_line_reads_back_to_the_same_bytes() {
    let entry = Entry::parse(Format::One, LINE).unwrap();
    assert_eq!(entry.line(), LINE);
    assert_eq!(entry.uid().to_string(), "0209B0846159E439520139");
    assert_eq!(entry.relax(), [Relaxation::ExpiredLeaf, Relaxation::TestAnchor]);
    assert_eq!(entry.reissue(), Some("lost in transit: \"box 7\""));
    assert_eq!(entry.validity().not_after(), Time::NEVER);
    assert_eq!((entry.bytes(), entry.anchor(), entry.attempt()), (612, 0, 0));
    for (from, to) in [
        (r#""B0846159E439520139","source_item""#, r#"null,"source_item""#),
        (r#"["expired-leaf","test-anchor"]"#, "[]"),
        (r#""lost in transit: \"box 7\"""#, "null"),
        (r#""lost in transit: \"box 7\"""#, r#""\u00e9\ud83d\udd12""#),
        ("reel.zip!a.der", "reel.zip!a \\\"b\\\\.der#1"),
    ] {
        let line = LINE.replace(from, to);
        assert_ne!(line, LINE);
        assert_eq!(Entry::parse(Format::One, &line).unwrap().line(), line);
    }
}

#[test]
fn a_line_of_version_2_has_its_keys_and_the_st_number_of_its_family() {
    let of = |family| Format::Two(family);
    let line = second();
    assert_eq!(Entry::parse(of(Family::StsafeA), &line).unwrap().line(), line);
    let none = line.replace(r#""B0846159E439520139","source_item""#, r#"null,"source_item""#);
    assert_eq!(Entry::parse(of(Family::Generic), &none).unwrap().line(), none);
    let code = |format, line: &str| Entry::parse(format, line).unwrap_err().code().as_str().to_owned();
    // by the family, not by the shape of the UID
    assert_eq!(code(of(Family::StsafeA), &none), "manifest.entry.value");
    assert_eq!(code(of(Family::Generic), &line), "manifest.entry.value");
    // a line of the other version
    assert_eq!(code(of(Family::StsafeA), LINE), "manifest.entry.syntax");
    assert_eq!(code(Format::One, &line), "manifest.entry.syntax");
    for (from, to, expected) in [
        (r#""object":null"#, r#""object":"attestation""#, "value"),
        (r#""label":null"#, r#""label":"4711""#, "value"),
        (r#""x509""#, r#""ecc-receipt""#, "value"),
        (r#""x509""#, "null", "syntax"),
        (r#""object":null,"label":null"#, r#""label":null,"object":null"#, "syntax"),
        (r#","evidence":"x509""#, "", "syntax"),
    ] {
        let other = line.replace(from, to);
        assert_ne!(other, line);
        assert_eq!(code(of(Family::StsafeA), &other), format!("manifest.entry.{expected}"), "{to}");
    }
    let leaf = genuine_leaf();
    let written = Entry::new(of(Family::StsafeA), &certificate_for(&leaf), &leaf, None).line();
    assert!(written.starts_with(r#"{"uid":"0209B0846159E439520139","object":null,"label":null,"st_number":"B0846"#));
    assert!(
        Entry::new(of(Family::Generic), &certificate_for(&leaf), &leaf, None).line().contains(r#""st_number":null"#)
    );
}

#[test]
fn a_reason_for_issuing_again_is_short_and_not_empty() {
    Entry::check_reason("reissue", "lost").unwrap();
    Entry::check_reason("reissue", &"\u{e9}".repeat(1000)).unwrap();
    for reason in ["", " ", &"x".repeat(1001)] {
        assert_eq!(Entry::check_reason("reissue", reason).unwrap_err().code().as_str(), "manifest.entry.value");
    }
}

#[test]
fn any_other_spelling_of_a_line_is_refused() {
    for (from, to, code) in [
        (r#"{"uid""#, r#"{ "uid""#, "syntax"),
        (r#""uid":"#, r#""uid": "#, "syntax"),
        ("0209B0846159E439520139\",\"st", "0209b0846159e439520139\",\"st", "value"),
        (r#""uid":"0209B0846159E439520139","#, "", "syntax"),
        (r#""attempt":0,"#, r#""attempt":0,"attempt":0,"#, "syntax"),
        (r#""attempt":0"#, r#""attempt":00"#, "syntax"),
        (r#""attempt":0"#, r#""attempt":-1"#, "syntax"),
        (r#""attempt":0"#, r#""attempt":0.0"#, "syntax"),
        (r#""attempt":0"#, r#""attempt":4294967296"#, "syntax"),
        (r#""attempt":0"#, r#""attempt":"0""#, "syntax"),
        (r#""attempt":0,"#, r#""attempt":0,"note":1,"#, "syntax"),
        (r#""B0846159E439520139""#, r#""B0846159E439520138""#, "value"),
        (r#""B0846159E439520139""#, r#""""#, "value"),
        ("454b5fe1", "454B5FE1", "value"),
        ("454b5fe1", "54b5fe1", "value"),
        (r#""4A01"#, r#""8A01"#, "value"),
        (r#""4A01"#, r#""0001"#, "value"),
        (r#""4A01"#, r#""4a01"#, "value"),
        ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00+00:00", "value"),
        ("2026-01-31T00:00:00Z", "2026-01-31t00:00:00z", "value"),
        ("2026-01-31T00:00:00Z", "2026-02-30T00:00:00Z", "value"),
        ("9999-12-31T23:59:59Z", "2026-01-30T23:59:59Z", "value"),
        (r#"["expired-leaf","test-anchor"]"#, r#"["test-anchor","expired-leaf"]"#, "value"),
        (r#"["expired-leaf","test-anchor"]"#, r#"["expired-leaf","expired-leaf"]"#, "value"),
        (r#"["expired-leaf","test-anchor"]"#, r#"["expired-leaf",]"#, "syntax"),
        (r#"["expired-leaf","test-anchor"]"#, r#"["anything-goes"]"#, "value"),
        ("reel.zip", "r\\u0065el.zip", "syntax"),
        ("reel.zip", "r\u{e9}el.zip", "syntax"),
        ("reel.zip!a.der", "", "value"),
        (r#"box 7\""}"#, r#"box 7\""} "#, "syntax"),
        (r#"box 7\""}"#, "box 7\\\"\"}\n", "syntax"),
        (r#"box 7\""}"#, r#"box 7\"""#, "syntax"),
    ] {
        let line = LINE.replacen(from, to, 1);
        assert_ne!(line, LINE, "{from}");
        let error = Entry::parse(Format::One, &line).unwrap_err();
        assert_eq!(error.code().as_str(), format!("manifest.entry.{code}"), "{to}: {error}");
    }
    assert!(Entry::parse(Format::One, &LINE.replace("box 7", &"7".repeat(Entry::MAX_LINE))).is_err());
}

#[test]
fn no_change_of_a_byte_reads_as_the_same_line() {
    let entry = Entry::parse(Format::One, LINE).unwrap();
    for at in 0..LINE.len() {
        for flip in 1..=127_u8 {
            let mut bytes = LINE.as_bytes().to_vec();
            bytes[at] ^= flip;
            let Ok(line) = String::from_utf8(bytes) else { continue };
            if let Ok(other) = Entry::parse(Format::One, &line) {
                assert_ne!(other, entry, "byte {at} xor {flip}");
                assert_eq!(other.line(), line, "byte {at} xor {flip}");
            }
        }
    }
}

proptest! {
    #[test]
    fn every_reason_and_item_survives(reason in any::<String>(), item in any::<Vec<u8>>()) {
        let mut entry = Entry::parse(Format::One, LINE).unwrap();
        entry.reissue = Some(reason.as_str().into());
        entry.source_item = ItemName::input(b"reel.zip").entry(&item);
        let line = entry.line();
        prop_assert!(line.bytes().all(|byte| matches!(byte, 0x20..=0x7E)));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(value["reissue"].as_str(), Some(reason.as_str()));
        // the one reason that is not one; `any` gives no text of more than 1000 characters
        match Entry::parse(Format::One, &line) {
            Ok(read) => prop_assert_eq!(read, entry),
            Err(_) => prop_assert!(reason.is_empty()),
        }
    }
}
