//! STSAFE-A: the serial number is `02 09`, then the ST number of 9 bytes: 7 unique ones and 2 of product id.
//!
//! Seen in every leaf under the STSAFE-A CAs; ST's picture of the SPL05 leaf calls 0209 a constant.

use super::spec::{Parts, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "stsafe-a",
    uid_bytes: (11, 11),
    is_uid,
    uid_form: "11 octets beginning 02 09",
    sample: |_| vec![2, 9, 0xB0, 0x84, 0x61, 0x59, 0xE4, 0x39, 0x52, 1, 0x39],
    parts: Some(PARTS),
    listed: "a serial number (22 digits beginning 0209), an ST number (18 digits) or a unique number (14 digits)",
    misnamed: "is not the UID of a chip of the family `stsafe-a` (11 bytes beginning 02 09), nor its ST number (9 bytes) or \
               unique number (7 bytes)",
    marks: is_uid,
    serial_in: |run, _| serial_in(run),
    per_issuer: false,
    any_signature: false,
    includes: &[],
};

const PARTS: Parts = Parts { head: &[2, 9], number: 9, unique: 7 };

/// The header that some profiles write before the serial number in the common name: INTEGER of 11 bytes.
const INTEGER_HEADER: &str = "020B";

pub(super) fn is_uid(serial: &[u8]) -> bool {
    PARTS.number_in(serial).is_some()
}

/// 22 digits, or 26 with a leading `020B`.
pub(super) fn serial_in(run: &str) -> Option<&str> {
    match run.len() {
        22 => Some(run),
        26 if run[..4].eq_ignore_ascii_case(INTEGER_HEADER) => Some(&run[4..]),
        _ => None,
    }
}
