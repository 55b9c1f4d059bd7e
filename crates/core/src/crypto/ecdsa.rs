//! The form of ECDSA signatures (RFC 3279 §2.2.3), checked before any library sees them.

use crate::x509::KeyAlgorithm;
use crate::x509::tlv::{Reader, nest, tag, write_element};

use super::SignatureError;

/// An ECDSA-Sig-Value whose form was checked: DER, minimal, 1 <= r, s < n. It proves nothing about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcdsaSignature<'a> {
    r: &'a [u8],
    s: &'a [u8],
}

impl<'a> EcdsaSignature<'a> {
    /// Reads the bytes of a signature made with a key on `curve`.
    ///
    /// # Errors
    /// The bytes are not exactly one SEQUENCE of two minimal positive INTEGERs, or r or s is not in 1 to n - 1.
    pub fn parse(curve: KeyAlgorithm, signature: &'a [u8]) -> Result<Self, SignatureError> {
        let order = curve.order().ok_or(SignatureError::Encoding)?;
        let mut reader = Reader::new(signature);
        let sequence = reader.expect(tag::SEQUENCE, "signature").map_err(|_| SignatureError::Encoding)?;
        reader.finish("signature").map_err(|_| SignatureError::Encoding)?;
        let mut integers = Reader::new(sequence.content);
        let r = integer(&mut integers, "r", order)?;
        let s = integer(&mut integers, "s", order)?;
        integers.finish("s").map_err(|_| SignatureError::Encoding)?;
        Ok(Self { r, s })
    }

    /// r without leading zero bytes.
    pub const fn r(&self) -> &'a [u8] {
        self.r
    }

    /// s without leading zero bytes.
    pub const fn s(&self) -> &'a [u8] {
        self.s
    }
}

/// Returns a signature with the lower of the two values of s that verify. A signature (r, s) has a twin (r, n - s),
/// which anyone can make: code that keeps, compares or publishes signatures must always use the same one of the two.
///
/// Signatures other than ECDSA and malformed ones come back as they are.
pub fn low_s(key: KeyAlgorithm, signature: Vec<u8>) -> Vec<u8> {
    in_form(key, signature, false)
}

/// As [`low_s`], for a certificate that may have to be of full width. On P-521 the lower s begins with a zero byte
/// always, the higher one with overwhelming probability never: there the higher one is kept where full width is wanted.
pub fn kept_form(key: KeyAlgorithm, full_width: bool, signature: Vec<u8>) -> Vec<u8> {
    in_form(key, signature, keeps_higher_s(key, full_width))
}

/// Whether a signature is in the form that [`kept_form`] gives. Signatures other than ECDSA have one form.
pub fn is_kept_form(key: KeyAlgorithm, full_width: bool, signature: &[u8]) -> bool {
    let Some(order) = key.order() else { return true };
    EcdsaSignature::parse(key, signature)
        .is_ok_and(|EcdsaSignature { s, .. }| is_higher(order, s) == keeps_higher_s(key, full_width))
}

/// Whether [`kept_form`] is the one with the higher of the two values of s that verify.
pub fn keeps_higher_s(key: KeyAlgorithm, full_width: bool) -> bool {
    full_width && key.has_short_lower_s()
}

/// The signature or its twin, whichever has the higher s or the lower one.
fn in_form(key: KeyAlgorithm, signature: Vec<u8>, higher: bool) -> Vec<u8> {
    let Some(order) = key.order() else { return signature };
    let Ok(EcdsaSignature { r, s }) = EcdsaSignature::parse(key, &signature) else { return signature };
    if is_higher(order, s) == higher {
        return signature;
    }
    ecdsa_signature(r, difference(order, s, &mut [0; MAX_BYTES]))
}

/// Whether s is the higher of the two values that verify.
fn is_higher(order: &[u8], s: &[u8]) -> bool {
    let mut twin = [0; MAX_BYTES];
    let twin = difference(order, s, &mut twin);
    // neither has a leading zero byte, and they differ, since the order is odd
    (s.len(), s) > (twin.len(), twin)
}

/// `order - s`, without leading zero bytes; s is below the order and not zero.
fn difference<'a>(order: &[u8], s: &[u8], into: &'a mut [u8; MAX_BYTES]) -> &'a [u8] {
    let into = &mut into[..order.len()];
    let mut borrow = 0;
    for (at, digit) in order.iter().enumerate().rev() {
        let take = (at + s.len()).checked_sub(order.len()).map_or(0, |at| u16::from(s[at])) + borrow;
        let [carry, low] = (0x100 + u16::from(*digit) - take).to_be_bytes();
        into[at] = low;
        borrow = u16::from(carry == 0);
    }
    let zeros = into.iter().take_while(|byte| **byte == 0).count();
    &into[zeros..]
}

/// Encodes r and s, big-endian, as an ECDSA-Sig-Value in DER (RFC 3279 §2.2.3).
pub fn ecdsa_signature(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |out: &mut Vec<u8>, number: &[u8]| {
        let magnitude = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        let sign: &[u8] = if magnitude.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
        write_element(out, tag::INTEGER, &[sign, magnitude]);
    };
    let mut signature = Vec::with_capacity(r.len() + s.len() + 16);
    nest(&mut signature, tag::SEQUENCE, |out| {
        integer(out, r);
        integer(out, s);
    });
    signature
}

/// Whether neither r nor s begins with a zero byte when written in the field's full width, which ST's host library
/// demands of a signature (it reads r and s at fixed places).
///
/// Signatures other than ECDSA have one width only and are always full; a malformed ECDSA signature never is. The form
/// that is kept must have been chosen before ([`kept_form`]): of two twins one can be of full width and the other not.
pub fn is_full_width(key: KeyAlgorithm, signature: &[u8]) -> bool {
    match key.field_bytes() {
        None => true,
        Some(bytes) => EcdsaSignature::parse(key, signature)
            .is_ok_and(|signature| signature.r.len() == bytes && signature.s.len() == bytes),
    }
}

fn integer<'a>(reader: &mut Reader<'a>, part: &'static str, order: &[u8]) -> Result<&'a [u8], SignatureError> {
    let element = reader.expect(tag::INTEGER, part).map_err(|_| SignatureError::Encoding)?;
    let magnitude = match element.content {
        [0] => return Err(SignatureError::Range { part }),
        // empty, negative, or a superfluous zero byte (X.690 §8.3.2)
        [] | [0x80..=0xFF, ..] | [0, 0..=0x7F, ..] => return Err(SignatureError::Encoding),
        [0, magnitude @ ..] => magnitude,
        magnitude => magnitude,
    };
    // both have no leading zero byte
    let below = magnitude.len() < order.len() || (magnitude.len() == order.len() && magnitude < order);
    if below { Ok(magnitude) } else { Err(SignatureError::Range { part }) }
}

/// Bytes of the largest order.
const MAX_BYTES: usize = 66;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::tlv::element;

    const CURVES: [KeyAlgorithm; 5] = [
        KeyAlgorithm::P256,
        KeyAlgorithm::P384,
        KeyAlgorithm::P521,
        KeyAlgorithm::BrainpoolP256r1,
        KeyAlgorithm::BrainpoolP384r1,
    ];

    fn signature(r: &[u8], s: &[u8]) -> Vec<u8> {
        element(tag::SEQUENCE, &[&element(tag::INTEGER, &[r]), &element(tag::INTEGER, &[s])])
    }

    fn padded(magnitude: &[u8]) -> Vec<u8> {
        if magnitude[0] >= 0x80 { [&[0], magnitude].concat() } else { magnitude.to_vec() }
    }

    #[test]
    fn r_and_s_run_from_one_to_one_below_the_order() {
        for curve in CURVES {
            let order = curve.order().unwrap();
            let mut last = order.to_vec();
            *last.last_mut().unwrap() -= 1;
            assert!(EcdsaSignature::parse(curve, &signature(&[1], &padded(&last))).is_ok(), "{curve}");
            assert!(EcdsaSignature::parse(curve, &signature(&padded(&last), &[1])).is_ok(), "{curve}");
            for (r, s, part) in [
                (padded(order), vec![1], "r"),
                (vec![1], padded(order), "s"),
                (vec![0], vec![1], "r"),
                (vec![1], vec![0], "s"),
                (vec![1; order.len() + 1], vec![1], "r"),
            ] {
                assert_eq!(
                    EcdsaSignature::parse(curve, &signature(&r, &s)),
                    Err(SignatureError::Range { part }),
                    "{curve}"
                );
            }
        }
    }

    #[test]
    fn of_two_twins_the_one_with_the_lower_s_is_kept_and_the_rest_is_left_alone() {
        for curve in CURVES {
            let order = curve.order().unwrap();
            let mut half = [0; MAX_BYTES];
            let mut carry = 0;
            for (digit, byte) in order.iter().zip(&mut half) {
                *byte = digit >> 1 | carry << 7;
                carry = digit & 1;
            }
            let half = &half[..order.len()];
            // (n - 1) / 2 is the highest of the lower ones, one more the lowest of the higher ones
            let zeros = half.iter().take_while(|byte| **byte == 0).count();
            let highest = half[zeros..].to_vec();
            let mut above = half.to_vec();
            for byte in above.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
            let mut last = order.to_vec();
            *last.last_mut().unwrap() -= 1;
            for (low, high) in [(&highest, &above[zeros..].to_vec()), (&vec![1], &last)] {
                for r in [vec![1], padded(&last)] {
                    let (low, high) = (signature(&r, &padded(low)), signature(&r, &padded(high)));
                    for given in [&low, &high] {
                        assert_eq!(low_s(curve, given.clone()), low, "{curve}");
                        assert_eq!(kept_form(curve, false, given.clone()), low, "{curve}");
                        let wide = kept_form(curve, true, given.clone());
                        assert!(is_kept_form(curve, true, &wide), "{curve}");
                        assert_eq!(is_kept_form(curve, false, given), *given == low, "{curve}");
                        assert_eq!(wide, if curve == KeyAlgorithm::P521 { high.clone() } else { low.clone() });
                    }
                }
            }
        }
        for left in [b"junk".to_vec(), vec![], signature(&[0], &[1])] {
            assert_eq!(low_s(KeyAlgorithm::P256, left.clone()), left);
        }
        let other = signature(&[1], &padded(&KeyAlgorithm::P256.order().unwrap()[..20]));
        assert_eq!(low_s(KeyAlgorithm::Ed25519, other.clone()), other);
    }

    #[test]
    fn a_signature_has_one_encoding() {
        let good = signature(&[0x12, 0x34], &[0x00, 0x80]);
        assert!(EcdsaSignature::parse(KeyAlgorithm::P256, &good).is_ok());
        let inside = |tail: &[u8]| element(tag::SEQUENCE, &[&good[2..], tail]);
        for (bad, what) in [
            ([&good[..], &[0]].concat(), "bytes after the sequence"),
            (inside(&[tag::NULL, 0]), "an element after s"),
            (good[..good.len() - 1].to_vec(), "truncated"),
            (signature(&[0, 0x12], &[1]), "padded r (X.690 §8.3.2)"),
            (signature(&[0x80], &[1]), "negative r"),
            (signature(&[], &[1]), "r without bytes"),
            ([&[0x30, 0x81, 8][..], &good[2..]].concat(), "long-form length (X.690 §10.1)"),
            ([&[0x30, 0x80][..], &good[2..], &[0, 0]].concat(), "indefinite length (X.690 §10.1)"),
            ([&[0x31][..], &good[1..]].concat(), "a SET"),
            (vec![], "nothing"),
        ] {
            assert_eq!(EcdsaSignature::parse(KeyAlgorithm::P256, &bad), Err(SignatureError::Encoding), "{what}");
        }
    }

    #[test]
    fn full_width_means_no_leading_zero_byte_in_r_and_s() {
        let full = padded(&[0x80; 32]);
        let slim = vec![0x7F; 32];
        let short = vec![0x7F; 31];
        assert!(is_full_width(KeyAlgorithm::P256, &signature(&full, &slim)));
        assert!(!is_full_width(KeyAlgorithm::P256, &signature(&full, &short)));
        assert!(!is_full_width(KeyAlgorithm::P256, &signature(&short, &full)));
        assert!(!is_full_width(KeyAlgorithm::P384, &signature(&full, &slim)));
        assert!(!is_full_width(KeyAlgorithm::P256, b"junk"));
        assert!(is_full_width(KeyAlgorithm::Ed25519, &[0; 64]));
    }
}
