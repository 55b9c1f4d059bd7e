//! The number of a list (RFC 5280 §5.2.3).

use std::cmp::Ordering;
use std::fmt;

/// A CRLNumber: a non-negative INTEGER of at most 20 content bytes. Lists of this program count rounds from 1.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CrlNumber(Box<[u8]>);

impl CrlNumber {
    /// RFC 5280 §5.2.3: "CRL issuers MUST NOT use CRLNumber values longer than 20 octets."
    pub const MAX_BYTES: usize = 20;

    /// Reads the content bytes of a DER INTEGER; none if they are negative, padded, or more than 20.
    pub fn from_content(content: &[u8]) -> Option<Self> {
        match content {
            [] | [0x80..=0xFF, ..] | [0, 0..=0x7F, ..] => None,
            _ if content.len() > Self::MAX_BYTES => None,
            _ => Some(Self(content.into())),
        }
    }

    /// The INTEGER's content bytes, minimal.
    pub fn content(&self) -> &[u8] {
        &self.0
    }

    /// The number, if it fits 64 bits.
    pub fn value(&self) -> Option<u64> {
        let content = self.0.strip_prefix(&[0]).unwrap_or(&self.0);
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        (content.len() <= 8).then(|| content.iter().fold(0, fold))
    }
}

impl From<u64> for CrlNumber {
    fn from(number: u64) -> Self {
        let bytes = number.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(7);
        let minimal = &bytes[zeros..];
        // a leading bit of 1 would make the INTEGER negative
        let sign: &[u8] = if minimal[0] >= 0x80 { &[0] } else { &[] };
        Self([sign, minimal].concat().into())
    }
}

impl Ord for CrlNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for CrlNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Decimal, or hexadecimal with `0x` where 64 bits are not enough.
impl fmt::Display for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some(value) => write!(f, "{value}"),
            None => write!(f, "0x{}", hex::encode_upper(&self.0)),
        }
    }
}

impl fmt::Debug for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrlNumber({self})")
    }
}
