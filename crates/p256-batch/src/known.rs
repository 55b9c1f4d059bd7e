//! Known answers: the engine must find them before it is asked anything else.

use std::sync::OnceLock;

use p256::elliptic_curve::PrimeField as _;
use p256::{ProjectivePoint, Scalar};

use crate::engine::generator;
use crate::multiples::{Adding, Multiples};
use crate::opinion::{Opinion, Statement, opinions};
use crate::residue::{Field, Limbs};
use crate::table::Affine;

/// Small tables are enough.
pub(crate) const WINDOW: u32 = 4;

/// Whether the signatures of RFC 6979 §A.2.5 verify, and no variant of them does. Computed once.
pub(crate) fn answers_are_found(adding: Adding) -> bool {
    static BEST: OnceLock<bool> = OnceLock::new();
    static PORTABLE: OnceLock<bool> = OnceLock::new();
    let found = match adding {
        Adding::Best => &BEST,
        Adding::Portable => &PORTABLE,
    };
    *found.get_or_init(|| find(adding).unwrap_or(false))
}

fn find(adding: Adding) -> Option<bool> {
    let key = p256::PublicKey::from_sec1_bytes(&KEY).ok()?;
    let key = Multiples::new(key.to_projective(), WINDOW, adding)?;
    let ask = |statements: &[Option<Statement>]| Some(opinions(generator(WINDOW, adding)?, &key, statements));
    let statements = statements()?;
    let mut wrong = Vec::new();
    for statement in &statements {
        for part in 0..3 {
            let mut statement = *statement;
            let number = [&mut statement.r, &mut statement.s, &mut statement.digest].into_iter().nth(part)?;
            number[0] ^= 2;
            wrong.push(Some(statement));
        }
    }
    let good = ask(&statements.map(Some))?.iter().all(|opinion| *opinion == Opinion::Good);
    let bad = ask(&wrong)?.iter().all(|opinion| *opinion == Opinion::Bad);
    Some(good && bad)
}

fn statements() -> Option<[Statement; 2]> {
    let [first, second] = SIGNATURES.map(|(digest, r, s)| Statement::new(&r, &s, &digest));
    Some([first?, second?])
}

/// Pairs of numbers below the order, whose digits are all over the tables: those of the known signatures.
pub(crate) fn scalars() -> impl Iterator<Item = (Limbs, Limbs)> {
    let [first, second] = statements().expect("known signatures are in range");
    [(first.r, first.s), (second.r, second.s), (first.digest, second.digest)].into_iter()
}

/// Returns the x coordinate of u1 G + u2 Q as `p256` computes it.
pub(crate) fn by_p256(point: ProjectivePoint, u1: Limbs, u2: Limbs) -> Option<Field> {
    let scalar = |number: Limbs| {
        let mut bytes = p256::FieldBytes::default();
        for (bytes, limb) in bytes.chunks_exact_mut(8).zip(number.iter().rev()) {
            bytes.copy_from_slice(&limb.to_be_bytes());
        }
        Option::<Scalar>::from(Scalar::from_repr(bytes))
    };
    let sum = ProjectivePoint::GENERATOR * scalar(u1)? + point * scalar(u2)?;
    Affine::of(&sum.to_affine()).map(|sum| sum.x)
}

/// RFC 6979 §A.2.5: the key pair's Ux and Uy, behind the mark of an uncompressed point.
const KEY: [u8; 65] = bytes(concat!(
    "04",
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
));

/// RFC 6979 §A.2.5, with SHA-256: the digests of `sample` and `test`, r, s.
const SIGNATURES: [([u8; 32], [u8; 32], [u8; 32]); 2] = [
    (
        bytes("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf"),
        bytes("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"),
        bytes("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"),
    ),
    (
        bytes("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        bytes("f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"),
        bytes("019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"),
    ),
];

const fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    const fn digit(of: u8) -> u8 {
        match of {
            b'0'..=b'9' => of - b'0',
            b'a'..=b'f' => of - b'a' + 10,
            _ => panic!("not a hexadecimal digit"),
        }
    }
    let hex = hex.as_bytes();
    assert!(hex.len() == 2 * N, "two digits a byte");
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        bytes[at] = digit(hex[2 * at]) << 4 | digit(hex[2 * at + 1]);
        at += 1;
    }
    bytes
}
