//! ECDSA P-256 with SHA-256 under one key that has made many signatures (FIPS 186-5 §6.4.2).
//!
//! All leaves of a reel are signed by one key, and all that this program issues by another. For such a key multiples of
//! its point are computed once, so that u1 G + u2 Q is a sum of points from tables: no doublings, and one inversion for
//! many signatures. It costs about a seventh of what a library takes, which knows nothing of the next signature; where the
//! processor adds eight points at a time (AVX-512 IFMA, found out at run time), a twentieth.
//!
//! What it says is never the last word where that would be dangerous:
//!
//! 1. r and s are in range and in strict DER before it begins. It accepts only if the sum's x coordinate, reduced by the
//!    order, is r. What it does not accept, and each sum on whose way two points had the same x, gets its verdict from
//!    aws-lc.
//! 2. The first signatures under a key, and a sample of the later ones, are checked by aws-lc too. One difference is an
//!    [`EngineError`], which stops the run. So is a table that does not give `p256`'s sums, and a known answer that
//!    is not found.
//! 3. [`VerificationEngine::Generic`] switches it off; tests and a fuzz target compare the two.
//! 4. Up to [`MIN_SEEN`] signatures no table is made.
//!
//! Safe Rust but for the call into the vector instructions (crate `p256-batch`), in variable time: every number here is
//! public.

mod known;
mod lanes;
mod multiples;
mod recode;
mod residue;
mod sum;
mod table;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, TryLockError};

use p256::{ProjectivePoint, PublicKey};

use crate::x509::{Sha256Digest, SignatureAlgorithm};

use super::{EcdsaSignature, EngineError, IssuerKey, SignatureError, sha256};
use multiples::{Adding, Multiples, sums};
use residue::{FieldPrime, Limbs, Modulus as _, Order, Scalar};
use sum::OddScalar;

/// Who checks the signatures of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerificationEngine {
    /// Tables for the key once it has made enough signatures, where there is such an engine for it: ECDSA P-256 with
    /// SHA-256. Everything else as in `Generic`.
    #[default]
    FixedKey,
    /// aws-lc for each signature.
    Generic,
}

/// One signature that is to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// How it is said to have been made.
    pub algorithm: SignatureAlgorithm,
    /// What is said to have been signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
    /// SHA-256 of the message, if somebody has computed it already. aws-lc, which has a look at some, computes it anew.
    pub sha256: Option<Sha256Digest>,
}

/// What became of a claim.
pub type Verdict = Result<(), SignatureError>;

/// Signatures of a key after which tables are made for it: they cost as much as that.
const MIN_SEEN: u64 = 100;
/// Signatures from which on tables of so many bits a digit pay.
const WINDOWS: [(u64, u32); 4] = [(MIN_SEEN, 8), (1_500, 10), (8_000, 12), (150_000, 14)];
/// The same with vectors: a point less to add saves a third of what it saves without, and tables cost the same.
const LANE_WINDOWS: [(u64, u32); 4] = [(MIN_SEEN, 8), (8_000, 10), (50_000, 12), (400_000, 14)];
/// Fewer signatures at once are not worth the inversions.
const MIN_CHUNK: usize = 8;
/// Signatures that share inversions: more would only fill the cache.
const CHUNK: usize = 1024;
/// The first signatures that the engine accepts under a key: every one is checked by aws-lc too.
const FIRST: u64 = 256;
const FIRST_CHUNK: usize = 256;
/// Of the later ones of a chunk, one in so many.
const SAMPLE: usize = 256;

/// The engine for one P-256 key.
pub(super) struct FixedKey {
    point: ProjectivePoint,
    adding: Adding,
    /// Signatures under the key, or how many are to come if somebody knew.
    seen: AtomicU64,
    /// Signatures that the engine has accepted.
    accepted: AtomicU64,
    tables: RwLock<Option<Arc<Tables>>>,
    building: Mutex<()>,
}

#[derive(Debug)]
struct Tables {
    generator: &'static Multiples,
    key: Multiples,
}

impl FixedKey {
    /// Of an uncompressed or compressed point; `None` if it is none of P-256.
    pub(super) fn new(point: &[u8]) -> Option<Self> {
        let point = PublicKey::from_sec1_bytes(point).ok()?.to_projective();
        Some(Self {
            point,
            adding: Adding::Best,
            seen: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            tables: RwLock::new(None),
            building: Mutex::new(()),
        })
    }

    /// Without the processor's vectors.
    pub(super) fn portable(self) -> Self {
        Self { adding: Adding::Portable, ..self }
    }

    /// So many signatures are to come.
    pub(super) fn expect(&self, count: u64) {
        self.seen.fetch_max(count, Ordering::Relaxed);
    }

    /// A verdict for each claim, in order.
    pub(super) fn verify_batch(&self, key: &IssuerKey, claims: &[Claim<'_>]) -> Result<Vec<Verdict>, EngineError> {
        let generic = |claim: &Claim<'_>| key.public_key().verify(claim.algorithm, claim.message, claim.signature);
        let count = u64::try_from(claims.len()).expect("claims fit into memory");
        let seen = self.seen.fetch_add(count, Ordering::Relaxed).saturating_add(count);
        if claims.len() < MIN_CHUNK || seen < MIN_SEEN {
            return Ok(claims.iter().map(generic).collect());
        }
        let tables = self.tables(seen)?;
        let mut verdicts = Vec::with_capacity(claims.len());
        let mut rest = claims;
        while !rest.is_empty() {
            let first = self.accepted.load(Ordering::Relaxed) < FIRST;
            let (chunk, others) = rest.split_at(rest.len().min(if first { FIRST_CHUNK } else { CHUNK }));
            rest = others;
            let statements: Vec<Option<Statement>> = chunk.iter().map(|claim| Statement::of(key, claim)).collect();
            let opinions = opinions(&tables, &statements);
            let sample = self.sample(&statements, &opinions);
            for (at, (claim, opinion)) in chunk.iter().zip(opinions).enumerate() {
                let verdict = match opinion {
                    Opinion::Good if !sample.contains(at) => Ok(()),
                    _ => generic(claim),
                };
                let agree = match opinion {
                    Opinion::Good => verdict.is_ok(),
                    Opinion::Bad => verdict.is_err(),
                    Opinion::None => true,
                };
                if !agree {
                    let message = sha256(claim.message);
                    return Err(EngineError::Disagreement { accepted: verdict.is_err(), message });
                }
                verdicts.push(verdict);
            }
        }
        Ok(verdicts)
    }

    /// What the engine thinks of each claim, for comparison: `None` where it has no opinion.
    ///
    /// # Errors
    /// The tables are wrong.
    pub(super) fn opinions(&self, key: &IssuerKey, claims: &[Claim<'_>]) -> Result<Vec<Option<bool>>, EngineError> {
        let tables = self.tables(MIN_SEEN)?;
        let statements: Vec<Option<Statement>> = claims.iter().map(|claim| Statement::of(key, claim)).collect();
        let opinions = opinions(&tables, &statements).into_iter();
        Ok(opinions
            .map(|opinion| match opinion {
                Opinion::Good => Some(true),
                Opinion::Bad => Some(false),
                Opinion::None => None,
            })
            .collect())
    }

    /// The tables that so many signatures are worth, or smaller ones while somebody else makes those.
    fn tables(&self, seen: u64) -> Result<Arc<Tables>, EngineError> {
        let windows = if self.adding.uses_vectors() { LANE_WINDOWS } else { WINDOWS };
        let window = windows.iter().rev().find(|(from, _)| *from <= seen).map_or(windows[0].1, |(_, window)| *window);
        let current = || self.tables.read().unwrap_or_else(PoisonError::into_inner).clone();
        let first = current();
        if let Some(tables) = &first
            && tables.key.window() >= window
        {
            return Ok(Arc::clone(tables));
        }
        let guard = match (self.building.try_lock(), first) {
            (Ok(guard), _) => guard,
            (Err(TryLockError::WouldBlock), Some(smaller)) => return Ok(smaller),
            (Err(_), _) => self.building.lock().unwrap_or_else(PoisonError::into_inner),
        };
        if let Some(tables) = current()
            && tables.key.window() >= window
        {
            return Ok(tables);
        }
        if !known::answers_are_found(self.adding) {
            return Err(EngineError::KnownAnswer);
        }
        let tables = Arc::new(Tables::new(self.point, window, self.adding)?);
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&tables));
        drop(guard);
        Ok(tables)
    }

    /// Which of the accepted ones aws-lc looks at too.
    fn sample(&self, statements: &[Option<Statement>], opinions: &[Opinion]) -> Sample {
        let good = opinions.iter().filter(|opinion| **opinion == Opinion::Good).count();
        let good = u64::try_from(good).expect("a chunk is small");
        if self.accepted.fetch_add(good, Ordering::Relaxed) < FIRST {
            return Sample { every: 1, from: 0 };
        }
        // which ones depends on all messages, so that nobody has a place that is never looked at
        let mixed = statements.iter().flatten().fold(0, |mixed, statement| mixed ^ statement.digest[0]);
        let every = SAMPLE.min(opinions.len()).max(1);
        let from = usize::try_from(mixed % u64::try_from(every).expect("small")).expect("small");
        Sample { every, from }
    }
}

impl std::fmt::Debug for FixedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("FixedKey").field("seen", &self.seen).field("tables", &tables).finish_non_exhaustive()
    }
}

struct Sample {
    every: usize,
    from: usize,
}

impl Sample {
    const fn contains(&self, at: usize) -> bool {
        at % self.every == self.from
    }
}

impl Tables {
    fn new(point: ProjectivePoint, window: u32, adding: Adding) -> Result<Self, EngineError> {
        let generator = generator(window, adding).ok_or(EngineError::Table { window })?;
        let key = Multiples::new(point, window, adding).ok_or(EngineError::Table { window })?;
        let tables = Self { generator, key };
        // p256 computes the same sums in another way
        let agree = known::scalars().all(|(u1, u2)| {
            let sum = sums(tables.generator, &tables.key, &[(OddScalar::new(u1), OddScalar::new(u2))]);
            sum == [known::by_p256(point, u1, u2)]
        });
        if agree { Ok(tables) } else { Err(EngineError::Table { window }) }
    }
}

/// The base point's table of a size is the same for all keys.
fn generator(window: u32, adding: Adding) -> Option<&'static Multiples> {
    const SIZES: usize = WINDOWS.len() + 1;
    static BEST: [OnceLock<Option<Multiples>>; SIZES] = [const { OnceLock::new() }; SIZES];
    static PORTABLE: [OnceLock<Option<Multiples>>; SIZES] = [const { OnceLock::new() }; SIZES];
    let tables = match adding {
        Adding::Best => &BEST,
        Adding::Portable => &PORTABLE,
    };
    let known = WINDOWS.iter().position(|(_, listed)| *listed == window);
    let place = known.or((window == known::WINDOW).then_some(WINDOWS.len()))?;
    tables[place].get_or_init(|| Multiples::new(ProjectivePoint::GENERATOR, window, adding)).as_ref()
}

/// What the engine thinks of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opinion {
    Good,
    Bad,
    /// It was not asked, or met a case that its formulas do not cover.
    None,
}

/// The numbers of a signature, in range.
#[derive(Clone, Copy, Debug)]
struct Statement {
    r: Limbs,
    s: Limbs,
    /// The message's digest, below the order.
    digest: Limbs,
}

impl Statement {
    /// `None` if this is not the engine's business: another algorithm, or not a signature at all.
    fn of(key: &IssuerKey, claim: &Claim<'_>) -> Option<Self> {
        if claim.algorithm != SignatureAlgorithm::EcdsaSha256 {
            return None;
        }
        debug_assert!(claim.sha256.is_none_or(|digest| digest == sha256(claim.message)), "a digest of something else");
        let signature = EcdsaSignature::parse(key.public_key().algorithm(), claim.signature).ok()?;
        Self::new(signature.r(), signature.s(), claim.sha256.unwrap_or_else(|| sha256(claim.message)))
    }

    fn new(r: &[u8], s: &[u8], digest: Sha256Digest) -> Option<Self> {
        let number = |octets: &[u8]| {
            let mut full = [0; 32];
            full[32_usize.checked_sub(octets.len())?..].copy_from_slice(octets);
            let number = residue::from_octets(&full);
            (number != [0; 4] && residue::is_below(number, Order::PRIME)).then_some(number)
        };
        // the digest has as many bits as the order and is less than twice it
        let digest = residue::from_octets(digest.as_bytes());
        let (less, borrow) = residue::subtract(digest, Order::PRIME);
        Some(Self { r: number(r)?, s: number(s)?, digest: if borrow == 1 { digest } else { less } })
    }

    /// Whether the sum's x coordinate, reduced by the order, is r: x is r, or x is r + n if that is a coordinate.
    fn holds(&self, x: residue::Field) -> bool {
        if x == residue::Field::new(self.r) {
            return true;
        }
        let (larger, carry) = residue::add(self.r, Order::PRIME);
        carry == 0 && residue::is_below(larger, FieldPrime::PRIME) && x == residue::Field::new(larger)
    }
}

/// FIPS 186-5 §6.4.2 for all of them: u1 = e / s, u2 = r / s, R = u1 G + u2 Q.
fn opinions(tables: &Tables, statements: &[Option<Statement>]) -> Vec<Opinion> {
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
    let mut sums = sums(tables.generator, &tables.key, &scalars).into_iter();
    let judge = |statement: &Statement, sum: Option<residue::Field>| match sum {
        Some(x) if statement.holds(x) => Opinion::Good,
        Some(_) => Opinion::Bad,
        None => Opinion::None,
    };
    statements
        .iter()
        .map(|statement| match statement {
            Some(statement) => judge(statement, sums.next().expect("one sum for each that was asked")),
            None => Opinion::None,
        })
        .collect()
}
