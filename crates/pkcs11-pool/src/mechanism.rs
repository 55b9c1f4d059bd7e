//! Which mechanism makes a signature, what goes into it and what comes out (PKCS #11 v3.1 §6.1, §6.3).

use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};

use crate::crypto::sha2;
use crate::x509::tlv::{element, tag};
use crate::x509::{KeyAlgorithm, Scheme, Sha2, SignatureAlgorithm};

use crate::error::Pkcs11Error;

/// How a token signs with an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    kind: Kind,
    /// Not read for Ed25519.
    hash: Sha2,
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

impl Plan {
    /// The best of the mechanisms that are on offer: one that takes a digest before one that hashes, since a digest is
    /// shorter than a certificate on the way to the token.
    ///
    /// # Errors
    /// None of them is on offer. The algorithm must fit the key.
    pub(crate) fn choose(
        key: KeyAlgorithm,
        algorithm: SignatureAlgorithm,
        offered: &[MechanismType],
        token: &str,
    ) -> Result<Self, Pkcs11Error> {
        // refused before: nothing new is signed with SHA-1
        let hash = algorithm.hash();
        let kinds: &[Kind] = match algorithm.scheme().filter(|_| hash.is_some()) {
            None => &[],
            Some(Scheme::Ecdsa) => &[Kind::Ecdsa, Kind::EcdsaWithHash],
            Some(Scheme::Ed25519) => &[Kind::Ed25519],
            Some(Scheme::RsaPkcs1) => &[Kind::Rsa, Kind::RsaWithHash],
            Some(Scheme::RsaPss) => &[Kind::Pss, Kind::PssWithHash],
        };
        let hash = hash.unwrap_or(Sha2::Sha256);
        let plans = kinds.iter().map(|kind| Self { kind: *kind, hash, key });
        plans.clone().find(|plan| offered.contains(&plan.mechanism().mechanism_type())).ok_or_else(|| {
            let names: Vec<String> = plans.map(|plan| plan.mechanism().mechanism_type().to_string()).collect();
            Pkcs11Error::Mechanism { token: token.to_owned(), algorithm, wanted: names.join(" nor ") }
        })
    }

    /// The mechanism with its parameters. It is neither `Send` nor `Sync`: made where it is used.
    pub(crate) fn mechanism(self) -> Mechanism<'static> {
        match (self.kind, self.hash) {
            (Kind::Ecdsa, _) => Mechanism::Ecdsa,
            (Kind::EcdsaWithHash, Sha2::Sha256) => Mechanism::EcdsaSha256,
            (Kind::EcdsaWithHash, Sha2::Sha384) => Mechanism::EcdsaSha384,
            (Kind::EcdsaWithHash, Sha2::Sha512) => Mechanism::EcdsaSha512,
            (Kind::Ed25519, _) => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)),
            (Kind::Rsa, _) => Mechanism::RsaPkcs,
            (Kind::RsaWithHash, Sha2::Sha256) => Mechanism::Sha256RsaPkcs,
            (Kind::RsaWithHash, Sha2::Sha384) => Mechanism::Sha384RsaPkcs,
            (Kind::RsaWithHash, Sha2::Sha512) => Mechanism::Sha512RsaPkcs,
            (Kind::Pss, hash) => Mechanism::RsaPkcsPss(pss(hash)),
            (Kind::PssWithHash, Sha2::Sha256) => Mechanism::Sha256RsaPkcsPss(pss(Sha2::Sha256)),
            (Kind::PssWithHash, Sha2::Sha384) => Mechanism::Sha384RsaPkcsPss(pss(Sha2::Sha384)),
            (Kind::PssWithHash, Sha2::Sha512) => Mechanism::Sha512RsaPkcsPss(pss(Sha2::Sha512)),
        }
    }

    /// What C_Sign is given for `message`.
    pub(crate) fn input(self, message: &[u8]) -> Vec<u8> {
        match self.kind {
            Kind::EcdsaWithHash | Kind::Ed25519 | Kind::RsaWithHash | Kind::PssWithHash => message.to_vec(),
            Kind::Pss => sha2(self.hash, message),
            Kind::Rsa => digest_info(self.hash, message),
            Kind::Ecdsa => {
                let mut digest = sha2(self.hash, message);
                // FIPS 186-5 §6.4.1 takes the leftmost bits, as many as the order has; not every token does it itself.
                // The orders of all curves with fewer bits than a digest are a whole number of bytes long.
                digest.truncate(self.key.field_bytes().unwrap_or(usize::MAX));
                digest
            }
        }
    }

    /// The signature as a certificate carries it, from what C_Sign returned.
    ///
    /// # Errors
    /// The length is wrong.
    pub(crate) fn output(self, signature: Vec<u8>, token: &str) -> Result<Vec<u8>, Pkcs11Error> {
        let expected = self.key.raw_signature();
        if signature.len() != expected {
            return Err(Pkcs11Error::Signature { token: token.to_owned(), found: signature.len(), expected });
        }
        Ok(match self.key.field_bytes() {
            None => signature,
            Some(bytes) => sig_value(&signature[..bytes], &signature[bytes..]),
        })
    }
}

/// RFC 8017 §9.2 step 2: what CKM_RSA_PKCS leaves to the caller.
fn digest_info(hash: Sha2, message: &[u8]) -> Vec<u8> {
    let algorithm =
        element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[hash.oid().as_bytes()]), &[tag::NULL, 0]]);
    element(tag::SEQUENCE, &[&algorithm, &element(tag::OCTET_STRING, &[&sha2(hash, message)])])
}

/// As `SignatureAlgorithm::identifier` has it: MGF1 with the same hash, a salt as long as the hash.
fn pss(hash: Sha2) -> PkcsPssParams {
    let (hash_alg, mgf) = match hash {
        Sha2::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        Sha2::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
        Sha2::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
    };
    PkcsPssParams { hash_alg, mgf, s_len: cryptoki::types::Ulong::new(hash.length().into()) }
}

/// ECDSA-Sig-Value (RFC 3279 §2.2.3) from r and s of full width.
fn sig_value(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
        let magnitude = &bytes[zeros..];
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
    fn a_digest_longer_than_the_curve_is_cut_to_its_leftmost_bytes() {
        let plan = |key| Plan { kind: Kind::Ecdsa, hash: Sha2::Sha512, key };
        let whole = sha2(Sha2::Sha512, b"abc");
        assert_eq!(plan(KeyAlgorithm::P256).input(b"abc"), whole[..32]);
        assert_eq!(plan(KeyAlgorithm::P384).input(b"abc"), whole[..48]);
        assert_eq!(plan(KeyAlgorithm::P521).input(b"abc"), whole);
    }

    #[test]
    fn r_and_s_become_minimal_integers() {
        let plan = Plan { kind: Kind::Ecdsa, hash: Sha2::Sha256, key: KeyAlgorithm::P256 };
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
            "token `a` returned a signature of 63 bytes, expected 64"
        );
    }

    #[test]
    fn a_digest_info_is_that_of_rfc_8017() {
        // RFC 8017 §9.2 note 1
        let prefix = hex::decode("3031300d060960864801650304020105000420").unwrap();
        assert!(digest_info(Sha2::Sha256, b"abc").starts_with(&prefix));
    }
}
