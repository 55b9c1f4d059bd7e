//! What the ledger hands back: the right to sign, or what was signed already.

use crate::cert::{TbsCertificate, UncheckedCertificate};

/// Something to be signed whose intent is durable: the only thing that a CA key signs. Only the ledger makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Recorded<T>(T);

impl<T> Recorded<T> {
    /// Asserts that the intent is on disk.
    pub(super) const fn assert_recorded(what: T) -> Self {
        Self(what)
    }

    /// What was recorded, for the ledger alone: outside of it the value stays whole.
    pub(super) const fn inner(&self) -> &T {
        &self.0
    }

    /// As [`inner`](Self::inner), by value.
    pub(super) fn into_inner(self) -> T {
        self.0
    }
}

impl<T: ToBeSigned> Recorded<T> {
    /// The bytes that may be signed.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Recorded<TbsCertificate> {
    /// What may be signed.
    pub const fn tbs(&self) -> &TbsCertificate {
        self.inner()
    }

    /// Gives up the right to sign: what was to be signed.
    pub fn into_tbs(self) -> TbsCertificate {
        self.into_inner()
    }
}

/// What a CA key signs: a leaf's certificate, or something of the CA itself.
pub trait ToBeSigned {
    /// The bytes under the signature.
    fn bytes(&self) -> &[u8];
}

impl ToBeSigned for TbsCertificate {
    fn bytes(&self) -> &[u8] {
        self.der()
    }
}

/// What became of one leaf of a chunk that was recorded. All of it belongs to this batch.
#[derive(Debug, PartialEq, Eq)]
pub enum RecordedLeaf {
    /// The intent is new: no earlier run can have signed it.
    Fresh(Recorded<TbsCertificate>),
    /// An earlier run recorded the same bytes and may have signed them: signing them again adds nothing new.
    Resumed(Recorded<TbsCertificate>),
    /// The signature is on the ledger; it is to be checked before it is released.
    AlreadyIssued(UncheckedCertificate),
}
