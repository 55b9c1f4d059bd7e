//! What the lists would weigh.

use std::collections::{BTreeMap, BTreeSet};

use crate::crl::Reason;
use crate::ledger::{BatchId, Revocation, Revocations, Scope};
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
    /// The most bytes that the policies allow, if one of them says so: `revocation.max_crl_bytes`.
    pub max_bytes: Option<u64>,
}

impl ScopeSize {
    /// Whether the list would be larger than the policies allow.
    pub fn is_too_large(&self) -> bool {
        self.max_bytes.is_some_and(|max| self.bytes > max)
    }
}

/// What the lists weigh that get an entry more, the full one first. `limits` are the most bytes of a list of each batch.
pub(super) fn sizes(
    known: &Revocations,
    revocations: &[Revocation],
    limits: &BTreeMap<BatchId, u64>,
) -> Vec<ScopeSize> {
    let mut sizes: BTreeMap<Scope, ScopeSize> = BTreeMap::new();
    let mut add = |scope: &Scope, bytes: u64, added: u64, limit: Option<u64>| {
        let scopes = [Some(&Scope::default()).cloned(), Some(scope.clone()).filter(|scope| !scope.is_full())];
        for scope in scopes.into_iter().flatten() {
            let size = sizes.entry(scope.clone()).or_insert_with(|| {
                let urls: usize = scope.urls().iter().map(|url| url.len() + 4).sum();
                ScopeSize { scope, added: 0, entries: 0, bytes: EMPTY_BYTES + urls as u64, max_bytes: None }
            });
            size.added += added;
            size.entries += 1;
            size.bytes += bytes;
            // a file that is given to a relying party has no limit in the policy
            if !size.scope.is_full() {
                size.max_bytes = size.max_bytes.into_iter().chain(limit).min();
            }
        }
    };
    let entry = |serial: &SerialNumber, reason: Reason| {
        // SEQUENCE, INTEGER, UTCTime, and the extension reasonCode
        2 + 2 + serial.content().len() as u64 + 15 + if reason == Reason::Unspecified { 0 } else { 14 }
    };
    let mut changed = BTreeSet::new();
    for revocation in revocations {
        let limit = revocation.batch.as_ref().and_then(|batch| limits.get(batch)).copied();
        for one in &revocation.certificates {
            changed.insert(one.serial);
            add(&one.scope, entry(&one.serial, revocation.reason), 1, limit);
        }
    }
    for one in known.certificates().iter().filter(|one| !changed.contains(&one.serial)) {
        add(&one.scope, entry(&one.serial, one.reason), 0, None);
    }
    sizes.into_values().filter(|size| size.added > 0).collect()
}

/// A list without entries, signed on P-256.
const EMPTY_BYTES: u64 = 330;
