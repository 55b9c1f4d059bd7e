//! A base policy whose lines tests replace, and leaves for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cert::{IssuerIdentity, ObjectTemplate};
use crate::crypto;
use crate::lint::testing::CaSpec;
use crate::origin::{ItemName, Origin, Uid};
use crate::verify::{ChainProof, Family, VerifiedLeaf};
use crate::x509::{Certificate, Time};

use super::{BatchContext, BoundPolicy, Policy, PolicyErrors};

/// The lines of a small good policy: table, key, value.
const BASE: &[(&str, &str, &str)] = &[
    ("", "version", "1"),
    ("", "name", "\"test\""),
    ("", "description", "\"for tests\""),
    ("source", "family", "\"stsafe-a\""),
    ("source", "keys", "[\"P-256\"]"),
    ("source", "relax", "[]"),
    ("certificate", "subject", "[{ CN = \"{uid}\" }]"),
    ("certificate", "serial", "\"derived\""),
    ("certificate", "not_before", "\"issuance\""),
    ("certificate", "not_after", "\"20y\""),
    ("certificate", "outlives_issuer", "\"error\""),
    ("certificate", "signature", "\"ecdsa-sha256\""),
    ("device", "target", "\"none\""),
    ("device", "full_width_signature", "false"),
];

/// The base policy with lines replaced, added (`table.key`, value) or, with an empty value, dropped.
pub(super) fn text(changes: &[(&str, &str)]) -> String {
    let mut lines: Vec<(String, String, String)> =
        BASE.iter().map(|(table, key, value)| ((*table).into(), (*key).into(), (*value).into())).collect();
    for (path, value) in changes {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        lines.retain(|(its_table, its_key, _)| (its_table.as_str(), its_key.as_str()) != (table, key));
        if !value.is_empty() {
            lines.push((table.into(), key.into(), (*value).into()));
        }
    }
    let mut tables: Vec<String> = Vec::new();
    for (table, ..) in &lines {
        if !tables.contains(table) {
            tables.push(table.clone());
        }
    }
    tables.sort_by_key(|table| !table.is_empty());
    let mut out = String::new();
    for table in tables {
        if !table.is_empty() {
            writeln!(out, "[{table}]").unwrap();
        }
        for (_, key, value) in lines.iter().filter(|(its_table, ..)| *its_table == table) {
            writeln!(out, "{key} = {value}").unwrap();
        }
    }
    out
}

pub(super) fn parse(changes: &[(&str, &str)]) -> Result<Policy, PolicyErrors> {
    Policy::parse(&text(changes), "test.toml")
}

/// `code: message` of every mistake.
pub(super) fn mistakes(changes: &[(&str, &str)]) -> Vec<String> {
    match parse(changes) {
        Ok(_) => vec![],
        Err(errors) => lines(&errors),
    }
}

pub(super) fn lines(errors: &PolicyErrors) -> Vec<String> {
    errors.errors().iter().map(|error| format!("{}: {}", error.code(), error.message())).collect()
}

/// Asserts that there is exactly one mistake, which has `part` in it.
#[track_caller]
pub(super) fn fails(changes: &[(&str, &str)], part: &str) {
    let found = mistakes(changes);
    assert!(found.len() == 1 && found[0].contains(part), "expected one mistake with {part:?}: {found:#?}");
}

/// Asserts that there is no mistake.
#[track_caller]
pub(super) fn passes(changes: &[(&str, &str)]) -> Policy {
    parse(changes).unwrap_or_else(|errors| panic!("{errors}"))
}

pub(super) fn batch(policy: &Policy, given: &[(&str, &str)]) -> BatchContext {
    let given: BTreeMap<String, String> = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    BatchContext {
        batch: "0198c5b0-7a3e-7cc0-8000-0123456789ab".to_owned(),
        issued_at: Time::from_rfc3339("2026-03-01T00:00:00Z").unwrap(),
        params: policy.params(&given).unwrap(),
    }
}

/// Binds to the usual test issuer.
#[track_caller]
pub(super) fn bind(policy: &Policy, given: &[(&str, &str)]) -> BoundPolicy {
    policy.bind(&issuer(), &batch(policy, given)).unwrap_or_else(|errors| panic!("{errors}"))
}

pub(super) fn issuer() -> IssuerIdentity {
    CaSpec::default().issuer()
}

/// A genuine leaf under PROD CA 01.
pub(super) const LEAF: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/leaf-0209B0846159E439520139.der"));

/// The genuine leaves under PROD CA 01.
pub(super) const LEAVES: [&[u8]; 3] = [
    LEAF,
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/leaf-020930C56159E439520139.der")),
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/leaf-0209F0204021CC225B0139.der")),
];

/// A leaf as if its chain had been proved.
pub(super) fn verified(der: &[u8], family: Family) -> VerifiedLeaf {
    let certificate = Certificate::from_der(der).unwrap();
    let origin = Origin {
        item: ItemName::input(b"reel.zip").entry(b"leaf.der"),
        uid: Uid::from_serial(certificate.serial()),
        fingerprint: crypto::sha256(der),
    };
    let at = Time::from_rfc3339("2026-03-01T00:00:00Z").unwrap();
    let proof = ChainProof::for_tests(0, at, vec![]);
    VerifiedLeaf::for_tests(origin, family, certificate, proof)
}

/// The template that the base policy with `changes` makes for the genuine leaf.
#[track_caller]
pub(super) fn template(changes: &[(&str, &str)]) -> ObjectTemplate {
    bind(&passes(changes), &[]).template(&verified(LEAF, Family::StsafeA)).unwrap()
}

/// The hexadecimal of the value of the last extension in that template.
#[track_caller]
pub(super) fn value(changes: &[(&str, &str)]) -> String {
    hex::encode(&template(changes).extensions.pop().unwrap().value)
}
