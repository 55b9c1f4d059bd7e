//! A small CA for manifests: TEST keys that follow from a number, certificates bent as tests need them.

use p256::pkcs8::EncodePrivateKey as _;
use reroot_core::cert::Seed;
use reroot_core::manifest::{
    AnchorReference, Counts, EntriesReference, FileDigest, Format, InputsReference, IssuerMode, IssuerReference,
    PolicyReference, Possession, Statement,
};
use reroot_core::verify::Family;
use reroot_core::x509::oid::{self, ObjectIdentifier};
use reroot_core::x509::tlv::{element, tag};
use reroot_core::x509::{Certificate, Sha256Digest, SignatureAlgorithm, Spki, Time};
use reroot_issue::signer::{Signer, SignerError};

/// A TEST key and its signer (RFC 6979: the same message has the same signature).
pub struct TestKey {
    half: Half,
    spki: Spki,
}

enum Half {
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
}

impl TestKey {
    /// A P-256 key.
    pub fn p256(number: u8) -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(&[number; 32]).expect("a small number is a key");
        let spki = spki(oid::SECP256R1, key.verifying_key().to_sec1_point(false).as_bytes());
        Self { half: Half::P256(Box::new(key)), spki }
    }

    /// A P-384 key.
    pub fn p384(number: u8) -> Self {
        let key = p384::ecdsa::SigningKey::from_slice(&[number; 48]).expect("a small number is a key");
        let spki = spki(oid::SECP384R1, key.verifying_key().to_sec1_point(false).as_bytes());
        Self { half: Half::P384(Box::new(key)), spki }
    }

    /// The public half.
    pub fn spki(&self) -> &Spki {
        &self.spki
    }

    /// The private half, PKCS#8.
    pub fn pkcs8(&self) -> Vec<u8> {
        match &self.half {
            Half::P256(key) => key.to_pkcs8_der().expect("a key can be encoded").as_bytes().to_vec(),
            Half::P384(key) => key.to_pkcs8_der().expect("a key can be encoded").as_bytes().to_vec(),
        }
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.half {
            Half::P256(_) => SignatureAlgorithm::EcdsaSha256,
            Half::P384(_) => SignatureAlgorithm::EcdsaSha384,
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        use p256::ecdsa::signature::Signer as _;
        match &self.half {
            Half::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Half::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
        }
    }
}

impl Signer for TestKey {
    fn public_key(&self) -> &Spki {
        &self.spki
    }

    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        assert_eq!(algorithm, self.algorithm());
        signatures.extend(messages.iter().map(|message| self.sign(message)));
        Ok(())
    }
}

fn spki(curve: ObjectIdentifier, point: &[u8]) -> Spki {
    let kind = element(tag::OBJECT_IDENTIFIER, &[oid::EC_PUBLIC_KEY.as_bytes()]);
    let curve = element(tag::OBJECT_IDENTIFIER, &[curve.as_bytes()]);
    let algorithm = element(tag::SEQUENCE, &[&kind, &curve]);
    let der = element(tag::SEQUENCE, &[&algorithm, &element(tag::BIT_STRING, &[&[0], point])]);
    Spki::from_der(&der).expect("the key is well formed")
}

/// What a certificate says.
#[derive(Clone)]
pub struct Shape {
    /// Content of the INTEGER.
    pub serial: Vec<u8>,
    /// The issuer's common name.
    pub issuer: String,
    /// The subject's common name.
    pub subject: String,
    /// The certified key.
    pub spki: Spki,
    /// Start of the validity.
    pub not_before: Time,
    /// End of the validity.
    pub not_after: Time,
    /// Extensions, each as DER.
    pub extensions: Vec<Vec<u8>>,
}

impl Shape {
    /// The certificate, signed with `issuer`.
    pub fn certify(&self, issuer: &TestKey) -> Certificate {
        let algorithm = issuer.algorithm().identifier();
        let extensions = match &self.extensions[..] {
            [] => vec![],
            list => element(0xA3, &[&element(tag::SEQUENCE, &[&list.concat()])]),
        };
        let tbs = element(
            tag::SEQUENCE,
            &[
                &[0xA0, 3, tag::INTEGER, 1, 2],
                &element(tag::INTEGER, &[&self.serial]),
                &algorithm,
                &name(&self.issuer),
                &element(tag::SEQUENCE, &[&self.not_before.to_der(), &self.not_after.to_der()]),
                &name(&self.subject),
                self.spki.der(),
                &extensions,
            ],
        );
        let signature = element(tag::BIT_STRING, &[&[0], &issuer.sign(&tbs)]);
        let der = element(tag::SEQUENCE, &[&tbs, &algorithm, &signature]);
        Certificate::from_der(&der).expect("the certificate is well formed")
    }
}

fn name(common_name: &str) -> Vec<u8> {
    let kind = element(tag::OBJECT_IDENTIFIER, &[oid::COMMON_NAME.as_bytes()]);
    let value = element(tag::UTF8_STRING, &[common_name.as_bytes()]);
    element(tag::SEQUENCE, &[&element(tag::SET, &[&element(tag::SEQUENCE, &[&kind, &value])])])
}

/// One extension.
pub fn extension(kind: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let kind = element(tag::OBJECT_IDENTIFIER, &[kind.as_bytes()]);
    let critical: &[u8] = if critical { &[tag::BOOLEAN, 1, 0xFF] } else { &[] };
    element(tag::SEQUENCE, &[&kind, critical, &element(tag::OCTET_STRING, &[value])])
}

/// basicConstraints, critical.
pub fn ca(is: bool) -> Vec<u8> {
    let ca: &[u8] = if is { &[tag::BOOLEAN, 1, 0xFF] } else { &[] };
    extension(oid::BASIC_CONSTRAINTS, true, &element(tag::SEQUENCE, &[ca]))
}

/// keyUsage, critical; `bits` and `unused` as in the BIT STRING.
pub fn key_usage(unused: u8, bits: u8) -> Vec<u8> {
    extension(oid::KEY_USAGE, true, &element(tag::BIT_STRING, &[&[unused, bits]]))
}

/// extendedKeyUsage.
pub fn purposes(critical: bool, purposes: &[ObjectIdentifier]) -> Vec<u8> {
    let list: Vec<u8> =
        purposes.iter().flat_map(|purpose| element(tag::OBJECT_IDENTIFIER, &[purpose.as_bytes()])).collect();
    extension(oid::EXTENDED_KEY_USAGE, critical, &element(tag::SEQUENCE, &[&list]))
}

/// A time.
pub fn time(text: &str) -> Time {
    Time::from_rfc3339(text).expect("the test's time is a time")
}

/// A root with keyCertSign and cRLSign.
pub fn root(common_name: &str, key: &TestKey) -> Certificate {
    root_until(common_name, key, time("2050-01-01T00:00:00Z"))
}

/// As [`root`], with another end.
pub fn root_until(common_name: &str, key: &TestKey, not_after: Time) -> Certificate {
    Shape {
        serial: vec![1],
        issuer: common_name.to_owned(),
        subject: common_name.to_owned(),
        spki: key.spki().clone(),
        not_before: time("2020-01-01T00:00:00Z"),
        not_after,
        extensions: vec![ca(true), key_usage(1, 0x06)],
    }
    .certify(key)
}

/// What a manifest signer's certificate says, by the root of this name.
pub fn signer_shape(root: &str, key: &TestKey) -> Shape {
    Shape {
        serial: vec![0x42],
        issuer: root.to_owned(),
        subject: "TEST manifest signer".to_owned(),
        spki: key.spki().clone(),
        not_before: time("2026-01-01T00:00:00Z"),
        not_after: time("2027-12-31T23:59:59Z"),
        extensions: vec![key_usage(7, 0x80), purposes(true, &[oid::KP_DOCUMENT_SIGNING])],
    }
}

/// A statement about nothing, made at `created`.
pub fn statement(created: Time, files: Vec<FileDigest>) -> Statement {
    let digest = Sha256Digest::new([0xAA; 32]);
    Statement {
        format: Format::Two(Family::StsafeA),
        batch: "01968d2e-7b00-7cc3-98c4-dc0c0c07398f".to_owned(),
        issued_at: created,
        created,
        tool: "reroot 0.1.0".to_owned(),
        inputs: InputsReference { sha256: digest, count: 1 },
        anchors: vec![AnchorReference {
            subject: "CN=TEST source root".to_owned(),
            spki_sha256: digest,
            sha256: digest,
        }],
        relaxations: vec![],
        policy: PolicyReference { name: "test".to_owned(), version: 1, sha256: digest },
        params: std::collections::BTreeMap::from([("lot".to_owned(), "A0042".to_owned())]),
        reissue: None,
        bulk_id: None,
        issuer: IssuerReference {
            mode: IssuerMode::Local,
            subject: "CN=TEST issuing CA".to_owned(),
            sha256: digest,
            spki_sha256: digest,
        },
        serial_seed: Some(Seed([7; 32])),
        beacon: None,
        discarded_serials: vec![],
        expected: None,
        counts: Counts { items: 0, issued: 0, rejected: 0, ignored: 0, signatures_made: 0 },
        entries: EntriesReference { sha256: digest, tree_size: 0, root_hash: digest },
        rejected: digest,
        files,
        previous: None,
        proof_of_possession: Possession::None,
        seals: vec![],
    }
}

/// PEM text of a certificate.
pub fn pem(certificate: &Certificate) -> String {
    reroot_core::delivery::certificate_to_pem(certificate.der())
}
