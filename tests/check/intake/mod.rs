//! Intake accepts every genuine ST leaf and nothing else: the public interface of `verify`, from outside.

pub(crate) mod builder;
mod chains;
mod der;
mod families;
mod fields;
mod fuzz_corpus;
mod genuine;
mod laid_aside;
mod limbo;
mod limbo_divergences;
mod paths;
mod relaxations;
mod second_opinion;
pub(crate) mod support;
mod two_engines;
mod wycheproof_vectors;
