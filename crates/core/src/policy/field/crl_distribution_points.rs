//! `extensions.crl_distribution_points`: where the list of revoked certificates is.

use crate::policy::node::Node;
use crate::toml::Value;
use crate::x509::oid;

use super::{Context, ExtensionField, Field, Recipe, critical, general_name, uri};

pub(super) const FIELD: Field = Field {
    path: "extensions.crl_distribution_points",
    meaning: "Where the list of revoked certificates is: one distribution point, whose URLs all lead to the same list.",
    form: "table: `critical`, `urls` (array of URLs with placeholders)",
    clause: "RFC 5280 §4.2.1.13",
    criticality: Some("the policy's choice; RFC 5280 wants it non-critical"),
    checks: &["at least one URL, each http, https, ldap or ldaps with a fully qualified host"],
    example: "[extensions]\ncrl_distribution_points = { critical = false, urls = [\"http://pki.example.com/devices.crl\"] }",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "crl_distribution_points", oid: oid::CRL_DISTRIBUTION_POINTS, read };

fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let critical = critical(&table);
    let urls = table.required("urls");
    table.finish();
    let members = urls?.filled_array("RFC 5280 §4.2.1.13")?;
    let mut names = Some(Vec::new());
    for member in members {
        match (uri::uri(&member, context.vocabulary, &["http", "https", "ldap", "ldaps"]), &mut names) {
            (Some(text), Some(list)) => list.push(general_name::uri_element(text)),
            _ => names = None,
        }
    }
    // DistributionPoint { distributionPoint [0] { fullName [0] GeneralNames } }
    let full_name = Node::Element(0xA0, names?);
    let point = Node::sequence(vec![Node::Element(0xA0, vec![full_name])]);
    Some(Recipe::new(oid::CRL_DISTRIBUTION_POINTS, critical?, Node::sequence(vec![point]), value))
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    const KEY: &str = "extensions.crl_distribution_points";

    /// Encoding by Python cryptography.
    #[test]
    fn all_urls_lead_to_one_list() {
        let urls = "{ critical = false, urls = [\"http://pki.example.com/{uid|slice(0,4)}.crl\", \"ldap://ldap.example.com/cn=a\"] }";
        let expected = "30453043a041a03f861f687474703a2f2f706b692e6578616d706c652e636f6d2f303230392e63726c861c6c6461703a2f\
                        2f6c6461702e6578616d706c652e636f6d2f636e3d61";
        assert_eq!(value(&[(KEY, urls)]), expected);
        fails(&[(KEY, "{ critical = false, urls = [] }")], "policy.value.empty");
        fails(&[(KEY, "{ critical = false, urls = [\"ftp://pki.example.com/a\"] }")], "scheme");
        fails(&[(KEY, "{ critical = false, urls = [\"http://pki/a\"] }")], "fully qualified");
    }
}
