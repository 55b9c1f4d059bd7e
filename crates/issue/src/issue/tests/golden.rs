//! Certificates that another program made first: `fixtures/golden/issue/recipe.py`.

use crate::cert::{DeviceLimits, Encoder, ObjectTemplate, SerialBasis, SerialRule, TemplateFields};
use crate::crypto::sha256;
use crate::issue::testing::{
    authority_key_identifier, extensions, golden, identity, issuer, name, seed, serial_for, validity,
};
use crate::issue::{Seed, Serials, Signed};
use crate::ledger::testing::{row, terms};
use crate::ledger::{LeafKey, Ledger, RecordedLeaf};
use crate::origin::{ItemName, Origin, Uid};
use crate::x509::{Certificate, SignatureAlgorithm, oid};

const FULL_SOURCE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/leaf-0209B0846159E439520139.der"));
const PLAIN_SOURCE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/leaf-020930C56159E439520139.der"));

/// The name of a batch.
const BATCH: &str = "01968d2e-7b00-7cc3-98c4-dc0c0c07398f";

fn base(source: &[u8]) -> TemplateFields {
    let leaf = Certificate::from_der(source).unwrap();
    let uid = Uid::from_serial(leaf.serial());
    TemplateFields {
        origin: Origin { item: ItemName::input(b"leaf.der"), uid, fingerprint: sha256(source) },
        serial: SerialRule::Derived,
        signature: SignatureAlgorithm::EcdsaSha256,
        validity: validity("2026-01-31T12:00:00Z", "2056-01-31T11:59:59Z"),
        subject: name(&[(oid::ORGANIZATION_NAME, "Acme SA"), (oid::COMMON_NAME, &uid.to_string())]),
        spki: leaf.spki().clone(),
        extensions: extensions(&uid.to_string()),
        device: DeviceLimits { stselib: false, max_certificate_bytes: None, full_width_signature: false },
        rules: crate::cert::RuleScope { may_outlive_issuer: false, profiles: crate::cert::Profiles::NONE },
    }
}

/// The whole way of one certificate.
fn issue(fields: TemplateFields) -> Vec<u8> {
    let issuer = issuer();
    let template = &ObjectTemplate::assert_decided(fields);
    let serial = serial_for(template, &seed(), issuer.identity(), 0);
    let linted = issuer.identity().prepare(template, serial, 0).unwrap();
    let leaf =
        LeafKey { uid: template.origin.uid, spki: sha256(template.spki.der()), source: template.origin.fingerprint };
    let ledger = Ledger::in_memory(issuer.identity().spki());
    let leaves = [leaf];
    let row = row(1, terms("golden", &leaves), 1024);
    let batch = row.id.clone();
    ledger.begin(row, &leaves).unwrap();
    let RecordedLeaf::Fresh(recorded) = ledger.record(&batch, 0, vec![linted]).unwrap().remove(0) else {
        panic!("nothing was recorded before")
    };
    let mut report = issuer.sign(vec![recorded]);
    assert!(report.failure.is_none());
    let Signed::Issued(certificate) = report.outcomes.remove(0) else { panic!("the signer does not fail") };
    certificate.der().to_vec()
}

#[test]
fn a_full_certificate_is_that_of_another_program_byte_for_byte() {
    let certificate = issue(base(FULL_SOURCE));
    assert_eq!(hex::encode(certificate), hex::encode(include_bytes!(golden!("full.der"))));
}

#[test]
fn a_plain_certificate_is_that_of_another_program_byte_for_byte() {
    let source = Certificate::from_der(PLAIN_SOURCE).unwrap();
    let template = TemplateFields {
        serial: SerialRule::Source(*source.serial()),
        validity: validity("2049-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        subject: name(&[(oid::COMMON_NAME, "020930C56159E439520139")]),
        extensions: vec![authority_key_identifier()],
        ..base(PLAIN_SOURCE)
    };
    assert_eq!(hex::encode(issue(template)), hex::encode(include_bytes!(golden!("plain.der"))));
}

#[test]
fn derived_serials_are_those_of_an_independent_computation() {
    // printed by recipe.py: Python's hmac and hashlib
    let leaf = sha256(FULL_SOURCE);
    let derive = |encoder, batch, seed: &Seed, beacon, attempt| {
        let basis = SerialBasis { encoder, batch, seed, beacon };
        Serials::new(&basis, identity().spki()).derive(&leaf, attempt).to_string()
    };
    let serial = |attempt| derive(Encoder::One, BATCH, &seed(), None, attempt);
    assert_eq!(serial(0), "60F8E930BA3F3FFEB47D61116B50C944");
    assert_eq!(serial(1), "76255B48C8FF346C300D35704C41A515");
    assert_eq!(serial(0x0102_0304), "5F74728524B11BA1747ACCB6CB8CE116");
    // of encoder 2: without a beacon and with one
    let second = |batch, beacon, attempt| derive(Encoder::Two, batch, &seed(), beacon, attempt);
    let beacon = Some(sha256(b"TEST beacon"));
    assert_eq!(second(BATCH, None, 0), "60A55D1D7B347EA99E67442E5BEFA4FF");
    assert_eq!(second(BATCH, beacon, 0), "42BCA96C16107A31E20A8EDDCEB0CC6D");
    assert_eq!(second(BATCH, beacon, 0x0102_0304), "709A582203F35B0FF770EBBFC61013AB");
    // the same seed in another batch gives other serial numbers; under encoder 1 it did not
    let other = "01968d2e-7b00-7cc3-98c4-dc0c0c073990";
    assert_ne!(second(other, None, 0), second(BATCH, None, 0));
    assert_eq!(derive(Encoder::One, other, &seed(), beacon, 0), serial(0));
}
