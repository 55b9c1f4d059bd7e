//! Findings: the first of them, how many there are, and counts by code with what to do.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::findings::Findings;
use crate::origin::{Code, Disposition, Finding};

/// The members that a report about findings has among its own.
#[derive(Serialize)]
#[expect(missing_debug_implementations, reason = "made to be written")]
pub struct FindingsOf<'a> {
    findings: &'a [Finding],
    findings_total: u64,
    codes: CodesOf<'a>,
}

impl<'a> FindingsOf<'a> {
    /// Takes the first thousand, and the counts.
    pub fn new(findings: &'a Findings) -> Self {
        Self { findings: findings.first(), findings_total: findings.len(), codes: CodesOf(findings) }
    }
}

/// Counts by code.
#[derive(Clone, Copy, Debug)]
pub struct CodesOf<'a>(pub &'a Findings);

#[derive(Serialize)]
struct OfCode {
    disposition: Disposition,
    count: u64,
    hint: Option<&'static str>,
}

impl Serialize for CodesOf<'_> {
    /// The same code may reject one item and ignore a different one: the disposition is that of its first item.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut codes: BTreeMap<Code, (u64, Disposition, u64)> = BTreeMap::new();
        for ((code, disposition), of_code) in self.0.codes() {
            let known = codes.entry(*code).or_insert((of_code.number, *disposition, 0));
            if of_code.number < known.0 {
                (known.0, known.1) = (of_code.number, *disposition);
            }
            known.2 += of_code.count;
        }
        let mut map = serializer.serialize_map(Some(codes.len()))?;
        for (code, (_, disposition, count)) in codes {
            map.serialize_entry(&code, &OfCode { disposition, count, hint: code.hint() })?;
        }
        map.end()
    }
}
