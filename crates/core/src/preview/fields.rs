//! The fields of a certificate in the order of its encoding, as people read them.

use std::cmp::Ordering;

use crate::cert::{IssuerIdentity, ObjectTemplate, SerialRule};
use crate::crypto::sha256;
use crate::policy::Policy;
use crate::x509::{Attribute, Name, Time};

use super::place::{self, Decided};
use super::{asn1, extension, names};

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownField {
    /// The standard's name: `subject`, `keyUsage`; an object identifier where there is none.
    pub name: String,
    /// For extensions: extnID.
    pub oid: Option<der::asn1::ObjectIdentifier>,
    /// For extensions: critical.
    pub critical: bool,
    /// The value, one line for each of its parts; safe to print.
    pub value: Vec<String>,
    /// Who decides it.
    pub decided: Decided,
}

/// The fields of a template under an issuer.
pub(crate) fn of(policy: &Policy, issuer: &IssuerIdentity, template: &ObjectTemplate) -> Vec<ShownField> {
    let by = |path: &str| place::of(policy, path).map_or(Decided::Elsewhere("a line of the policy"), Decided::Policy);
    let field = |name: &str, value: Vec<String>, decided| ShownField {
        name: name.to_owned(),
        oid: None,
        critical: false,
        value,
        decided,
    };
    let serial = match &template.serial {
        SerialRule::Derived => "16 bytes, derived from the seed of the batch and from the leaf".to_owned(),
        SerialRule::Source(serial) => format!("{}, the source leaf's own", hex::encode_upper(serial.content())),
    };
    let (begin, end) = (template.validity.not_before(), template.validity.not_after());
    let issuers_end = issuer.validity().not_after();
    let beside_issuer = match end.cmp(&issuers_end) {
        Ordering::Less => String::new(),
        Ordering::Equal => "; the issuing CA's own end".to_owned(),
        Ordering::Greater => format!("; beyond the issuing CA's own end {issuers_end}"),
    };
    let spki = vec![
        format!("{}, byte for byte as in the source leaf", template.spki.algorithm()),
        format!("sha256 {}", sha256(template.spki.der())),
    ];
    let mut fields = vec![
        field("version", vec!["3".to_owned()], Decided::Elsewhere("always")),
        field("serialNumber", vec![serial], by("certificate.serial")),
        field("signature", vec![template.signature.to_string()], by("certificate.signature")),
        field("issuer", name(issuer.subject()), Decided::Elsewhere("the issuing CA's subject, byte for byte")),
        field("notBefore", vec![time(begin)], by("certificate.not_before")),
        field("notAfter", vec![time(end) + &beside_issuer], by("certificate.not_after")),
        field("subject", name(&template.subject), by("certificate.subject")),
        field("subjectPublicKeyInfo", spki, Decided::Elsewhere("the source leaf")),
    ];
    // the policy's extensions come in the order of the template's
    let places = policy.places();
    let mut paths = places.iter().map(|(path, _)| path.as_str()).filter(|path| path.starts_with("extensions."));
    for extension in &template.extensions {
        fields.push(ShownField {
            name: names::extension(extension.oid).map_or_else(|| extension.oid.to_string(), str::to_owned),
            oid: Some(extension.oid),
            critical: extension.critical,
            value: extension::lines(extension),
            decided: by(paths.next().unwrap_or_default()),
        });
    }
    fields
}

/// A name, one RDN a line, each value with its string type.
pub(super) fn name(name: &Name) -> Vec<String> {
    let attribute = |attribute: &Attribute<'_>| {
        let value = match attribute.text() {
            Some(text) => format!("{} ({})", asn1::quote(text.as_bytes()), asn1::type_name(attribute.tag)),
            None => format!("{} {}", asn1::type_name(attribute.tag), hex::encode(attribute.value)),
        };
        format!("{} = {value}", names::attribute(attribute.kind))
    };
    let rdns = name.rdns();
    if rdns.is_empty() {
        return vec!["empty".to_owned()];
    }
    rdns.iter().map(|rdn| rdn.iter().map(attribute).collect::<Vec<_>>().join(" + ")).collect()
}

/// A time with the form that its year demands (RFC 5280 §4.1.2.5).
fn time(time: Time) -> String {
    let form = if time.to_der()[0] == crate::x509::tlv::tag::UTC_TIME { "UTCTime" } else { "GeneralizedTime" };
    let never = if time == Time::NEVER { ", which says that it never ends" } else { "" };
    format!("{time} ({form}){never}")
}
