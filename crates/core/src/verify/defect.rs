//! What is wrong with one certificate, as code and reason; and which code each reading error has.

use crate::crypto::{KeyError, SignatureError};
use crate::origin::Code;
use crate::x509::tlv::DerError;
use crate::x509::{
    AlgorithmError, CertificateError, ExtensionError, NameError, SerialNumberError, SpkiError, TimeError,
};

use super::codes;

/// The fault of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Defect {
    pub(super) code: Code,
    /// What was found and what was expected, safe to print.
    pub(super) reason: String,
}

impl Defect {
    pub(super) fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// The same fault, of a certificate that has to be named.
    pub(super) fn of(self, whose: &str) -> Self {
        Self { code: self.code, reason: format!("{whose}: {}", self.reason) }
    }
}

/// The code of a reading error, for those who look without verifying.
pub fn code_of(error: &CertificateError) -> Code {
    certificate_code(error)
}

impl From<CertificateError> for Defect {
    fn from(error: CertificateError) -> Self {
        Self { code: certificate_code(&error), reason: error.to_string() }
    }
}

impl From<ExtensionError> for Defect {
    fn from(error: ExtensionError) -> Self {
        Self { code: extension_code(&error), reason: error.to_string() }
    }
}

impl From<KeyError> for Defect {
    fn from(error: KeyError) -> Self {
        let code = match error {
            KeyError::NotCanonical { .. } => codes::KEY_NOT_CANONICAL,
            KeyError::NotOnCurve { .. } => codes::KEY_NOT_ON_CURVE,
            KeyError::RsaEncoding { .. } | KeyError::RsaExponent | KeyError::RsaModulus | KeyError::RsaSize { .. } => {
                codes::KEY_RSA
            }
            KeyError::SmallOrder => codes::KEY_SMALL_ORDER,
        };
        Self { code, reason: error.to_string() }
    }
}

impl From<SignatureError> for Defect {
    fn from(error: SignatureError) -> Self {
        let code = match error {
            SignatureError::AlgorithmKey { .. } => codes::SIGNATURE_ALGORITHM,
            SignatureError::Encoding => codes::SIGNATURE_ENCODING,
            SignatureError::Invalid => codes::SIGNATURE_INVALID,
            SignatureError::Length { .. } => codes::SIGNATURE_LENGTH,
            SignatureError::Range { .. } => codes::SIGNATURE_RANGE,
            SignatureError::Unverified { .. } => codes::ALGORITHM_UNKNOWN,
        };
        Self { code, reason: error.to_string() }
    }
}

fn certificate_code(error: &CertificateError) -> Code {
    match error {
        CertificateError::Algorithm(AlgorithmError::Der(error)) | CertificateError::Der(error) => der_code(error),
        CertificateError::Algorithm(AlgorithmError::Parameters { .. }) => codes::ALGORITHM_PARAMETERS,
        CertificateError::Algorithm(AlgorithmError::Unknown { .. }) => codes::ALGORITHM_UNKNOWN,
        CertificateError::AlgorithmMismatch => codes::ALGORITHM_MISMATCH,
        CertificateError::Boolean { .. } => codes::DER_BOOLEAN,
        CertificateError::DuplicateExtension { .. } => codes::EXTENSION_DUPLICATE,
        CertificateError::EmptySequence { what: "extensions" } => codes::EXTENSION_NONE,
        CertificateError::EmptySequence { .. } | CertificateError::KeyUsage => codes::EXTENSION_MALFORMED,
        CertificateError::ExplicitDefault { .. } => codes::DER_EXPLICIT_DEFAULT,
        CertificateError::ExtensionsNeedVersion3 { .. } => codes::EXTENSION_VERSION,
        CertificateError::Name { source, .. } => match source {
            NameError::AttributeType => codes::NAME_ATTRIBUTE_TYPE,
            NameError::Der(error) => der_code(error),
            NameError::EmptyRdn => codes::NAME_EMPTY_RDN,
        },
        CertificateError::PathLen => codes::EXTENSION_PATH_LENGTH,
        CertificateError::Serial(error) => match error {
            SerialNumberError::Empty => codes::SERIAL_EMPTY,
            SerialNumberError::Negative => codes::SERIAL_NEGATIVE,
            SerialNumberError::Padded => codes::SERIAL_PADDED,
            SerialNumberError::TooLong { .. } => codes::SERIAL_TOO_LONG,
            SerialNumberError::Zero => codes::SERIAL_ZERO,
        },
        CertificateError::SignatureUnusedBits => codes::DER_UNUSED_BITS,
        CertificateError::Spki(error) => match error {
            SpkiError::CurveNotNamed => codes::KEY_CURVE_NOT_NAMED,
            SpkiError::Der(error) => der_code(error),
            SpkiError::Infinity => codes::KEY_INFINITY,
            SpkiError::KeyLength { .. } => codes::KEY_LENGTH,
            SpkiError::Parameters { .. } => codes::KEY_PARAMETERS,
            SpkiError::PointForm { .. } => codes::KEY_POINT_FORM,
            SpkiError::UnknownAlgorithm { .. } => codes::KEY_ALGORITHM,
            SpkiError::UnknownCurve { .. } => codes::KEY_CURVE,
            SpkiError::UnusedBits => codes::DER_UNUSED_BITS,
        },
        CertificateError::Time { source, .. } => match source {
            TimeError::EndsBeforeItBegins { .. } => codes::TIME_ENDS_BEFORE_IT_BEGINS,
            TimeError::GeneralizedBefore2050 { .. } => codes::TIME_GENERALIZED_BEFORE_2050,
            TimeError::NoSuchDate | TimeError::OutOfRange => codes::TIME_NO_SUCH_DATE,
            TimeError::Format | TimeError::NotRfc3339 => codes::TIME_FORMAT,
            TimeError::WrongTag { .. } => codes::DER_TAG,
        },
        CertificateError::TooManyExtensions { .. } => codes::EXTENSION_TOO_MANY,
        CertificateError::UniqueIdentifier { .. } => codes::UNIQUE_IDENTIFIER,
        CertificateError::Version => codes::CERTIFICATE_VERSION,
    }
}

fn extension_code(error: &ExtensionError) -> Code {
    match error {
        ExtensionError::CaTrue => codes::EXTENSION_CA_TRUE,
        ExtensionError::Certificate(error) => certificate_code(error),
        ExtensionError::Constraint { .. } => codes::EXTENSION_CONSTRAINT,
        ExtensionError::Critical { .. } | ExtensionError::NotCritical { .. } => codes::EXTENSION_CRITICALITY,
        ExtensionError::LeafSignsCertificates | ExtensionError::NoKeyCertSign => codes::EXTENSION_KEY_CERT_SIGN,
        ExtensionError::Malformed { .. } => codes::EXTENSION_MALFORMED,
        ExtensionError::PathLength => codes::EXTENSION_PATH_LENGTH,
        ExtensionError::UnknownCritical { .. } => codes::EXTENSION_UNKNOWN_CRITICAL,
        ExtensionError::NotACa | ExtensionError::Version { .. } => codes::CERTIFICATE_VERSION,
        // asked of the issuing CA's path only, which has no findings
        ExtensionError::Purpose { .. } | ExtensionError::PurposeAny { .. } => codes::EXTENSION_CONSTRAINT,
    }
}

fn der_code(error: &DerError) -> Code {
    match error {
        DerError::Form { .. } => codes::DER_FORM,
        DerError::HighTagNumber { .. } | DerError::UnexpectedTag { .. } => codes::DER_TAG,
        DerError::IndefiniteLength { .. } => codes::DER_INDEFINITE_LENGTH,
        DerError::NonMinimalLength { .. } => codes::DER_LENGTH,
        DerError::ObjectIdentifier { .. } => codes::DER_OBJECT_IDENTIFIER,
        DerError::SetOrder { .. } => codes::DER_SET_ORDER,
        DerError::TrailingData { .. } => codes::DER_TRAILING_DATA,
        DerError::Truncated { .. } => codes::DER_TRUNCATED,
    }
}
