//! What other machines send: plans, files of signatures, answers of a CA that speaks CMP. No panic.
//!
//! These readers are behind a signature that a stranger cannot make; they are reached through doors that exist in
//! fuzzing builds alone.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 2 {
        0 => reroot::cmp::fuzz(rest),
        _ => reroot::plan::fuzz(rest),
    }
});
