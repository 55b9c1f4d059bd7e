//! `[device]`: what the device that stores the certificate can take. Nothing of it enters the certificate.

use std::ops::Range;

use crate::cert::DeviceLimits;
use crate::policy::error;
use crate::toml::Table;
use crate::x509::SignatureAlgorithm;

use super::Field;
use super::signature::Signature;

pub(super) const TARGET: Field = Field {
    path: "device.target",
    meaning: "`stselib`: every certificate must be one that ST's host library (STSELib) loads.",
    form: "`stselib` or `none`",
    clause: "STSELib v1.1.9, by experiment",
    criticality: None,
    checks: &[
        "`stselib`: the signature is ECDSA and `full_width_signature` is true",
        "`stselib`: lints of every certificate: see the rules `stselib.*`",
    ],
    example: "[device]\ntarget = \"stselib\"\nmax_certificate_bytes = 1000\nfull_width_signature = true",
};

pub(super) const MAX_CERTIFICATE_BYTES: Field = Field {
    path: "device.max_certificate_bytes",
    meaning: "Size of the zone that receives the certificate, in bytes; without the line there is no limit.",
    form: "integer",
    clause: "the device's zone table",
    criticality: None,
    checks: &["the largest certificate of the policy under this issuer, with the largest signature, fits"],
    example: "[device]\ntarget = \"none\"\nmax_certificate_bytes = 1000\nfull_width_signature = false",
};

pub(super) const FULL_WIDTH_SIGNATURE: Field = Field {
    path: "device.full_width_signature",
    meaning: "Sign again until neither r nor s of the ECDSA signature begins with a zero byte (about 3 in 256 signatures \
              do), because the device's library refuses such signatures.",
    form: "boolean",
    clause: "STSELib v1.1.9, by experiment",
    criticality: None,
    checks: &["only with an ECDSA signature"],
    example: "[device]\ntarget = \"none\"\nfull_width_signature = true",
};

/// The limits with their places.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Device {
    pub(in crate::policy) limits: DeviceLimits,
    pub(in crate::policy) size_span: Range<usize>,
    pub(in crate::policy) target_span: Range<usize>,
    pub(in crate::policy) width_span: Range<usize>,
}

pub(in crate::policy) fn read(top: &Table<'_>, signature: Option<&Signature>) -> Option<Device> {
    let table = top.required("device")?.table()?;
    let target = table.required("target");
    let target_span = target.as_ref().map_or(table.span.clone(), |value| value.span.clone());
    let stselib = target.as_ref().and_then(|value| value.choice(&[("stselib", true), ("none", false)]));
    let size = table.optional("max_certificate_bytes");
    let size_span = size.as_ref().map_or(table.span.clone(), |value| value.span.clone());
    let max_certificate_bytes = match &size {
        None => Some(None),
        Some(value) => value.number().map(Some),
    };
    let width = table.required("full_width_signature");
    let width_span = width.as_ref().map_or(table.span.clone(), |value| value.span.clone());
    let full_width_signature = width.as_ref().and_then(super::Value::boolean);
    table.finish();
    let (stselib, full_width_signature) = (stselib?, full_width_signature?);
    let ecdsa = signature.map(|signature| signature.algorithm).is_none_or(SignatureAlgorithm::is_ecdsa);
    let mut good = true;
    if full_width_signature && !ecdsa {
        good = false;
        width?.error_hint::<()>(
            error::CONTRADICTION,
            "`device.full_width_signature` is true, but `certificate.signature` is not ECDSA and has no r and s",
            "Write full_width_signature = false.",
        );
    } else if stselib && !ecdsa {
        good = false;
        target?.error::<()>(
            error::CONTRADICTION,
            "`device.target` is \"stselib\", which checks ECDSA signatures only, but `certificate.signature` is another kind",
        );
    } else if stselib && !full_width_signature {
        good = false;
        width?.error_hint::<()>(
            error::CONTRADICTION,
            "`device.target` is \"stselib\", which refuses 1 in 128 signatures unless `full_width_signature` is true",
            "Write full_width_signature = true.",
        );
    }
    let limits = DeviceLimits { stselib, max_certificate_bytes: max_certificate_bytes?, full_width_signature };
    good.then_some(Device { limits, size_span, target_span, width_span })
}
