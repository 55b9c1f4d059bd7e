//! Signatures with chosen scalars: who has the private key can choose u1 and u2, by r = x(u1 G + u2 Q), s = r / u2 and
//! a digest u1 s. A real digest cannot be chosen; here it is.

use p256::ecdsa::VerifyingKey;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates as _;

use super::*;

/// Windows that tables are made for.
const SIZES: [u32; 5] = [known::WINDOW, 8, 10, 12, 14];

fn limbs(scalar: TheirScalar) -> Limbs {
    number(&scalar.to_repr())
}

fn scalar(limbs: Limbs) -> TheirScalar {
    theirs(limbs)
}

fn power_of_two(exponent: u32) -> TheirScalar {
    (0..exponent).fold(TheirScalar::ONE, |power, _| power.double())
}

fn some(n: u64) -> TheirScalar {
    <TheirScalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(sha256(&n.to_be_bytes())))
}

/// The signature with these scalars; none if the sum is the identity, or r or s would be zero.
fn signed_with(secret: TheirScalar, u1: TheirScalar, u2: TheirScalar) -> Option<Statement> {
    let sum = ProjectivePoint::GENERATOR * (u1 + u2 * secret);
    let r = <TheirScalar as Reduce<FieldBytes>>::reduce(&sum.to_affine().x());
    let s = r * Option::<TheirScalar>::from(u2.invert())?;
    let none = sum == ProjectivePoint::IDENTITY || r == TheirScalar::ZERO || s == TheirScalar::ZERO;
    (!none).then(|| Statement { r: limbs(r), s: limbs(s), digest: limbs(u1 * s) })
}

/// Returns the value of a digit.
fn value(scalar: OddScalar, window: u32, position: u32) -> TheirScalar {
    let Digit { index, negative } = scalar.digit(window, position);
    let value = TheirScalar::from(2 * u64::try_from(index).unwrap() + 1) * power_of_two(window * position);
    if negative { -value } else { value }
}

/// Pairs on whose way the sum is the next point or its opposite, at any position: there is no opinion on these.
fn pairs_that_meet(secret: TheirScalar, window: u32) -> Vec<(TheirScalar, TheirScalar)> {
    let last = digits(window) - 1;
    // In the last addition of the base point's multiples: u1 = 2 d 2^t - n, if d is the last digit of that. It is so
    // for the largest d alone, as the rest, d 2^t - n, has to be less than 2^t.
    let top = window * last;
    let digit = power_of_two(256 - top) - TheirScalar::ONE;
    let u1 = digit.double() * power_of_two(top);
    assert_eq!(value(OddScalar::new(limbs(u1)), window, last), digit * power_of_two(top));
    let mut pairs = vec![(u1, some(7)), (-u1, some(8))];
    // among the key's: u1 makes up for what is before the digit
    for position in 0..=last {
        let u2 = some(100 + u64::from(position));
        let odd = OddScalar::new(limbs(u2));
        let before = (0..position).map(|position| value(odd, window, position)).fold(TheirScalar::ZERO, |a, b| a + b);
        let next = value(odd, window, position);
        pairs.extend([next, -next].map(|wanted| ((wanted - before) * secret, u2)));
    }
    // and at its very end, where the sum is the identity, there is no signature
    let signatures = pairs.iter().filter(|(u1, u2)| signed_with(secret, *u1, *u2).is_some()).count();
    assert_eq!(signatures, pairs.len() - 1);
    pairs
}

/// Numbers whose digits are borders: few bits, runs of ones, runs of zeros, halves, and what is left of the order.
fn edges() -> Vec<TheirScalar> {
    let one = TheirScalar::ONE;
    let mut edges: Vec<TheirScalar> = [1_u64, 2, 3, 4, 5].map(TheirScalar::from).to_vec();
    let bits =
        [2, 7, 8, 9, 12, 13, 14, 63, 64, 65, 127, 128, 192, 224, 240, 247, 248, 249, 250, 251, 252, 253, 254, 255];
    for power in bits.map(power_of_two) {
        edges.extend([power, power - one, power + one, power + power_of_two(1) * power]);
    }
    // every second bit, and every second byte
    edges.extend([[0x5555_5555_5555_5555; 4], [0x00FF_00FF_00FF_00FF; 4], [u64::MAX, 0, u64::MAX, 0]].map(scalar));
    edges.push(scalar(residue::subtract(Order::PRIME, [1, 0, 0, 0]).0) * TheirScalar::from(2_u64).invert().unwrap());
    edges.extend(edges.clone().into_iter().map(|edge| -edge));
    edges
}

/// What the portable form thinks of statements, and vectors too where they are asked for.
fn thought(adding: Adding, key: ProjectivePoint, window: u32, statements: &[Statement]) -> Vec<Opinion> {
    let statements: Vec<_> = statements.iter().copied().map(Some).collect();
    let by = |adding| {
        let key = Multiples::new(key, window, adding).unwrap();
        opinions(generator(window, adding).unwrap(), &key, &statements)
    };
    let portable = by(Adding::Portable);
    if adding == Adding::Best {
        assert_eq!(by(adding), portable, "with and without vectors, {window} bits");
    }
    portable
}

/// The verdict of p256's own verification.
fn holds(key: &VerifyingKey, statement: &Statement) -> bool {
    let signature = Signature::from_scalars(bytes(statement.r), bytes(statement.s)).unwrap();
    key.verify_prehash(&bytes(statement.digest), &signature).is_ok()
}

/// Opinions on signatures with these scalars and on their neighbours, none of which p256 contradicts. Returns how many
/// of the signatures had one with tables of each size.
fn asked(adding: Adding, secret: TheirScalar, windows: &[u32], pairs: &[(TheirScalar, TheirScalar)]) -> Vec<usize> {
    let key = ProjectivePoint::GENERATOR * secret;
    let theirs = VerifyingKey::from_affine(key.to_affine()).unwrap();
    let good: Vec<Statement> = pairs.iter().filter_map(|(u1, u2)| signed_with(secret, *u1, *u2)).collect();
    let changed = good.iter().enumerate().map(|(at, statement)| {
        let mut near = *statement;
        match at % 4 {
            0 => near.digest[0] ^= 1,
            1 => near.r[1] ^= 1 << 40,
            2 => near.s[2] ^= 1 << 63,
            _ => near.s = residue::subtract(Order::PRIME, near.s).0,
        }
        near
    });
    let all: Vec<Statement> = good.iter().copied().chain(changed).collect();
    let valid: Vec<bool> = all.iter().map(|statement| holds(&theirs, statement)).collect();
    assert!(valid[..good.len()].iter().all(|valid| *valid), "they are signatures");
    let opinions = windows.iter().map(|window| {
        let opinions = thought(adding, key, *window, &all);
        for ((statement, valid), opinion) in all.iter().zip(&valid).zip(&opinions) {
            let agree = match opinion {
                Opinion::Good => *valid,
                Opinion::Bad => !valid,
                Opinion::None => true,
            };
            assert!(agree, "{opinion:?} of {statement:x?}, {window} bits");
        }
        opinions[..good.len()].iter().filter(|opinion| **opinion == Opinion::Good).count()
    });
    opinions.collect()
}

in_both_forms! {
    equal_points_meet:
        signatures_on_whose_way_equal_points_meet_get_no_opinion,
        signatures_on_whose_way_equal_points_meet_get_no_opinion_with_vectors;
    borders_of_digits:
        signatures_with_scalars_at_the_borders_of_digits_get_the_verdict_of_p256,
        signatures_with_scalars_at_the_borders_of_digits_get_the_verdict_of_p256_with_vectors;
    keys_beside_the_base_point:
        signatures_under_keys_beside_the_base_point_get_the_verdict_of_p256,
        signatures_under_keys_beside_the_base_point_get_the_verdict_of_p256_with_vectors;
}

fn equal_points_meet(adding: Adding) {
    for (window, secret) in SIZES.into_iter().zip(1_000..) {
        let secret = some(secret);
        let pairs = pairs_that_meet(secret, window);
        assert_eq!(asked(adding, secret, &[window], &pairs), [0], "{window} bits");
    }
}

fn borders_of_digits(adding: Adding) {
    let (edges, secret) = (edges(), some(2_000));
    let with_some = |n: usize, edge: TheirScalar| [(edge, some(n as u64)), (some(n as u64), edge)];
    let mut pairs: Vec<_> = edges.iter().enumerate().flat_map(|(n, edge)| with_some(n, *edge)).collect();
    // the same twice, opposites, and neighbours in the list
    pairs.extend(edges.iter().flat_map(|edge| [(*edge, *edge), (*edge, -*edge)]));
    pairs.extend(edges.windows(2).map(|pair| (pair[0], pair[1])));
    let least = pairs.len() * 97 / 100;
    let opinions = asked(adding, secret, &SIZES, &pairs);
    assert!(opinions.iter().all(|opinions| *opinions > least), "{opinions:?} of {}", pairs.len());
    // without u1 there is nothing to begin with
    let pairs = [(TheirScalar::ZERO, some(1)), (TheirScalar::ZERO, TheirScalar::ONE)];
    assert_eq!(asked(adding, secret, &SIZES, &pairs), [0; SIZES.len()]);
}

/// A key that is a small multiple of the base point, or of its opposite: sums meet the points of the other table.
fn keys_beside_the_base_point(adding: Adding) {
    let edges = edges();
    let power = power_of_two(8);
    for secret in
        [TheirScalar::ONE, TheirScalar::from(2_u64), TheirScalar::from(3_u64), power, power - TheirScalar::ONE]
    {
        for secret in [secret, -secret] {
            let mut pairs: Vec<_> = edges.iter().zip(edges.iter().rev()).map(|(u1, u2)| (*u1, *u2)).collect();
            pairs.extend((0..40).map(|n| (some(n), some(n + 40))));
            pairs.extend((0..20).map(|n| (some(n), some(n))));
            let opinions = asked(adding, secret, &[8], &pairs);
            assert!(opinions[0] > 60, "{opinions:?} of {}", pairs.len());
        }
    }
}
