//! What would be issued for a leaf.

use serde::{Serialize, Serializer};

use crate::crypto::sha256;
use crate::origin::Code;
use crate::policy::Policy;
use crate::preview::{Decided, PolicyLine, STAND_IN_BATCH, Shown, ShownField, ShownLeaf, ZONES};
use crate::x509::{Sha256Digest, Time};

/// A certificate that would be issued, with the policy and the instant that it follows from.
#[derive(Clone, Copy, Debug)]
pub struct ShownUnder<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The instant that is used in place of the batch's.
    pub at: Time,
    /// The certificate.
    pub shown: &'a Shown,
}

#[derive(Serialize)]
struct Whole<'a> {
    would_be_issued: bool,
    policy: OfPolicy<'a>,
    issued_at: Time,
    batch: &'static str,
    leaf: &'a ShownLeaf,
    fields: &'a [ShownField],
    size: Size<'a>,
    zones: Vec<FittingZone>,
    findings: &'a [crate::preview::ShownFinding],
}

#[derive(Serialize)]
struct OfPolicy<'a> {
    file: &'a str,
    name: &'a str,
    sha256: Sha256Digest,
}

#[derive(Serialize)]
struct Size<'a> {
    tbs: usize,
    certificate_at_most: usize,
    policy: Option<&'a PolicyLine>,
}

#[derive(Serialize)]
struct FittingZone {
    part: &'static str,
    zones: &'static str,
    #[serde(rename = "octets")]
    bytes: usize,
    fits: bool,
}

impl Serialize for ShownUnder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { policy, at, shown } = self;
        let zone = |zone: &crate::preview::Zone| FittingZone {
            part: zone.part,
            zones: zone.zones,
            bytes: zone.bytes,
            fits: zone.fits(shown.max_bytes),
        };
        let whole = Whole {
            would_be_issued: shown.findings.is_empty(),
            policy: OfPolicy { file: policy.file_name(), name: policy.name(), sha256: sha256(policy.bytes()) },
            issued_at: *at,
            batch: STAND_IN_BATCH,
            leaf: &shown.leaf,
            fields: &shown.fields,
            size: Size {
                tbs: shown.tbs_bytes,
                certificate_at_most: shown.max_bytes,
                policy: shown.max_bytes_line.as_ref(),
            },
            zones: ZONES.iter().map(zone).collect(),
            findings: &shown.findings,
        };
        whole.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Leaf<'a> {
    uid: &'a str,
    family: &'a str,
    subject: &'a str,
    key: &'a str,
    sha256: Sha256Digest,
    anchor: &'a str,
    relaxations: &'a [&'static str],
    warnings: Vec<Noted<'a>>,
}

#[derive(Serialize)]
struct Noted<'a> {
    code: Code,
    message: &'a str,
}

impl Serialize for ShownLeaf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let noted = self.warnings.iter().map(|warning| Noted { code: warning.code, message: &warning.reason });
        let leaf = Leaf {
            uid: &self.uid,
            family: self.family,
            subject: &self.subject,
            key: &self.key,
            sha256: self.sha256,
            anchor: &self.anchor,
            relaxations: &self.relaxations,
            warnings: noted.collect(),
        };
        leaf.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    oid: Option<String>,
    critical: Option<bool>,
    value: &'a [String],
    policy: Option<&'a PolicyLine>,
    otherwise: Option<&'static str>,
}

impl Serialize for ShownField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (policy, otherwise) = match &self.decided {
            Decided::Elsewhere(what) => (None, Some(*what)),
            Decided::Policy(line) => (Some(line), None),
        };
        let field = Field {
            name: &self.name,
            oid: self.oid.map(|oid| oid.to_string()),
            critical: self.oid.map(|_| self.critical),
            value: &self.value,
            policy,
            otherwise,
        };
        field.serialize(serializer)
    }
}
