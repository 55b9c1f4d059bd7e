//! Any other chip: the serial number is the UID, regardless of its form, and its namespace is the source issuer.

use super::spec::Spec;
use super::{Family, stsafe_a};

pub(super) const SPEC: Spec = Spec {
    name: "generic",
    uid_bytes: (1, 20),
    // the reader has seen that it is positive and has at most 20 bytes
    is_uid: |serial| !serial.is_empty(),
    uid_form: "a positive serial number",
    sample: |bytes| vec![0x40; bytes],
    parts: None,
    listed: "a serial number of 1 to 20 bytes",
    misnamed: "is not the UID of a chip of the family `generic`: a positive serial number of at most 20 bytes, without zeros \
               before it",
    marks: stsafe_a::is_uid,
    // a generic common name means nothing to us, unless the chip looks like an STSAFE-A
    serial_in: |run, own| if stsafe_a::is_uid(own) { stsafe_a::serial_in(run) } else { None },
    per_issuer: true,
    any_signature: true,
    // which are called by parts of their UIDs
    includes: &[Family::StsafeA],
};
