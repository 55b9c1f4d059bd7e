//! A chip as people and stations name it: by the whole UID or by the part that they can read.

use std::fmt;
use std::str::FromStr;

use super::{OriginError, TypedError, Uid, typed_bytes};

/// A UID, or the part of it that names an STSAFE-A chip: the ST number (9 bytes) or the unique number (7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChipName(Uid);

impl ChipName {
    /// The whole UIDs that this can be, most likely first; for a unique number none, since the product id is not in it.
    pub fn candidates(&self) -> Vec<Uid> {
        let bytes = self.0.as_bytes();
        let whole = self.0;
        match bytes.len() {
            UNIQUE => vec![],
            ST_NUMBER => {
                let serial = [&HEAD, bytes].concat();
                vec![Uid::from_bytes(&serial).expect("11 bytes are a UID"), whole]
            }
            _ => vec![whole],
        }
    }

    /// The 7 bytes, if it is a unique number: a UID of 11 bytes that begins 02 09 has them next.
    pub fn unique_number(&self) -> Option<&[u8]> {
        Some(self.0.as_bytes()).filter(|bytes| bytes.len() == UNIQUE)
    }

    /// Whether it names this chip.
    pub fn names(&self, uid: &Uid) -> bool {
        let parts = Self::parts(uid);
        self.0 == *uid || parts.is_some_and(|parts| parts.contains(&self.as_bytes()))
    }

    /// The names of a chip besides its whole UID.
    pub(crate) fn parts(uid: &Uid) -> Option<[&[u8]; 2]> {
        let number = uid.as_bytes().strip_prefix(&HEAD).filter(|number| number.len() == ST_NUMBER)?;
        Some([number, &number[..UNIQUE]])
    }

    /// The bytes as given.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// 1 to 20 bytes, in every form of [`typed_bytes`].
impl FromStr for ChipName {
    type Err = ChipNameError;

    fn from_str(text: &str) -> Result<Self, ChipNameError> {
        let bytes = typed_bytes(text)?;
        Ok(Self(Uid::from_bytes(&bytes)?))
    }
}

/// Why a text names no chip.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChipNameError {
    /// The wrong number of bytes.
    #[error(transparent)]
    Length(#[from] OriginError),
    /// Not a UID as people write it.
    #[error(transparent)]
    Typed(#[from] TypedError),
}

impl ChipNameError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Length(_) => "A UID is 1 to 20 bytes in hexadecimal, such as 0209A021E021C4E1D00139.",
            Self::Typed(error) => error.hint(),
        }
    }
}

impl From<Uid> for ChipName {
    fn from(uid: Uid) -> Self {
        Self(uid)
    }
}

impl fmt::Display for ChipName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What UIDs of STSAFE-A begin with.
const HEAD: [u8; 2] = [2, 9];
const ST_NUMBER: usize = 9;
const UNIQUE: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chip_has_three_names() {
        let uid: Uid = "0209A021E021C4E1D00139".parse().unwrap();
        let [st_number, unique] = ChipName::parts(&uid).unwrap();
        assert_eq!(hex::encode_upper(st_number), "A021E021C4E1D00139");
        assert_eq!(hex::encode_upper(unique), "A021E021C4E1D0");
        let name = |text: &str| text.parse::<ChipName>().unwrap();
        assert_eq!(name("A021E021C4E1D00139").candidates()[0], uid);
        assert_eq!(name("0209a021e021c4e1d00139").candidates(), [uid]);
        assert_eq!(name("A021E021C4E1D0").candidates(), []);
        assert!(ChipName::parts(&"400000000082940113".parse().unwrap()).is_none());
        assert!("".parse::<ChipName>().is_err() && "0g".parse::<ChipName>().is_err());
    }
}
