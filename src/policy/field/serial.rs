//! `certificate.serial`: where the serial number comes from.

use crate::policy::document::Table;

use super::Field;

pub(super) const FIELD: Field = Field {
    path: "certificate.serial",
    meaning: "`derived`: 16 octets from the batch's random seed and the leaf, unpredictable before and reproducible after. \
              `source`: the source leaf's own number, for devices that read the chip's identity from the new certificate; \
              it has no random part and is unique only as long as one CA certifies a chip once.",
    form: "`derived` or `source`",
    clause: "RFC 5280 §4.1.2.2",
    criticality: None,
    checks: &["positive and at most 20 octets, by construction"],
    example: "serial = \"derived\"",
};

/// Where the serial number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum SerialSource {
    /// From seed and leaf.
    Derived,
    /// The leaf's own.
    Source,
}

pub(in crate::policy) fn read(table: &Table<'_>) -> Option<SerialSource> {
    let choices = [("derived", SerialSource::Derived), ("source", SerialSource::Source)];
    table.required("serial").and_then(|value| value.choice(&choices))
}
