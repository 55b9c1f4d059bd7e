//! Every code of this stage. Texts may improve, codes stay.

use crate::origin::Code;

codes! {
    pub const;

    CA_CERTIFICATE = "verify.certificate.of-a-ca", "a CA's certificate: used for path building, never trusted, never issued for (ignored)"
        => "Nothing needs to be done; to trust it, give it as a source anchor, from a source that you trust.";
    CERTIFICATE_TOO_LARGE = "verify.certificate.too-large", "the candidate is larger than any certificate this program reads"
        => "No chip has such a certificate: look at what the file is before it goes any further.";
    CERTIFICATE_VERSION = "verify.certificate.version", "the certificate is not of version 3, or its version is not encoded as RFC 5280 §4.1.2.1 has it"
        => NEVER_GENUINE;

    DER_BOOLEAN = "verify.der.boolean", "a BOOLEAN is neither 00 nor FF (X.690 §11.1)"
        => NEVER_GENUINE;
    DER_EXPLICIT_DEFAULT = "verify.der.explicit-default", "a default value is written out (X.690 §11.5); relaxation explicit-default-boolean"
        => "For engineering samples that are known to be encoded so, name `explicit-default-boolean` in the policy's source.relax.";
    DER_FORM = "verify.der.form", "an element is not in the form DER gives its type (X.690 §10, §11)"
        => NEVER_GENUINE;
    DER_INDEFINITE_LENGTH = "verify.der.indefinite-length", "a length is indefinite (X.690 §10.1)"
        => NEVER_GENUINE;
    DER_LENGTH = "verify.der.non-minimal-length", "a length takes more bytes than needed (X.690 §10.1)"
        => NEVER_GENUINE;
    DER_OBJECT_IDENTIFIER = "verify.der.object-identifier", "an object identifier is padded or malformed (X.690 §8.19)"
        => NEVER_GENUINE;
    DER_SET_ORDER = "verify.der.set-order", "the members of a SET OF are not in ascending order (X.690 §11.6)"
        => NEVER_GENUINE;
    DER_TAG = "verify.der.tag", "an element has another tag than the one that belongs there"
        => NEVER_GENUINE;
    DER_TRAILING_DATA = "verify.der.trailing-data", "bytes follow where nothing may follow; relaxation trailing-padding for 00 or FF after the certificate"
        => "If the file is a zone dump padded with 00 or FF, name `trailing-padding` in the policy's source.relax.";
    DER_TRUNCATED = "verify.der.truncated", "the bytes end too early"
        => NEVER_GENUINE;
    DER_UNUSED_BITS = "verify.der.unused-bits", "a BIT STRING is not a whole number of bytes"
        => NEVER_GENUINE;

    SERIAL_EMPTY = "verify.serial.empty", "the serial number has no bytes"
        => NEVER_GENUINE;
    SERIAL_NEGATIVE = "verify.serial.negative", "the serial number is negative (RFC 5280 §4.1.2.2)"
        => NEVER_GENUINE;
    SERIAL_PADDED = "verify.serial.padded", "the serial number has a superfluous leading byte (X.690 §8.3.2)"
        => NEVER_GENUINE;
    SERIAL_TOO_LONG = "verify.serial.too-long", "the serial number has more than 20 bytes (RFC 5280 §4.1.2.2)"
        => NEVER_GENUINE;
    SERIAL_ZERO = "verify.serial.zero", "the serial number is zero (RFC 5280 §4.1.2.2)"
        => NEVER_GENUINE;

    ALGORITHM_MISMATCH = "verify.algorithm.mismatch", "the two signature algorithm fields differ (RFC 5280 §4.1.1.2)"
        => NEVER_GENUINE;
    ALGORITHM_PARAMETERS = "verify.algorithm.parameters", "the signature algorithm has parameters it must not have, or lacks its own"
        => NEVER_GENUINE;
    ALGORITHM_UNKNOWN = "verify.algorithm.unknown", "the signature algorithm is not supported"
        => NEVER_GENUINE;

    NAME_ATTRIBUTE_TYPE = "verify.name.attribute-type", "an attribute type is not an object identifier"
        => NEVER_GENUINE;
    NAME_EMPTY_ISSUER = "verify.name.empty-issuer", "the issuer's name is empty (RFC 5280 §4.1.2.4)"
        => NEVER_GENUINE;
    NAME_EMPTY_RDN = "verify.name.empty-rdn", "a relative distinguished name has no attribute (RFC 5280 §4.1.2.4)"
        => NEVER_GENUINE;
    NAME_EMPTY_SUBJECT = "verify.name.empty-subject", "the subject's name is empty without a critical subjectAltName (RFC 5280 §4.1.2.6)"
        => NEVER_GENUINE;
    NAME_LENGTH = "verify.name.length", "an attribute is empty or longer than RFC 5280 appendix A allows"
        => NEVER_GENUINE;
    NAME_STRING = "verify.name.string", "an attribute holds characters that its string type does not have, or control characters"
        => NEVER_GENUINE;
    NAME_STRING_TYPE = "verify.name.string-type", "an attribute has a string type that RFC 5280 appendix A does not give it"
        => NEVER_GENUINE;
    NAME_TOO_MANY_ATTRIBUTES = "verify.name.too-many-attributes", "a name has more attributes than any certificate has a use for"
        => NEVER_GENUINE;

    TIME_ENDS_BEFORE_IT_BEGINS = "verify.time.ends-before-it-begins", "notAfter is before notBefore"
        => NEVER_GENUINE;
    TIME_EXPIRED = "verify.time.expired", "the leaf is no longer valid at the instant of verification; relaxation expired-leaf"
        => "If the leaf's dates are to be ignored, name `expired-leaf` in the policy's source.relax.";
    TIME_FORMAT = "verify.time.format", "a time is not of the form RFC 5280 §4.1.2.5 has"
        => NEVER_GENUINE;
    TIME_GENERALIZED_BEFORE_2050 = "verify.time.generalized-before-2050", "a year before 2050 is encoded as GeneralizedTime (RFC 5280 §4.1.2.5)"
        => NEVER_GENUINE;
    TIME_NO_SUCH_DATE = "verify.time.no-such-date", "a date or time of day does not exist"
        => NEVER_GENUINE;
    TIME_NOT_YET_VALID = "verify.time.not-yet-valid", "the leaf is not yet valid at the instant of verification; relaxation expired-leaf"
        => "If the leaf's dates are to be ignored, name `expired-leaf` in the policy's source.relax.";

    KEY_ALGORITHM = "verify.key.algorithm", "the public key's algorithm is not supported"
        => NEVER_GENUINE;
    KEY_CURVE = "verify.key.curve", "the elliptic curve is not supported"
        => NEVER_GENUINE;
    KEY_CURVE_NOT_NAMED = "verify.key.curve-not-named", "the elliptic curve is given by explicit or implicit parameters (RFC 5480 §2.1.1)"
        => NEVER_GENUINE;
    KEY_INFINITY = "verify.key.infinity", "the public key is the point at infinity (SEC 1 §3.2.2.1)"
        => NEVER_GENUINE;
    KEY_LENGTH = "verify.key.length", "the public key has another length than its algorithm wants"
        => NEVER_GENUINE;
    KEY_NOT_ALLOWED = "verify.key.not-allowed", "the policy does not list this kind of key"
        => "To certify such keys, list them in the policy's source.keys.";
    KEY_NOT_CANONICAL = "verify.key.not-canonical", "a coordinate of the public key is not below the field's prime"
        => NEVER_GENUINE;
    KEY_NOT_ON_CURVE = "verify.key.not-on-curve", "the public key is not a point on its curve (SEC 1 §3.2.2.1)"
        => NEVER_GENUINE;
    KEY_OF_A_CA = "verify.key.of-a-ca", "the leaf carries the public key of a trust anchor or intermediate CA"
        => "A CA's key in a chip's certificate is no accident: keep the file and ask the supplier.";
    KEY_PARAMETERS = "verify.key.parameters", "the public key's algorithm has parameters it must not have"
        => NEVER_GENUINE;
    KEY_POINT_FORM = "verify.key.point-form", "the public key is a compressed or hybrid point"
        => NEVER_GENUINE;
    KEY_RSA = "verify.key.rsa", "the RSA public key's modulus or exponent is out of range"
        => NEVER_GENUINE;
    KEY_SMALL_ORDER = "verify.key.small-order", "the Ed25519 public key is a point of small order"
        => NEVER_GENUINE;

    UNIQUE_IDENTIFIER = "verify.unique-identifier.present", "issuerUniqueID or subjectUniqueID is present (RFC 5280 §4.1.2.8)"
        => NEVER_GENUINE;

    EXTENSION_CA_TRUE = "verify.extension.ca-true", "a leaf says that it is a CA (RFC 5280 §4.2.1.9)"
        => NEVER_GENUINE;
    EXTENSION_CONSTRAINT = "verify.extension.unsupported-constraint", "a CA certificate carries a constraint that this program does not process (RFC 5280 §4.2.1.10, §4.2.1.11, §4.2.1.14)"
        => NEVER_GENUINE;
    EXTENSION_CRITICALITY = "verify.extension.criticality", "an extension is critical where RFC 5280 forbids it, or not critical where it demands it"
        => NEVER_GENUINE;
    EXTENSION_DUPLICATE = "verify.extension.duplicate", "the same extension appears twice (RFC 5280 §4.2)"
        => NEVER_GENUINE;
    EXTENSION_KEY_CERT_SIGN = "verify.extension.key-cert-sign", "a leaf has keyCertSign, or a CA has a keyUsage without it (RFC 5280 §4.2.1.3)"
        => NEVER_GENUINE;
    EXTENSION_MALFORMED = "verify.extension.malformed", "the value of a known extension is not of its type"
        => NEVER_GENUINE;
    EXTENSION_NONE = "verify.extension.none", "the extensions field is present but empty (RFC 5280 §4.1.2.9)"
        => NEVER_GENUINE;
    EXTENSION_PATH_LENGTH = "verify.extension.path-length", "pathLenConstraint is out of range or stands in a leaf (RFC 5280 §4.2.1.9)"
        => NEVER_GENUINE;
    EXTENSION_TOO_MANY = "verify.extension.too-many", "more extensions than any certificate has a use for"
        => NEVER_GENUINE;
    EXTENSION_UNKNOWN_CRITICAL = "verify.extension.unknown-critical", "a critical extension is not known to this program (RFC 5280 §4.2)"
        => NEVER_GENUINE;
    EXTENSION_VERSION = "verify.extension.version", "extensions stand in a certificate of another version than 3 (RFC 5280 §4.1.2.9)"
        => NEVER_GENUINE;

    UID_SHAPE = "verify.uid.shape", "the serial number does not have the form of the family's UID"
        => "Check the policy's source.family: another family may be meant.";
    COMMON_NAME_MISMATCH = "verify.common-name.mismatch", "the common name ends in another serial number than the certificate's; relaxation common-name-mismatch"
        => "If the common name is known to carry something else, name `common-name-mismatch` in the policy's source.relax.";
    FILE_NAME_MISMATCH = "verify.file-name.mismatch", "the file's name holds another serial number than the certificate (warning)"
        => "The certificate counts and not the name; check where the files were named.";

    SIGNATURE_ALGORITHM = "verify.signature.algorithm", "the signature's algorithm does not go with the issuer's key"
        => "The file is damaged, or this issuer did not sign it: compare with a fresh download, and check that the anchor is the right one of that name.";
    SIGNATURE_ENCODING = "verify.signature.encoding", "the signature is not in its one strict encoding (RFC 3279 §2.2.3)"
        => NEVER_GENUINE;
    SIGNATURE_INVALID = "verify.signature.invalid", "the signature does not verify under the key of any issuer of that name"
        => "The file is damaged, or this issuer did not sign it: compare with a fresh download, and check that the anchor is the right one of that name.";
    SIGNATURE_LENGTH = "verify.signature.length", "the signature has another length than its algorithm wants"
        => NEVER_GENUINE;
    SIGNATURE_RANGE = "verify.signature.range", "r or s is zero or not below the order (FIPS 186-5 §6.4.2, RFC 8032 §5.1.7)"
        => NEVER_GENUINE;
    SIGNATURE_SHA1 = "verify.signature.sha1", "the signature is made with SHA-1; relaxation sha1-signature"
        => "SHA-1 signatures can be forged; if you must accept them, name `sha1-signature` in the policy's source.relax.";

    CHAIN_ANCHOR_EXPIRED = "verify.chain.anchor-expired", "the trust anchor's own validity does not contain the instant of verification (warning)"
        => "Nothing is to be done: genuine leaves outlive their root.";
    CHAIN_INTERMEDIATE_TIME = "verify.chain.intermediate-time", "an intermediate is not valid at the instant of verification (RFC 5280 §6.1.3)"
        => CAS_OF_THE_PATH;
    CHAIN_NAME_CASE = "verify.chain.name-case", "issuer and subject names differ in letter case; relaxation issuer-name-case"
        => "If this issuer is known to spell its name in two ways, name `issuer-name-case` in the policy's source.relax.";
    CHAIN_NO_TRUST_ANCHOR = "verify.chain.no-trust-anchor", "no trust anchor or verified intermediate has the issuer's name"
        => "Give the issuer's certificate as a source anchor, if you have it from a source you trust; certificates inside the input are never trusted.";
    CHAIN_PATH_LENGTH = "verify.chain.path-length", "the path is longer than a CA's pathLenConstraint (RFC 5280 §6.1.4)"
        => CAS_OF_THE_PATH;
    CHAIN_TEST_ANCHOR = "verify.chain.test-anchor", "the trust anchor is a TEST or Demo CA; relaxation test-anchor"
        => "Leaves of test CAs are not production parts; for engineering samples name `test-anchor` in the policy's source.relax.";
    CHAIN_TOO_DEEP = "verify.chain.too-deep", "the path has more intermediates than this program follows"
        => CAS_OF_THE_PATH;
    CHAIN_TOO_MANY_CANDIDATES = "verify.chain.too-many-candidates", "more issuers share the name than this program tries"
        => CAS_OF_THE_PATH;

    CONFLICT_DUPLICATE = "verify.conflict.duplicate", "the same certificate appears more than once; one is used (ignored)"
        => "Nothing is to be done: the chip has its certificate once.";
    CONFLICT_KEY_TWO_UIDS = "verify.conflict.key-two-uids", "the same public key is certified for two UIDs"
        => ONE_OF_THEM;
    CONFLICT_TWIN = "verify.conflict.twin", "another certificate of the same UID and key; the one with the lowest SHA-256 is used (ignored)"
        => "Nothing is to be done: the chip has its certificate once.";
    CONFLICT_UID_TWO_ISSUERS = "verify.conflict.uid-two-issuers", "the same UID appears under two source issuers"
        => ONE_OF_THEM;
    CONFLICT_UID_TWO_KEYS = "verify.conflict.uid-two-keys", "the same UID is certified with two public keys"
        => ONE_OF_THEM;

    EXPECT_MISSING = "verify.expect.missing", "an expected chip is not among the verified leaves"
        => "Check that every archive of the delivery is named as an input, and compare with the delivery note.";
    EXPECT_SURPLUS = "verify.expect.surplus", "a chip is not on the expected list, and such chips are left out"
        => "Nothing is to be done: the chip is not on the list. A run with another list issues it.";
    EXPECT_UNEXPECTED = "verify.expect.unexpected", "a chip is not on the expected list"
        => "Check the expected list against the delivery note; a chip that was not ordered may come from another reel.";
}

/// Rejections that a further intermediate can turn around: a caller that adds one examines leaves with these codes
/// again.
pub const DEPENDS_ON_INTERMEDIATES: &[Code] = &[
    CHAIN_INTERMEDIATE_TIME,
    CHAIN_NAME_CASE,
    CHAIN_NO_TRUST_ANCHOR,
    CHAIN_PATH_LENGTH,
    CHAIN_TEST_ANCHOR,
    CHAIN_TOO_DEEP,
    EXTENSION_CONSTRAINT,
    EXTENSION_CRITICALITY,
    EXTENSION_KEY_CERT_SIGN,
    EXTENSION_UNKNOWN_CRITICAL,
    SIGNATURE_ALGORITHM,
    SIGNATURE_INVALID,
    SIGNATURE_SHA1,
];

/// Rejections at one instant: a caller that judges for a different instant examines leaves with these codes again.
pub const DEPENDS_ON_INSTANT: &[Code] = &[CHAIN_INTERMEDIATE_TIME, TIME_EXPIRED, TIME_NOT_YET_VALID];

const CAS_OF_THE_PATH: &str = "Look at the CA certificates of this path; an intermediate that you trust for itself can be given as a source anchor.";
const ONE_OF_THEM: &str =
    "At most one of them is the chip's: read its certificate from the chip, keep all files and ask the supplier.";
const NEVER_GENUINE: &str = "No genuine leaf is made like this and no relaxation allows it: compare with a fresh download; if it is the same, keep the file and ask the supplier.";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_of_this_stage() {
        let texts: BTreeSet<_> = CODES.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(texts.len(), CODES.len());
        assert!(texts.iter().all(|text| text.starts_with("verify.") && text.matches('.').count() == 2));
    }

    #[test]
    fn a_rejection_that_a_relaxation_would_lift_names_it() {
        use crate::verify::Relaxation;
        for (code, relaxation) in [
            (CHAIN_NAME_CASE, Relaxation::IssuerNameCase),
            (CHAIN_TEST_ANCHOR, Relaxation::TestAnchor),
            (COMMON_NAME_MISMATCH, Relaxation::CommonNameMismatch),
            (DER_EXPLICIT_DEFAULT, Relaxation::ExplicitDefaultBoolean),
            (DER_TRAILING_DATA, Relaxation::TrailingPadding),
            (SIGNATURE_SHA1, Relaxation::Sha1Signature),
            (TIME_EXPIRED, Relaxation::ExpiredLeaf),
            (TIME_NOT_YET_VALID, Relaxation::ExpiredLeaf),
        ] {
            let named = format!("`{relaxation}`");
            assert!(code.hint().is_some_and(|hint| hint.contains(&named)), "{code}");
        }
    }

    #[test]
    fn every_code_says_what_to_do() {
        for (code, _) in CODES {
            assert!(code.hint().is_some_and(|hint| hint.ends_with('.')), "{code}");
        }
    }
}
