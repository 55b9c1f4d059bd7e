//! How much of a long matrix a run takes: with `REROOT_LONG=1` every case, otherwise a sample. Which one follows from
//! `REROOT_SEED`, a number; `scripts/test.sh` takes it from the commit, so that another day tries other cases. The seed
//! is printed: the same seed takes the same cases again.

use std::sync::OnceLock;

/// Whether to run every case.
pub fn long() -> bool {
    std::env::var_os("REROOT_LONG").is_some_and(|value| value != "0")
}

/// What chooses the sample.
///
/// # Panics
/// `REROOT_SEED` is not a number.
#[expect(clippy::print_stderr, reason = "a failure must be repeatable")]
pub fn seed() -> usize {
    static SEED: OnceLock<usize> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = std::env::var("REROOT_SEED").ok().filter(|seed| !seed.is_empty());
        let seed = seed.map_or(7, |seed| seed.parse().expect("REROOT_SEED is a number"));
        eprintln!("REROOT_SEED={seed}");
        seed
    })
}

/// Of a list, every case, or each `step`th from a place that the seed chooses.
pub fn sample<T>(cases: impl IntoIterator<Item = T>, step: usize) -> impl Iterator<Item = T> {
    let step = if long() { 1 } else { step.max(1) };
    cases.into_iter().skip(if step == 1 { 0 } else { seed() % step }).step_by(step)
}

/// Whether the case of a number is in a sample of one in `step`.
pub fn takes(number: usize, step: usize) -> bool {
    long() || number % step == seed() % step
}
