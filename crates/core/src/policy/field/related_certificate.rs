//! `extensions.related_certificate`: binds the source leaf inside the new certificate.

use crate::policy::node::Node;
use crate::policy::text::Text;
use crate::policy::value::{Filter, Variable};
use crate::toml::Value;
use crate::x509::oid;
use crate::x509::tlv::tag;

use super::{Context, ExtensionField, Field, Recipe, never_critical};

pub(super) const FIELD: Field = Field {
    path: "extensions.related_certificate",
    meaning: "Binds the source leaf inside the new certificate: the digest of the whole leaf. RFC 9763 means it for a second \
              key of the same device; here both certificates have the same key, and the digest says which one it came from.",
    form: "table: `hash` (`sha256`)",
    clause: "RFC 9763 §4.1",
    criticality: Some("not critical (RFC 9763 §4.1)"),
    checks: &["`critical` is not written"],
    example: "[extensions]\nrelated_certificate = { hash = \"sha256\" }",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "related_certificate", oid: oid::RELATED_CERTIFICATE, read };

fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let hash = table.required("hash").and_then(|value| value.choice(&[("sha256", oid::SHA256)]));
    never_critical(&table, "relatedCertificate", "RFC 9763 §4.1");
    table.finish();
    let digest = Text::value(Variable::SourceSha256, vec![Filter::Bytes], context.vocabulary);
    // RFC 5754 §2: SHA-2 algorithm identifiers without parameters
    let node = Node::sequence(vec![Node::sequence(vec![Node::oid(hash?)]), Node::text(tag::OCTET_STRING, digest)]);
    Some(Recipe::new(oid::RELATED_CERTIFICATE, false, node, value))
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    const KEY: &str = "extensions.related_certificate";

    /// Digest of the genuine leaf by Python's hashlib.
    #[test]
    fn the_source_leaf_is_bound_by_its_digest() {
        let digest = "454b5fe178b23b6ea19c13a1f45c11f35aef9bcf831c8ca72bb182c733aaddb4";
        let expected = format!("302f300b0609608648016503040201{}{digest}", "0420");
        assert_eq!(value(&[(KEY, "{ hash = \"sha256\" }")]), expected);
        fails(&[(KEY, "{ hash = \"sha1\" }")], "policy.value.unknown");
        fails(&[(KEY, "{ hash = \"sha256\", critical = true }")], "never critical");
    }
}
