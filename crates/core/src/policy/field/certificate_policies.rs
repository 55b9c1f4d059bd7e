//! `extensions.certificate_policies`: under which rules the certificate was issued.

use crate::policy::error;
use crate::policy::node::Node;
use crate::policy::shape::CharSet;
use crate::policy::text::Text;
use crate::toml::Value;
use crate::x509::oid;
use crate::x509::tlv::tag;

use super::{Context, ExtensionField, Field, Recipe, critical, name, oid_text, uri};

pub(super) const FIELD: Field = Field {
    path: "extensions.certificate_policies",
    meaning: "Under which rules the certificate was issued.",
    form: "table: `critical`, `policies` (array of object identifiers, or of tables `id`, `cps` (a URI, optional), \
           `user_notice` (explicit text, optional))",
    clause: "RFC 5280 §4.2.1.4",
    criticality: Some("the policy's choice"),
    checks: &["at least one policy, each once", "`user_notice` has at most 200 characters", "`cps` is a URI"],
    example: "[extensions]\ncertificate_policies = { critical = false, policies = [\"1.3.6.1.4.1.32473.5.1\", \
              { id = \"1.3.6.1.4.1.32473.5.2\", cps = \"https://pki.example.com/cps\" }] }",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "certificate_policies", oid: oid::CERTIFICATE_POLICIES, read };

fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let critical = critical(&table);
    let policies = table.required("policies");
    table.finish();
    let members = policies?.filled_array("RFC 5280 §4.2.1.4: at least one policy")?;
    let mut seen = Vec::new();
    let mut nodes = Some(Vec::new());
    for member in members {
        let found = policy(&member, context).and_then(|(id, node)| {
            if seen.contains(&id) {
                let message = format!("`{}` names policy {id} again (RFC 5280 §4.2.1.4)", member.path);
                return member.error(error::DUPLICATE, message);
            }
            seen.push(id);
            Some(node)
        });
        match (found, &mut nodes) {
            (Some(node), Some(list)) => list.push(node),
            _ => nodes = None,
        }
    }
    Some(Recipe::new(oid::CERTIFICATE_POLICIES, critical?, Node::sequence(nodes?), value))
}

/// PolicyInformation ::= SEQUENCE { policyIdentifier, policyQualifiers SEQUENCE OF PolicyQualifierInfo OPTIONAL }
fn policy(value: &Value<'_>, context: &Context<'_>) -> Option<(der::asn1::ObjectIdentifier, Node)> {
    if value.as_str().is_some() {
        let id = oid_text::read(value)?;
        return Some((id, Node::sequence(vec![Node::oid(id)])));
    }
    let table = value.table()?;
    let id = table.required("id").and_then(|value| oid_text::read(&value));
    let mut qualifiers = Some(Vec::new());
    let mut add = |found: Option<Node>| match (&mut qualifiers, found) {
        (Some(list), Some(node)) => list.push(node),
        (qualifiers, _) => *qualifiers = None,
    };
    if let Some(value) = table.optional("cps") {
        add(uri::uri(&value, context.vocabulary, &[])
            .map(|text| Node::sequence(vec![Node::oid(oid::QT_CPS), Node::text(tag::IA5_STRING, text)])));
    }
    if let Some(value) = table.optional("user_notice") {
        add(Text::read(&value, context.vocabulary).and_then(|text| {
            // RFC 5280 §4.2.1.4: explicitText SIZE (1..200), UTF8String
            let fits = name::length(&value, text.shape(), 1, 200, "RFC 5280 §4.2.1.4")
                & name::all_within(&value, text.shape(), CharSet::ANY, "UTF8String");
            let notice = Node::sequence(vec![Node::text(tag::UTF8_STRING, text)]);
            fits.then(|| Node::sequence(vec![Node::oid(oid::QT_USER_NOTICE), notice]))
        }));
    }
    table.finish();
    let (id, qualifiers) = (id?, qualifiers?);
    let mut members = vec![Node::oid(id)];
    if !qualifiers.is_empty() {
        members.push(Node::sequence(qualifiers));
    }
    Some((id, Node::sequence(members)))
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    const KEY: &str = "extensions.certificate_policies";

    fn policies(list: &str) -> String {
        format!("{{ critical = false, policies = [{list}] }}")
    }

    /// Encoding by Python cryptography.
    #[test]
    fn qualifiers_are_encoded_as_others_encode_them() {
        let list = policies(
            "\"1.3.6.1.4.1.32473.5.1\", { id = \"1.3.6.1.4.1.32473.5.2\", cps = \"https://pki.example.com/cps\", user_notice = \"Chip {uid}\" }",
        );
        let expected = "3072300c060a2b0601040181fd5905013062060a2b0601040181fd5905023054302706082b06010505070201161b6874\
                        7470733a2f2f706b692e6578616d706c652e636f6d2f637073302906082b06010505070202301d0c1b43686970203032\
                        303942303834363135394534333935323031\
                        3339";
        assert_eq!(value(&[(KEY, &list)]), expected);
    }

    #[test]
    fn policies_are_distinct_and_notices_short() {
        fails(&[(KEY, &policies(""))], "policy.value.empty");
        fails(&[(KEY, &policies("\"1.2.3\", { id = \"1.2.3\" }"))], "policy.value.duplicate");
        fails(&[(KEY, &policies("\"1.2.x\""))], "policy.oid.invalid");
        fails(&[(KEY, &policies("{ id = \"1.2.3\", cps = \"pki.example.com\" }"))], "not always a URI");
        let notice =
            |length: usize| policies(&format!("{{ id = \"1.2.3\", user_notice = \"{}\" }}", "x".repeat(length)));
        value(&[(KEY, &notice(200))]);
        fails(&[(KEY, &notice(201))], "policy.text.length");
    }
}
