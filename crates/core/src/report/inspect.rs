//! What is in a reel.

use std::collections::BTreeMap;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::inspect::{EntryReport, Inspection};
use crate::origin::{Code, Finding, ItemName, Uid};
use crate::reel::InputRecord;
use crate::verify::MissingChip;
use crate::x509::Time;

use super::CodesOf;

#[derive(Serialize)]
struct Seen<'a> {
    verified: bool,
    inputs: &'a [InputRecord],
    items: u64,
    leaves: u64,
    families: &'a BTreeMap<String, u64>,
    issuers: &'a BTreeMap<String, u64>,
    keys: &'a BTreeMap<String, u64>,
    not_before: Option<(Time, Time)>,
    not_after: Option<(Time, Time)>,
    uids: Option<(Uid, Uid)>,
    without_certificates: &'a [ItemName],
    missing: &'a [MissingChip],
    warnings: &'a [String],
    codes: CodesOf<'a>,
}

/// All but the items one by one, of which there can be many: [`Inspection::entries`].
impl Serialize for Inspection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seen = Seen {
            verified: self.verified,
            inputs: &self.inputs,
            items: self.items,
            leaves: self.leaves,
            families: &self.families,
            issuers: &self.issuers,
            keys: &self.keys,
            not_before: self.not_before,
            not_after: self.not_after,
            uids: self.uids,
            without_certificates: &self.without_certificates,
            missing: &self.missing,
            warnings: &self.warnings,
            codes: CodesOf(&self.findings),
        };
        seen.serialize(serializer)
    }
}

/// What takes an item out, or is only worth a look.
#[derive(Serialize)]
#[serde(untagged)]
enum Found<'a> {
    Out(&'a Finding),
    Noted { disposition: &'static str, code: Code, reason: &'a str, item: &'a str },
}

impl Serialize for EntryReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let noted = self.warnings.iter().map(|warning| Found::Noted {
            disposition: "noted",
            code: warning.code,
            reason: &warning.reason,
            item: &self.item,
        });
        let findings: Vec<Found<'_>> = self.findings.iter().map(Found::Out).chain(noted).collect();
        let mut object = serializer.serialize_struct("EntryReport", 3)?;
        object.serialize_field("item", &self.item)?;
        object.serialize_field("uid", &self.uid)?;
        object.serialize_field("findings", &findings)?;
        object.end()
    }
}
