//! Object identifiers by the names that the standards give them.

use der::asn1::ObjectIdentifier;

use crate::x509::oid;

/// The extension's name in its standard.
pub(super) fn extension(kind: ObjectIdentifier) -> Option<&'static str> {
    Some(match kind {
        oid::AUTHORITY_INFO_ACCESS => "authorityInfoAccess",
        oid::AUTHORITY_KEY_IDENTIFIER => "authorityKeyIdentifier",
        oid::BASIC_CONSTRAINTS => "basicConstraints",
        oid::CERTIFICATE_POLICIES => "certificatePolicies",
        oid::CRL_DISTRIBUTION_POINTS => "cRLDistributionPoints",
        oid::EXTENDED_KEY_USAGE => "extKeyUsage",
        oid::KEY_USAGE => "keyUsage",
        oid::RELATED_CERTIFICATE => "relatedCertificate",
        oid::SUBJECT_ALT_NAME => "subjectAltName",
        oid::SUBJECT_KEY_IDENTIFIER => "subjectKeyIdentifier",
        _ => return None,
    })
}

/// The attribute type as policies write it, or its number.
pub(super) fn attribute(kind: ObjectIdentifier) -> String {
    let name = match kind {
        oid::COMMON_NAME => "CN",
        oid::COUNTRY_NAME => "C",
        oid::DN_QUALIFIER => "dnQualifier",
        oid::DOMAIN_COMPONENT => "DC",
        oid::EMAIL_ADDRESS => "emailAddress",
        oid::GIVEN_NAME => "givenName",
        oid::LOCALITY_NAME => "L",
        oid::MATTER_PRODUCT_ID => "matterProductId",
        oid::MATTER_VENDOR_ID => "matterVendorId",
        oid::NAME => "name",
        oid::ORGANIZATIONAL_UNIT_NAME => "OU",
        oid::ORGANIZATION_NAME => "O",
        oid::PSEUDONYM => "pseudonym",
        oid::SERIAL_NUMBER => "serialNumber",
        oid::STATE_OR_PROVINCE_NAME => "ST",
        oid::SURNAME => "surname",
        oid::TITLE => "title",
        oid::UNIQUE_IDENTIFIER => "uniqueIdentifier",
        oid::USER_ID => "UID",
        _ => return kind.to_string(),
    };
    name.to_owned()
}

/// A purpose, policy, qualifier, method or other name: its name, or its number.
pub(super) fn other(kind: ObjectIdentifier) -> String {
    let name = match kind {
        oid::AD_CA_ISSUERS => "caIssuers",
        oid::AD_OCSP => "ocsp",
        oid::ANY_POLICY => "anyPolicy",
        oid::KP_CLIENT_AUTH => "clientAuth",
        oid::KP_CODE_SIGNING => "codeSigning",
        oid::KP_EMAIL_PROTECTION => "emailProtection",
        oid::KP_SERVER_AUTH => "serverAuth",
        oid::KP_TIME_STAMPING => "timeStamping",
        oid::ON_HARDWARE_MODULE_NAME => "hardwareModuleName",
        oid::ON_PERMANENT_IDENTIFIER => "permanentIdentifier",
        oid::QT_CPS => "cps",
        oid::QT_USER_NOTICE => "userNotice",
        oid::SHA256 => "sha256",
        _ => return kind.to_string(),
    };
    name.to_owned()
}
