//! The Merkle tree over the manifest's lines (RFC 9162 §2.1 with SHA-256).
//!
//! A leaf is the exact bytes of a line without its newline. Building needs one digest per level of the tree.

use crate::crypto::Sha256;
use crate::x509::Sha256Digest;

/// Builds a root while leaves go by, in memory of the logarithm of their number.
#[derive(Clone)]
pub struct TreeBuilder {
    size: u64,
    /// Roots of the perfect subtrees so far, largest first: one for each bit of `size`.
    peaks: Vec<Sha256Digest>,
}

impl TreeBuilder {
    /// A tree without leaves.
    #[expect(clippy::new_without_default, reason = "a root of nothing is never a default")]
    pub fn new() -> Self {
        Self { size: 0, peaks: Vec::with_capacity(64) }
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: &[u8]) {
        self.push_hash(leaf_hash(leaf));
    }

    /// Appends a leaf of which [`leaf_hash`] was computed elsewhere.
    pub fn push_hash(&mut self, leaf: Sha256Digest) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("there is a peak for each bit of size");
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree as it is now; that of no leaves is the digest of nothing.
    pub fn root(&self) -> Sha256Digest {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Sha256::new().finish(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// The hash of a leaf: 0x00 and its bytes.
pub fn leaf_hash(leaf: &[u8]) -> Sha256Digest {
    let mut digest = Sha256::new();
    digest.update(&[0]);
    digest.update(leaf);
    digest.finish()
}

fn node_hash(left: &Sha256Digest, right: &Sha256Digest) -> Sha256Digest {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left.as_bytes());
    bytes[33..].copy_from_slice(right.as_bytes());
    crate::crypto::sha256(&bytes)
}

/// The root over leaf hashes that are all in memory.
pub fn root_from_leaf_hashes(leaves: &[Sha256Digest]) -> Sha256Digest {
    let mut tree = TreeBuilder::new();
    for leaf in leaves {
        tree.push_hash(*leaf);
    }
    tree.root()
}

/// The inclusion path of the leaf at `index` (RFC 9162 §2.1.3.1), nearest sibling first.
///
/// # Panics
/// `index` is not one of `leaves`.
pub fn inclusion_path(leaves: &[Sha256Digest], index: usize) -> Vec<Sha256Digest> {
    assert!(index < leaves.len(), "leaf {index} of a tree of {}", leaves.len());
    let mut path = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    while leaves.len() > 1 {
        // "k be the largest power of two less than n"
        let split = 1 << (leaves.len() - 1).ilog2();
        let (left, right) = leaves.split_at(split);
        if index < split {
            path.push(root_from_leaf_hashes(right));
            leaves = left;
        } else {
            path.push(root_from_leaf_hashes(left));
            leaves = right;
            index -= split;
        }
    }
    path.reverse();
    path
}

/// A tree of which every node is at hand: paths of many leaves cost a look at one digest a level each.
///
/// Takes 64 bytes of memory a leaf.
pub struct Tree {
    /// Digests of each level, the leaves first. A last node without a sibling is copied to the level above, which gives
    /// the splits of RFC 9162 §2.1.1.
    levels: Vec<Vec<Sha256Digest>>,
}

impl Tree {
    /// The tree over these leaf hashes.
    pub fn new(leaves: Vec<Sha256Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|last| last.len() > 1) {
            let above = last
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node_hash(left, right),
                    rest => rest[0],
                })
                .collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.levels[0].len() as u64
    }

    /// The root; that of no leaves is the digest of nothing.
    pub fn root(&self) -> Sha256Digest {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_else(|| Sha256::new().finish())
    }

    /// The inclusion path of the leaf at `index`, nearest sibling first.
    ///
    /// # Panics
    /// `index` is not one of the leaves.
    pub fn path(&self, index: u64) -> Vec<Sha256Digest> {
        assert!(index < self.size(), "leaf {index} of a tree of {}", self.size());
        let mut at = usize::try_from(index).expect("leaves are in memory");
        let mut path = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            path.extend(level.get(at ^ 1));
            at >>= 1;
        }
        path
    }
}

/// Proves that the leaf of this hash is the one at `index` of the tree of `size` leaves with this root
/// (RFC 9162 §2.1.3.2).
///
/// # Errors
/// The path does not lead from the leaf to the root.
pub fn verify_inclusion(
    leaf: Sha256Digest,
    index: u64,
    size: u64,
    path: &[Sha256Digest],
    root: Sha256Digest,
) -> Result<(), InclusionError> {
    if index >= size {
        return Err(InclusionError::Index { index, size });
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return Err(InclusionError::Length { found: path.len() });
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(InclusionError::Length { found: path.len() });
    }
    if hash == root { Ok(()) } else { Err(InclusionError::Root { found: hash, expected: root }) }
}

/// Why a path does not prove that a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InclusionError {
    /// Not a leaf of the tree.
    #[error("leaf index is {index}, expected less than the tree's size {size}")]
    Index {
        /// Index found.
        index: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// More or fewer digests than levels.
    #[error("inclusion path of {found} digests does not fit the leaf's place in the tree (RFC 9162 §2.1.3.2)")]
    Length {
        /// Digests found.
        found: usize,
    },
    /// The path leads elsewhere.
    #[error("inclusion path leads to the root {found}, expected {expected}")]
    Root {
        /// Root found.
        found: Sha256Digest,
        /// Root expected.
        expected: Sha256Digest,
    },
}

#[cfg(test)]
mod tests;
