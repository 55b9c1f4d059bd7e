//! What a signature states, in numbers, and what the engine thinks of it.

use crate::multiples::{Multiples, sums};
use crate::residue::{self, Field, FieldPrime, Limbs, Modulus as _, Order, Scalar};
use crate::sum::OddScalar;

/// What the engine thinks of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// It verifies.
    Good,
    /// It does not verify.
    Bad,
    /// The engine was not asked, or met a case that its formulas do not cover.
    None,
}

/// The numbers of a signature, in range.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    pub(crate) r: Limbs,
    pub(crate) s: Limbs,
    /// The message's digest, below the order.
    pub(crate) digest: Limbs,
}

impl Statement {
    /// From r and s, big-endian, and the message's SHA-256. Returns `None` if r or s is not between 1 and n - 1.
    pub fn new(r: &[u8], s: &[u8], digest: &[u8; 32]) -> Option<Self> {
        let number = |bytes: &[u8]| {
            let mut full = [0; 32];
            full[32_usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
            let number = residue::from_bytes(&full);
            (number != [0; 4] && residue::is_below(number, Order::PRIME)).then_some(number)
        };
        // the digest has as many bits as the order and is less than twice it
        let digest = residue::from_bytes(digest);
        let (less, borrow) = residue::subtract(digest, Order::PRIME);
        Some(Self { r: number(r)?, s: number(s)?, digest: if borrow == 1 { digest } else { less } })
    }

    /// Whether the sum's x coordinate, reduced by the order, is r: x is r, or x is r + n if that is a coordinate.
    pub(crate) fn holds(&self, x: Field) -> bool {
        if x == Field::new(self.r) {
            return true;
        }
        let (larger, carry) = residue::add(self.r, Order::PRIME);
        carry == 0 && residue::is_below(larger, FieldPrime::PRIME) && x == Field::new(larger)
    }
}

/// FIPS 186-5 §6.4.2 for all statements: u1 = e / s, u2 = r / s, R = u1 G + u2 Q.
pub(crate) fn opinions(generator: &Multiples, key: &Multiples, statements: &[Option<Statement>]) -> Vec<Opinion> {
    let asked: Vec<&Statement> = statements.iter().flatten().collect();
    let mut inverses: Vec<Scalar> = asked.iter().map(|statement| Scalar::new(statement.s)).collect();
    residue::invert_all(&mut inverses);
    let scalars: Vec<(OddScalar, OddScalar)> = asked
        .iter()
        .zip(inverses)
        .map(|(statement, inverse)| {
            // u1 = 0 becomes the odd number n: n G is the identity, on whose way there is no x to compare
            let of = |number| OddScalar::new(inverse.times_number(number));
            (of(statement.digest), of(statement.r))
        })
        .collect();
    let mut sums = sums(generator, key, &scalars).into_iter();
    let judge = |statement: &Statement, sum: Option<Field>| match sum {
        Some(x) if statement.holds(x) => Opinion::Good,
        Some(_) => Opinion::Bad,
        None => Opinion::None,
    };
    statements
        .iter()
        .map(|statement| match statement {
            Some(statement) => judge(statement, sums.next().expect("one sum for each statement")),
            None => Opinion::None,
        })
        .collect()
}
