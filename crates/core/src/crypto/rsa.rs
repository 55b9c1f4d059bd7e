//! What makes an RSA public key acceptable (RFC 8017 §3.1).

use crate::x509::tlv::{Reader, tag};

use super::KeyError;

/// Checks the RSAPublicKey whose modulus has `bits` bits; the certificate reader has read its structure before.
pub(super) fn check_key(key: &[u8], bits: u16) -> Result<(), KeyError> {
    if !(2048..=8192).contains(&bits) || !bits.is_multiple_of(8) {
        return Err(KeyError::RsaSize { bits });
    }
    let encoding = |part| move |_| KeyError::RsaEncoding { part };
    let sequence = Reader::new(key).expect(tag::SEQUENCE, "RSAPublicKey").map_err(encoding("key"))?;
    let mut fields = Reader::new(sequence.content);
    let modulus = positive(&mut fields, "modulus")?;
    let exponent = positive(&mut fields, "public exponent")?;
    if modulus.last().is_none_or(|byte| byte % 2 == 0) {
        return Err(KeyError::RsaModulus);
    }
    let odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
    if !odd || exponent == [1] || exponent.len() > 4 {
        return Err(KeyError::RsaExponent);
    }
    Ok(())
}

/// The magnitude of a minimal positive INTEGER.
fn positive<'a>(fields: &mut Reader<'a>, part: &'static str) -> Result<&'a [u8], KeyError> {
    let element = fields.expect(tag::INTEGER, part).map_err(|_| KeyError::RsaEncoding { part })?;
    match element.content {
        [] | [0] | [0x80..=0xFF, ..] | [0, 0..=0x7F, ..] => Err(KeyError::RsaEncoding { part }),
        [0, magnitude @ ..] => Ok(magnitude),
        magnitude => Ok(magnitude),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::tlv::element;

    fn key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        element(tag::SEQUENCE, &[&element(tag::INTEGER, &[modulus]), &element(tag::INTEGER, &[exponent])])
    }

    fn modulus(bytes: usize) -> Vec<u8> {
        let mut modulus = vec![0xC5; bytes + 1];
        modulus[0] = 0;
        modulus
    }

    #[test]
    fn sizes_run_from_2048_to_8192_in_whole_bytes() {
        let good = key(&modulus(256), &[1, 0, 1]);
        assert_eq!(check_key(&good, 2048), Ok(()));
        assert_eq!(check_key(&good, 8192), Ok(()));
        for bits in [512, 1024, 2047, 2052, 8193, 8200, 16384] {
            assert_eq!(check_key(&good, bits), Err(KeyError::RsaSize { bits }));
        }
    }

    #[test]
    fn the_exponent_is_odd_and_above_one() {
        assert_eq!(check_key(&key(&modulus(256), &[3]), 2048), Ok(()));
        for exponent in [&[1][..], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
            assert_eq!(check_key(&key(&modulus(256), exponent), 2048), Err(KeyError::RsaExponent));
        }
        for exponent in [&[][..], &[0], &[0x81], &[0, 3]] {
            assert_eq!(
                check_key(&key(&modulus(256), exponent), 2048),
                Err(KeyError::RsaEncoding { part: "public exponent" })
            );
        }
    }

    #[test]
    fn the_modulus_is_odd_and_positive() {
        let mut even = modulus(256);
        *even.last_mut().unwrap() = 0xC4;
        assert_eq!(check_key(&key(&even, &[3]), 2048), Err(KeyError::RsaModulus));
        let negative = &modulus(256)[1..];
        assert_eq!(check_key(&key(negative, &[3]), 2048), Err(KeyError::RsaEncoding { part: "modulus" }));
    }
}
