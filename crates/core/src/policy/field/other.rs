//! `[[extensions.other]]`: extensions without a field of their own, by object identifier.

use der::asn1::ObjectIdentifier;

use crate::policy::error;
use crate::toml::Value;
use crate::x509::oid;

use super::{Context, EXTENSIONS, Field, Recipe, critical, oid_text, typed_value};

pub(super) const FIELD: Field = Field {
    path: "extensions.other",
    meaning: "Extensions without a field of their own, encoded after the others in the order of the file. A typed value is a \
              table with one key: `utf8`, `printable`, `ia5` (texts with placeholders), `octets` (as in \
              `subject_alt_name`), `integer` (not negative), `boolean`, `null` (true), `oid`, `sequence` (array of typed \
              values), `der` (one constant element in hexadecimal).",
    form: "array of tables: `oid`, `critical`, `value` (typed)",
    clause: "RFC 5280 §4.2",
    criticality: Some(
        "the policy's choice, unless RFC 5280 says never: freshestCRL, subjectInfoAccess, subjectDirectoryAttributes",
    ),
    checks: &[
        "each identifier once (RFC 5280 §4.2), and none that has a field of its own",
        "never a CA's extension: nameConstraints, policyConstraints, policyMappings, inhibitAnyPolicy",
        "never netscape-cert-type, whose bits can make a CA, nor proxyCertInfo, which lets the device sign proxies",
    ],
    example: "[[extensions.other]]\noid = \"1.3.6.1.4.1.32473.7\"\ncritical = false\nvalue = { utf8 = \"{uid}\" }",
};

/// Extensions that no device certificate has, with the reason.
pub(super) const FORBIDDEN: [(ObjectIdentifier, &str); 6] = [
    (oid::NAME_CONSTRAINTS, "nameConstraints is for CA certificates only (RFC 5280 §4.2.1.10)"),
    (oid::POLICY_CONSTRAINTS, "policyConstraints is for CA certificates only (RFC 5280 §4.2.1.11)"),
    (oid::POLICY_MAPPINGS, "policyMappings is for CA certificates only (RFC 5280 §4.2.1.5)"),
    (oid::INHIBIT_ANY_POLICY, "inhibitAnyPolicy is for CA certificates only (RFC 5280 §4.2.1.14)"),
    (oid::NETSCAPE_CERT_TYPE, "netscape-cert-type can make a CA for programs that still read it"),
    (oid::PROXY_CERT_INFO, "proxyCertInfo makes a proxy certificate, whose owner speaks for another (RFC 3820)"),
];

/// Extensions that are never critical, with the clause.
const NEVER_CRITICAL: [(ObjectIdentifier, &str); 3] = [
    (oid::FRESHEST_CRL, "RFC 5280 §4.2.1.15"),
    (oid::SUBJECT_INFO_ACCESS, "RFC 5280 §4.2.2.2"),
    (oid::SUBJECT_DIRECTORY_ATTRIBUTES, "RFC 5280 §4.2.1.8"),
];

pub(super) fn read(value: &Value<'_>, context: &Context<'_>) -> Vec<Option<Recipe>> {
    let Some(members) = value.array() else { return vec![None] };
    let mut seen: Vec<ObjectIdentifier> = Vec::new();
    let mut recipes = Vec::new();
    for member in members {
        let recipe = one(&member, context).and_then(|recipe| {
            if seen.contains(&recipe.oid) {
                let message = format!("`{}` repeats extension {} (RFC 5280 §4.2)", member.path, recipe.oid);
                return member.error(error::DUPLICATE, message);
            }
            seen.push(recipe.oid);
            Some(recipe)
        });
        recipes.push(recipe);
    }
    recipes
}

fn one(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let place = table.required("oid");
    let oid = place.as_ref().and_then(oid_text::read).and_then(|oid| allowed(place.as_ref()?, oid));
    let critical = critical(&table);
    let node = table.required("value").and_then(|value| typed_value::read(&value, context.vocabulary));
    table.finish();
    let (oid, critical) = (oid?, critical?);
    if let Some((_, clause)) = NEVER_CRITICAL.iter().find(|(never, _)| *never == oid && critical) {
        let message = format!("`{}` is critical, but extension {oid} never is ({clause})", value.path);
        return value.error_hint(error::CRITICALITY, message, "Write critical = false.");
    }
    Some(Recipe::new(oid, critical, node?, value))
}

fn allowed(place: &Value<'_>, oid: ObjectIdentifier) -> Option<ObjectIdentifier> {
    if let Some(extension) = EXTENSIONS.iter().find(|extension| extension.oid == oid) {
        let message = format!("`{}` is {oid}, which has a field of its own", place.path);
        let hint = format!("Write it as extensions.{}.", extension.key);
        return place.error_hint(error::OID_HAS_FIELD, message, hint);
    }
    if let Some((_, reason)) = FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == oid) {
        let message = format!("`{}` is {oid}, which no device certificate may have: {reason}", place.path);
        return place.error(error::NEVER_ALLOWED, message);
    }
    Some(oid)
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    use crate::policy::testing::parse;
    use crate::policy::testing::text;

    fn other(body: &str) -> Vec<(&'static str, String)> {
        vec![("extensions.other", format!("[{body}]"))]
    }

    fn changes<'l>(list: &'l [(&'static str, String)]) -> Vec<(&'l str, &'l str)> {
        list.iter().map(|(key, value)| (*key, value.as_str())).collect()
    }

    #[track_caller]
    fn refused(body: &str, part: &str) {
        fails(&changes(&other(body)), part);
    }

    /// Encodings written out by hand from X.690.
    #[test]
    fn typed_values_become_der() {
        for (typed, expected) in [
            (r#"{ utf8 = "é{product_id}" }"#, "0c06c3a930313339"),
            (r#"{ printable = "a" }"#, "130161"),
            (r#"{ ia5 = "a@b" }"#, "1603614062"),
            (r#"{ octets = "{product_id|bytes}x" }"#, "0403013978"),
            ("{ integer = 0 }", "020100"),
            ("{ integer = 127 }", "02017f"),
            ("{ integer = 128 }", "02020080"),
            ("{ integer = 4294967295 }", "020500ffffffff"),
            ("{ boolean = true }", "0101ff"),
            ("{ boolean = false }", "010100"),
            ("{ null = true }", "0500"),
            (r#"{ oid = "1.2.3" }"#, "06022a03"),
            (r"{ sequence = [{ integer = 1 }, { sequence = [] }] }", "30050201013000"),
            (r#"{ der = "3003020101" }"#, "3003020101"),
        ] {
            let list = other(&format!("{{ oid = \"1.2.3.4\", critical = false, value = {typed} }}"));
            assert_eq!(value(&changes(&list)), expected, "{typed}");
        }
    }

    #[test]
    fn values_that_are_not_of_their_type_are_refused() {
        for (typed, part) in [
            ("{}", "0 types"),
            (r#"{ utf8 = "a", ia5 = "a" }"#, "2 types"),
            (r#"{ printable = "a@b" }"#, "policy.text.characters"),
            (r#"{ ia5 = "é" }"#, "policy.text.characters"),
            (r#"{ utf8 = "{uid|bytes}" }"#, "makes bytes"),
            ("{ integer = -1 }", "policy.value.form"),
            ("{ null = false }", "expected true"),
            (r#"{ der = "300302010" }"#, "not hexadecimal"),
            (r#"{ der = "30030201" }"#, "not one element"),
            (r#"{ der = "30030201010500" }"#, "not one element"),
            (r#"{ der = "3003028101" }"#, "not one element"),
        ] {
            refused(&format!("{{ oid = \"1.2.3.4\", critical = false, value = {typed} }}"), part);
        }
    }

    #[test]
    fn identifiers_with_a_field_or_a_ca_right_are_refused() {
        let with = |oid: &str| format!("{{ oid = \"{oid}\", critical = false, value = {{ null = true }} }}");
        for extension in super::EXTENSIONS {
            refused(&with(&extension.oid.to_string()), "policy.oid.has-field");
        }
        for (oid, _) in super::FORBIDDEN {
            refused(&with(&oid.to_string()), "policy.right.never-allowed");
        }
        let critical = with("2.5.29.46").replace("false", "true");
        refused(&critical, "policy.extension.criticality");
        refused(&format!("{}, {}", with("1.2.3.4"), with("1.2.3.4")), "policy.value.duplicate");
    }

    #[test]
    fn arrays_of_tables_are_read_as_inline_ones() {
        let more = "[[extensions.other]]\noid = \"1.2.3.4\"\ncritical = true\nvalue = { null = true }\n";
        let policy = crate::policy::Policy::parse(&format!("{}{more}", text(&[])), "test.toml").unwrap();
        assert!(policy.extensions[0].critical);
        assert!(parse(&[]).unwrap().extensions.is_empty());
    }
}
