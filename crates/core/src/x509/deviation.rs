//! What certificates of other software have that RFC 5280 or DER has otherwise, and that is accepted where a person has
//! named the certificate.

/// A deviation that is accepted and noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deviation {
    /// Parameters of the signature algorithm in another form than its document writes.
    AlgorithmParameters,
    /// A default written out.
    ExplicitDefault,
    /// A date before 2050 as GeneralizedTime.
    GeneralizedTime,
    /// Attributes of a relative distinguished name in another order than that of DER.
    NameOrder,
    /// A root is signed by itself with an algorithm that this program does not verify.
    SelfSignature,
    /// A serial number that is zero, negative or longer than 20 bytes.
    SerialNumber,
    /// Version 1 or 2.
    Version,
}

impl Deviation {
    /// Every deviation, in alphabetical order.
    pub const ALL: [Self; 7] = [
        Self::AlgorithmParameters,
        Self::ExplicitDefault,
        Self::GeneralizedTime,
        Self::NameOrder,
        Self::SelfSignature,
        Self::SerialNumber,
        Self::Version,
    ];

    /// What it is, with the clause that has it otherwise.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::AlgorithmParameters => {
                "the parameters of its signature algorithm are not written as usual, in a form that RFC 4055 §2.1, §3.1 or \
                 §5 accepts"
            }
            Self::ExplicitDefault => "it writes out a default, which DER leaves away (X.690 §11.5)",
            Self::GeneralizedTime => "a date before 2050 is a GeneralizedTime, expected UTCTime (RFC 5280 §4.1.2.5)",
            Self::NameOrder => "attributes of a name are not in the order of DER (X.690 §11.6)",
            Self::SelfSignature => "its signature over itself is of an algorithm that is not checked",
            Self::SerialNumber => "its serial number is zero, negative or longer than 20 bytes (RFC 5280 §4.1.2.2)",
            Self::Version => "it is of version 1 or 2 and cannot say that it is a CA's (RFC 5280 §6.1.4 (k))",
        }
    }
}

/// Some deviations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deviations(u8);

impl Deviations {
    pub(super) fn insert(&mut self, deviation: Deviation) {
        self.0 |= 1 << deviation as u8;
    }

    pub(super) const fn contains(self, deviation: Deviation) -> bool {
        self.0 & 1 << deviation as u8 != 0
    }
}
