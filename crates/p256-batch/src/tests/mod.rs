mod chosen;

use std::ops::{Add, Mul, Sub};
use std::sync::atomic::Ordering;

use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::hazmat::FieldArithmetic;
use p256::{FieldBytes, ProjectivePoint};
use proptest::prelude::*;
use sha2::Digest as _;

use crate::engine::{CHUNK, FIRST, Fault, FixedKey, LANE_WINDOWS, MIN_SEEN, SAMPLE, WINDOWS, generator};
use crate::known;
use crate::multiples::{Adding, Multiples, sums};
use crate::opinion::{Opinion, Statement, opinions};
use crate::recode::{Digit, digit, digits};
use crate::residue::{self, Field, FieldPrime, Limbs, Modulus as _, Order, Residue};
use crate::sum::OddScalar;
use crate::table::{Affine, Table, point};

type TheirField = <p256::NistP256 as FieldArithmetic>::FieldElement;
type TheirScalar = p256::Scalar;

fn sha256(message: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(message).into()
}

fn bytes(number: Limbs) -> FieldBytes {
    let mut bytes = FieldBytes::default();
    for (bytes, limb) in bytes.chunks_exact_mut(8).zip(number.iter().rev()) {
        bytes.copy_from_slice(&limb.to_be_bytes());
    }
    bytes
}

fn number(bytes: &FieldBytes) -> Limbs {
    residue::from_bytes(&bytes[..].try_into().unwrap())
}

fn theirs<F: PrimeField<Repr = FieldBytes>>(number: Limbs) -> F {
    F::from_repr(bytes(number)).unwrap()
}

/// The number, or the number less the prime: any 256 bits are one or the other.
fn below<M: residue::Modulus>(any: Limbs) -> Limbs {
    if residue::is_below(any, M::PRIME) { any } else { residue::subtract(any, M::PRIME).0 }
}

/// Numbers of all kinds: random ones, and ones with long runs of zeros or ones, around which carries go wrong.
fn any_number() -> impl Strategy<Value = Limbs> {
    let limb = prop_oneof![any::<u64>(), Just(0), Just(1), Just(u64::MAX), Just(0xFFFF_FFFF), Just(0xFFFF_FFFF << 32)];
    prop_oneof![any::<Limbs>(), prop::array::uniform4(limb)]
}

fn edges<M: residue::Modulus>() -> Vec<Limbs> {
    let less = |by| residue::subtract(M::PRIME, [by, 0, 0, 0]).0;
    let mut edges = vec![[0; 4], [1, 0, 0, 0], [2, 0, 0, 0], less(1), less(2), [0, 0, 0, 1 << 63], M::ONE, M::SQUARE];
    edges.push(below::<M>([u64::MAX; 4]));
    edges
}

fn agrees<M, F>(a: Limbs, b: Limbs)
where
    M: residue::Modulus,
    F: PrimeField<Repr = FieldBytes> + Add<Output = F> + Sub<Output = F> + Mul<Output = F>,
{
    let (a, b) = (below::<M>(a), below::<M>(b));
    let (ours_a, ours_b) = (Residue::<M>::new(a), Residue::<M>::new(b));
    let (theirs_a, theirs_b) = (theirs::<F>(a), theirs::<F>(b));
    let same = |ours: Residue<M>, theirs: F, what: &str| {
        assert_eq!(ours.number(), number(&theirs.to_repr()), "{what} {a:x?} {b:x?}");
        // equal values have equal limbs
        assert_eq!(ours, Residue::new(ours.number()), "{what} {a:x?} {b:x?}");
    };
    same(ours_a, theirs_a, "conversion");
    same(ours_a.add(ours_b), theirs_a + theirs_b, "sum");
    same(ours_a.subtract(ours_b), theirs_a - theirs_b, "difference");
    same(ours_a.multiply(ours_b), theirs_a * theirs_b, "product");
    same(ours_a.square(), theirs_a.square(), "square");
    same(ours_a.negate_if(true), F::ZERO - theirs_a, "negative");
    same(ours_a.negate_if(false), theirs_a, "not the negative");
    same(ours_a.invert(), theirs_a.invert().unwrap_or(F::ZERO), "inverse");
    assert_eq!(ours_a.times_number(b), number(&(theirs_a * theirs_b).to_repr()));
    assert_eq!(ours_a.is_zero(), bool::from(theirs_a.is_zero()));
}

#[test]
fn arithmetic_at_the_edges_is_that_of_p256() {
    for a in edges::<FieldPrime>() {
        for b in edges::<FieldPrime>() {
            agrees::<FieldPrime, TheirField>(a, b);
        }
    }
    for a in edges::<Order>() {
        for b in edges::<Order>() {
            agrees::<Order, TheirScalar>(a, b);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arithmetic_is_that_of_p256(a in any_number(), b in any_number()) {
        agrees::<FieldPrime, TheirField>(a, b);
        agrees::<Order, TheirScalar>(a, b);
    }

    #[test]
    fn digits_add_up_to_their_number(any in any_number(), window in 1_u32..=16) {
        let mut odd = below::<Order>(any);
        odd[0] |= 1;
        let mut sum = TheirScalar::ZERO;
        for position in (0..digits(window)).rev() {
            let Digit { index, negative } = digit(&odd, window, position);
            prop_assert!(index < 1 << (window - 1));
            let value = TheirScalar::from(2 * u64::try_from(index).unwrap() + 1);
            (0..window).for_each(|_| sum = sum.double());
            sum = if negative { sum - value } else { sum + value };
        }
        prop_assert_eq!(sum, theirs::<TheirScalar>(odd));
    }
}

#[test]
fn inverses_of_many_are_those_of_each() {
    let numbers: Vec<Field> = (1..40).map(|n| Field::new([n, n, 0, n])).collect();
    let mut inverses = numbers.clone();
    residue::invert_all(&mut inverses);
    for (number, inverse) in numbers.iter().zip(inverses) {
        assert_eq!(number.multiply(inverse), Field::ONE);
        assert_eq!(inverse, number.invert());
    }
    residue::invert_all::<FieldPrime>(&mut []);
}

fn times(point: ProjectivePoint, factor: Limbs) -> ProjectivePoint {
    point * theirs::<TheirScalar>(factor)
}

#[test]
fn a_table_holds_the_odd_multiples_that_p256_computes() {
    let base = times(ProjectivePoint::GENERATOR, [77, 0, 0, 5]);
    for window in [1, 2, 3, 4, 8] {
        let table = Table::new(base, window).unwrap();
        let mut start = base;
        for position in 0..table.positions() {
            let row = table.row(position);
            assert_eq!(row.len(), 1 << (window - 1));
            let step = start + start;
            let mut multiple = start;
            for entry in row {
                assert_eq!(Some(*entry), Affine::of(&multiple.to_affine()), "{window} bits, position {position}");
                multiple += step;
            }
            (0..window).for_each(|_| start = start + start);
        }
        let negative = point(table.row(0), Digit { index: 0, negative: true });
        assert_eq!(Some(negative), Affine::of(&(-base).to_affine()));
    }
    assert!(Table::new(ProjectivePoint::IDENTITY, 4).is_none());
}

/// Each test twice: without vectors and with them. The second is ignored, by name, where the processor has none.
macro_rules! in_both_forms {
    ($($test:ident: $portable:ident, $vectors:ident;)+) => {$(
        #[test]
        fn $portable() {
            $test(Adding::Portable);
        }

        #[test]
        #[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
        fn $vectors() {
            $test(with_vectors());
        }
    )+};
}
use in_both_forms;

/// The form with vectors. Without the instructions it would be the portable form once more.
fn with_vectors() -> Adding {
    assert!(Adding::Best.uses_vectors(), "this processor has no AVX-512 IFMA, which the one that built the test had");
    Adding::Best
}

/// x of u1 G + u2 Q by the engine, for all pairs at once.
fn by_engine(adding: Adding, key: ProjectivePoint, pairs: &[(Limbs, Limbs)]) -> Vec<Option<Field>> {
    let scalars: Vec<_> = pairs.iter().map(|(u1, u2)| (OddScalar::new(*u1), OddScalar::new(*u2))).collect();
    let by = |adding| {
        let key = Multiples::new(key, known::WINDOW, adding).unwrap();
        sums(generator(known::WINDOW, adding).unwrap(), &key, &scalars)
    };
    let portable = by(Adding::Portable);
    if adding == Adding::Best {
        assert_eq!(by(adding), portable, "with and without vectors");
    }
    portable
}

in_both_forms! {
    sums_are_right: sums_are_those_of_p256_or_not_defined, sums_with_vectors_are_those_of_p256_or_not_defined;
    uncovered_sums_are_undefined:
        what_the_formulas_do_not_cover_gets_no_opinion, what_the_formulas_do_not_cover_gets_no_opinion_with_vectors;
    known_answers: the_known_answers_are_found, the_known_answers_are_found_with_vectors;
}

fn sums_are_right(adding: Adding) {
    let less = |by| residue::subtract(Order::PRIME, [by, 0, 0, 0]).0;
    let edges = [[0; 4], [1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0], less(1), less(2), less(3)];
    let mut pairs: Vec<(Limbs, Limbs)> = edges.iter().flat_map(|u1| edges.map(|u2| (*u1, u2))).collect();
    let random = |n: u64| below::<Order>(residue::from_bytes(&sha256(&n.to_be_bytes())));
    // the same pair twice: equal points side by side in a batch
    pairs.extend((0..40).flat_map(|n| [(random(2 * n), random(2 * n + 1)); 2]));
    pairs.extend((0..10).map(|n| (random(n), random(n))));
    pairs.extend((0..10).map(|n| (random(n), residue::subtract(Order::PRIME, random(n)).0)));
    let generator = ProjectivePoint::GENERATOR;
    let mut undefined = 0;
    for key in [generator, -generator, generator + generator, times(generator, random(1_000))] {
        for ((u1, u2), sum) in pairs.iter().zip(by_engine(adding, key, &pairs)) {
            match sum {
                Some(x) => assert_eq!(Some(x), known::by_p256(key, *u1, *u2), "{u1:x?} {u2:x?}"),
                None => undefined += 1,
            }
        }
    }
    assert!((20..200).contains(&undefined), "{undefined} sums without a value");
}

fn uncovered_sums_are_undefined(adding: Adding) {
    let generator = ProjectivePoint::GENERATOR;
    let some = below::<Order>([5, 6, 7, 8]);
    let negative = residue::subtract(Order::PRIME, some).0;
    // u1 = 0; the sum is the identity (Q = G, and Q = -G)
    assert_eq!(by_engine(adding, generator, &[([0; 4], some), (some, negative)]), [None, None]);
    assert_eq!(by_engine(adding, -generator, &[(some, some)]), [None]);
    // one undefined sum does not spoil its neighbours
    let sums = by_engine(adding, generator, &[(some, [2, 0, 0, 0]), (some, negative), ([4, 0, 0, 0], some)]);
    assert_eq!([sums[0].is_some(), sums[1].is_some(), sums[2].is_some()], [true, false, true]);
}

#[test]
fn r_is_x_or_x_less_the_order() {
    let x = |number: Limbs| Field::new(number);
    let statement = |r: Limbs| Statement { r, s: [1, 0, 0, 0], digest: [0; 4] };
    let (above, _) = residue::add(Order::PRIME, [5, 0, 0, 0]);
    assert!(residue::is_below(above, FieldPrime::PRIME));
    assert!(statement([5, 0, 0, 0]).holds(x([5, 0, 0, 0])));
    assert!(statement([5, 0, 0, 0]).holds(x(above)));
    assert!(!statement([6, 0, 0, 0]).holds(x(above)));
    assert!(!statement([5, 0, 0, 0]).holds(x(residue::subtract(FieldPrime::PRIME, [5, 0, 0, 0]).0)));
    // r + n is not a coordinate: p = r + n would be 0
    let (r, _) = residue::subtract(FieldPrime::PRIME, Order::PRIME);
    assert!(!statement(r).holds(Field::ZERO));
    assert!(
        statement(residue::subtract(r, [1, 0, 0, 0]).0).holds(x(residue::subtract(FieldPrime::PRIME, [1, 0, 0, 0]).0))
    );
    // r + n has more than 256 bits
    let last = residue::subtract(Order::PRIME, [1, 0, 0, 0]).0;
    assert!(statement(last).holds(x(last)) && !statement(last).holds(x(residue::add(last, Order::PRIME).0)));
}

fn known_answers(adding: Adding) {
    assert!(known::answers_are_found(adding));
}

fn secret(of: u8) -> SigningKey {
    SigningKey::from_slice(&[of; 32]).unwrap()
}

fn engine(secret: &SigningKey) -> FixedKey {
    FixedKey::new(secret.verifying_key().to_sec1_point(false).as_bytes()).unwrap()
}

/// A message's digest and its signature.
type Signed = ([u8; 32], Signature);

fn signed(secret: &SigningKey, count: u32) -> Vec<Signed> {
    let sign = |n: u32| {
        let digest = sha256(&n.to_be_bytes());
        (digest, secret.sign_prehash(&digest).unwrap())
    };
    (0..count).map(sign).collect()
}

fn statement((digest, signature): &Signed) -> Option<Statement> {
    let (r, s) = signature.split_bytes();
    Statement::new(&r, &s, digest)
}

/// Asks an engine, with the verification of `p256` under a key beside it.
fn verdicts(engine: &FixedKey, key: &SigningKey, signed: &[Signed]) -> Result<usize, Fault> {
    let verify = |(digest, signature): &Signed| key.verifying_key().verify_prehash(digest, signature);
    Ok(engine.verify_batch(signed, statement, verify)?.iter().filter(|verdict| verdict.is_ok()).count())
}

#[test]
fn a_few_signatures_make_no_table() {
    let secret = secret(0x33);
    let all = signed(&secret, 99);
    let engine = engine(&secret).portable();
    let window = || engine.tables.read().unwrap().as_ref().map(|tables| tables.key.window());
    assert_eq!(verdicts(&engine, &secret, &all), Ok(99));
    assert_eq!(window(), None);
    // the hundredth comes with others, or it would not be worth the inversions
    assert_eq!(verdicts(&engine, &secret, &all[..1]), Ok(1));
    assert_eq!(window(), None);
    assert_eq!(verdicts(&engine, &secret, &all), Ok(99));
    assert_eq!(window(), Some(8));
    engine.expect(2_000);
    assert_eq!(verdicts(&engine, &secret, &all), Ok(99));
    assert_eq!(window(), Some(10));
}

#[test]
fn announced_signatures_are_not_counted_twice() {
    let secret = secret(0x37);
    let all = signed(&secret, 100);
    let engine = engine(&secret).portable();
    engine.expect(1_499);
    let window = || engine.tables.read().unwrap().as_ref().map(|tables| tables.key.window());
    for _ in 0..14 {
        assert_eq!(verdicts(&engine, &secret, &all), Ok(100));
        assert_eq!(window(), Some(8));
    }
    // more came than was said
    assert_eq!(verdicts(&engine, &secret, &all), Ok(100));
    assert_eq!(window(), Some(10));
}

#[test]
fn a_difference_from_the_callers_verification_is_a_fault() {
    let (ours, others) = (secret(0x34), secret(0x35));
    // tables of another key: the same as an engine that miscalculates
    let engine = engine(&others);
    let good = signed(&ours, 150);
    assert_eq!(verdicts(&engine, &ours, &good), Err(Fault::Disagreement { at: 0, accepted: false }));
    let foreign = signed(&others, 600);
    assert_eq!(verdicts(&engine, &ours, &foreign), Err(Fault::Disagreement { at: 0, accepted: true }));
    // also long after the first chunk, by the sample
    engine.accepted.store(1_000_000, Ordering::Relaxed);
    let found = verdicts(&engine, &ours, &foreign[..300]);
    assert!(matches!(found, Err(Fault::Disagreement { at: 0..300, accepted: true })), "{found:?}");
    assert_eq!(verdicts(&engine, &others, &foreign), Ok(600));
}

#[test]
fn every_chunk_has_a_sample() {
    let key = engine(&secret(0x36));
    let statement = |n: u64| Some(Statement { r: [n; 4], s: [n; 4], digest: [n.wrapping_mul(0x9E37_79B9), 0, 0, 0] });
    for size in [1, 7, 8, 255, 256, 257, CHUNK] {
        let statements: Vec<_> = (0..u64::try_from(size).unwrap()).map(statement).collect();
        key.accepted.store(0, Ordering::Relaxed);
        let first = key.sample(&statements, &vec![Opinion::Good; size]);
        assert!((0..size).all(|at| first.contains(at)), "the first are all looked at");
        key.accepted.store(FIRST, Ordering::Relaxed);
        let later = key.sample(&statements, &vec![Opinion::Good; size]);
        let looked_at = (0..size).filter(|at| later.contains(*at)).count();
        assert!((1..=size.div_ceil(SAMPLE)).contains(&looked_at), "{looked_at} of {size}");
    }
}

#[test]
fn larger_tables_come_with_more_signatures() {
    for windows in [WINDOWS, LANE_WINDOWS] {
        let sorted = windows.is_sorted_by(|(count, window), (more, larger)| count < more && window < larger);
        assert!(sorted && windows[0].0 == MIN_SEEN);
    }
    for ((_, window), (_, same)) in WINDOWS.into_iter().zip(LANE_WINDOWS) {
        assert_eq!(window, same, "the generator has a place for each");
        assert!((2..=16).contains(&window), "an index fits, and the generator has a place for it");
    }
}
