//! The exact bytes for a data zone of an STSAFE-A: raw DER from offset 0, nothing before, between or after.
//!
//! ST's host library takes the size of what is in a zone from bytes 2 and 3 of the first certificate, so that each must
//! begin 30 82; of a chain it wants the CA's side first and the chip's certificate last.

use crate::delivery::error::DeliveryError;
use crate::x509::Certificate;

use super::files::Files;
use super::{Format, Object};

/// What goes into a zone, and how large the zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Bytes of the zone.
    pub bytes: usize,
    /// The issuing CA's certificate first.
    pub chain: bool,
}

pub(super) struct StsafeZone {
    files: Files,
    zone: Zone,
    before: Vec<u8>,
}

impl StsafeZone {
    pub(super) fn new(files: Files, zone: Zone, issuer: &Certificate) -> Self {
        let before = if zone.chain { issuer.der().to_vec() } else { vec![] };
        Self { files, zone, before }
    }
}

impl Format for StsafeZone {
    fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError> {
        let der = object.certificate.der();
        let unfit = |found, expected| {
            let uid = *object.entry.uid();
            DeliveryError::ZoneUnfit { uid, found, expected }
        };
        if [&self.before, der].iter().any(|der| !der.is_empty() && !der.starts_with(&[0x30, 0x82])) {
            return Err(unfit(
                "a certificate that does not begin 30 82".to_owned(),
                "certificates of 260 bytes or more".to_owned(),
            ));
        }
        let bytes = [&self.before, der].concat();
        if bytes.len() > self.zone.bytes {
            return Err(unfit(format!("{} bytes", bytes.len()), format!("at most {}", self.zone.bytes)));
        }
        self.files.add(&format!("{}.bin", object.entry.uid()), &bytes)
    }

    fn finish(self: Box<Self>) -> Result<(), DeliveryError> {
        self.files.finish()
    }
}
