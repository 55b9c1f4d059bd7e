//! The data zones of known parts that can take a certificate.

/// Zones of one part that have the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The part and its personalisation profile.
    pub part: &'static str,
    /// Their numbers.
    pub zones: &'static str,
    /// Bytes that one of them holds.
    pub bytes: usize,
}

impl Zone {
    /// Whether a certificate of so many bytes fits.
    pub fn fits(&self, bytes: usize) -> bool {
        bytes <= self.bytes
    }
}

/// Zone 0 holds ST's own leaf and is never written again; zones with a counter hold 64 bytes: neither is here.
/// A110: the memory map that ST's evaluation parts report. A120: ST's NVM partitioning of profile SPL05.
pub const ZONES: &[Zone] = &[
    Zone { part: "STSAFE-A110 SPL02", zones: "1", bytes: 700 },
    Zone { part: "STSAFE-A110 SPL02", zones: "2 and 3", bytes: 600 },
    Zone { part: "STSAFE-A110 SPL02", zones: "4", bytes: 1696 },
    Zone { part: "STSAFE-A110 SPL02", zones: "7", bytes: 1578 },
    Zone { part: "STSAFE-A120 SPL05", zones: "1 to 4", bytes: 1000 },
    Zone { part: "STSAFE-A120 SPL05", zones: "9", bytes: 5120 },
    Zone { part: "STSAFE-A120 SPL05", zones: "10", bytes: 3072 },
    Zone { part: "STSAFE-A120 SPL05", zones: "11", bytes: 2944 },
];
