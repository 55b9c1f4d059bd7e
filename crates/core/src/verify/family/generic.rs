//! Any other chip: the serial number is the UID, whatever its form, and its namespace is the source issuer.

pub(super) const FORM: &str = "a positive serial number";

/// The reader has seen that it is positive and has at most 20 octets.
pub(super) fn is_uid(serial: &[u8]) -> bool {
    !serial.is_empty()
}
