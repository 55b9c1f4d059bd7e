//! Editions of the rules by which contents are recognised and read.
//!
//! The account of a batch is derived from its inputs again, years later, by another release. A release that reads or
//! refuses what an earlier one passed over must still understand the account that the earlier one made. So the earlier
//! rules stay: an account follows from its inputs under one edition, the whole of it.

/// One set of rules. Every place that differs asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edition {
    /// Containers and text forms that are not read are ignored as "not a certificate".
    First,
    /// Containers and text forms that are not read are rejected and named. PKCS#7 is read in BER and under the label
    /// CERTIFICATE. Companions of macOS and Windows are ignored as such. An input must yield something.
    Second,
}

impl Edition {
    /// The rules for everything new.
    pub const CURRENT: Self = Self::Second;

    /// The rules of earlier releases, latest first.
    pub const EARLIER: &[Self] = &[Self::First];

    /// Its number, for people.
    pub const fn number(self) -> u32 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }
}
