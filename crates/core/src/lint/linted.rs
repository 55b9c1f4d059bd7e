//! A tbsCertificate that has passed.

use crate::cert::TbsCertificate;

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

    /// Gives up the proof and returns what was linted.
    pub fn into_tbs(self) -> TbsCertificate {
        self.0
    }
}
