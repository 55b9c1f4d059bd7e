//! Azure Device Provisioning Service: individual enrolments with X.509 attestation.
//!
//! Each line is the body of one request `POST https://<service>/enrollments` (Individual Enrollment - Run Bulk
//! Operation, api-version 2021-10-01), which takes at most ten enrolments. The registration id is the certificate's
//! common name, as X.509 attestation demands; the certificate is base64 of its DER.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::delivery::error::DeliveryError;
use crate::delivery::output::Output;

use super::names::Names;
use super::{FILE, Format, Object};

pub(super) struct AzureDps {
    names: Names,
    waiting: Vec<Value>,
    lines: Output,
}

impl AzureDps {
    pub(super) fn create(folder: &Path) -> Result<Self, DeliveryError> {
        let waiting = Vec::with_capacity(ENROLMENTS_PER_REQUEST);
        Ok(Self { names: Names::registration_ids(), waiting, lines: Output::create(folder, FILE)? })
    }

    #[cfg(test)]
    pub(super) fn forget_names(&mut self) {
        self.names = Names::registration_ids();
    }

    fn write_request(&mut self) -> Result<(), DeliveryError> {
        let request = json!({ "mode": "create", "enrollments": std::mem::take(&mut self.waiting) });
        self.lines.append(format!("{request}\n").as_bytes())
    }
}

impl Format for AzureDps {
    fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError> {
        let certificate = STANDARD.encode(object.certificate.der());
        self.waiting.push(json!({
            "registrationId": self.names.of(object)?,
            "attestation": {
                "type": "x509",
                "x509": { "clientCertificates": { "primary": { "certificate": certificate } } },
            },
            "provisioningStatus": "enabled",
        }));
        if self.waiting.len() == ENROLMENTS_PER_REQUEST { self.write_request() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), DeliveryError> {
        if !self.waiting.is_empty() {
            self.write_request()?;
        }
        self.lines.finish().map(drop)
    }
}

/// "Bulk device enrollment operation with maximum of 10 enrollments."
const ENROLMENTS_PER_REQUEST: usize = 10;
