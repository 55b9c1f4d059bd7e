//! `certificate.serial`: where the serial number comes from.

use crate::policy::error;
use crate::toml::Table;
use crate::verify::Family;

use super::Field;

pub(super) const FIELD: Field = Field {
    path: "certificate.serial",
    meaning: "`derived`: 16 bytes from the batch's random seed and the leaf, unpredictable before and reproducible after. \
              `source`: the source leaf's own number, for devices that read the chip's identity from the new certificate; \
              it has no random part and is unique only as long as one CA certifies a chip once.",
    form: "`derived` or `source`",
    clause: "RFC 5280 §4.1.2.2",
    criticality: None,
    checks: &[
        "positive and at most 20 bytes, by construction",
        "`source` only for a family whose numbers are unique: not `generic`",
    ],
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

pub(in crate::policy) fn read(table: &Table<'_>, family: Option<Family>) -> Option<SerialSource> {
    let choices = [("derived", SerialSource::Derived), ("source", SerialSource::Source)];
    let value = table.required("serial")?;
    let source = value.choice(&choices)?;
    if source == SerialSource::Source
        && let Some(family) = family.filter(|family| family.is_per_issuer())
    {
        return value.error_hint(
            error::CONTRADICTION,
            format!(
                "`certificate.serial` is \"source\", but leaves of family {family} come from any issuer: two can have one \
                 number (RFC 5280 §4.1.2.2)"
            ),
            "Write serial = \"derived\".",
        );
    }
    Some(source)
}
