//! Chip families: which serial numbers are UIDs, and where else a family writes them.

mod generic;
mod names;
mod stsafe_a;
mod stsafe_l;

pub use names::NamedUids;

use crate::origin::Uid;
use crate::x509::{Certificate, SerialNumber};

use super::codes;
use super::defect::Defect;
use super::name::trailing_hex;
use super::rules::Family;

impl Family {
    /// The chip's UID, if the serial number has this family's form.
    pub(super) fn uid(self, serial: &SerialNumber) -> Result<Uid, Defect> {
        let expected = match self {
            Self::Generic => generic::FORM,
            Self::StsafeA => stsafe_a::FORM,
            Self::StsafeL => stsafe_l::FORM,
        };
        if self.is_uid(serial) {
            return Ok(Uid::from_serial(serial));
        }
        Err(Defect::new(
            codes::UID_SHAPE,
            format!("serial number {serial} is not the UID of a {self} chip, expected {expected}"),
        ))
    }

    /// Whether the serial number has the form of this family's UIDs.
    pub(super) fn is_uid(self, serial: &SerialNumber) -> bool {
        match self {
            Self::Generic => generic::is_uid(serial.content()),
            Self::StsafeA => stsafe_a::is_uid(serial.content()),
            Self::StsafeL => stsafe_l::is_uid(serial.content()),
        }
    }

    /// Whether a certificate is a chip's even if it claims to be a CA's: its serial number has the mark of an STSAFE-A,
    /// or its common name ends in its own serial number, as no CA's does.
    pub(super) fn marks(self, certificate: &Certificate) -> bool {
        let serial = certificate.serial();
        let stsafe_a = self != Self::StsafeL && stsafe_a::is_uid(serial.content());
        stsafe_a
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
            if !claimed.eq_ignore_ascii_case(&serial.to_string()) {
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
        let Some(first) = claims.peek().map(|claim| (*claim).to_owned()) else { return Ok(()) };
        if claims.any(|claim| claim.eq_ignore_ascii_case(&serial.to_string())) {
            return Ok(());
        }
        Err(Defect::new(
            codes::FILE_NAME_MISMATCH,
            format!("file name holds {first}, but the serial number is {serial}"),
        ))
    }

    /// The serial number that a whole run of hexadecimal digits spells, if it has the family's length.
    fn serial_in<'a>(self, run: &'a str, serial: &SerialNumber) -> Option<&'a str> {
        match self {
            Self::StsafeA => stsafe_a::serial_in(run),
            Self::StsafeL => stsafe_l::serial_in(run),
            // a generic common name means nothing to us, unless the chip looks like an STSAFE-A
            Self::Generic if stsafe_a::is_uid(serial.content()) => stsafe_a::serial_in(run),
            Self::Generic => None,
        }
    }
}

/// Shorter serial numbers are no UIDs, and a CA's name may well end in its number.
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
