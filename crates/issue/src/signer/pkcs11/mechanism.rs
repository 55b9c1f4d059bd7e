//! Which mechanism makes a signature, what goes into it and what comes out (PKCS #11 v3.1 §6.1, §6.3).

use aws_lc_rs::digest;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};

use crate::x509::tlv::{element, tag};
use crate::x509::{KeyAlgorithm, SignatureAlgorithm, oid};

use super::error::Pkcs11Error;

/// How a token signs with an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    kind: Kind,
    /// Not read for Ed25519.
    hash: Hash,
    key: KeyAlgorithm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Over a digest made here.
    Ecdsa,
    /// Over the message, which the token hashes.
    EcdsaWithHash,
    Ed25519,
    Rsa,
    RsaWithHash,
    Pss,
    PssWithHash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Plan {
    /// The best of the mechanisms that are on offer: one that takes a digest before one that hashes, since a digest is
    /// shorter than a certificate on the way to the token.
    ///
    /// # Errors
    /// None of them is on offer. The algorithm must fit the key.
    pub(super) fn choose(
        key: KeyAlgorithm,
        algorithm: SignatureAlgorithm,
        offered: &[MechanismType],
        token: &str,
    ) -> Result<Self, Pkcs11Error> {
        use SignatureAlgorithm as A;
        let (kinds, hash): (&[Kind], Hash) = match algorithm {
            // refused before: nothing new is signed with SHA-1
            A::EcdsaSha1 | A::Unverified(_) => (&[], Hash::Sha256),
            A::EcdsaSha256 => (&[Kind::Ecdsa, Kind::EcdsaWithHash], Hash::Sha256),
            A::EcdsaSha384 => (&[Kind::Ecdsa, Kind::EcdsaWithHash], Hash::Sha384),
            A::EcdsaSha512 => (&[Kind::Ecdsa, Kind::EcdsaWithHash], Hash::Sha512),
            A::Ed25519 => (&[Kind::Ed25519], Hash::Sha512),
            A::RsaPkcs1Sha256 => (&[Kind::Rsa, Kind::RsaWithHash], Hash::Sha256),
            A::RsaPkcs1Sha384 => (&[Kind::Rsa, Kind::RsaWithHash], Hash::Sha384),
            A::RsaPkcs1Sha512 => (&[Kind::Rsa, Kind::RsaWithHash], Hash::Sha512),
            A::RsaPssSha256 => (&[Kind::Pss, Kind::PssWithHash], Hash::Sha256),
            A::RsaPssSha384 => (&[Kind::Pss, Kind::PssWithHash], Hash::Sha384),
            A::RsaPssSha512 => (&[Kind::Pss, Kind::PssWithHash], Hash::Sha512),
        };
        let plans = kinds.iter().map(|kind| Self { kind: *kind, hash, key });
        plans.clone().find(|plan| offered.contains(&plan.mechanism().mechanism_type())).ok_or_else(|| {
            let names: Vec<String> = plans.map(|plan| plan.mechanism().mechanism_type().to_string()).collect();
            Pkcs11Error::Mechanism { token: token.to_owned(), algorithm, wanted: names.join(" nor ") }
        })
    }

    /// The mechanism with its parameters. It is neither `Send` nor `Sync`: made where it is used.
    pub(super) fn mechanism(self) -> Mechanism<'static> {
        match (self.kind, self.hash) {
            (Kind::Ecdsa, _) => Mechanism::Ecdsa,
            (Kind::EcdsaWithHash, Hash::Sha256) => Mechanism::EcdsaSha256,
            (Kind::EcdsaWithHash, Hash::Sha384) => Mechanism::EcdsaSha384,
            (Kind::EcdsaWithHash, Hash::Sha512) => Mechanism::EcdsaSha512,
            (Kind::Ed25519, _) => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)),
            (Kind::Rsa, _) => Mechanism::RsaPkcs,
            (Kind::RsaWithHash, Hash::Sha256) => Mechanism::Sha256RsaPkcs,
            (Kind::RsaWithHash, Hash::Sha384) => Mechanism::Sha384RsaPkcs,
            (Kind::RsaWithHash, Hash::Sha512) => Mechanism::Sha512RsaPkcs,
            (Kind::Pss, hash) => Mechanism::RsaPkcsPss(hash.pss()),
            (Kind::PssWithHash, Hash::Sha256) => Mechanism::Sha256RsaPkcsPss(Hash::Sha256.pss()),
            (Kind::PssWithHash, Hash::Sha384) => Mechanism::Sha384RsaPkcsPss(Hash::Sha384.pss()),
            (Kind::PssWithHash, Hash::Sha512) => Mechanism::Sha512RsaPkcsPss(Hash::Sha512.pss()),
        }
    }

    /// What C_Sign is given for `message`.
    pub(super) fn input(self, message: &[u8]) -> Vec<u8> {
        match self.kind {
            Kind::EcdsaWithHash | Kind::Ed25519 | Kind::RsaWithHash | Kind::PssWithHash => message.to_vec(),
            Kind::Pss => self.hash.digest(message),
            Kind::Rsa => self.hash.digest_info(message),
            Kind::Ecdsa => {
                let mut digest = self.hash.digest(message);
                // FIPS 186-5 §6.4.1 takes the leftmost bits, as many as the order has; not every token does it itself.
                // The orders of all curves with fewer bits than a digest are a whole number of octets long.
                digest.truncate(self.key.field_octets().unwrap_or(usize::MAX));
                digest
            }
        }
    }

    /// The signature as a certificate carries it, from what C_Sign returned.
    ///
    /// # Errors
    /// The length is wrong.
    pub(super) fn output(self, signature: Vec<u8>, token: &str) -> Result<Vec<u8>, Pkcs11Error> {
        let expected = match (self.key, self.key.field_octets()) {
            (_, Some(octets)) => 2 * octets,
            (KeyAlgorithm::Rsa { bits }, None) => usize::from(bits).div_ceil(8),
            (_, None) => 64,
        };
        if signature.len() != expected {
            return Err(Pkcs11Error::Signature { token: token.to_owned(), found: signature.len(), expected });
        }
        Ok(match self.key.field_octets() {
            None => signature,
            Some(octets) => sig_value(&signature[..octets], &signature[octets..]),
        })
    }
}

impl Hash {
    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn digest(self, message: &[u8]) -> Vec<u8> {
        digest::digest(self.algorithm(), message).as_ref().to_vec()
    }

    /// RFC 8017 §9.2 step 2: what CKM_RSA_PKCS leaves to the caller.
    fn digest_info(self, message: &[u8]) -> Vec<u8> {
        let hash = match self {
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        };
        let algorithm =
            element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[hash.as_bytes()]), &[tag::NULL, 0]]);
        element(tag::SEQUENCE, &[&algorithm, &element(tag::OCTET_STRING, &[&self.digest(message)])])
    }

    /// As `SignatureAlgorithm::identifier` has it: MGF1 with the same hash, a salt as long as the hash.
    fn pss(self) -> PkcsPssParams {
        let (hash_alg, mgf, salt) = match self {
            Self::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
            Self::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
            Self::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
        };
        PkcsPssParams { hash_alg, mgf, s_len: cryptoki::types::Ulong::new(salt) }
    }
}

/// ECDSA-Sig-Value (RFC 3279 §2.2.3) from r and s of full width.
fn sig_value(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |octets: &[u8]| {
        let zeros = octets.iter().take_while(|octet| **octet == 0).count().min(octets.len() - 1);
        let magnitude = &octets[zeros..];
        let sign: &[u8] = if magnitude[0] >= 0x80 { &[0] } else { &[] };
        element(tag::INTEGER, &[sign, magnitude])
    };
    element(tag::SEQUENCE, &[&integer(r), &integer(s)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::EcdsaSignature;

    fn choose(offered: &[MechanismType]) -> Result<Plan, String> {
        Plan::choose(KeyAlgorithm::P256, SignatureAlgorithm::EcdsaSha256, offered, "token `a`")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_mechanism_over_digests_is_preferred_and_one_that_hashes_will_do() {
        let both = choose(&[MechanismType::ECDSA_SHA256, MechanismType::ECDSA]).unwrap();
        assert_eq!(both.mechanism().mechanism_type(), MechanismType::ECDSA);
        assert_eq!(both.input(b"abc").len(), 32);
        let hashing = choose(&[MechanismType::ECDSA_SHA384, MechanismType::ECDSA_SHA256]).unwrap();
        assert_eq!(hashing.mechanism().mechanism_type(), MechanismType::ECDSA_SHA256);
        assert_eq!(hashing.input(b"abc"), b"abc");
        assert_eq!(
            choose(&[MechanismType::ECDSA_SHA384]),
            Err("token `a` cannot sign with ecdsa-sha256: it offers neither CKM_ECDSA nor CKM_ECDSA_SHA256".to_owned())
        );
    }

    #[test]
    fn a_digest_longer_than_the_curve_is_cut_to_its_leftmost_octets() {
        let plan = |key| Plan { kind: Kind::Ecdsa, hash: Hash::Sha512, key };
        let whole = digest::digest(&digest::SHA512, b"abc");
        assert_eq!(plan(KeyAlgorithm::P256).input(b"abc"), whole.as_ref()[..32]);
        assert_eq!(plan(KeyAlgorithm::P384).input(b"abc"), whole.as_ref()[..48]);
        assert_eq!(plan(KeyAlgorithm::P521).input(b"abc"), whole.as_ref());
    }

    #[test]
    fn r_and_s_become_minimal_integers() {
        let plan = Plan { kind: Kind::Ecdsa, hash: Hash::Sha256, key: KeyAlgorithm::P256 };
        for (r, s) in [([0x80; 32], [0x7F; 32]), ([0x01; 32], [0xFE; 32])] {
            let signature = plan.output([r, s].concat(), "t").unwrap();
            let parsed = EcdsaSignature::parse(KeyAlgorithm::P256, &signature).unwrap();
            assert_eq!((parsed.r(), parsed.s()), (&r[..], &s[..]));
        }
        let mut short = [[0; 32], [1; 32]].concat();
        short[30] = 0x80;
        let signature = plan.output(short, "t").unwrap();
        let parsed = EcdsaSignature::parse(KeyAlgorithm::P256, &signature).unwrap();
        assert_eq!(parsed.r(), [0x80, 0]);
        // not a signature, but no reason to panic: the caller verifies
        assert_eq!(plan.output(vec![0; 64], "t").unwrap(), [0x30, 6, 2, 1, 0, 2, 1, 0]);
        assert_eq!(
            plan.output(vec![0; 63], "token `a`").unwrap_err().to_string(),
            "token `a` returned a signature of 63 octets, expected 64"
        );
    }

    #[test]
    fn a_digest_info_is_that_of_rfc_8017() {
        // RFC 8017 §9.2 note 1
        let prefix = hex::decode("3031300d060960864801650304020105000420").unwrap();
        assert!(Hash::Sha256.digest_info(b"abc").starts_with(&prefix));
    }
}
