//! TBSCertificate (RFC 5280 §4.1.2): encoded once, then only wrapped.

use crate::crypto::sha256;
use crate::origin::Origin;
use crate::x509::tlv::{Reader, nest, tag, write_element};
use crate::x509::{
    Certificate, Extension, LazySha256, SerialNumber, Sha256Digest, SignatureAlgorithm, Spki, Time, Validity,
};

use super::{IssuerIdentity, ObjectTemplate};

/// An encoded tbsCertificate and what the following stages need to know of it. It is one pointer, as a
/// [`VerifiedLeaf`](crate::verify::VerifiedLeaf) is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TbsCertificate(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    der: Vec<u8>,
    origin: Origin,
    serial: SerialNumber,
    attempt: u32,
    signature: SignatureAlgorithm,
    validity: Validity,
    spki: Spki,
    full_width_signature: bool,
    sha256: LazySha256,
}

impl TbsCertificate {
    /// Encodes `template` for `issuer`: version 3, the issuer's subject and the SubjectPublicKeyInfo as received.
    pub fn encode(issuer: &IssuerIdentity, template: &ObjectTemplate, serial: SerialNumber, attempt: u32) -> Self {
        let mut der = Vec::with_capacity(BYTES);
        nest(&mut der, tag::SEQUENCE, |der| {
            der.extend([0xA0, 3, tag::INTEGER, 1, 2]);
            write_element(der, tag::INTEGER, &[serial.content()]);
            template.signature.write_identifier(der);
            der.extend_from_slice(issuer.subject().der());
            nest(der, tag::SEQUENCE, |der| {
                template.validity.not_before().write_der(der);
                template.validity.not_after().write_der(der);
            });
            der.extend_from_slice(template.subject.der());
            der.extend_from_slice(template.spki.der());
            if !template.extensions.is_empty() {
                nest(der, 0xA3, |der| {
                    nest(der, tag::SEQUENCE, |der| {
                        template.extensions.iter().for_each(|extension| write_extension(der, extension));
                    });
                });
            }
        });
        Self(Box::new(Parts {
            der,
            origin: template.origin.clone(),
            serial,
            attempt,
            signature: template.signature,
            validity: template.validity,
            spki: template.spki.clone(),
            full_width_signature: template.device.full_width_signature,
            sha256: LazySha256::default(),
        }))
    }

    /// Restores what [`encode`](Self::encode) made at the first attempt for the chip of `origin`, from bytes that were
    /// stored outside memory. Returns `None` if the bytes do not begin as a tbsCertificate does. Nothing else of them is
    /// checked: the caller must prove by a digest that they were made for this chip
    /// ([`LintedDigest`](crate::lint::LintedDigest)).
    pub fn kept(
        der: &[u8],
        origin: &Origin,
        spki: &Spki,
        signature: SignatureAlgorithm,
        full_width_signature: bool,
    ) -> Option<Self> {
        let tbs = Reader::new(der).expect(tag::SEQUENCE, "tbsCertificate").ok()?;
        let mut fields = Reader::new(tbs.content);
        fields.expect(0xA0, "version").ok()?;
        let serial = SerialNumber::from_content(fields.expect(tag::INTEGER, "serialNumber").ok()?.content).ok()?;
        fields.expect(tag::SEQUENCE, "signature").ok()?;
        fields.expect(tag::SEQUENCE, "issuer").ok()?;
        let mut times = Reader::new(fields.expect(tag::SEQUENCE, "validity").ok()?.content);
        let mut time = |what| times.element(what).ok().and_then(|time| Time::from_der(time.tag, time.content).ok());
        let validity = Validity::new(time("notBefore")?, time("notAfter")?).ok()?;
        Some(Self(Box::new(Parts {
            der: der.to_vec(),
            origin: origin.clone(),
            serial,
            attempt: 0,
            signature,
            validity,
            spki: spki.clone(),
            full_width_signature,
            sha256: LazySha256::default(),
        })))
    }

    /// Returns the tbsCertificate of a certificate that an external CA made for the chip of `origin`. Does not check
    /// that the certificate is for this chip: `reroot-issue` does.
    pub fn received(certificate: &Certificate, origin: &Origin) -> Self {
        Self(Box::new(Parts {
            der: certificate.tbs().to_vec(),
            origin: origin.clone(),
            serial: *certificate.serial(),
            attempt: 0,
            signature: certificate.signature_algorithm(),
            validity: certificate.validity(),
            spki: certificate.spki().clone(),
            full_width_signature: false,
            sha256: LazySha256::default(),
        }))
    }

    /// The bytes to sign.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// SHA-256 of the bytes, computed when it is first asked for.
    pub fn sha256(&self) -> Sha256Digest {
        self.0.sha256.get(|| sha256(&self.0.der))
    }

    /// The chip and its item.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The new certificate's serial number.
    pub fn serial(&self) -> &SerialNumber {
        &self.0.serial
    }

    /// How many serial numbers were given up for this leaf before this one.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// The algorithm of the signature to come.
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.0.signature
    }

    /// validity
    pub fn validity(&self) -> Validity {
        self.0.validity
    }

    /// subjectPublicKeyInfo
    pub fn spki(&self) -> &Spki {
        &self.0.spki
    }

    /// Whether neither r nor s of the signature may begin with a zero byte.
    pub fn full_width_signature(&self) -> bool {
        self.0.full_width_signature
    }

    /// The certificate: these very bytes, the algorithm, and `signature`.
    pub fn wrap(&self, signature: &[u8]) -> Vec<u8> {
        let mut certificate = Vec::with_capacity(self.0.der.len() + signature.len() + 64);
        nest(&mut certificate, tag::SEQUENCE, |out| {
            out.extend_from_slice(&self.0.der);
            self.0.signature.write_identifier(out);
            write_element(out, tag::BIT_STRING, &[&[0], signature]);
        });
        certificate
    }
}

/// Room for what most tbsCertificates take.
const BYTES: usize = 768;

/// RFC 5280 §4.1: the default of critical is omitted (X.690 §11.5).
fn write_extension(out: &mut Vec<u8>, extension: &Extension) {
    nest(out, tag::SEQUENCE, |out| {
        write_element(out, tag::OBJECT_IDENTIFIER, &[extension.oid.as_bytes()]);
        if extension.critical {
            out.extend([tag::BOOLEAN, 1, 0xFF]);
        }
        write_element(out, tag::OCTET_STRING, &[&extension.value]);
    });
}
