//! For tests: an issuer whose key is derived from a name that says TEST, signers that sign reproducibly, templates.
//!
//! The issuer's certificate is `fixtures/golden/issue/ca.der`, made by the recipe beside it.

use std::sync::atomic::{AtomicU64, Ordering};

use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};

use crate::cert::{DeviceLimits, Encoder, IssuerIdentity, ObjectTemplate, SerialBasis, SerialRule, TemplateFields};
use crate::crypto::sha256;
use crate::ledger::testing::leaf;
use crate::origin::{ItemName, Origin};
use crate::signer::{Signer, SignerError};
use crate::x509::tlv::{element, tag};
use crate::x509::{Certificate, Extension, Name, SerialNumber, SignatureAlgorithm, Spki, Time, Validity, oid};

use super::{Issuer, Seed, Serials};

/// The serial number that a template asks for in a batch of encoder 1, whose name does not matter.
pub(crate) fn serial_for(
    template: &ObjectTemplate,
    seed: &Seed,
    issuer: &IssuerIdentity,
    attempt: u32,
) -> SerialNumber {
    let basis = SerialBasis { encoder: Encoder::One, batch: "", seed, beacon: None };
    Serials::new(&basis, issuer.spki()).of(template, attempt)
}

/// Signs as RFC 6979 §3.2 says: the same bytes always have the same signature.
pub(crate) struct DeterministicSigner {
    key: SigningKey,
    public: Spki,
}

impl DeterministicSigner {
    /// The key that the recipe derives from the same name.
    pub(crate) fn new(name: &str) -> Self {
        assert!(name.contains("TEST"), "keys for tests say so");
        let key = SigningKey::from_slice(sha256(name.as_bytes()).as_bytes()).unwrap();
        let public = p256_spki(key.verifying_key().to_sec1_point(false).as_bytes());
        Self { key, public }
    }

    /// The key of [`identity`].
    pub(crate) fn issuing() -> Self {
        Self::new("reroot TEST issuing key")
    }

    /// One signature.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::DerSignature = self.key.sign(message);
        signature.as_bytes().to_vec()
    }
}

impl Signer for DeterministicSigner {
    fn public_key(&self) -> &Spki {
        &self.public
    }

    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        assert_eq!(algorithm, SignatureAlgorithm::EcdsaSha256);
        signatures.extend(messages.iter().map(|message| self.sign(message)));
        Ok(())
    }
}

/// Gives another signature each time, as an HSM does, but the same ones in each run of a test.
pub(crate) struct ChangingSigner {
    inner: DeterministicSigner,
    calls: AtomicU64,
}

impl ChangingSigner {
    /// Another `start`, other signatures.
    pub(crate) fn issuing(start: u64) -> Self {
        Self { inner: DeterministicSigner::issuing(), calls: AtomicU64::new(start) }
    }

    /// Another signature each time.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let nonce = sha256(&[&call.to_be_bytes(), message].concat());
        let scalar = |bytes: &[u8; 32]| <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(*bytes));
        // FIPS 186-5 §6.4.1
        let k = NonZeroScalar::new(scalar(nonce.as_bytes())).unwrap();
        let r = (ProjectivePoint::GENERATOR * *k).to_affine().x();
        let r = <Scalar as Reduce<FieldBytes>>::reduce(&r);
        let k_inverse = k.as_ref().invert().unwrap();
        let s = k_inverse * (scalar(sha256(message).as_bytes()) + r * **self.inner.key.as_nonzero_scalar());
        let signature = p256::ecdsa::Signature::from_scalars(r, s).unwrap();
        signature.to_der().as_bytes().to_vec()
    }
}

impl Signer for ChangingSigner {
    fn public_key(&self) -> &Spki {
        self.inner.public_key()
    }

    fn sign_batch(
        &self,
        _: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        signatures.extend(messages.iter().map(|message| self.sign(message)));
        Ok(())
    }
}

/// A P-256 key from its uncompressed point.
pub(crate) fn p256_spki(point: &[u8]) -> Spki {
    let algorithm = element(
        tag::SEQUENCE,
        &[
            &element(tag::OBJECT_IDENTIFIER, &[oid::EC_PUBLIC_KEY.as_bytes()]),
            &element(tag::OBJECT_IDENTIFIER, &[oid::SECP256R1.as_bytes()]),
        ],
    );
    Spki::from_der(&element(tag::SEQUENCE, &[&algorithm, &element(tag::BIT_STRING, &[&[0], point])])).unwrap()
}

/// The issuer of the golden certificates.
pub(crate) fn identity() -> IssuerIdentity {
    IssuerIdentity::new(Certificate::from_der(include_bytes!(golden!("ca.der"))).unwrap(), vec![]).unwrap()
}

/// That issuer with its key, signing reproducibly.
pub(crate) fn issuer() -> Issuer {
    Issuer::new(identity(), Box::new(DeterministicSigner::issuing())).unwrap()
}

/// The seed of the golden certificates: 00 01 … 1F.
pub(crate) fn seed() -> Seed {
    Seed(std::array::from_fn(|at| u8::try_from(at).unwrap()))
}

/// A template for the n-th made-up leaf of [`leaf`]. Its key is not a point on the curve: no code under test checks it.
pub(crate) fn template(n: u64) -> ObjectTemplate {
    template_with(n, |_| {})
}

/// As [`template`], but for what `change` changes.
pub(crate) fn template_with(n: u64, change: impl FnOnce(&mut TemplateFields)) -> ObjectTemplate {
    let key = leaf(n);
    let uid = key.uid.to_string();
    let mut fields = TemplateFields {
        origin: Origin {
            item: ItemName::input(b"made-up.zip").entry(format!("{n}.der").as_bytes()),
            uid: key.uid,
            fingerprint: key.source,
        },
        serial: SerialRule::Derived,
        signature: SignatureAlgorithm::EcdsaSha256,
        validity: validity("2026-01-31T12:00:00Z", "2056-01-31T11:59:59Z"),
        subject: name(&[(oid::ORGANIZATION_NAME, "Acme SA"), (oid::COMMON_NAME, &uid)]),
        spki: crate::ledger::testing::leaf_spki(n),
        extensions: extensions(&uid),
        device: DeviceLimits { stselib: false, max_certificate_bytes: None, full_width_signature: false },
        rules: crate::cert::RuleScope { may_outlive_issuer: false, profiles: crate::cert::Profiles::NONE },
    };
    change(&mut fields);
    ObjectTemplate::assert_decided(fields)
}

/// From and to, in RFC 3339.
pub(crate) fn validity(from: &str, to: &str) -> Validity {
    Validity::new(Time::from_rfc3339(from).unwrap(), Time::from_rfc3339(to).unwrap()).unwrap()
}

/// A name of UTF8Strings, one attribute an RDN.
pub(crate) fn name(attributes: &[(der::asn1::ObjectIdentifier, &str)]) -> Name {
    let rdns: Vec<u8> = attributes
        .iter()
        .flat_map(|(kind, value)| {
            let kind = element(tag::OBJECT_IDENTIFIER, &[kind.as_bytes()]);
            let value = element(tag::UTF8_STRING, &[value.as_bytes()]);
            element(tag::SET, &[&element(tag::SEQUENCE, &[&kind, &value])])
        })
        .collect();
    Name::from_der(&element(tag::SEQUENCE, &[&rdns])).unwrap()
}

/// authorityKeyIdentifier as in the golden certificates: a copy of the CA's subjectKeyIdentifier.
pub(crate) fn authority_key_identifier() -> Extension {
    let issuer = identity();
    let identifier = element(0x80, &[issuer.key_identifier().unwrap().as_bytes()]);
    Extension {
        oid: oid::AUTHORITY_KEY_IDENTIFIER,
        critical: false,
        value: element(tag::SEQUENCE, &[&identifier]).into(),
    }
}

/// The extensions of the golden certificate `full.der`.
pub(crate) fn extensions(uid: &str) -> Vec<Extension> {
    let uri = format!("urn:stsafe:{}", uid.to_lowercase());
    let client_auth = element(tag::OBJECT_IDENTIFIER, &[oid::KP_CLIENT_AUTH.as_bytes()]);
    let digest = sha256(b"reroot TEST subject key identifier");
    let extension = |oid, critical, value: Vec<u8>| Extension { oid, critical, value: value.into() };
    vec![
        extension(oid::BASIC_CONSTRAINTS, true, vec![tag::SEQUENCE, 0]),
        extension(oid::KEY_USAGE, true, vec![tag::BIT_STRING, 2, 7, 0x80]),
        extension(oid::EXTENDED_KEY_USAGE, false, element(tag::SEQUENCE, &[&client_auth])),
        extension(oid::SUBJECT_KEY_IDENTIFIER, false, element(tag::OCTET_STRING, &[&digest.as_bytes()[..20]])),
        authority_key_identifier(),
        extension(oid::SUBJECT_ALT_NAME, false, element(tag::SEQUENCE, &[&element(0x86, &[uri.as_bytes()])])),
    ]
}

/// The path of a golden file, for `include_bytes!`.
macro_rules! golden {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/golden/issue/", $name)
    };
}
pub(crate) use golden;
