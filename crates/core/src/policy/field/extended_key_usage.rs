//! `extensions.extended_key_usage`: the purposes of the device's key.

use der::asn1::ObjectIdentifier;

use crate::policy::error::{self, Mistakes};
use crate::policy::node::Node;
use crate::text::{Printable, did_you_mean};
use crate::toml::Value;
use crate::x509::tlv::Reader;
use crate::x509::{KeyUsage, oid};

use super::source::distinct;
use super::{Context, ExtensionField, Field, Recipe, critical, key_usage, oid_text};

pub(super) const FIELD: Field = Field {
    path: "extensions.extended_key_usage",
    meaning: "The purposes for which the device's key may be used.",
    form: "table: `critical`, `purposes` (array of `serverAuth`, `clientAuth`, `codeSigning`, `emailProtection`, \
           `timeStamping` or object identifiers)",
    clause: "RFC 5280 §4.2.1.12",
    criticality: Some("the policy's choice"),
    checks: &[
        "at least one purpose, each once",
        "never documentSigning (id-kp-documentSigning is what the manifest signer is known by)",
        "never anyExtendedKeyUsage: it includes documentSigning, and every purpose that is refused here",
        "never OCSPSigning, cmcCA or cmcRA: rights that a CA delegates (RFC 6960 §4.2.2.2, RFC 6402 §2.10)",
        "consistent with `key_usage` (RFC 5280 §4.2.1.12)",
        "among the purposes of every CA of the issuer's path that has extendedKeyUsage: relying parties demand it",
    ],
    example: "[extensions]\nextended_key_usage = { critical = false, purposes = [\"clientAuth\"] }",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "extended_key_usage", oid: oid::EXTENDED_KEY_USAGE, read };

const PURPOSES: [(&str, ObjectIdentifier); 5] = [
    ("serverAuth", oid::KP_SERVER_AUTH),
    ("clientAuth", oid::KP_CLIENT_AUTH),
    ("codeSigning", oid::KP_CODE_SIGNING),
    ("emailProtection", oid::KP_EMAIL_PROTECTION),
    ("timeStamping", oid::KP_TIME_STAMPING),
];

/// Purposes that no device has, with the reason.
pub(super) const FORBIDDEN: [(&str, ObjectIdentifier, &str); 5] = [
    (
        "documentSigning",
        oid::KP_DOCUMENT_SIGNING,
        "it is what the manifest signer is known by: a device could sign manifests",
    ),
    (
        "anyExtendedKeyUsage",
        oid::ANY_EXTENDED_KEY_USAGE,
        "it includes documentSigning and every other purpose a CA delegates",
    ),
    (
        "OCSPSigning",
        oid::KP_OCSP_SIGNING,
        "the device could answer for the CA which certificates are revoked (RFC 6960 §4.2.2.2)",
    ),
    ("cmcCA", oid::KP_CMC_CA, "it is a CA's right (RFC 6402 §2.10)"),
    ("cmcRA", oid::KP_CMC_RA, "it is a registration authority's right (RFC 6402 §2.10)"),
];

fn read(value: &Value<'_>, _: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let critical = critical(&table);
    let purposes = table.required("purposes");
    table.finish();
    let members = purposes?.filled_array("RFC 5280 §4.2.1.12: at least one purpose")?;
    let purposes = distinct(&members, purpose)?;
    let node = Node::sequence(purposes.into_iter().map(Node::oid).collect());
    Some(Recipe::new(oid::EXTENDED_KEY_USAGE, critical?, node, value))
}

fn purpose(value: &Value<'_>) -> Option<ObjectIdentifier> {
    let text = value.string()?;
    if let Some((_, oid)) = PURPOSES.iter().find(|(name, _)| *name == text) {
        return Some(*oid);
    }
    let oid = oid_text::parse(text);
    if let Some((name, _, reason)) =
        FORBIDDEN.iter().find(|(name, forbidden, _)| *name == text || oid == Some(*forbidden))
    {
        let message = format!("`{}` is {name}, a purpose that no device certificate may have: {reason}", value.path);
        return value.error(error::NEVER_ALLOWED, message);
    }
    if oid.is_some() {
        return oid;
    }
    let message =
        format!("`{}` is \"{}\", expected a purpose or an object identifier", value.path, Printable::new(text));
    let hint = did_you_mean(text, PURPOSES.iter().map(|(name, _)| *name))
        .unwrap_or_else(|| format!("Purposes are {}.", PURPOSES.map(|(name, _)| name).join(", ")));
    value.error_hint(error::VALUE, message, hint)
}

/// The purposes that a recipe of this extension writes; the same for every leaf.
pub(in crate::policy) fn purposes(recipe: &Recipe) -> Vec<ObjectIdentifier> {
    let Node::Element(_, members) = &recipe.value else { return vec![] };
    let oid = |member: &Node| match member {
        Node::Bytes(der) => Reader::new(der).oid("purpose").ok(),
        _ => None,
    };
    members.iter().filter_map(oid).collect()
}

/// Checks that every purpose can be served by the bits of `key_usage`: RFC 5280 §4.2.1.12, "the certificate MUST only
/// be used for a purpose consistent with both extensions".
pub(super) fn check_against_key_usage(recipes: &[Recipe], errors: &Mistakes) {
    let by_oid = |oid| recipes.iter().find(|recipe| recipe.oid == oid);
    let (Some(usage), Some(purposes)) =
        (by_oid(oid::KEY_USAGE).and_then(key_usage::bits), by_oid(oid::EXTENDED_KEY_USAGE))
    else {
        return;
    };
    let Node::Element(_, members) = &purposes.value else { return };
    let signs = KeyUsage::DIGITAL_SIGNATURE;
    let agrees = KeyUsage::KEY_AGREEMENT;
    let serving = [
        ("serverAuth", signs | KeyUsage::KEY_ENCIPHERMENT | agrees),
        ("clientAuth", signs | agrees),
        ("codeSigning", signs),
        ("emailProtection", signs | KeyUsage::NON_REPUDIATION | KeyUsage::KEY_ENCIPHERMENT | agrees),
        ("timeStamping", signs | KeyUsage::NON_REPUDIATION),
    ];
    for (name, bits) in serving {
        let oid = PURPOSES.iter().find(|(known, _)| *known == name).expect("the same names").1;
        if members.contains(&Node::oid(oid)) && usage.0 & bits == 0 {
            let message = format!(
                "`{}` has {name}, which no bit of `extensions.key_usage` serves (RFC 5280 §4.2.1.12)",
                purposes.path
            );
            errors.push::<()>(error::CONTRADICTION, purposes.span.clone(), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    const KEY: &str = "extensions.extended_key_usage";

    fn purposes(list: &str) -> String {
        format!("{{ critical = false, purposes = [{list}] }}")
    }

    /// Encoding by Python cryptography.
    #[test]
    fn purposes_are_encoded_in_order() {
        let list = purposes("\"clientAuth\", \"serverAuth\", \"1.3.6.1.4.1.32473.9\"");
        let expected = "301f06082b0601050507030206082b0601050507030106092b0601040181fd5909";
        assert_eq!(value(&[(KEY, &list)]), expected);
    }

    #[test]
    fn delegated_rights_cannot_be_written_by_name_or_number() {
        for (name, oid, _) in super::FORBIDDEN {
            fails(&[(KEY, &purposes(&format!("\"{name}\"")))], "policy.right.never-allowed");
            fails(&[(KEY, &purposes(&format!("\"{oid}\"")))], "policy.right.never-allowed");
        }
        fails(&[(KEY, &purposes(""))], "policy.value.empty");
        fails(&[(KEY, &purposes("\"clientAuth\", \"1.3.6.1.5.5.7.3.2\""))], "policy.value.duplicate");
        fails(&[(KEY, &purposes("\"ClientAuth\""))], "policy.value.unknown");
        fails(&[(KEY, &purposes("\"01.3.6\""))], "policy.value.unknown");
    }

    #[test]
    fn key_usage_must_serve_every_purpose() {
        let usage = |bits| ("extensions.key_usage", bits);
        fails(
            &[(KEY, &purposes("\"codeSigning\"")), usage("{ critical = true, bits = [\"keyAgreement\"] }")],
            "no bit of `extensions.key_usage` serves",
        );
        value(&[(KEY, &purposes("\"clientAuth\"")), usage("{ critical = true, bits = [\"keyAgreement\"] }")]);
    }
}
