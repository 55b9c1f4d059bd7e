//! Does the time of a batch, or of a part of it, depend on secrets? A statistical test (dudect: Reparaz, Balasch and
//! Verbauwhede, 2017): times for fixed secrets against times for secrets of chance, in random order, compared by Welch's t
//! for all times and for those below some percentiles. A planted leak has to be found.
//!
//! `cargo run --release --example timing [seconds for each part [text]]`; with `REROOT_LONG=1` a minute, else two seconds; with
//! a text only the parts whose form and name contain it, for a second look at one. It ends with 1 if |t| is above 10 for a
//! part (below 4.5 there is no sign of a leak; above that, run the part again, longer and on a quiet machine: a leak stays,
//! grows with the number of measurements, and keeps its sign) or if the planted leak is not found.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use p256_sign::testing::{forms, limbs};
use p256_sign::{Form, Key};

/// The lanes work on so many at a time.
const BATCH: usize = 32;

/// Signatures of one measurement: as few as the form has a use for, so that noise is small beside them.
fn batch(key: &Key) -> usize {
    match key.form() {
        Form::Lanes => BATCH,
        Form::Portable => 2,
    }
}

const LEAK: f64 = 10.0;
const ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7,
    0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];

/// What a measurement works on. The memory is the same for both classes.
struct Inputs {
    secret: [u8; 32],
    digests: [[u8; 32]; BATCH],
    extras: [[u8; 16]; BATCH],
    nonces: [[u64; 4]; BATCH],
    blinds: [[u64; 4]; 2],
}

impl Inputs {
    fn random(chance: &mut Chance) -> Self {
        Self {
            secret: chance.scalar(),
            digests: std::array::from_fn(|_| chance.bytes()),
            extras: std::array::from_fn(|_| chance.bytes()),
            nonces: std::array::from_fn(|_| limbs(&chance.scalar())),
            blinds: std::array::from_fn(|_| limbs(&chance.scalar())),
        }
    }

    /// `other` if `takes_other`, else `self`; reads both whole and has no branch, so that what was done before the clock
    /// starts is the same for both classes. A branch here moved the means by a nanosecond.
    fn or(&self, other: &Self, takes_other: bool) -> Self {
        let mask = black_box(u64::from(takes_other).wrapping_neg());
        let word = |one: u64, other: u64| one ^ (mask & (one ^ other));
        let bytes = |one: &[u8], other: &[u8], at: usize| one[at] ^ (mask.to_le_bytes()[0] & (one[at] ^ other[at]));
        let limbs = |one: &[u64; 4], other: &[u64; 4]| std::array::from_fn(|at| word(one[at], other[at]));
        Self {
            secret: std::array::from_fn(|at| bytes(&self.secret, &other.secret, at)),
            digests: std::array::from_fn(|of| {
                std::array::from_fn(|at| bytes(&self.digests[of], &other.digests[of], at))
            }),
            extras: std::array::from_fn(|of| std::array::from_fn(|at| bytes(&self.extras[of], &other.extras[of], at))),
            nonces: std::array::from_fn(|of| limbs(&self.nonces[of], &other.nonces[of])),
            blinds: std::array::from_fn(|of| limbs(&self.blinds[of], &other.blinds[of])),
        }
    }
}

struct Part {
    name: &'static str,
    /// Makes inputs of chance those of the fixed class.
    fix: fn(&mut Inputs),
    run: fn(&Key, &Inputs),
}

fn nonces(key: &Key, inputs: &Inputs) {
    for (digest, extra) in inputs.digests.iter().zip(&inputs.extras).take(batch(key)) {
        black_box(key.nonce(digest, Some(extra)));
    }
}

fn points(key: &Key, inputs: &Inputs) {
    black_box(key.points(&inputs.nonces[..batch(key)]));
}

/// The points are not those of the nonces, which is the same to the arithmetic.
fn halves(key: &Key, inputs: &Inputs) {
    let batch = batch(key);
    let points: [_; BATCH] = std::array::from_fn(|at| (inputs.nonces[BATCH - 1 - at], inputs.nonces[at]));
    let _ = black_box(key.finish(&inputs.digests[..batch], &inputs.nonces[..batch], &points[..batch], true));
}

fn whole(key: &Key, inputs: &Inputs) {
    let batch = batch(key);
    let _ = black_box(key.sign_unguarded(&inputs.digests[..batch], &inputs.extras[..batch], inputs.blinds, true));
}

/// As the points, but each zero byte of a nonce saves a step, as a table read that is left out for digit zero.
fn planted(key: &Key, inputs: &Inputs) {
    let mut sum = 0_u64;
    for byte in inputs.nonces[..batch(key)].as_flattened().iter().flat_map(|limb| limb.to_le_bytes()) {
        if byte != 0 {
            sum = black_box(sum.wrapping_add(u64::from(byte)));
        }
    }
    black_box(sum);
    points(key, inputs);
}

const ONE: [u64; 4] = [1, 0, 0, 0];

const PARTS: &[Part] = &[
    Part { name: "nonces, key fixed", fix: |inputs| inputs.secret = [1; 32], run: nonces },
    Part { name: "points, nonces 1", fix: |inputs| inputs.nonces = [ONE; BATCH], run: points },
    Part {
        name: "points, nonces n - 1",
        fix: |inputs| {
            let mut number = limbs(&ORDER);
            number[0] -= 1;
            inputs.nonces = [number; BATCH];
        },
        run: points,
    },
    Part {
        name: "points, nonces fixed",
        fix: |inputs| inputs.nonces = [[7, 0x0123_4567_89AB_CDEF, 5 << 40, 1 << 62]; BATCH],
        run: points,
    },
    Part {
        name: "halves, key 1 and nonces 1",
        fix: |inputs| {
            inputs.secret = [0; 32];
            inputs.secret[31] = 1;
            inputs.nonces = [ONE; BATCH];
        },
        run: halves,
    },
    Part { name: "halves, key fixed", fix: |inputs| inputs.secret = [0x77; 32], run: halves },
    // a control: two classes that are one
    Part { name: "halves, nothing fixed", fix: |_| (), run: halves },
    Part { name: "whole, key fixed", fix: |inputs| inputs.secret = [0x5A; 32], run: whole },
    Part { name: "whole, randomness fixed", fix: |inputs| inputs.extras = [[0x11; 16]; BATCH], run: whole },
    Part {
        name: "whole, key, digests and randomness fixed",
        fix: |inputs| {
            inputs.secret = [0x33; 32];
            inputs.digests = [[0; 32]; BATCH];
            inputs.extras = [[0; 16]; BATCH];
            inputs.blinds = [ONE; 2];
        },
        run: whole,
    },
];

const PLANTED: Part = Part { name: "PLANTED LEAK", fix: |inputs| inputs.nonces = [ONE; BATCH], run: planted };

fn main() -> ExitCode {
    let usual = if std::env::var_os("REROOT_LONG").is_some_and(|value| value != "0") { 60 } else { 2 };
    let seconds = std::env::args().nth(1).map_or(usual, |seconds| seconds.parse().expect("seconds"));
    let limit = Duration::from_secs(seconds);
    let wanted = std::env::args().nth(2).unwrap_or_default();
    let mut failed = false;
    if !forms().contains(&Form::Lanes) {
        println!("this processor has no AVX-512 IFMA: NO EVIDENCE for the lanes");
    }
    let mut measured = false;
    for form in forms() {
        for part in PARTS.iter().filter(|part| format!("{form:?}: {}", part.name).contains(&wanted)) {
            let (t, shift, count) = measure(form, part, limit);
            let verdict = if t > LEAK { "FAILED" } else { "OK" };
            failed |= t > LEAK;
            measured = true;
            println!("{verdict:6} {form:?}: {}: |t| {t:.1} of {count} measurements, {shift:+.1} ns", part.name);
        }
        let (t, shift, count) = measure(form, &PLANTED, limit);
        let found = t > LEAK;
        failed |= !found;
        let verdict = if found { "OK" } else { "FAILED" };
        let name = PLANTED.name;
        println!(
            "{verdict:6} {form:?}: {name}: |t| {t:.1} of {count} measurements, {shift:+.1} ns, has to be above {LEAK}"
        );
    }
    if !measured {
        println!("FAILED no part has `{wanted}` in its form and name");
    }
    ExitCode::from(u8::from(failed || !measured))
}

/// The largest |t|, by how many nanoseconds the fixed class takes longer there, and how many measurements there were.
fn measure(form: Form, part: &Part, limit: Duration) -> (f64, f64, usize) {
    let mut chance = Chance(0x7131_1236);
    let mut times: Vec<(bool, f64)> = vec![];
    let start = Instant::now();
    while start.elapsed() < limit || times.len() < 10_000 {
        // the same work for both classes up to the clock
        let random = Inputs::random(&mut chance);
        let is_fixed = chance.next() & 1 == 1;
        let mut fixed = Inputs::random(&mut chance);
        (part.fix)(&mut fixed);
        let inputs = random.or(&fixed, is_fixed);
        let key = Key::untested(&inputs.secret, form).expect("a key");
        // brings the code and the tables into the caches, so that earlier work does not affect the time
        (part.run)(&key, black_box(&inputs));
        let begin = Instant::now();
        (part.run)(&key, black_box(&inputs));
        times.push((is_fixed, begin.elapsed().as_secs_f64()));
    }
    // the first ones warm up
    let times = &times[200..];
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let crop = |part: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let at = (part * (sorted.len() - 1) as f64) as usize;
        welch(times, sorted[at])
    };
    let found = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0].map(crop);
    let (t, shift) = found.into_iter().max_by(|(one, _), (other, _)| one.total_cmp(other)).expect("there are some");
    (t, shift * 1e9, times.len())
}

/// The absolute value of Welch's t of the times up to a limit, and by how many seconds the fixed class takes longer.
fn welch(times: &[(bool, f64)], limit: f64) -> (f64, f64) {
    let class = |fixed: bool| {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for (_, time) in times.iter().filter(|(is_fixed, time)| *is_fixed == fixed && *time <= limit) {
            count += 1.0;
            let difference = time - mean;
            mean += difference / count;
            squares += difference * (time - mean);
        }
        (mean, squares / (count - 1.0_f64).max(1.0), f64::max(count, 1.0))
    };
    let ((mean, variance, count), (other_mean, other_variance, other_count)) = (class(true), class(false));
    let deviation = (variance / count + other_variance / other_count).sqrt();
    let shift = mean - other_mean;
    if deviation == 0.0 { (0.0, shift) } else { ((shift / deviation).abs(), shift) }
}

/// xorshift64*
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn bytes<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_be_bytes()[..part.len()]);
        }
        bytes
    }

    /// Between 1 and n - 1.
    fn scalar(&mut self) -> [u8; 32] {
        loop {
            let bytes: [u8; 32] = self.bytes();
            if bytes < ORDER && bytes != [0; 32] {
                return bytes;
            }
        }
    }
}
