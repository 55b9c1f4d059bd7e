//! Files and key URIs that cannot be used, each in a command.

use crate::intake::builder::{
    Builder, ECDSA_SHA384, ED25519, P256, attribute, device_key, ec_spki, extension, extensions, oids, root_key, tlv,
};
use crate::intake::support::leaf;
use crate::support::golden::Case;
use crate::support::judges::{put, put_secret};
use crate::support::pki::der;
use crate::support::run::Run;
use crate::support::workshop::Workshop;

fn empty() -> Workshop {
    Workshop::at(tempfile::tempdir().expect("a temporary folder"))
}

#[test]
fn a_key_uri_with_a_mistake_is_refused_with_the_attribute() {
    let workshop = empty();
    let uris = [
        ("No URI", "pkcs1"),
        ("No text", "''"),
        ("An attribute without a value, and with none after the sign", "pkcs11:token"),
        ("", "pkcs11:token="),
        ("Characters that must be written otherwise", "'pkcs11:token=My Token'"),
        ("", "pkcs11:token=%4"),
        ("", "pkcs11:token=%FF"),
        ("An attribute twice, one that does not exist, one that is not read", "'pkcs11:token=a;token=b'"),
        ("", "pkcs11:tokn=a"),
        ("", "pkcs11:token=a?module-name=softhsm"),
        ("Values that cannot be", "pkcs11:slot-id=0x1"),
        ("", "pkcs11:type=cert"),
        ("", "pkcs11:token=a?pin-source=https://example.com/pin"),
        ("An attribute on the wrong side of the ?", "pkcs11:pin-source=file:/etc/pin"),
        ("A PIN in the URI, which is not repeated", "pkcs11:token=a?pin-value=1234"),
        ("No module; one that does not exist", "pkcs11:token=a"),
        ("", "pkcs11:token=a?module-path=/nowhere/module.so"),
    ];
    let mut case = Case::new(&workshop, "key_uris");
    for (note, uri) in uris {
        case = if note.is_empty() { case } else { case.note(note) };
        case = case.run(&format!("hsm doctor {uri}"));
    }
    case.finish();
}

/// Each is named as the anchor of a check, before anything of a batch is read.
#[test]
#[expect(clippy::disallowed_methods, reason = "a file that is long and takes no room")]
fn a_file_that_is_no_certificate_is_refused_with_the_reason() {
    let workshop = empty();
    let write = |name: &str, content: &[u8]| put(&workshop.path(name), content);
    let pem = [
        ("empty.pem", ""),
        ("text.pem", "a certificate\n"),
        ("boundary.pem", "-----BEGIN CERTIFICATE----\nAAEC\n-----END CERTIFICATE-----\n"),
        ("unclosed.pem", "-----BEGIN CERTIFICATE-----\nAAEC\n"),
        ("other-end.pem", "-----BEGIN CERTIFICATE-----\nAAEC\n-----END X509 CRL-----\n"),
        ("header.pem", "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nAAEC\n-----END CERTIFICATE-----\n"),
        ("base64.pem", "-----BEGIN CERTIFICATE-----\nA*EC\n-----END CERTIFICATE-----\n"),
        ("crl.pem", "-----BEGIN X509 CRL-----\nAAEC\n-----END X509 CRL-----\n"),
        ("ssh.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== TEST\n"),
    ];
    let mut case = Case::new(&workshop, "certificates").note("PEM that is broken, or of something else");
    let verify = |name: &str| format!("verify batch --source-anchor {name} --issuer-anchor {name}");
    for (name, content) in pem {
        write(name, content.as_bytes());
        case = case.run(&verify(name));
    }
    case = case.note("DER that is broken, or of a certificate that cannot be used");
    for (name, content) in certificates() {
        write(name, &content);
        case = case.run(&verify(name));
    }
    case = case.note("A file that is too long, and one that does not exist");
    let long = std::fs::File::create(workshop.path("long.pem")).expect("a new file");
    long.set_len(65 << 20).expect("a file with a hole");
    case.run(&verify("long.pem")).run(&verify("nowhere.pem")).finish();
}

/// Certificates in DER with one defect each.
fn certificates() -> Vec<(&'static str, Vec<u8>)> {
    let good = Builder::leaf().sign(&root_key());
    let changed = |change: &dyn Fn(&mut Builder)| leaf(change).sign(&root_key());
    let with = |kind: &[u8], value: &[u8]| {
        let rest = extensions(&[extension(kind, true, value)]);
        changed(&|leaf| leaf.rest.clone_from(&rest))
    };
    let unknown = extension(oids::UNKNOWN, false, &[5, 0]);
    let many: Vec<Vec<u8>> = (0..=64).map(|arc| extension(&[0x2A, 3, arc], false, &[5, 0])).collect();
    let point = device_key().spki()[26..].to_vec();
    let spki = |spki: Vec<u8>| changed(&|leaf| leaf.spki.clone_from(&spki));
    let not_after = |tag, text: &[u8]| {
        let time = tlv(tag, &[text]);
        changed(&|leaf| leaf.not_after.clone_from(&time))
    };
    vec![
        ("cut.der", good[..40].to_vec()),
        ("longer.der", [&good[..], &[0]].concat()),
        ("indefinite.der", [&[0x30, 0x80][..], &good[4..], &[0, 0]].concat()),
        ("long-length.der", [&[0x30, 0x83, 0][..], &good[2..]].concat()),
        ("two-algorithms.der", changed(&|leaf| leaf.outer_algorithm = ECDSA_SHA384.to_vec())),
        ("version-4.der", changed(&|leaf| leaf.version = vec![0xA0, 3, 2, 1, 3])),
        ("extensions-in-version-1.der", {
            let rest = extensions(std::slice::from_ref(&unknown));
            changed(&|leaf| {
                leaf.version = vec![];
                leaf.rest.clone_from(&rest);
            })
        }),
        ("boolean.der", with(oids::BASIC_CONSTRAINTS, &[0x30, 3, 1, 1, 1])),
        ("path-length.der", with(oids::BASIC_CONSTRAINTS, &[0x30, 6, 1, 1, 0xFF, 2, 1, 0x80])),
        ("extension-twice.der", {
            let rest = extensions(&[unknown.clone(), unknown]);
            changed(&|leaf| leaf.rest.clone_from(&rest))
        }),
        ("no-extension.der", changed(&|leaf| leaf.rest = extensions(&[]))),
        ("many-extensions.der", changed(&|leaf| leaf.rest = extensions(&many))),
        ("padded-identifier.der", with(&[0x80, 1], &[5, 0])),
        ("unused-bits.der", changed(&|leaf| leaf.unused_bits = 1)),
        ("unique-identifier.der", changed(&|leaf| leaf.rest = tlv(0x81, &[&[0, 1]]))),
        ("no-serial-number.der", changed(&|leaf| leaf.serial = vec![2, 0])),
        ("padded-serial-number.der", changed(&|leaf| leaf.serial = vec![2, 2, 0, 1])),
        ("time-format.der", not_after(0x17, b"4912312359Z")),
        ("no-such-date.der", not_after(0x17, b"490230000000Z")),
        ("time-tag.der", not_after(0x04, b"490101000000Z")),
        ("ends-before-it-begins.der", not_after(0x17, b"200101000000Z")),
        ("empty-rdn.der", changed(&|leaf| leaf.subject = vec![0x30, 2, 0x31, 0])),
        ("attribute-type.der", {
            let subject = tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[&[5, 0], &tlv(0x0C, &[b"a"])])])]);
            changed(&|leaf| leaf.subject.clone_from(&subject))
        }),
        ("attribute-arcs.der", {
            let subject = tlv(0x30, &[&tlv(0x31, &[&attribute(&[0x80], 0x0C, b"a")])]);
            changed(&|leaf| leaf.subject.clone_from(&subject))
        }),
        ("explicit-curve.der", spki(ec_spki(&[0x30, 0], &point))),
        ("other-curve.der", spki(ec_spki(&tlv(6, &[&[0x2B, 0x81, 4, 0, 10]]), &point))),
        ("infinity.der", spki(ec_spki(&P256, &[0]))),
        ("short-point.der", spki(ec_spki(&P256, &[4; 64]))),
        ("compressed-point.der", spki(ec_spki(&P256, &[2; 33]))),
        ("other-key.der", spki(tlv(0x30, &[&tlv(0x30, &[&tlv(6, &[&[0x2A, 3]])]), &tlv(3, &[&[0, 1]])]))),
        ("key-parameters.der", { spki(tlv(0x30, &[&tlv(0x30, &[&ED25519[2..], &[5, 0]]), &tlv(3, &[&[0; 33]])])) }),
        ("key-unused-bits.der", spki(tlv(0x30, &[&ED25519, &tlv(3, &[&[1; 33]])]))),
    ]
}

#[test]
fn a_key_file_that_cannot_be_used_is_refused_with_the_reason() {
    let workshop = empty();
    let folder = workshop.folder();
    let openssl = |line: &str| Run::openssl().args(line.split(' ')).folder(folder).run().success().stdout;
    let secret = |name: &str, content: &[u8]| put_secret(&workshop.path(name), content);
    let private = |name: &str| {
        let content = std::fs::read(workshop.path(name)).expect("openssl wrote it");
        secret(name, &content);
        content
    };
    secret("pass", b"TEST passphrase\n");
    openssl("ecparam -name prime256v1 -genkey -noout -out plain.key");
    let plain = private("plain.key");
    openssl("req -x509 -key plain.key -subj /CN=TEST -days 1 -out certificate.pem");
    secret("two.key", &[&plain[..], &plain].concat());
    secret("parameters.key", b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    for (name, line) in [
        ("cipher.key", "ec -in plain.key -des3 -passout file:pass -out cipher.key"),
        (
            "scheme.key",
            "pkcs8 -topk8 -in plain.key -v1 PBE-MD5-DES -provider legacy -provider default -passout file:pass -out scheme.key",
        ),
        ("rsa-1024.key", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out rsa-1024.key"),
        ("x25519.key", "genpkey -algorithm X25519 -out x25519.key"),
        ("curve.key", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out curve.key"),
        ("no-key.p12", "pkcs12 -export -nokeys -in certificate.pem -passout file:pass -out no-key.p12"),
        ("no-mac.p12", "pkcs12 -export -nomac -inkey plain.key -in certificate.pem -passout file:pass -out no-mac.p12"),
    ] {
        openssl(line);
        private(name);
    }
    secret("garbage.key", der::pem("PRIVATE KEY", b"no key at all").as_bytes());
    secret("dsa.key", der::pem("DSA PRIVATE KEY", &[0x30, 0]).as_bytes());
    secret("text.key", b"no key at all\n");
    let with = |key: &str| format!("init new -o TEST --issuer-cert certificate.pem --issuer-key {key}");
    let under = |key: &str| format!("{} --issuer-passphrase-file pass", with(key));
    Case::new(&workshop, "key_files")
        .note("No key, two keys, something else")
        .run(&with("text.key"))
        .run(&with("garbage.key"))
        .run(&with("dsa.key"))
        .run(&with("two.key"))
        .run(&with("parameters.key"))
        .note("Keys that are not supported")
        .run(&with("rsa-1024.key"))
        .run(&with("x25519.key"))
        .run(&with("curve.key"))
        .note("Ciphers of before; a passphrase for a key that is not encrypted")
        .run(&under("cipher.key"))
        .run(&under("scheme.key"))
        .run(&under("plain.key"))
        .note("PKCS#12 without a key, and without what shows its integrity")
        .run(&under("no-key.p12"))
        .run(&under("no-mac.p12"))
        .finish();
}
