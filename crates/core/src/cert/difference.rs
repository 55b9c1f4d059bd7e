//! Where a certificate that another CA made is not what was asked for.

use der::asn1::ObjectIdentifier;

use crate::x509::{Certificate, Extension};

use super::ObjectTemplate;

/// A field in which a certificate differs from its template. The serial number is no such field: the CA chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// An extension that is missing, was added, or has another value or criticality.
    Extension(ObjectIdentifier),
    /// validity.notAfter
    NotAfter,
    /// validity.notBefore
    NotBefore,
    /// The algorithm of the signature.
    Signature,
    /// subject
    Subject,
}

/// Every field in which `certificate` differs from `template`, each once. The order of extensions does not count.
pub fn differences(template: &ObjectTemplate, certificate: &Certificate) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differs = |difference, same: bool| {
        if !same && !found.contains(&difference) {
            found.push(difference);
        }
    };
    let (wanted, validity) = (template.validity, certificate.validity());
    differs(Difference::Subject, *certificate.subject() == template.subject);
    differs(Difference::NotBefore, validity.not_before() == wanted.not_before());
    differs(Difference::NotAfter, validity.not_after() == wanted.not_after());
    differs(Difference::Signature, certificate.signature_algorithm() == template.signature);
    let count = |list: &[Extension], one: &Extension| list.iter().filter(|other| *other == one).count();
    for one in template.extensions.iter().chain(certificate.extensions()) {
        let same = count(&template.extensions, one) == 1 && count(certificate.extensions(), one) == 1;
        differs(Difference::Extension(one.oid), same);
    }
    found
}
