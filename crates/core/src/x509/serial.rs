//! Certificate serial numbers (RFC 5280 §4.1.2.2).

use std::fmt;

use super::short::Short;

/// A certificate's serialNumber: a positive INTEGER of at most 20 content bytes.
///
/// Not to be confused with a chip's UID (which ST writes into the leaf's serialNumber) nor with the *name attribute*
/// serialNumber (2.5.4.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SerialNumber(Short);

impl SerialNumber {
    /// RFC 5280 §4.1.2.2: "Conforming CAs MUST NOT use serialNumber values longer than 20 octets."
    pub const MAX_BYTES: usize = 20;

    /// Reads the content bytes of a DER INTEGER.
    ///
    /// # Errors
    /// The bytes are empty, negative, zero, padded or more than 20.
    pub fn from_content(content: &[u8]) -> Result<Self, SerialNumberError> {
        match content {
            [] => Err(SerialNumberError::Empty),
            [0x80..=0xFF, ..] => Err(SerialNumberError::Negative),
            [0] => Err(SerialNumberError::Zero),
            [0, 0..=0x7F, ..] => Err(SerialNumberError::Padded),
            _ => Short::new(content).map(Self).ok_or(SerialNumberError::TooLong { bytes: content.len() }),
        }
    }

    /// Stands for the number of a certificate that has none of this type: it has no bytes, which no serial number is.
    pub(super) const NONE: Self = Self(Short::EMPTY);

    /// The INTEGER's content bytes, minimal and positive.
    pub fn content(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Upper-case hexadecimal of the content bytes, as in the manifest.
impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SerialNumber({self})")
    }
}

/// Why content bytes are not a serial number (RFC 5280 §4.1.2.2, X.690 §8.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SerialNumberError {
    /// No content bytes at all.
    #[error("serial number has no octets")]
    Empty,
    /// The top bit is set.
    #[error("serial number is negative, expected a positive integer (RFC 5280 §4.1.2.2)")]
    Negative,
    /// A superfluous leading zero byte.
    #[error("serial number is padded with a zero octet (X.690 §8.3.2)")]
    Padded,
    /// More than 20 bytes.
    #[error("serial number has {bytes} octets, at most 20 are allowed (RFC 5280 §4.1.2.2)")]
    TooLong {
        /// Bytes found.
        bytes: usize,
    },
    /// The value zero.
    #[error("serial number is zero, expected a positive integer (RFC 5280 §4.1.2.2)")]
    Zero,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_minimal_positive_integers_of_20_bytes_are_serials() {
        assert_eq!(SerialNumber::from_content(&[]), Err(SerialNumberError::Empty));
        assert_eq!(SerialNumber::from_content(&[0]), Err(SerialNumberError::Zero));
        assert_eq!(SerialNumber::from_content(&[0x80]), Err(SerialNumberError::Negative));
        assert_eq!(SerialNumber::from_content(&[0, 1]), Err(SerialNumberError::Padded));
        assert_eq!(SerialNumber::from_content(&[1; 21]), Err(SerialNumberError::TooLong { bytes: 21 }));
        assert_eq!(SerialNumber::from_content(&[0, 0x80]).unwrap().to_string(), "0080");
        assert_eq!(SerialNumber::from_content(&[1; 20]).unwrap().content(), [1; 20]);
    }
}
