//! What is known of a chip family: all that differs from one to the next.

use super::Family;

/// A chip family. Each has one constant of this type, in a file of its own.
pub(super) struct Spec {
    /// The name in policies and statements.
    pub(super) name: &'static str,
    /// Shortest and longest UID, in bytes.
    pub(super) uid_bytes: (usize, usize),
    /// Whether the content of a serial number is a UID.
    pub(super) is_uid: fn(&[u8]) -> bool,
    /// What a UID is, after "expected".
    pub(super) uid_form: &'static str,
    /// A UID of a length that the family has.
    pub(super) sample: fn(usize) -> Vec<u8>,
    /// The parts of a UID that chips are called by, if they are.
    pub(super) parts: Option<Parts>,
    /// What a list of expected chips has on a line, after "is not".
    pub(super) listed: &'static str,
    /// The message, after the name, for a name that no chip of the family has.
    pub(super) misnamed: &'static str,
    /// Whether a serial number is a chip's even if its certificate claims to be a CA's.
    pub(super) marks: fn(&[u8]) -> bool,
    /// The serial number that a whole run of hexadecimal digits spells, beside the content of the certificate's own.
    pub(super) serial_in: for<'a> fn(&'a str, &[u8]) -> Option<&'a str>,
    /// Whether a UID is unique under one source issuer only.
    pub(super) per_issuer: bool,
    /// Whether leaves may be signed with other algorithms than ECDSA and Ed25519.
    pub(super) any_signature: bool,
    /// Other families whose chips can be in a batch of this one.
    pub(super) includes: &'static [Family],
}

/// How a UID is put together: a constant head, then a number, which begins with a unique part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// What every UID begins with.
    pub(crate) head: &'static [u8],
    /// Bytes of the number that follows, to the end of the UID.
    pub(crate) number: usize,
    /// Bytes of the unique number, which the number begins with.
    pub(crate) unique: usize,
}

impl Parts {
    /// Bytes of the product id, which the number ends in.
    pub(crate) const fn product_id(&self) -> usize {
        self.number - self.unique
    }

    /// The number in a whole UID.
    pub(crate) fn number_in<'a>(&self, uid: &'a [u8]) -> Option<&'a [u8]> {
        uid.strip_prefix(self.head).filter(|number| number.len() == self.number)
    }

    /// A whole UID up to its product id.
    pub(crate) fn beginning_of<'a>(&self, uid: &'a [u8]) -> Option<&'a [u8]> {
        self.number_in(uid).map(|_| &uid[..self.head.len() + self.unique])
    }

    /// Whether this is what a UID begins with, up to its product id.
    pub(crate) fn is_beginning(&self, bytes: &[u8]) -> bool {
        bytes.strip_prefix(self.head).is_some_and(|unique| unique.len() == self.unique)
    }

    /// The number or the unique number with what is before it in the UID.
    pub(crate) fn with_head(&self, part: &[u8]) -> Vec<u8> {
        [self.head, part].concat()
    }
}
