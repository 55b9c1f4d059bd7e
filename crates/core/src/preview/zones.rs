//! The data zones of known parts that can take a certificate.

/// Zones of one part that have the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The part and its personalisation profile.
    pub part: &'static str,
    /// Their numbers.
    pub zones: &'static str,
    /// Bytes that one of them holds.
    pub octets: usize,
}

impl Zone {
    /// Whether a certificate of so many bytes fits.
    pub fn fits(&self, octets: usize) -> bool {
        octets <= self.octets
    }
}

/// Zone 0 holds ST's own leaf and is never written again; zones with a counter hold 64 bytes: neither is here.
/// A110: the memory map that ST's evaluation parts report. A120: ST's NVM partitioning of profile SPL05.
pub const ZONES: &[Zone] = &[
    Zone { part: "STSAFE-A110 SPL02", zones: "1", octets: 700 },
    Zone { part: "STSAFE-A110 SPL02", zones: "2 and 3", octets: 600 },
    Zone { part: "STSAFE-A110 SPL02", zones: "4", octets: 1696 },
    Zone { part: "STSAFE-A110 SPL02", zones: "7", octets: 1578 },
    Zone { part: "STSAFE-A120 SPL05", zones: "1 to 4", octets: 1000 },
    Zone { part: "STSAFE-A120 SPL05", zones: "9", octets: 5120 },
    Zone { part: "STSAFE-A120 SPL05", zones: "10", octets: 3072 },
    Zone { part: "STSAFE-A120 SPL05", zones: "11", octets: 2944 },
];
