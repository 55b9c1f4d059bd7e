//! Thousands of mutations of honest batches, proofs and line packs, put before the program and before `verifier`.
//!
//! A thief without keys makes them, and insiders who hold the manifest key, the issuing key or both. None is accepted
//! wrongly, none divides the two, and no honest batch is refused. `tests/hostile/mutations/main.py` makes and judges them; it
//! has its own encoders, so that nothing that this program writes is taken for right.
//!
//! `REROOT_LONG=1` tries each mutation; without it one in ten of each group, from a place that `REROOT_SEED` chooses,
//! and every honest batch.

use crate::support::campaign::{long, seed};
use crate::support::run::{Run, project};

#[test]
#[expect(clippy::print_stderr, reason = "the numbers by group are the result")]
fn no_mutation_is_accepted_wrongly_or_divides_the_verifiers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = Run::venv("python").arg("-B").arg(project("tests/hostile/mutations/main.py"));
    let run = run.arg("--program").arg(env!("CARGO_BIN_EXE_reroot")).arg("--folder").arg(folder.path().join("houses"));
    let run = run.args(["--seed", &seed().to_string()]).args(long().then_some("--long"));
    let finished = run.run();
    eprintln!("{}", finished.out());
    finished.success();
}
