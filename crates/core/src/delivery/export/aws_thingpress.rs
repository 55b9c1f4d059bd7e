//! AWS Thingpress, provider "generated": multi-account registration of certificates whose CA is not registered.
//!
//! One line a certificate: the base64 of its PEM text. (Thingpress decodes the line and reads PEM; a line of plain
//! base64 DER, which its guide also shows, fails there.) The thing is named after the common name.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::delivery::error::DeliveryError;
use crate::delivery::output::Output;
use crate::delivery::pem::certificate_to_pem;

use super::names::Names;
use super::{FILE, Format, Object, Target};

pub(super) struct AwsThingpress {
    names: Names,
    lines: Output,
}

impl AwsThingpress {
    pub(super) fn create(folder: &Path) -> Result<Self, DeliveryError> {
        Ok(Self { names: Names::things(Target::AwsThingpress), lines: Output::create(folder, FILE)? })
    }
}

impl Format for AwsThingpress {
    fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError> {
        self.names.of(object)?;
        let mut line = STANDARD.encode(certificate_to_pem(object.certificate.der()));
        line.push('\n');
        self.lines.append(line.as_bytes())
    }

    fn finish(self: Box<Self>) -> Result<(), DeliveryError> {
        self.lines.finish().map(drop)
    }
}
