//! Microseconds a signature: the engine with tables for one key beside aws-lc, in one run on one core.
//!
//! ```text
//! cargo bench --bench verification
//! ```
//!
//! The two take turns; what is printed is the median of the rounds, and of the ratios round by round. The checks that
//! the engine has made by aws-lc as well (the sample) are part of its time; making the tables is not, and is beside.

use std::time::{Duration, Instant};

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use reroot::crypto::{Claim, IssuerKey, PublicKey, VerificationEngine};
use reroot::x509::{SignatureAlgorithm, Spki};

const ROUNDS: usize = 40;
const PER_ROUND: usize = 1024;
/// As many of the round are given to aws-lc.
const GENERIC: usize = 256;

#[expect(clippy::print_stdout, reason = "a benchmark's output")]
fn main() {
    let secret = SigningKey::from_slice(&[0x5A; 32]).expect("a scalar");
    let messages: Vec<Vec<u8>> = (0..ROUNDS * PER_ROUND).map(|n| format!("{n:0300}").into_bytes()).collect();
    let signatures: Vec<DerSignature> = messages.iter().map(|message| secret.sign(message)).collect();
    let claims: Vec<Claim<'_>> = messages
        .iter()
        .zip(&signatures)
        .map(|(message, signature)| Claim {
            algorithm: SignatureAlgorithm::EcdsaSha256,
            message,
            signature: signature.as_bytes(),
            sha256: None,
        })
        .collect();
    let key = PublicKey::from_spki(&spki(&secret)).expect("a key");

    for (adding, new) in [
        ("the processor's vectors, where it has them", IssuerKey::new as fn(_) -> _),
        ("portable", IssuerKey::portable),
    ] {
        println!("{adding}");
        table(&key, new, &claims);
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's output")]
fn table(key: &PublicKey, new: fn(PublicKey) -> IssuerKey, claims: &[Claim<'_>]) {
    println!("{:>10} {:>12} {:>10} {:>10} {:>8}", "signatures", "tables ms", "fixed us", "aws-lc us", "ratio");
    // the first number of signatures that each window is made for, and chunks as the pipeline has them
    for (count, chunk) in [(8_000, 1024), (8_000, 512), (8_000, 256), (150_000, 1024), (150_000, 512), (150_000, 256)] {
        let issuer = new(key.clone());
        issuer.expect(count);
        let tables = verify(&issuer, VerificationEngine::FixedKey, &claims[..8], chunk);
        // the first signatures are all checked twice
        verify(&issuer, VerificationEngine::FixedKey, &claims[..512], chunk);
        let (mut fixed, mut generic, mut ratios) = (vec![], vec![], vec![]);
        for round in claims.chunks(PER_ROUND) {
            let a = verify(&issuer, VerificationEngine::FixedKey, round, chunk);
            let b = verify(&issuer, VerificationEngine::Generic, &round[..GENERIC], chunk);
            let (a, b) = (micros(a, round.len()), micros(b, GENERIC));
            ratios.push(b / a);
            fixed.push(a);
            generic.push(b);
        }
        println!(
            "{count:>10} {:>12.1} {:>10.2} {:>10.2} {:>7.1}x  chunks of {chunk}",
            tables.as_secs_f64() * 1e3,
            median(&mut fixed),
            median(&mut generic),
            median(&mut ratios),
        );
    }
}

fn verify(key: &IssuerKey, engine: VerificationEngine, claims: &[Claim<'_>], chunk: usize) -> Duration {
    let start = Instant::now();
    for chunk in claims.chunks(chunk) {
        let verdicts = key.verify_batch(engine, chunk).expect("the engines agree");
        assert!(verdicts.iter().all(Result::is_ok));
    }
    start.elapsed()
}

fn micros(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(u32::try_from(count).expect("small"))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The fixed head of a SubjectPublicKeyInfo for a point on P-256 (RFC 5480), and the point.
fn spki(secret: &SigningKey) -> Spki {
    let head = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let point = secret.verifying_key().to_sec1_point(false);
    Spki::from_der(&[&head, point.as_bytes()].concat()).expect("a SubjectPublicKeyInfo")
}
