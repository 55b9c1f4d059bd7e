//! Leaves from which a policy cannot copy, and inputs that may not be opened.

use std::collections::BTreeMap;

use reroot::cert::IssuerIdentity;
use reroot::input::{self, FileId};
use reroot::policy::{BatchContext, Policy};
use reroot::x509::{Certificate, Time};

use super::refused;
use crate::errors::transcripts::Sheet;
use crate::intake::builder::{Builder, attribute, ca_true, extension, extensions, name, oids, root_key, st_name};
use crate::intake::support::{default_verifier, examine, leaf};
use crate::support::workshop::POLICY;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    copied_names(sheet);
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let path = folder.path().join("ledger.db");
    crate::support::judges::put(&path, "");
    let about = path.metadata().unwrap_or_else(|error| panic!("{error}"));
    let reserved = input::reserve(FileId::of(&about), "ledger.db".as_ref());
    sheet.words("core: ReservedError", &refused(input::open(&path)).to_string());
    drop(reserved);
}

fn copied_names(sheet: &mut Sheet<'_>) {
    let text = POLICY.replace("CN = \"{uid}\"", "CN = \"{source.common_name}\"");
    let policy = Policy::parse(&text, "policy.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let own = extension(oids::SUBJECT_KEY_IDENTIFIER, false, &[4, 2, 1, 2]);
    let root = Builder { rest: extensions(&[ca_true(), own]), ..Builder::root() };
    let root = Certificate::from_der(&root.sign(&root_key())).unwrap_or_else(|error| panic!("{error}"));
    let issuer = IssuerIdentity::new(root, vec![]).unwrap_or_else(|error| panic!("{error}"));
    let lot = BTreeMap::from([("lot".into(), "A1".into())]);
    let context = BatchContext {
        batch: "01a00000-0000-7000-8000-000000000001".to_owned(),
        issued_at: Time::from_rfc3339("2026-01-01T00:00:00Z").unwrap_or_else(|error| panic!("{error}")),
        params: policy.params(&lot).unwrap_or_else(|errors| panic!("{errors}")),
    };
    let bound = policy.bind(&issuer, &context).unwrap_or_else(|errors| panic!("{errors}"));
    for (key, subject) in [
        ("core: Unfit::OuterSpace", st_name("FR", "ST", "chip ")),
        ("core: Unfit::Missing", name(&[attribute(oids::O, 0x0C, b"ST")])),
    ] {
        let der = leaf(|leaf| leaf.subject = subject).sign(&root_key());
        match examine(&default_verifier(), &der) {
            Ok((verified, _)) => sheet.words(key, &refused(bound.template(&verified)).reason),
            Err(code) => panic!("{key}: the leaf was refused before: {code}"),
        }
    }
}
