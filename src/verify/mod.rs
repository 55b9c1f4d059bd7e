//! The registration authority's half: is this a leaf that ST signed, and which chip is it of?

mod leaf;
mod rules;

pub use leaf::{ChainProof, VerifiedLeaf};
pub use rules::{Family, Relaxation, SourceRules};
