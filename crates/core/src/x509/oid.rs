//! Object identifiers, each with the document that assigns it.

pub use der::asn1::ObjectIdentifier;

/// The name that people know an identifier by, otherwise its numbers.
pub fn shown(oid: ObjectIdentifier) -> String {
    name(oid).map_or_else(|| oid.to_string(), str::to_owned)
}

/// The name that the document gives it which assigns it, if it is one of those that messages are about.
pub fn name(oid: ObjectIdentifier) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

/// Names as the documents write them that assign the identifiers: of what messages are about.
const NAMES: &[(ObjectIdentifier, &str)] = &[
    (SUBJECT_DIRECTORY_ATTRIBUTES, "subjectDirectoryAttributes"),
    (ISSUER_ALT_NAME, "issuerAltName"),
    (NAME_CONSTRAINTS, "nameConstraints"),
    (CRL_DISTRIBUTION_POINTS, "cRLDistributionPoints"),
    (CRL_NUMBER, "cRLNumber"),
    (CRL_REASON, "reasonCode"),
    (INVALIDITY_DATE, "invalidityDate"),
    (DELTA_CRL_INDICATOR, "deltaCRLIndicator"),
    (ISSUING_DISTRIBUTION_POINT, "issuingDistributionPoint"),
    (CERTIFICATE_ISSUER, "certificateIssuer"),
    (CERTIFICATE_POLICIES, "certificatePolicies"),
    (POLICY_MAPPINGS, "policyMappings"),
    (POLICY_CONSTRAINTS, "policyConstraints"),
    (INHIBIT_ANY_POLICY, "inhibitAnyPolicy"),
    (EXTENDED_KEY_USAGE, "extKeyUsage"),
    (ANY_EXTENDED_KEY_USAGE, "anyExtendedKeyUsage"),
    (KP_SERVER_AUTH, "serverAuth"),
    (KP_CLIENT_AUTH, "clientAuth"),
    (KP_CODE_SIGNING, "codeSigning"),
    (KP_EMAIL_PROTECTION, "emailProtection"),
    (KP_TIME_STAMPING, "timeStamping"),
    (KP_OCSP_SIGNING, "OCSPSigning"),
    (KP_DOCUMENT_SIGNING, "documentSigning"),
    (RSA_ENCRYPTION, "rsaEncryption"),
    (RSA_PSS, "id-RSASSA-PSS"),
    (DSA, "DSA"),
    (EC_PUBLIC_KEY, "id-ecPublicKey"),
    (ED25519, "Ed25519"),
    (ED448, "Ed448"),
    (SECP192R1, "secp192r1 (P-192)"),
    (SECP224R1, "secp224r1 (P-224)"),
    (SECP256R1, "secp256r1 (P-256)"),
    (SECP256K1, "secp256k1"),
    (SECP384R1, "secp384r1 (P-384)"),
    (SECP521R1, "secp521r1 (P-521)"),
    (BRAINPOOL_P256R1, "brainpoolP256r1"),
    (BRAINPOOL_P384R1, "brainpoolP384r1"),
    (BRAINPOOL_P512R1, "brainpoolP512r1"),
    (SM2, "SM2"),
    (ML_DSA_44, "ML-DSA-44"),
    (ML_DSA_65, "ML-DSA-65"),
    (ML_DSA_87, "ML-DSA-87"),
    (ECDSA_SHA1, "ecdsa-with-SHA1"),
    (ECDSA_SHA224, "ecdsa-with-SHA224"),
    (ECDSA_SHA256, "ecdsa-with-SHA256"),
    (ECDSA_SHA384, "ecdsa-with-SHA384"),
    (ECDSA_SHA512, "ecdsa-with-SHA512"),
    (ECDSA_SHA3_256, "ecdsa-with-SHA3-256"),
    (RSA_PKCS1_MD2, "md2WithRSAEncryption"),
    (RSA_PKCS1_MD5, "md5WithRSAEncryption"),
    (RSA_PKCS1_SHA1, "sha1WithRSAEncryption"),
    (RSA_SHA1_OIW, "sha1WithRSA"),
    (RSA_PKCS1_SHA224, "sha224WithRSAEncryption"),
    (RSA_PKCS1_SHA256, "sha256WithRSAEncryption"),
    (RSA_PKCS1_SHA384, "sha384WithRSAEncryption"),
    (RSA_PKCS1_SHA512, "sha512WithRSAEncryption"),
    (DSA_SHA1, "dsa-with-SHA1"),
    (DSA_SHA256, "dsa-with-SHA256"),
    (SHA1, "SHA-1"),
    (SHA224, "SHA-224"),
    (SHA256, "SHA-256"),
    (SHA384, "SHA-384"),
    (SHA512, "SHA-512"),
];

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($value);)*
    };
}

oids! {
    // --- public keys ---
    /// id-ecPublicKey, RFC 5480 §2.1.1
    EC_PUBLIC_KEY = "1.2.840.10045.2.1";
    /// secp256r1 (P-256, prime256v1), RFC 5480 §2.1.1.1
    SECP256R1 = "1.2.840.10045.3.1.7";
    /// secp384r1 (P-384), RFC 5480 §2.1.1.1
    SECP384R1 = "1.3.132.0.34";
    /// secp521r1 (P-521), RFC 5480 §2.1.1.1
    SECP521R1 = "1.3.132.0.35";
    /// brainpoolP256r1, RFC 5639 §4.1
    BRAINPOOL_P256R1 = "1.3.36.3.3.2.8.1.1.7";
    /// brainpoolP384r1, RFC 5639 §4.1
    BRAINPOOL_P384R1 = "1.3.36.3.3.2.8.1.1.11";
    /// id-Ed25519, RFC 8410 §3 (public key and signature)
    ED25519 = "1.3.101.112";
    /// id-Ed448, RFC 8410 §3 (public key and signature): to name it in messages
    ED448 = "1.3.101.113";
    /// id-dsa, RFC 3279 §2.3.2: to name it in messages
    DSA = "1.2.840.10040.4.1";
    /// secp192r1 (P-192), RFC 5480 §2.1.1.1: to name it in messages
    SECP192R1 = "1.2.840.10045.3.1.1";
    /// secp224r1 (P-224), RFC 5480 §2.1.1.1: to name it in messages
    SECP224R1 = "1.3.132.0.33";
    /// secp256k1, SEC 2 §2.4.1: to name it in messages
    SECP256K1 = "1.3.132.0.10";
    /// brainpoolP512r1, RFC 5639 §4.1: to name it in messages
    BRAINPOOL_P512R1 = "1.3.36.3.3.2.8.1.1.13";
    /// SM2, GM/T 0006: to name it in messages
    SM2 = "1.2.156.10197.1.301";
    /// id-ml-dsa-44, RFC 9881 §2: to name it in messages
    ML_DSA_44 = "2.16.840.1.101.3.4.3.17";
    /// id-ml-dsa-65, RFC 9881 §2: to name it in messages
    ML_DSA_65 = "2.16.840.1.101.3.4.3.18";
    /// id-ml-dsa-87, RFC 9881 §2: to name it in messages
    ML_DSA_87 = "2.16.840.1.101.3.4.3.19";
    /// rsaEncryption, RFC 8017 appendix C
    RSA_ENCRYPTION = "1.2.840.113549.1.1.1";

    // --- signatures ---
    /// ecdsa-with-SHA1, RFC 3279 §2.2.3
    ECDSA_SHA1 = "1.2.840.10045.4.1";
    /// ecdsa-with-SHA224, RFC 5758 §3.2: to name it in messages
    ECDSA_SHA224 = "1.2.840.10045.4.3.1";
    /// id-ecdsa-with-sha3-256, NIST CSOR: to name it in messages
    ECDSA_SHA3_256 = "2.16.840.1.101.3.4.3.10";
    /// md2WithRSAEncryption, RFC 3279 §2.2.1: to name it in messages
    RSA_PKCS1_MD2 = "1.2.840.113549.1.1.2";
    /// md5WithRSAEncryption, RFC 3279 §2.2.1: to name it in messages
    RSA_PKCS1_MD5 = "1.2.840.113549.1.1.4";
    /// sha1WithRSAEncryption, RFC 3279 §2.2.1: to name it in messages
    RSA_PKCS1_SHA1 = "1.2.840.113549.1.1.5";
    /// sha-1WithRSAEncryption, OIW 1.3.14.3.2.29, as old tools of Windows write it: to name it in messages
    RSA_SHA1_OIW = "1.3.14.3.2.29";
    /// sha224WithRSAEncryption, RFC 8017 appendix C: to name it in messages
    RSA_PKCS1_SHA224 = "1.2.840.113549.1.1.14";
    /// id-dsa-with-sha1, RFC 3279 §2.2.2: to name it in messages
    DSA_SHA1 = "1.2.840.10040.4.3";
    /// id-dsa-with-sha256, RFC 5758 §3.1: to name it in messages
    DSA_SHA256 = "2.16.840.1.101.3.4.3.2";
    /// id-sha1, RFC 4055 §2.1: the default of RSASSA-PSS-params
    SHA1 = "1.3.14.3.2.26";
    /// id-sha224, RFC 5754 §2: to name it in messages
    SHA224 = "2.16.840.1.101.3.4.2.4";
    /// ecdsa-with-SHA256, RFC 5758 §3.2
    ECDSA_SHA256 = "1.2.840.10045.4.3.2";
    /// ecdsa-with-SHA384, RFC 5758 §3.2
    ECDSA_SHA384 = "1.2.840.10045.4.3.3";
    /// ecdsa-with-SHA512, RFC 5758 §3.2
    ECDSA_SHA512 = "1.2.840.10045.4.3.4";
    /// sha256WithRSAEncryption, RFC 8017 appendix C
    RSA_PKCS1_SHA256 = "1.2.840.113549.1.1.11";
    /// sha384WithRSAEncryption, RFC 8017 appendix C
    RSA_PKCS1_SHA384 = "1.2.840.113549.1.1.12";
    /// sha512WithRSAEncryption, RFC 8017 appendix C
    RSA_PKCS1_SHA512 = "1.2.840.113549.1.1.13";
    /// id-RSASSA-PSS, RFC 4055 §3.1
    RSA_PSS = "1.2.840.113549.1.1.10";
    /// id-mgf1, RFC 8017 appendix C
    MGF1 = "1.2.840.113549.1.1.8";
    /// id-sha256, RFC 5754 §2
    SHA256 = "2.16.840.1.101.3.4.2.1";
    /// id-sha384, RFC 5754 §2
    SHA384 = "2.16.840.1.101.3.4.2.2";
    /// id-sha512, RFC 5754 §2
    SHA512 = "2.16.840.1.101.3.4.2.3";

    // --- message authentication ---
    /// id-PasswordBasedMac, RFC 9810 §5.1.3.1
    PASSWORD_BASED_MAC = "1.2.840.113533.7.66.13";
    /// id-hmacWithSHA256, RFC 8018 appendix C
    HMAC_SHA256 = "1.2.840.113549.2.9";
    /// id-hmacWithSHA1, RFC 8018 appendix C
    HMAC_SHA1_PKCS = "1.2.840.113549.2.7";
    /// HMAC-SHA1 of IPsec, RFC 2510 appendix B and RFC 4210 appendix D
    HMAC_SHA1 = "1.3.6.1.5.5.8.1.2";

    // --- name attributes ---
    /// id-at-commonName, RFC 5280 appendix A
    COMMON_NAME = "2.5.4.3";
    /// id-at-surname, RFC 5280 appendix A
    SURNAME = "2.5.4.4";
    /// id-at-serialNumber (the subject attribute, X520SerialNumber), RFC 5280 appendix A
    SERIAL_NUMBER = "2.5.4.5";
    /// id-at-countryName, RFC 5280 appendix A
    COUNTRY_NAME = "2.5.4.6";
    /// id-at-localityName, RFC 5280 appendix A
    LOCALITY_NAME = "2.5.4.7";
    /// id-at-stateOrProvinceName, RFC 5280 appendix A
    STATE_OR_PROVINCE_NAME = "2.5.4.8";
    /// id-at-organizationName, RFC 5280 appendix A
    ORGANIZATION_NAME = "2.5.4.10";
    /// id-at-organizationalUnitName, RFC 5280 appendix A
    ORGANIZATIONAL_UNIT_NAME = "2.5.4.11";
    /// id-at-title, RFC 5280 appendix A
    TITLE = "2.5.4.12";
    /// id-at-name, RFC 5280 appendix A
    NAME = "2.5.4.41";
    /// id-at-givenName, RFC 5280 appendix A
    GIVEN_NAME = "2.5.4.42";
    /// id-at-uniqueIdentifier, X.520 §6.2.7
    UNIQUE_IDENTIFIER = "2.5.4.45";
    /// id-at-dnQualifier, RFC 5280 appendix A
    DN_QUALIFIER = "2.5.4.46";
    /// id-at-pseudonym, RFC 5280 appendix A
    PSEUDONYM = "2.5.4.65";
    /// emailAddress, RFC 2985 §5.2.1
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1";
    /// extensionRequest, RFC 2985 §5.4.2
    EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
    /// domainComponent, RFC 4519 §2.4
    DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25";
    /// userId, RFC 4519 §2.39
    USER_ID = "0.9.2342.19200300.100.1.1";
    /// matter-oid-vid, Matter core specification §6.2.2
    MATTER_VENDOR_ID = "1.3.6.1.4.1.37244.2.1";
    /// matter-oid-pid, Matter core specification §6.2.2
    MATTER_PRODUCT_ID = "1.3.6.1.4.1.37244.2.2";

    // --- certificate extensions ---
    /// id-ce-subjectDirectoryAttributes, RFC 5280 §4.2.1.8
    SUBJECT_DIRECTORY_ATTRIBUTES = "2.5.29.9";
    /// id-ce-subjectKeyIdentifier, RFC 5280 §4.2.1.2
    SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
    /// id-ce-keyUsage, RFC 5280 §4.2.1.3
    KEY_USAGE = "2.5.29.15";
    /// id-ce-subjectAltName, RFC 5280 §4.2.1.6
    SUBJECT_ALT_NAME = "2.5.29.17";
    /// id-ce-issuerAltName, RFC 5280 §4.2.1.7
    ISSUER_ALT_NAME = "2.5.29.18";
    /// id-ce-basicConstraints, RFC 5280 §4.2.1.9
    BASIC_CONSTRAINTS = "2.5.29.19";
    /// id-ce-nameConstraints, RFC 5280 §4.2.1.10
    NAME_CONSTRAINTS = "2.5.29.30";
    /// id-ce-cRLDistributionPoints, RFC 5280 §4.2.1.13
    CRL_DISTRIBUTION_POINTS = "2.5.29.31";
    /// id-ce-certificatePolicies, RFC 5280 §4.2.1.4
    CERTIFICATE_POLICIES = "2.5.29.32";
    /// id-ce-policyMappings, RFC 5280 §4.2.1.5
    POLICY_MAPPINGS = "2.5.29.33";
    /// id-ce-authorityKeyIdentifier, RFC 5280 §4.2.1.1
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
    /// id-ce-policyConstraints, RFC 5280 §4.2.1.11
    POLICY_CONSTRAINTS = "2.5.29.36";
    /// id-ce-extKeyUsage, RFC 5280 §4.2.1.12
    EXTENDED_KEY_USAGE = "2.5.29.37";
    /// id-ce-freshestCRL, RFC 5280 §4.2.1.15
    FRESHEST_CRL = "2.5.29.46";
    /// id-ce-inhibitAnyPolicy, RFC 5280 §4.2.1.14
    INHIBIT_ANY_POLICY = "2.5.29.54";
    /// id-pe-authorityInfoAccess, RFC 5280 §4.2.2.1
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1";
    /// id-pe-subjectInfoAccess, RFC 5280 §4.2.2.2
    SUBJECT_INFO_ACCESS = "1.3.6.1.5.5.7.1.11";
    /// id-pe-relatedCert, RFC 9763 §4
    RELATED_CERTIFICATE = "1.3.6.1.5.5.7.1.36";

    // --- extensions of revocation lists and of their entries ---
    /// id-ce-cRLNumber, RFC 5280 §5.2.3
    CRL_NUMBER = "2.5.29.20";
    /// id-ce-cRLReasons, RFC 5280 §5.3.1
    CRL_REASON = "2.5.29.21";
    /// id-ce-invalidityDate, RFC 5280 §5.3.2
    INVALIDITY_DATE = "2.5.29.24";
    /// id-ce-deltaCRLIndicator, RFC 5280 §5.2.4
    DELTA_CRL_INDICATOR = "2.5.29.27";
    /// id-ce-issuingDistributionPoint, RFC 5280 §5.2.5
    ISSUING_DISTRIBUTION_POINT = "2.5.29.28";
    /// id-ce-certificateIssuer, RFC 5280 §5.3.3
    CERTIFICATE_ISSUER = "2.5.29.29";

    // --- extended key purposes ---
    /// anyExtendedKeyUsage, RFC 5280 §4.2.1.12
    ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";
    /// id-kp-serverAuth, RFC 5280 §4.2.1.12
    KP_SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    /// id-kp-clientAuth, RFC 5280 §4.2.1.12
    KP_CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    /// id-kp-codeSigning, RFC 5280 §4.2.1.12
    KP_CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
    /// id-kp-emailProtection, RFC 5280 §4.2.1.12
    KP_EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4";
    /// id-kp-timeStamping, RFC 5280 §4.2.1.12
    KP_TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
    /// id-kp-OCSPSigning, RFC 5280 §4.2.1.12
    KP_OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
    /// id-kp-cmcCA, RFC 6402 §2.10
    KP_CMC_CA = "1.3.6.1.5.5.7.3.27";
    /// id-kp-cmcRA, RFC 6402 §2.10
    KP_CMC_RA = "1.3.6.1.5.5.7.3.28";
    /// id-kp-documentSigning, RFC 9336 §3.1: the manifest signer's only purpose
    KP_DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36";

    // --- other names in subjectAltName ---
    /// id-on-permanentIdentifier, RFC 4043 §2
    ON_PERMANENT_IDENTIFIER = "1.3.6.1.5.5.7.8.3";
    /// id-on-hardwareModuleName, RFC 4108 §5
    ON_HARDWARE_MODULE_NAME = "1.3.6.1.5.5.7.8.4";

    // --- inside extensions ---
    /// anyPolicy, RFC 5280 §4.2.1.4
    ANY_POLICY = "2.5.29.32.0";
    /// id-qt-cps, RFC 5280 §4.2.1.4
    QT_CPS = "1.3.6.1.5.5.7.2.1";
    /// id-qt-unotice, RFC 5280 §4.2.1.4
    QT_USER_NOTICE = "1.3.6.1.5.5.7.2.2";
    /// id-ad-ocsp, RFC 5280 §4.2.2.1
    AD_OCSP = "1.3.6.1.5.5.7.48.1";
    /// id-ad-caIssuers, RFC 5280 §4.2.2.1
    AD_CA_ISSUERS = "1.3.6.1.5.5.7.48.2";
    /// Generic device, IEEE 2030.5-2018 §6.11
    SEP2_DEV_GENERIC = "1.3.6.1.4.1.40732.1.1";
    /// Mobile device, IEEE 2030.5-2018 §6.11
    SEP2_DEV_MOBILE = "1.3.6.1.4.1.40732.1.2";
    /// Post-manufacture device, IEEE 2030.5-2018 §6.11
    SEP2_DEV_POST_MANUFACTURE = "1.3.6.1.4.1.40732.1.3";
    /// netscape-cert-type, Netscape certificate specifications 1996
    NETSCAPE_CERT_TYPE = "2.16.840.1.113730.1.1";
    /// id-pe-proxyCertInfo, RFC 3820 §3.8
    PROXY_CERT_INFO = "1.3.6.1.5.5.7.1.14";

    // --- CMS ---
    /// id-data, RFC 5652 §4
    CMS_DATA = "1.2.840.113549.1.7.1";
    /// id-signedData, RFC 5652 §5.1
    CMS_SIGNED_DATA = "1.2.840.113549.1.7.2";
    /// id-encryptedData, RFC 5652 §8
    CMS_ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
    /// id-contentType, RFC 5652 §11.1
    CMS_CONTENT_TYPE = "1.2.840.113549.1.9.3";
    /// id-messageDigest, RFC 5652 §11.2
    CMS_MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
    /// id-signingTime, RFC 5652 §11.3
    CMS_SIGNING_TIME = "1.2.840.113549.1.9.5";
    /// id-aa-signingCertificate, RFC 2634 §5.4: what time-stamps of RFC 3161 carry
    CMS_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12";
    /// id-ct-TSTInfo, RFC 3161 §2.4.2
    CMS_TST_INFO = "1.2.840.113549.1.9.16.1.4";
    /// id-aa-signingCertificateV2, RFC 5035 §3
    CMS_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";

    // --- PKCS#12 ---
    /// keyBag, RFC 7292 appendix D
    PKCS12_KEY_BAG = "1.2.840.113549.1.12.10.1.1";
    /// pkcs8ShroudedKeyBag, RFC 7292 appendix D
    PKCS12_SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
    /// certBag, RFC 7292 appendix D
    PKCS12_CERT_BAG = "1.2.840.113549.1.12.10.1.3";
    /// x509Certificate, RFC 7292 §4.2.3
    PKCS12_X509_CERTIFICATE = "1.2.840.113549.1.9.22.1";
}
