//! STSAFE-A: the serial number is `02 09`, then the ST number of 9 octets: 7 unique ones and 2 of product id.
//!
//! Seen in every leaf under the STSAFE-A CAs; ST's picture of the SPL05 leaf calls 0209 a constant.

pub(super) const FORM: &str = "11 octets beginning 02 09";

/// What every UID begins with.
pub(super) const HEAD: [u8; 2] = [2, 9];

/// Bytes of an ST number.
pub(super) const ST_NUMBER: usize = 9;

/// Bytes of a unique number, which an ST number begins with.
pub(super) const UNIQUE: usize = 7;

/// The header that some profiles write before the serial number in the common name: INTEGER of 11 octets.
const INTEGER_HEADER: &str = "020B";

pub(super) fn is_uid(serial: &[u8]) -> bool {
    serial.len() == HEAD.len() + ST_NUMBER && serial.starts_with(&HEAD)
}

/// Design §5: 22 digits, or 26 with a leading `020B`.
pub(super) fn serial_in(run: &str) -> Option<&str> {
    match run.len() {
        22 => Some(run),
        26 if run[..4].eq_ignore_ascii_case(INTEGER_HEADER) => Some(&run[4..]),
        _ => None,
    }
}
