//! Protection of messages (RFC 9810 §5.1.3): by a shared secret or by signatures.

use crate::crypto::{PublicKey, hmac_sha1, hmac_sha256, sha256};
use crate::signer::{Secret, Signer};
use crate::x509::tlv::{Reader, element, tag};
use crate::x509::{Certificate, KeyAlgorithm, Name, SignatureAlgorithm, oid};

use crate::error::CmpError;

/// Most iterations of a key derivation that this side does for a peer's message.
const MAX_ITERATIONS: u64 = 100_000;
/// Iterations for this side's own messages: a number that peers are known to accept.
const ITERATIONS: [u8; 2] = [0x03, 0xE8];

/// What this side shows and what it demands.
#[expect(missing_debug_implementations, reason = "holds a secret or a signer")]
pub struct Credentials {
    /// By what messages are protected.
    pub protection: Protection,
    /// Certificates of those whose signatures count, with a shared secret too. Without any, answers must be protected
    /// by the secret.
    pub servers: Vec<Certificate>,
}

/// By what messages are protected.
#[expect(missing_debug_implementations, reason = "holds a secret or a signer")]
pub enum Protection {
    /// A secret that was agreed on, and the name by which the CA knows it.
    Secret {
        /// senderKID
        reference: Vec<u8>,
        /// The secret.
        secret: Secret,
    },
    /// The registration authority's certificate and key.
    Signature {
        /// The certificate.
        certificate: Box<Certificate>,
        /// The certificates above it, sent along.
        chain: Vec<Certificate>,
        /// The key.
        signer: Box<dyn Signer>,
    },
}

impl Protection {
    /// The sender's name; the null name with a secret (RFC 9483 §3.1).
    pub(super) fn sender(&self) -> Vec<u8> {
        match self {
            Self::Secret { .. } => vec![tag::SEQUENCE, 0],
            Self::Signature { certificate, .. } => certificate.subject().der().to_vec(),
        }
    }

    /// senderKID, if there is one.
    pub(super) fn key_identifier(&self) -> Option<Vec<u8>> {
        match self {
            Self::Secret { reference, .. } => Some(reference.clone()),
            Self::Signature { certificate, .. } => {
                certificate.subject_key_identifier().ok().flatten().map(|id| id.as_bytes().to_vec())
            }
        }
    }

    /// protectionAlg; `salt` is fresh.
    pub(super) fn algorithm(&self, salt: &[u8]) -> Result<Vec<u8>, CmpError> {
        match self {
            Self::Secret { .. } => {
                let identifier = |oid: oid::ObjectIdentifier| {
                    element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[oid.as_bytes()])])
                };
                let parameters = element(
                    tag::SEQUENCE,
                    &[
                        &element(tag::OCTET_STRING, &[salt]),
                        &identifier(oid::SHA256),
                        &element(tag::INTEGER, &[&ITERATIONS]),
                        &identifier(oid::HMAC_SHA256),
                    ],
                );
                let oid = element(tag::OBJECT_IDENTIFIER, &[oid::PASSWORD_BASED_MAC.as_bytes()]);
                Ok(element(tag::SEQUENCE, &[&oid, &parameters]))
            }
            Self::Signature { signer, .. } => Ok(signature_algorithm(signer.public_key().algorithm())?.identifier()),
        }
    }

    /// The protection of these bytes under the algorithm of [`algorithm`](Self::algorithm).
    pub(super) fn protect(&self, algorithm: &[u8], bytes: &[u8]) -> Result<Vec<u8>, CmpError> {
        match self {
            Self::Secret { secret, .. } => mac(algorithm, secret.expose(), bytes),
            Self::Signature { signer, .. } => {
                let algorithm = signature_algorithm(signer.public_key().algorithm())?;
                let mut signatures = Vec::with_capacity(1);
                signer.sign_bytes(algorithm, &[bytes], &mut signatures)?;
                signatures.pop().ok_or_else(|| wrong("the signer returned nothing"))
            }
        }
    }

    /// extraCerts
    pub(super) fn certificates(&self) -> Vec<&Certificate> {
        match self {
            Self::Secret { .. } => vec![],
            Self::Signature { certificate, chain, .. } => std::iter::once(&**certificate).chain(chain).collect(),
        }
    }
}

impl Credentials {
    /// Proves that an answer is the CA's.
    pub(super) fn verify(
        &self,
        algorithm: &[u8],
        sender: Option<&Name>,
        bytes: &[u8],
        protection: &[u8],
    ) -> Result<(), CmpError> {
        let mut reader = Reader::new(algorithm);
        let identifier = reader.expect(tag::SEQUENCE, "protectionAlg")?;
        let kind = Reader::new(identifier.content).oid("protectionAlg")?;
        if kind == oid::PASSWORD_BASED_MAC {
            let Protection::Secret { secret, .. } = &self.protection else {
                return Err(wrong("by a secret, and none was agreed on"));
            };
            let expected = mac(algorithm, secret.expose(), bytes)?;
            let differs = expected.len() != protection.len()
                || expected.iter().zip(protection).fold(0, |all, (a, b)| all | (a ^ b)) != 0;
            return if differs { Err(wrong("the MAC is not that of the agreed secret")) } else { Ok(()) };
        }
        let algorithm = SignatureAlgorithm::from_identifier(algorithm)
            .map_err(|error| wrong(&format!("protectionAlg: {error}")))?;
        if algorithm.is_over_sha1() {
            return Err(wrong("a signature over SHA-1 proves nothing"));
        }
        for server in self.servers.iter().filter(|server| sender.is_none_or(|sender| server.subject() == sender)) {
            let key = PublicKey::from_spki(server.spki()).map_err(|error| wrong(&error.to_string()))?;
            if key.verify(algorithm, bytes, protection).is_ok() {
                return Ok(());
            }
        }
        Err(wrong("it was signed by none of the certificates under `server_certificate`"))
    }
}

/// The password-based MAC of RFC 9810 §5.1.3.1 with SHA-256 and HMAC.
fn mac(algorithm: &[u8], secret: &[u8], bytes: &[u8]) -> Result<Vec<u8>, CmpError> {
    let identifier = Reader::new(algorithm).expect(tag::SEQUENCE, "protectionAlg")?;
    let mut fields = Reader::new(identifier.content);
    fields.oid("protectionAlg")?;
    let parameters = fields.expect(tag::SEQUENCE, "PBMParameter")?;
    let mut fields = Reader::new(parameters.content);
    let salt = fields.expect(tag::OCTET_STRING, "salt")?.content;
    let owf = Reader::new(fields.expect(tag::SEQUENCE, "owf")?.content).oid("owf")?;
    let count = fields.expect(tag::INTEGER, "iterationCount")?.content;
    let count = count.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let kind = Reader::new(fields.expect(tag::SEQUENCE, "mac")?.content).oid("mac")?;
    if owf != oid::SHA256 {
        return Err(wrong(&format!("key derivation with {owf}, expected SHA-256")));
    }
    if !(1..=MAX_ITERATIONS).contains(&count) {
        return Err(wrong(&format!("{count} iterations, expected 1 to {MAX_ITERATIONS}")));
    }
    let mut key = zeroize::Zeroizing::new(*sha256(&zeroize::Zeroizing::new([secret, salt].concat())).as_bytes());
    for _ in 1..count {
        *key = *sha256(&*key).as_bytes();
    }
    match kind {
        oid::HMAC_SHA256 => Ok(hmac_sha256(&*key, &[bytes]).to_vec()),
        oid::HMAC_SHA1 | oid::HMAC_SHA1_PKCS => Ok(hmac_sha1(&*key, &[bytes]).to_vec()),
        other => Err(wrong(&format!("MAC {other}, expected HMAC with SHA-256"))),
    }
}

fn signature_algorithm(key: KeyAlgorithm) -> Result<SignatureAlgorithm, CmpError> {
    key.signatures()
        .find(|algorithm| *algorithm == key.usual_signature())
        .ok_or_else(|| wrong(&format!("a key of kind {key} protects no request")))
}

fn wrong(what: &str) -> CmpError {
    CmpError::Protection { what: what.to_owned() }
}
