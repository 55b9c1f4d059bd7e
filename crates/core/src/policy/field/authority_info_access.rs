//! `extensions.authority_info_access`: where the issuer's certificate and its revocation service are.

use crate::policy::error;
use crate::policy::node::Node;
use crate::toml::Value;
use crate::x509::oid;

use super::{Context, ExtensionField, Field, Recipe, general_name, never_critical, uri};

pub(super) const FIELD: Field = Field {
    path: "extensions.authority_info_access",
    meaning: "Where the issuer's certificate (`ca_issuers`) and its OCSP responder (`ocsp`) are.",
    form: "table: `ocsp`, `ca_issuers` (arrays of URLs with placeholders), at least one of them",
    clause: "RFC 5280 §4.2.2.1",
    criticality: Some("never critical (RFC 5280 §4.2.2.1)"),
    checks: &[
        "at least one URL",
        "`ocsp`: http or https; `ca_issuers`: http, https, ldap or ldaps",
        "`critical` is not written",
    ],
    example: "[extensions]\nauthority_info_access = { ca_issuers = [\"http://pki.example.com/ca.cer\"] }",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "authority_info_access", oid: oid::AUTHORITY_INFO_ACCESS, read };

fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let lists = [
        (table.optional("ocsp"), oid::AD_OCSP, &["http", "https"][..]),
        (table.optional("ca_issuers"), oid::AD_CA_ISSUERS, &["http", "https", "ldap", "ldaps"][..]),
    ];
    never_critical(&table, "authorityInfoAccess", "RFC 5280 §4.2.2.1");
    table.finish();
    if lists.iter().all(|(list, ..)| list.is_none()) {
        return value.error(error::EMPTY, format!("`{}` has neither `ocsp` nor `ca_issuers`", value.path));
    }
    let mut accesses = Some(Vec::new());
    for (list, method, schemes) in lists {
        let Some(list) = list else { continue };
        for member in list.filled_array("RFC 5280 §4.2.2.1")? {
            match (uri::uri(&member, context.vocabulary, schemes), &mut accesses) {
                (Some(text), Some(accesses)) => {
                    accesses.push(Node::sequence(vec![Node::oid(method), general_name::uri_element(text)]));
                }
                _ => accesses = None,
            }
        }
    }
    Some(Recipe::new(oid::AUTHORITY_INFO_ACCESS, false, Node::sequence(accesses?), value))
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    const KEY: &str = "extensions.authority_info_access";

    /// Encoding by Python cryptography.
    #[test]
    fn responder_and_issuer_are_encoded_as_others_encode_them() {
        let both = "{ ca_issuers = [\"http://pki.example.com/ca.cer\"], ocsp = [\"http://ocsp.example.com\"] }";
        let expected = "3050302306082b060105050730018617687474703a2f2f6f6373702e6578616d706c652e636f6d302906082b0601050507\
                        3002861d687474703a2f2f706b692e6578616d706c652e636f6d2f63612e636572";
        assert_eq!(value(&[(KEY, both)]), expected);
        fails(&[(KEY, "{}")], "neither");
        fails(&[(KEY, "{ ocsp = [] }")], "policy.value.empty");
        fails(&[(KEY, "{ ocsp = [\"ldap://a.example\"] }")], "scheme");
        fails(&[(KEY, "{ critical = false, ocsp = [\"http://a.example\"] }")], "never critical");
    }
}
