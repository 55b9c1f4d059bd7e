//! `certificate.subject`: the name of the device.

use std::ops::Range;

use der::asn1::ObjectIdentifier;

use crate::policy::node::Node;
use crate::policy::value::Vocabulary;
use crate::toml::Table;

use super::Field;
use super::name::{self, NameRecipe};

pub(super) const FIELD: Field = Field {
    path: "certificate.subject",
    meaning: "The subject's RDNs in order. One table is one RDN; several keys in a table make a multi-valued RDN, its \
              attributes in DER order. `[]` is the empty name. Attributes by name: C, CN, DC, GN, L, O, OU, SN, ST, UID, \
              dnQualifier, emailAddress, matterProductId, matterVendorId, name, pseudonym, serialNumber, title; as \
              UTF8String where X.520 leaves a choice. Others, or another string type, in the long form \
              `{ type = \"1.2.3\", value = \"...\", string = \"utf8\" }` (`utf8`, `printable`, `ia5`); an RDN of several \
              such attributes is an array of tables.",
    form: "array of tables (or of arrays of tables); values may have placeholders",
    clause: "RFC 5280 §4.1.2.6, X.520",
    criticality: None,
    checks: &[
        "X.520 bounds hold for every value that placeholders can have",
        "every value's characters belong to the string type (RFC 5280 §4.1.2.4)",
        "no value begins or ends with a space",
        "no attribute type twice in one RDN (X.501 §9.3)",
        "an empty subject needs a critical `subject_alt_name` (RFC 5280 §4.1.2.6)",
    ],
    example: "subject = [{ O = \"Acme SA\" }, { CN = \"{uid}\" }]",
};

/// The subject with its place.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Subject {
    pub(in crate::policy) node: Node,
    pub(in crate::policy) types: Vec<ObjectIdentifier>,
    pub(in crate::policy) span: Range<usize>,
}

pub(in crate::policy) fn read(table: &Table<'_>, vocabulary: &Vocabulary) -> Option<Subject> {
    let value = table.required("subject")?;
    let NameRecipe { node, types } = name::read(&value, vocabulary)?;
    Some(Subject { node, types, span: value.span.clone() })
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::fails;

    use crate::policy::testing::bind;
    use crate::policy::testing::{LEAF, passes, template, verified};
    use crate::verify::Family;

    const KEY: &str = "certificate.subject";

    /// Encoding by Python cryptography, which sorts the members of an RDN as DER wants it.
    #[test]
    fn a_name_is_encoded_as_others_encode_it() {
        let name = r#"[{ C = "FR" }, { DC = "example" }, { type = "O", value = "Acme", string = "printable" },
            [{ CN = "{uid}", serialNumber = "{product_id}" }, { type = "1.3.6.1.4.1.32473.2", value = "x", string = "utf8" }]]"#;
        let expected = "3073310b300906035504061302465231173015060a0992268993f22c64011916076578616d706c65310d300b060355040a\
                        130441636d65313c300b0603550405130430313339300e06092b0601040181fd59020c0178301d06035504030c16303230\
                        39423038343631353945343339353230313339";
        assert_eq!(hex::encode(template(&[(KEY, name)]).subject.der()), expected);
    }

    #[test]
    fn bounds_and_string_types_hold_for_every_value() {
        for (name, part) in [
            (r#"[{ CN = "{spki.sha256}x" }]"#, "policy.text.length"),
            (r#"[{ CN = "" }]"#, "policy.text.length"),
            (r#"[{ C = "FRA" }]"#, "policy.text.length"),
            (r#"[{ C = "fr" }]"#, "policy.text.characters"),
            (r#"[{ serialNumber = "a_b" }]"#, "policy.text.characters"),
            (r#"[{ serialNumber = "{source.common_name}" }]"#, "policy.text.characters"),
            (r#"[{ type = "CN", value = "a@b", string = "printable" }]"#, "policy.text.characters"),
            (r#"[{ CN = " a" }]"#, "space"),
            (r#"[{ CN = "a\nb" }]"#, "U+000A"),
            (r#"[{ matterVendorId = "fff1" }]"#, "policy.text.characters"),
            (r#"[{ type = "1.3.6.1.4.1.37244.2.1", value = "FFF", string = "utf8" }]"#, "policy.text.length"),
            (r#"[{ type = "serialNumber", value = "a", string = "utf8" }]"#, "expected PrintableString"),
            (r#"[{ type = "1.2.3", value = "a" }]"#, "no `string`"),
            (r#"[{ cn = "a" }]"#, "unknown attribute"),
            (r"[{}]", "no attribute"),
            (r"[[]]", "empty"),
            (r#"[[{ CN = "a" }, { CN = "b" }]]"#, "twice in one RDN"),
            (r#"[[{ CN = "a" }, { type = "2.5.4.3", value = "b", string = "utf8" }]]"#, "twice in one RDN"),
            (r#""CN=a""#, "policy.value.type"),
        ] {
            fails(&[(KEY, name)], part);
        }
        let long = format!("[{{ CN = \"{}\" }}]", "é".repeat(64));
        passes(&[(KEY, &long)]);
    }

    #[test]
    fn parameters_are_bounded_by_their_patterns() {
        let with = |pattern: &'static str, name: &'static str| [("params.lot.pattern", pattern), (KEY, name)];
        let policy = passes(&with("\"[A-Z]{1,42}\"", r#"[{ CN = "{uid}{lot}" }]"#));
        let template = bind(&policy, &[("lot", "AB")]).template(&verified(LEAF, Family::StsafeA)).unwrap();
        assert_eq!(template.subject.to_string(), "CN=0209B0846159E439520139AB");
        fails(&with("\"[A-Z]{1,43}\"", r#"[{ CN = "{uid}{lot}" }]"#), "23 to 65 characters");
        fails(&with("\"[A-Z_]{1,4}\"", r#"[{ serialNumber = "{lot}" }]"#), "`_`");
        fails(&with("\"[A-Z]{0,4}\"", r#"[{ CN = "{lot}" }]"#), "0 to 4");
        fails(&with("\"[A-Z ]{1,4}\"", r#"[{ CN = "{lot}" }]"#), "space");
        passes(&with("\"[A-Z]( ?[A-Z]){0,3}\"", r#"[{ CN = "{lot}" }]"#));
    }
}
