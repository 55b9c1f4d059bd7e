//! `extensions.subject_alt_name`: further names of the device.

use crate::policy::error;
use crate::policy::node::Node;
use crate::toml::Value;
use crate::x509::oid;

use super::{Context, ExtensionField, Field, Recipe, general_name};

pub(super) const FIELD: Field = Field {
    path: "extensions.subject_alt_name",
    meaning: "Further names of the device, in order, each a table with one key: `dns`, `uri`, `email` (texts with \
              placeholders), `ip` (an address), `directory_name` (as `certificate.subject`), `registered_id` (an object \
              identifier), `hardware_module_name = { type = OID, serial = BYTES }` (RFC 4108 §5), \
              `permanent_identifier = { value = TEXT, assigner = OID }`, both optional (RFC 4043 §2), \
              `other_name = { type = OID, value = TYPED }` (typed values: see `extensions.other`). BYTES are a text whose \
              characters are the bytes, or `{uid|bytes}` for the bytes behind hexadecimal.",
    form: "table: `critical`, `names` (array of tables)",
    clause: "RFC 5280 §4.2.1.6",
    criticality: Some(
        "true if the subject is empty, otherwise the policy's choice; RFC 5280 wants it non-critical then",
    ),
    checks: &[
        "at least one name",
        "every DNS name, URI and mail address is valid for every value that placeholders can have",
        "URIs are absolute; one with an authority has a fully qualified host",
        "`other_name` is not one of the forms with a key of its own",
    ],
    example: "[extensions]\nsubject_alt_name = { critical = false, names = [{ uri = \"urn:stsafe:{uid|lower}\" }] }",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "subject_alt_name", oid: oid::SUBJECT_ALT_NAME, read };

fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let critical = table.required("critical");
    let criticality = critical.as_ref().and_then(Value::boolean);
    let names = table.required("names");
    table.finish();
    let members = names?.filled_array("RFC 5280 §4.2.1.6: at least one name")?;
    let mut nodes = Some(Vec::new());
    for member in members {
        match (general_name::read(&member, context), &mut nodes) {
            (Some(node), Some(list)) => list.push(node),
            _ => nodes = None,
        }
    }
    let empty = context.subject.is_some_and(|subject| subject.types.is_empty());
    if empty && criticality == Some(false) {
        return critical?.error_hint(
            error::CRITICALITY,
            "`extensions.subject_alt_name.critical` is false, but the subject is empty (RFC 5280 §4.1.2.6 wants it critical then)",
            "Write critical = true.",
        );
    }
    Some(Recipe::new(oid::SUBJECT_ALT_NAME, criticality?, Node::sequence(nodes?), value))
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    const KEY: &str = "extensions.subject_alt_name";

    fn names(list: &str) -> String {
        format!("{{ critical = false, names = [{list}] }}")
    }

    /// Encodings by Python cryptography.
    #[test]
    fn names_are_encoded_as_others_encode_them() {
        let list = names(
            r#"{ dns = "d-{uid|lower}.devices.example.com" }, { uri = "urn:stsafe:{uid|lower}" },
               { email = "d.{product_id}@example.com" }, { ip = "192.0.2.7" }, { ip = "2001:db8::7" },
               { directory_name = [{ O = "Acme" }, { serialNumber = "{product_id}" }] },
               { registered_id = "1.3.6.1.4.1.32473.1" }"#,
        );
        let expected = "3081aa822c642d303230396230383436313539653433393532303133392e646576696365732e6578616d706c652e636f\
                        6d862175726e3a7374736166653a303230396230383436313539653433393532303133398112642e30313339406578616d\
                        706c652e636f6d8704c0000207871020010db8000000000000000000000007a420301e310d300b060355040a0c0441636d\
                        65310d300b060355040513043031333988092b0601040181fd5901";
        assert_eq!(value(&[(KEY, &list)]), expected);
        let list = names(
            r#"{ hardware_module_name = { type = "1.3.6.1.4.1.32473.1", serial = "{uid|bytes}" } },
               { permanent_identifier = { value = "{uid}", assigner = "1.3.6.1.4.1.32473.1" } },
               { other_name = { type = "1.3.6.1.4.1.311.20.2.3", value = { utf8 = "{product_id}@example.com" } } }"#,
        );
        let expected = "307da02606082b06010505070804a01a301806092b0601040181fd5901040b0209b0846159e439520139a03106082b0601\
                        0505070803a02530230c163032303942303834363135394534333935323031333906092b0601040181fd5901a020060a2b\
                        060104018237140203a0120c1030313339406578616d706c652e636f6d";
        assert_eq!(value(&[(KEY, &list)]), expected);
    }

    #[test]
    fn names_have_their_form_for_every_value() {
        let batch = ("params.site.pattern", "\"[a-z-]{1,4}\"");
        for (list, part) in [
            ("", "policy.value.empty"),
            ("{}", "names nothing"),
            (r#"{ dns = "a", uri = "urn:ab:c" }"#, "one form"),
            (r#"{ dns = "-a.example" }"#, "hyphen"),
            (r#"{ dns = "a..example" }"#, "empty"),
            (r#"{ dns = "a_b.example" }"#, "`_`"),
            (r#"{ dns = "*.example" }"#, "`*`"),
            (r#"{ dns = "{source.common_name}.example" }"#, "label can hold"),
            (r#"{ dns = "{spki.sha256}.example" }"#, "at most 63"),
            (r#"{ uri = "{uid}" }"#, "scheme"),
            (r#"{ uri = "/a" }"#, "scheme"),
            (r#"{ uri = "urn:x:{uid}" }"#, "namespace"),
            (r#"{ uri = "urn:stsafe:" }"#, "nothing follows"),
            (r#"{ uri = "https://a b.example" }"#, "space"),
            (r#"{ uri = "https://a.example/%4" }"#, "hexadecimal"),
            (r#"{ uri = "https://user@a.example/" }"#, "`@`"),
            (r#"{ uri = "https://a.example/#a#b" }"#, "more than one"),
            (r#"{ uri = "https:///x" }"#, "empty"),
            (r#"{ email = "a.example" }"#, "exactly one"),
            (r#"{ email = "a@b@c" }"#, "exactly one"),
            (r#"{ email = ".a@b.example" }"#, "empty piece"),
            (r#"{ ip = "192.0.2.300" }"#, "IPv4 or IPv6"),
            (r#"{ ip = "{uid}" }"#, "IPv4 or IPv6"),
            (r"{ directory_name = [] }", "empty name"),
            (r#"{ registered_id = "1" }"#, "policy.oid.invalid"),
            (r#"{ hardware_module_name = { type = "1.2.3", serial = "" } }"#, "policy.text.length"),
            (r#"{ hardware_module_name = { type = "1.2.3" } }"#, "no `serial`"),
            (r#"{ permanent_identifier = { assigner = "1.2.3" } }"#, "serialNumber"),
            (r#"{ other_name = { type = "1.3.6.1.5.5.7.8.4", value = { null = true } } }"#, "a form of its own"),
        ] {
            fails(&[(KEY, &names(list))], part);
        }
        fails(&[batch, (KEY, &names(r#"{ dns = "{site}.example" }"#))], "hyphen");
        value(&[(
            KEY,
            &names(
                r#"{ uri = "https://192.0.2.1:8443/{uid}" }, { uri = "https://[2001:db8::1]/" }, { dns = "a-{batch}.b" }"#,
            ),
        )]);
        let serial = ("certificate.subject", "[{ serialNumber = \"{uid}\" }]");
        value(&[serial, (KEY, &names(r#"{ permanent_identifier = { assigner = "1.2.3" } }"#))]);
    }

    #[test]
    fn an_empty_subject_wants_a_critical_name() {
        let empty = ("certificate.subject", "[]");
        let uri = r#"names = [{ uri = "urn:stsafe:{uid}" }]"#;
        fails(&[empty], "would name no subject");
        fails(&[empty, (KEY, &format!("{{ critical = false, {uri} }}"))], "policy.extension.criticality");
        value(&[empty, (KEY, &format!("{{ critical = true, {uri} }}"))]);
    }
}
