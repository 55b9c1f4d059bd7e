//! A set of relaxations, small enough to be kept a leaf.

use super::rules::Relaxation;

/// Which relaxations something needs, or a policy names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Relaxations(u8);

impl Relaxations {
    pub(super) fn of(list: &[Relaxation]) -> Self {
        let mut set = Self::default();
        for relaxation in list {
            set.insert(*relaxation);
        }
        set
    }

    pub(super) fn insert(&mut self, relaxation: Relaxation) {
        self.0 |= 1 << relaxation as u8;
    }

    pub(super) fn contains(self, relaxation: Relaxation) -> bool {
        self.0 & (1 << relaxation as u8) != 0
    }

    #[must_use]
    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that `other` lacks.
    #[must_use]
    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// In alphabetical order.
    pub(super) fn to_vec(self) -> Vec<Relaxation> {
        Relaxation::ALL.into_iter().filter(|relaxation| self.contains(*relaxation)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_lists_its_members_in_alphabetical_order() {
        let mut set = Relaxations::of(&[Relaxation::TrailingPadding, Relaxation::CommonNameMismatch]);
        assert_eq!(set.to_vec(), [Relaxation::CommonNameMismatch, Relaxation::TrailingPadding]);
        set.insert(Relaxation::TestAnchor);
        assert_eq!(set.len(), 3);
        assert_eq!(set.without(Relaxations::of(&[Relaxation::TestAnchor])).len(), 2);
        assert_eq!(Relaxations::of(&Relaxation::ALL).to_vec(), Relaxation::ALL);
    }

    #[test]
    fn a_relaxation_is_found_by_its_own_name_only() {
        for relaxation in Relaxation::ALL {
            assert_eq!(Relaxation::from_name(relaxation.as_str()), Some(relaxation));
        }
        assert_eq!(Relaxation::from_name("Expired-Leaf"), None);
    }
}
