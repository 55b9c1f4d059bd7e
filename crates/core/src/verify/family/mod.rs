//! Chip families: which serial numbers are UIDs, and where else a family writes them.
//!
//! A family is one file with its [`Spec`], a `mod` line and a row in the table below. Everybody else asks [`Family`].

mod generic;
mod names;
mod spec;
mod stsafe_a;
mod stsafe_l;

use std::fmt;

pub use names::NamedUids;
pub(crate) use spec::Parts;

use crate::origin::Uid;
use crate::x509::{Certificate, SerialNumber, SignatureAlgorithm};

use super::codes;
use super::defect::Defect;
use super::name::trailing_hex;
use spec::Spec;

macro_rules! families {
    ($($(#[$doc:meta])* $variant:ident: $module:ident,)+) => {
        /// A chip family.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Family {
            $($(#[$doc])* $variant,)+
        }

        impl Family {
            /// Every family.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];

            const fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$variant => &$module::SPEC,)+
                }
            }
        }
    };
}

families! {
    /// Any leaf: the UID is the serial number, its namespace the source issuer.
    Generic: generic,
    /// STSAFE-A: serial of 11 bytes beginning 02 09.
    StsafeA: stsafe_a,
    /// STSAFE-L: serial of 9 bytes.
    StsafeL: stsafe_l,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the rest of the crate asks.
impl Family {
    /// The name in policies.
    pub const fn as_str(self) -> &'static str {
        self.spec().name
    }

    /// Shortest and longest UID, in bytes.
    pub(crate) const fn uid_bytes(self) -> (usize, usize) {
        self.spec().uid_bytes
    }

    /// A UID of a length that the family has.
    pub(crate) fn sample_uid(self, bytes: usize) -> Vec<u8> {
        (self.spec().sample)(bytes)
    }

    /// The parts of a UID that chips are called by, if they are.
    pub(crate) const fn parts(self) -> Option<Parts> {
        self.spec().parts
    }

    /// The ST number inside a UID of this family.
    pub fn st_number(self, uid: &Uid) -> Option<&[u8]> {
        self.parts().and_then(|parts| parts.number_in(uid.as_bytes()))
    }

    /// What a list of expected chips has on a line, after "is not".
    pub(super) const fn listed(self) -> &'static str {
        self.spec().listed
    }

    /// What is said of a name that no chip of this family has, as in "`0209` is not ...".
    pub const fn misnamed(self) -> &'static str {
        self.spec().misnamed
    }

    /// Whether a UID is unique under one source issuer only.
    pub(crate) const fn is_per_issuer(self) -> bool {
        self.spec().per_issuer
    }

    /// Whether leaves may have a signature of this algorithm.
    pub(super) fn has_signature(self, algorithm: SignatureAlgorithm) -> bool {
        self.spec().any_signature || algorithm.is_ecdsa() || algorithm == SignatureAlgorithm::Ed25519
    }

    /// Other families whose chips can be in a batch of this one.
    pub(crate) const fn includes(self) -> &'static [Self] {
        self.spec().includes
    }
}

impl Family {
    /// The chip's UID, if the serial number has this family's form.
    pub(super) fn uid(self, serial: &SerialNumber) -> Result<Uid, Defect> {
        if self.is_uid(serial) {
            return Ok(Uid::from_serial(serial));
        }
        let expected = self.spec().uid_form;
        Err(Defect::new(
            codes::UID_SHAPE,
            format!("serial number {serial} is not the UID of a {self} chip, expected {expected}"),
        ))
    }

    /// Whether the serial number has the form of this family's UIDs.
    pub(super) fn is_uid(self, serial: &SerialNumber) -> bool {
        (self.spec().is_uid)(serial.content())
    }

    /// Whether a certificate is a chip's even if it claims to be a CA's: its serial number has the mark of one, or its
    /// common name ends in its own serial number, as no CA's does.
    pub(super) fn marks(self, certificate: &Certificate) -> bool {
        let serial = certificate.serial();
        (self.spec().marks)(serial.content())
            || (serial.content().len() >= SHORTEST_UID
                && certificate.subject().values(crate::x509::oid::COMMON_NAME).any(|attribute| {
                    attribute
                        .text()
                        .is_some_and(|text| trailing_hex(&text).to_ascii_uppercase().ends_with(&serial.to_string()))
                }))
    }

    /// Compares the serial number with the one that the common name may end in.
    ///
    /// The common name is never where the identity comes from: it repeats, and its form changes between profiles.
    pub(super) fn check_common_name(self, certificate: &Certificate) -> Result<(), Defect> {
        let serial = certificate.serial();
        for attribute in certificate.subject().values(crate::x509::oid::COMMON_NAME) {
            let Some(text) = attribute.text() else { continue };
            let Some(claimed) = self.serial_in(trailing_hex(&text), serial) else { continue };
            if !spells(claimed, serial) {
                return Err(Defect::new(
                    codes::COMMON_NAME_MISMATCH,
                    format!("common name ends in {claimed}, but the serial number is {serial}"),
                ));
            }
        }
        Ok(())
    }

    /// Says how a file's name disagrees with the serial number, if it does.
    pub(super) fn check_file_name(self, name: &str, serial: &SerialNumber) -> Result<(), Defect> {
        let mut claims = name
            .split(|character: char| !character.is_ascii_hexdigit())
            .filter_map(|run| self.serial_in(run, serial))
            .peekable();
        let Some(first) = claims.peek().copied() else { return Ok(()) };
        if claims.any(|claim| spells(claim, serial)) {
            return Ok(());
        }
        Err(Defect::new(
            codes::FILE_NAME_MISMATCH,
            format!("file name holds {first}, but the serial number is {serial}"),
        ))
    }

    /// The serial number that a whole run of hexadecimal digits spells, if it has the family's length.
    fn serial_in<'a>(self, run: &'a str, serial: &SerialNumber) -> Option<&'a str> {
        (self.spec().serial_in)(run, serial.content())
    }
}

/// Whether the hexadecimal digits, in either letter case, are those of the serial number.
fn spells(digits: &str, serial: &SerialNumber) -> bool {
    let mut bytes = [0; SerialNumber::MAX_BYTES];
    let bytes = &mut bytes[..serial.content().len()];
    hex::decode_to_slice(digits, bytes).is_ok() && bytes == serial.content()
}

/// Shorter serial numbers are not UIDs, and a CA's name may well end in its number.
const SHORTEST_UID: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(hex: &str) -> SerialNumber {
        SerialNumber::from_content(&hex::decode(hex).unwrap()).unwrap()
    }

    const A: &str = "0209B0846159E439520139";
    const L: &str = "400000000082940113";

    #[test]
    fn each_family_knows_its_uids() {
        for (family, good, bad) in [
            (Family::StsafeA, A, "0208B0846159E439520139"),
            (Family::StsafeA, "0209FBA403B2E48C7401F1", L),
            (Family::StsafeA, A, "0209B0846159E4395201"),
            (Family::StsafeA, A, "0209B0846159E43952013900"),
            (Family::StsafeL, L, A),
            (Family::StsafeL, L, "008000000082940113"),
        ] {
            assert_eq!(family.uid(&serial(good)).unwrap().to_string(), good);
            assert_eq!(family.uid(&serial(bad)).unwrap_err().code, codes::UID_SHAPE, "{family} {bad}");
        }
        assert_eq!(Family::Generic.uid(&serial("01")).unwrap().to_string(), "01");
    }

    #[test]
    fn a_file_name_is_compared_where_it_holds_a_serial_number() {
        let serial = serial(A);
        let check = |family: Family, name: &str| family.check_file_name(name, &serial).is_ok();
        for name in ["0209B0846159E439520139.der", "leaf-0209b0846159e439520139.crt", "reel.zip", "cert_17.pem", ""] {
            assert!(check(Family::StsafeA, name), "{name}");
        }
        assert!(check(Family::StsafeA, "0209AAAAAAAAAAAAAA0139_0209B0846159E439520139.der"));
        assert!(!check(Family::StsafeA, "020930C56159E439520139.der"));
        assert!(!check(Family::Generic, "020930C56159E439520139.der"));
        assert!(check(Family::StsafeA, "400000000082940113.der"));
    }
}
