//! `extensions.authority_key_identifier`: which of the issuer's keys signed.

use crate::policy::node::Node;
use crate::policy::text::Text;
use crate::policy::value::Variable;
use crate::toml::Value;
use crate::x509::oid;

use super::{Context, ExtensionField, Field, Recipe, never_critical};

pub(super) const FIELD: Field = Field {
    path: "extensions.authority_key_identifier",
    meaning: "Which of the issuer's keys signed: the keyIdentifier is copied from the CA's subjectKeyIdentifier. `{}` asks \
              for it; leave the line out for none.",
    form: "empty table",
    clause: "RFC 5280 §4.2.1.1",
    criticality: Some("never critical (RFC 5280 §4.2.1.1)"),
    checks: &["the issuing CA has a subjectKeyIdentifier", "`critical` is not written"],
    example: "[extensions]\nauthority_key_identifier = {}",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "authority_key_identifier", oid: oid::AUTHORITY_KEY_IDENTIFIER, read };

fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    never_critical(&table, "authorityKeyIdentifier", "RFC 5280 §4.2.1.1");
    table.finish();
    let bytes = Text::value(Variable::IssuerKeyIdentifier, vec![], context.vocabulary);
    // AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] IMPLICIT OCTET STRING, ... }
    let node = Node::sequence(vec![Node::text(0x80, bytes)]);
    Some(Recipe::new(oid::AUTHORITY_KEY_IDENTIFIER, false, node, value))
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    use crate::lint::testing::CaSpec;
    use crate::policy::testing::{batch, lines, passes};

    const KEY: &str = "extensions.authority_key_identifier";

    #[test]
    fn the_issuers_identifier_is_copied_or_the_policy_cannot_be_bound() {
        assert_eq!(value(&[(KEY, "{}")]), format!("30168014{}", "ca".repeat(20)));
        fails(&[(KEY, "{ critical = true }")], "never critical");
        fails(&[(KEY, "{ issuer = true }")], "unknown key");
        let policy = passes(&[(KEY, "{}")]);
        let issuer = CaSpec { key_identifier: None, ..CaSpec::default() }.issuer();
        let errors = policy.bind(&issuer, &batch(&policy, &[])).unwrap_err();
        assert!(lines(&errors)[0].starts_with("policy.issuer.key-identifier"), "{errors}");
        let without = passes(&[]);
        without.bind(&issuer, &batch(&without, &[])).unwrap();
    }
}
