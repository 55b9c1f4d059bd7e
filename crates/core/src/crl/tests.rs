//! Encoding against another implementation, and what the reader refuses.

use crate::x509::tlv::{element, tag};
use crate::x509::{KeyIdentifier, Name, SerialNumber, SignatureAlgorithm, Time};

use super::*;

/// By Python cryptography: list 1, no entries, nextUpdate after 2049, no issuingDistributionPoint.
const FULL: &str = "3074020101300a06082a8648ce3d04030230123110300e06035504030c0754455354204341170d3236303130313030303030\
                     305a180f32303530303130393030303030305aa02f302d301f0603551d23041830168014cacacacacacacacacacacacacaca\
                     cacacacacaca300a0603551d140403020101";

/// By Python cryptography: list 128, three entries, two URLs.
const SHARD: &str = "30820123020101300a06082a8648ce3d04030230123110300e06035504030c0754455354204341170d323630313031303030\
                     3030305a180f32303530303130393030303030305a305d3012020102170d3236303130313030303030305a30210202010017\
                     0d3236303130313030303030305a300c300a0603551d1504030a0101302402051234567890170d3236303130313030303030\
                     305a300c300a0603551d1504030a0106a07f307d301f0603551d23041830168014cacacacacacacacacacacacacacacacaca\
                     cacaca300b0603551d14040402020080304d0603551d1c0101ff04433041a03fa03d861d687474703a2f2f706b692e657861\
                     6d706c652e636f6d2f30312e63726c861c6c6461703a2f2f6c6461702e6578616d706c652e636f6d2f636e3d61";

fn time(text: &str) -> Time {
    Time::from_rfc3339(text).unwrap()
}

fn entry(serial: &[u8], reason: Reason) -> CrlEntry {
    let serial = SerialNumber::from_content(serial).unwrap();
    CrlEntry { serial, revoked_at: time("2026-01-01T00:00:00Z"), reason }
}

fn three() -> [CrlEntry; 3] {
    [
        entry(&[2], Reason::Unspecified),
        entry(&[1, 0], Reason::KeyCompromise),
        entry(&[0x12, 0x34, 0x56, 0x78, 0x90], Reason::CertificateHold),
    ]
}

fn parameters(number: u64, urls: &[&str]) -> CrlParameters {
    let name =
        [&hex::decode("30123110300e0603550403").unwrap()[..], &element(tag::UTF8_STRING, &[b"TEST CA"])].concat();
    let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
    CrlParameters {
        issuer: Name::from_der(&name).unwrap(),
        authority_key_identifier: Some(KeyIdentifier::new([0xCA; 20])),
        number,
        this_update: time("2026-01-01T00:00:00Z"),
        next_update: time("2050-01-09T00:00:00Z"),
        signature: SignatureAlgorithm::EcdsaSha256,
        distribution_point: (!urls.is_empty()).then(|| IssuingDistributionPoint::of_urls(urls)),
    }
}

const URLS: [&str; 2] = ["http://pki.example.com/01.crl", "ldap://ldap.example.com/cn=a"];

fn shard() -> Vec<u8> {
    tbs_cert_list(&parameters(128, &URLS), three().into_iter())
}

fn read(tbs: &[u8]) -> Result<Crl, CrlError> {
    Crl::from_der(wrap(tbs, SignatureAlgorithm::EcdsaSha256, &[0x30, 6, 2, 1, 1, 2, 1, 1]))
}

#[test]
fn the_encoding_is_that_of_another_implementation() {
    assert_eq!(hex::encode(tbs_cert_list(&parameters(1, &[]), [].into_iter())), FULL);
    assert_eq!(hex::encode(shard()), SHARD);
}

#[test]
fn what_is_encoded_reads_back() {
    let crl = read(&shard()).unwrap();
    let expected = parameters(128, &URLS);
    assert_eq!(crl.tbs(), shard());
    assert_eq!(crl.issuer(), &expected.issuer);
    assert_eq!((crl.this_update(), crl.next_update()), (expected.this_update, expected.next_update));
    assert_eq!(crl.signature_algorithm(), expected.signature);
    assert_eq!(crl.number().value(), Some(128));
    assert_eq!(crl.authority_key_identifier(), expected.authority_key_identifier.as_ref());
    assert_eq!(crl.distribution_point(), expected.distribution_point.as_ref());
    assert_eq!(crl.entries().collect::<Vec<_>>(), three());
    assert_eq!((crl.len(), crl.entries().len()), (3, 3));
    assert_eq!(crl.entry(&three()[1].serial), Some(three()[1]));
    assert_eq!(crl.entry(&SerialNumber::from_content(&[3]).unwrap()), None);
    let empty = read(&tbs_cert_list(&parameters(1, &[]), [].into_iter())).unwrap();
    assert!(empty.is_empty() && empty.distribution_point().is_none());
}

#[test]
fn a_scope_may_be_of_one_kind_of_certificates() {
    for only in [OnlyContains::UserCertificates, OnlyContains::CaCertificates] {
        let point = IssuingDistributionPoint { urls: vec![], only: Some(only) };
        let parameters = CrlParameters { distribution_point: Some(point.clone()), ..parameters(1, &[]) };
        assert_eq!(read(&tbs_cert_list(&parameters, [].into_iter())).unwrap().distribution_point(), Some(&point));
    }
}

#[test]
fn a_file_is_one_list_in_der_or_several_in_pem() {
    let der = wrap(&shard(), SignatureAlgorithm::EcdsaSha256, &[0]);
    assert_eq!(Crl::from_file(&der).unwrap().len(), 1);
    let pem = crate::x509::pem::write("X509 CRL", &der);
    let two = [pem.as_bytes(), pem.as_bytes()].concat();
    assert_eq!(Crl::from_file(&two).unwrap().len(), 2);
    let other = crate::x509::pem::write("CERTIFICATE", &der);
    assert_eq!(Crl::from_file(other.as_bytes()).unwrap_err(), CrlError::Label { found: "CERTIFICATE".to_owned() });
    assert!(matches!(Crl::from_file(b"no list").unwrap_err(), CrlError::Pem(_)));
}

/// Each fault is made by replacing bytes of a good list; lengths stay.
#[test]
fn a_list_with_a_fault_is_refused_with_its_name() {
    let broken = |from: &str, to: &str| {
        let text = hex::encode(shard());
        assert_eq!(text.matches(from).count(), 1, "{from}");
        read(&hex::decode(text.replace(from, to)).unwrap()).unwrap_err().to_string()
    };
    for (from, to, part) in [
        ("020101300a", "020100300a", "not of version 2"),
        // ecdsa-with-SHA384 inside, SHA-256 outside
        ("2a8648ce3d040302", "2a8648ce3d040303", "not the one outside"),
        // thisUpdate with the tag of nextUpdate's
        ("180f3230353030313039", "180f3230343930313039", "nextUpdate: year 2049"),
        // reasonCode 8 and 7
        ("0a0101", "0a0108", "entry 2 of the CRL: reasonCode 8"),
        ("0a0106", "0a0107", "entry 3 of the CRL: reasonCode 7"),
        // deltaCRLIndicator in place of cRLNumber
        ("0603551d14", "0603551d1b", "delta CRL"),
        // freshestCRL in place of cRLNumber
        ("0603551d14", "0603551d2e", "no cRLNumber"),
        // cRLNumber -128
        ("0402020080", "0402028080", "not a non-negative integer"),
        // issuingDistributionPoint twice
        ("0603551d23", "0603551d1c", "issuingDistributionPoint"),
        // an unknown critical extension
        ("0603551d1c0101ff", "0603551d1d0101ff", "critical extension certificateIssuer"),
        ("0603551d1c0101ff", "0603551d1c010100", "BOOLEAN"),
        ("020102170d", "020100170d", "entry 1 of the CRL: serial number is zero"),
        ("02020100170d", "02020001170d", "entry 2 of the CRL: serial number is padded"),
    ] {
        let found = broken(from, to);
        assert!(found.contains(part), "{from} -> {to}: {found}");
    }
}

#[test]
fn a_scope_that_is_not_processed_is_refused() {
    let with = |value: &[u8]| {
        let tbs = tbs_cert_list(&parameters(1, &[]), [].into_iter());
        let extension = element(
            tag::SEQUENCE,
            &[&[6, 3, 0x55, 0x1D, 28, 1, 1, 0xFF], &element(tag::OCTET_STRING, &[&element(tag::SEQUENCE, &[value])])],
        );
        // the two extensions of the full list, and this one
        let (head, extensions) = tbs.split_at(tbs.len() - 45);
        assert_eq!(extensions[..2], [0x30, 31], "the split is where the extensions begin");
        let extensions = element(0xA0, &[&element(tag::SEQUENCE, &[extensions, &extension])]);
        read(&element(tag::SEQUENCE, &[&head[2..head.len() - 4], &extensions])).map(|crl| crl.len())
    };
    assert_eq!(with(&[0x81, 1, 0xFF]), Ok(0));
    for (value, part) in [
        (&[][..], "has nothing"),
        (&[0x83, 2, 1, 0x40], "onlySomeReasons"),
        (&[0x84, 1, 0xFF], "indirectCRL"),
        (&[0x85, 1, 0xFF], "onlyContainsAttributeCerts"),
        (&[0x81, 1, 0xFF, 0x82, 1, 0xFF], "onlyContainsUserCerts with"),
        (&[0x81, 1, 0], "BOOLEAN"),
        (&[0xA0, 2, 0xA1, 0], "nameRelativeToCRLIssuer"),
        (&[0xA0, 2, 0xA0, 0], "an empty fullName"),
        (&[0xA0, 5, 0xA0, 3, 0x82, 1, b'a'], "not a URL"),
    ] {
        let found = with(value).unwrap_err().to_string();
        assert!(found.contains(part), "{value:02x?}: {found}");
    }
}

#[test]
fn entries_are_ordered_by_number_not_by_bytes() {
    let [two, large, _] = three();
    assert_eq!(two.order(&large), std::cmp::Ordering::Less);
    assert!(large.serial < two.serial, "serial numbers themselves sort by bytes");
}

#[test]
fn numbers_are_minimal_and_sort_as_numbers() {
    for (number, content) in [
        (0, &[0][..]),
        (0x7F, &[0x7F]),
        (0x80, &[0, 0x80]),
        (0x100, &[1, 0]),
        (u64::MAX, &[0, 255, 255, 255, 255, 255, 255, 255, 255]),
    ] {
        let read = CrlNumber::from_content(content).unwrap();
        assert_eq!((read.clone(), read.value()), (CrlNumber::from(number), Some(number)));
        assert_eq!(read.to_string(), number.to_string());
    }
    assert!(CrlNumber::from(0x80) < CrlNumber::from(0x100));
    let large = CrlNumber::from_content(&[1; 20]).unwrap();
    assert_eq!((large.value(), large > CrlNumber::from(u64::MAX)), (None, true));
    for content in [&[][..], &[0x80], &[0, 1], &[1; 21]] {
        assert_eq!(CrlNumber::from_content(content), None, "{content:02x?}");
    }
}

/// By Python: 1 + int.from_bytes(sha256(b"reroot-crl-shard/1\0" + uid).digest()[:8]) % count
#[test]
fn the_shard_is_a_function_of_the_uid() {
    let shards = Shards::new(64).unwrap();
    let uid = hex::decode("0209c1e0a1b2c3d4e5f60139").unwrap();
    assert_eq!(shards.text(shards.of(&uid)), "48");
    assert_eq!(Shards::new(4096).unwrap().of(&uid), 1584);
    assert_eq!((shards.text(1), shards.digits()), ("01".to_owned(), 2));
    assert_eq!(Shards::new(1).unwrap().text(Shards::new(1).unwrap().of(&uid)), "1");
    assert_eq!(Shards::new(0), Err(ShardsError { found: 0 }));
    assert_eq!(Shards::new(4097), Err(ShardsError { found: 4097 }));
}

#[test]
fn reasons_have_codes_and_names() {
    for reason in Reason::ALL {
        assert_eq!(Reason::from_code(reason.code()), Some(reason));
        assert_eq!(Reason::from_name(reason.name()), Some(reason));
    }
    assert_eq!((Reason::from_code(7), Reason::from_code(8)), (None, None));
}
