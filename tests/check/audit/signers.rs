//! Who may seal a batch: the manifest signer that the anchor certified for nothing else.

use reroot::x509::tlv::{Reader, element, tag};
use reroot::x509::{Certificate, oid, pem};

use super::batch::batch;
use super::forge::{Forge, certificate, certify};
use super::verdict::refused_only;
use crate::support::run::Run;
use crate::support::workshop::Workshop;

/// A chip's own certificate, its own key, under the same root: the seal verifies for OpenSSL and says nothing.
#[test]
fn a_chip_cannot_seal_a_batch() {
    let workshop = batch();
    let leaf = workshop.pki.leaf(1);
    let forge = Forge::of(&workshop);
    let chip = forge.chips[1].certificate.clone();
    forge.seal_with_openssl("chip", &chip, &leaf.key);
    refused_only(&workshop, "chip", &[], &["manifest.signer.purpose"]);
    // nor one that the root itself certified for something else
    let forge = Forge::of(&workshop);
    let root = certificate(&std::fs::read(workshop.path("pki/ca/root.pem")).unwrap());
    let mut fields = forge.chips[1].fields();
    fields[3] = root.subject().der().to_vec();
    fields[7] = edited(&fields[7], AUTHORITY_KEY_IDENTIFIER, |_| None);
    let below_root = certify(&workshop, "root", &fields);
    forge.seal_with_openssl("below-root", &below_root, &leaf.key);
    refused_only(&workshop, "below-root", &[], &["manifest.signer.purpose"]);
    // OpenSSL alone would have taken it: the check of the purpose is what is in the way
    let folder = workshop.path("below-root");
    let arguments =
        "cms -verify -binary -inform DER -in manifest.json.p7s -content manifest.json -purpose any -out /dev/null";
    let openssl = crate::support::run::Run::openssl().args(arguments.split(' ')).folder(&folder);
    openssl.arg("-CAfile").arg(workshop.path("pki/ca/root.pem")).run().success();
}

/// The commands that `quickstart` prints check who sealed: OpenSSL's word on the seal alone is any chip's.
#[test]
fn the_printed_commands_refuse_the_seal_of_a_chip() {
    let folder = tempfile::tempdir().unwrap();
    let said = Run::reroot(folder.path()).args(["quickstart", "try-reroot"]).run().success().err();
    let typed = said.lines().filter_map(|line| line.strip_prefix("$ "));
    let printed: Vec<&str> = typed.filter(|line| line.starts_with("openssl")).collect();
    assert_eq!(printed.len(), 4, "{printed:?}");

    let workshop = batch();
    let leaf = workshop.pki.leaf(1);
    let forge = Forge::of(&workshop);
    let chip = forge.chips[1].certificate.clone();
    forge.seal_with_openssl("chip", &chip, &leaf.key);
    let forge = Forge::of(&workshop);
    let root = certificate(&std::fs::read(workshop.path("pki/ca/root.pem")).unwrap());
    let mut fields = forge.chips[1].fields();
    fields[3] = root.subject().der().to_vec();
    fields[7] = edited(&fields[7], AUTHORITY_KEY_IDENTIFIER, |_| None);
    let below_root = certify(&workshop, "root", &fields);
    forge.seal_with_openssl("below-root", &below_root, &leaf.key);
    // a manifest signer, but of the issuing CA
    let signer = certificate(&std::fs::read(workshop.path("pki/ca/manifest.pem")).unwrap());
    let issuing = certificate(&std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap());
    let mut fields = self::fields(&signer);
    fields[3] = issuing.subject().der().to_vec();
    fields[7] = edited(&fields[7], AUTHORITY_KEY_IDENTIFIER, |_| None);
    let below_issuing = certify(&workshop, "issuing", &fields);
    let key = pem::read(&std::fs::read(workshop.path("pki/ca/manifest.key.pem")).unwrap()).unwrap()[0].der.to_vec();
    Forge::of(&workshop).seal_with_openssl("below-issuing", &below_issuing, &key);
    for (name, verdicts) in [
        ("batch", [true, true, true]),
        ("chip", [false, false, false]),
        ("below-root", [true, true, false]),
        ("below-issuing", [false, false, true]),
    ] {
        for (command, holds) in printed.iter().zip(verdicts) {
            let command = command.replace("try-reroot/batch", name).replace("try-reroot/pki", "pki");
            let run = Run::tool("sh").args(["-c", &command]).folder(workshop.folder()).run();
            assert_eq!(run.code == Some(0), holds, "{name}: {command}\n{}{}", run.out(), run.err());
        }
    }
}

/// The CA's own keys sign certificates and lists, nothing else.
#[test]
fn a_ca_cannot_seal_a_batch() {
    let workshop = batch();
    for name in ["issuing", "root"] {
        let signer = certificate(&std::fs::read(workshop.path(&format!("pki/ca/{name}.pem"))).unwrap());
        let key = std::fs::read(workshop.path(&format!("pki/ca/{name}.key.pem"))).unwrap();
        let key = pem::read(&key).unwrap()[0].der.to_vec();
        Forge::of(&workshop).seal_with_openssl(name, signer.der(), &key);
        refused_only(&workshop, name, &[], &["manifest.signer.purpose"]);
    }
}

/// A complete manifest signer under a different root.
#[test]
fn a_manifest_signer_of_another_root_is_refused() {
    let workshop = batch();
    let other = Workshop::new();
    let signer = certificate(&std::fs::read(other.path("pki/ca/manifest.pem")).unwrap());
    let key = std::fs::read(other.path("pki/ca/manifest.key.pem")).unwrap();
    let key = pem::read(&key).unwrap()[0].der.to_vec();
    Forge::of(&workshop).seal_with_openssl("foreign", signer.der(), &key);
    refused_only(&workshop, "foreign", &[], &["manifest.signer.no-trust-anchor"]);

    // and one that only says it is of this root
    let root = certificate(&std::fs::read(workshop.path("pki/ca/root.pem")).unwrap());
    let mut fields = fields(&signer);
    fields[3] = root.subject().der().to_vec();
    let pretended = certify(&other, "root", &fields);
    Forge::of(&workshop).seal_with_openssl("pretended", &pretended, &key);
    refused_only(&workshop, "pretended", &[], &["manifest.signer.certificate-signature"]);
}

/// A signer certified by the root after all, with the purpose among others or not critical.
#[test]
fn a_signer_that_may_do_more_is_refused() {
    let workshop = batch();
    let key = std::fs::read(workshop.path("pki/ca/manifest.key.pem")).unwrap();
    let key = pem::read(&key).unwrap()[0].der.to_vec();
    let signer = certificate(&std::fs::read(workshop.path("pki/ca/manifest.pem")).unwrap());
    let good = fields(&signer);
    for (name, critical, purposes) in [
        ("not-critical", false, &[oid::KP_DOCUMENT_SIGNING][..]),
        ("other-purpose", true, &[oid::KP_CLIENT_AUTH]),
        ("two-purposes", true, &[oid::KP_DOCUMENT_SIGNING, oid::KP_CLIENT_AUTH]),
    ] {
        let mut fields = good.clone();
        fields[7] = edited(&good[7], EXTENDED_KEY_USAGE, |kind| {
            let purposes: Vec<u8> =
                purposes.iter().flat_map(|oid| element(tag::OBJECT_IDENTIFIER, &[oid.as_bytes()])).collect();
            let critical: &[u8] = if critical { &[tag::BOOLEAN, 1, 0xFF] } else { &[] };
            let value = element(tag::OCTET_STRING, &[&element(tag::SEQUENCE, &[&purposes])]);
            Some(element(tag::SEQUENCE, &[kind, critical, &value]))
        });
        let signer = certify(&workshop, "root", &fields);
        Forge::of(&workshop).seal_with_openssl(name, &signer, &key);
        refused_only(&workshop, name, &[], &["manifest.signer.purpose"]);
    }
}

const AUTHORITY_KEY_IDENTIFIER: [u8; 3] = [0x55, 0x1D, 0x23];
const EXTENDED_KEY_USAGE: [u8; 3] = [0x55, 0x1D, 0x25];

/// The extensions with one of them replaced or left out.
fn edited(extensions: &[u8], kind: [u8; 3], edit: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let list = Reader::new(extensions).element("[3]").unwrap().content;
    let list = Reader::new(list).element("extensions").unwrap().content;
    let mut reader = Reader::new(list);
    let mut out = Vec::new();
    let mut found = false;
    while !reader.is_empty() {
        let whole = reader.element("extension").unwrap();
        let id = Reader::new(whole.content).element("extnID").unwrap();
        if id.content == kind {
            found = true;
            out.extend(edit(id.raw).unwrap_or_default());
        } else {
            out.extend(whole.raw);
        }
    }
    assert!(found, "the certificate has the extension");
    element(0xA3, &[&element(tag::SEQUENCE, &[&out])])
}

fn fields(certificate: &Certificate) -> Vec<Vec<u8>> {
    let tbs = Reader::new(certificate.tbs()).expect(tag::SEQUENCE, "tbsCertificate").unwrap();
    let mut reader = Reader::new(tbs.content);
    let mut fields = Vec::new();
    while !reader.is_empty() {
        fields.push(reader.element("field").unwrap().raw.to_vec());
    }
    fields
}
