//! Processor time of a signature: lanes, portable and aws-lc, in one run; digests are given, nonces are part of it.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use p256_sign::testing::{forms, limbs};
use p256_sign::{Form, Key, NoRandomness};
use rustix::time::{ClockId, clock_gettime};

/// Time that the thread had the processor.
struct ProcessorTime;

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("time passes")
    }

    fn end(&self, start: Duration) -> Duration {
        self.start().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| NoRandomness)
}

fn digests(count: u64) -> Vec<[u8; 32]> {
    let digest = |number: u64| {
        let mut digest = [0x3C; 32];
        digest[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        digest
    };
    (0..count).map(digest).collect()
}

fn signing(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("sign");
    for count in [1, 8, 32, 256, 1024] {
        let digests = digests(count);
        group.throughput(Throughput::Elements(count));
        for form in forms() {
            let name = match form {
                Form::Lanes => "lanes",
                Form::Portable => "portable",
            };
            // a key that remembers as few r as the next one
            let key = Key::with_form(&[0x42; 32], form).expect("a key");
            group.bench_with_input(BenchmarkId::new(name, count), &digests, |bencher, digests| {
                bencher.iter(|| key.sign_batch(digests, &mut random, true).expect("signatures"));
            });
        }
    }
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let messages = digests(256);
    group.throughput(Throughput::Elements(256));
    // it hashes 32 bytes too, which is a hundredth of it
    group.bench_with_input(BenchmarkId::new("aws-lc", 256), &messages, |bencher, messages| {
        let random = SystemRandom::new();
        bencher.iter(|| {
            for message in messages {
                std::hint::black_box(pair.sign(&random, message).expect("a signature"));
            }
        });
    });
    group.finish();
}

fn parts(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("parts of 128 signatures");
    group.throughput(Throughput::Elements(128));
    let digests = digests(128);
    for form in forms() {
        let key = Key::with_form(&[0x42; 32], form).expect("a key");
        let nonces: Vec<[u64; 4]> = digests.iter().map(|digest| limbs(&key.nonce(digest, Some(&[1; 16])))).collect();
        let points = key.points(&nonces);
        group.bench_function(format!("{form:?}: nonces"), |bencher| {
            bencher.iter(|| digests.iter().map(|digest| key.nonce(digest, Some(&[1; 16]))).collect::<Vec<_>>());
        });
        group.bench_function(format!("{form:?}: points"), |bencher| bencher.iter(|| key.points(&nonces)));
        group.bench_function(format!("{form:?}: halves"), |bencher| {
            bencher.iter(|| key.finish(&digests, &nonces, &points, true).expect("signatures"));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime).sample_size(40).measurement_time(Duration::from_secs(3));
    targets = signing, parts
}
criterion_main!(benches);
