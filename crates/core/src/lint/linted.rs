//! A tbsCertificate that has passed.

use crate::cert::TbsCertificate;
use crate::crypto::Sha256;
use crate::x509::Sha256Digest;

/// An encoded tbsCertificate without a finding: the only kind that can be recorded and signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintedTbs(TbsCertificate);

impl LintedTbs {
    /// Asserts that every rule was run without a finding. Only this module says so.
    pub(super) fn assert_clean(tbs: TbsCertificate) -> Self {
        Self(tbs)
    }

    /// What was linted.
    pub fn tbs(&self) -> &TbsCertificate {
        &self.0
    }

    /// Returns what a [`LintedHasher`] takes; the caller keeps the bytes elsewhere.
    pub fn receipt(&self) -> LintedReceipt {
        LintedReceipt::of(&self.0)
    }

    /// Gives up the proof and returns what was linted.
    pub fn into_tbs(self) -> TbsCertificate {
        self.0
    }
}

/// Proves that a tbsCertificate was linted for its leaf, without its bytes. Only a [`LintedTbs`] gives one.
#[derive(Clone, Copy, Debug)]
pub struct LintedReceipt {
    leaf: Sha256Digest,
    tbs: Sha256Digest,
}

impl LintedReceipt {
    fn of(tbs: &TbsCertificate) -> Self {
        Self { leaf: tbs.origin().fingerprint, tbs: tbs.sha256() }
    }
}

/// Computes the [`LintedDigest`] of tbsCertificates, one after the other.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a digest that is not finished")]
pub struct LintedHasher(Sha256);

/// Proves that certain tbsCertificates were linted, in this order and each for its leaf, while their bytes are stored
/// outside memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LintedDigest(Sha256Digest);

impl LintedHasher {
    /// Starts with no tbsCertificate.
    #[expect(clippy::new_without_default, reason = "a digest of nothing is never a default")]
    pub fn new() -> Self {
        Self(Sha256::new())
    }

    /// Adds the next tbsCertificate.
    pub fn add(&mut self, linted: &LintedReceipt) {
        // digests of fixed length: no other sequence gives the same input
        self.0.update(linted.leaf.as_bytes());
        self.0.update(linted.tbs.as_bytes());
    }

    /// Returns the digest of all that were added.
    pub fn finish(self) -> LintedDigest {
        LintedDigest(self.0.finish())
    }
}

impl LintedDigest {
    /// Accepts tbsCertificates that were read back. Returns `None` unless they are exactly those that were linted, all of
    /// them and in the same order.
    pub fn admit(self, kept: Vec<TbsCertificate>) -> Option<Vec<LintedTbs>> {
        let mut hasher = LintedHasher::new();
        for tbs in &kept {
            hasher.add(&LintedReceipt::of(tbs));
        }
        (hasher.finish() == self).then(|| kept.into_iter().map(LintedTbs::assert_clean).collect())
    }
}
