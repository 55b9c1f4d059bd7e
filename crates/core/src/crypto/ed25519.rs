//! What the libraries leave out about Ed25519: is the key a point at all, and one of large order?

use p256::elliptic_curve::bigint::{JacobiSymbol, NonZero, Odd, U256};

use crate::x509::KeyAlgorithm;

use super::{KeyError, SignatureError};

/// Bytes of a signature: R and S (RFC 8032 §5.1.6).
const SIGNATURE_BYTES: usize = 64;

/// Decodes a public key as RFC 8032 §5.1.3 wants it and refuses points of small order.
///
/// Points of large order outside the prime-order subgroup pass: telling them apart needs a full multiplication, and
/// they give an attacker nothing that an ordinary key of his own does not.
pub(super) fn check_key(key: &[u8]) -> Result<(), KeyError> {
    let algorithm = KeyAlgorithm::Ed25519;
    let mut bytes: [u8; 32] = key.try_into().map_err(|_| KeyError::NotOnCurve { algorithm })?;
    // the top bit is x's sign, free to choose for every y but those with x = 0, which are refused below
    bytes[31] &= 0x7F;
    let y = U256::from_le_slice(&bytes);
    // RFC 8032 §5.1.3 step 1: "If the resulting value is >= p, decoding fails."
    if y >= PRIME {
        return Err(KeyError::NotCanonical { algorithm });
    }
    if small_order().contains(&y) {
        return Err(KeyError::SmallOrder);
    }
    // step 2: x^2 = (y^2 - 1) / (d y^2 + 1) must be a square, which it is if numerator times denominator is one
    let prime = NonZero::new(PRIME).expect("the prime is not zero");
    let square = y.mul_mod(&y, &prime);
    let numerator = square.sub_mod(&U256::ONE, &prime);
    let denominator = square.mul_mod(&D, &prime).add_mod(&U256::ONE, &prime);
    let odd = Odd::new(PRIME).expect("the prime is odd");
    match numerator.mul_mod(&denominator, &prime).jacobi_symbol(&odd) {
        JacobiSymbol::One => Ok(()),
        _ => Err(KeyError::NotOnCurve { algorithm }),
    }
}

/// A signature is R and S with S < L; RFC 8032 §5.1.7: "If any of the decodings fail (including S being out of range),
/// the signature is invalid."
pub(super) fn check_signature(signature: &[u8]) -> Result<(), SignatureError> {
    if signature.len() != SIGNATURE_BYTES {
        return Err(SignatureError::Length { bytes: signature.len(), expected: SIGNATURE_BYTES });
    }
    if U256::from_le_slice(&signature[32..]) < ORDER { Ok(()) } else { Err(SignatureError::Range { part: "S" }) }
}

/// y of the eight points whose order divides 8; each but 1 and -1 belongs to two of them.
fn small_order() -> [U256; 5] {
    [U256::ZERO, U256::ONE, PRIME.wrapping_sub(&U256::ONE), ORDER_8, PRIME.wrapping_sub(&ORDER_8)]
}

/// p = 2^255 - 19 (RFC 8032 §5.1)
const PRIME: U256 = U256::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
/// d = -121665/121666 (RFC 8032 §5.1)
const D: U256 = U256::from_be_hex("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");
/// L = 2^252 + 27742317777372353535851937790883648493 (RFC 8032 §5.1)
const ORDER: U256 = U256::from_be_hex("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed");
/// y of two of the points of order 8; the other two have its negative.
const ORDER_8: U256 = U256::from_be_hex("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826");

#[cfg(test)]
mod tests {
    use super::*;

    fn key(y: U256, sign: bool) -> [u8; 32] {
        let mut bytes: [u8; 32] = y.to_le_bytes().as_ref().try_into().unwrap();
        bytes[31] |= u8::from(sign) << 7;
        bytes
    }

    #[test]
    fn the_key_of_rfc_8032_test_1_is_valid() {
        let bytes = hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
        assert_eq!(check_key(&bytes), Ok(()));
    }

    #[test]
    fn the_constants_satisfy_their_equations() {
        let prime = NonZero::new(PRIME).unwrap();
        // d * 121666 = -121665
        let left = D.mul_mod(&U256::from(121_666_u32), &prime);
        assert_eq!(left.add_mod(&U256::from(121_665_u32), &prime), U256::ZERO);
        // doubling a point of order 8 gives y = 0, so that x^2 = -y^2 and d y^4 + 2 y^2 = 1
        let square = ORDER_8.mul_mod(&ORDER_8, &prime);
        let fourth = square.mul_mod(&square, &prime);
        assert_eq!(D.mul_mod(&fourth, &prime).add_mod(&square.add_mod(&square, &prime), &prime), U256::ONE);
    }

    #[test]
    fn points_of_small_order_are_refused_with_either_sign() {
        for y in small_order() {
            for sign in [false, true] {
                assert_eq!(check_key(&key(y, sign)), Err(KeyError::SmallOrder));
            }
        }
    }

    #[test]
    fn coordinates_are_reduced_and_on_the_curve() {
        let algorithm = KeyAlgorithm::Ed25519;
        for y in [PRIME, PRIME.wrapping_add(&U256::ONE), U256::MAX.wrapping_shr(1)] {
            assert_eq!(check_key(&key(y, false)), Err(KeyError::NotCanonical { algorithm }));
        }
        // y = 2 has no x (RFC 8032 §5.1.3), y = 3 has one
        assert_eq!(check_key(&key(U256::from(2_u32), false)), Err(KeyError::NotOnCurve { algorithm }));
        assert_eq!(check_key(&key(U256::from(3_u32), false)), Ok(()));
        assert_eq!(check_key(&[1; 31]), Err(KeyError::NotOnCurve { algorithm }));
    }

    #[test]
    fn s_lies_below_the_order() {
        let mut signature = [0; 64];
        let s: [u8; 32] = ORDER.wrapping_sub(&U256::ONE).to_le_bytes().as_ref().try_into().unwrap();
        signature[32..].copy_from_slice(&s);
        assert_eq!(check_signature(&signature), Ok(()));
        let s: [u8; 32] = ORDER.to_le_bytes().as_ref().try_into().unwrap();
        signature[32..].copy_from_slice(&s);
        assert_eq!(check_signature(&signature), Err(SignatureError::Range { part: "S" }));
        assert_eq!(check_signature(&[0; 63]), Err(SignatureError::Length { bytes: 63, expected: 64 }));
    }
}
