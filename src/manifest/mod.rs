//! The manifest of a batch: lines, Merkle tree, statement, seal.
