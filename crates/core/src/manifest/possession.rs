//! Proof of possession after delivery: challenges, receipts, and the supplement that seals them.
//!
//! A chip on a reel cannot be asked whether it holds its key; one on the line can. What it signs is never bytes of a
//! stranger's choice, or it would be a signing oracle: the message begins with a text of its own, names batch, chip and
//! certificate, and ends in a nonce that this program drew.

use serde::{Deserialize, Serialize};

use crate::crypto::{EcdsaSignature, PublicKey, SignatureError, sha2};
use crate::origin::Uid;
use crate::x509::tlv::{element, tag};
use crate::x509::{KeyAlgorithm, Scheme, Sha256Digest, Spki, Time};

use super::error::{ManifestError, Part};
use super::json;

/// What a chip is asked to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The batch's name.
    pub batch: String,
    /// The chip.
    pub uid: Uid,
    /// SHA-256 of the new certificate.
    pub certificate_sha256: Sha256Digest,
    /// Random, drawn for this challenge.
    pub nonce: [u8; 32],
}

impl Challenge {
    /// The domain of the message, and the format of the file.
    pub const FORMAT: &str = "reroot-pop/1";

    /// The bytes that are signed: the format, a byte 00, the batch's name, the length of the UID in one byte, the
    /// UID, the digest, the nonce.
    pub fn message(&self) -> Vec<u8> {
        let uid = self.uid.as_bytes();
        let length = u8::try_from(uid.len()).expect("a UID has at most 20 bytes");
        let parts: [&[u8]; 7] = [
            Self::FORMAT.as_bytes(),
            &[0],
            self.batch.as_bytes(),
            &[length],
            uid,
            self.certificate_sha256.as_bytes(),
            &self.nonce,
        ];
        parts.concat()
    }

    /// What the chip signs with a key of this kind: the name of the hash and the hash of the message, or the message.
    pub fn to_sign(&self, key: KeyAlgorithm) -> (&'static str, Vec<u8>) {
        let message = self.message();
        match (key.usual_signature().scheme(), key.usual_signature().hash()) {
            (Some(Scheme::Ed25519), _) | (_, None) => ("none", message),
            (_, Some(hash)) => (hash.name(), sha2(hash, &message)),
        }
    }

    /// One line of JSON for the station.
    pub fn to_line(&self, key: KeyAlgorithm) -> String {
        let (hash, sign) = self.to_sign(key);
        let line = ChallengeLine {
            batch: self.batch.clone(),
            uid: self.uid,
            certificate_sha256: self.certificate_sha256,
            nonce: self.nonce,
            hash: hash.to_owned(),
            sign: hex::encode(sign),
        };
        line.text()
    }

    /// Reads a challenge. What `sign` says is not looked at: it follows from the rest.
    ///
    /// # Errors
    /// It is spelled otherwise.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let line: ChallengeLine = json::read(Part::Possession, text)?;
        json::same(Part::Possession, text, &line.text())?;
        let ChallengeLine { batch, uid, certificate_sha256, nonce, .. } = line;
        Ok(Self { batch, uid, certificate_sha256, nonce })
    }
}

/// A challenge as it is written. That `format` is the right one is seen when it is written again.
#[derive(Deserialize, Serialize)]
#[serde(tag = "format", rename = "reroot-pop/1")]
struct ChallengeLine {
    #[serde(deserialize_with = "json::batch")]
    batch: String,
    uid: Uid,
    certificate_sha256: Sha256Digest,
    #[serde(with = "lower")]
    nonce: [u8; 32],
    hash: String,
    sign: String,
}

impl ChallengeLine {
    fn text(&self) -> String {
        json::line(self) + "\n"
    }
}

/// A chip's answer as it is kept, one line of `NAME.pop.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The chip.
    pub uid: Uid,
    /// SHA-256 of the new certificate.
    pub certificate_sha256: Sha256Digest,
    /// The nonce of the challenge.
    #[serde(with = "lower")]
    pub nonce: [u8; 32],
    /// The chip's signature over the message: ECDSA-Sig-Value in DER, or the 64 bytes of Ed25519.
    #[serde(with = "lower")]
    pub signature: Vec<u8>,
    /// When the station took it, by its own clock.
    pub time: Time,
}

impl Receipt {
    /// Verifies that the key in `spki` signed this challenge for `batch`.
    ///
    /// # Errors
    /// The signature does not hold.
    pub fn verify(&self, batch: &str, spki: &Spki) -> Result<(), SignatureError> {
        let key = PublicKey::from_spki(spki).map_err(|_| SignatureError::Invalid)?;
        let challenge = Challenge {
            batch: batch.to_owned(),
            uid: self.uid,
            certificate_sha256: self.certificate_sha256,
            nonce: self.nonce,
        };
        key.verify(spki.algorithm().usual_signature(), &challenge.message(), &self.signature)
    }

    /// The line, without a newline.
    pub fn line(&self) -> String {
        json::line(self)
    }

    /// Reads a line without its newline.
    ///
    /// # Errors
    /// It is spelled otherwise.
    pub fn parse(line: &str) -> Result<Self, ManifestError> {
        let read: Self = json::read(Part::Possession, line.as_bytes())?;
        json::same(Part::Possession, line.as_bytes(), &read.line())?;
        if read.signature.len() > MAX_SIGNATURE {
            let found = format!("of {} bytes", read.signature.len());
            return Err(ManifestError::value(Part::Possession, "signature", &found, "at most 256 bytes"));
        }
        Ok(read)
    }

    /// Every line of a receipts file.
    ///
    /// # Errors
    /// A line cannot be read, or the last one has no newline: it was cut off.
    pub fn parse_all(file: &[u8]) -> Result<Vec<Self>, ManifestError> {
        let broken = |found: &str| ManifestError::value(Part::Possession, "line", found, "text that ends in a newline");
        let text = std::str::from_utf8(file).map_err(|_| broken("no text"))?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(broken("cut off"));
        }
        text.split_terminator('\n').map(Self::parse).collect()
    }
}

/// A signature as chips give it: r and s of full width one after the other, or already in DER.
///
/// # Errors
/// It is neither, for this kind of key.
pub fn signature_from_chip(key: KeyAlgorithm, bytes: &[u8]) -> Result<Vec<u8>, SignatureError> {
    let Some(width) = key.field_bytes() else { return Ok(bytes.to_vec()) };
    if bytes.len() != 2 * width {
        return EcdsaSignature::parse(key, bytes).map(|_| bytes.to_vec());
    }
    let integer = |part: &[u8]| {
        let digits = &part[part.iter().take_while(|byte| **byte == 0).count()..];
        let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
        element(tag::INTEGER, &[sign, digits])
    };
    let (r, s) = bytes.split_at(width);
    Ok(element(tag::SEQUENCE, &[&integer(r), &integer(s)]))
}

/// What a sealed supplement says about the receipts of a batch: `NAME.pop.json`.
// that `format` is the right one is seen when it is written again
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "format", rename = "reroot-possession/1")]
pub struct Supplement {
    /// The batch's name.
    #[serde(deserialize_with = "json::batch")]
    pub batch: String,
    /// SHA-256 of the batch's `manifest.json`.
    pub statement_sha256: Sha256Digest,
    /// When it was made: also the seal's signingTime.
    pub created: Time,
    /// SHA-256 of the receipts file.
    pub receipts_sha256: Sha256Digest,
    /// Chips that answered.
    pub shown: u64,
    /// Chips of the batch.
    pub chips: u64,
}

impl Supplement {
    /// The one format this release writes and reads.
    pub const FORMAT: &str = "reroot-possession/1";

    /// The bytes of the file: one line of JSON, ended by a newline.
    pub fn to_line(&self) -> String {
        json::line(self) + "\n"
    }

    /// Reads a supplement.
    ///
    /// # Errors
    /// It is spelled otherwise.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let read: Self = json::read(Part::Possession, text)?;
        json::same(Part::Possession, text, &read.to_line())?;
        Ok(read)
    }
}

/// Bytes in lower-case hexadecimal.
mod lower {
    use serde::{Deserializer, Serializer};

    use crate::manifest::json::{Spelled, lower_hex};

    pub(super) fn serialize<S: Serializer>(bytes: &impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(deserializer: D) -> Result<T, D::Error> {
        let read = |text: &str| lower_hex(text)?.try_into().ok();
        deserializer.deserialize_str(Spelled("lower-case hexadecimal of its length", read))
    }
}

const MAX_SIGNATURE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sha256;

    fn challenge() -> Challenge {
        Challenge {
            batch: "01968d2e-7b00-7cc3-98c4-dc0c0c07398f".to_owned(),
            uid: "0209A021E021C4E1D00139".parse().unwrap(),
            certificate_sha256: sha256(b"certificate"),
            nonce: [7; 32],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let challenge = challenge();
        let line = challenge.to_line(KeyAlgorithm::P256);
        assert_eq!(Challenge::parse(line.as_bytes()).unwrap(), challenge);
        let receipt = Receipt {
            uid: challenge.uid,
            certificate_sha256: challenge.certificate_sha256,
            nonce: challenge.nonce,
            signature: vec![0x30, 0],
            time: Time::from_rfc3339("2026-06-01T12:00:00Z").unwrap(),
        };
        let file = format!("{}\n", receipt.line());
        assert_eq!(Receipt::parse_all(file.as_bytes()).unwrap(), std::slice::from_ref(&receipt));
        assert!(Receipt::parse_all(receipt.line().as_bytes()).is_err(), "cut off");
        let supplement = Supplement {
            batch: challenge.batch,
            statement_sha256: sha256(b"statement"),
            created: receipt.time,
            receipts_sha256: sha256(b"receipts"),
            shown: 1,
            chips: 2,
        };
        assert_eq!(Supplement::parse(supplement.to_line().as_bytes()).unwrap(), supplement);
    }

    #[test]
    fn the_message_has_a_domain_of_its_own_and_every_part() {
        let one = challenge();
        let message = one.message();
        assert!(message.starts_with(b"reroot-pop/1\0") && message.ends_with(&[7; 32]));
        assert_eq!(message.len(), 13 + 36 + 1 + 11 + 32 + 32);
        for other in [
            Challenge { batch: one.batch.replace('8', "9"), ..one.clone() },
            Challenge { uid: "0209A021E021C4E1D0013A".parse().unwrap(), ..one.clone() },
            Challenge { certificate_sha256: sha256(b""), ..one.clone() },
            Challenge { nonce: [8; 32], ..one.clone() },
        ] {
            assert_ne!(other.message(), message);
        }
    }

    #[test]
    fn signatures_of_chips_become_der() {
        let mut raw = [1; 64];
        raw[32] = 0x80;
        let der = signature_from_chip(KeyAlgorithm::P256, &raw).unwrap();
        assert_eq!(der[..4], [0x30, 69, 2, 32]);
        assert_eq!(signature_from_chip(KeyAlgorithm::P256, &der).unwrap(), der);
        assert!(signature_from_chip(KeyAlgorithm::P256, &raw[1..]).is_err());
        assert_eq!(signature_from_chip(KeyAlgorithm::Ed25519, &raw).unwrap(), raw);
    }
}
