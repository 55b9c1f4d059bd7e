//! `[source]`: which leaves a policy accepts. Intake judges by it; nothing of it enters a certificate.

use std::ops::Range;

use crate::policy::error;
use crate::toml::{Table, Value};
use crate::verify::{Family, Relaxation, SourceRules};
use crate::x509::KeyAlgorithm;

use super::Field;

pub(super) const FAMILY: Field = Field {
    path: "source.family",
    meaning: "The chip family: fixes what the UID is and which shape leaves have.",
    form: "`stsafe-a`, `stsafe-l` or `generic`",
    clause: "operator guide, intake",
    criticality: None,
    checks: &["a known family"],
    example: "[source]\nfamily = \"stsafe-a\"\nkeys = [\"P-256\"]\nrelax = []",
};

pub(super) const KEYS: Field = Field {
    path: "source.keys",
    meaning: "Kinds of subject public key that may be certified again; a leaf with another key is rejected.",
    form: "array of `P-256`, `P-384`, `P-521`, `Ed25519`, `brainpoolP256r1`, `brainpoolP384r1`",
    clause: "RFC 5480 §2.1.1.1, RFC 5639, RFC 8410 §3",
    criticality: None,
    checks: &["at least one, each once", "every listed kind fits `extensions.key_usage`"],
    example: "[source]\nfamily = \"stsafe-a\"\nkeys = [\"P-256\", \"P-384\"]\nrelax = []",
};

pub(super) const RELAX: Field = Field {
    path: "source.relax",
    meaning: "Named deviations from strict intake. Each one that a leaf needed is recorded in its manifest line.",
    form: "array of `common-name-mismatch`, `expired-leaf`, `explicit-default-boolean`, `issuer-name-case`, \
           `sha1-signature`, `test-anchor`, `trailing-padding`",
    clause: "operator guide, intake",
    criticality: None,
    checks: &["known names, each once"],
    example: "[source]\nfamily = \"stsafe-a\"\nkeys = [\"P-256\"]\nrelax = [\"trailing-padding\"]",
};

/// The family, which other fields need even if the rest is wrong; the rules; and the place of the keys.
pub(in crate::policy) fn read(top: &Table<'_>) -> (Option<Family>, Option<SourceRules>, Range<usize>) {
    let Some(table) = top.required("source").and_then(|value| value.table()) else { return (None, None, 0..0) };
    let family =
        table.required("family").and_then(|value| value.choice(&Family::ALL.map(|family| (family.as_str(), family))));
    let keys = table.required("keys").and_then(|value| {
        let members = value.filled_array("nothing could be certified")?;
        let names = KeyAlgorithm::SUBJECTS.map(|key| key.to_string());
        let choices: Vec<_> = names.iter().map(String::as_str).zip(KeyAlgorithm::SUBJECTS).collect();
        distinct(&members, |member| member.choice(&choices))
    });
    let relax = table.required("relax").and_then(|value| {
        let choices = Relaxation::ALL.map(|relaxation| (relaxation.as_str(), relaxation));
        let mut list = distinct(&value.array()?, |member| member.choice(&choices))?;
        list.sort_unstable();
        Some(list)
    });
    let keys_span = table.place("keys");
    table.finish();
    let rules = || Some(SourceRules { family: family?, keys: keys?, relax: relax? });
    (family, rules(), keys_span)
}

/// Reads members that must differ from each other.
pub(super) fn distinct<'d, T: PartialEq>(
    members: &[Value<'d>],
    read: impl Fn(&Value<'d>) -> Option<T>,
) -> Option<Vec<T>> {
    let mut list = Some(Vec::with_capacity(members.len()));
    for member in members {
        match (read(member), &mut list) {
            (Some(value), Some(values)) if values.contains(&value) => {
                list =
                    member.error(error::DUPLICATE, format!("`{}` repeats an earlier element of its list", member.path));
            }
            (Some(value), Some(values)) => values.push(value),
            (None, _) => list = None,
            (Some(_), None) => {}
        }
    }
    list
}
