//! A certificate as received (RFC 5280 §4.1): strictly read, its bytes kept.

mod error;

use bytes::Bytes;
use der::asn1::ObjectIdentifier;

use super::algorithm::SignatureAlgorithm;
use super::deviation::{Deviation, Deviations};
use super::name::Name;
use super::serial::{SerialNumber, SerialNumberError};
use super::spki::{Spki, read_oid};
use super::tlv::{Reader, tag};
use super::validity::{Time, Validity};
use super::{KeyIdentifier, oid};

pub use error::CertificateError;

/// A certificate that is DER through and through, **not** verified: its signature, names and dates prove nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Names, key and extensions are parts of it.
    der: Bytes,
    tbs: std::ops::Range<usize>,
    version: u8,
    serial: SerialNumber,
    /// Where the serial number's bytes are.
    serial_bytes: std::ops::Range<usize>,
    signature_algorithm: SignatureAlgorithm,
    issuer: Name,
    validity: Validity,
    subject: Name,
    spki: Spki,
    extensions: Vec<Extension>,
    /// Where the signature's bytes are.
    signature: std::ops::Range<usize>,
    deviations: Deviations,
}

/// One certificate extension (RFC 5280 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// extnID
    pub oid: ObjectIdentifier,
    /// critical
    pub critical: bool,
    /// The bytes inside extnValue: the DER of the extension's own type. Copies share them.
    pub value: Bytes,
}

/// BasicConstraints (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Whether the subject is a CA.
    pub ca: bool,
    /// pathLenConstraint
    pub path_len: Option<u32>,
}

/// KeyUsage (RFC 5280 §4.2.1.3): bit n of the standard's list is bit n here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(pub u16);

impl KeyUsage {
    /// digitalSignature (0)
    pub const DIGITAL_SIGNATURE: u16 = 1;
    /// nonRepudiation (1)
    pub const NON_REPUDIATION: u16 = 1 << 1;
    /// keyEncipherment (2)
    pub const KEY_ENCIPHERMENT: u16 = 1 << 2;
    /// dataEncipherment (3)
    pub const DATA_ENCIPHERMENT: u16 = 1 << 3;
    /// keyAgreement (4)
    pub const KEY_AGREEMENT: u16 = 1 << 4;
    /// keyCertSign (5)
    pub const KEY_CERT_SIGN: u16 = 1 << 5;
    /// cRLSign (6)
    pub const CRL_SIGN: u16 = 1 << 6;
    /// encipherOnly (7)
    pub const ENCIPHER_ONLY: u16 = 1 << 7;
    /// decipherOnly (8)
    pub const DECIPHER_ONLY: u16 = 1 << 8;

    /// Whether all bits of `mask` are set.
    pub const fn has(self, mask: u16) -> bool {
        self.0 & mask == mask
    }
}

/// Deviations from DER that a caller is willing to read, and after reading, those that were met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leniency {
    /// A BOOLEAN FALSE written out where DER leaves the default away (X.690 §11.5); real in an ST engineering sample.
    pub explicit_default_boolean: bool,
}

/// What a reading tolerates, and what it has met.
struct Reading {
    leniency: Leniency,
    used: Leniency,
    /// Whether a person has named the certificate.
    named: bool,
    met: Deviations,
}

impl Reading {
    /// A value that is read in one way or, where a person has named the certificate, in another.
    fn either<T, E>(
        &mut self,
        strict: Result<T, E>,
        deviation: Deviation,
        named: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match strict {
            Err(_) if self.named => {
                let value = named()?;
                self.met.insert(deviation);
                Ok(value)
            }
            other => other,
        }
    }
}

impl Certificate {
    /// Reads exactly one certificate of version 3 (or of version 1 without extensions) in strict DER.
    ///
    /// # Errors
    /// What is not as RFC 5280 §4.1 and X.690 want it.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        Self::from_der_leniently(der, Leniency::default()).map(|(certificate, _)| certificate)
    }

    /// As [`from_der`](Self::from_der), tolerating what `leniency` names; returns which of it was needed.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub fn from_der_leniently(der: &[u8], leniency: Leniency) -> Result<(Self, Leniency), CertificateError> {
        Self::read(der, Reading { leniency, used: Leniency::default(), named: false, met: Deviations::default() })
    }

    /// As [`from_der`](Self::from_der), of a certificate of a CA or a manifest signer that a person has named in the
    /// configuration or an option, or that a batch of theirs has from there. It is read as other software makes it:
    /// [`Deviation`] lists what is accepted, [`deviations`](Self::deviations) tells what was met.
    ///
    /// Never for leaves, for what comes with inputs, or for what this program makes.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der), but for these.
    pub fn from_named_der(der: &[u8]) -> Result<Self, CertificateError> {
        let leniency = Leniency { explicit_default_boolean: true };
        let reading = Reading { leniency, used: Leniency::default(), named: true, met: Deviations::default() };
        Self::read(der, reading).map(|(certificate, _)| certificate)
    }

    fn read(der: &[u8], mut reading: Reading) -> Result<(Self, Leniency), CertificateError> {
        let der = Bytes::copy_from_slice(der);
        let mut reader = Reader::new(&der);
        let certificate = reader.expect(tag::SEQUENCE, "certificate")?;
        reader.finish("certificate")?;
        let mut fields = Reader::new(certificate.content);
        let tbs = fields.expect(tag::SEQUENCE, "tbsCertificate")?;
        let outer = fields.expect(tag::SEQUENCE, "signatureAlgorithm")?;
        let signature = fields.expect(tag::BIT_STRING, "signature value")?;
        fields.finish("signature value")?;

        let mut fields = Reader::new(tbs.content);
        let version = version(&mut fields, &mut reading)?;
        let serial_bytes = fields.expect(tag::INTEGER, "serialNumber")?.content;
        let serial = match SerialNumber::from_content(serial_bytes) {
            Err(SerialNumberError::Zero | SerialNumberError::Negative | SerialNumberError::TooLong { .. })
                if reading.named =>
            {
                reading.met.insert(Deviation::SerialNumber);
                SerialNumber::NONE
            }
            other => other?,
        };
        let inner = fields.expect(tag::SEQUENCE, "signature")?;
        // RFC 5280 §4.1.1.2: "This field MUST contain the same algorithm identifier as the signature field"
        if inner.raw != outer.raw {
            return Err(CertificateError::AlgorithmMismatch);
        }
        let signature_algorithm = read_algorithm(inner.raw, &mut reading)?;
        let issuer = read_name(&der, &mut fields, "issuer", &mut reading)?;
        let validity = read_validity(&mut fields, &mut reading)?;
        let subject = read_name(&der, &mut fields, "subject", &mut reading)?;
        let spki = Spki::within(&der, fields.expect(tag::SEQUENCE, "subjectPublicKeyInfo")?.raw)?;
        for (identifier, name) in
            [(0x81, "issuerUniqueID"), (0x82, "subjectUniqueID"), (0xA1, "issuerUniqueID"), (0xA2, "subjectUniqueID")]
        {
            if fields.optional(identifier, name)?.is_some() {
                return Err(CertificateError::UniqueIdentifier { field: name });
            }
        }
        let extensions = match fields.optional(0xA3, "extensions")? {
            None => vec![],
            Some(_) if version != 3 => return Err(CertificateError::ExtensionsNeedVersion3 { version }),
            Some(element) => extensions(&der, element.content, &mut reading)?,
        };
        fields.finish("the last field of tbsCertificate")?;
        if version != 3 && reading.named {
            reading.met.insert(Deviation::Version);
        }
        if reading.used.explicit_default_boolean && reading.named {
            reading.met.insert(Deviation::ExplicitDefault);
        }
        // nothing depends on a root's signature over itself: the root is believed because a person has named it
        let weak = signature_algorithm.hash().is_none();
        if weak && reading.named && issuer == subject {
            reading.met.insert(Deviation::SelfSignature);
        }
        let [0, signature @ ..] = signature.content else {
            return Err(CertificateError::SignatureUnusedBits);
        };
        let place = |part: &[u8]| {
            let start = part.as_ptr() as usize - der.as_ptr() as usize;
            start..start + part.len()
        };
        let certificate = Self {
            tbs: place(tbs.raw),
            version,
            serial,
            serial_bytes: place(serial_bytes),
            signature_algorithm,
            issuer,
            validity,
            subject,
            spki,
            extensions,
            signature: place(signature),
            deviations: reading.met,
            der,
        };
        Ok((certificate, reading.used))
    }

    /// The whole certificate as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// tbsCertificate as received: what the signature covers.
    pub fn tbs(&self) -> &[u8] {
        &self.der[self.tbs.clone()]
    }

    /// version, counted from 1
    pub fn version(&self) -> u8 {
        self.version
    }

    /// serialNumber. Of a [named](Self::from_named_der) certificate whose number RFC 5280 §4.1.2.2 does not allow, one
    /// without bytes; [`serial_bytes`](Self::serial_bytes) are what it carries.
    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// The content bytes of serialNumber as received.
    pub fn serial_bytes(&self) -> &[u8] {
        &self.der[self.serial_bytes.clone()]
    }

    /// What a [named](Self::from_named_der) certificate has that a certificate of this program never has; none of any
    /// other certificate.
    pub fn deviations(&self) -> impl Iterator<Item = Deviation> {
        Deviation::ALL.into_iter().filter(|deviation| self.deviations.contains(*deviation))
    }

    /// Each deviation in words, for people: what it is, and the clause that says otherwise.
    pub fn notes(&self) -> Vec<String> {
        let note = |deviation| match deviation {
            Deviation::SelfSignature => {
                format!("its signature over itself is {}, which is not checked", self.signature_algorithm)
            }
            Deviation::SerialNumber => {
                let serial = self.serial_bytes();
                let what = match serial {
                    [0] => "zero".to_owned(),
                    [0x80..=0xFF, ..] => "negative".to_owned(),
                    _ => format!("{} bytes long", serial.len()),
                };
                format!("its serial number is {what}, expected positive and at most 20 bytes (RFC 5280 §4.1.2.2)")
            }
            Deviation::Version => format!(
                "it is of version {} and cannot say that it is a CA's (RFC 5280 §6.1.4 (k)): it counts as one because it \
                 was named",
                self.version
            ),
            Deviation::AlgorithmParameters
            | Deviation::ExplicitDefault
            | Deviation::GeneralizedTime
            | Deviation::NameOrder => deviation.meaning().to_owned(),
        };
        self.deviations().map(note).collect()
    }

    /// Whether issuer and subject have the same name (RFC 5280 §3.2).
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// signatureAlgorithm, equal inside and outside
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signature_algorithm
    }

    /// issuer
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// validity
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// subject
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// subjectPublicKeyInfo
    pub fn spki(&self) -> &Spki {
        &self.spki
    }

    /// All extensions in order; empty if the field is absent.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The extension of one type.
    pub fn extension(&self, oid: ObjectIdentifier) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }

    /// The signature's bytes, without the BIT STRING's unused-bits byte.
    pub fn signature(&self) -> &[u8] {
        &self.der[self.signature.clone()]
    }

    /// basicConstraints, if present.
    ///
    /// # Errors
    /// The extension's value is not a BasicConstraints.
    pub fn basic_constraints(&self) -> Result<Option<BasicConstraints>, CertificateError> {
        let Some(extension) = self.extension(oid::BASIC_CONSTRAINTS) else { return Ok(None) };
        // an explicit FALSE was judged when the certificate was read
        basic_constraints(&extension.value, Leniency { explicit_default_boolean: true }, &mut Leniency::default())
            .map(Some)
    }

    /// keyUsage, if present.
    ///
    /// # Errors
    /// The extension's value is not a KeyUsage.
    pub fn key_usage(&self) -> Result<Option<KeyUsage>, CertificateError> {
        self.extension(oid::KEY_USAGE).map(|extension| key_usage(&extension.value)).transpose()
    }

    /// subjectKeyIdentifier, if present.
    ///
    /// # Errors
    /// The extension's value is not an OCTET STRING.
    pub fn subject_key_identifier(&self) -> Result<Option<KeyIdentifier>, CertificateError> {
        let Some(extension) = self.extension(oid::SUBJECT_KEY_IDENTIFIER) else { return Ok(None) };
        let mut reader = Reader::new(&extension.value);
        let bytes = reader.expect(tag::OCTET_STRING, "subjectKeyIdentifier")?;
        reader.finish("subjectKeyIdentifier")?;
        Ok(Some(KeyIdentifier::new(bytes.content)))
    }

    /// The purposes in extendedKeyUsage, if present.
    ///
    /// # Errors
    /// The extension's value is not a non-empty SEQUENCE of object identifiers.
    pub fn extended_key_usage(&self) -> Result<Option<Vec<ObjectIdentifier>>, CertificateError> {
        let Some(extension) = self.extension(oid::EXTENDED_KEY_USAGE) else { return Ok(None) };
        let mut reader = Reader::new(&extension.value);
        let sequence = reader.expect(tag::SEQUENCE, "extKeyUsage")?;
        reader.finish("extKeyUsage")?;
        let mut purposes = Vec::new();
        let mut fields = Reader::new(sequence.content);
        while !fields.is_empty() {
            purposes.push(read_oid(&mut fields, "extKeyUsage purpose")?);
        }
        if purposes.is_empty() {
            return Err(CertificateError::EmptySequence { what: "extKeyUsage" });
        }
        Ok(Some(purposes))
    }

    /// Whether basicConstraints says that the subject is a CA.
    pub fn is_ca(&self) -> bool {
        matches!(self.basic_constraints(), Ok(Some(BasicConstraints { ca: true, .. })))
    }
}

fn version(fields: &mut Reader<'_>, reading: &mut Reading) -> Result<u8, CertificateError> {
    let Some(explicit) = fields.optional(0xA0, "version")? else { return Ok(1) };
    let mut reader = Reader::new(explicit.content);
    let integer = reader.expect(tag::INTEGER, "version")?;
    reader.finish("version")?;
    match integer.content {
        [2] => Ok(3),
        [1] => Ok(2),
        [0] if reading.named => {
            reading.met.insert(Deviation::ExplicitDefault);
            Ok(1)
        }
        // DER leaves the default away (X.690 §11.5)
        _ => Err(CertificateError::Version),
    }
}

fn read_algorithm(identifier: &[u8], reading: &mut Reading) -> Result<SignatureAlgorithm, CertificateError> {
    if !reading.named {
        return Ok(SignatureAlgorithm::from_identifier(identifier)?);
    }
    let (algorithm, otherwise) = SignatureAlgorithm::from_named_identifier(identifier)?;
    if otherwise {
        reading.met.insert(Deviation::AlgorithmParameters);
    }
    Ok(algorithm)
}

fn read_name(
    certificate: &Bytes,
    fields: &mut Reader<'_>,
    field: &'static str,
    reading: &mut Reading,
) -> Result<Name, CertificateError> {
    let der = fields.expect(tag::SEQUENCE, field)?.raw;
    let strict = Name::within(certificate, der);
    reading
        .either(strict, Deviation::NameOrder, || Name::within_named(certificate, der))
        .map_err(|source| CertificateError::Name { field, source })
}

fn read_validity(fields: &mut Reader<'_>, reading: &mut Reading) -> Result<Validity, CertificateError> {
    let sequence = fields.expect(tag::SEQUENCE, "validity")?;
    let mut times = Reader::new(sequence.content);
    let mut time = |field| {
        let element = times.element(field)?;
        let strict = Time::from_der(element.tag, element.content);
        reading
            .either(strict, Deviation::GeneralizedTime, || Time::from_named_der(element.tag, element.content))
            .map_err(|source| CertificateError::Time { field, source })
    };
    let not_before = time("notBefore")?;
    let not_after = time("notAfter")?;
    times.finish("notAfter")?;
    Validity::new(not_before, not_after).map_err(|source| CertificateError::Time { field: "validity", source })
}

fn extensions(certificate: &Bytes, content: &[u8], reading: &mut Reading) -> Result<Vec<Extension>, CertificateError> {
    let Reading { leniency, used, .. } = reading;
    let mut reader = Reader::new(content);
    let sequence = reader.expect(tag::SEQUENCE, "extensions")?;
    reader.finish("extensions")?;
    let mut list: Vec<Extension> = Vec::new();
    let mut items = Reader::new(sequence.content);
    while !items.is_empty() {
        if list.len() == Certificate::MAX_EXTENSIONS {
            return Err(CertificateError::TooManyExtensions { limit: Certificate::MAX_EXTENSIONS });
        }
        let item = items.expect(tag::SEQUENCE, "extension")?;
        let mut fields = Reader::new(item.content);
        let oid = read_oid(&mut fields, "extension identifier")?;
        let critical = match fields.optional(tag::BOOLEAN, "critical")? {
            None => false,
            Some(element) => boolean(element.content, "critical", *leniency, used)?,
        };
        let value = fields.expect(tag::OCTET_STRING, "extension value")?;
        fields.finish("extension value")?;
        if list.iter().any(|other| other.oid == oid) {
            return Err(CertificateError::DuplicateExtension { oid });
        }
        if oid == oid::BASIC_CONSTRAINTS {
            basic_constraints(value.content, *leniency, used)?;
        }
        list.push(Extension { oid, critical, value: certificate.slice_ref(value.content) });
    }
    // RFC 5280 §4.1: Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension
    if list.is_empty() { Err(CertificateError::EmptySequence { what: "extensions" }) } else { Ok(list) }
}

/// A BOOLEAN whose default is FALSE: DER writes only TRUE, as FF (X.690 §11.1, §11.5).
fn boolean(
    content: &[u8],
    what: &'static str,
    leniency: Leniency,
    used: &mut Leniency,
) -> Result<bool, CertificateError> {
    match content {
        [0xFF] => Ok(true),
        [0] if leniency.explicit_default_boolean => {
            used.explicit_default_boolean = true;
            Ok(false)
        }
        [0] => Err(CertificateError::ExplicitDefault { what }),
        _ => Err(CertificateError::Boolean { what }),
    }
}

fn basic_constraints(
    value: &[u8],
    leniency: Leniency,
    used: &mut Leniency,
) -> Result<BasicConstraints, CertificateError> {
    let mut reader = Reader::new(value);
    let sequence = reader.expect(tag::SEQUENCE, "basicConstraints")?;
    reader.finish("basicConstraints")?;
    let mut fields = Reader::new(sequence.content);
    let ca = match fields.optional(tag::BOOLEAN, "cA")? {
        None => false,
        Some(element) => boolean(element.content, "cA", leniency, used)?,
    };
    let path_len = match fields.optional(tag::INTEGER, "pathLenConstraint")? {
        None => None,
        Some(element) => Some(small_integer(element.content)?),
    };
    fields.finish("basicConstraints")?;
    Ok(BasicConstraints { ca, path_len })
}

fn small_integer(content: &[u8]) -> Result<u32, CertificateError> {
    match content {
        [] | [0x80..=0xFF, ..] | [0, 0..=0x7F, ..] => Err(CertificateError::PathLen),
        _ if content.len() > 4 => Err(CertificateError::PathLen),
        _ => Ok(content.iter().fold(0, |value, byte| (value << 8) | u32::from(*byte))),
    }
}

fn key_usage(value: &[u8]) -> Result<KeyUsage, CertificateError> {
    let mut reader = Reader::new(value);
    let bits = reader.expect(tag::BIT_STRING, "keyUsage")?;
    reader.finish("keyUsage")?;
    // X.690 §11.2: named bits have no trailing zero bits; RFC 5280 §4.2.1.3: at least one bit is set
    let [unused @ 0..=7, bytes @ ..] = bits.content else { return Err(CertificateError::KeyUsage) };
    let last = match bytes {
        [last] | [_, last] => *last,
        _ => return Err(CertificateError::KeyUsage),
    };
    if last == 0 || last.trailing_zeros() != u32::from(*unused) {
        return Err(CertificateError::KeyUsage);
    }
    let mut usage = u16::from(bytes[0].reverse_bits());
    if let Some(second) = bytes.get(1) {
        usage |= u16::from(second.reverse_bits()) << 8;
    }
    if usage >> 9 != 0 { Err(CertificateError::KeyUsage) } else { Ok(KeyUsage(usage)) }
}

impl Certificate {
    /// More extensions than any certificate has a use for.
    pub const MAX_EXTENSIONS: usize = 64;
}
