//! Runs the portable form under valgrind's memcheck with every secret marked as undefined: memcheck then reports each
//! branch and each address that depends on one. `scripts/taint.sh` runs it, with and without a planted leak.
//!
//! Values that become public ([`Point`]) are marked as defined where they do. Nothing else is. A planted leak is a branch or
//! an address that depends on a nonce, or a point that is not marked: since the program branches on what is public there, this
//! shows that the marks reach that far.
#![allow(unsafe_code, reason = "client requests of valgrind are instructions that do nothing elsewhere")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use p256_sign::testing::observed::observe;
use p256_sign::{Form, Key, Point};

/// How often each point was passed.
static PASSED: [AtomicUsize; 6] = [const { AtomicUsize::new(0) }; 6];
/// The point that is not marked as public.
static HIDDEN: AtomicUsize = AtomicUsize::new(usize::MAX);

fn main() -> ExitCode {
    let plant = std::env::args().nth(1).unwrap_or_else(|| "none".to_owned());
    assert!(valgrind::is_running(), "this says nothing unless valgrind runs it: scripts/taint.sh");
    #[cfg(target_arch = "x86_64")]
    if plant == "never" {
        // SAFETY: no script gives this argument, and a developer who gives it has a processor with AVX-512.
        unsafe {
            let secret = std::mem::transmute::<[u64; 8], std::arch::x86_64::__m512i>(black_box([1; 8]));
            black_box(planted::planted_branch(&secret));
            black_box(planted::planted_address(&secret, &[2; 256]));
            black_box(planted::planted_branch_on_stack(&[3; 8]));
        }
    }
    let hidden = match plant.as_str() {
        "key-in-range" => Some(Point::KeyInRange),
        "nonce-in-range" => Some(Point::NonceInRange),
        "r" => Some(Point::R),
        "randomness-repeats" => Some(Point::RandomnessRepeats),
        "s" => Some(Point::S),
        _ => None,
    };
    HIDDEN.store(hidden.map_or(usize::MAX, |point| point as usize), Ordering::Relaxed);
    observe(|point, place, length| {
        PASSED[point as usize].fetch_add(1, Ordering::Relaxed);
        if point as usize != HIDDEN.load(Ordering::Relaxed) {
            valgrind::mark_defined(place, length);
        }
    });
    let mut secret = [0x5A; 32];
    secret[31] = 0x77;
    valgrind::mark_undefined(&mut secret);
    let key = Key::with_form(&secret, Form::Portable).expect("a key");
    let mut number = 0_u8;
    for low_s in [false, true] {
        let digests: Vec<[u8; 32]> = (0..20).map(|at| [at; 32]).collect();
        let mut randomness = |bytes: &mut [u8]| {
            for byte in bytes.iter_mut() {
                number = number.wrapping_mul(5).wrapping_add(113);
                *byte = number ^ number >> 3;
            }
            valgrind::mark_undefined(bytes);
            Ok(())
        };
        let signatures = key.sign_batch(&digests, &mut randomness, low_s).expect("signatures");
        assert_eq!(signatures.len(), digests.len());
    }
    let nonce = key.nonce(&[3; 32], None);
    match plant.as_str() {
        "none" => {}
        _ if hidden.is_some() => {}
        "branch" => {
            if nonce[31] & 1 == 1 {
                black_box(&PASSED[0]);
            } else {
                black_box(&PASSED[1]);
            }
        }
        "address" => {
            let table = black_box([7_u8; 256]);
            black_box(table[usize::from(nonce[0])]);
        }
        other => panic!("no leak is named {other}"),
    }
    let passed: Vec<usize> = PASSED.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    let of = |point: Point| passed[point as usize];
    // a key of the self test and one of ours; its batch is not in two of these
    assert_eq!((of(Point::KeyInRange), of(Point::PublicKey), of(Point::RandomnessRepeats)), (2, 2, 2), "{passed:?}");
    assert!(of(Point::R) >= 40 && of(Point::S) == of(Point::R) && of(Point::NonceInRange) > of(Point::R), "{passed:?}");
    let errors = valgrind::errors();
    println!("leaks found by valgrind: {errors}");
    ExitCode::from(u8::from(errors > 0))
}

/// Functions with leaks in lanes, for `scripts/branches.py` to find in the machine code. They are never called.
#[cfg(target_arch = "x86_64")]
mod planted {
    use std::arch::x86_64::{
        __m512i, _mm512_loadu_si512, _mm512_reduce_add_epi64, _mm512_set1_epi64, _mm512_test_epi64_mask,
    };
    use std::hint::black_box;

    #[inline(never)]
    #[target_feature(enable = "avx512f")]
    pub(super) fn planted_branch(secret: &__m512i) -> u64 {
        let bits = _mm512_test_epi64_mask(*secret, _mm512_set1_epi64(1));
        if bits & 4 == 0 { black_box(7) } else { black_box(12) * 3 }
    }

    #[inline(never)]
    #[target_feature(enable = "avx512f")]
    pub(super) fn planted_address(secret: &__m512i, table: &[u64; 256]) -> u64 {
        table[usize::try_from(_mm512_reduce_add_epi64(*secret) & 255).unwrap_or(0)]
    }

    #[inline(never)]
    #[target_feature(enable = "avx512f")]
    pub(super) fn planted_branch_on_stack(secret: &[u64; 8]) -> u64 {
        let mut sum = 0;
        let copy = black_box(*secret);
        // SAFETY: 64 bytes are read from an array of that size.
        let vector = unsafe { _mm512_loadu_si512(copy.as_ptr().cast()) };
        for limb in copy {
            if limb > 5 {
                sum += black_box(limb);
            }
        }
        sum + u64::from(_mm512_test_epi64_mask(vector, vector))
    }
}

/// Client requests of valgrind and memcheck (valgrind.h, memcheck.h).
mod valgrind {
    const RUNNING: usize = 0x1001;
    const COUNT_ERRORS: usize = 0x1201;
    const MAKE_UNDEFINED: usize = 0x4D43_0001;
    const MAKE_DEFINED: usize = 0x4D43_0002;

    pub(super) fn is_running() -> bool {
        request(RUNNING, 0, 0) > 0
    }

    pub(super) fn errors() -> usize {
        request(COUNT_ERRORS, 0, 0)
    }

    pub(super) fn mark_undefined(bytes: &mut [u8]) {
        request(MAKE_UNDEFINED, bytes.as_mut_ptr().expose_provenance(), bytes.len());
    }

    pub(super) fn mark_defined(place: *mut u8, length: usize) {
        request(MAKE_DEFINED, place.expose_provenance(), length);
    }

    #[cfg(target_arch = "x86_64")]
    fn request(name: usize, first: usize, second: usize) -> usize {
        let arguments = [name, first, second, 0, 0, 0];
        let mut result: usize = 0;
        // SAFETY: four rotations that together do nothing, and an exchange of a register with itself. Valgrind reads the
        // arguments and changes what it knows of memory, not the memory; the assembler block is taken to change any.
        unsafe {
            std::arch::asm!(
                "rol rdi, 3",
                "rol rdi, 13",
                "rol rdi, 61",
                "rol rdi, 51",
                "xchg rbx, rbx",
                in("rax") arguments.as_ptr(),
                inout("rdx") result,
                options(nostack),
            );
        }
        result
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn request(_: usize, _: usize, _: usize) -> usize {
        0
    }
}
