//! STSAFE-L: the serial number has 9 octets (one genuine leaf is public, under `STM_STSAFE-L_CA0001`).

pub(super) const FORM: &str = "9 octets not beginning 00";

/// A leading zero octet would be the sign's, so that the number had 8 octets only.
pub(super) fn is_uid(serial: &[u8]) -> bool {
    serial.len() == 9 && serial[0] != 0
}

/// The common name ends in the 18 digits, as in `STSAFE-L010-GEN-400000000082940113`.
pub(super) fn serial_in(run: &str) -> Option<&str> {
    (run.len() == 18).then_some(run)
}
