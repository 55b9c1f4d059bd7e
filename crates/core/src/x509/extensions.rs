//! What extensions may say in a leaf and in a CA certificate (RFC 5280 §4.2): one set of rules for every path, whether
//! to ST's root, to the own root, to the manifest signer's or to a time-stamping authority's.
//!
//! Every extension this program knows must be of its type, also where nothing depends on its content; a critical one
//! that it does not process is refused (§4.2: "A certificate-using system MUST reject the certificate if it encounters
//! a critical extension it does not recognize or a critical extension that contains information that it cannot
//! process"). The values of unknown, uncritical extensions are not looked at.
//!
//! Of the certificate policies nothing can depend: every policy is acceptable (§6.1.1 (c), any-policy), none is
//! required, and a CA that would require one (policyConstraints, inhibitAnyPolicy, critical policyMappings) is refused.
//! That is why a critical certificatePolicies counts as processed.

use super::certificate::{BasicConstraints, Certificate, CertificateError, Extension, KeyUsage};
use super::name::Name;
use super::oid::{self, ObjectIdentifier};
use super::tlv::{DerError, Reader, check_der, element, tag};

/// Which end of a signature a certificate is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Issues certificates: trust anchor or intermediate.
    Ca,
    /// The chip's certificate.
    Leaf,
}

/// Where a CA certificate is in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the trust anchor, named by a person.
    Anchor,
    /// It is below the anchor and is believed because of its issuer's signature.
    Below,
}

/// The purposes for which the certificates at the end of a path are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purposes<'a> {
    /// They name none and so are good for each.
    Any,
    /// These, and no others.
    Of(&'a [ObjectIdentifier]),
}

/// Checks every extension of a certificate in this role.
///
/// # Errors
/// The first extension that is malformed, that may not be there, or that must be processed and is not.
pub fn check_extensions(certificate: &Certificate, role: Role) -> Result<(), ExtensionError> {
    certificate.extensions().iter().try_for_each(|extension| check_one(certificate, extension, role))
}

/// Checks a CA certificate for itself: that it is a CA's, that it may sign certificates, every extension. Returns
/// pathLenConstraint.
///
/// A certificate of version 1 or 2 cannot say that it is a CA's. RFC 5280 §6.1.4 (k) lets "out-of-band means" decide: a
/// person who names it as an anchor. Below an anchor it is refused.
///
/// # Errors
/// The first of these that does not hold.
pub fn check_ca(certificate: &Certificate, place: Place) -> Result<Option<u32>, ExtensionError> {
    let path_len = match certificate.basic_constraints()? {
        Some(BasicConstraints { ca: true, path_len }) => path_len,
        None if certificate.version() < 3 && place == Place::Anchor => None,
        None if certificate.version() < 3 => return Err(ExtensionError::Version { version: certificate.version() }),
        _ => return Err(ExtensionError::NotACa),
    };
    check_extensions(certificate, Role::Ca)?;
    Ok(path_len)
}

/// Checks that a CA's extendedKeyUsage, if it has one, leaves room for these purposes.
///
/// RFC 5280 §4.2.1.12 says nothing of CA certificates. Relying parties (OpenSSL, GnuTLS, Go, Windows) take the
/// extension in a CA certificate for a limit to everything below: a purpose that a CA lacks is refused in the leaf.
///
/// # Errors
/// A purpose is not among the CA's, or the certificates below name no purpose and so claim all.
pub fn check_purposes(ca: &Certificate, purposes: Purposes<'_>) -> Result<(), ExtensionError> {
    let Some(allowed) = ca.extended_key_usage()? else { return Ok(()) };
    if allowed.contains(&oid::ANY_EXTENDED_KEY_USAGE) {
        return Ok(());
    }
    let names = || allowed.iter().map(|purpose| oid::shown(*purpose)).collect::<Vec<_>>().join(", ");
    match purposes {
        Purposes::Any => Err(ExtensionError::PurposeAny { allowed: names() }),
        Purposes::Of(wanted) => match wanted.iter().find(|purpose| !allowed.contains(purpose)) {
            None => Ok(()),
            Some(purpose) => Err(ExtensionError::Purpose { purpose: oid::shown(*purpose), allowed: names() }),
        },
    }
}

fn check_one(certificate: &Certificate, extension: &Extension, role: Role) -> Result<(), ExtensionError> {
    let value = &extension.value;
    let malformed =
        |what: &'static str, error: &DerError| ExtensionError::Malformed { what, reason: error.to_string() };
    match extension.oid {
        oid::BASIC_CONSTRAINTS => check_basic_constraints(certificate, role),
        oid::KEY_USAGE => check_key_usage(certificate, role),
        oid::EXTENDED_KEY_USAGE => match certificate.extended_key_usage() {
            Ok(_) => Ok(()),
            Err(error) => Err(ExtensionError::Malformed { what: "extKeyUsage", reason: error.to_string() }),
        },
        oid::SUBJECT_ALT_NAME => general_names(value).map_err(|error| malformed("subjectAltName", &error)),
        oid::CERTIFICATE_POLICIES => policies(value).map_err(|error| malformed("certificatePolicies", &error)),
        oid::SUBJECT_KEY_IDENTIFIER => {
            never_critical(extension, "subjectKeyIdentifier", "§4.2.1.2")?;
            octet_string(value).map_err(|error| malformed("subjectKeyIdentifier", &error))
        }
        oid::AUTHORITY_KEY_IDENTIFIER => {
            never_critical(extension, "authorityKeyIdentifier", "§4.2.1.1")?;
            authority_key_identifier(value).map_err(|error| malformed("authorityKeyIdentifier", &error))
        }
        oid::ISSUER_ALT_NAME => {
            known_but_not_processed(extension)?;
            general_names(value).map_err(|error| malformed("issuerAltName", &error))
        }
        oid::CRL_DISTRIBUTION_POINTS => {
            known_but_not_processed(extension)?;
            distribution_points(value).map_err(|error| malformed("cRLDistributionPoints", &error))
        }
        oid::AUTHORITY_INFO_ACCESS => {
            never_critical(extension, "authorityInfoAccess", "§4.2.2.1")?;
            access_descriptions(value).map_err(|error| malformed("authorityInfoAccess", &error))
        }
        oid::SUBJECT_INFO_ACCESS => {
            never_critical(extension, "subjectInfoAccess", "§4.2.2.2")?;
            access_descriptions(value).map_err(|error| malformed("subjectInfoAccess", &error))
        }
        oid::FRESHEST_CRL => {
            never_critical(extension, "freshestCRL", "§4.2.1.15")?;
            distribution_points(value).map_err(|error| malformed("freshestCRL", &error))
        }
        oid::SUBJECT_DIRECTORY_ATTRIBUTES => {
            never_critical(extension, "subjectDirectoryAttributes", "§4.2.1.8")?;
            one_sequence(value).map_err(|error| malformed("subjectDirectoryAttributes", &error))
        }
        oid::POLICY_MAPPINGS => {
            known_but_not_processed(extension)?;
            one_sequence(value).map_err(|error| malformed("policyMappings", &error))
        }
        oid::NAME_CONSTRAINTS => constraint(extension, "nameConstraints", "§4.2.1.10"),
        oid::POLICY_CONSTRAINTS => constraint(extension, "policyConstraints", "§4.2.1.11"),
        oid::INHIBIT_ANY_POLICY => constraint(extension, "inhibitAnyPolicy", "§4.2.1.14"),
        _ => known_but_not_processed(extension),
    }
}

fn check_basic_constraints(certificate: &Certificate, role: Role) -> Result<(), ExtensionError> {
    let Some(constraints) = certificate.basic_constraints()? else { return Ok(()) };
    match role {
        Role::Leaf if constraints.ca => Err(ExtensionError::CaTrue),
        // "CAs MUST NOT include the pathLenConstraint field unless the cA boolean is asserted"
        Role::Leaf if constraints.path_len.is_some() => Err(ExtensionError::PathLength),
        _ => Ok(()),
    }
}

fn check_key_usage(certificate: &Certificate, role: Role) -> Result<(), ExtensionError> {
    let Some(usage) = certificate.key_usage()? else { return Ok(()) };
    match (role, usage.has(KeyUsage::KEY_CERT_SIGN)) {
        // "If the keyCertSign bit is asserted, then the cA bit in the basic constraints extension MUST also be
        // asserted"
        (Role::Leaf, true) => Err(ExtensionError::LeafSignsCertificates),
        (Role::Ca, false) => Err(ExtensionError::NoKeyCertSign),
        _ => Ok(()),
    }
}

fn never_critical(extension: &Extension, name: &'static str, clause: &'static str) -> Result<(), ExtensionError> {
    if extension.critical { Err(ExtensionError::Critical { name, clause }) } else { Ok(()) }
}

fn known_but_not_processed(extension: &Extension) -> Result<(), ExtensionError> {
    if extension.critical { Err(ExtensionError::UnknownCritical { extension: extension.oid }) } else { Ok(()) }
}

/// Constraints on the certificates below: always critical by the standard, never processed here.
fn constraint(extension: &Extension, name: &'static str, clause: &'static str) -> Result<(), ExtensionError> {
    if extension.critical {
        return Err(ExtensionError::Constraint { name, clause });
    }
    Err(ExtensionError::NotCritical { name, clause })
}

/// What an extension of a certificate must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// A leaf says that it is a CA's certificate.
    #[error("basicConstraints says cA TRUE, expected a leaf (RFC 5280 §4.2.1.9)")]
    CaTrue,
    /// basicConstraints, keyUsage or extKeyUsage cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A constraint on the certificates below.
    #[error("extension {name} is present, which this program does not process (RFC 5280 {clause})")]
    Constraint {
        /// Extension found.
        name: &'static str,
        /// The section that defines it.
        clause: &'static str,
    },
    /// An extension is critical that must not be.
    #[error("extension {name} is critical, which RFC 5280 {clause} forbids")]
    Critical {
        /// Extension found.
        name: &'static str,
        /// The section that forbids it.
        clause: &'static str,
    },
    /// A leaf may sign certificates.
    #[error("keyUsage of a leaf has keyCertSign (RFC 5280 §4.2.1.3)")]
    LeafSignsCertificates,
    /// An extension is not of its type.
    #[error("extension {what} is malformed: {reason}")]
    Malformed {
        /// Extension found.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A CA may not sign certificates.
    #[error("keyUsage of a CA lacks keyCertSign (RFC 5280 §6.1.4 (n))")]
    NoKeyCertSign,
    /// No CA certificate.
    #[error("is not a CA certificate: basicConstraints cA is not TRUE (RFC 5280 §4.2.1.9)")]
    NotACa,
    /// A constraint on the certificates below is not critical.
    #[error("extension {name} is not critical, as RFC 5280 {clause} demands")]
    NotCritical {
        /// Extension found.
        name: &'static str,
        /// The section that demands it.
        clause: &'static str,
    },
    /// pathLenConstraint in a leaf.
    #[error("pathLenConstraint stands in a certificate that is no CA's (RFC 5280 §4.2.1.9)")]
    PathLength,
    /// The CA's extendedKeyUsage lacks a purpose.
    #[error(
        "extendedKeyUsage of the CA allows {allowed} and not {purpose}: relying parties refuse that purpose in what the \
         CA issues (RFC 5280 §4.2.1.12)"
    )]
    Purpose {
        /// The purpose that is wanted.
        purpose: String,
        /// The purposes found.
        allowed: String,
    },
    /// The CA's extendedKeyUsage limits certificates that name no purpose.
    #[error(
        "extendedKeyUsage of the CA allows {allowed}, and the certificates below name no purpose: relying parties refuse \
         every other purpose (RFC 5280 §4.2.1.12)"
    )]
    PurposeAny {
        /// The purposes found.
        allowed: String,
    },
    /// A critical extension that is not processed.
    #[error("extension {} is critical and not processed by this program (RFC 5280 §4.2)", oid::shown(*.extension))]
    UnknownCritical {
        /// Extension found.
        extension: ObjectIdentifier,
    },
    /// A certificate that cannot say that it is a CA's.
    #[error("is of version {version}, which cannot say that it is a CA's (RFC 5280 §6.1.4 (k))")]
    Version {
        /// Version found.
        version: u8,
    },
}

fn octet_string(value: &[u8]) -> Result<(), DerError> {
    let mut reader = Reader::new(value);
    reader.expect(tag::OCTET_STRING, "key identifier")?;
    reader.finish("key identifier")
}

/// A SEQUENCE of at least one element, DER throughout.
fn one_sequence(value: &[u8]) -> Result<(), DerError> {
    let mut reader = Reader::new(value);
    let sequence = reader.expect(tag::SEQUENCE, "value")?;
    reader.finish("value")?;
    if sequence.content.is_empty() {
        return Err(DerError::Truncated { what: "value" });
    }
    check_der(sequence.content, "value")
}

/// AuthorityKeyIdentifier (RFC 5280 §4.2.1.1): issuer and serial number both or neither.
fn authority_key_identifier(value: &[u8]) -> Result<(), DerError> {
    let mut reader = Reader::new(value);
    let sequence = reader.expect(tag::SEQUENCE, "value")?;
    reader.finish("value")?;
    let mut fields = Reader::new(sequence.content);
    fields.optional(0x80, "keyIdentifier")?;
    let issuer = fields.optional(0xA1, "authorityCertIssuer")?;
    let serial = fields.optional(0x82, "authorityCertSerialNumber")?;
    fields.finish("authorityCertSerialNumber")?;
    if let Some(issuer) = issuer {
        names(issuer.content)?;
    }
    if let Some(serial) = serial
        && matches!(serial.content, [] | [0, 0..=0x7F, ..] | [0xFF, 0x80..=0xFF, ..])
    {
        return Err(DerError::Form { what: "authorityCertSerialNumber" });
    }
    if issuer.is_some() == serial.is_some() { Ok(()) } else { Err(DerError::Form { what: "authorityKeyIdentifier" }) }
}

/// The members of a SEQUENCE OF SEQUENCE, of which there must be one at least.
fn each_member<'a>(
    value: &'a [u8],
    what: &'static str,
    mut check: impl FnMut(&mut Reader<'a>) -> Result<(), DerError>,
) -> Result<(), DerError> {
    one_sequence(value)?;
    let mut items = Reader::new(Reader::new(value).expect(tag::SEQUENCE, "value")?.content);
    while !items.is_empty() {
        let mut fields = Reader::new(items.expect(tag::SEQUENCE, what)?.content);
        check(&mut fields)?;
        fields.finish(what)?;
    }
    Ok(())
}

/// CertificatePolicies (RFC 5280 §4.2.1.4): no policy appears twice.
fn policies(value: &[u8]) -> Result<(), DerError> {
    let mut seen = Vec::new();
    each_member(value, "policy information", |fields| {
        let policy = fields.oid("policy identifier")?;
        if seen.contains(&policy) {
            return Err(DerError::Form { what: "list of policies" });
        }
        seen.push(policy);
        let Some(qualifiers) = fields.optional(tag::SEQUENCE, "policy qualifiers")? else { return Ok(()) };
        each_member(qualifiers.raw, "policy qualifier", |fields| {
            fields.oid("policy qualifier identifier")?;
            fields.element("policy qualifier").map(|_| ())
        })
    })
}

/// CRLDistributionPoints (RFC 5280 §4.2.1.13): each says where, or who signs the list.
fn distribution_points(value: &[u8]) -> Result<(), DerError> {
    const WHAT: &str = "distribution point";
    each_member(value, WHAT, |fields| {
        let place = fields.optional(0xA0, WHAT)?;
        let reasons = fields.optional(0x81, "reasons")?;
        let issuer = fields.optional(0xA2, "cRLIssuer")?;
        if let Some(place) = place {
            let mut choice = Reader::new(place.content);
            let full = choice.element(WHAT)?;
            choice.finish(WHAT)?;
            match full.tag {
                0xA0 => names(full.content)?,
                // nameRelativeToCRLIssuer: what a SET of attributes holds
                0xA1 => Name::from_der(&element(tag::SEQUENCE, &[&element(tag::SET, &[full.content])]))
                    .map(|_| ())
                    .map_err(|_| DerError::Form { what: WHAT })?,
                found => return Err(DerError::UnexpectedTag { what: WHAT, found, expected: 0xA0 }),
            }
        }
        if let Some(reasons) = reasons {
            check_der(&element(tag::BIT_STRING, &[reasons.content]), "reasons")?;
        }
        if let Some(issuer) = issuer {
            names(issuer.content)?;
        }
        if place.is_some() || issuer.is_some() { Ok(()) } else { Err(DerError::Truncated { what: WHAT }) }
    })
}

/// AuthorityInfoAccessSyntax and SubjectInfoAccessSyntax (RFC 5280 §4.2.2).
fn access_descriptions(value: &[u8]) -> Result<(), DerError> {
    each_member(value, "access description", |fields| {
        fields.oid("access method")?;
        general_name(fields)
    })
}

/// GeneralNames (RFC 5280 §4.2.1.6): at least one.
fn general_names(value: &[u8]) -> Result<(), DerError> {
    let mut reader = Reader::new(value);
    let sequence = reader.expect(tag::SEQUENCE, "general names")?;
    reader.finish("general names")?;
    names(sequence.content)
}

fn names(content: &[u8]) -> Result<(), DerError> {
    let mut reader = Reader::new(content);
    if reader.is_empty() {
        return Err(DerError::Truncated { what: "general names" });
    }
    while !reader.is_empty() {
        general_name(&mut reader)?;
    }
    Ok(())
}

/// GeneralName (RFC 5280 §4.2.1.6).
fn general_name(reader: &mut Reader<'_>) -> Result<(), DerError> {
    const WHAT: &str = "general name";
    let name = reader.element(WHAT)?;
    let good = match name.tag {
        // otherName
        0xA0 => {
            let mut fields = Reader::new(name.content);
            fields.oid("otherName type")?;
            let value = fields.expect(0xA0, "otherName value")?;
            fields.finish("otherName value")?;
            check_der(value.content, "otherName value")?;
            !value.content.is_empty()
        }
        // rfc822Name, dNSName, uniformResourceIdentifier: IA5String
        0x81 | 0x82 | 0x86 => !name.content.is_empty() && name.content.is_ascii(),
        // x400Address, ediPartyName
        0xA3 | 0xA5 => check_der(name.content, WHAT).is_ok(),
        // directoryName: explicit, because Name is a CHOICE
        0xA4 => Name::from_der(name.content).is_ok() && check_der(name.content, WHAT).is_ok(),
        // iPAddress
        0x87 => matches!(name.content.len(), 4 | 16),
        // registeredID
        0x88 => super::tlv::oid_from_content(name.content, WHAT).is_ok(),
        _ => false,
    };
    if good { Ok(()) } else { Err(DerError::Form { what: WHAT }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_names_have_their_types() {
        for good in [
            &[0x30, 3, 0x82, 1, b'a'][..],
            &[0x30, 6, 0x87, 4, 10, 0, 0, 1],
            &[0x30, 4, 0xA4, 2, 0x30, 0],
            &[0x30, 4, 0x88, 2, 0x2A, 3],
            &[0x30, 10, 0xA0, 8, 6, 2, 0x2A, 3, 0xA0, 2, 5, 0],
        ] {
            assert!(general_names(good).is_ok(), "{good:?}");
        }
        for bad in [
            &[0x30, 0][..],                // empty (SIZE (1..MAX))
            &[0x30, 2, 0x82, 0],           // empty dNSName
            &[0x30, 3, 0x82, 1, 0xE9],     // not IA5
            &[0x30, 5, 0x87, 3, 10, 0, 0], // three bytes of address
            &[0x30, 2, 0xA2, 0],           // constructed dNSName
            &[0x30, 17, 0xA4, 15, 0x30, 13, 0x31, 11, 0x30, 9, 6, 3, 0x55, 4, 3, 0x2C, 2, 0x0C, 0], // constructed CN
            &[0x30, 3, 0x89, 1, 0],        // no such choice
            &[0x30, 3, 0x82, 1, b'a', 0],  // bytes after the end
        ] {
            assert!(general_names(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_authority_key_identifier_names_issuer_and_serial_together() {
        assert!(authority_key_identifier(&[0x30, 3, 0x80, 1, 7]).is_ok());
        assert!(authority_key_identifier(&[0x30, 0]).is_ok());
        assert!(authority_key_identifier(&[0x30, 8, 0xA1, 3, 0x82, 1, b'a', 0x82, 1, 7]).is_ok());
        assert!(authority_key_identifier(&[0x30, 3, 0x82, 1, 7]).is_err());
        assert!(authority_key_identifier(&[0x30, 5, 0xA1, 3, 0x82, 1, b'a']).is_err());
        assert!(authority_key_identifier(&[4, 1, 7]).is_err());
    }

    #[test]
    fn a_policy_stands_once() {
        let policy = [0x30, 4, 6, 2, 0x2A, 3];
        assert!(policies(&[&[0x30, 6][..], &policy].concat()).is_ok());
        assert!(policies(&[&[0x30, 12][..], &policy, &policy].concat()).is_err());
        assert!(policies(&[0x30, 0]).is_err());
        let qualified = element(tag::SEQUENCE, &[&policy[2..], &[0x30, 8, 0x30, 6, 6, 2, 0x2A, 3, 0x0C, 0]]);
        assert!(policies(&element(tag::SEQUENCE, &[&qualified])).is_ok());
        let null = element(tag::SEQUENCE, &[&policy[2..], &[5, 0]]);
        assert!(policies(&element(tag::SEQUENCE, &[&null])).is_err());
    }

    #[test]
    fn distribution_points_and_access_descriptions_are_of_their_types() {
        let points = |point: &[u8]| distribution_points(&element(tag::SEQUENCE, &[&element(tag::SEQUENCE, &[point])]));
        let name = [0x86, 1, b'a'];
        let full = element(0xA0, &[&element(0xA0, &[&name])]);
        let relative = element(0xA0, &[&element(0xA1, &[&[0x30, 7, 6, 3, 0x55, 4, 3, 0x0C, 0]])]);
        for good in [full.clone(), relative, element(0xA2, &[&name]), [&full[..], &[0x81, 2, 1, 6]].concat()] {
            assert_eq!(points(&good), Ok(()), "{good:02x?}");
        }
        for bad in [
            vec![],                                                         // says nothing
            vec![0x81, 2, 1, 6],           // "MUST NOT consist of only the reasons field"
            [&full[..], &[5, 0]].concat(), // an element after the last
            element(0xA0, &[&name]),       // a GeneralName where GeneralNames stand
            element(0xA0, &[&element(0xA0, &[&name]), &[5, 0]]), // two in one choice
            element(0xA0, &[&element(0xA0, &[&[0xA6, 3, 0x16, 1, b'a']])]), // constructed URI
            [&full[..], &[0x81, 2, 1, 7]].concat(), // unused bit set
        ] {
            assert!(points(&bad).is_err(), "{bad:02x?}");
        }
        let access =
            |member: &[u8]| access_descriptions(&element(tag::SEQUENCE, &[&element(tag::SEQUENCE, &[member])]));
        let method = [6, 2, 0x2A, 3];
        assert!(access(&[&method[..], &name].concat()).is_ok());
        assert!(access(&method).is_err());
        assert!(access(&[&method[..], &name, &[5, 0]].concat()).is_err());
        assert!(access(&[&method[..], &[0xA6, 0]].concat()).is_err());
    }
}
