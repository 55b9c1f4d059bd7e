//! Conflicts among the verified leaves of one input: one chip, one key, one certificate.
//!
//! Only verified leaves take part, so that junk cannot quarantine a genuine chip. Works by sorting the caller's own
//! rows where they stand; beside them no more than 8 bytes a leaf are kept. The outcome depends on the rows alone, not
//! on their order; of exact duplicates, the one with the lowest mark stays.

use std::collections::BTreeMap;

use crate::crypto::sha256;
use crate::origin::{Code, Disposition, Finding, ItemName, Uid};
use crate::x509::{Certificate, Sha256Digest};

use super::family::Family;
use super::leaf::VerifiedLeaf;
use super::{codes, name};

/// What is kept of a verified leaf to find conflicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The chip.
    pub uid: Uid,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki: Sha256Digest,
    /// SHA-256 of the leaf.
    pub fingerprint: Sha256Digest,
}

impl Row {
    /// The row of a leaf.
    pub fn of(leaf: &VerifiedLeaf) -> Self {
        Self { uid: *leaf.uid(), spki: sha256(leaf.spki().der()), fingerprint: leaf.origin().fingerprint }
    }
}

/// A row, with everything else that the caller keeps of a leaf.
pub trait Contender {
    /// What conflicts are about.
    fn row(&self) -> &Row;
}

/// Names the source issuer for a family in which it is the UID's namespace; else zero.
pub(super) fn namespace(family: Family, certificate: &Certificate) -> u64 {
    if !family.is_per_issuer() {
        return 0;
    }
    // the issuer's name, letter case aside, because a relaxation may have set it aside before
    let digest = sha256(&name::fold_case(certificate.issuer()));
    u64::from_be_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
}

/// A leaf that gets no certificate because of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The leaf's position in the sorted rows.
    pub at: usize,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a leaf, with the position of one that it collides with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ignored: the very same certificate is used.
    Duplicate {
        /// The one that is used.
        of: usize,
    },
    /// Rejected: its key is also certified for another UID.
    KeyTwoUids {
        /// One of the others.
        other: usize,
    },
    /// Ignored: another certificate of the same chip and key is used, such as the re-signed (r, n - s).
    Twin {
        /// The one that is used.
        of: usize,
    },
    /// Rejected: its UID also appears under another source issuer.
    UidTwoIssuers {
        /// One of the others.
        other: usize,
    },
    /// Rejected: its UID is also certified with another key.
    UidTwoKeys {
        /// One of the others.
        other: usize,
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

    /// Returns whether the leaf is ignored or rejected. Duplicates and twins are not errors.
    pub const fn disposition(self) -> Disposition {
        match self {
            Self::Duplicate { .. } | Self::Twin { .. } => Disposition::Ignored,
            Self::KeyTwoUids { .. } | Self::UidTwoIssuers { .. } | Self::UidTwoKeys { .. } => Disposition::Rejected,
        }
    }

    /// The position of the leaf it collides with.
    pub const fn other(self) -> usize {
        match self {
            Self::Duplicate { of } | Self::Twin { of } => of,
            Self::KeyTwoUids { other } | Self::UidTwoIssuers { other } | Self::UidTwoKeys { other } => other,
        }
    }
}

impl Conflict {
    /// The finding, once the caller has looked up the row and both items.
    pub fn finding(&self, row: &Row, item: ItemName, other: &ItemName) -> Finding {
        let uid = row.uid;
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
        finding.of(Some(uid), Some(row.fingerprint))
    }
}

/// The rejection of a verified leaf whose key turned out, once all intermediates of the input were known, to be one of
/// theirs: it must not depend on who was read first.
pub fn key_of_a_ca(item: ItemName, row: &Row) -> Finding {
    let reason = "public key is that of an intermediate CA of this input";
    Finding::rejected(item, codes::KEY_OF_A_CA, reason).of(Some(row.uid), Some(row.fingerprint))
}

/// Sorts the rows by UID and says which of them get no certificate, and why: positions in the sorted rows, ascending. Of
/// each UID at most one row is left unnamed.
///
/// One UID with two keys, one key under two UIDs, one UID in two namespaces: all parties are named. Of several
/// certificates of one chip and key, the one with the lowest SHA-256 stays. `mark` gives the place of a leaf in the
/// order of the input, where no two have the same; only exact duplicates need it.
///
/// # Errors
/// Those of `mark`.
pub fn conflicts<T: Contender, E>(
    rows: &mut [T],
    namespace: impl Fn(&T) -> u64,
    mark: impl FnMut(&T) -> Result<u64, E>,
) -> Result<Vec<Conflict>, E> {
    rows.sort_unstable_by(|a, b| {
        let (of_a, of_b) = (a.row(), b.row());
        let keys = of_a.uid.cmp(&of_b.uid).then_with(|| of_a.spki.cmp(&of_b.spki));
        keys.then_with(|| of_a.fingerprint.cmp(&of_b.fingerprint))
    });
    sort_duplicates(rows, mark)?;
    let shared_keys = shared_keys(rows);
    let mut found = Vec::new();
    let mut start = 0;
    for rows in rows.chunk_by(|a, b| a.row().uid == b.row().uid) {
        let group = Group::of(start, rows, &namespace);
        let verdicts = (0..rows.len()).filter_map(|at| Some((at, group.verdict(at, &namespace, &shared_keys)?)));
        found.extend(verdicts.map(|(at, verdict)| Conflict { at: start + at, verdict }));
        start += rows.len();
    }
    Ok(found)
}

/// Puts exact duplicates, which are side by side, into the order of their marks.
fn sort_duplicates<T: Contender, E>(rows: &mut [T], mut mark: impl FnMut(&T) -> Result<u64, E>) -> Result<(), E> {
    let mut failed = Ok(());
    for same in rows.chunk_by_mut(|a, b| a.row() == b.row()).filter(|same| same.len() > 1) {
        same.sort_by_cached_key(|row| match &failed {
            Ok(()) => mark(row).unwrap_or_else(|error| {
                failed = Err(error);
                0
            }),
            Err(_) => 0,
        });
    }
    failed
}

/// The rows that share a UID, sorted by key, fingerprint and mark.
struct Group<'a, T> {
    /// Position of the first.
    start: usize,
    rows: &'a [T],
    /// The first with another namespace than the first of all.
    other_namespace: Option<usize>,
    /// The first with another key than the first of all.
    other_key: Option<usize>,
}

impl<'a, T: Contender> Group<'a, T> {
    fn of(start: usize, rows: &'a [T], namespace: &impl Fn(&T) -> u64) -> Self {
        let differs = |differs: &dyn Fn(&T, &T) -> bool| rows[1..].iter().position(|row| differs(&rows[0], row));
        let other_namespace = differs(&|one, other| namespace(one) != namespace(other)).map(|at| at + 1);
        let other_key = differs(&|one, other| one.row().spki != other.row().spki).map(|at| at + 1);
        Self { start, rows, other_namespace, other_key }
    }

    /// The first of the group that differs from this one, if there is any: any party will do, as long as the input's
    /// order does not choose it.
    fn party<V: PartialEq>(&self, at: usize, other: Option<usize>, value: impl Fn(&T) -> V) -> Option<usize> {
        let other = other?;
        let differs = value(&self.rows[at]) != value(&self.rows[0]);
        Some(self.start + if differs { 0 } else { other })
    }

    fn verdict(
        &self,
        at: usize,
        namespace: &impl Fn(&T) -> u64,
        shared_keys: &BTreeMap<Sha256Digest, Shared>,
    ) -> Option<Verdict> {
        if let Some(other) = self.party(at, self.other_namespace, namespace) {
            return Some(Verdict::UidTwoIssuers { other });
        }
        if let Some(other) = self.party(at, self.other_key, |row| row.row().spki) {
            return Some(Verdict::UidTwoKeys { other });
        }
        let row = self.rows[at].row();
        if !shared_keys.is_empty()
            && let Some(shared) = shared_keys.get(&row.spki)
        {
            let other = if shared.uid == row.uid { shared.last } else { shared.first };
            return Some(Verdict::KeyTwoUids { other });
        }
        match at {
            0 => None,
            _ if row.fingerprint == self.rows[0].row().fingerprint => Some(Verdict::Duplicate { of: self.start }),
            _ => Some(Verdict::Twin { of: self.start }),
        }
    }
}

/// A key that appears under more than one UID, and two rows that have it.
struct Shared {
    /// The lowest UID that has it.
    uid: Uid,
    first: usize,
    last: usize,
}

/// The keys that appear under more than one UID, among rows that are sorted.
///
/// Keys are first told apart by their digests' beginnings, which is all that has to be sorted; those that seem to occur
/// twice are then compared as a whole.
fn shared_keys<T: Contender>(rows: &[T]) -> BTreeMap<Sha256Digest, Shared> {
    let chips = || rows.chunk_by(|a, b| a.row().uid == b.row().uid && a.row().spki == b.row().spki);
    let mut beginnings: Vec<u64> = Vec::with_capacity(rows.len());
    beginnings.extend(chips().map(|chip| beginning(chip[0].row())));
    beginnings.sort_unstable();
    let mut twice: Vec<u64> = beginnings.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    drop(beginnings);
    twice.dedup();
    let mut shared: BTreeMap<Sha256Digest, Shared> = BTreeMap::new();
    if twice.is_empty() {
        return shared;
    }
    for (at, row) in rows.iter().map(Contender::row).enumerate() {
        if twice.binary_search(&beginning(row)).is_ok() {
            let entry = shared.entry(row.spki).or_insert(Shared { uid: row.uid, first: at, last: at });
            entry.last = at;
        }
    }
    shared.retain(|_, shared| rows[shared.last].row().uid != shared.uid);
    shared
}

fn beginning(row: &Row) -> u64 {
    u64::from_be_bytes(row.spki.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone)]
    struct Leaf {
        row: Row,
        namespace: u64,
        mark: u64,
    }

    impl Contender for Leaf {
        fn row(&self) -> &Row {
            &self.row
        }
    }

    fn row(uid: u8, key: u8, fingerprint: u8, namespace: u64, mark: u64) -> Leaf {
        let row = Row {
            uid: Uid::from_bytes(&[uid]).unwrap(),
            spki: Sha256Digest::new([key; 32]),
            fingerprint: Sha256Digest::new([fingerprint; 32]),
        };
        Leaf { row, namespace, mark }
    }

    /// Marks of the leaves that stay, in their order; marks of the others, with the verdicts and what they collide
    /// with.
    fn outcome(mut rows: Vec<Leaf>) -> (Vec<u64>, Vec<(u64, Verdict)>) {
        let Ok(found) = conflicts(&mut rows, |leaf| leaf.namespace, |leaf| Ok::<_, Infallible>(leaf.mark));
        let mark = |at: usize| rows[at].mark;
        let place = |at: usize| usize::try_from(mark(at)).unwrap();
        let mut told: Vec<(u64, Verdict)> = found
            .iter()
            .map(|conflict| {
                let verdict = match conflict.verdict {
                    Verdict::Duplicate { of } => Verdict::Duplicate { of: place(of) },
                    Verdict::KeyTwoUids { other } => Verdict::KeyTwoUids { other: place(other) },
                    Verdict::Twin { of } => Verdict::Twin { of: place(of) },
                    Verdict::UidTwoIssuers { other } => Verdict::UidTwoIssuers { other: place(other) },
                    Verdict::UidTwoKeys { other } => Verdict::UidTwoKeys { other: place(other) },
                };
                (mark(conflict.at), verdict)
            })
            .collect();
        told.sort_unstable_by_key(|(mark, _)| *mark);
        let stays = |at: &usize| found.iter().all(|conflict| conflict.at != *at);
        ((0..rows.len()).filter(stays).map(mark).collect(), told)
    }

    #[test]
    fn keys_that_only_begin_alike_are_two_keys() {
        let mut rows = vec![row(1, 1, 1, 0, 0), row(2, 1, 2, 0, 1), row(3, 1, 3, 0, 2), row(3, 1, 3, 0, 3)];
        for (at, last) in [(0, 9), (1, 8), (2, 7), (3, 7)] {
            let mut digest = [1; 32];
            digest[31] = last;
            rows[at].row.spki = Sha256Digest::new(digest);
        }
        assert_eq!(outcome(rows), (vec![0, 1, 2], vec![(3, Verdict::Duplicate { of: 2 })]));
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
    fn a_key_of_a_uid_with_two_keys_is_still_a_key_under_two_uids() {
        let rows = vec![row(1, 1, 1, 0, 0), row(1, 2, 2, 0, 1), row(2, 2, 3, 0, 2)];
        let expected = vec![
            (0, Verdict::UidTwoKeys { other: 1 }),
            (1, Verdict::UidTwoKeys { other: 0 }),
            (2, Verdict::KeyTwoUids { other: 1 }),
        ];
        assert_eq!(outcome(rows), (vec![], expected));
    }

    /// Applies the rule in its plainest form, each leaf against every other one. Returns the code of the verdict, and
    /// the marks of those leaves that it may name as the other party. `None`: the leaf is kept.
    ///
    /// A chip under two issuers, a chip with two keys, a key of two chips: every party is rejected, for the first of
    /// these that applies. Of what is left, a chip has one key: the certificate with the lowest SHA-256 is kept, and of
    /// the same certificate several times the first of the input; the others are ignored.
    fn oracle(leaf: &Leaf, all: &[Leaf]) -> Option<(Code, Vec<u64>)> {
        let parties = |is_party: &dyn Fn(&Leaf) -> bool| -> Vec<u64> {
            all.iter().filter(|other| is_party(other)).map(|other| other.mark).collect()
        };
        let same_uid = |other: &Leaf| other.row.uid == leaf.row.uid;
        let same_key = |other: &Leaf| other.row.spki == leaf.row.spki;
        let rejections = [
            (codes::CONFLICT_UID_TWO_ISSUERS, parties(&|other| same_uid(other) && other.namespace != leaf.namespace)),
            (codes::CONFLICT_UID_TWO_KEYS, parties(&|other| same_uid(other) && !same_key(other))),
            (codes::CONFLICT_KEY_TWO_UIDS, parties(&|other| !same_uid(other) && same_key(other))),
        ];
        if let Some(rejection) = rejections.into_iter().find(|(_, parties)| !parties.is_empty()) {
            return Some(rejection);
        }
        let kept =
            all.iter().filter(|other| same_uid(other)).min_by_key(|other| (other.row.fingerprint, other.mark))?;
        let code = if kept.mark == leaf.mark {
            return None;
        } else if kept.row.fingerprint == leaf.row.fingerprint {
            codes::CONFLICT_DUPLICATE
        } else {
            codes::CONFLICT_TWIN
        };
        Some((code, vec![kept.mark]))
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
            let finding = Conflict { at: 4, verdict }.finding(&row(1, 2, 3, 0, 4).row, item("mine"), &item("other"));
            assert_eq!((finding.item, finding.disposition, finding.code), (item("mine"), disposition, code));
            assert!(finding.reason.ends_with(" other"), "{}", finding.reason);
            assert_eq!(finding.uid, Uid::from_bytes(&[1]).ok());
            assert_eq!(finding.source_sha256, Some(Sha256Digest::new([3; 32])));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Few values, so that nearly every set has conflicts of several kinds at once.
        #[test]
        fn exactly_those_are_rejected_ignored_and_kept_that_the_rule_says(
            shape in proptest::collection::vec((0_u8..4, 0_u8..4, 0_u8..3, 0_u64..8), 0..10),
        ) {
            let rows: Vec<Leaf> = shape
                .iter()
                .zip(0..)
                // one leaf in eight is of another namespace
                .map(|((uid, key, fingerprint, n), mark)| row(*uid + 1, *key, *fingerprint, u64::from(*n == 7), mark))
                .collect();
            let (kept, found) = outcome(rows.clone());
            for leaf in &rows {
                let verdict = found.iter().find(|(mark, _)| *mark == leaf.mark).map(|(_, verdict)| verdict);
                match (oracle(leaf, &rows), verdict) {
                    (None, None) => prop_assert!(kept.contains(&leaf.mark)),
                    (Some((code, parties)), Some(verdict)) => {
                        prop_assert_eq!(verdict.code(), code);
                        prop_assert!(parties.contains(&u64::try_from(verdict.other()).unwrap()), "{verdict:?}");
                        prop_assert!(!kept.contains(&leaf.mark));
                    }
                    (expected, found) => prop_assert!(false, "leaf {}: {found:?}, expected {expected:?}", leaf.mark),
                }
            }
        }

        /// The marks stand for the certificates here, so that the outcome can be compared across orders.
        #[test]
        fn the_outcome_does_not_depend_on_the_order(
            shape in proptest::collection::vec((0_u8..4, 0_u8..4, 0_u8..3, 0_u64..2), 0..24),
            seed in any::<u64>(),
        ) {
            let rows: Vec<Leaf> = shape
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
                    let (a, b) = (&rows[usize::try_from(*a).unwrap()], &rows[usize::try_from(*b).unwrap()]);
                    prop_assert!(a.mark == b.mark || (a.row.uid != b.row.uid && a.row.spki != b.row.spki));
                }
            }
        }
    }
}
