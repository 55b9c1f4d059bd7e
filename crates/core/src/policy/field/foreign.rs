//! `[foreign]`: in what certificates may differ that an external CA makes. Nothing of it enters a certificate
//! that this program makes.

use der::asn1::ObjectIdentifier;

use crate::cert::Difference;
use crate::policy::error;
use crate::toml::Table;

use super::{EXTENSIONS, Field, oid_text};

pub(super) const MAY_DIFFER: Field = Field {
    path: "foreign.may_differ",
    meaning: "Fields in which a certificate that another CA made may differ from what this policy asks for \
              (asked by a file or by CMP). Each difference is named in the certificate's line of the \
              manifest. Without the line, and without [foreign], everything must be as asked for but the serial number, \
              which is the CA's. The public key and the issuer's name can never differ, and it can never be a CA certificate.",
    form: "array of `subject`, `not_before`, `not_after`, `signature`, keys of [extensions], and object identifiers of \
           other extensions",
    clause: "this page",
    criticality: None,
    checks: &["known names, each once", "an extension with a key of its own is named by it"],
    example: "[foreign]\nmay_differ = [\"not_before\", \"not_after\", \"authority_key_identifier\"]",
};

/// What may differ.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct Foreign {
    pub(in crate::policy) may_differ: Vec<Difference>,
}

const FIXED: [(&str, Difference); 4] = [
    ("subject", Difference::Subject),
    ("not_before", Difference::NotBefore),
    ("not_after", Difference::NotAfter),
    ("signature", Difference::Signature),
];

pub(in crate::policy) fn read(top: &Table<'_>) -> Option<Foreign> {
    let Some(value) = top.optional("foreign") else { return Some(Foreign::default()) };
    let table = value.table()?;
    let list = table.required("may_differ");
    table.finish();
    let mut may_differ = Vec::new();
    let mut good = true;
    for member in list?.array()? {
        match member.string().and_then(|text| named(text).or_else(|| member.unknown(text, &names()))) {
            Some(difference) if may_differ.contains(&difference) => {
                good = false;
                member.error::<()>(error::VALUE, format!("`{}` is named before", member.path));
            }
            Some(difference) => may_differ.push(difference),
            None => good = false,
        }
    }
    good.then_some(Foreign { may_differ })
}

fn names() -> Vec<&'static str> {
    FIXED.iter().map(|(name, _)| *name).chain(EXTENSIONS.iter().map(|extension| extension.key)).collect()
}

fn named(text: &str) -> Option<Difference> {
    let fixed = FIXED.iter().find(|(name, _)| *name == text).map(|(_, difference)| *difference);
    fixed.or_else(|| {
        let field = EXTENSIONS.iter().find(|extension| extension.key == text);
        let other = || oid_text::parse(text).filter(|oid| key(*oid).is_none());
        field.map(|extension| extension.oid).or_else(other).map(Difference::Extension)
    })
}

fn key(oid: ObjectIdentifier) -> Option<&'static str> {
    EXTENSIONS.iter().find(|extension| extension.oid == oid).map(|extension| extension.key)
}

/// The word for a difference, in policies and in lines of a manifest: a field's key, or an extension's identifier.
pub fn difference_name(difference: &Difference) -> String {
    match difference {
        Difference::Extension(oid) => key(*oid).map_or_else(|| oid.to_string(), str::to_owned),
        other => {
            FIXED.iter().find(|(_, fixed)| fixed == other).map_or_else(String::new, |(name, _)| (*name).to_owned())
        }
    }
}
