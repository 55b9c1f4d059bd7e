//! Few bytes, kept in place: serial numbers and UIDs are in every row and on every path.

use std::cmp::Ordering;
use std::fmt;

use super::SerialNumber;

/// Up to 20 bytes; sorts by bytes, what is shorter before what it begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Short {
    /// Zeros behind the last.
    bytes: [u8; SerialNumber::MAX_BYTES],
    length: u8,
}

impl Short {
    /// No bytes.
    pub(crate) const EMPTY: Self = Self { bytes: [0; SerialNumber::MAX_BYTES], length: 0 };

    /// Copies at most 20 bytes.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut kept = [0; SerialNumber::MAX_BYTES];
        kept.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { bytes: kept, length: u8::try_from(bytes.len()).ok()? })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl Ord for Short {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Short {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Upper-case hexadecimal.
impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 2 * SerialNumber::MAX_BYTES];
        let digits = &mut digits[..2 * self.as_bytes().len()];
        hex::encode_to_slice(self.as_bytes(), digits).map_err(|_| fmt::Error)?;
        digits.make_ascii_uppercase();
        f.write_str(std::str::from_utf8(digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(bytes: &[u8]) -> Short {
        Short::new(bytes).unwrap()
    }

    #[test]
    fn up_to_20_bytes_are_kept_and_shown() {
        assert_eq!(short(&[0x0A; 20]).as_bytes(), [0x0A; 20]);
        assert_eq!(short(&[0, 0xAB]).to_string(), "00AB");
        assert_eq!(short(&[]).to_string(), "");
        assert_eq!(Short::new(&[0; 21]), None);
    }

    #[test]
    fn they_sort_as_slices_do() {
        let sorted = [&[][..], &[0], &[0, 0], &[0, 1], &[1], &[1, 0], &[2]];
        for (at, lesser) in sorted.iter().enumerate() {
            for greater in &sorted[at + 1..] {
                assert!(short(lesser) < short(greater), "{lesser:?} {greater:?}");
                assert_ne!(short(lesser), short(greater));
            }
        }
    }
}
