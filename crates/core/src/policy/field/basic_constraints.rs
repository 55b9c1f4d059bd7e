//! `extensions.basic_constraints`: says that the subject is not a CA.

use crate::policy::error;
use crate::policy::node::Node;
use crate::toml::Value;
use crate::x509::oid;

use super::{Context, ExtensionField, Field, Recipe, critical};

pub(super) const FIELD: Field = Field {
    path: "extensions.basic_constraints",
    meaning: "Says that the subject is not a CA: an empty BasicConstraints, cA FALSE by default. cA TRUE cannot be written.",
    form: "table: `critical`",
    clause: "RFC 5280 §4.2.1.9",
    criticality: Some("the policy's choice; critical is usual"),
    checks: &["neither `ca` nor `path_len` is written"],
    example: "[extensions]\nbasic_constraints = { critical = true }",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "basic_constraints", oid: oid::BASIC_CONSTRAINTS, read };

fn read(value: &Value<'_>, _: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let critical = critical(&table);
    for key in ["ca", "cA", "path_len"] {
        table.forbid(
            key,
            error::NEVER_ALLOWED,
            &format!("`extensions.basic_constraints.{key}` is written, but a device's certificate is never a CA's"),
            "Leave it away: an empty BasicConstraints says that the subject is not a CA.",
        );
    }
    table.finish();
    // DER leaves the default cA FALSE away (X.690 §11.5)
    Some(Recipe::new(oid::BASIC_CONSTRAINTS, critical?, Node::sequence(vec![]), value))
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    const KEY: &str = "extensions.basic_constraints";

    #[test]
    fn a_device_is_no_ca() {
        assert_eq!(value(&[(KEY, "{ critical = true }")]), "3000");
        fails(&[(KEY, "{ critical = true, ca = true }")], "policy.right.never-allowed");
        fails(&[(KEY, "{ critical = true, ca = false }")], "policy.right.never-allowed");
        fails(&[(KEY, "{ critical = true, path_len = 0 }")], "policy.right.never-allowed");
        fails(&[(KEY, "{}")], "has no `critical`");
    }
}
