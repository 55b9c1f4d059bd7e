//! Conflicts among the verified leaves of one input (design §5): one chip, one key, one certificate.
//!
//! Only verified leaves take part, so that junk cannot quarantine a genuine chip. Works by sorting compact rows in
//! place: 10 million leaves take one gigabyte and a few seconds. The outcome depends on the rows alone, not on their
//! order; of exact duplicates, the one with the lowest mark stays.

use std::cmp::Ordering;
use std::fmt;

use crate::crypto::sha256;
use crate::origin::{Code, Disposition, Finding, ItemName, OriginError, Uid};
use crate::x509::{SerialNumber, Sha256Digest};

use super::leaf::VerifiedLeaf;
use super::rules::Family;
use super::{codes, name};

/// What is kept of a verified leaf to find conflicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The chip.
    pub uid: RowUid,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki: Sha256Digest,
    /// SHA-256 of the leaf.
    pub fingerprint: Sha256Digest,
    /// Names the source issuer for the family `generic`, where it is the UID's namespace; else zero.
    pub namespace: u64,
    /// Whatever the caller finds the leaf by: its position, or its place in the spool.
    pub mark: u64,
}

impl Row {
    /// The row of a leaf.
    pub fn of(leaf: &VerifiedLeaf, mark: u64) -> Self {
        let namespace = match leaf.family() {
            // the issuer's name, letter case aside, because a relaxation may have set it aside before
            Family::Generic => {
                let digest = sha256(&name::fold_case(leaf.certificate().issuer()));
                u64::from_be_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 octets"))
            }
            Family::StsafeA | Family::StsafeL => 0,
        };
        Self {
            uid: RowUid::of(leaf.uid()),
            spki: sha256(leaf.spki().der()),
            fingerprint: leaf.origin().fingerprint,
            namespace,
            mark,
        }
    }
}

/// A [`Uid`] without a heap allocation; sorts as it does, by octets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowUid {
    octets: [u8; SerialNumber::MAX_OCTETS],
    length: u8,
}

impl RowUid {
    /// Copies a UID.
    pub fn of(uid: &Uid) -> Self {
        let mut octets = [0; SerialNumber::MAX_OCTETS];
        let bytes = uid.as_bytes();
        octets[..bytes.len()].copy_from_slice(bytes);
        Self { octets, length: u8::try_from(bytes.len()).expect("a UID has 20 octets at most") }
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }

    /// The UID.
    ///
    /// # Errors
    /// Never for one that was made from a [`Uid`].
    pub fn to_uid(self) -> Result<Uid, OriginError> {
        Uid::from_bytes(self.as_bytes())
    }
}

impl Ord for RowUid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for RowUid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RowUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.as_bytes()))
    }
}

impl fmt::Debug for RowUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowUid({self})")
    }
}

/// A leaf that gets no certificate because of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The leaf.
    pub row: Row,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a leaf, with the mark of one that it collides with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ignored: the very same certificate is used.
    Duplicate {
        /// The one that is used.
        of: u64,
    },
    /// Rejected: its key is also certified for another UID.
    KeyTwoUids {
        /// One of the others.
        other: u64,
    },
    /// Ignored: another certificate of the same chip and key is used, such as the re-signed (r, n - s).
    Twin {
        /// The one that is used.
        of: u64,
    },
    /// Rejected: its UID also appears under another source issuer.
    UidTwoIssuers {
        /// One of the others.
        other: u64,
    },
    /// Rejected: its UID is also certified with another key.
    UidTwoKeys {
        /// One of the others.
        other: u64,
    },
}

impl Verdict {
    /// The stable code.
    pub const fn code(self) -> Code {
        match self {
            Self::Duplicate { .. } => codes::CONFLICT_DUPLICATE,
            Self::KeyTwoUids { .. } => codes::CONFLICT_KEY_TWO_UIDS,
            Self::Twin { .. } => codes::CONFLICT_TWIN,
            Self::UidTwoIssuers { .. } => codes::CONFLICT_UID_TWO_ISSUERS,
            Self::UidTwoKeys { .. } => codes::CONFLICT_UID_TWO_KEYS,
        }
    }

    /// Duplicates and twins are nobody's fault.
    pub const fn disposition(self) -> Disposition {
        match self {
            Self::Duplicate { .. } | Self::Twin { .. } => Disposition::Ignored,
            Self::KeyTwoUids { .. } | Self::UidTwoIssuers { .. } | Self::UidTwoKeys { .. } => Disposition::Rejected,
        }
    }

    /// The mark of the leaf it collides with.
    pub const fn other(self) -> u64 {
        match self {
            Self::Duplicate { of } | Self::Twin { of } => of,
            Self::KeyTwoUids { other } | Self::UidTwoIssuers { other } | Self::UidTwoKeys { other } => other,
        }
    }
}

impl Conflict {
    /// The finding, once the caller has looked up both items.
    pub fn finding(&self, item: ItemName, other: &ItemName) -> Finding {
        let uid = self.row.uid;
        let reason = match self.verdict {
            Verdict::Duplicate { .. } => format!("the same certificate is used from {other}"),
            Verdict::KeyTwoUids { .. } => format!("the public key of {uid} is certified for another chip in {other}"),
            Verdict::Twin { .. } => {
                format!("another certificate of {uid} and its key, with a lower SHA-256, is used from {other}")
            }
            Verdict::UidTwoIssuers { .. } => format!("{uid} appears under another issuer in {other}"),
            Verdict::UidTwoKeys { .. } => format!("{uid} is certified with another public key in {other}"),
        };
        let finding = match self.verdict.disposition() {
            Disposition::Ignored => Finding::ignored(item, self.verdict.code(), reason),
            Disposition::Rejected => Finding::rejected(item, self.verdict.code(), reason),
        };
        finding.of(uid.to_uid().ok(), Some(self.row.fingerprint))
    }
}

/// The rejection of a verified leaf whose key turned out, once all intermediates of the input were known, to be one of
/// theirs: it must not depend on who was read first.
pub fn key_of_a_ca(item: ItemName, row: &Row) -> Finding {
    let reason = "public key is that of an intermediate CA of this input";
    Finding::rejected(item, codes::KEY_OF_A_CA, reason).of(row.uid.to_uid().ok(), Some(row.fingerprint))
}

/// Takes out every row that gets no certificate and says why; what is left in `rows` is in UID order, each UID once.
///
/// One UID with two keys, one key under two UIDs, one UID in two namespaces: all parties are taken out. Of several
/// certificates of one chip and key, the one with the lowest SHA-256 stays. The conflicts are sorted by mark.
pub fn conflicts(rows: &mut Vec<Row>) -> Vec<Conflict> {
    let shared_keys = shared_keys(rows);
    rows.sort_unstable_by(|a, b| a.uid.cmp(&b.uid).then_with(|| a.spki.cmp(&b.spki)).then_with(|| within_key(a, b)));
    let mut found = Vec::new();
    let mut kept = 0;
    let mut start = 0;
    while start < rows.len() {
        let uid = rows[start].uid;
        let end = start + rows[start..].iter().take_while(|row| row.uid == uid).count();
        let mut used = None;
        for at in start..end {
            let verdict = verdict(&rows[start..end], at - start, &shared_keys);
            match verdict {
                None => used = Some(rows[at]),
                Some(verdict) => found.push(Conflict { row: rows[at], verdict }),
            }
        }
        if let Some(row) = used {
            rows[kept] = row;
            kept += 1;
        }
        start = end;
    }
    rows.truncate(kept);
    found.sort_unstable_by_key(|conflict: &Conflict| conflict.row.mark);
    found
}

/// The verdict on one of the rows that share a UID; they are sorted by key, fingerprint and mark.
fn verdict(group: &[Row], at: usize, shared_keys: &[Shared]) -> Option<Verdict> {
    let row = &group[at];
    // any party will do, as long as the input's order does not choose it: the first in the group's order
    let other = |differs: &dyn Fn(&Row) -> bool| group.iter().find(|other| differs(other)).map(|other| other.mark);
    if let Some(other) = other(&|other| other.namespace != row.namespace) {
        return Some(Verdict::UidTwoIssuers { other });
    }
    if group[0].spki != group[group.len() - 1].spki {
        let other = other(&|other| other.spki != row.spki)?;
        return Some(Verdict::UidTwoKeys { other });
    }
    if let Ok(found) = shared_keys.binary_search_by_key(&row.spki, |shared| shared.spki) {
        let shared = &shared_keys[found];
        let other = if shared.first.0 == row.uid { shared.last.1 } else { shared.first.1 };
        return Some(Verdict::KeyTwoUids { other });
    }
    let used = &group[0];
    match at {
        0 => None,
        _ if row.fingerprint == used.fingerprint => Some(Verdict::Duplicate { of: used.mark }),
        _ => Some(Verdict::Twin { of: used.mark }),
    }
}

fn within_key(a: &Row, b: &Row) -> Ordering {
    a.fingerprint.cmp(&b.fingerprint).then(a.mark.cmp(&b.mark))
}

/// A key that appears under more than one UID, and two rows that have it.
struct Shared {
    spki: Sha256Digest,
    first: (RowUid, u64),
    last: (RowUid, u64),
}

/// The keys that appear under more than one UID, sorted.
fn shared_keys(rows: &mut [Row]) -> Vec<Shared> {
    rows.sort_unstable_by(|a, b| a.spki.cmp(&b.spki).then_with(|| a.uid.cmp(&b.uid)).then_with(|| within_key(a, b)));
    rows.chunk_by(|a, b| a.spki == b.spki)
        .filter_map(|group| {
            let (first, last) = (group.first()?, group.last()?);
            (first.uid != last.uid).then_some(Shared {
                spki: first.spki,
                first: (first.uid, first.mark),
                last: (last.uid, last.mark),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(uid: u8, key: u8, fingerprint: u8, namespace: u64, mark: u64) -> Row {
        Row {
            uid: RowUid::of(&Uid::from_bytes(&[uid]).unwrap()),
            spki: Sha256Digest::new([key; 32]),
            fingerprint: Sha256Digest::new([fingerprint; 32]),
            namespace,
            mark,
        }
    }

    fn outcome(mut rows: Vec<Row>) -> (Vec<u64>, Vec<(u64, Verdict)>) {
        let found = conflicts(&mut rows);
        let kept = rows.iter().map(|row| row.mark).collect();
        (kept, found.into_iter().map(|conflict| (conflict.row.mark, conflict.verdict)).collect())
    }

    #[test]
    fn different_chips_stay_in_uid_order() {
        assert_eq!(outcome(vec![row(3, 3, 3, 0, 0), row(1, 1, 1, 0, 1), row(2, 2, 2, 0, 2)]), (vec![1, 2, 0], vec![]));
        assert_eq!(outcome(vec![]), (vec![], vec![]));
    }

    #[test]
    fn of_duplicates_and_twins_the_lowest_digest_stays() {
        let rows = vec![row(1, 1, 9, 0, 0), row(1, 1, 5, 0, 1), row(1, 1, 5, 0, 2), row(1, 1, 7, 0, 3)];
        let expected =
            vec![(0, Verdict::Twin { of: 1 }), (2, Verdict::Duplicate { of: 1 }), (3, Verdict::Twin { of: 1 })];
        assert_eq!(outcome(rows), (vec![1], expected));
    }

    #[test]
    fn a_uid_with_two_keys_loses_all_its_leaves() {
        let rows = vec![row(1, 1, 1, 0, 0), row(1, 2, 2, 0, 1), row(1, 1, 1, 0, 2), row(2, 3, 3, 0, 3)];
        let expected = vec![
            (0, Verdict::UidTwoKeys { other: 1 }),
            (1, Verdict::UidTwoKeys { other: 0 }),
            (2, Verdict::UidTwoKeys { other: 1 }),
        ];
        assert_eq!(outcome(rows), (vec![3], expected));
    }

    #[test]
    fn a_key_under_two_uids_loses_all_its_leaves() {
        let rows = vec![row(1, 1, 1, 0, 0), row(2, 1, 2, 0, 1), row(2, 1, 3, 0, 2), row(3, 3, 3, 0, 3)];
        let expected = vec![
            (0, Verdict::KeyTwoUids { other: 2 }),
            (1, Verdict::KeyTwoUids { other: 0 }),
            (2, Verdict::KeyTwoUids { other: 0 }),
        ];
        assert_eq!(outcome(rows), (vec![3], expected));
    }

    #[test]
    fn a_uid_under_two_issuers_loses_all_its_leaves() {
        let rows = vec![row(1, 1, 1, 7, 0), row(1, 1, 2, 8, 1), row(1, 2, 3, 8, 2)];
        let expected = vec![
            (0, Verdict::UidTwoIssuers { other: 1 }),
            (1, Verdict::UidTwoIssuers { other: 0 }),
            (2, Verdict::UidTwoIssuers { other: 0 }),
        ];
        assert_eq!(outcome(rows), (vec![], expected));
    }

    #[test]
    fn a_finding_names_the_leaf_that_it_collides_with() {
        let item = |name: &str| ItemName::input(name.as_bytes());
        for (verdict, disposition, code) in [
            (Verdict::Duplicate { of: 7 }, Disposition::Ignored, codes::CONFLICT_DUPLICATE),
            (Verdict::KeyTwoUids { other: 7 }, Disposition::Rejected, codes::CONFLICT_KEY_TWO_UIDS),
            (Verdict::Twin { of: 7 }, Disposition::Ignored, codes::CONFLICT_TWIN),
            (Verdict::UidTwoIssuers { other: 7 }, Disposition::Rejected, codes::CONFLICT_UID_TWO_ISSUERS),
            (Verdict::UidTwoKeys { other: 7 }, Disposition::Rejected, codes::CONFLICT_UID_TWO_KEYS),
        ] {
            assert_eq!(verdict.other(), 7);
            let finding = Conflict { row: row(1, 2, 3, 0, 4), verdict }.finding(item("mine"), &item("other"));
            assert_eq!((finding.item, finding.disposition, finding.code), (item("mine"), disposition, code));
            assert!(finding.reason.ends_with(" other"), "{}", finding.reason);
            assert_eq!(finding.uid, Uid::from_bytes(&[1]).ok());
            assert_eq!(finding.source_sha256, Some(Sha256Digest::new([3; 32])));
        }
    }

    proptest! {
        /// The marks stand for the certificates here, so that the outcome can be compared across orders.
        #[test]
        fn the_outcome_does_not_depend_on_the_order(
            shape in proptest::collection::vec((0_u8..4, 0_u8..4, 0_u8..3, 0_u64..2), 0..24),
            seed in any::<u64>(),
        ) {
            let rows: Vec<Row> = shape
                .iter()
                .zip(0..)
                .map(|((uid, key, fingerprint, namespace), mark)| row(*uid + 1, *key, *fingerprint, *namespace, mark))
                .collect();
            let mut shuffled = rows.clone();
            shuffled.sort_by_key(|row| (row.mark ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let expected = outcome(rows.clone());
            prop_assert_eq!(outcome(shuffled), expected.clone());

            // each row has one outcome, and what is kept is free of conflicts
            prop_assert_eq!(expected.0.len() + expected.1.len(), rows.len());
            for a in &expected.0 {
                for b in &expected.0 {
                    let (a, b) = (rows[usize::try_from(*a).unwrap()], rows[usize::try_from(*b).unwrap()]);
                    prop_assert!(a.mark == b.mark || (a.uid != b.uid && a.spki != b.spki));
                }
            }
        }
    }
}
