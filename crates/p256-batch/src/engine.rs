//! The engine for one key: which tables it has, and who else looks at its answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, TryLockError};

use p256::{ProjectivePoint, PublicKey};

use crate::known;
use crate::multiples::{Adding, Multiples, sums};
use crate::opinion::{Opinion, Statement, opinions};
use crate::sum::OddScalar;

/// Why no verdict of the engine may be used: a bug, or a machine that miscalculates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The engine and the caller's verification disagree about one signature.
    Disagreement {
        /// Which claim of the batch.
        at: usize,
        /// Whether the engine accepted it.
        accepted: bool,
    },
    /// The signatures of RFC 6979 §A.2.5 did not get the known verdicts.
    KnownAnswer,
    /// A table does not give the multiples of its point.
    Table {
        /// Bits a digit.
        window: u32,
    },
}

/// Signatures of a key after which tables are made for it: making them costs as much as verifying that many.
pub const MIN_SEEN: u64 = 100;
/// Numbers of signatures, and the window of a digit in bits that pays from that number on.
pub(crate) const WINDOWS: [(u64, u32); 4] = [(MIN_SEEN, 8), (1_500, 10), (8_000, 12), (150_000, 14)];
/// The same with vectors: one addition less saves a third of what it saves without, and tables cost the same.
pub(crate) const LANE_WINDOWS: [(u64, u32); 4] = [(MIN_SEEN, 8), (8_000, 10), (50_000, 12), (400_000, 14)];
/// For fewer signatures at once the inversions do not pay.
const MIN_CHUNK: usize = 8;
/// Signatures that share inversions: more would only fill the cache.
pub(crate) const CHUNK: usize = 1024;
/// The first signatures that the engine accepts under a key: the caller verifies every one of them too.
pub(crate) const FIRST: u64 = 64;
const FIRST_CHUNK: usize = 64;
/// Of the later ones of a chunk, the caller verifies one in so many.
pub(crate) const SAMPLE: usize = 256;

/// The engine for one P-256 key. It is `Sync`.
pub struct FixedKey {
    point: ProjectivePoint,
    adding: Adding,
    /// Signatures under the key until now.
    seen: AtomicU64,
    /// How many were announced: tables are made for this number or the one above, whichever is larger.
    expected: AtomicU64,
    /// Signatures that the engine has accepted.
    pub(crate) accepted: AtomicU64,
    pub(crate) tables: RwLock<Option<Arc<Tables>>>,
    building: Mutex<()>,
}

#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) generator: &'static Multiples,
    pub(crate) key: Multiples,
}

impl FixedKey {
    /// From an uncompressed or compressed point. Returns `None` if that is not a point of P-256.
    pub fn new(point: &[u8]) -> Option<Self> {
        let point = PublicKey::from_sec1_bytes(point).ok()?.to_projective();
        Some(Self {
            point,
            adding: Adding::Best,
            seen: AtomicU64::new(0),
            expected: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            tables: RwLock::new(None),
            building: Mutex::new(()),
        })
    }

    /// Leaves the processor's vector instructions unused. The verdicts are the same.
    #[must_use]
    pub fn portable(self) -> Self {
        Self { adding: Adding::Portable, ..self }
    }

    /// Announces `count` signatures, so that larger tables are made from the start.
    pub fn expect(&self, count: u64) {
        self.expected.fetch_max(count, Ordering::Relaxed);
    }

    /// Returns a verdict for each claim, in order.
    ///
    /// `statement` returns the numbers of a claim's signature, or `None` if the claim is not for this engine: another
    /// algorithm, or not a signature at all. `verify` is the caller's general verification under the same key.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn verify_batch<C, E>(
        &self,
        claims: &[C],
        statement: impl Fn(&C) -> Option<Statement>,
        verify: impl Fn(&C) -> Result<(), E>,
    ) -> Result<Vec<Result<(), E>>, Fault> {
        let count = u64::try_from(claims.len()).expect("claims fit into memory");
        let seen = self.seen.fetch_add(count, Ordering::Relaxed).saturating_add(count);
        let seen = seen.max(self.expected.load(Ordering::Relaxed));
        if claims.len() < MIN_CHUNK || seen < MIN_SEEN {
            return Ok(claims.iter().map(verify).collect());
        }
        let tables = self.tables(seen)?;
        let mut verdicts = Vec::with_capacity(claims.len());
        let mut rest = claims;
        while !rest.is_empty() {
            let first = self.accepted.load(Ordering::Relaxed) < FIRST;
            let (chunk, others) = rest.split_at(rest.len().min(if first { FIRST_CHUNK } else { CHUNK }));
            rest = others;
            let statements: Vec<Option<Statement>> = chunk.iter().map(&statement).collect();
            let opinions = opinions(tables.generator, &tables.key, &statements);
            let sample = self.sample(&statements, &opinions);
            for (at, (claim, opinion)) in chunk.iter().zip(opinions).enumerate() {
                let verdict = match opinion {
                    Opinion::Good if !sample.contains(at) => Ok(()),
                    _ => verify(claim),
                };
                let agree = match opinion {
                    Opinion::Good => verdict.is_ok(),
                    Opinion::Bad => verdict.is_err(),
                    Opinion::None => true,
                };
                if !agree {
                    return Err(Fault::Disagreement { at: verdicts.len(), accepted: verdict.is_err() });
                }
                verdicts.push(verdict);
            }
        }
        Ok(verdicts)
    }

    /// Returns what the engine thinks of each statement, before anything else has looked at it.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn opinions(&self, statements: &[Option<Statement>]) -> Result<Vec<Opinion>, Fault> {
        let tables = self.tables(MIN_SEEN)?;
        Ok(opinions(tables.generator, &tables.key, statements))
    }

    /// Returns the tables that pay for `seen` signatures, or smaller ones while another thread makes those.
    fn tables(&self, seen: u64) -> Result<Arc<Tables>, Fault> {
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
            return Err(Fault::KnownAnswer);
        }
        let tables = Arc::new(Tables::new(self.point, window, self.adding)?);
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&tables));
        drop(guard);
        Ok(tables)
    }

    /// Chooses which of the accepted claims the caller verifies too.
    pub(crate) fn sample(&self, statements: &[Option<Statement>], opinions: &[Opinion]) -> Sample {
        let good = opinions.iter().filter(|opinion| **opinion == Opinion::Good).count();
        let good = u64::try_from(good).expect("a chunk is small");
        if self.accepted.fetch_add(good, Ordering::Relaxed) < FIRST {
            return Sample { every: 1, from: 0 };
        }
        // the choice depends on all messages, so that no place is known to be left out
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

pub(crate) struct Sample {
    every: usize,
    from: usize,
}

impl Sample {
    pub(crate) const fn contains(&self, at: usize) -> bool {
        at % self.every == self.from
    }
}

impl Tables {
    fn new(point: ProjectivePoint, window: u32, adding: Adding) -> Result<Self, Fault> {
        let generator = generator(window, adding).ok_or(Fault::Table { window })?;
        let key = Multiples::new(point, window, adding).ok_or(Fault::Table { window })?;
        let tables = Self { generator, key };
        // p256 computes the same sums in another way
        let agree = known::scalars().all(|(u1, u2)| {
            let sum = sums(tables.generator, &tables.key, &[(OddScalar::new(u1), OddScalar::new(u2))]);
            sum == [known::by_p256(point, u1, u2)]
        });
        if agree { Ok(tables) } else { Err(Fault::Table { window }) }
    }
}

/// Returns the base point's table of a size, which is the same for all keys.
pub(crate) fn generator(window: u32, adding: Adding) -> Option<&'static Multiples> {
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
