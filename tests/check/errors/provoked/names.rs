//! Names and numbers that people write: UIDs, batches, digests, URIs of keys, times, files in PEM.

use reroot::crl::Shards;
use reroot::ledger::BatchId;
use reroot::manifest::verify_inclusion;
use reroot::origin::{ItemName, Uid, typed_bytes};
use reroot::signer::KeyUri;
use reroot::x509::{Sha256Digest, Time, bundle, pem};

use super::refused;
use crate::errors::transcripts::Sheet;
use crate::intake::builder::{Builder, root_key};

pub(super) fn all(sheet: &mut Sheet<'_>) {
    origins(sheet);
    uris(sheet);
    files(sheet);
    trees(sheet);
}

fn origins(sheet: &mut Sheet<'_>) {
    sheet.part(&refused(ItemName::from_escaped("reel.zip!\u{e9}")));
    sheet.part(&refused(Uid::from_bytes(&[7; 21])));
    sheet.part(&refused("0209A021E021C4E1D0013G".parse::<Uid>()));
    let typed = refused(typed_bytes("2.09E+21"));
    sheet.part_with(&typed, Some(typed.hint()));
    sheet.part(&refused("not-a-batch".parse::<BatchId>()));
    sheet.part(&refused("0102".parse::<Sha256Digest>()));
    sheet.part(&refused(Shards::new(0)));
    sheet.part(&refused(Time::from_rfc3339("2026-01-31")));
    sheet.part(&refused(Time::from_unix(i64::MAX)));
}

fn uris(sheet: &mut Sheet<'_>) {
    for text in [
        "",
        "pkcs1",
        "pkcs11:token",
        "pkcs11:token=",
        "pkcs11:token=My Token",
        "pkcs11:token=%4",
        "pkcs11:token=%FF",
        "pkcs11:token=a;token=b",
        "pkcs11:tokn=a",
        "pkcs11:slot-id=0x1",
        "pkcs11:type=cert",
        "pkcs11:token=a?module-name=softhsm",
        "pkcs11:pin-source=file:/etc/pin",
        "pkcs11:token=a?pin-source=https://example.com/pin",
        "pkcs11:token=a?pin-value=1234",
    ] {
        let error = refused(KeyUri::parse(text));
        sheet.part_with(&error, error.hint());
    }
}

fn files(sheet: &mut Sheet<'_>) {
    for text in [
        "",
        "AAEC\n",
        "-----BEGIN A----\nAAEC\n-----END A-----\n",
        "-----BEGIN A-----\nAAEC\n",
        "-----BEGIN A-----\nAAEC\n-----END B-----\n",
        "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nAAEC\n-----END A-----\n",
        "-----BEGIN A-----\nA*EC\n-----END A-----\n",
    ] {
        sheet.part(&refused(pem::read(text.as_bytes())));
    }
    let certificate = pem::write("CERTIFICATE", &Builder::root().sign(&root_key()));
    for (content, one) in [
        ([certificate.as_bytes(), certificate.as_bytes()].concat(), true),
        ([certificate.as_bytes(), b"\n"].concat(), true),
        (pem::write("X509 CRL", &[0x30, 0]).as_bytes().to_vec(), false),
        (b"ssh-ed25519 AAAA".to_vec(), false),
        (b"no certificate".to_vec(), false),
    ] {
        let error = if one { refused(bundle::one_of_batch(&content)) } else { refused(bundle::named(&content)) };
        sheet.part_with(&error, error.hint());
    }
}

fn trees(sheet: &mut Sheet<'_>) {
    let digest = |octet| Sha256Digest::new([octet; 32]);
    sheet.part(&refused(verify_inclusion(digest(1), 3, 2, &[], digest(2))));
    sheet.part(&refused(verify_inclusion(digest(1), 0, 2, &[], digest(2))));
    sheet.part(&refused(verify_inclusion(digest(1), 0, 1, &[], digest(2))));
}
