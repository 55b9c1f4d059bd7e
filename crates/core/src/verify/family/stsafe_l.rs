//! STSAFE-L: the serial number has 9 bytes (one genuine leaf is public, under `STM_STSAFE-L_CA0001`).

use super::spec::Spec;

pub(super) const SPEC: Spec = Spec {
    name: "stsafe-l",
    uid_bytes: (9, 9),
    // a leading zero byte would be the sign's, so that the number had 8 bytes only
    is_uid: |serial| serial.len() == 9 && serial[0] != 0,
    uid_form: "9 octets not beginning 00",
    sample: |bytes| vec![0x40; bytes],
    parts: None,
    listed: "a serial number of 18 digits",
    misnamed: "is not the UID of a chip of the family `stsafe-l`: its serial number, 9 bytes not beginning 00",
    marks: |_| false,
    // the common name ends in the 18 digits, as in `STSAFE-L010-GEN-400000000082940113`
    serial_in: |run, _| (run.len() == 18).then_some(run),
    per_issuer: false,
    any_signature: false,
    includes: &[],
};
