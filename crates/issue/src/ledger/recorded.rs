//! What the ledger hands back: the licence to sign, or what was signed already.

use crate::cert::{TbsCertificate, UncheckedCertificate};

/// A tbsCertificate whose intent is durable: the only thing an issuer signs. Only the ledger makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordedTbs(TbsCertificate);

impl RecordedTbs {
    /// Asserts that the intent is on disk.
    pub(super) fn assert_recorded(tbs: TbsCertificate) -> Self {
        Self(tbs)
    }

    /// What may be signed.
    pub fn tbs(&self) -> &TbsCertificate {
        &self.0
    }

    /// Gives up the licence: what was to be signed.
    pub fn into_tbs(self) -> TbsCertificate {
        self.0
    }
}

/// What became of one leaf of a chunk that was recorded. All of it belongs to this batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The intent is new: nobody can have signed it before.
    Fresh(RecordedTbs),
    /// An earlier run recorded the same octets and may have signed them: signing them again adds nothing new.
    Resumed(RecordedTbs),
    /// The signature is on the ledger; it is to be checked before it is released.
    AlreadyIssued(UncheckedCertificate),
}
