//! One entry of a list: a certificate's serial number, when it was revoked, and why.

use std::cmp::Ordering;
use std::fmt;

use crate::x509::tlv::{nest, tag, write_element};
use crate::x509::{SerialNumber, Time, oid};

/// A revoked certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlEntry {
    /// userCertificate
    pub serial: SerialNumber,
    /// revocationDate
    pub revoked_at: Time,
    /// reasonCode; [`Reason::Unspecified`] is not encoded.
    pub reason: Reason,
}

impl CrlEntry {
    /// The order of entries in a list: by serial number as a number.
    ///
    /// [`SerialNumber`] itself sorts by bytes, in which 0100 comes before 02.
    pub fn order(&self, other: &Self) -> Ordering {
        numeric(&self.serial, &other.serial)
    }

    /// Appends the DER of the entry (RFC 5280 §5.1.2.6).
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        nest(out, tag::SEQUENCE, |out| {
            write_element(out, tag::INTEGER, &[self.serial.content()]);
            self.revoked_at.write_der(out);
            // RFC 5280 §5.3.1: "the reason code CRL entry extension SHOULD be absent instead of using the unspecified (0)"
            if self.reason != Reason::Unspecified {
                nest(out, tag::SEQUENCE, |out| {
                    nest(out, tag::SEQUENCE, |out| {
                        write_element(out, tag::OBJECT_IDENTIFIER, &[oid::CRL_REASON.as_bytes()]);
                        out.extend([tag::OCTET_STRING, 3, tag::ENUMERATED, 1, self.reason.code()]);
                    });
                });
            }
        });
    }
}

/// Compares two serial numbers as numbers: their content is minimal, so the longer one is the larger one.
pub(super) fn numeric(one: &SerialNumber, other: &SerialNumber) -> Ordering {
    let (one, other) = (one.content(), other.content());
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Why a certificate was revoked (RFC 5280 §5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// unspecified (0)
    Unspecified,
    /// keyCompromise (1)
    KeyCompromise,
    /// cACompromise (2): only read
    CaCompromise,
    /// affiliationChanged (3)
    AffiliationChanged,
    /// superseded (4)
    Superseded,
    /// cessationOfOperation (5)
    CessationOfOperation,
    /// certificateHold (6)
    CertificateHold,
    /// privilegeWithdrawn (9)
    PrivilegeWithdrawn,
    /// aACompromise (10): only read
    AaCompromise,
}

impl Reason {
    /// The reasons that a revocation of this program may have.
    pub const ALLOWED: [Self; 7] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::PrivilegeWithdrawn,
    ];

    /// Every reason that is read. removeFromCRL (8) is not among them: it belongs to delta lists.
    pub const ALL: [Self; 9] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// The CRLReason.
    pub const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::CertificateHold => 6,
            Self::PrivilegeWithdrawn => 9,
            Self::AaCompromise => 10,
        }
    }

    /// The reason with this CRLReason.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The name that RFC 5280 gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
        }
    }

    /// The reason with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// The name that RFC 5280 gives it.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
