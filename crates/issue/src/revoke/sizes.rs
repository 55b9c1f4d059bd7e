//! What the lists would weigh.

use std::collections::{BTreeMap, BTreeSet};

use crate::crl::Reason;
use crate::ledger::{Revocation, Revocations, Scope};
use crate::x509::SerialNumber;

/// What a list would weigh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeSize {
    /// Its URLs; none of the full list.
    pub scope: Scope,
    /// Entries that come to it.
    pub added: u64,
    /// Entries after that.
    pub entries: u64,
    /// Bytes after that, about.
    pub bytes: u64,
}

/// What the lists weigh that get an entry more, the full one first.
pub(super) fn sizes(known: &Revocations, revocations: &[Revocation]) -> Vec<ScopeSize> {
    let mut sizes: BTreeMap<Scope, ScopeSize> = BTreeMap::new();
    let mut add = |scope: &Scope, bytes: u64, added: u64| {
        let scopes = [Some(&Scope::default()).cloned(), Some(scope.clone()).filter(|scope| !scope.is_full())];
        for scope in scopes.into_iter().flatten() {
            let size = sizes.entry(scope.clone()).or_insert_with(|| {
                let urls: usize = scope.urls().iter().map(|url| url.len() + 4).sum();
                ScopeSize { scope, added: 0, entries: 0, bytes: EMPTY_BYTES + urls as u64 }
            });
            size.added += added;
            size.entries += 1;
            size.bytes += bytes;
        }
    };
    let entry = |serial: &SerialNumber, reason: Reason| {
        // SEQUENCE, INTEGER, UTCTime, and the extension reasonCode
        2 + 2 + serial.content().len() as u64 + 15 + if reason == Reason::Unspecified { 0 } else { 14 }
    };
    let mut changed = BTreeSet::new();
    for revocation in revocations {
        for one in &revocation.certificates {
            changed.insert(one.serial);
            add(&one.scope, entry(&one.serial, revocation.reason), 1);
        }
    }
    for one in known.certificates().iter().filter(|one| !changed.contains(&one.serial)) {
        add(&one.scope, entry(&one.serial, one.reason), 0);
    }
    sizes.into_values().filter(|size| size.added > 0).collect()
}

/// A list without entries, signed on P-256.
const EMPTY_BYTES: u64 = 330;
