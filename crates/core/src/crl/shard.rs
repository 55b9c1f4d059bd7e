//! Which of N lists a chip's certificate is on: a function of the UID, fixed when the certificate is issued.

use crate::crypto::sha256;

/// How many lists the certificates of a policy are spread over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(u16);

impl Shards {
    /// The largest number of lists.
    pub const MAX: u16 = 4096;

    /// The number of lists.
    ///
    /// # Errors
    /// The number is zero or above [`MAX`](Self::MAX).
    pub const fn new(count: u16) -> Result<Self, ShardsError> {
        match count {
            1..=Self::MAX => Ok(Self(count)),
            _ => Err(ShardsError { found: count }),
        }
    }

    /// How many there are.
    pub const fn count(self) -> u16 {
        self.0
    }

    /// The list of a chip: 1 + (the first 8 bytes of SHA-256("reroot-crl-shard/1" 00 || UID) modulo the number of lists).
    ///
    /// Neither the attempt nor the key counts: a chip whose certificate is issued again keeps its list.
    pub fn of(self, uid: &[u8]) -> u16 {
        let digest = sha256(&[CONTEXT, uid].concat());
        let first = digest.as_bytes().first_chunk::<8>().expect("SHA-256 has 32 bytes");
        let remainder = u64::from_be_bytes(*first) % u64::from(self.0);
        1 + u16::try_from(remainder).expect("it is below the number of lists")
    }

    /// The text of a list's number: decimal, as many digits as the largest has.
    pub fn text(self, shard: u16) -> String {
        format!("{shard:0width$}", width = self.digits())
    }

    /// Digits of a number's text.
    pub fn digits(self) -> usize {
        self.0.to_string().len()
    }
}

/// What is hashed before the UID.
const CONTEXT: &[u8] = b"reroot-crl-shard/1\0";

/// Why a number of lists is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} shards, expected 1 to {}", Shards::MAX)]
pub struct ShardsError {
    /// The number found.
    pub found: u16,
}
