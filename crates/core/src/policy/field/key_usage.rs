//! `extensions.key_usage`: what the device's key is for.

use crate::policy::error;
use crate::policy::node::Node;
use crate::toml::Value;
use crate::x509::tlv::tag;
use crate::x509::{KeyUsage, oid};

use super::source::distinct;
use super::{Context, ExtensionField, Field, Recipe, critical};

pub(super) const FIELD: Field = Field {
    path: "extensions.key_usage",
    meaning: "What the device's key is for.",
    form: "table: `critical`, `bits` (array of `digitalSignature`, `nonRepudiation`, `keyEncipherment`, \
           `dataEncipherment`, `keyAgreement`, `encipherOnly`, `decipherOnly`)",
    clause: "RFC 5280 §4.2.1.3",
    criticality: Some("the policy's choice; RFC 5280 wants critical"),
    checks: &[
        "at least one bit, each once",
        "never keyCertSign or cRLSign",
        "elliptic curve keys: not keyEncipherment or dataEncipherment (RFC 8813 §3)",
        "Ed25519 keys: digitalSignature and nonRepudiation only (RFC 8410 §5, RFC 9295 §3)",
        "encipherOnly and decipherOnly only with keyAgreement, and not both (RFC 5280 §4.2.1.3)",
    ],
    example: "[extensions]\nkey_usage = { critical = true, bits = [\"digitalSignature\"] }",
};

pub(super) const EXTENSION: ExtensionField = ExtensionField { key: "key_usage", oid: oid::KEY_USAGE, read };

/// The bits by name, in the order of the standard; a CA's are not among them.
const BITS: [(&str, u16); 7] = [
    ("digitalSignature", KeyUsage::DIGITAL_SIGNATURE),
    ("nonRepudiation", KeyUsage::NON_REPUDIATION),
    ("keyEncipherment", KeyUsage::KEY_ENCIPHERMENT),
    ("dataEncipherment", KeyUsage::DATA_ENCIPHERMENT),
    ("keyAgreement", KeyUsage::KEY_AGREEMENT),
    ("encipherOnly", KeyUsage::ENCIPHER_ONLY),
    ("decipherOnly", KeyUsage::DECIPHER_ONLY),
];

fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let critical = critical(&table);
    let bits = table.required("bits");
    table.finish();
    let bits = bits?;
    let members = bits.filled_array("RFC 5280 §4.2.1.3: at least one bit")?;
    let usage = distinct(&members, |member| {
        if ["keyCertSign", "cRLSign"].contains(&member.string()?) {
            return member.error(
                error::NEVER_ALLOWED,
                format!("`{}` is a CA's right, which no device certificate may have", member.path),
            );
        }
        member.choice(&BITS)
    });
    let usage = KeyUsage(usage?.into_iter().fold(0, |all, bit| all | bit));
    let mut good = true;
    for key in context.source.map_or(&[][..], |source| &source.keys) {
        let allowed = key.usages();
        for (name, bit) in BITS {
            if usage.has(bit) && allowed & bit == 0 {
                good = false;
                let clause = if key.field_bytes().is_none() { "RFC 9295 §3" } else { "RFC 8813 §3" };
                let message =
                    format!("`{}` has {name}, which {key} keys of `source.keys` cannot do ({clause})", bits.path);
                let hint = format!("Drop {name}: keys of elliptic curves sign, and P-256 to P-521 agree on keys.");
                bits.error_hint::<()>(error::CONTRADICTION, message, hint);
            }
        }
    }
    let only = KeyUsage::ENCIPHER_ONLY | KeyUsage::DECIPHER_ONLY;
    if usage.0 & only != 0 && (!usage.has(KeyUsage::KEY_AGREEMENT) || usage.has(only)) {
        good = false;
        let message = format!(
            "`{}`: encipherOnly and decipherOnly mean something only beside keyAgreement, and one at a time (RFC 5280 §4.2.1.3)",
            bits.path
        );
        bits.error::<()>(error::CONTRADICTION, message);
    }
    good.then(|| Recipe::new(oid::KEY_USAGE, critical.unwrap_or_default(), Node::Bytes(encode(usage)), value))
        .filter(|_| critical.is_some())
}

/// The bits that a recipe of this extension sets.
pub(super) fn bits(recipe: &Recipe) -> Option<KeyUsage> {
    let Node::Bytes(bytes) = &recipe.value else { return None };
    let low = bytes.get(3)?.reverse_bits();
    let high = bytes.get(4).map_or(0, |byte| byte.reverse_bits());
    Some(KeyUsage(u16::from_le_bytes([low, high])))
}

/// A named bit list: no trailing zero bits (X.690 §11.2.2).
fn encode(usage: KeyUsage) -> Vec<u8> {
    let [low, high] = usage.0.to_le_bytes();
    let bytes = [low.reverse_bits(), high.reverse_bits()];
    let used = if bytes[1] == 0 { &bytes[..1] } else { &bytes[..] };
    let unused = u8::try_from(used[used.len() - 1].trailing_zeros()).expect("at most 8");
    crate::x509::tlv::element(tag::BIT_STRING, &[&[unused], used])
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{fails, value};

    const KEY: &str = "extensions.key_usage";

    fn bits(list: &str) -> String {
        format!("{{ critical = true, bits = [{list}] }}")
    }

    /// Encodings by Python cryptography.
    #[test]
    fn bits_are_encoded_as_others_encode_them() {
        for (list, expected) in [
            ("\"digitalSignature\"", "03020780"),
            ("\"nonRepudiation\", \"digitalSignature\"", "030206c0"),
            ("\"keyAgreement\", \"decipherOnly\"", "0303070880"),
            ("\"keyAgreement\", \"encipherOnly\"", "03020009"),
        ] {
            assert_eq!(value(&[(KEY, &bits(list))]), expected, "{list}");
        }
    }

    #[test]
    fn rights_of_a_ca_cannot_be_written() {
        fails(&[(KEY, &bits("\"keyCertSign\""))], "policy.right.never-allowed");
        fails(&[(KEY, &bits("\"digitalSignature\", \"cRLSign\""))], "policy.right.never-allowed");
        fails(&[(KEY, &bits(""))], "policy.value.empty");
        fails(&[(KEY, &bits("\"digitalSignature\", \"digitalSignature\""))], "policy.value.duplicate");
        fails(&[(KEY, &bits("\"digitalsignature\""))], "expected one of");
    }

    #[test]
    fn every_listed_key_must_be_able() {
        fails(&[(KEY, &bits("\"keyEncipherment\""))], "RFC 8813");
        let keys = ("source.keys", "[\"P-256\", \"Ed25519\"]");
        fails(&[keys, (KEY, &bits("\"keyAgreement\""))], "Ed25519");
        assert_eq!(value(&[keys, (KEY, &bits("\"digitalSignature\""))]), "03020780");
        fails(&[(KEY, &bits("\"digitalSignature\", \"encipherOnly\""))], "beside keyAgreement");
        fails(&[(KEY, &bits("\"keyAgreement\", \"encipherOnly\", \"decipherOnly\""))], "one at a time");
    }
}
