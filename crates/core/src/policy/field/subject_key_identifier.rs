//! `extensions.subject_key_identifier`: a short name for the device's key.

use crate::policy::node::Node;
use crate::policy::text::Text;
use crate::policy::value::{KeyIdentifierMethod, Variable};
use crate::toml::Value;
use crate::x509::oid;
use crate::x509::tlv::tag;

use super::{Context, ExtensionField, Field, Recipe, never_critical};

pub(super) const FIELD: Field = Field {
    path: "extensions.subject_key_identifier",
    meaning: "A short name for the device's key. `rfc5280-1`: SHA-1 of the public key's BIT STRING value; `rfc7093-1`: the \
              leftmost 160 bits of its SHA-256. Leave the line out for none.",
    form: "table: `method` (`rfc5280-1` or `rfc7093-1`)",
    clause: "RFC 5280 §4.2.1.2, RFC 7093 §2",
    criticality: Some("never critical (RFC 5280 §4.2.1.2)"),
    checks: &["`critical` is not written"],
    example: "[extensions]\nsubject_key_identifier = { method = \"rfc7093-1\" }",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "subject_key_identifier", oid: oid::SUBJECT_KEY_IDENTIFIER, read };

fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let choices = [("rfc5280-1", KeyIdentifierMethod::Rfc5280Sha1), ("rfc7093-1", KeyIdentifierMethod::Rfc7093Sha256)];
    let method = table.required("method").and_then(|value| value.choice(&choices));
    never_critical(&table, "subjectKeyIdentifier", "RFC 5280 §4.2.1.2");
    table.finish();
    let bytes = Text::value(Variable::SubjectKeyIdentifier(method?), vec![], context.vocabulary);
    Some(Recipe::new(oid::SUBJECT_KEY_IDENTIFIER, false, Node::text(tag::OCTET_STRING, bytes), value))
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    const KEY: &str = "extensions.subject_key_identifier";

    /// SHA-1 by Python cryptography, SHA-256 by OpenSSL, both over the genuine leaf's public point.
    #[test]
    fn both_methods_hash_the_public_point() {
        let rfc5280 = "0414d0f7cf92f868e03066013ccfd7a7d45151b5293e";
        assert_eq!(value(&[(KEY, "{ method = \"rfc5280-1\" }")]), rfc5280);
        let rfc7093 = "0414b9ad9e30872f1852f5f20c0b6456e56eeb9ec1f7";
        assert_eq!(value(&[(KEY, "{ method = \"rfc7093-1\" }")]), rfc7093);
        fails(&[(KEY, "{ method = \"none\" }")], "policy.value.unknown");
        fails(&[(KEY, "{}")], "has no `method`");
        fails(&[(KEY, "{ method = \"rfc7093-1\", critical = false }")], "never critical");
    }
}
