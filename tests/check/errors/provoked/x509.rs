//! Certificates with one defect each.

use reroot::cert::IssuerIdentity;
use reroot::crypto::{PublicKey, check_signed};
use reroot::x509::{
    Certificate, ExtensionError, Name, Place, Purposes, Role, SerialNumber, SignatureAlgorithm, Spki, Time, check_ca,
    check_extensions, check_purposes, tlv as der,
};

use super::refused;
use crate::errors::transcripts::Sheet;
use crate::intake::builder::{
    Builder, ECDSA_SHA1, ECDSA_SHA384, ED25519, Key, P256, attribute, ca_true, device_key, ec_spki, extension,
    extensions, name, oids, root_key, st_name, tlv,
};
use crate::intake::support::leaf;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    elements(sheet);
    certificates(sheet);
    names_and_times(sheet);
    public_keys(sheet);
    extension_rules(sheet);
    issuers(sheet);
}

fn read(change: impl FnOnce(&mut Builder)) -> Result<Certificate, impl std::error::Error> {
    Certificate::from_der(&leaf(change).sign(&root_key()))
}

/// A leaf with one extension.
fn with(kind: &[u8], critical: bool, value: &[u8]) -> Certificate {
    let rest = extensions(&[extension(kind, critical, value)]);
    read(|leaf| leaf.rest = rest).unwrap_or_else(|error| panic!("{error}"))
}

fn elements(sheet: &mut Sheet<'_>) {
    let good = Builder::leaf().sign(&root_key());
    for octets in [
        [&[0x30, 0x80][..], &good[4..], &[0, 0]].concat(),
        [&[0x30, 0x83, 0][..], &good[2..]].concat(),
        [&good[..], &[0]].concat(),
        good[..40].to_vec(),
        vec![0x3F, 0x81, 1, 0],
        vec![0x04, 0],
    ] {
        sheet.part(&refused(Certificate::from_der(&octets)));
    }
    sheet.part(&refused(der::check_der(&[0x24, 0], "extension value")));
    sheet.part(&refused(der::oid_from_content(&[0x80, 1], "extension identifier")));
    let unordered = tlv(0x31, &[&attribute(oids::O, 0x0C, b"b"), &attribute(oids::CN, 0x0C, b"a")]);
    sheet.part(&refused(Name::from_der(&tlv(0x30, &[&unordered]))));
}

fn certificates(sheet: &mut Sheet<'_>) {
    sheet.part(&refused(read(|leaf| leaf.outer_algorithm = ECDSA_SHA384.to_vec())));
    sheet.part(&refused(read(|leaf| {
        let algorithm = vec![0x30, 12, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2, 5, 0];
        leaf.inner_algorithm.clone_from(&algorithm);
        leaf.outer_algorithm = algorithm;
    })));
    sheet.part(&refused(read(|leaf| {
        leaf.inner_algorithm = vec![0x30, 4, 6, 2, 0x2A, 3];
        leaf.outer_algorithm = vec![0x30, 4, 6, 2, 0x2A, 3];
    })));
    let constraints = |value: &[u8]| extensions(&[extension(oids::BASIC_CONSTRAINTS, true, value)]);
    sheet.part(&refused(read(|leaf| leaf.rest = constraints(&[0x30, 3, 1, 1, 1]))));
    sheet.part(&refused(read(|leaf| leaf.rest = constraints(&[0x30, 3, 1, 1, 0]))));
    sheet.part(&refused(read(|leaf| leaf.rest = constraints(&[0x30, 6, 1, 1, 0xFF, 2, 1, 0x80]))));
    let unknown = extension(oids::UNKNOWN, false, &[5, 0]);
    sheet.part(&refused(read(|leaf| leaf.rest = extensions(&[unknown.clone(), unknown.clone()]))));
    sheet.part(&refused(read(|leaf| leaf.rest = extensions(&[]))));
    sheet.part(&refused(read(|leaf| {
        leaf.version = vec![];
        leaf.rest = extensions(std::slice::from_ref(&unknown));
    })));
    let many: Vec<Vec<u8>> = (0..=64).map(|arc| extension(&[0x2A, 3, arc], false, &[5, 0])).collect();
    sheet.part(&refused(read(|leaf| leaf.rest = extensions(&many))));
    sheet.part(&refused(read(|leaf| leaf.unused_bits = 1)));
    sheet.part(&refused(read(|leaf| leaf.rest = tlv(0x81, &[&[0, 1]]))));
    sheet.part(&refused(read(|leaf| leaf.version = vec![0xA0, 3, 2, 1, 3])));
    sheet.part(&refused(with(oids::KEY_USAGE, true, &[3, 2, 0, 0]).key_usage()));
    sheet.part(&refused(read(|leaf| leaf.not_after = tlv(0x17, &[b"490230000000Z"]))));
    sheet.part(&refused(read(|leaf| leaf.subject = vec![0x30, 2, 0x31, 0])));
}

fn names_and_times(sheet: &mut Sheet<'_>) {
    sheet.part(&refused(Name::from_der(&name(&[attribute(&[0x80], 0x0C, b"a")]))));
    sheet.part(&refused(Name::from_der(&[0x30, 2, 0x31, 0])));
    for content in [&[][..], &[0x80], &[0, 1], &[1; 21], &[0]] {
        sheet.part(&refused(SerialNumber::from_content(content)));
    }
    for (tag, text) in
        [(0x17, &b"4912312359Z"[..]), (0x17, b"490230000000Z"), (0x18, b"20491231235959Z"), (0x04, b"490101000000Z")]
    {
        sheet.part(&refused(Time::from_der(tag, text)));
    }
    let [first, second] = ["2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]
        .map(|text| Time::from_rfc3339(text).unwrap_or_else(|error| panic!("{error}")));
    sheet.part(&refused(reroot::x509::Validity::new(first, second)));
}

fn public_keys(sheet: &mut Sheet<'_>) {
    let point = device_key().spki()[27 - 1..].to_vec();
    let curve = tlv(6, &[&[0x2B, 0x81, 4, 0, 10]]);
    for octets in [
        ec_spki(&[0x30, 0], &point),
        ec_spki(&P256, &[0]),
        ec_spki(&P256, &[4; 64]),
        ec_spki(&P256, &[2; 33]),
        ec_spki(&curve, &point),
        tlv(0x30, &[&tlv(0x30, &[&tlv(6, &[&[0x2A, 3]])]), &tlv(3, &[&[0, 1]])]),
        tlv(0x30, &[&tlv(0x30, &[&ED25519[2..], &[5, 0]]), &tlv(3, &[&[0; 33]])]),
        tlv(0x30, &[&ED25519, &tlv(3, &[&[1; 33]])]),
    ] {
        sheet.part(&refused(Spki::from_der(&octets)));
    }
    let spki = |octets: &[u8]| Spki::from_der(octets).unwrap_or_else(|error| panic!("{error}"));
    let edwards = |key: [u8; 32]| spki(&tlv(0x30, &[&ED25519, &tlv(3, &[&[0], &key])]));
    let rsa = |modulus: &[u8], exponent: &[u8]| {
        let key = tlv(0x30, &[&tlv(2, &[modulus]), &tlv(2, &[exponent])]);
        let algorithm = [0x30, 13, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1, 5, 0];
        spki(&tlv(0x30, &[&algorithm, &tlv(3, &[&[0], &key])]))
    };
    let modulus = |octets: usize, last: u8| [&[0][..], &vec![0xC1; octets - 1], &[last]].concat();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut beyond = [0xFF; 32];
    beyond[31] = 0x7F;
    for key in [
        spki(&ec_spki(&P256, &[&[4][..], &[1; 64]].concat())),
        edwards(beyond),
        edwards(identity),
        rsa(&modulus(128, 1), &[1, 0, 1]),
        rsa(&modulus(256, 1), &[2]),
        rsa(&modulus(256, 2), &[1, 0, 1]),
        rsa(&modulus(256, 1), &[0, 1]),
    ] {
        sheet.part(&refused(PublicKey::from_spki(&key)));
    }
    let key = PublicKey::from_spki(&spki(&device_key().spki())).unwrap_or_else(|error| panic!("{error}"));
    let edwards = PublicKey::from_spki(&spki(&Key::ed25519(3).spki())).unwrap_or_else(|error| panic!("{error}"));
    let sha256 = SignatureAlgorithm::EcdsaSha256;
    let other = device_key().sign(&crate::intake::builder::ECDSA_SHA256, b"another message");
    sheet.part(&refused(key.verify(SignatureAlgorithm::Ed25519, b"", &[])));
    sheet.part(&refused(key.verify(sha256, b"", &[0x30, 0, 0])));
    sheet.part(&refused(key.verify(sha256, b"message", &other)));
    sheet.part(&refused(key.verify(sha256, b"", &[0x30, 6, 2, 1, 0, 2, 1, 1])));
    sheet.part(&refused(edwards.verify(SignatureAlgorithm::Ed25519, b"", &[0; 63])));
}

fn extension_rules(sheet: &mut Sheet<'_>) {
    let rule = |certificate: &Certificate, role| -> ExtensionError { refused(check_extensions(certificate, role)) };
    sheet.part(&rule(&with(oids::BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xFF]), Role::Leaf));
    sheet.part(&rule(&with(oids::BASIC_CONSTRAINTS, true, &[0x30, 3, 2, 1, 0]), Role::Leaf));
    sheet.part(&rule(&with(oids::NAME_CONSTRAINTS, true, &[0x30, 0]), Role::Ca));
    sheet.part(&rule(&with(oids::NAME_CONSTRAINTS, false, &[0x30, 0]), Role::Ca));
    sheet.part(&rule(&with(oids::SUBJECT_KEY_IDENTIFIER, true, &[4, 1, 1]), Role::Leaf));
    sheet.part(&rule(&with(oids::SUBJECT_KEY_IDENTIFIER, false, &[5, 0]), Role::Leaf));
    sheet.part(&rule(&with(oids::KEY_USAGE, true, &[3, 2, 2, 4]), Role::Leaf));
    sheet.part(&rule(&with(oids::KEY_USAGE, true, &[3, 2, 7, 0x80]), Role::Ca));
    sheet.part(&rule(&with(oids::UNKNOWN, true, &[5, 0]), Role::Leaf));
    let plain = read(|_| ()).unwrap_or_else(|error| panic!("{error}"));
    sheet.part(&refused(check_ca(&plain, Place::Below)));
    let old = read(|leaf| leaf.version = vec![]).unwrap_or_else(|error| panic!("{error}"));
    sheet.part(&refused(check_ca(&old, Place::Below)));
    let purposes = with(oids::EXTENDED_KEY_USAGE, false, &tlv(0x30, &[&tlv(6, &[&[0x2B, 6, 1, 5, 5, 7, 3, 1]])]));
    sheet.part(&refused(check_purposes(&purposes, Purposes::Any)));
    let client = reroot::x509::oid::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
    sheet.part(&refused(check_purposes(&purposes, Purposes::Of(&[client]))));
}

fn issuers(sheet: &mut Sheet<'_>) {
    let root = Certificate::from_der(&Builder::root().sign(&root_key())).unwrap_or_else(|error| panic!("{error}"));
    let key = PublicKey::from_spki(root.spki()).unwrap_or_else(|error| panic!("{error}"));
    let signed = |change: fn(&mut Builder)| {
        let certificate = read(change).unwrap_or_else(|error| panic!("{error}"));
        refused(check_signed(&certificate, root.subject(), &key))
    };
    sheet.part(&signed(|leaf| leaf.issuer = st_name("NL", "Another", "CA")));
    sheet.part(&signed(|leaf| {
        leaf.inner_algorithm = ECDSA_SHA1.to_vec();
        leaf.outer_algorithm = ECDSA_SHA1.to_vec();
    }));
    sheet.part(&signed(|leaf| leaf.signature = |_| vec![0x30, 6, 2, 1, 1, 2, 1, 1]));
    let ca = |subject: Vec<u8>| {
        let builder = Builder { subject, rest: extensions(&[ca_true()]), ..Builder::leaf() };
        Certificate::from_named_der(&builder.sign(&root_key())).unwrap_or_else(|error| panic!("{error}"))
    };
    let unordered = tlv(0x31, &[&attribute(oids::O, 0x0C, b"b"), &attribute(oids::CN, 0x0C, b"a")]);
    for (certificate, chain) in [
        (ca(vec![0x30, 0]), vec![]),
        (ca(tlv(0x30, &[&unordered])), vec![]),
        (ca(st_name("NL", "Own", "CA")), vec![ca(st_name("NL", "Own", "Another CA"))]),
    ] {
        let error = refused(IssuerIdentity::new(certificate, chain));
        sheet.part_with(&error, error.hint());
    }
}
